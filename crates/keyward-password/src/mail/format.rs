//! The bytes of a link's row. `docs/formats/mailed-link.md` specifies them.

use keyward_base::encoded::Encoded;
use keyward_base::reader::Reader;
use keyward_base::{
    Domain, Error, KeyId, Reason, Result, Revision, SecretArray, SecretBytes, Subject, Suite,
    Tenant, Timestamp,
};
use keyward_crypto::{BodyKey, MacKey, Provider, body};
use keyward_keys::{MacHandle, MacVerifier};

use super::policy::LinkKind;
use super::token::Token;
use crate::identifier::Identifier;
use crate::verified::Realm;

const MAGIC: &[u8; 4] = b"kwml";
const VERSION: u8 = 1;
const MAC_LEN: usize = 32;
/// Of every body: two addresses, a user and an organisation at their longest take 781.
const BODY_LEN: usize = 800;
const CHANGING: u8 = 1;

/// The key of a body, made of the link's own secret: who has the table and the ring cannot open it.
const BODY_KEY: Domain<(&[u8; 16],)> = Domain::new("keyward/v1/mailed-link-key");

/// What a body is sealed under: door and tenant of the realm, what for, id, made, expires.
type Under<'a> = (&'a str, &'a Tenant, u8, &'a [u8; 16], Timestamp, Timestamp);

const BODY: Domain<Under<'_>> = Domain::new("keyward/v1/mailed-link-body");

/// Door and tenant of the realm, what for, id, proof, made, expires, the sealed body.
type Fields<'a> = (
    &'a str,
    &'a Tenant,
    u8,
    &'a [u8; 16],
    &'a [u8; 32],
    Timestamp,
    Timestamp,
    &'a [u8],
);

const ROW: Domain<Fields<'_>> = Domain::new("keyward/v1/mailed-link-row");

/// What anybody can read of a row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(super) kind: LinkKind,
    pub(super) proof: [u8; 32],
    pub(super) made: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) body: Vec<u8>,
    /// The ring key that vouches for it.
    pub(super) key: KeyId,
    mac: [u8; MAC_LEN],
}

/// What only the link opens.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Body {
    /// Whether a change of the password is under way that this link may finish.
    pub(crate) is_changing: bool,
    /// Of the credential; none where there is none.
    pub(crate) revision: Option<Revision>,
    /// Where it was mailed to; none: nowhere.
    pub(crate) address: Option<Identifier>,
    /// The address that it is to replace.
    pub(crate) replaces: Option<Identifier>,
    pub(crate) subject: Option<Subject>,
    pub(crate) organisation: Option<Tenant>,
}

impl Body {
    /// A link that was mailed to nobody.
    pub(super) const fn of_nobody() -> Self {
        Self {
            is_changing: false,
            revision: None,
            address: None,
            replaces: None,
            subject: None,
            organisation: None,
        }
    }

    fn to_bytes(&self) -> Result<SecretBytes> {
        let mut out = SecretBytes::new(Vec::with_capacity(BODY_LEN));
        out.push(&[if self.is_changing { CHANGING } else { 0 }]);
        let revision = self.revision.map_or(0, Revision::number);
        out.push(&revision.to_be_bytes());
        let texts = [
            self.address.as_ref().map(Identifier::as_str),
            self.replaces.as_ref().map(Identifier::as_str),
            self.subject.as_ref().map(Subject::as_str),
            self.organisation.as_ref().map(Tenant::as_str),
        ];
        let too_long = |_| Error::misuse("a part of a link's body is too long");
        for text in texts.map(Option::unwrap_or_default) {
            let len = u16::try_from(text.len()).map_err(too_long)?;
            out.push(&len.to_be_bytes());
            out.push(text.as_bytes());
        }
        // All are of one length.
        let rest = BODY_LEN.checked_sub(out.len());
        let rest = rest.ok_or_else(|| Error::misuse("a link's body is too long"))?;
        out.push(&vec![0; rest]);
        Ok(out)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = Reader::new(bytes);
        let is_changing = match rest.byte()? {
            0 => false,
            CHANGING => true,
            _ => return None,
        };
        let revision = match rest.number()? {
            0 => None,
            number => Some(Revision::new(number)).filter(|r| *r <= Revision::LAST),
        };
        let mut texts = [""; 4];
        for text in &mut texts {
            *text = rest.text()?;
        }
        let [address, replaces, subject, organisation] = texts;
        let body = Self {
            is_changing,
            revision,
            address: address_of(address)?,
            replaces: address_of(replaces)?,
            subject: some(subject).map(Subject::new).transpose().ok()?,
            organisation: some(organisation).map(Tenant::new).transpose().ok()?,
        };
        let is_whole = bytes.len() == BODY_LEN && rest.rest().iter().all(|byte| *byte == 0);
        is_whole.then_some(body)
    }
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// In its canonical form, or it was not written by us.
fn address_of(text: &str) -> Option<Option<Identifier>> {
    let Some(text) = some(text) else {
        return Some(None);
    };
    let read = Identifier::email(text).ok()?;
    (read.as_str() == text).then_some(Some(read))
}

impl Row {
    /// The row of `token`, sealed by its secret and vouched for by `key`.
    pub(super) fn seal(
        provider: &Provider,
        key: &MacHandle,
        realm: &Realm,
        token: &Token,
        (made, expires): (Timestamp, Timestamp),
        body: &Body,
    ) -> Result<Self> {
        let plain = body.to_bytes()?;
        let mut row = Self {
            kind: token.kind,
            proof: token.proof,
            made,
            expires,
            body: Vec::new(),
            key: key.id(),
            mac: [0; MAC_LEN],
        };
        let context = row.context(realm, &token.id)?;
        body_key(provider, token)?.seal(&context, plain.expose(), &mut row.body)?;
        row.mac = key.sign(ROW, &row.fields(realm, &token.id));
        Ok(row)
    }

    /// What the link holds, vouched for by `key`, which is the row's.
    ///
    /// # Errors
    /// `Rejected` for the link of another row; `Corrupt` for a row that was altered.
    pub(super) fn open(
        &self,
        provider: &Provider,
        key: &MacVerifier,
        realm: &Realm,
        token: &Token,
    ) -> Result<Body> {
        let altered = |_| wrong().because(Reason::NOT_AUTHENTIC);
        let fields = self.fields(realm, &token.id);
        key.verify(ROW, &fields, &self.mac).map_err(altered)?;
        if self.kind != token.kind || !keyward_crypto::equal(&self.proof, &token.proof) {
            return Err(Error::rejected(Reason::NOT_AUTHENTIC));
        }
        let context = self.context(realm, &token.id)?;
        let plain = body_key(provider, token)?
            .open(&context, &self.body)
            .map_err(altered)?;
        Body::parse(plain.expose()).ok_or_else(wrong)
    }

    fn context(&self, realm: &Realm, id: &[u8; 16]) -> Result<Encoded> {
        BODY.encode(&(
            realm.door.as_str(),
            &realm.tenant,
            self.kind.to_byte(),
            id,
            self.made,
            self.expires,
        ))
    }

    fn fields<'a>(&'a self, realm: &'a Realm, id: &'a [u8; 16]) -> Fields<'a> {
        (
            realm.door.as_str(),
            &realm.tenant,
            self.kind.to_byte(),
            id,
            &self.proof,
            self.made,
            self.expires,
            &self.body,
        )
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        out.push(self.kind.to_byte());
        out.extend_from_slice(&self.key.to_bytes());
        out.extend_from_slice(&self.proof);
        out.extend_from_slice(&self.made.as_millis().to_be_bytes());
        out.extend_from_slice(&self.expires.as_millis().to_be_bytes());
        out.extend_from_slice(&self.body);
        out.extend_from_slice(&self.mac);
        out
    }

    /// # Errors
    /// `Unavailable` for a row of a newer release, `Corrupt` for what is none.
    pub(super) fn parse(data: &[u8]) -> Result<Self> {
        let mut rest = Reader::new(data.strip_prefix(MAGIC).ok_or_else(wrong)?);
        match rest.byte() {
            Some(VERSION) => Self::parts(&mut rest).ok_or_else(wrong),
            Some(2..) => Err(Error::unavailable(
                "a mailed link was written by a newer release: upgrade keyward",
            )),
            _ => Err(wrong()),
        }
    }

    fn parts(rest: &mut Reader<'_>) -> Option<Self> {
        let row = Self {
            kind: LinkKind::of(rest.byte()?)?,
            key: KeyId::from_bytes(rest.array()?),
            proof: rest.array()?,
            made: rest.time()?,
            expires: rest.time()?,
            body: rest.take(body::body_len(BODY_LEN)?)?.to_vec(),
            mac: rest.array()?,
        };
        rest.is_empty().then_some(row)
    }
}

fn body_key(provider: &Provider, token: &Token) -> Result<BodyKey> {
    let mut tag = MacKey::new(provider, &token.secret)?.sign(BODY_KEY, &(&token.id,));
    let key = SecretArray::<32>::copy_of(&tag);
    keyward_base::wipe::wipe(&mut tag);
    let key = key.ok_or_else(|| Error::unavailable("a MAC is not of 32 bytes"))?;
    BodyKey::new(provider, Suite::Chunked2, &key)
}

pub(super) fn wrong() -> Error {
    Error::corrupt("a mailed link's row is not what was written")
}

/// Reads the bytes of a row, whatever vouches for them, and writes them again: for tests and fuzzers.
#[doc(hidden)]
pub fn reread(data: &[u8]) -> Result<Vec<u8>> {
    Row::parse(data).map(|row| row.to_bytes())
}

/// Reads the bytes that a row seals and writes them again: for tests and fuzzers.
#[doc(hidden)]
pub fn reread_body(data: &[u8]) -> Result<Vec<u8>> {
    let body = Body::parse(data).ok_or_else(wrong)?;
    Ok(body.to_bytes()?.expose().to_vec())
}
