//! Whether a scheme says something that can be verified, and only in one way.

use std::time::Duration;

use keyward_base::{Error, Result};

use crate::coverage::{Coverage, Covered};
use crate::header::signed_id_byte;
use crate::scheme::{Dedupe, Headers, HmacProof, KeyForm, List, Piece, Proof, Scheme, Text};
use crate::secret::MIN_KEY;

/// The most pieces of a message.
pub(crate) const MAX_PIECES: usize = 8;

/// The longest prefix, separator, version or name inside of a header, in bytes.
const MAX_TEXT: usize = 64;

/// The widest window, past and future each. A time within it has as many digits as now.
const MAX_WINDOW: Duration = Duration::from_secs(31 * 86_400);

impl<C: Coverage> Scheme<C> {
    /// `Misuse` for a row that cannot be verified, or could be in two ways.
    pub(crate) fn check(&self) -> Result<()> {
        match self.fault() {
            None => Ok(()),
            Some(what) => Err(Error::misuse(format!(
                "the webhook scheme \"{}\" {what}",
                self.name.escape_default()
            ))),
        }
    }

    fn fault(&self) -> Option<&'static str> {
        let word = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if !(1..=64).contains(&self.name.len()) || !self.name.bytes().all(word) {
            return Some("has a name that is not 1 to 64 of a-z, 0-9 and -");
        }
        if self.headers.is_empty() || self.headers.len() > 4 {
            return Some("needs one to four sets of header names");
        }
        if self.headers.iter().any(Headers::repeat) {
            return Some("names a header twice in one set");
        }
        if self.body_limit == 0 {
            return Some("allows no body: give a limit in bytes");
        }
        let prefix = match &self.key {
            KeyForm::Text { prefix } | KeyForm::Base64 { prefix, .. } => prefix,
        };
        if prefix.as_ref().is_some_and(|text| text.len() > MAX_TEXT) {
            return Some("has secrets whose prefix is longer than 64 bytes");
        }
        if let KeyForm::Base64 {
            bytes: Some(bytes), ..
        } = self.key
            && !(MIN_KEY..=64).contains(&bytes)
        {
            return Some("has keys of less than 16 or more than 64 bytes");
        }
        if let KeyForm::Base64 {
            prefix: Some(prefix),
            optional: true,
            ..
        } = &self.key
            && !prefix.is_empty()
            && prefix.bytes().all(is_base64)
        {
            return Some("has secrets whose prefix may be left out, and could be base64 itself");
        }
        let covers_body = self.coverage.covered() == Covered::WholeBody;
        match &self.proof {
            Proof::Token if covers_body => return Some("shows a token, which covers no body"),
            Proof::Token => {}
            Proof::Hmac(proof) => {
                if let Some(what) = proof.fault(&self.headers, covers_body) {
                    return Some(what);
                }
            }
        }
        self.dedupe_fault()
    }

    fn dedupe_fault(&self) -> Option<&'static str> {
        match &self.dedupe {
            Dedupe::Header if self.headers.iter().any(|set| set.id.is_none()) => {
                Some("tells deliveries apart by an id that no header holds")
            }
            Dedupe::Header if !self.signs_id() && self.proof != Proof::Token => Some(
                "tells deliveries apart by an id that nobody signs, so that a captured one could \
                 be sent again under another: take the body",
            ),
            Dedupe::Field(name) if !(1..=MAX_TEXT).contains(&name.len()) => {
                Some("tells deliveries apart by a field whose name is not 1 to 64 bytes long")
            }
            _ => None,
        }
    }

    /// Whether the proof covers the id of the delivery.
    #[must_use]
    pub fn signs_id(&self) -> bool {
        matches!(&self.proof, Proof::Hmac(proof) if proof.message.contains(&Piece::Id))
    }
}

/// Whether a byte may stand in base64.
const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

impl Headers {
    fn repeat(&self) -> bool {
        let names = [
            Some(&self.signature),
            self.time.as_ref(),
            self.id.as_ref(),
            self.event.as_ref(),
        ];
        let mut rest = names.iter().flatten();
        while let Some(name) = rest.next() {
            if rest.clone().any(|other| other.eq_ignore_ascii_case(name)) {
                return true;
            }
        }
        false
    }
}

impl HmacProof {
    fn fault(&self, headers: &[Headers], covers_body: bool) -> Option<&'static str> {
        if self.message.len() > MAX_PIECES {
            return Some("signs more than 8 pieces");
        }
        if self.count(&Piece::Body) != usize::from(covers_body) {
            return Some("must sign the body once, if that is what it covers");
        }
        let ids = self.count(&Piece::Id);
        if ids > 1 || (ids == 1 && headers.iter().any(|set| set.id.is_none())) {
            return Some("signs an id more than once, or one that no header holds");
        }
        self.time_fault(headers)
            .or_else(|| self.list.fault())
            .or_else(|| {
                is_ambiguous(&self.message).then_some("signs pieces that could be cut in two ways")
            })
    }

    fn count(&self, piece: &Piece) -> usize {
        self.message.iter().filter(|known| *known == piece).count()
    }

    fn time_fault(&self, headers: &[Headers]) -> Option<&'static str> {
        let times = self.count(&Piece::Time);
        let in_list = matches!(&self.list, List::Pairs { time: Some(_), .. });
        let Some(time) = self.time else {
            let somewhere = times > 0 || in_list || headers.iter().any(|set| set.time.is_some());
            return somewhere.then_some("has a time without a unit and a window");
        };
        if times != 1 {
            return Some("has a time that it does not sign once");
        }
        if headers.iter().any(|set| set.time.is_some() == in_list) {
            return Some("has no place for its time, or two");
        }
        let wide = time.window.past > MAX_WINDOW || time.window.future > MAX_WINDOW;
        wide.then_some("has a window of more than 31 days")
    }
}

impl List {
    fn fault(&self) -> Option<&'static str> {
        let name = |text: &Text, none_of: [char; 2]| {
            (1..=MAX_TEXT).contains(&text.len()) && !text.contains(none_of)
        };
        match self {
            Self::One { prefix } => {
                (prefix.len() > MAX_TEXT).then_some("has a prefix of more than 64 bytes")
            }
            Self::Pairs { time, tag } => {
                let named = name(tag, [',', '='])
                    && (time.as_ref()).is_none_or(|time| name(time, [',', '=']) && time != tag);
                (!named).then_some("has pairs whose names are empty, alike, long, or hold , or =")
            }
            Self::Versions { version } => (!name(version, [' ', ',']))
                .then_some("has a version that is empty, long, or holds a space or a comma"),
        }
    }
}

/// Whether two requests could give the same bytes to sign. What stands before the body is cut off
/// from the front, what stands behind it from the back: texts have their lengths, and a time has
/// one within its window. So an id must end, on the side of the body, at a byte that no id has.
fn is_ambiguous(message: &[Piece]) -> bool {
    let body = message.iter().position(|piece| *piece == Piece::Body);
    let (before, behind) = message.split_at(body.unwrap_or(message.len()));
    let ends = |beside: Option<&Piece>, byte: fn(&Text) -> Option<u8>| matches!(beside, Some(Piece::Text(text)) if byte(text).is_some_and(|b| !signed_id_byte(b)));
    let first = |text: &Text| text.bytes().next();
    let last = |text: &Text| text.bytes().last();
    // Without a body an id may also be what is left at the end.
    let open = |at: usize| body.is_none() && at.saturating_add(1) == before.len();
    let id_before = before.iter().position(|piece| *piece == Piece::Id);
    let id_behind = behind.iter().position(|piece| *piece == Piece::Id);
    id_before.is_some_and(|at| !open(at) && !ends(before.get(at.saturating_add(1)), first))
        || id_behind.is_some_and(|at| !ends(behind.get(at.saturating_sub(1)), last))
}
