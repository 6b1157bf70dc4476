//! Tokens of every kind: what anybody can read of one. What may be secret is named and not shown, and
//! nothing is said of whether a token is good: only its keys could tell.

use keyward_base::encoding::{base64url, hex};
use keyward_base::token::{Layout, Token, TokenBuffer, TokenKind, TokenShape};
use keyward_base::{Error, KeyId, Reason, Result, Timestamp};

use crate::exit::Advice;
use crate::ruler::Field;
use crate::timeline::rfc3339;

const HIDDEN: &str = "not shown: it may be secret";

/// Id, secret, and the first bytes of the MAC over both.
type Selected = ([u8; 16], [u8; 32], [u8; 8]);
/// The device, when it was issued, and two MACs.
type Device = ([u8; 16], u64, [u8; 32], [u8; 32]);
/// The gate, when it ends, which of its links, the tag of the action, and the MAC.
type Link = ([u8; 16], [u8; 5], [u8; 2], [u8; 16], [u8; 32]);
/// What for, id, secret, and the MAC.
type Mailed = (u8, [u8; 16], [u8; 32], [u8; 32]);

const SESSION: TokenKind<Selected> = TokenKind::new("kws_", 1);
const DEVICE: TokenKind<Device> = TokenKind::new("kwd_", 1);
const LINK: TokenKind<Link> = TokenKind::new("kwl_", 1);
const MAILED: TokenKind<Mailed> = TokenKind::new("kwm_", 1);
const API_KEY: TokenKind<Selected> = TokenKind::new("kwk_", 1).with_checksum();

/// The characters of an API key behind its prefix: 65 bytes in base64url, and the checksum.
const BEHIND_PREFIX: usize = 87 + 6;

/// What can be read of a token.
pub(super) struct Seen {
    pub(super) kind: &'static str,
    pub(super) prefix: String,
    pub(super) version: u8,
    pub(super) key: KeyId,
    /// Its public name, where it has one.
    pub(super) id: Option<String>,
    /// One more sentence on it.
    pub(super) says: Option<String>,
    /// Behind version and key.
    pub(super) payload: Vec<Field>,
}

/// Reads a token of whatever kind.
///
/// # Errors
/// `Rejected` for a text that is none.
pub(super) fn read(text: &str) -> Result<Seen> {
    let own = match text.get(..4) {
        Some("kws_") => decode(&SESSION, text, |payload| of_selected("session", payload)),
        Some("kwd_") => decode(&DEVICE, text, of_device),
        Some("kwl_") => decode(&LINK, text, of_link),
        Some("kwm_") => decode(&MAILED, text, of_mailed),
        Some("kwk_") => decode(&API_KEY, text, of_key),
        Some(kw) if kw.starts_with("kw") && kw.ends_with('_') => None,
        _ => return with_own_prefix(text),
    };
    match own {
        Some(seen) => Ok(seen),
        None => shape(text),
    }
}

/// What stands before the rest of an API key, if it is one: its prefix.
pub(crate) fn before_key(text: &str) -> Option<&str> {
    text.get(..text.len().checked_sub(BEHIND_PREFIX)?)
}

/// An API key under a prefix of the application's: what its checksum tells from any other text.
fn with_own_prefix(text: &str) -> Result<Seen> {
    let none = || {
        Error::rejected(Reason::MALFORMED).with_source(Advice(
            "it is no sealed value and no token of keyward's; an API key with a prefix of the \
             application's is known by its checksum, which does not fit: copy it from its first \
             character to its last"
                .to_owned(),
        ))
    };
    let prefix = before_key(text).ok_or_else(none)?;
    let kind = API_KEY.with_prefix(prefix).map_err(|_| none())?;
    decode(&kind, text, of_key).ok_or_else(none)
}

/// What a payload says.
struct Payload {
    kind: &'static str,
    id: Option<String>,
    says: Option<String>,
    parts: Vec<(&'static str, usize, String)>,
}

fn decode<L: Layout>(
    kind: &TokenKind<L>,
    text: &str,
    read: impl FnOnce(L::View<'_>) -> Payload,
) -> Option<Seen> {
    let mut buffer = TokenBuffer::new();
    let Token { key, payload, .. } = kind.decode(text, &mut buffer).ok()?;
    let payload = read(payload);
    let mut offset = 9_usize;
    let fields = payload.parts.into_iter().map(|(name, len, says)| {
        let field = Field {
            name,
            offset,
            len,
            says,
        };
        offset = offset.saturating_add(len);
        field
    });
    Some(Seen {
        kind: payload.kind,
        prefix: kind.prefix().to_owned(),
        version: 1,
        key,
        payload: fields.collect(),
        id: payload.id,
        says: payload.says,
    })
}

fn of_selected(
    kind: &'static str,
    (id, secret, front): (&[u8; 16], &[u8; 32], &[u8; 8]),
) -> Payload {
    let id = base64url(id);
    Payload {
        kind,
        says: None,
        parts: vec![
            ("id", 16, format!("{id}  its public name")),
            ("secret", secret.len(), HIDDEN.to_owned()),
            ("front", front.len(), HIDDEN.to_owned()),
        ],
        id: Some(id),
    }
}

fn of_key(payload: (&[u8; 16], &[u8; 32], &[u8; 8])) -> Payload {
    Payload {
        says: Some(
            "Its checksum fits: it was copied whole. `keyward apikey check` says whether it is good."
                .to_owned(),
        ),
        ..of_selected("api-key", payload)
    }
}

fn of_device((id, issued, account, whole): (&[u8; 16], u64, &[u8; 32], &[u8; 32])) -> Payload {
    let id = base64url(id);
    let issued = rfc3339(Timestamp::from_millis(issued.saturating_mul(1000)));
    Payload {
        kind: "device",
        says: None,
        parts: vec![
            ("id", 16, format!("{id}  the device")),
            ("issued", 8, issued),
            ("account", account.len(), HIDDEN.to_owned()),
            ("mac", whole.len(), HIDDEN.to_owned()),
        ],
        id: Some(id),
    }
}

type LinkParts<'a> = (
    &'a [u8; 16],
    &'a [u8; 5],
    &'a [u8; 2],
    &'a [u8; 16],
    &'a [u8; 32],
);

fn of_link((gate, expires, slot, action, mac): LinkParts<'_>) -> Payload {
    let gate = hex(gate);
    let seconds = expires
        .iter()
        .fold(0_u64, |all, b| (all << 8) | u64::from(*b));
    let ends = rfc3339(Timestamp::from_millis(seconds.saturating_mul(1000)));
    let slot = u16::from_be_bytes(*slot);
    Payload {
        kind: "approval-link",
        says: None,
        parts: vec![
            ("gate", 16, format!("{gate}  what it decides on")),
            ("ends", expires.len(), ends),
            ("slot", 2, format!("{slot}  which of the gate's links")),
            ("action", action.len(), HIDDEN.to_owned()),
            ("mac", mac.len(), HIDDEN.to_owned()),
        ],
        id: Some(gate),
    }
}

fn of_mailed((purpose, id, secret, proof): (u8, &[u8; 16], &[u8; 32], &[u8; 32])) -> Payload {
    let id = base64url(id);
    let what = match purpose {
        1 => "a password set anew",
        2 => "sign-up",
        3 => "sign-in",
        4 => "another address",
        5 => "an invitation",
        _ => "not known to this release",
    };
    Payload {
        kind: "mailed-link",
        says: None,
        parts: vec![
            ("for", 1, format!("{purpose}  {what}")),
            ("id", 16, format!("{id}  its record")),
            ("secret", secret.len(), HIDDEN.to_owned()),
            ("proof", proof.len(), HIDDEN.to_owned()),
        ],
        id: Some(id),
    }
}

/// What all tokens of keyward's have in common: of a kind that is not known here, or of one whose form
/// this text does not have.
fn shape(text: &str) -> Result<Seen> {
    let shape = TokenShape::parse(text)?;
    let prefix = shape.prefix();
    let kind = kind_name(&prefix);
    let is_odd = kind != "refresh" && kind != "token";
    let why = match shape.version() {
        1 => "it was cut or changed",
        _ => "it is of another version",
    };
    Ok(Seen {
        kind,
        prefix,
        version: shape.version(),
        key: shape.key(),
        id: None,
        says: is_odd.then(|| format!("It does not have the form of its kind: {why}.")),
        payload: vec![Field {
            name: "rest",
            offset: 9,
            len: shape.rest().saturating_mul(3) / 4,
            says: HIDDEN.to_owned(),
        }],
    })
}

/// The names of keyward's own kinds.
fn kind_name(prefix: &str) -> &'static str {
    match prefix {
        "kwd_" => "device",
        "kwk_" => "api-key",
        "kwl_" => "approval-link",
        "kwm_" => "mailed-link",
        "kwr_" => "refresh",
        "kws_" => "session",
        _ => "token",
    }
}
