//! Hazards: what gives secrets out again.

use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Error, Reason, Result, SecretBytes};

use crate::form::{Needles, add_forms};
use crate::json::scan::{Quoted, Token};
use crate::json::string::{Spelling, decode, encode_secret};
use crate::masker::style::tagged_masks;
use crate::model::Conversation;
use crate::model::path::{Path, Walk};
use crate::name::Name;
use crate::policy::{LEAST_LEN, Policy};
use crate::registry::Revealed;
use crate::value::{parts, trimmed};

/// The tool call is not one JSON document, or has no string in this field, or several.
pub const NO_SUCH_FIELD: Reason = Reason::new("no-such-field");

/// A mask of the field carries the tag of another conversation, or one that was made up.
pub const NOT_OF_THIS_CONVERSATION: Reason = Reason::new("mask-of-another-conversation");

/// A mask of the field carries a name of which no secret is known, or no longer.
pub const UNKNOWN_NAME: Reason = Reason::new("mask-of-an-unknown-name");

/// Secrets from several places have the name in the mask, or one that programs read differently:
/// which one was meant is not known.
pub const NAME_OF_SEVERAL: Reason = Reason::new("mask-of-several-secrets");

/// The caller does not allow this secret in this field.
pub const NOT_ALLOWED: Reason = Reason::new("mask-not-allowed-here");

/// The secret is not UTF-8, and cannot stand in JSON.
pub const NOT_TEXT: Reason = Reason::new("secret-not-utf-8");

/// Puts secrets in the places of their masks, in one field of a tool call that a model asked for.
/// Gives the call with that field changed and every other byte as it was; it is wiped when it is
/// dropped.
///
/// **The call may be an attacker's**: who writes what the model reads can have it ask for any tool,
/// with any mask that it has seen. So `field` is one place that the program names because the tool
/// needs a secret there (a header of a request to a host that the program fixes, never a free text,
/// a URL or a host), and `allow` says of each name whether this secret may go there. Keys of objects
/// and indexes with `/` between, as `headers/authorization`; `*` is not taken.
///
/// `call` is one JSON document. All masks in the field must be of this conversation. What is put back
/// is the whole secret as it was registered, without white space around it, whatever form or part of
/// it the mask took the place of, such as the password of a connection string. Of several values
/// of one place (a token that was refreshed, say) it is the one that was opened or added last; where
/// that opening had several, as programs read a variable of an environment differently, none. Where
/// secrets overlapped, the mask is that of the first, and so is what is put back. Blank masks, and
/// other text between two of the characters that begin and end masks, stay as they are. What
/// another field holds is not looked at, whatever it looks like.
///
/// # Errors
/// - `Misuse` if `field` is no path, or has a `*`.
/// - `Rejected`, and nothing is put back, if the call has not exactly one string there
///   ([`NO_SUCH_FIELD`]), a mask there carries another tag ([`NOT_OF_THIS_CONVERSATION`]) or the
///   name of no known secret ([`UNKNOWN_NAME`]) or of several ([`NAME_OF_SEVERAL`]), `allow` refuses it ([`NOT_ALLOWED`]), or the secret
///   is not UTF-8 ([`NOT_TEXT`]).
pub fn put_back(
    conversation: &Conversation,
    call: &[u8],
    field: &str,
    allow: impl Fn(&Name) -> bool,
) -> Result<SecretBytes> {
    let path = Path::new(field)?;
    if path.wildcards() > 0 {
        return Err(Error::misuse(
            "secrets are put back into one field: name it without `*`",
        ));
    }
    let no_field = || Error::rejected(NO_SUCH_FIELD);
    let at = only_string(call, &path).ok_or_else(no_field)?;
    let written = call.get(at.start..at.end).unwrap_or_default();
    let said = decode(written);
    let filled = filled(conversation, said.expose(), allow)?;
    let again = encode_secret(filled.expose(), Spelling::of(written));
    let len = call.len().saturating_add(again.len());
    let mut whole = SecretBytes::new(Vec::with_capacity(len));
    whole.push(call.get(..at.start).unwrap_or_default());
    whole.push(again.expose());
    whole.push(call.get(at.end..).unwrap_or_default());
    Ok(whole)
}

/// The only string of this document that stands there, if nothing else does. What it stands in must
/// be the only one in its place too: of a key that is there twice, one program reads the first and
/// another the last.
fn only_string(call: &[u8], path: &Path) -> Option<Quoted> {
    let mut walk = Walk::new(std::str::from_utf8(call).ok()?);
    let mut only = None;
    let mut next = 0_usize;
    while let Some(token) = walk.next().ok()? {
        if matches!(token, Token::Key(_) | Token::Close { .. }) {
            continue;
        }
        let Some(steps) = walk.leads_to(path) else {
            continue;
        };
        if steps != next {
            return None;
        }
        next = steps.saturating_add(1);
        if walk.stands_at(path).is_some() {
            let Token::Text(quoted) = token else {
                return None;
            };
            only = Some(quoted);
        }
    }
    only.filter(|_| walk.documents() == 1)
}

/// `text` with secrets in the places of their masks.
fn filled(
    conversation: &Conversation,
    text: &[u8],
    allow: impl Fn(&Name) -> bool,
) -> Result<SecretBytes> {
    let mut out = SecretBytes::new(Vec::with_capacity(text.len()));
    let mut at = 0;
    for mask in tagged_masks(text) {
        if mask.tag != conversation.tag() {
            return Err(Error::rejected(NOT_OF_THIS_CONVERSATION));
        }
        let unknown = || Error::rejected(UNKNOWN_NAME);
        let name = Name::new(mask.name).map_err(|_| unknown())?;
        if !allow(&name) {
            return Err(Error::rejected(NOT_ALLOWED));
        }
        let value = match conversation.redactor.read().reveal(&name) {
            Revealed::Value(value) => value,
            Revealed::Several => return Err(Error::rejected(NAME_OF_SEVERAL)),
            Revealed::Unknown => return Err(unknown()),
        };
        if std::str::from_utf8(value.expose()).is_err() {
            return Err(Error::rejected(NOT_TEXT));
        }
        out.push(text.get(at..mask.start).unwrap_or_default());
        out.push(value.expose());
        at = mask.end;
    }
    out.push(text.get(at..).unwrap_or_default());
    Ok(out)
}

/// Every form of `value` that a redactor with the default policy looks for: to tell another masker
/// of them, such as that of a CI runner, which would not find the value in other forms. Of those
/// that may be wrapped, the one without line endings.
///
/// Each is as secret as the value.
#[must_use]
pub fn forms(value: &[u8]) -> Vec<SecretBytes> {
    let policy = Policy::default();
    with_stack_wiped(|| {
        let mut needles = Needles::new(trimmed(value).len().min(LEAST_LEN));
        for part in &parts(value, false, |part| !policy.is_common(part)).parts {
            add_forms(part.bytes.expose(), part.in_all_forms, &mut needles);
        }
        let forms = needles.into_forms().into_iter();
        forms.map(|form| form.bytes).collect()
    })
}
