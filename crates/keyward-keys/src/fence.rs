//! The fence: the least seq a key must have to seal into a data store.
//!
//! Every put requires the version of the fence it was made under, in one atomic batch. So nobody
//! writes a row under an old key after the fence went up, however late they are. It also says
//! which purpose the store belongs to: rows of two purposes in one store could not be told apart.

use keyward_base::{Error, Purpose, Result};
use keyward_store::{Applied, Collection, Content, RecordKey, Records, Version, Write};

use crate::keyring::MAX_TRIES;

const FENCE: Collection = Collection::named("fence");
const MAGIC: &[u8; 5] = b"kwfn\x01";

/// A state of the fence of a data store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    version: Version,
    least_seq: u64,
    purpose: Purpose,
}

fn key() -> RecordKey {
    RecordKey {
        collection: FENCE,
        owner: String::new(),
        id: "fence".to_owned(),
    }
}

impl Fence {
    /// The least seq that seals.
    #[must_use]
    pub const fn least_seq(&self) -> u64 {
        self.least_seq
    }

    /// The condition that the fence has not moved.
    #[must_use]
    pub fn require(&self) -> Write {
        Write::Require {
            key: key(),
            version: Some(self.version),
        }
    }

    /// The fence of a store that belongs to `purpose`, put up at 0 if there is none.
    ///
    /// # Errors
    /// `Misuse` if the store belongs to another purpose; `Unavailable` if it cannot be reached;
    /// `Corrupt` if the record is not a fence.
    pub async fn claim(store: &dyn Records, purpose: &Purpose) -> Result<Self> {
        Self::raise(store, purpose, 0).await
    }

    /// Raises the fence of a store that belongs to `purpose` to `least_seq`, or leaves it where it
    /// is if it is higher.
    ///
    /// # Errors
    /// As [`Fence::claim`].
    pub async fn raise(store: &dyn Records, purpose: &Purpose, least_seq: u64) -> Result<Self> {
        for _ in 0..MAX_TRIES {
            let here = Self::read(store).await?;
            match &here {
                Some(here) if here.purpose != *purpose => {
                    return Err(Error::misuse(format!(
                        "the data store holds values of purpose {}: give purpose {purpose} a store of its own",
                        here.purpose
                    )));
                }
                Some(here) if here.least_seq >= least_seq => return Ok(here.clone()),
                _ => {}
            }
            let mut data = MAGIC.to_vec();
            data.extend_from_slice(&least_seq.to_be_bytes());
            data.extend_from_slice(purpose.as_str().as_bytes());
            let (sealed, expires) = (String::new(), None);
            let write = match here.map(|here| here.version) {
                Some(version) => Write::Swap {
                    key: key(),
                    version,
                    content: Content {
                        sealed,
                        data,
                        expires,
                        ..Content::default()
                    },
                },
                None => Write::Insert {
                    key: key(),
                    content: Content {
                        sealed,
                        data,
                        expires,
                        ..Content::default()
                    },
                },
            };
            if let Applied::Done(versions) = store.apply(vec![write]).await?
                && let Some(version) = versions.into_iter().flatten().next()
            {
                return Ok(Self {
                    version,
                    least_seq,
                    purpose: purpose.clone(),
                });
            }
        }
        Err(Error::unavailable(
            "the data store is contended: every try lost to another writer",
        ))
    }

    pub(crate) async fn read(store: &dyn Records) -> Result<Option<Self>> {
        let Some(record) = store.fetch(&key()).await? else {
            return Ok(None);
        };
        let wrong = || Error::corrupt("the fence record is not ours");
        let body = record.data.strip_prefix(MAGIC).ok_or_else(wrong)?;
        let (seq, purpose) = body.split_first_chunk::<8>().ok_or_else(wrong)?;
        let purpose = std::str::from_utf8(purpose).map_err(|_| wrong())?;
        Ok(Some(Self {
            version: record.version,
            least_seq: u64::from_be_bytes(*seq),
            purpose: Purpose::new(purpose).map_err(|_| wrong())?,
        }))
    }

    pub(crate) const fn purpose(&self) -> &Purpose {
        &self.purpose
    }
}
