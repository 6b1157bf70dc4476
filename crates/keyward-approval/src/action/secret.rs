//! Secret arguments: what an action says of them, and what is sealed beside it.

use std::collections::BTreeMap;
use std::fmt;

use keyward_base::encoding::hex;
use keyward_base::reader::Reader;
use keyward_base::{Domain, Error, Result, SecretArray, SecretBytes, Tenant};
use keyward_crypto::{MacKey, Provider};

use super::{Action, Argument, limits};
use crate::word::ArgumentName;

const MAGIC: &[u8; 4] = b"kwas";
const VERSION: u8 = 1;

/// Whose, which step, which argument, and the secret: under 32 random bytes that are sealed with it.
const SECRET: Domain<(&Tenant, u8, &ArgumentName, &SecretBytes)> =
    Domain::new("keyward/v1/approval-secret");

/// What an action says of a secret argument: 32 bytes that nobody can compute the secret from, or
/// try one by, and that no other secret has. The key of it is random, of this argument alone, and
/// lies sealed with the secret; so two asks with the same secret do not look alike either.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Commitment([u8; 32]);

impl Commitment {
    pub(super) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitment({})", hex(&self.0))
    }
}

struct Opening {
    key: SecretArray<32>,
    secret: SecretBytes,
}

impl Opening {
    fn commitment(
        &self,
        provider: &Provider,
        (tenant, step, name): (&Tenant, u8, &ArgumentName),
    ) -> Result<Commitment> {
        let key = MacKey::new(provider, &self.key)?;
        let tag = key.sign(SECRET, &(tenant, step, name, &self.secret));
        Ok(Commitment(tag))
    }
}

/// The secret arguments of an action, by step and name. They lie sealed beside it
/// ([`Secrets::to_bytes`]) and come back only to who has the action that is bound to them.
#[derive(Default)]
pub struct Secrets(BTreeMap<(u8, ArgumentName), Opening>);

impl Secrets {
    /// Takes a secret over, and says what the action holds of it.
    ///
    /// # Errors
    /// `Misuse` beyond the limits, `Unavailable` without randomness.
    pub(super) fn commit(
        &mut self,
        provider: &Provider,
        tenant: &Tenant,
        step: u8,
        name: &ArgumentName,
        secret: SecretBytes,
    ) -> Result<Commitment> {
        if secret.is_empty() || secret.len() > limits::SECRET {
            return Err(Error::misuse("a secret argument has 1 byte to 64 KiB"));
        }
        if self.len_bytes().saturating_add(secret.len()) > limits::SECRETS {
            return Err(Error::misuse(
                "the secret arguments of an action have at most 256 KiB together",
            ));
        }
        let opening = Opening {
            key: provider.random()?,
            secret,
        };
        let commitment = opening.commitment(provider, (tenant, step, name))?;
        self.0.insert((step, name.clone()), opening);
        Ok(commitment)
    }

    fn len_bytes(&self) -> usize {
        let lens = self.0.values().map(|opening| opening.secret.len());
        lens.fold(0, usize::saturating_add)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The secret argument of that name, of the step with that index from 0.
    #[must_use]
    pub fn find(&self, step: usize, name: &ArgumentName) -> Option<&SecretBytes> {
        let step = u8::try_from(step).ok()?;
        let opening = self.0.get(&(step, name.clone()))?;
        Some(&opening.secret)
    }

    /// All of them, to be sealed: `docs/formats/action.md`. At most 512 KiB.
    #[must_use]
    pub fn to_bytes(&self) -> SecretBytes {
        // As long as it will be, so that nothing is outgrown.
        let each = self.0.iter().map(|((_, name), opening)| {
            let fixed = 1_usize
                .saturating_add(2)
                .saturating_add(32)
                .saturating_add(4);
            fixed
                .saturating_add(name.as_str().len())
                .saturating_add(opening.secret.len())
        });
        let len = each.fold(7, usize::saturating_add);
        let mut out = SecretBytes::new(Vec::with_capacity(len));
        out.push(MAGIC);
        out.push(&[VERSION]);
        let count = u16::try_from(self.0.len()).unwrap_or(u16::MAX);
        out.push(&count.to_be_bytes());
        for ((step, name), opening) in &self.0 {
            out.push(&[*step]);
            let name = name.as_str().as_bytes();
            out.push(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
            out.push(name);
            out.push(opening.key.expose());
            let len = u32::try_from(opening.secret.len()).unwrap_or(u32::MAX);
            out.push(&len.to_be_bytes());
            out.push(opening.secret.expose());
        }
        out
    }

    /// Reads what [`Secrets::to_bytes`] made, for the action that is bound to it: each secret argument
    /// is there, once, and is the one that was asked with.
    ///
    /// # Errors
    /// `Corrupt` for anything else; `Unavailable` for bytes of a newer release.
    pub fn open(provider: &Provider, action: &Action, bytes: &SecretBytes) -> Result<Self> {
        let rest = bytes.expose().strip_prefix(MAGIC).ok_or_else(wrong)?;
        let mut rest = Reader::new(rest);
        match rest.byte() {
            Some(VERSION) => {}
            Some(2..) => {
                return Err(Error::unavailable(
                    "the secrets of an action were written by a newer release: upgrade keyward",
                ));
            }
            _ => return Err(wrong()),
        }
        let found = Self::parse(&mut rest).filter(|_| rest.is_empty());
        let found = found.ok_or_else(wrong)?;
        let mut named = 0_usize;
        for (index, step) in (0_u8..).zip(action.steps()) {
            for (name, argument) in step.arguments() {
                let Argument::Secret(said) = argument else {
                    continue;
                };
                let opening = found.0.get(&(index, name.clone())).ok_or_else(wrong)?;
                let is = opening.commitment(provider, (action.tenant(), index, name))?;
                if !keyward_crypto::equal(is.as_bytes(), said.as_bytes()) {
                    return Err(wrong());
                }
                named = named.saturating_add(1);
            }
        }
        if named == found.0.len() {
            return Ok(found);
        }
        Err(wrong())
    }

    fn parse(rest: &mut Reader<'_>) -> Option<Self> {
        let count = rest.len_u16()?;
        let mut found = Self::default();
        for _ in 0..count {
            let step = rest.byte()?;
            let name = ArgumentName::new(rest.text()?).ok()?;
            let key = SecretArray::copy_of(rest.take(32)?)?;
            let len = usize::try_from(u32::from_be_bytes(rest.array()?)).ok()?;
            let secret = SecretBytes::copy_of(rest.take(len)?);
            let at = (step, name);
            // In their order, and so none of them twice.
            if found
                .0
                .last_key_value()
                .is_some_and(|(last, _)| *last >= at)
            {
                return None;
            }
            found.0.insert(at, Opening { key, secret });
        }
        Some(found)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

fn wrong() -> Error {
    Error::corrupt("the secrets of an action are not those that it is bound to")
}
