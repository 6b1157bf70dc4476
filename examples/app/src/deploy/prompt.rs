//! What a model would be asked about a deployment. It is cleaned by the redactor that cleaned the
//! log, with masks that carry names, and shown before anything is sent.

use keyward_base::Result;
use keyward_crypto::Provider;
use keyward_redact::Redactor;
use keyward_redact::model::Conversation;

use super::record::{Deployment, Ended};
use crate::deployview::log_in_text;

/// How much of the end of a log is asked about, in bytes.
const TAIL: usize = 16 * 1024;

/// The longest question of a person's own, in characters.
pub(crate) const QUESTION: usize = 500;

/// The text, cleaned. `log` is masked already, `question` is what a person wrote, at most
/// [`QUESTION`] characters, and may hold anything.
pub(crate) fn prompt(
    deployment: &Deployment,
    log: &[u8],
    question: &str,
    redactor: &Redactor,
    crypto: &Provider,
) -> Result<String> {
    let from = log.len().saturating_sub(TAIL);
    let tail = log_in_text(log.get(from..).unwrap_or_default());
    let mut text = format!(
        "A deployment to {} with the variables of {} {}. Say why, and what mends it. Each text \
         between two bullets stands for a secret of that name.\n",
        deployment.server,
        deployment.set,
        in_words(deployment.ended.map(|(_, ended)| ended)),
    );
    if !question.trim().is_empty() {
        text.push_str(&format!("The operator asks: {}\n", question.trim()));
    }
    text.push_str(&format!("The end of its log:\n\n{tail}"));
    let conversation = Conversation::new(redactor, |bytes| crypto.fill(bytes))?;
    Ok(conversation.text(&text))
}

/// How it ended.
pub(crate) fn in_words(ended: Option<Ended>) -> String {
    match ended {
        None => "is running".to_owned(),
        Some(Ended::Exit(0)) => "is done".to_owned(),
        Some(Ended::Exit(code)) => format!("failed with exit code {code}"),
        Some(Ended::Signal(signal)) => format!("was ended by signal {signal}"),
        Some(Ended::Stopped) => "was stopped".to_owned(),
        Some(Ended::TimedOut) => "ran too long and was ended".to_owned(),
        Some(Ended::NotStarted) => "could not be started".to_owned(),
    }
}
