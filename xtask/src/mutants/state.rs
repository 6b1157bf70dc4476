//! What became of each mutant: one line of JSON each, appended as it is known, so that a run that
//! was killed goes on where it was, and the files of several machines are joined by `cat`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::Outcome;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A test failed.
    Caught,
    /// No test noticed.
    Missed,
    /// A test did not end.
    TimedOut,
    /// It does not compile.
    Unviable,
}

/// The words of the state file, which are also the names of cargo-mutants' own lists.
const WORDS: [(&str, Fate); 4] = [
    ("caught", Fate::Caught),
    ("missed", Fate::Missed),
    ("timeout", Fate::TimedOut),
    ("unviable", Fate::Unviable),
];

/// Fates by the print of the code they were met in, and the mutant's name.
#[derive(Debug)]
pub(super) struct State {
    path: PathBuf,
    fates: BTreeMap<(String, String), Fate>,
}

impl State {
    pub(super) fn load(path: &Path) -> Outcome<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(format!("{}: {e}", path.display())),
        };
        let fates = text.lines().filter_map(line).collect();
        let path = path.to_owned();
        Ok(Self { path, fates })
    }

    pub(super) fn fate(&self, print: &str, name: &str) -> Option<Fate> {
        let key = (print.to_owned(), name.to_owned());
        self.fates.get(&key).copied()
    }

    /// Takes over the lists that cargo-mutants wrote into `out`, which holds the print beside
    /// them. It appends to a list as soon as a mutant is done.
    pub(super) fn absorb(&mut self, out: &Path) -> Outcome {
        let Ok(print) = fs::read_to_string(out.join("print")) else {
            return Ok(()); // Killed before it began.
        };
        let mut lines = String::new();
        for (word, fate) in WORDS {
            let list = out.join("mutants.out").join(format!("{word}.txt"));
            let text = fs::read_to_string(list).unwrap_or_default();
            // A line without its end was being written when the run was killed.
            for name in text
                .split_inclusive('\n')
                .filter_map(|l| l.strip_suffix('\n'))
            {
                let entry = json!({ "print": print, "name": name, "fate": word });
                lines.push_str(&format!("{entry}\n"));
                self.fates.insert((print.clone(), name.to_owned()), fate);
            }
        }
        self.append(&lines)
    }

    fn append(&self, lines: &str) -> Outcome {
        let said = |e: std::io::Error| format!("{}: {e}", self.path.display());
        let mut file = fs::OpenOptions::new();
        let mut file = file
            .create(true)
            .append(true)
            .open(&self.path)
            .map_err(said)?;
        // After a half line of a killed run, which is then no JSON and is passed over.
        let whole = fs::read(&self.path)
            .map_err(said)?
            .last()
            .is_none_or(|b| *b == b'\n');
        let lines = if whole {
            lines.to_owned()
        } else {
            format!("\n{lines}")
        };
        file.write_all(lines.as_bytes()).map_err(said)?;
        file.sync_all().map_err(said)
    }
}

fn line(text: &str) -> Option<((String, String), Fate)> {
    let value: Value = serde_json::from_str(text).ok()?;
    let field = |key: &str| value.get(key).and_then(Value::as_str);
    let word = field("fate")?;
    let (_, fate) = WORDS.iter().find(|(known, _)| *known == word)?;
    Some((
        (field("print")?.to_owned(), field("name")?.to_owned()),
        *fate,
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::{Fate, State};

    /// A folder of this test alone.
    pub(in super::super) fn folder(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("keyward-xtask-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn ran(out: &std::path::Path, print: &str, caught: &str, missed: &str) {
        fs::create_dir_all(out.join("mutants.out")).unwrap();
        fs::write(out.join("print"), print).unwrap();
        fs::write(out.join("mutants.out/caught.txt"), caught).unwrap();
        fs::write(out.join("mutants.out/missed.txt"), missed).unwrap();
    }

    #[test]
    fn a_run_that_was_killed_goes_on() {
        let folder = folder("killed");
        let file = folder.join("state.jsonl");
        // Killed while it wrote the name of a third mutant.
        ran(&folder.join("out"), "p1", "one\ntwo\nthr", "four\n");
        let mut state = State::load(&file).unwrap();
        state.absorb(&folder.join("out")).unwrap();
        for state in [state, State::load(&file).unwrap()] {
            assert_eq!(state.fate("p1", "one"), Some(Fate::Caught));
            assert_eq!(state.fate("p1", "four"), Some(Fate::Missed));
            assert_eq!(state.fate("p1", "thr"), None);
            assert_eq!(state.fate("p1", "three"), None);
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn other_code_begins_anew() {
        let folder = folder("other");
        let file = folder.join("state.jsonl");
        ran(&folder.join("out"), "p1", "one\n", "");
        State::load(&file)
            .unwrap()
            .absorb(&folder.join("out"))
            .unwrap();
        assert_eq!(State::load(&file).unwrap().fate("p2", "one"), None);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_half_line_of_the_state_is_no_result_and_spoils_none() {
        let folder = folder("half");
        let file = folder.join("state.jsonl");
        ran(&folder.join("out"), "p1", "one\ntwo\n", "");
        State::load(&file)
            .unwrap()
            .absorb(&folder.join("out"))
            .unwrap();
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, &text[..text.len() - 5]).unwrap();
        let mut state = State::load(&file).unwrap();
        assert_eq!(state.fate("p1", "two"), None);
        ran(&folder.join("out"), "p1", "two\n", "");
        state.absorb(&folder.join("out")).unwrap();
        let state = State::load(&file).unwrap();
        assert_eq!(state.fate("p1", "one"), Some(Fate::Caught));
        assert_eq!(state.fate("p1", "two"), Some(Fate::Caught));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_states_of_two_machines_are_joined() {
        let folder = folder("joined");
        let (one, two) = (folder.join("1.jsonl"), folder.join("2.jsonl"));
        ran(&folder.join("out"), "p", "one\n", "");
        State::load(&one)
            .unwrap()
            .absorb(&folder.join("out"))
            .unwrap();
        ran(&folder.join("out"), "p", "", "two\n");
        State::load(&two)
            .unwrap()
            .absorb(&folder.join("out"))
            .unwrap();
        let both = fs::read_to_string(&one).unwrap() + &fs::read_to_string(&two).unwrap();
        fs::write(&one, both).unwrap();
        let state = State::load(&one).unwrap();
        assert_eq!(state.fate("p", "one"), Some(Fate::Caught));
        assert_eq!(state.fate("p", "two"), Some(Fate::Missed));
        fs::remove_dir_all(folder).unwrap();
    }
}
