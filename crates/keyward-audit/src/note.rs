//! Signed notes, as <https://c2sp.org/signed-note> has them: text that keys of known names signed.
//!
//! What is read here is stricter than that page where it lets one note be written in two ways:
//! base64 has no stray bits, and a note is of one form only.

use std::fmt;

use keyward_base::encoding::{base64, from_base64, from_base64_array, from_hex, hex};
use keyward_base::{Error, Reason, Result};
use keyward_crypto::Provider;
use keyward_crypto::sign::{PublicKey, SIGNATURE_LEN};

use crate::reason::{BAD_KEY, BAD_NOTE, UNKNOWN_SIGNER};

/// The most bytes of a note that is read. Its page lets a verifier have a limit, of no fewer than
/// 16 signatures.
pub const MAX_LEN: usize = 16 * 1024;

/// The most signatures of a note that is read.
pub const MAX_SIGNATURES: usize = 16;

/// The signature type of Ed25519.
const ED25519: u8 = 1;

/// The name of a key: 1 to 128 bytes of visible ASCII without `+`. The page allows more of
/// Unicode; ours are ASCII.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(Box<str>);

impl KeyName {
    /// The most bytes of a name.
    pub const MAX_LEN: usize = 128;

    /// A name.
    ///
    /// # Errors
    /// `Rejected` ([`BAD_KEY`]) for another length or another character.
    pub fn new(name: &str) -> Result<Self> {
        let known = |b: u8| b.is_ascii_graphic() && b != b'+';
        if name.is_empty() || name.len() > Self::MAX_LEN || !name.bytes().all(known) {
            return Err(Error::rejected(BAD_KEY));
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key that verifies notes, as it is pinned: a name and an Ed25519 public key. Public.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    id: [u8; 4],
    public: PublicKey,
}

impl VerifierKey {
    /// That key under that name.
    #[must_use]
    pub fn new(provider: &Provider, name: KeyName, public: PublicKey) -> Self {
        let bytes = public.to_bytes();
        let digest = provider.sha256(&[name.0.as_bytes(), b"\n", &[ED25519], &bytes]);
        let [a, b, c, d, ..] = digest;
        Self {
            name,
            id: [a, b, c, d],
            public,
        }
    }

    /// Reads what `Display` writes: `name+hash+key`, where `hash` is 8 lower-case hexadecimal
    /// digits, and `key` base64 of a byte 1 and the 32 bytes of the public key.
    ///
    /// # Errors
    /// `Rejected` ([`BAD_KEY`]) for anything else, for a hash that is not that of the key, and for a
    /// key of small order, under which anybody can sign.
    pub fn parse(provider: &Provider, text: &str) -> Result<Self> {
        let bad = || Error::rejected(BAD_KEY);
        let (name, rest) = text.split_once('+').ok_or_else(bad)?;
        let (id, key) = rest.split_once('+').ok_or_else(bad)?;
        let id: [u8; 4] = from_hex(id).map_err(|_| bad())?;
        let key: [u8; 33] = from_base64_array(key).map_err(|_| bad())?;
        let [ED25519, public @ ..] = key else {
            return Err(bad());
        };
        let key = Self::new(provider, KeyName::new(name)?, PublicKey::from_bytes(public));
        if key.id != id || key.public.is_of_small_order() {
            return Err(bad());
        }
        Ok(key)
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The public key.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// The line of a note that carries `signature`, with its line feed.
    fn line(&self, signature: &[u8; SIGNATURE_LEN]) -> String {
        let mut bytes = self.id.to_vec();
        bytes.extend_from_slice(signature);
        format!("\u{2014} {} {}\n", self.name, base64(&bytes))
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend_from_slice(&self.public.to_bytes());
        write!(f, "{}+{}+{}", self.name, hex(&self.id), base64(&key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

/// Whether `text` may be that of a note: it ends in a line feed, and has no other control
/// character.
fn is_text(text: &str) -> bool {
    text.ends_with('\n') && text.bytes().all(|b| b >= b' ' || b == b'\n')
}

/// The note of `text`, signed by `keys`: each with what makes its signature of the text's bytes.
///
/// # Errors
/// `Misuse` for a text that is empty, does not end in a line feed or has another control character,
/// without a key, with more than [`MAX_SIGNATURES`], and with one key twice; what a key returns.
pub fn sign<S>(text: &str, keys: &[(VerifierKey, S)]) -> Result<String>
where
    S: Fn(&[u8]) -> Result<[u8; SIGNATURE_LEN]>,
{
    if !is_text(text) || keys.is_empty() || keys.len() > MAX_SIGNATURES {
        return Err(Error::misuse(
            "a note is lines of text without control characters, signed by 1 to 16 keys",
        ));
    }
    let mut rest = keys.iter().map(|(key, _)| key);
    while let Some(key) = rest.next() {
        if rest.clone().any(|other| other == key) {
            return Err(Error::misuse("a key signs a note once"));
        }
    }
    let mut note = format!("{text}\n");
    for (key, sign) in keys {
        note.push_str(&key.line(&sign(text.as_bytes())?));
    }
    Ok(note)
}

/// Who may have signed a note beside those who are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // Whoever reads a note has to decide.
pub enum Others {
    /// Signatures of unknown keys are passed over, as the page of notes wants it: witnesses, and
    /// the key that follows.
    PassedOver,
    /// A signature of an unknown key refuses the note: nothing in it is unproved.
    Refused,
}

/// The text of `note`, if one of `keys` signed it. Each signature of a known key is checked, and
/// there is at most one of each.
///
/// # Errors
/// `Rejected`: [`BAD_NOTE`] for another form and beyond [`MAX_LEN`] or [`MAX_SIGNATURES`];
/// [`Reason::NOT_AUTHENTIC`] if a known key's signature is not of this text, and if there is none
/// of a known key; [`UNKNOWN_SIGNER`] where [`Others::Refused`] says so.
pub fn open<'a>(note: &'a str, keys: &[VerifierKey], others: Others) -> Result<&'a str> {
    let bad = || Error::rejected(BAD_NOTE);
    if note.len() > MAX_LEN || !is_text(note) {
        return Err(bad());
    }
    // The last empty line ends the text.
    let end = note.rfind("\n\n").ok_or_else(bad)?.saturating_add(1);
    let (text, rest) = note.split_at_checked(end).ok_or_else(bad)?;
    let lines = rest.strip_prefix('\n').ok_or_else(bad)?;
    let (mut proved, mut count) = (Vec::new(), 0_usize);
    for line in lines.split_terminator('\n') {
        count = count.saturating_add(1);
        if count > MAX_SIGNATURES {
            return Err(bad());
        }
        let line = line.strip_prefix("\u{2014} ").ok_or_else(bad)?;
        let (name, signature) = line.split_once(' ').ok_or_else(bad)?;
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '+') {
            return Err(bad());
        }
        let bytes = from_base64(signature).map_err(|_| bad())?;
        let (id, signature) = bytes.expose().split_first_chunk::<4>().ok_or_else(bad)?;
        if signature.is_empty() {
            return Err(bad());
        }
        let known = |key: &&VerifierKey| key.name.as_str() == name && key.id == *id;
        match keys.iter().find(known) {
            // A second one would make another file of the same note.
            Some(key) if proved.contains(&key) => return Err(bad()),
            Some(key) => {
                key.public.verify_bytes(text.as_bytes(), signature)?;
                proved.push(key);
            }
            None if others == Others::Refused => return Err(Error::rejected(UNKNOWN_SIGNER)),
            None => {}
        }
    }
    if count == 0 {
        return Err(bad());
    }
    if proved.is_empty() {
        return Err(Error::rejected(Reason::NOT_AUTHENTIC));
    }
    Ok(text)
}
