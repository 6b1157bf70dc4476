//! The ring record.

use keyward_base::{Error, Purpose, Result, Suite, Timestamp};

use super::reader::Reader;
use super::{MAC_LEN, MAX_PAGES, split_mac};
use crate::ring::{Algorithm, KeyState, MAX_KEYS, RegistryState, Ring, RingKey, RingMac};
use crate::ring_id::RingId;
use crate::root::{RootVersion, Wrapped};

const MAGIC: &[u8; 4] = b"kwrg";
const VERSION: u8 = 2;
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
    out.push(key.algorithm.to_byte());
    out.push(key.suite.to_byte());
    out.push(state_byte(key.state));
    let unregistered = if key.unregistered { UNREGISTERED } else { 0 };
    out.push(unregistered | if key.ending { ENDING } else { 0 });
    let purpose = key.purpose.as_str().as_bytes();
    out.push(u8::try_from(purpose.len()).unwrap_or(u8::MAX)); // A purpose has at most 32 bytes.
    out.extend_from_slice(purpose);
    out.extend_from_slice(&key.changed.to_be_bytes());
    out.extend_from_slice(&key.promoted_epoch.to_be_bytes());
    out.extend_from_slice(&key.created.as_millis().to_be_bytes());
    out.extend_from_slice(&time(key.promoted));
    out.extend_from_slice(&time(key.retired));
    out.extend_from_slice(&time(key.disabled));
    out.extend_from_slice(&time(key.destroyed));
    write_wrapped(key.wrapped.as_ref(), out)
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
    let algorithm = read_algorithm(from.u8()?)?;
    let suite = Suite::from_byte(from.u8()?)?;
    let state = from.u8()?;
    let state = read_state(state).ok_or_else(|| from.wrong())?;
    let flags = from.flags(UNREGISTERED | ENDING)?;
    let purpose_len = usize::from(from.u8()?);
    let purpose = Purpose::new(from.text(purpose_len)?).map_err(|_| from.wrong())?;
    Ok(RingKey {
        id,
        created_epoch,
        algorithm,
        suite,
        purpose,
        state,
        unregistered: flags & UNREGISTERED != 0,
        ending: flags & ENDING != 0,
        changed: from.u64()?,
        promoted_epoch: from.u64()?,
        created: Timestamp::from_millis(from.u64()?),
        promoted: from.maybe_time()?,
        retired: from.maybe_time()?,
        disabled: from.maybe_time()?,
        destroyed: from.maybe_time()?,
        wrapped: read_wrapped(from)?,
    })
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

fn read_algorithm(byte: u8) -> Result<Algorithm> {
    match byte {
        0 => Err(Error::corrupt(WRONG)),
        1 => Ok(Algorithm::Seal),
        _ => Err(Error::unavailable(
            "the keyring has a key of an algorithm that this release does not know: upgrade keyward",
        )),
    }
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
