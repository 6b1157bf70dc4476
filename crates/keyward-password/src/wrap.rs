//! Weak imports, wrapped where they lie: a new hash around the old one, made without the password.
//!
//! A wrapped string is `{wrap1}`, an Argon2id string, `{`, the label, `}`, and the old string with
//! zeros in place of its digest (`docs/formats/wrapped-hash.md`). [`Passwords::wrap`] makes one,
//! [`Passwords::verify`] checks it like any other and says that it needs an upgrade, so that the next
//! log-in writes a hash of the password itself in its place.
//!
//! [`Passwords::wrap`]: crate::Passwords::wrap
//! [`Passwords::verify`]: crate::Passwords::verify

mod hollow;

use keyward_base::{Reason, Result, SecretBytes};
use keyward_crypto::equal;
use keyward_crypto::slow::argon2::{Arena, Kind};

use crate::context::Context;
use crate::reason;
use crate::recipe::{Hash, Recipe};
use crate::scheme::{self, Scheme, argon2};
use crate::stored::{Cost, MAX_LEN, NotRead};

pub(crate) use hollow::hollow;

/// What came of wrapping.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "the wrapped string is to be stored in place of the old one"]
#[non_exhaustive]
pub enum Wrap {
    /// The string to store in place of the one that was given, if that still stands there. It needs
    /// no label any more, and the same context.
    Wrapped(String),
    /// It stays as it is: [`ALREADY_STRONG`](reason::ALREADY_STRONG),
    /// [`ALREADY_WRAPPED`](reason::ALREADY_WRAPPED), [`NOT_WRAPPABLE`](reason::NOT_WRAPPABLE), or why
    /// it could not be verified either.
    Left(Reason),
}

impl std::fmt::Debug for Wrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wrapped(text) => write!(f, "Wrapped({} bytes)", text.len()),
            Self::Left(why) => write!(f, "Left({why:?})"),
        }
    }
}

const MARK: &str = "{wrap1}";
/// Stands before all else in what the outer hash is of.
const DOMAIN: &[u8] = b"keyward wrapped hash 1\n";
/// Bytes of the outer salt and hash.
const SALT_LEN: usize = 16;
const HASH_LEN: usize = 32;

/// An outer string as long as any.
const SAMPLE: &str = "$argon2id$v=19$m=4194304,t=1000,p=16$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The hash around another one.
pub(crate) struct Outer {
    recipe: Recipe,
    /// The label and the old string, as they are written.
    inside: String,
}

/// Whether it says that it is a wrapped one.
pub(crate) fn is_meant(text: &str) -> bool {
    text.starts_with(MARK)
}

/// Whether the string inside stands under a label.
pub(crate) fn is_labelled(text: &str) -> bool {
    parts(text).is_some_and(|(_, label, _)| !label.is_empty())
}

/// Reads a wrapped string.
pub(crate) fn read(text: &str, context: &Context) -> Result<(Scheme, Recipe, Outer), NotRead> {
    let (outer, label, inner) = parts(text).ok_or(NotRead::MALFORMED)?;
    let label = match label {
        "" => None,
        label => Some(
            Scheme::from_label(label)
                .filter(|scheme| scheme.label() == label)
                .ok_or(NotRead::MALFORMED)?,
        ),
    };
    let outer = read_outer(outer)?;
    let (scheme, recipe) = scheme::read(label, inner, context)?;
    // What is written is exactly what wrapping writes: no digest, and nothing that might be one.
    let is_hollow = recipe.expected.iter().all(|byte| *byte == 0)
        && hollow(label, inner, context, (scheme, &recipe)).as_deref() == Some(inner);
    if !is_hollow {
        return Err(NotRead::MALFORMED);
    }
    let inside = inside(label, inner);
    let outer = Outer {
        recipe: outer,
        inside,
    };
    Ok((scheme, recipe, outer))
}

/// The outer string, the label and the inner string.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    let (outer, rest) = text.strip_prefix(MARK)?.split_once('{')?;
    let (label, inner) = rest.split_once('}')?;
    Some((outer, label, inner))
}

fn inside(label: Option<Scheme>, inner: &str) -> String {
    format!("{{{}}}{inner}", label.map_or("", Scheme::label))
}

/// Argon2id as this crate writes it, and nothing else.
fn read_outer(text: &str) -> Result<Recipe, NotRead> {
    let (_, recipe) =
        argon2::parse(text, &Context::default()).unwrap_or(Err(NotRead::MALFORMED))?;
    let is_ours = recipe.expected.len() == HASH_LEN
        && matches!(
            &recipe.hash,
            Hash::Argon2 { kind: Kind::Id, old: false, salt, data, .. }
                if salt.len() == SALT_LEN && data.is_empty()
        );
    if is_ours {
        Ok(recipe)
    } else {
        Err(NotRead::MALFORMED)
    }
}

/// What the outer hash is of: the old string too, so that it is of this one alone.
fn message(inside: &str, digest: &[u8]) -> SecretBytes {
    let len = u64::try_from(inside.len())
        .unwrap_or(u64::MAX)
        .to_be_bytes();
    let parts: [&[u8]; 4] = [DOMAIN, &len, inside.as_bytes(), digest];
    let room = parts
        .iter()
        .map(|part| part.len())
        .fold(0, usize::saturating_add);
    // At its full length from the start: one that grew would leave copies behind.
    let mut out = SecretBytes::new(Vec::with_capacity(room));
    parts.iter().for_each(|part| out.push(part));
    out
}

impl Outer {
    pub(crate) const fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    pub(crate) fn cost(&self) -> Cost {
        self.recipe.cost()
    }

    /// Whether it is around this digest.
    pub(crate) fn is_around(&self, digest: &SecretBytes, arena: &mut Arena) -> Result<bool> {
        let message = message(&self.inside, digest.expose());
        let found = self.recipe.compute(message.expose(), arena)?;
        Ok(equal(found.expose(), &self.recipe.expected))
    }
}

/// A string about to be wrapped: what stands in it beside the outer hash.
pub(crate) struct Wrapping {
    inside: String,
    /// It lies in the table in clear, and shall not lie anywhere else.
    digest: SecretBytes,
}

impl Wrapping {
    /// Of a string that was read, with the label and the context it was read by.
    pub(crate) fn of(
        label: Option<Scheme>,
        text: &str,
        context: &Context,
        read: (Scheme, &Recipe),
    ) -> Result<Self, Reason> {
        let (scheme, recipe) = read;
        if recipe.has_two_answers() {
            return Err(reason::NOT_WRAPPABLE);
        }
        let inner = hollow(label, text, context, read).ok_or(reason::NOT_WRAPPABLE)?;
        let wrapping = Self {
            inside: inside(label, &inner),
            digest: SecretBytes::copy_of(&recipe.expected),
        };
        // The digest will be gone: what is written must be read as what it was.
        let text = wrapping.text(SAMPLE);
        let is_same = text.len() <= MAX_LEN
            && self::read(&text, context)
                .is_ok_and(|(again, hollow, _)| again == scheme && hollow.is_hollow_of(recipe));
        is_same.then_some(wrapping).ok_or(reason::NOT_WRAPPABLE)
    }

    pub(crate) fn message(&self) -> SecretBytes {
        message(&self.inside, self.digest.expose())
    }

    /// The string to store, with the outer hash.
    pub(crate) fn text(&self, outer: &str) -> String {
        format!("{MARK}{outer}{}", self.inside)
    }
}
