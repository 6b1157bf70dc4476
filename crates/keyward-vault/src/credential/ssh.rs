//! An SSH private key in OpenSSH's format (`PROTOCOL.key` of OpenSSH; RFC 4251 section 5 for the
//! encodings). Only what is public is kept: type, fingerprint, whether it is encrypted.
//!
//! What `ssh-keygen -y` loads without a passphrase is taken, and nothing else without one; a key
//! with a passphrase is judged by its shape.

mod armour;
mod curve;
mod parts;
mod wire;

use keyward_base::{Error, Result, SecretBytes};
use keyward_crypto::Provider;

use self::wire::Reader;
use super::Facts;

const MAGIC: &[u8] = b"openssh-key-v1\0";

/// The most bytes of a key file. An RSA key of 16384 bits takes about 13 KiB.
const MAX_LEN: usize = 64 * 1024;

/// OpenSSH's ciphers for keys: name, block and tag in bytes.
const CIPHERS: [(&str, usize, usize); 12] = [
    ("none", 8, 0),
    ("3des-cbc", 8, 0),
    ("aes128-cbc", 16, 0),
    ("aes192-cbc", 16, 0),
    ("aes256-cbc", 16, 0),
    ("rijndael-cbc@lysator.liu.se", 16, 0),
    ("aes128-ctr", 16, 0),
    ("aes192-ctr", 16, 0),
    ("aes256-ctr", 16, 0),
    ("aes128-gcm@openssh.com", 16, 16),
    ("aes256-gcm@openssh.com", 16, 16),
    ("chacha20-poly1305@openssh.com", 8, 16),
];

/// What may be known of an SSH private key without using it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshKey {
    key_type: String,
    public: Vec<u8>,
    encrypted: bool,
    pub(super) has_other_half: bool,
}

impl SshKey {
    /// Reads one private key in OpenSSH's format, with any line ends, blanks and text around it.
    /// Without a passphrase, the private section is checked against the public key it comes with.
    ///
    /// # Errors
    /// `Misuse` for anything else; for keys in other formats the message says how to convert.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::read(bytes).map(|(key, _)| key)
    }

    /// The key, and the file as OpenSSH loads it if these bytes are not that.
    pub(super) fn read(bytes: &[u8]) -> Result<(Self, Option<SecretBytes>)> {
        if bytes.len() > MAX_LEN {
            return Err(Error::misuse(
                "an ssh-key has at most 65536 bytes; for other files use kind opaque",
            ));
        }
        let armour = armour::read(bytes)?;
        let file = armour.decode()?;
        let key = Self::of_file(file.expose())?;
        Ok((key, armour.mended()))
    }

    fn of_file(file: &[u8]) -> Result<Self> {
        let mut from = Reader::of(
            file.strip_prefix(MAGIC)
                .ok_or_else(|| wrong("its first bytes are not right"))?,
        );
        let cipher = from.text()?;
        let kdf = from.text()?;
        let kdf_options = from.string()?;
        if from.u32()? != 1 {
            return Err(wrong("it holds not exactly one key"));
        }
        let public = from.string()?;
        let private_len = from.u32()?;
        let (_, block, tag) = CIPHERS
            .into_iter()
            .find(|(name, ..)| *name == cipher)
            .ok_or_else(|| wrong("its cipher is none of OpenSSH's"))?;
        let private = from.take(private_len)?;
        if from.rest().len() != tag {
            return Err(wrong("its length is not right"));
        }
        if private.is_empty() || !private.len().is_multiple_of(block) {
            return Err(wrong("its private part is no whole number of blocks"));
        }
        let parts = parts::Public::read(public)?;
        let encrypted = match (cipher, kdf) {
            ("none", "none") => false,
            ("none", _) | (_, "none") => return Err(wrong("its encryption is half stated")),
            (_, "bcrypt") => {
                let mut options = Reader::of(kdf_options);
                let salt = options.string()?;
                if salt.is_empty() || options.u32()? == 0 {
                    return Err(wrong("its passphrase is not stated as OpenSSH does"));
                }
                true
            }
            _ => return Err(wrong("its passphrase is not stated as OpenSSH does")),
        };
        let mut has_other_half = false;
        if !encrypted {
            has_other_half = parts.check_private(private)?;
        }
        Ok(Self {
            key_type: parts.key_type().to_owned(),
            public: public.to_vec(),
            encrypted,
            has_other_half,
        })
    }

    /// Its type, such as `ssh-ed25519`.
    #[must_use]
    pub fn key_type(&self) -> &str {
        &self.key_type
    }

    /// Whether a passphrase protects it.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// The public key as one line of an `authorized_keys` file, without a comment: the type and
    /// base64.
    #[must_use]
    pub fn public_line(&self) -> String {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(&self.public);
        format!("{} {encoded}", self.key_type)
    }

    /// `SHA256:` and unpadded base64 of the SHA-256 of the public key, as `ssh-keygen -l` prints
    /// it.
    #[must_use]
    pub fn fingerprint(&self, provider: &Provider) -> String {
        use base64::Engine as _;
        let digest = provider.sha256(&[&self.public]);
        let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest);
        format!("SHA256:{encoded}")
    }

    pub(super) fn facts(&self, provider: &Provider) -> Facts {
        Facts {
            key_type: Some(self.key_type.clone()),
            fingerprint: Some(self.fingerprint(provider)),
            encrypted: self.encrypted,
            ..Facts::default()
        }
    }
}

/// Whether `bytes` are an SSH private key by their first line, damaged or not.
pub(super) fn looks_like_key(bytes: &[u8]) -> bool {
    armour::begins(bytes)
}

fn wrong(what: &str) -> Error {
    Error::misuse(format!(
        "the ssh-key is damaged: {what}; copy its file anew, or use kind opaque"
    ))
}
