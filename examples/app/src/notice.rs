//! What a page says once of what was just done. The words stay here: an address only names which
//! of them, so that nobody can put words on a page, or have it tell what did not happen.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use keyward_vault::Note;

/// The most that wait to be shown. Beyond it the oldest are forgotten.
const WAITING: usize = 64;

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) text: &'static str,
    /// Remarks on how the value was read. They hold nothing of it.
    pub(crate) notes: Vec<String>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    path: String,
    notice: Notice,
}

/// What waits to be shown.
#[derive(Debug, Default)]
pub(crate) struct Notices(Mutex<(u64, VecDeque<Waiting>)>);

impl Notices {
    /// The address of `path` that says `text` there, once.
    pub(crate) fn tell(&self, path: &str, text: &'static str, notes: &[Note]) -> String {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, waiting) = &mut *held;
        *last = last.saturating_add(1);
        waiting.push_back(Waiting {
            number: *last,
            path: path.to_owned(),
            notice: Notice {
                text,
                notes: notes.iter().map(ToString::to_string).collect(),
            },
        });
        if waiting.len() > WAITING {
            waiting.pop_front();
        }
        format!("{path}?done={last}")
    }

    /// What is to be said at `path` for that number, if it is still to be said.
    pub(crate) fn take(&self, path: &str, number: Option<&str>) -> Option<Notice> {
        let number: u64 = number?.parse().ok()?;
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = &mut held.1;
        let at = waiting
            .iter()
            .position(|one| one.number == number && one.path == path)?;
        waiting.remove(at).map(|one| one.notice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_and_only_where_it_happened() {
        let notices = Notices::default();
        let to = notices.tell("/keys", "Done.", &[]);
        assert_eq!(to, "/keys?done=1");
        assert_eq!(notices.take("/hosts", Some("1")), None);
        for other in [None, Some(""), Some("2"), Some("x"), Some("-1")] {
            assert_eq!(notices.take("/keys", other), None);
        }
        assert_eq!(notices.take("/keys", Some("1")).unwrap().text, "Done.");
        assert_eq!(notices.take("/keys", Some("1")), None);
        for _ in 0..=WAITING {
            notices.tell("/keys", "More.", &[]);
        }
        assert_eq!(
            notices.take("/keys", Some("2")),
            None,
            "the oldest is forgotten"
        );
        assert!(notices.take("/keys", Some("3")).is_some());
    }
}
