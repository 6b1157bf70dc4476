//! A vote by a passkey as a record keeps it: what was signed, and by whose leave.

use keyward_base::reader::Reader;
use keyward_base::{Error, Result, Timestamp};

use super::assertion::Assertion;

/// The most bytes of [`PasskeyVote::to_bytes`].
pub const MAX_LEN: usize = 4_096;

const VERSION: u8 = 1;

/// What shows that another may vote in an approver's place: that approver's own assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // What stands in the bytes.
pub struct Given {
    /// Until when.
    pub until: Timestamp,
    /// The nonce of the statement by which it was given.
    pub nonce: [u8; 32],
    /// The assertion over it.
    pub assertion: Assertion,
}

/// What proves a vote. Everything else that was signed stands in the gate, the action and the rule,
/// and is taken from there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // What stands in the bytes.
pub struct PasskeyVote {
    /// The nonce of the statement: 32 random bytes that the service drew for it.
    pub nonce: [u8; 32],
    /// The voter's assertion over it.
    pub assertion: Assertion,
    /// If it is a vote in another's place: the other's leave.
    pub given: Option<Given>,
}

impl PasskeyVote {
    /// The form in bytes, as `docs/formats/passkey-vote.md` says: at most [`MAX_LEN`].
    ///
    /// # Errors
    /// `Misuse` beyond that, which two assertions can be that are as long as can be.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.nonce);
        out.push(u8::from(self.given.is_some()));
        if let Some(given) = &self.given {
            let assertion = given.assertion.to_bytes();
            out.extend_from_slice(&given.until.as_millis().to_be_bytes());
            out.extend_from_slice(&given.nonce);
            let len = u16::try_from(assertion.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(&assertion);
        }
        out.extend_from_slice(&self.assertion.to_bytes());
        if out.len() > MAX_LEN {
            return Err(Error::misuse(
                "a vote in another's place and the leave for it take more than 4,096 bytes: have \
                 the approver vote himself",
            ));
        }
        Ok(out)
    }

    /// Reads what [`PasskeyVote::to_bytes`] wrote, and nothing else.
    ///
    /// # Errors
    /// `Corrupt` for anything else; `Unavailable` for a vote of a newer release.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let wrong = || Error::corrupt("the proof of a vote is damaged");
        if bytes.len() > MAX_LEN {
            return Err(wrong());
        }
        let mut rest = Reader::new(bytes);
        match rest.byte() {
            Some(VERSION) => {}
            Some(2..) => {
                return Err(Error::unavailable(
                    "a vote was kept by a newer release: upgrade keyward",
                ));
            }
            _ => return Err(wrong()),
        }
        read(&mut rest).unwrap_or_else(|| Err(wrong()))
    }
}

fn read(rest: &mut Reader<'_>) -> Option<Result<PasskeyVote>> {
    let nonce = rest.array()?;
    let given = match rest.flag()? {
        false => None,
        true => {
            let (until, nonce) = (rest.time()?, rest.array()?);
            let len = rest.len_u16()?;
            Some((until, nonce, rest.take(len)?))
        }
    };
    let given = given.map(|(until, nonce, assertion)| {
        Assertion::from_bytes(assertion).map(|assertion| Given {
            until,
            nonce,
            assertion,
        })
    });
    let assertion = rest.rest();
    Some(given.transpose().and_then(|given| {
        Ok(PasskeyVote {
            nonce,
            assertion: Assertion::from_bytes(assertion)?,
            given,
        })
    }))
}
