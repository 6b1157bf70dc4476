//! What a page says once of what was just done. The words stay here: an address only names which
//! of them, so that nobody can put words on a page, or have it tell what did not happen.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_vault::Note;

/// The most that wait to be shown to one session. Beyond it the oldest are forgotten.
const WAITING: usize = 16;

/// How many sessions have something waiting. Beyond it the oldest have nothing any more.
const SESSIONS: usize = 1024;

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

/// What waits to be shown, to each session its own: a number of one says nothing to another.
#[derive(Debug, Default)]
pub(crate) struct Notices(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    of: HashMap<String, (u64, VecDeque<Waiting>)>,
    order: VecDeque<String>,
}

impl Notices {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address of `path` that says `text` there, once, to that session.
    pub(crate) fn tell(
        &self,
        session: &str,
        path: &str,
        text: &'static str,
        notes: &[Note],
    ) -> String {
        let mut held = self.held();
        if !held.of.contains_key(session) {
            held.order.push_back(session.to_owned());
            if held.order.len() > SESSIONS
                && let Some(oldest) = held.order.pop_front()
            {
                held.of.remove(&oldest);
            }
        }
        let (last, waiting) = held.of.entry(session.to_owned()).or_default();
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

    /// What is to be said at `path` for that number, if it is still to be said to that session.
    pub(crate) fn take(&self, session: &str, path: &str, number: Option<&str>) -> Option<Notice> {
        let number: u64 = number?.parse().ok()?;
        let mut held = self.held();
        let (_, waiting) = held.of.get_mut(session)?;
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
    fn it_is_said_once_and_only_where_and_to_whom_it_happened() {
        let notices = Notices::default();
        let to = notices.tell("a", "/keys", "Done.", &[]);
        assert_eq!(to, "/keys?done=1");
        assert_eq!(notices.take("a", "/hosts", Some("1")), None);
        assert_eq!(notices.take("b", "/keys", Some("1")), None);
        for other in [None, Some(""), Some("2"), Some("x"), Some("-1")] {
            assert_eq!(notices.take("a", "/keys", other), None);
        }
        assert_eq!(notices.take("a", "/keys", Some("1")).unwrap().text, "Done.");
        assert_eq!(notices.take("a", "/keys", Some("1")), None);
        for _ in 0..=WAITING {
            notices.tell("a", "/keys", "More.", &[]);
        }
        assert_eq!(
            notices.take("a", "/keys", Some("2")),
            None,
            "the oldest is forgotten"
        );
        assert!(notices.take("a", "/keys", Some("3")).is_some());
        // How many sessions there are is bounded, and none counts another's.
        for n in 0..SESSIONS {
            let to = notices.tell(&format!("s{n}"), "/keys", "Done.", &[]);
            assert_eq!(to, "/keys?done=1");
        }
        assert_eq!(notices.take("a", "/keys", Some("4")), None);
    }
}
