//! `keyward doctor`: what is wrong with a home, and what mends it. It goes on after a failure, and
//! changes nothing but the anchor, which every opened keyring raises.

mod approvals;
mod checks;
mod record;
mod web;

use keyward_base::{Error, ErrorKind, Result};
use serde::Serialize;

use crate::home::HomeArgs;
use crate::output::{self, Colour, Screen};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    says: String,
    fix: Option<String>,
    #[serde(skip)]
    kind: Option<ErrorKind>,
}

impl Check {
    fn ok(name: &'static str, says: impl Into<String>) -> Self {
        Self {
            name,
            verdict: Verdict::Ok,
            says: says.into(),
            fix: None,
            kind: None,
        }
    }

    fn warn(name: &'static str, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Warn,
            fix: Some(fix.into()),
            ..Self::ok(name, says)
        }
    }

    fn bad(
        name: &'static str,
        kind: ErrorKind,
        says: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Fail,
            kind: Some(kind),
            ..Self::warn(name, says, fix)
        }
    }

    /// Messages of keyward read `what is wrong: what mends it`.
    fn fail(name: &'static str, error: &Error) -> Self {
        let said = error.to_string();
        let (says, fix) = match said.split_once(": ") {
            Some((says, fix)) => (says.to_owned(), Some(fix.to_owned())),
            None => (said, None),
        };
        Self {
            verdict: Verdict::Fail,
            fix,
            kind: Some(error.kind()),
            ..Self::ok(name, says)
        }
    }

    fn line(&self, screen: Screen) -> String {
        let (word, colour) = match self.verdict {
            Verdict::Ok => ("ok  ", Colour::Good),
            Verdict::Warn => ("warn", Colour::Warn),
            Verdict::Fail => ("fail", Colour::Bad),
        };
        let mut line = format!(
            "{}  {:8}  {}",
            screen.paint(colour, word),
            self.name,
            self.says
        );
        if let Some(fix) = &self.fix {
            line.push_str(" → ");
            line.push_str(fix);
        }
        line
    }
}

#[derive(Serialize)]
struct Told<'a> {
    checks: &'a [Check],
}

/// Runs all checks.
///
/// # Errors
/// `Misuse` if there is no home; of the kind of the first failure otherwise.
pub(crate) async fn run(home_args: &HomeArgs, json: bool) -> Result<()> {
    let checks = checks::all(home_args).await?;
    if json {
        output::json("keyward.doctor/1", &Told { checks: &checks })?;
    } else {
        let screen = Screen::of_stdout();
        checks
            .iter()
            .try_for_each(|check| output::say(&check.line(screen)))?;
    }
    let failed: Vec<ErrorKind> = checks.iter().filter_map(|check| check.kind).collect();
    let Some(first) = failed.first() else {
        return Ok(());
    };
    let lines = if failed.len() == 1 {
        "its line says"
    } else {
        "their lines say"
    };
    let said = format!(
        "{} of {} checks failed: do what {lines}",
        failed.len(),
        checks.len()
    );
    Err(match first {
        ErrorKind::Corrupt => Error::corrupt(said),
        ErrorKind::Unavailable => Error::unavailable(said),
        _ => Error::misuse(said),
    })
}
