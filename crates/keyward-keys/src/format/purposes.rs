//! The purposes of a ring, and what holds for their keys.

use std::time::Duration;

use keyward_base::{Error, Purpose, Result, Suite};

use super::reader::Reader;
use crate::key_use::{Algorithm, PurposeRules, Rules, Signs, Suites};

/// The most purposes of a ring.
pub(crate) const MAX_PURPOSES: usize = 256;

const RAW: u8 = 1;

pub(super) fn write_purposes(purposes: &[PurposeRules], out: &mut Vec<u8>) -> Result<()> {
    let count = u16::try_from(purposes.len())
        .ok()
        .filter(|_| purposes.len() <= MAX_PURPOSES)
        .ok_or_else(|| Error::misuse("a keyring has at most 256 purposes"))?;
    out.extend_from_slice(&count.to_be_bytes());
    for PurposeRules { purpose, rules } in purposes {
        write_purpose(purpose, out);
        out.push(rules.algorithm().to_byte());
        let (flags, write, oldest, life) = match rules {
            Rules::Seal(suites) => (0, suites.write.to_byte(), suites.oldest.to_byte(), 0),
            Rules::Mac { longest_life } => (0, 0, 0, longest_life.map_or(0, |life| life.as_secs())),
            Rules::Sign(Signs::Fields) => (0, 0, 0, 0),
            Rules::Sign(Signs::Raw) => (RAW, 0, 0, 0),
        };
        out.extend_from_slice(&[flags, write, oldest]);
        out.extend_from_slice(&life.to_be_bytes());
    }
    Ok(())
}

pub(super) fn write_purpose(purpose: &Purpose, out: &mut Vec<u8>) {
    let name = purpose.as_str().as_bytes();
    out.push(u8::try_from(name.len()).unwrap_or(u8::MAX)); // A purpose has at most 32 bytes.
    out.extend_from_slice(name);
}

pub(super) fn read_purposes(from: &mut Reader<'_>) -> Result<Vec<PurposeRules>> {
    let count = usize::from(from.u16()?);
    if count > MAX_PURPOSES {
        return Err(from.wrong());
    }
    let mut purposes: Vec<PurposeRules> = Vec::new();
    for _ in 0..count {
        let found = read_rules(from)?;
        if purposes.iter().any(|other| other.purpose == found.purpose) {
            return Err(from.wrong());
        }
        purposes.push(found);
    }
    Ok(purposes)
}

pub(super) fn read_purpose(from: &mut Reader<'_>) -> Result<Purpose> {
    let len = usize::from(from.u8()?);
    Purpose::new(from.text(len)?).map_err(|_| from.wrong())
}

fn read_rules(from: &mut Reader<'_>) -> Result<PurposeRules> {
    let purpose = read_purpose(from)?;
    let algorithm = read_algorithm(from)?;
    let flags = from.flags(RAW)?;
    let (write, oldest) = (from.u8()?, from.u8()?);
    let life = from.u64()?;
    let rules = match (algorithm, flags, write, oldest, life) {
        (Algorithm::Seal, 0, 1.., 1.., 0) => {
            let (write, oldest) = (read_suite(write)?, read_suite(oldest)?);
            let suites = Suites { write, oldest };
            if !suites.open(write) {
                return Err(from.wrong());
            }
            Rules::Seal(suites)
        }
        (Algorithm::Mac, 0, 0, 0, life) => Rules::Mac {
            longest_life: (life > 0).then(|| Duration::from_secs(life)),
        },
        (Algorithm::Sign, 0, 0, 0, 0) => Rules::Sign(Signs::Fields),
        (Algorithm::Sign, RAW, 0, 0, 0) => Rules::Sign(Signs::Raw),
        _ => return Err(from.wrong()),
    };
    Ok(PurposeRules { purpose, rules })
}

pub(super) fn read_suite(byte: u8) -> Result<Suite> {
    Suite::from_byte(byte).map_err(|_| {
        Error::unavailable(
            "the keyring has keys of a suite that this release does not know: upgrade keyward",
        )
    })
}

pub(super) fn read_algorithm(from: &mut Reader<'_>) -> Result<Algorithm> {
    match from.u8()? {
        0 => Err(from.wrong()),
        1 => Ok(Algorithm::Seal),
        2 => Ok(Algorithm::Mac),
        3 => Ok(Algorithm::Sign),
        _ => Err(Error::unavailable(
            "the keyring has keys of an algorithm that this release does not know: upgrade keyward",
        )),
    }
}
