//! The fence: the least seq a key must have to seal into a data store.
//!
//! Every put requires the version of the fence it was made under, in one atomic batch. So nobody
//! writes a row under an old key after the fence went up, however late they are.

use keyward_base::{Error, Result};
use keyward_store::{Applied, Collection, RecordKey, Records, Version, Write};

const FENCE: Collection = Collection::named("fence");
const MAGIC: &[u8; 5] = b"kwfn\x01";

/// How often a lost compare-and-swap is tried again.
const MAX_TRIES: usize = 32;

/// A state of the fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    version: Option<Version>,
    pub(crate) least_seq: u64,
}

fn key() -> RecordKey {
    RecordKey {
        collection: FENCE,
        owner: String::new(),
        id: "fence".to_owned(),
    }
}

impl Fence {
    pub(crate) async fn read(store: &dyn Records) -> Result<Self> {
        let Some(record) = store.fetch(&key()).await? else {
            return Ok(Self {
                version: None,
                least_seq: 0,
            });
        };
        let wrong = || Error::corrupt("the fence record is not ours");
        let seq = record.data.strip_prefix(MAGIC).ok_or_else(wrong)?;
        let seq = <[u8; 8]>::try_from(seq).map_err(|_| wrong())?;
        Ok(Self {
            version: Some(record.version),
            least_seq: u64::from_be_bytes(seq),
        })
    }

    /// The condition that the fence has not moved.
    pub(crate) fn require(&self) -> Write {
        Write::Require {
            key: key(),
            version: self.version,
        }
    }

    /// Raises the fence to `least_seq`, or leaves it where it is if it is higher.
    pub(crate) async fn raise(store: &dyn Records, least_seq: u64) -> Result<Self> {
        for _ in 0..MAX_TRIES {
            let here = Self::read(store).await?;
            if here.version.is_some() && here.least_seq >= least_seq {
                return Ok(here);
            }
            let mut data = MAGIC.to_vec();
            data.extend_from_slice(&least_seq.to_be_bytes());
            let (sealed, expires) = (String::new(), None);
            let write = match here.version {
                Some(version) => Write::Swap {
                    key: key(),
                    version,
                    sealed,
                    data,
                    expires,
                },
                None => Write::Insert {
                    key: key(),
                    sealed,
                    data,
                    expires,
                },
            };
            if let Applied::Done(_) = store.apply(vec![write]).await? {
                return Self::read(store).await;
            }
        }
        Err(Error::unavailable(
            "the data store is contended: every try lost to another writer",
        ))
    }
}
