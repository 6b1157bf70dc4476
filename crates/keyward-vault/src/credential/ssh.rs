//! An SSH private key in OpenSSH's format (`PROTOCOL.key` of OpenSSH; RFC 4251 section 5 for the
//! encodings). Only what is public is kept: type, fingerprint, whether it is encrypted.

use base64ct::Encoding as _;
use keyward_base::{Error, Result, SecretBytes};
use keyward_crypto::Provider;

use super::Facts;

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// The most bytes of a key file. An RSA key of 16384 bits takes about 13 KiB.
const MAX_LEN: usize = 64 * 1024;

/// What may be known of an SSH private key without using it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshKey {
    key_type: String,
    public: Vec<u8>,
    encrypted: bool,
}

impl SshKey {
    /// Reads one private key in OpenSSH's format. Without a passphrase, the private section is
    /// checked against the public key it comes with.
    ///
    /// # Errors
    /// `Misuse` for anything else; for keys in other formats the message says how to convert.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_LEN {
            return Err(Error::misuse("an ssh-key has at most 65536 bytes"));
        }
        let file = decode_armour(bytes)?;
        let mut from = Reader(file.expose());
        from.magic()?;
        let cipher = from.text()?.to_owned();
        let kdf = from.text()?.to_owned();
        let _kdf_options = from.string()?;
        if from.u32()? != 1 {
            return Err(wrong("it holds not exactly one key"));
        }
        let public = from.string()?.to_vec();
        let private = from.string()?;
        // An authenticated cipher's tag follows the private section, outside its length.
        let tag_len = match cipher.as_str() {
            "aes128-gcm@openssh.com"
            | "aes256-gcm@openssh.com"
            | "chacha20-poly1305@openssh.com" => 16,
            _ => 0,
        };
        if from.0.len() != tag_len {
            return Err(wrong("its length is not right"));
        }
        let key_type = Reader(&public).text()?.to_owned();
        if key_type.is_empty() || !key_type.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong("its type is not a name"));
        }
        let encrypted = match (cipher.as_str(), kdf.as_str()) {
            ("none", "none") => false,
            ("none", _) | (_, "none") => return Err(wrong("its encryption is half stated")),
            _ => true,
        };
        if !encrypted {
            check_private(private, &key_type, &public)?;
        }
        Ok(Self {
            key_type,
            public,
            encrypted,
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

fn wrong(what: &str) -> Error {
    Error::misuse(format!("the ssh-key is damaged: {what}"))
}

/// Takes the base64 between the two marks apart.
fn decode_armour(bytes: &[u8]) -> Result<SecretBytes> {
    let not_one = || {
        Error::misuse(
            "this is no private key in OpenSSH's format; convert another with: ssh-keygen -p -f FILE",
        )
    };
    let text = std::str::from_utf8(bytes).map_err(|_| not_one())?;
    let inside = text
        .trim()
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(END));
    let inside = inside.ok_or_else(not_one)?;
    let mut encoded = SecretBytes::new(Vec::with_capacity(inside.len()));
    for line in inside.lines() {
        encoded.push(line.trim_end().as_bytes());
    }
    let encoded = std::str::from_utf8(encoded.expose()).map_err(|_| not_one())?;
    base64ct::Base64::decode_vec(encoded)
        .map(SecretBytes::new)
        .map_err(|_| wrong("it is not base64"))
}

/// The private section of a key without a passphrase: two equal check numbers, type, the public
/// and private numbers, a comment, and padding 1, 2, 3 and so on.
fn check_private(section: &[u8], key_type: &str, public: &[u8]) -> Result<()> {
    let mut from = Reader(section);
    if from.u32()? != from.u32()? {
        return Err(wrong("its two check numbers differ"));
    }
    if from.text()? != key_type {
        return Err(wrong("its private part is of another type"));
    }
    check_public_part(&mut from, key_type, public)?;
    let padding = from.0;
    let counted = padding
        .iter()
        .zip(1_u8..)
        .all(|(byte, number)| *byte == number);
    if !section.len().is_multiple_of(8) || padding.len() >= 8 || !counted {
        return Err(wrong("its padding is not right"));
    }
    Ok(())
}

/// The public numbers stand in the private section too, in an order of the type's own; they must
/// be those of the public key. Of a type unknown here, the section is taken as it is.
fn check_public_part(from: &mut Reader<'_>, key_type: &str, public: &[u8]) -> Result<()> {
    let mut expected = Reader(public);
    expected.text()?;
    // How many strings follow: which of them repeat the public key, in its order.
    let (fields, repeated): (usize, &[usize]) = match key_type {
        "ssh-ed25519" => (2, &[0]),
        "ssh-rsa" => (6, &[1, 0]),
        t if t.starts_with("ecdsa-sha2-") => (3, &[0, 1]),
        "ssh-dss" => (5, &[0, 1, 2, 3]),
        _ => {
            from.0 = &[];
            return Ok(());
        }
    };
    let mut held = Vec::new();
    for _ in 0..fields {
        held.push(from.string()?);
    }
    let _comment = from.string()?;
    for at in repeated {
        if held.get(*at).copied() != Some(expected.string()?) {
            return Err(wrong("its private part belongs to another public key"));
        }
    }
    // An Ed25519 secret is 32 bytes of seed and the public key once more.
    let ends_in_public = match held.as_slice() {
        [public, secret] => secret.len() == 64 && secret.ends_with(public),
        _ => true,
    };
    if !ends_in_public {
        return Err(wrong("its private part belongs to another public key"));
    }
    if !expected.0.is_empty() {
        return Err(wrong("its public part is longer than its type"));
    }
    Ok(())
}

/// Strings and numbers of RFC 4251 section 5.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn magic(&mut self) -> Result<()> {
        self.0 = self
            .0
            .strip_prefix(MAGIC)
            .ok_or_else(|| wrong("its first bytes are not right"))?;
        Ok(())
    }

    fn u32(&mut self) -> Result<u32> {
        let (number, rest) = self
            .0
            .split_first_chunk::<4>()
            .ok_or_else(|| wrong("it is cut off"))?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*number))
    }

    fn string(&mut self) -> Result<&'a [u8]> {
        let len = usize::try_from(self.u32()?).map_err(|_| wrong("it is cut off"))?;
        let (string, rest) = self
            .0
            .split_at_checked(len)
            .ok_or_else(|| wrong("it is cut off"))?;
        self.0 = rest;
        Ok(string)
    }

    fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.string()?).map_err(|_| wrong("a name in it is not text"))
    }
}
