//! A link's token: `kwm_` and base64url of 90 bytes, 124 characters.

use keyward_base::token::{TokenBuffer, TokenKind};
use keyward_base::{Domain, Error, KeyId, Reason, Result, SecretArray, Tenant};
use keyward_keys::{Keyring, MacHandle};
use secrecy::SecretString;

use super::mail_purpose;
use super::policy::LinkKind;
use crate::reason;
use crate::verified::Realm;

type Layout = ([u8; 1], [u8; 16], [u8; 32], [u8; 32]);

/// What it is for, its id, the secret, and the proof.
const TOKEN: TokenKind<Layout> = TokenKind::new("kwm_", 1);

/// The door and the tenant of the realm, what it is for, its id and the secret.
type Fields<'a> = (&'a str, &'a Tenant, u8, &'a [u8; 16], &'a SecretArray<32>);

/// What a token carries and its row keeps: without the secret it proves nothing.
const PROOF: Domain<Fields<'_>> = Domain::new("keyward/v1/mailed-link");

/// A token that this service made, of this realm and kind. Whether it still is of use its row says.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) kind: LinkKind,
    pub(crate) id: [u8; 16],
    pub(crate) secret: SecretArray<32>,
    pub(crate) proof: [u8; 32],
    pub(crate) key: KeyId,
}

impl Token {
    /// A new one.
    pub(super) fn new(
        key: &MacHandle,
        realm: &Realm,
        kind: LinkKind,
        id: [u8; 16],
        secret: SecretArray<32>,
    ) -> Self {
        let proof = key.sign(PROOF, &fields(realm, kind, &id, &secret));
        Self {
            kind,
            id,
            secret,
            proof,
            key: key.id(),
        }
    }

    /// # Errors
    /// `Misuse` never: such a token has its length.
    pub(super) fn text(&self) -> Result<SecretString> {
        let kind = [self.kind.to_byte()];
        let parts = (&kind, &self.id, self.secret.expose(), &self.proof);
        TOKEN.encode(self.key, parts)
    }

    /// Reads what was presented as a link of one of `kinds`. No record is read for what this service
    /// did not make.
    ///
    /// # Errors
    /// `Rejected` for anything else; `Unavailable` as [`Keyring::find_mac`].
    pub(super) async fn read(
        keyring: &Keyring,
        realm: &Realm,
        kinds: &[LinkKind],
        text: &str,
    ) -> Result<Self> {
        let token = {
            let mut buffer = TokenBuffer::new();
            let read = TOKEN.decode(text, &mut buffer)?;
            let ([kind], id, secret, proof) = read.payload;
            let malformed = || Error::rejected(Reason::MALFORMED);
            Self {
                kind: LinkKind::of(*kind).ok_or_else(malformed)?,
                id: *id,
                secret: SecretArray::copy_of(secret).ok_or_else(malformed)?,
                proof: *proof,
                key: read.key,
            }
        };
        if !kinds.contains(&token.kind) {
            return Err(Error::rejected(reason::OTHER_LINK));
        }
        let key = keyring.find_mac(&mail_purpose()?, token.key).await?;
        let fields = fields(realm, token.kind, &token.id, &token.secret);
        key.verify(PROOF, &fields, &token.proof)?;
        Ok(token)
    }
}

fn fields<'a>(
    realm: &'a Realm,
    kind: LinkKind,
    id: &'a [u8; 16],
    secret: &'a SecretArray<32>,
) -> Fields<'a> {
    (
        realm.door.as_str(),
        &realm.tenant,
        kind.to_byte(),
        id,
        secret,
    )
}

/// Reads the bytes of a token, whoever made it, and writes them again: for tests and fuzzers.
#[doc(hidden)]
pub fn shape(text: &str) -> Result<SecretString> {
    let mut buffer = TokenBuffer::new();
    let read = TOKEN.decode(text, &mut buffer)?;
    TOKEN.encode(read.key, read.payload)
}
