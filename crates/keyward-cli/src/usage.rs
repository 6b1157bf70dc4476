//! What is wrong with a command line, as one line that repeats no value of it: what was typed by
//! mistake may have been a secret.

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use keyward_base::Error;

use crate::args::Cli;

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
                None if is_empty(error) => format!("{} is without its value", named(error)),
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
    let meant = suggestion(error).map_or_else(String::new, |word| format!("did you mean {word}? "));
    Some(Error::misuse(format!(
        "{said}: {meant}see `{} --help`",
        command()
    )))
}

/// A word of ours that is near to what was typed.
fn suggestion(error: &clap::Error) -> Option<String> {
    let kinds = [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ];
    kinds.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(word) => Some(word.clone()),
        ContextValue::Strings(words) => words.first().cloned(),
        _ => None,
    })
}

/// Whether the value is missing, and not another one.
fn is_empty(error: &clap::Error) -> bool {
    matches!(error.get(ContextKind::InvalidValue), Some(ContextValue::String(value)) if value.is_empty())
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

/// Whether it was `keyward run` that was being read, whose exit codes are others.
pub(crate) fn is_run() -> bool {
    command() == "keyward run"
}

/// The command that was being read, such as `keyward vault seal`: as far as its words are ours.
fn command() -> String {
    let mut words = vec!["keyward".to_owned()];
    let root = Cli::command();
    let mut at = &root;
    let mut given = std::env::args_os().skip(1);
    while let Some(word) = given.next() {
        if word == "--home" {
            let _ = given.next();
            continue;
        }
        let Some(next) = word.to_str().and_then(|word| at.find_subcommand(word)) else {
            if word.as_encoded_bytes().starts_with(b"-") {
                continue;
            }
            break;
        };
        words.push(next.get_name().to_owned());
        at = next;
    }
    words.join(" ")
}
