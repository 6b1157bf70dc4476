//! What is wrong with a command line, as one line that repeats no value of it: what was typed by
//! mistake may have been a secret.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use keyward_base::Error;

/// `error` in one line; `None` if it is an answer, such as the help that was asked for.
pub(crate) fn explain(error: &clap::Error) -> Option<Error> {
    let said = match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::DisplayVersion => return None,
        ErrorKind::ArgumentConflict => {
            format!("{} cannot stand beside {}", named(error), prior(error))
        }
        ErrorKind::InvalidSubcommand | ErrorKind::MissingSubcommand => {
            "there is no such command".to_owned()
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation | ErrorKind::NoEquals => {
            match std::error::Error::source(error) {
                Some(source) => format!("{}: {source}", named(error)),
                None => format!(
                    "{} does not take this value{}",
                    named(error),
                    allowed(error)
                ),
            }
        }
        ErrorKind::MissingRequiredArgument => format!("{} is missing", named(error)),
        ErrorKind::UnknownArgument => unknown(error),
        ErrorKind::WrongNumberOfValues | ErrorKind::TooManyValues | ErrorKind::TooFewValues => {
            format!("{} takes one value, once", named(error))
        }
        _ => "the command line is not understood".to_owned(),
    };
    Some(Error::misuse(format!(
        "{said}: see `{} --help`",
        command(error)
    )))
}

fn named(error: &clap::Error) -> String {
    listed(error, ContextKind::InvalidArg)
}

fn prior(error: &clap::Error) -> String {
    listed(error, ContextKind::PriorArg)
}

fn listed(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(one)) => one.clone(),
        Some(ContextValue::Strings(many)) => many.join(", "),
        _ => "an argument".to_owned(),
    }
}

fn allowed(error: &clap::Error) -> String {
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => {
            format!(" (one of {})", values.join(", "))
        }
        _ => String::new(),
    }
}

/// An unknown flag is named only if it looks like one.
fn unknown(error: &clap::Error) -> String {
    let typed = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(typed)) => typed.split('=').next().unwrap_or_default(),
        _ => "",
    };
    let word = typed.trim_start_matches('-');
    let is_flag = typed.starts_with("--")
        && word.len() <= 20
        && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    if is_flag {
        return format!("there is no option {typed}");
    }
    "there is an argument too many, not repeated here in case it is a secret \
     (secrets come by standard input or --file)"
        .to_owned()
}

/// The command that was being read, such as `keyward vault seal`.
fn command(error: &clap::Error) -> String {
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => String::new(),
    };
    let words: Vec<&str> = usage
        .split_whitespace()
        .skip_while(|word| *word != "keyward")
        .take_while(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
        .filter(|word| !word.starts_with('-'))
        .collect();
    if words.is_empty() {
        return "keyward".to_owned();
    }
    words.join(" ")
}
