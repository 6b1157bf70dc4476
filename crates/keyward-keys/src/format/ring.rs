//! The ring record.

use keyward_base::{Error, KeyId, Result, Timestamp};
use keyward_crypto::sign::{PublicKey, SIGNATURE_LEN};

use super::purposes::{
    read_algorithm, read_purpose, read_purposes, read_suite, write_purpose, write_purposes,
};
use super::reader::Reader;
use super::{MAC_LEN, MAX_PAGES, split_mac};
use crate::key_use::Algorithm;
use crate::ring::{
    KeyKind, KeyState, MAX_KEYS, Published, RegistryState, Ring, RingKey, RingMac, Successor,
};
use crate::ring_id::RingId;
use crate::root::{RootVersion, Wrapped};

const MAGIC: &[u8; 4] = b"kwrg";
const VERSION: u8 = 3;
const WRONG: &str = "the keyring record is not one of ours";

const UNREGISTERED: u8 = 1;
const ENDING: u8 = 2;

/// The bytes that the MAC covers: all but the MAC itself.
pub(crate) fn encode_ring(ring: &Ring) -> Result<Vec<u8>> {
    let mut out = MAGIC.to_vec();
    out.push(VERSION);
    out.extend_from_slice(&ring.id.to_bytes());
    out.extend_from_slice(&ring.epoch.to_be_bytes());
    out.extend_from_slice(&ring.oldest_living_epoch.to_be_bytes());
    write_mac(Some(&ring.mac), &mut out)?;
    write_mac(ring.previous_mac.as_ref(), &mut out)?;
    write_wrapped(Some(&ring.filter), &mut out)?;
    out.extend_from_slice(&ring.registry.pages.to_be_bytes());
    out.extend_from_slice(&ring.registry.digest);
    write_purposes(&ring.purposes, &mut out)?;
    let count = u16::try_from(ring.keys.len())
        .ok()
        .filter(|_| ring.keys.len() <= MAX_KEYS)
        .ok_or_else(|| {
            Error::misuse("a keyring holds at most 1024 keys, destroyed ones included")
        })?;
    out.extend_from_slice(&count.to_be_bytes());
    for key in &ring.keys {
        write_key(key, &mut out)?;
    }
    Ok(out)
}

fn write_mac(mac: Option<&RingMac>, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(&mac.map_or(0, |mac| mac.epoch).to_be_bytes());
    write_wrapped(mac.map(|mac| &mac.wrapped), out)
}

fn write_key(key: &RingKey, out: &mut Vec<u8>) -> Result<()> {
    let time = |at: Option<Timestamp>| at.map_or(0, Timestamp::as_millis).to_be_bytes();
    out.extend_from_slice(&key.id.to_bytes());
    out.extend_from_slice(&key.created_epoch.to_be_bytes());
    out.push(key.kind.algorithm().to_byte());
    out.push(key.kind.suite_byte());
    out.push(state_byte(key.state));
    let unregistered = if key.unregistered { UNREGISTERED } else { 0 };
    out.push(unregistered | if key.ending { ENDING } else { 0 });
    write_purpose(&key.purpose, out);
    out.extend_from_slice(&key.changed.to_be_bytes());
    out.extend_from_slice(&key.promoted_epoch.to_be_bytes());
    out.extend_from_slice(&key.created.as_millis().to_be_bytes());
    out.extend_from_slice(&time(key.promoted));
    out.extend_from_slice(&time(key.retired));
    out.extend_from_slice(&time(key.disabled));
    out.extend_from_slice(&time(key.destroyed));
    write_wrapped(key.wrapped.as_ref(), out)?;
    if let KeyKind::Sign(published) = &key.kind {
        write_published(published, out);
    }
    Ok(())
}

/// All zeros where nobody signed: an id of zeros is no key's that signs.
fn write_published(published: &Published, out: &mut Vec<u8>) {
    let none = ([0; 8], [0; SIGNATURE_LEN]);
    let word = published.successor.as_ref();
    let (of, signature) = word.map_or(none, |word| (word.of.to_bytes(), word.signature));
    out.extend_from_slice(&published.public.to_bytes());
    out.extend_from_slice(&of);
    out.extend_from_slice(&signature);
}

fn write_wrapped(wrapped: Option<&Wrapped>, out: &mut Vec<u8>) -> Result<()> {
    let Some(wrapped) = wrapped else {
        out.extend_from_slice(&[0; 6]);
        return Ok(());
    };
    let len = u16::try_from(wrapped.bytes.len())
        .ok()
        .filter(|_| (1..=Wrapped::MAX_LEN).contains(&wrapped.bytes.len()))
        .ok_or_else(|| Error::unavailable("the root wraps a key into 0 or more than 4096 bytes"))?;
    out.extend_from_slice(&wrapped.version.number().to_be_bytes());
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&wrapped.bytes);
    Ok(())
}

/// Reads a ring record; returns it with the bytes the MAC covers and the MAC.
pub(crate) fn decode_ring(bytes: &[u8]) -> Result<(Ring, &[u8], [u8; MAC_LEN])> {
    let (body, tag) = split_mac(bytes)?;
    let mut from = Reader::new(body, WRONG);
    from.magic(MAGIC)?;
    from.version(VERSION)?;
    let id = RingId::from_bytes(from.array()?);
    let (epoch, oldest_living_epoch) = (from.u64()?, from.u64()?);
    let mac = read_mac(&mut from)?.ok_or_else(|| from.wrong())?;
    let previous_mac = read_mac(&mut from)?;
    let filter = read_wrapped(&mut from)?.ok_or_else(|| from.wrong())?;
    let registry = RegistryState {
        pages: from.u16()?,
        digest: from.array()?,
    };
    let purposes = read_purposes(&mut from)?;
    let count = usize::from(from.u16()?);
    if count > MAX_KEYS || usize::from(registry.pages) > MAX_PAGES {
        return Err(from.wrong());
    }
    let mut keys = Vec::new();
    for _ in 0..count {
        keys.push(read_key(&mut from)?);
    }
    from.end()?;
    let ring = Ring {
        id,
        epoch,
        oldest_living_epoch,
        mac,
        previous_mac,
        filter,
        registry,
        purposes,
        keys,
    };
    Ok((ring, body, tag))
}

fn read_mac(from: &mut Reader<'_>) -> Result<Option<RingMac>> {
    let epoch = from.u64()?;
    match (epoch, read_wrapped(from)?) {
        (0, None) => Ok(None),
        (1.., Some(wrapped)) => Ok(Some(RingMac { epoch, wrapped })),
        _ => Err(from.wrong()),
    }
}

fn read_key(from: &mut Reader<'_>) -> Result<RingKey> {
    let id = from.key_id()?;
    let created_epoch = from.u64()?;
    let algorithm = read_algorithm(from)?;
    let suite = from.u8()?;
    let state = from.u8()?;
    let state = read_state(state).ok_or_else(|| from.wrong())?;
    let flags = from.flags(UNREGISTERED | ENDING)?;
    let purpose = read_purpose(from)?;
    let (changed, promoted_epoch) = (from.u64()?, from.u64()?);
    let created = Timestamp::from_millis(from.u64()?);
    let (promoted, retired) = (from.maybe_time()?, from.maybe_time()?);
    let (disabled, destroyed) = (from.maybe_time()?, from.maybe_time()?);
    let wrapped = read_wrapped(from)?;
    let kind = match (algorithm, suite) {
        (Algorithm::Seal, 1..) => KeyKind::Seal(read_suite(suite)?),
        (Algorithm::Mac, 0) => KeyKind::Mac,
        (Algorithm::Sign, 0) => KeyKind::Sign(read_published(from)?),
        _ => return Err(from.wrong()),
    };
    Ok(RingKey {
        id,
        created_epoch,
        kind,
        purpose,
        state,
        unregistered: flags & UNREGISTERED != 0,
        ending: flags & ENDING != 0,
        changed,
        promoted_epoch,
        created,
        promoted,
        retired,
        disabled,
        destroyed,
        wrapped,
    })
}

fn read_published(from: &mut Reader<'_>) -> Result<Published> {
    let public = PublicKey::from_bytes(from.array()?);
    let (of, signature) = (from.array::<8>()?, from.array::<SIGNATURE_LEN>()?);
    let none = signature == [0; SIGNATURE_LEN];
    if none && of != [0; 8] {
        return Err(from.wrong());
    }
    let of = KeyId::from_bytes(of);
    let successor = (!none).then_some(Successor { of, signature });
    Ok(Published { public, successor })
}

/// A wrapped key; a length of 0, under version 0, means none.
fn read_wrapped(from: &mut Reader<'_>) -> Result<Option<Wrapped>> {
    let version = from.u32()?;
    let len = usize::from(from.u16()?);
    if len > Wrapped::MAX_LEN || (len == 0) != (version == 0) {
        return Err(from.wrong());
    }
    let bytes = from.bytes(len)?.to_vec();
    Ok((len > 0).then_some(Wrapped {
        version: RootVersion::new(version),
        bytes,
    }))
}

const fn state_byte(state: KeyState) -> u8 {
    match state {
        KeyState::Pending => 1,
        KeyState::Active => 2,
        KeyState::Retired => 3,
        KeyState::Disabled => 4,
        KeyState::Destroyed => 5,
    }
}

const fn read_state(byte: u8) -> Option<KeyState> {
    Some(match byte {
        1 => KeyState::Pending,
        2 => KeyState::Active,
        3 => KeyState::Retired,
        4 => KeyState::Disabled,
        5 => KeyState::Destroyed,
        _ => return None,
    })
}
