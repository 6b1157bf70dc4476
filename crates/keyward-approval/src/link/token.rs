//! A link's token: `kwl_` and base64url of 80 bytes, 111 characters.
//! `docs/formats/approval-link.md` specifies it.

use std::fmt;
use std::time::Duration;

use keyward_base::token::{TokenBuffer, TokenKind, on_page};
use keyward_base::wipe::wipe;
use keyward_base::{Domain, Error, KeyId, Reason, Result, Tenant, Timestamp};
use keyward_keys::{FRONT_LEN, MacHandle, MacVerifier};
use secrecy::{ExposeSecret as _, SecretString};

use crate::action::{Action, ActionDigest};
use crate::gate::GateId;
use crate::reason;

/// Bytes of the moment at which a link ends: seconds since 1970, big-endian.
const EXPIRY: usize = 5;
/// Bytes of what binds a link to its action.
const ACT: usize = 16;

type Layout = ([u8; 16], [u8; EXPIRY], [u8; 2], [u8; ACT], [u8; 32]);

/// The gate, when it ends, the slot, the tag of the action, and the MAC over all of it.
const TOKEN: TokenKind<Layout> = TokenKind::new("kwl_", 1);

/// See [`LINK`].
type Fields<'a> = (
    &'a Tenant,
    &'a [u8; 16],
    &'a [u8; EXPIRY],
    &'a [u8; 2],
    &'a [u8; ACT],
);

/// Whose, and all that stands in the token before the MAC.
pub const LINK: Domain<Fields<'_>> = Domain::new("keyward/v1/approval-link");

/// Whose, and the digest of the action: keyed, so that nobody looks for an action with a tag by
/// himself.
pub const ACTION: Domain<(&Tenant, &ActionDigest)> = Domain::new("keyward/v1/approval-link-action");

/// The token of a link, wiped on drop and never printed.
pub struct LinkToken(SecretString);

impl LinkToken {
    /// Signs one. It ends at `expires`, in whole seconds before it.
    pub(super) fn sign(
        key: &MacHandle,
        tenant: &Tenant,
        gate: GateId,
        slot: u16,
        action: &Action,
        expires: Timestamp,
    ) -> Result<Self> {
        let seconds = (expires.as_millis() / 1_000).to_be_bytes();
        // Eight bytes, of which the first three are zero until the year 36,812.
        let expiry: &[u8; EXPIRY] = seconds.last_chunk().unwrap_or(&[0; EXPIRY]);
        let tag = key.sign(ACTION, &(tenant, action.digest()));
        let act: &[u8; ACT] = tag.first_chunk().unwrap_or(&[0; ACT]);
        let (gate, slot) = (gate.to_bytes(), slot.to_be_bytes());
        let mut mac = key.sign(LINK, &(tenant, &gate, expiry, &slot, act));
        let text = TOKEN.encode(key.id(), (&gate, expiry, &slot, act, &mac));
        wipe(&mut mac);
        text.map(Self)
    }

    /// The token. Named so that every place that looks at a secret can be found.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The address of the page that it opens, as [`on_page`] makes it.
    ///
    /// # Errors
    /// As [`on_page`].
    pub fn on(&self, page: &str) -> Result<SecretString> {
        on_page(page, self.expose())
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(..)")
    }
}

/// A link that this service made, for this tenant, and whose time is not over. Whether it is still good
/// its gate says.
#[derive(Clone)]
#[must_use = "a link that was checked decides nothing by itself"]
pub struct Presented {
    gate: GateId,
    slot: u16,
    expires: Timestamp,
    act: [u8; ACT],
    key: MacVerifier,
}

impl Presented {
    /// The gate that it leads to.
    #[must_use]
    pub const fn gate(&self) -> GateId {
        self.gate
    }

    /// Which of the gate's links it is.
    #[must_use]
    pub const fn slot(&self) -> u16 {
        self.slot
    }

    /// When it ends.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Whether `action`, which its gate holds, is the one that it was made for.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NOT_AUTHENTIC`]) for another one.
    pub fn is_about(&self, action: &Action) -> Result<()> {
        let other = || Error::rejected(Reason::NOT_AUTHENTIC);
        let front: &[u8; FRONT_LEN] = self.act.first_chunk().ok_or_else(other)?;
        let fields = (action.tenant(), action.digest());
        let tag = self.key.verify_front(ACTION, &fields, front)?;
        let whole = tag.first_chunk::<ACT>().ok_or_else(other)?;
        if keyward_crypto::equal(whole, &self.act) {
            return Ok(());
        }
        Err(other())
    }

    pub(super) const fn key(&self) -> &MacVerifier {
        &self.key
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presented({}, slot {})", self.gate, self.slot)
    }
}

/// Reads what was presented as a link of `tenant`, asking `key` for the key that it names: form, MAC,
/// end, and that it does not end later than any link of ours does.
///
/// # Errors
/// Those of [`TokenKind::decode`], of `key` and of [`MacVerifier::verify`]; `Rejected` with
/// [`Reason::EXPIRED`] and [`reason::LINK_LIFE`].
pub(super) fn read(
    tenant: &Tenant,
    text: &str,
    now: Timestamp,
    life: Duration,
    key: impl FnOnce(KeyId) -> Result<MacVerifier>,
) -> Result<Presented> {
    let mut buffer = TokenBuffer::new();
    let token = TOKEN.decode(text, &mut buffer)?;
    let (gate, expiry, slot, act, mac) = token.payload;
    let key = key(token.key)?;
    key.verify(LINK, &(tenant, gate, expiry, slot, act), mac)?;
    let expires = moment(expiry);
    // No grace: at its last moment it has ended.
    if expires <= now {
        return Err(Error::rejected(Reason::EXPIRED));
    }
    if expires > now.saturating_add(life) {
        return Err(Error::rejected(reason::LINK_LIFE));
    }
    Ok(Presented {
        gate: GateId::from_bytes(*gate),
        slot: u16::from_be_bytes(*slot),
        expires,
        act: *act,
        key,
    })
}

fn moment([a, b, c, d, e]: &[u8; EXPIRY]) -> Timestamp {
    let seconds = u64::from_be_bytes([0, 0, 0, *a, *b, *c, *d, *e]);
    Timestamp::from_millis(seconds.saturating_mul(1_000))
}

/// The key that a token names. Nothing in it is verified.
///
/// # Errors
/// Those of [`TokenKind::decode`].
pub(super) fn key_of(text: &str) -> Result<KeyId> {
    let mut buffer = TokenBuffer::new();
    Ok(TOKEN.decode(text, &mut buffer)?.key)
}

/// What anybody can read of a link. Nobody vouches for it: whether it is good takes the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkShape {
    /// The key that it says it was made with.
    pub key: KeyId,
    /// The gate that it says it leads to.
    pub gate: GateId,
    /// Which of its links it says it is.
    pub slot: u16,
    /// When it says it ends.
    pub expires: Timestamp,
}

impl LinkShape {
    /// Reads a token.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::TOO_LONG`] beyond 512 bytes, else [`Reason::MALFORMED`].
    pub fn parse(text: &str) -> Result<Self> {
        let mut buffer = TokenBuffer::new();
        let token = TOKEN.decode(text, &mut buffer)?;
        let (gate, expiry, slot, _, _) = token.payload;
        Ok(Self {
            key: token.key,
            gate: GateId::from_bytes(*gate),
            slot: u16::from_be_bytes(*slot),
            expires: moment(expiry),
        })
    }
}

/// Reads the bytes of a token, whoever made it, and writes them again: for tests and fuzzers.
#[doc(hidden)]
pub fn shape(text: &str) -> Result<SecretString> {
    let mut buffer = TokenBuffer::new();
    let read = TOKEN.decode(text, &mut buffer)?;
    TOKEN.encode(read.key, read.payload)
}
