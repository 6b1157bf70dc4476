//! Root keys held in this process.

use std::collections::BTreeMap;

use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Encoded, Error, ErrorKind, Result, SecretArray, SecretBytes};
use keyward_crypto::{BodyKey, Provider, body_len};

use super::{RootVersion, SUITE, Wrapped};

/// The most versions one root holds.
const MAX_VERSIONS: usize = 16;

const HOW: &str = "make one with: head -c 32 /dev/urandom | base64";

/// Keys by version.
#[derive(Debug)]
pub(super) struct LocalKeys(BTreeMap<RootVersion, BodyKey>);

impl LocalKeys {
    /// Reads `v2:<base64>,v1:<base64>`: 32 random bytes each, base64 of either alphabet, padded
    /// or not. White space around the whole is allowed, since files end in a newline.
    pub(super) fn parse(text: &SecretBytes, provider: &Provider) -> Result<Self> {
        let text = std::str::from_utf8(text.expose())
            .map_err(|_| Error::misuse(format!("the root is not text; {HOW}")))?;
        let mut keys = BTreeMap::new();
        for entry in text.trim().split(',') {
            let (version, encoded) = entry
                .trim()
                .strip_prefix('v')
                .and_then(|rest| rest.split_once(':'))
                .ok_or_else(|| {
                    Error::misuse("a root is written v1:<base64>, or v2:<base64>,v1:<base64>")
                })?;
            let version = version
                .parse::<u32>()
                .ok()
                .filter(|number| *number > 0 && *number < u32::MAX && version == number.to_string())
                .map(RootVersion::new)
                .ok_or_else(|| Error::misuse("a root version is v1, v2 and so on"))?;
            let key = with_stack_wiped(|| decode(encoded))?;
            with_stack_wiped(|| check_random(key.expose()))?;
            if keys
                .insert(version, BodyKey::new(provider, SUITE, &key)?)
                .is_some()
            {
                return Err(Error::misuse(format!(
                    "root version {version} is given twice"
                )));
            }
            if keys.len() > MAX_VERSIONS {
                return Err(Error::misuse("a root has at most 16 versions"));
            }
        }
        Ok(Self(keys))
    }

    /// One random key, version 1.
    pub(super) fn random(provider: &Provider) -> Result<Self> {
        let key = BodyKey::new(provider, SUITE, &provider.random::<32>()?)?;
        Ok(Self(BTreeMap::from([(RootVersion::new(1), key)])))
    }

    pub(super) fn highest(&self) -> RootVersion {
        self.0
            .keys()
            .next_back()
            .copied()
            .unwrap_or(RootVersion::new(0))
    }

    pub(super) fn wrap(&self, context: &Encoded, key: &SecretArray<32>) -> Result<Wrapped> {
        let version = self.highest();
        let root = self.find(version)?;
        let mut bytes = Vec::with_capacity(body_len(32).unwrap_or_default());
        root.seal(context, key.expose(), &mut bytes)?;
        Ok(Wrapped { version, bytes })
    }

    pub(super) fn unwrap(&self, context: &Encoded, wrapped: &Wrapped) -> Result<SecretArray<32>> {
        unwrap_with(self.find(wrapped.version)?, context, &wrapped.bytes)
    }

    fn find(&self, version: RootVersion) -> Result<&BodyKey> {
        self.0.get(&version).ok_or_else(|| {
            Error::unavailable(format!(
                "root {version} is needed and not given: add {version}:<base64> to the root"
            ))
        })
    }
}

/// Opens a wrapped key. That it is not authentic means another root, or an altered record.
pub(super) fn unwrap_with(
    root: &BodyKey,
    context: &Encoded,
    body: &[u8],
) -> Result<SecretArray<32>> {
    let opened = root.open(context, body).map_err(|e| match e.kind() {
        ErrorKind::Rejected => Error::unavailable(
            "this root does not open the keyring: give the root that it was made with, or, if this is \
             it, the keyring was altered: restore the key store from a backup",
        )
        .with_source(e),
        _ => e,
    })?;
    SecretArray::copy_of(opened.expose())
        .ok_or_else(|| Error::corrupt("a wrapped key does not have 32 bytes"))
}

fn decode(encoded: &str) -> Result<SecretArray<32>> {
    use base64ct::{Base64, Base64Unpadded, Base64Url, Base64UrlUnpadded, Encoding};
    // Decoded into a buffer that is wiped when this fails, too: an attempt with the wrong alphabet
    // stops at its first odd character, which may be the last but one.
    fn read<E: Encoding>(encoded: &str) -> Option<SecretArray<32>> {
        let mut room = SecretBytes::new(vec![0; 33]);
        let bytes = E::decode(encoded, room.expose_mut()).ok()?;
        SecretArray::copy_of(bytes)
    }
    read::<Base64>(encoded)
        .or_else(|| read::<Base64Unpadded>(encoded))
        .or_else(|| read::<Base64Url>(encoded))
        .or_else(|| read::<Base64UrlUnpadded>(encoded))
        .ok_or_else(|| Error::misuse(format!("a root key is base64 of exactly 32 bytes; {HOW}")))
}

/// Refuses what is plainly not random. Of 32 random bytes, the last 8 repeat the first 8 in one
/// case of 2^64, and a shorter period is rarer still. 32 random bytes have 20 distinct values but for one case
/// in more than 10^8, and are all printable in fewer than one in 10^13.
fn check_random(key: &[u8; 32]) -> Result<()> {
    let mut seen = [false; 256];
    key.iter().for_each(|b| {
        if let Some(seen) = seen.get_mut(usize::from(*b)) {
            *seen = true;
        }
    });
    let distinct = seen.iter().filter(|s| **s).count();
    let text = key
        .iter()
        .all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace());
    let steady = |step: fn(u8, u8) -> u8| {
        let mut steps = key
            .iter()
            .zip(key.iter().skip(1))
            .map(|(a, b)| step(*a, *b));
        let first = steps.next();
        steps.all(|s| Some(s) == first)
    };
    let repeats =
        (1..=24).any(|period| key.iter().zip(key.iter().skip(period)).all(|(a, b)| a == b));
    if distinct < 20 || text || repeats || steady(|a, b| b.wrapping_sub(a)) {
        return Err(Error::misuse(format!(
            "the root key is a pattern or text, not random; {HOW}"
        )));
    }
    Ok(())
}
