//! The bytes of a row. `docs/formats/directory.md` specifies them.

use keyward_base::{Domain, Error, Reason, Result, Subject, Tenant, Timestamp};
use keyward_keys::{MacHandle, MacVerifier};

use crate::identifier::IdentifierHash;
use crate::reason;

const MAGIC: &[u8; 4] = b"kwdr";
const VERSION: u8 = 1;
const MAC_LEN: usize = 32;

/// The realm's tenant, the row's id, when it was made, whose it is, and of which organisation. The
/// door is in the id.
type Fields<'a> = (&'a Tenant, &'a [u8; 32], Timestamp, &'a Subject, &'a Tenant);

const ROW: Domain<Fields<'_>> = Domain::new("keyward/v1/directory-row");

/// What a row says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) made: Timestamp,
    pub(super) subject: Subject,
    pub(super) organisation: Tenant,
}

impl Facts {
    fn fields<'a>(&'a self, realm: &'a Tenant, hash: &'a IdentifierHash) -> Fields<'a> {
        (
            realm,
            hash.as_bytes(),
            self.made,
            &self.subject,
            &self.organisation,
        )
    }

    fn to_bytes(&self, mac: &[u8; MAC_LEN]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        out.extend_from_slice(&self.made.as_millis().to_be_bytes());
        for text in [self.subject.as_str(), self.organisation.as_str()] {
            // At most 128.
            out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(mac);
        out
    }

    pub(super) fn write(&self, key: &MacHandle, realm: &Tenant, hash: &IdentifierHash) -> Vec<u8> {
        let mac = key.sign(ROW, &self.fields(realm, hash));
        self.to_bytes(&mac)
    }

    /// # Errors
    /// `Unavailable` for a row of a newer release, `Corrupt` for what is none or was altered.
    pub(super) fn read(
        data: &[u8],
        key: &MacVerifier,
        realm: &Tenant,
        hash: &IdentifierHash,
    ) -> Result<Self> {
        let (facts, mac) = parse(data)?;
        key.verify(ROW, &facts.fields(realm, hash), &mac)
            .map_err(|_| wrong().because(Reason::NOT_AUTHENTIC))?;
        Ok(facts)
    }
}

fn parse(data: &[u8]) -> Result<(Facts, [u8; MAC_LEN])> {
    let rest = data.strip_prefix(MAGIC).ok_or_else(wrong)?;
    match rest.split_first() {
        Some((&VERSION, rest)) => body(rest).ok_or_else(wrong),
        Some((2.., _)) => Err(Error::unavailable(
            "an entry of the directory was written by a newer release: upgrade keyward",
        )
        .because(reason::NEWER)),
        _ => Err(wrong()),
    }
}

fn body(rest: &[u8]) -> Option<(Facts, [u8; MAC_LEN])> {
    let (made, rest) = rest.split_first_chunk::<8>()?;
    let (subject, rest) = text(rest)?;
    let (organisation, rest) = text(rest)?;
    let facts = Facts {
        made: Timestamp::from_millis(u64::from_be_bytes(*made)),
        subject: Subject::new(subject).ok()?,
        organisation: Tenant::new(organisation).ok()?,
    };
    Some((facts, rest.try_into().ok()?))
}

fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (len, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*len))?;
    Some((str::from_utf8(text).ok()?, rest))
}

pub(super) fn wrong() -> Error {
    Error::corrupt("an entry of the directory is not what was written")
}

/// Reads the bytes of a row, whatever vouches for them, and writes them again: for tests and fuzzers.
#[doc(hidden)]
pub fn reread(data: &[u8]) -> Result<Vec<u8>> {
    let (facts, mac) = parse(data)?;
    Ok(facts.to_bytes(&mac))
}
