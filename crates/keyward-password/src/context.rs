//! What a scheme keeps outside of its stored strings.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyward_base::encoding::from_json_string;
use keyward_base::wipe::wipe_vec;
use keyward_base::{Error, Result, SecretBytes};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::credential::Credential;
use crate::normal::Normal;
use crate::scheme::Scheme;
use crate::wrap;

/// What a scheme keeps outside of its stored strings: a pepper, a project's keys, the user's name.
/// Names are those that the services themselves write into their exports.
#[derive(Debug, Default)]
pub struct Context(Vec<(Name, SecretBytes)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Argon2Secret,
    KeyId,
    MemCost,
    Pepper,
    Rounds,
    Salt,
    SaltSeparator,
    SignerKey,
    User,
}

/// Every key of a context: its name, whether its value is base64, and what it is for.
pub const KEYS: [(&str, &str); 11] = [
    ("argon2_secret", "Argon2's secret key, as text"),
    (
        "keyid",
        "which `keyid=` of Argon2 strings the secret is for",
    ),
    ("mem_cost", "Firebase: the logarithm of scrypt's N"),
    (
        "pepper",
        "Devise, and Spring's secret: text that is hashed too",
    ),
    ("rounds", "Firebase: scrypt's r"),
    (
        "salt",
        "the salt where a column of its own holds it: Firebase's in base64, others as text",
    ),
    ("salt_separator", "Firebase, in base64"),
    ("base64_salt_separator", "the same"),
    ("signer_key", "Firebase, in base64"),
    ("base64_signer_key", "the same"),
    ("user", "PostgreSQL: the name of the role"),
];

impl Context {
    /// Reads a JSON object whose values are strings or whole numbers, by the names in [`KEYS`];
    /// `algorithm` and `null` are passed over. Its copies of the strings are wiped.
    ///
    /// # Errors
    /// `Misuse` for anything else: a key that is not known might be one that the hash depends on, of a
    /// key that stands twice nobody knows which is meant, and a number with a fraction or an exponent
    /// may be written in several ways.
    pub fn from_json(text: &str) -> Result<Self> {
        let bad = || {
            Error::misuse(
                "a context is a JSON object of the keys that `KEYS` lists, \
                 each once, with texts and whole numbers",
            )
        };
        let Ok(Members(members)) = serde_json::from_str(text) else {
            return Err(bad());
        };
        let mut context = Self::default();
        for (key, raw) in members {
            let raw = raw.get();
            if key == "algorithm" || raw == "null" {
                continue;
            }
            let name = Name::of(&key).filter(|name| context.get(*name).is_none());
            let held = if raw.starts_with('"') {
                from_json_string(raw).ok()
            } else {
                let number = crate::text::number(raw);
                number.map(|_| SecretBytes::copy_of(raw.as_bytes()))
            };
            let (name, held) = name.zip(held).ok_or_else(bad)?;
            context.set(name, held);
        }
        Ok(context)
    }

    /// Devise's pepper, or Spring's secret.
    #[must_use]
    pub fn pepper(mut self, pepper: SecretBytes) -> Self {
        self.set(Name::Pepper, pepper);
        self
    }

    /// Argon2's secret key.
    #[must_use]
    pub fn argon2_secret(mut self, secret: SecretBytes) -> Self {
        self.set(Name::Argon2Secret, secret);
        self
    }

    /// The salt where a column of its own holds it: Firebase's in base64, others as text.
    #[must_use]
    pub fn salt(mut self, salt: SecretBytes) -> Self {
        self.set(Name::Salt, salt);
        self
    }

    /// What a row is read with: this one, which is for all of them, and what the row has of its own in
    /// place of it.
    ///
    /// Argon2's secret is for the strings of others, which a label or the id of a key tells from ours:
    /// an upgrade writes one of ours in their place, without a secret.
    pub(crate) fn for_row(&self, row: &Credential) -> Self {
        let is_ours = !is_of_others(row);
        let of_others = |name| is_ours && matches!(name, Name::Argon2Secret | Name::KeyId);
        let all = self.0.iter().filter(|(name, _)| !of_others(*name));
        let mut both = Self::default();
        for (name, value) in all.chain(&row.own_context().0) {
            both.set(*name, SecretBytes::copy_of(value.expose()));
        }
        both
    }

    /// What it holds, in the order of the names, each once.
    #[cfg(feature = "records")]
    pub(crate) fn entries(&self) -> Vec<(Name, &[u8])> {
        let mut all: Vec<_> = self.0.iter().map(|(n, v)| (*n, v.expose())).collect();
        all.sort_by_key(|(name, _)| *name);
        all
    }

    pub(crate) fn set(&mut self, name: Name, value: SecretBytes) {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value));
    }

    pub(crate) fn get(&self, name: Name) -> Option<&[u8]> {
        let found = self.0.iter().find(|(known, _)| *known == name)?;
        Some(found.1.expose())
    }

    pub(crate) fn copy(&self, name: Name) -> Option<SecretBytes> {
        self.get(name).map(SecretBytes::copy_of)
    }

    pub(crate) fn number(&self, name: Name) -> Option<u64> {
        crate::text::number(std::str::from_utf8(self.get(name)?).ok()?)
    }

    pub(crate) fn base64(&self, name: Name) -> Option<SecretBytes> {
        let text = self.get(name)?;
        let mut bytes = Vec::with_capacity(text.len());
        if STANDARD.decode_vec(text, &mut bytes).is_err() {
            wipe_vec(&mut bytes);
            return None;
        }
        Some(SecretBytes::new(bytes))
    }
}

/// The members of an object as they are written, each key once.
struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        from.deserialize_map(Visiting).map(Self)
    }
}

struct Visiting;

impl<'de> Visitor<'de> for Visiting {
    type Value = BTreeMap<String, &'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut from: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((key, value)) = from.next_entry()? {
            if members.insert(key, value).is_some() {
                return Err(de::Error::custom("a key stands twice"));
            }
        }
        Ok(members)
    }
}

/// Whether a label says what the string is, beside it or in a wrapped one, or it names a key.
fn is_of_others(row: &Credential) -> bool {
    let (_, text) = Normal::split(row.stored().unwrap_or_default());
    if wrap::is_meant(text) {
        return wrap::is_labelled(text) || text.contains("keyid=");
    }
    row.labelled().and_then(Scheme::from_label).is_some() || text.contains("keyid=")
}

impl Name {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Argon2Secret, "argon2_secret"),
        (Self::KeyId, "keyid"),
        (Self::MemCost, "mem_cost"),
        (Self::Pepper, "pepper"),
        (Self::Rounds, "rounds"),
        (Self::Salt, "salt"),
        (Self::SaltSeparator, "salt_separator"),
        (Self::SignerKey, "signer_key"),
        (Self::User, "user"),
    ];

    pub(crate) fn of(key: &str) -> Option<Self> {
        let key = key
            .strip_prefix("base64_")
            .filter(|key| matches!(*key, "salt_separator" | "signer_key"))
            .unwrap_or(key);
        let found = Self::ALL.iter().find(|(_, known)| *known == key);
        found.map(|(name, _)| *name)
    }

    #[cfg(feature = "records")]
    pub(crate) fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(name, _)| *name == self);
        found.map_or("", |(_, text)| text)
    }
}
