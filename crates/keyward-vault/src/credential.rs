//! Typed credentials. Each is kept byte for byte as it was given, except an SSH key that OpenSSH
//! would not load so; what is read from it on the way in becomes public [`Facts`], a [`Note`] to
//! whoever gave it, or a reason to refuse it.

mod dotenv;
mod limits;
mod note;
mod oauth;
mod parts;
mod ssh;
mod steering;

use std::fmt;

use keyward_base::{CredentialKind, Error, Hint, Result, SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_crypto::sealed::MAX_PLAINTEXT;
use serde::{Deserialize, Serialize};

pub use dotenv::{EnvSet, EnvVar, Loader};
pub use note::Note;
pub use oauth::{OAuthToken, TokenResponse};
pub(crate) use parts::parts;
pub use ssh::SshKey;

/// What sort of credential it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// `api-key`: one line of visible text.
    ApiKey,
    /// `env`: a set of environment variables, as a dotenv file.
    Env,
    /// `oauth-token`: a token response of RFC 6749 section 5.1, in JSON.
    #[serde(rename = "oauth-token")]
    OAuthToken,
    /// `opaque`: any bytes.
    Opaque,
    /// `ssh-key`: a private key in OpenSSH's format.
    SshKey,
}

impl Kind {
    /// All kinds, in the order of their names.
    pub const ALL: [Self; 5] = [
        Self::ApiKey,
        Self::Env,
        Self::OAuthToken,
        Self::Opaque,
        Self::SshKey,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::Env => "env",
            Self::OAuthToken => "oauth-token",
            Self::Opaque => "opaque",
            Self::SshKey => "ssh-key",
        }
    }

    /// The kind of that name.
    ///
    /// # Errors
    /// `Misuse` for any other name.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| Error::misuse("a kind is api-key, env, oauth-token, opaque or ssh-key"))
    }

    /// Whether its secrets are parts of it.
    pub(crate) const fn has_parts(self) -> bool {
        matches!(self, Self::Env | Self::OAuthToken)
    }

    pub(crate) fn id(self) -> Result<CredentialKind> {
        CredentialKind::new(self.as_str())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What may be shown of a credential: nothing in it is secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Facts {
    /// When it expires, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// OAuth: what the token may do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// OAuth: whether there is a refresh token.
    #[serde(default, skip_serializing_if = "is_false")]
    pub refreshable: bool,
    /// SSH: the key's type, such as `ssh-ed25519`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_type: Option<String>,
    /// SSH: `SHA256:` and base64, as `ssh-keygen -l` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// SSH: whether a passphrase protects the key.
    #[serde(default, skip_serializing_if = "is_false")]
    pub encrypted: bool,
    /// Environment: the names, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // The signature serde asks for.
fn is_false(value: &bool) -> bool {
    !value
}

/// A credential, checked. Its bytes are wiped on drop and never printed.
pub struct Credential {
    kind: Kind,
    bytes: SecretBytes,
    hint: Hint,
    facts: Facts,
    notes: Vec<Note>,
}

impl Credential {
    /// Checks `bytes` as a credential of a `kind` that is known at run time, 1 byte to 1 MiB.
    ///
    /// `now`, the time it was received, dates what expires in so many seconds. What a person should know of how it was read
    /// is in [`Credential::notes`].
    ///
    /// # Errors
    /// `Misuse` if they are not one. The message says what is wrong and where, and never quotes
    /// the secret.
    pub fn parse(
        kind: Kind,
        bytes: SecretBytes,
        provider: &Provider,
        now: Timestamp,
    ) -> Result<Self> {
        if bytes.is_empty() {
            return Err(Error::misuse(
                "the credential is empty: give the secret itself",
            ));
        }
        if bytes.len() > MAX_PLAINTEXT {
            return Err(Error::misuse("a credential has at most 1048576 bytes"));
        }
        let mut bytes = bytes;
        let mut hint = Hint::none();
        let mut facts = Facts::default();
        let mut notes = Vec::new();
        if ssh::looks_like_key(bytes.expose()) {
            match kind {
                Kind::ApiKey | Kind::Env | Kind::OAuthToken => return Err(no(kind)),
                Kind::Opaque => notes.push(Note::LooksLikeSshKey),
                Kind::SshKey => {}
            }
        }
        match kind {
            Kind::ApiKey => {
                let line = api_key(bytes.expose())?;
                hint = Hint::of(line);
                if line.len() < bytes.len() {
                    notes.push(Note::EndsInLineEnd);
                }
            }
            Kind::Env => {
                let set = EnvSet::parse(bytes.expose()).map_err(|error| or_opaque(&error))?;
                facts = set.facts();
                notes = set.notes().to_vec();
            }
            Kind::OAuthToken => {
                let token = OAuthToken::parse(bytes.expose())?;
                hint = Hint::of(token.access().expose());
                facts = token.facts(now);
                notes = token.notes().to_vec();
            }
            Kind::Opaque => {}
            Kind::SshKey => {
                let (key, mended) = SshKey::read(bytes.expose())?;
                facts = key.facts(provider);
                if key.has_other_half {
                    notes.push(Note::OtherPublicHalf);
                }
                if let Some(mended) = mended {
                    notes.push(Note::Mended);
                    bytes = mended;
                }
            }
        }
        Ok(Self {
            kind,
            bytes,
            hint,
            facts,
            notes,
        })
    }

    /// An API key: one line of visible ASCII.
    ///
    /// # Errors
    /// As [`Credential::parse`].
    pub fn api_key(secret: impl Into<SecretBytes>) -> Result<Self> {
        Self::timeless(Kind::ApiKey, secret.into())
    }

    /// A dotenv file.
    ///
    /// # Errors
    /// As [`Credential::parse`].
    pub fn env_file(text: impl Into<SecretBytes>) -> Result<Self> {
        Self::timeless(Kind::Env, text.into())
    }

    /// A provider's token response, `received` then: it dates what expires in so many seconds.
    ///
    /// # Errors
    /// As [`Credential::parse`].
    pub fn oauth_response(json: impl Into<SecretBytes>, received: Timestamp) -> Result<Self> {
        Self::parse(
            Kind::OAuthToken,
            json.into(),
            &Provider::default(),
            received,
        )
    }

    /// Any bytes.
    ///
    /// # Errors
    /// As [`Credential::parse`].
    pub fn opaque(secret: impl Into<SecretBytes>) -> Result<Self> {
        Self::timeless(Kind::Opaque, secret.into())
    }

    /// A private key in OpenSSH's own format.
    ///
    /// # Errors
    /// As [`Credential::parse`].
    pub fn ssh_key(key: impl Into<SecretBytes>) -> Result<Self> {
        Self::timeless(Kind::SshKey, key.into())
    }

    /// One of a kind that tells of no time.
    fn timeless(kind: Kind, bytes: SecretBytes) -> Result<Self> {
        let never_read = Timestamp::from_millis(0);
        Self::parse(kind, bytes, &Provider::default(), never_read)
    }

    /// What sort of credential it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The bytes, as they were given; of an SSH key that [`Note::Mended`] tells of, as OpenSSH
    /// loads them.
    #[must_use]
    pub const fn bytes(&self) -> &SecretBytes {
        &self.bytes
    }

    /// The masked form.
    #[must_use]
    pub const fn hint(&self) -> &Hint {
        &self.hint
    }

    /// What may be shown of it.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What a person should know of how it was read. Of an opened credential, none.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Its variables, if it is an environment, as [`EnvSet::parse`] reads them.
    ///
    /// # Errors
    /// `Misuse` if it is of another kind.
    pub fn env(&self) -> Result<EnvSet> {
        self.expect(Kind::Env)?;
        EnvSet::parse(self.bytes.expose())
    }

    /// Its variables, if it is an environment, as `loader` reads them.
    ///
    /// # Errors
    /// `Misuse` if it is of another kind, or if this loader does not understand all of it.
    pub fn env_as(&self, loader: Loader) -> Result<EnvSet> {
        self.expect(Kind::Env)?;
        EnvSet::parse_as(self.bytes.expose(), loader)
    }

    /// Its parts, if it is an OAuth token.
    ///
    /// # Errors
    /// `Misuse` if it is of another kind.
    pub fn oauth_token(&self) -> Result<OAuthToken> {
        self.expect(Kind::OAuthToken)?;
        OAuthToken::parse(self.bytes.expose())
    }

    fn expect(&self, kind: Kind) -> Result<()> {
        if self.kind == kind {
            return Ok(());
        }
        Err(Error::misuse(format!(
            "the credential is of kind {}, not {kind}",
            self.kind
        )))
    }

    pub(crate) fn from_store(kind: Kind, bytes: SecretBytes, hint: Hint, facts: Facts) -> Self {
        Self {
            kind,
            bytes,
            hint,
            facts,
            notes: Vec::new(),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({}, {})", self.kind, self.hint)
    }
}

/// That an SSH key was given for something else.
/// What else there is for a file that is no set of variables.
fn or_opaque(error: &Error) -> Error {
    Error::misuse(format!("{error}, or use kind opaque"))
}

fn no(kind: Kind) -> Error {
    Error::misuse(format!(
        "this looks like an OpenSSH private key, which is no {kind}: use kind {}",
        Kind::SshKey
    ))
}

/// An API key is one line of visible ASCII; a final line end, as files end in one, is let through
/// and kept. Returns the line without it.
fn api_key(bytes: &[u8]) -> Result<&[u8]> {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() || !line.iter().all(u8::is_ascii_graphic) {
        return Err(Error::misuse(
            "an api-key is one line of visible ASCII without spaces; for anything else use kind opaque",
        ));
    }
    Ok(line)
}
