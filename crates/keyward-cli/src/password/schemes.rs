//! `keyward password schemes`: what `--scheme` and `--context` take.

use keyward_base::Result;
use keyward_password::{Scheme, context};
use serde::Serialize;

use crate::output;

#[derive(Serialize)]
struct Answer {
    schemes: Vec<Labels>,
    context: Vec<Key>,
}

#[derive(Serialize)]
struct Labels {
    label: &'static str,
    /// Other names for it.
    also: &'static [&'static str],
}

#[derive(Serialize)]
struct Key {
    key: &'static str,
    holds: &'static str,
}

/// Shows them all.
///
/// # Errors
/// `Unavailable` if standard output cannot be written.
pub(super) fn run(json: bool) -> Result<()> {
    let labels = |scheme: &Scheme| Labels {
        label: scheme.label(),
        also: scheme.names().get(1..).unwrap_or_default(),
    };
    let keys = context::KEYS.iter();
    let answer = Answer {
        schemes: Scheme::ALL.iter().map(labels).collect(),
        context: keys.map(|(key, holds)| Key { key, holds }).collect(),
    };
    if json {
        return output::json("keyward.password.schemes/1", &answer);
    }
    output::say(&format!("{:<18}also", "scheme"))?;
    for Labels { label, also } in &answer.schemes {
        output::say(format!("{label:<18}{}", also.join(", ")).trim_end())?;
    }
    output::say("")?;
    output::say(&format!("{:<23}holds", "key of a context"))?;
    let mut keys = answer.context.iter();
    keys.try_for_each(|Key { key, holds }| output::say(&format!("{key:<23}{holds}")))
}
