//! What the fates of a package's mutants come to.

use std::collections::BTreeSet;

use super::excuses::{Excuses, PAGE};
use super::listing::Mutant;
use super::state::{Fate, State};
use super::tree::Package;
use crate::Outcome;

/// Code that decides: whether a value opens, a key lives, a request passes. No mutant of it may
/// survive without an excuse.
const DECIDES: [&str; 15] = [
    "crates/keyward-crypto/src/",
    "crates/keyward-files/src/",
    "crates/keyward-keys/src/",
    "crates/keyward-vault/src/",
    "crates/keyward-webhook/src/",
    "crates/keyward-http/src/authority.rs",
    "crates/keyward-http/src/content.rs",
    "crates/keyward-http/src/decide.rs",
    "crates/keyward-http/src/guard.rs",
    "crates/keyward-http/src/headers.rs",
    "crates/keyward-http/src/origins.rs",
    "crates/keyward-http/src/policy.rs",
    "crates/keyward-http/src/same_origin.rs",
    "crates/keyward-axum/src/route.rs",
    "crates/keyward-axum/src/webhook.rs",
];

/// The part of all other viable mutants that must be killed, in hundredths.
const ELSEWHERE: u64 = 95;

fn decides(mutant: &Mutant) -> bool {
    DECIDES.iter().any(|path| mutant.file.starts_with(path))
}

/// One package's mutants by what became of them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) package: String,
    pub(super) mutants: u64,
    pub(super) caught: u64,
    pub(super) timed_out: u64,
    pub(super) unviable: u64,
    pub(super) excused: u64,
    pub(super) not_run: u64,
    /// Those that no test noticed, by whether their code decides.
    pub(super) deciding: Vec<String>,
    pub(super) elsewhere: Vec<String>,
    /// Excused, yet a test notices them.
    pub(super) needless: BTreeSet<String>,
    pub(super) needed: BTreeSet<String>,
    /// Viable mutants outside deciding code that were killed.
    pub(super) killed_elsewhere: u64,
}

impl Tally {
    pub(super) fn of(
        package: &Package,
        mutants: &[Mutant],
        state: &State,
        excuses: &Excuses,
    ) -> Self {
        let mut tally = Self {
            package: package.name.clone(),
            ..Self::default()
        };
        let mine = mutants.iter().filter(|m| m.package == package.name);
        for mutant in mine {
            tally.add(mutant, state.fate(&package.print, &mutant.name), excuses);
        }
        tally.settle();
        tally
    }

    fn add(&mut self, mutant: &Mutant, fate: Option<Fate>, excuses: &Excuses) {
        raise(&mut self.mutants);
        let excused = excuses.holds(mutant);
        match fate {
            None => raise(&mut self.not_run),
            Some(Fate::Unviable) => raise(&mut self.unviable),
            Some(Fate::Caught | Fate::TimedOut) => {
                raise(match fate {
                    Some(Fate::Caught) => &mut self.caught,
                    _ => &mut self.timed_out,
                });
                if !decides(mutant) {
                    raise(&mut self.killed_elsewhere);
                }
                if excused {
                    self.needless.insert(mutant.description());
                }
            }
            Some(Fate::Missed) if excused => {
                raise(&mut self.excused);
                self.needed.insert(mutant.description());
            }
            Some(Fate::Missed) if decides(mutant) => self.deciding.push(mutant.name.clone()),
            Some(Fate::Missed) => self.elsewhere.push(mutant.name.clone()),
        }
    }

    /// One description may stand for several places of a function: an excuse is needed as long as
    /// one of them survives.
    fn settle(&mut self) {
        let Self {
            needless, needed, ..
        } = self;
        needless.retain(|text| !needed.contains(text));
    }

    pub(super) fn survived(&self) -> u64 {
        let both = self.deciding.len().saturating_add(self.elsewhere.len());
        u64::try_from(both).unwrap_or(u64::MAX)
    }

    pub(super) fn killed(&self) -> u64 {
        self.caught.saturating_add(self.timed_out)
    }
}

fn raise(count: &mut u64) {
    *count = count.saturating_add(1);
}

/// Judges what was run, and says what was not.
pub(super) fn judge(tallies: &[Tally]) -> Outcome {
    let mut wrong = Vec::new();
    for name in tallies.iter().flat_map(|tally| &tally.deciding) {
        wrong.push(format!("survived in code that decides: {name}"));
    }
    for name in tallies.iter().flat_map(|tally| &tally.needless) {
        wrong.push(format!("{PAGE} excuses what a test notices: {name}"));
    }
    let killed: u64 = tallies.iter().map(|tally| tally.killed_elsewhere).sum();
    let missed: Vec<&String> = tallies.iter().flat_map(|tally| &tally.elsewhere).collect();
    let survived = u64::try_from(missed.len()).unwrap_or(u64::MAX);
    let viable = killed.saturating_add(survived);
    for name in &missed {
        println!("survived: {name}");
    }
    if killed.saturating_mul(100) < viable.saturating_mul(ELSEWHERE) {
        wrong.push(format!(
            "of {viable} mutants in the other code {killed} were killed: fewer than {ELSEWHERE} %"
        ));
    }
    let not_run: u64 = tallies.iter().map(|tally| tally.not_run).sum();
    if not_run > 0 {
        println!("{not_run} mutants were not tested: the same command goes on with them");
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(wrong.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::{Fate, Tally, judge};
    use crate::mutants::excuses::Excuses;
    use crate::mutants::listing::Mutant;
    use crate::mutants::listing::tests::mutant;

    fn tally(fates: &[(Mutant, Option<Fate>)], excuses: &str) -> Tally {
        let excuses = Excuses::parse(excuses).unwrap();
        let mut tally = Tally::default();
        for (mutant, fate) in fates {
            tally.add(mutant, *fate, &excuses);
        }
        tally.settle();
        tally
    }

    fn elsewhere(line: u32) -> Mutant {
        let mut mutant = mutant(line, "x");
        mutant.file = "crates/keyward-cli/src/main.rs".to_owned();
        mutant
    }

    const EXCUSE: &str = "crates/keyward-keys/src/ring.rs: replace a with b\n    Equal.\n";

    #[test]
    fn all_code_that_decides_is_there() {
        for path in super::DECIDES {
            let path = crate::workspace::root().join(path);
            assert!(path.exists(), "{}", path.display());
        }
    }

    #[test]
    fn one_survivor_in_code_that_decides_is_too_many() {
        let caught = (mutant(1, "replace a with b"), Some(Fate::Caught));
        assert!(judge(&[tally(std::slice::from_ref(&caught), "")]).is_ok());
        let missed = (mutant(2, "replace a with b"), Some(Fate::Missed));
        let why = judge(&[tally(&[caught.clone(), missed.clone()], "")]).unwrap_err();
        assert!(why.contains("ring.rs:2:5"), "{why}");
        assert!(judge(&[tally(&[missed], EXCUSE)]).is_ok());
    }

    #[test]
    fn an_excuse_for_what_a_test_notices_is_an_error() {
        let caught = (mutant(1, "replace a with b"), Some(Fate::Caught));
        let why = judge(&[tally(std::slice::from_ref(&caught), EXCUSE)]).unwrap_err();
        assert!(why.contains("replace a with b"), "{why}");
        // Another place of the same function survives: it is needed.
        let missed = (mutant(2, "replace a with b"), Some(Fate::Missed));
        assert!(judge(&[tally(&[caught, missed], EXCUSE)]).is_ok());
    }

    #[test]
    fn elsewhere_ninety_five_of_a_hundred_are_enough() {
        let fates = |missed: u32| -> Vec<(Mutant, Option<Fate>)> {
            let fate = |line| {
                if line < missed {
                    Fate::Missed
                } else {
                    Fate::Caught
                }
            };
            (0..100)
                .map(|line| (elsewhere(line), Some(fate(line))))
                .collect()
        };
        assert!(judge(&[tally(&fates(5), "")]).is_ok());
        assert!(judge(&[tally(&fates(6), "")]).is_err());
    }

    #[test]
    fn what_was_not_run_is_neither_killed_nor_survived() {
        let tally = tally(
            &[
                (mutant(1, "x"), None),
                (mutant(2, "x"), Some(Fate::TimedOut)),
            ],
            "",
        );
        assert_eq!((tally.not_run, tally.killed(), tally.survived()), (1, 1, 0));
    }
}
