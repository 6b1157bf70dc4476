//! How far a rewrap came, kept in the data store beside the rows.

use keyward_base::{Error, Result};
use keyward_store::{
    Applied, Collection, Content, RecordKey, Records, StoreLimits, Version, Write,
};
use serde::{Deserialize, Serialize};

const REWRAP: Collection = Collection::named("rewrap");

/// Rows up to here are done, for keys of `least` and newer.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    version: Option<Version>,
    least: u64,
    after: Option<(String, String)>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u32,
    least: u64,
    after: Option<(String, String)>,
}

fn key() -> RecordKey {
    RecordKey {
        collection: REWRAP,
        owner: String::new(),
        id: "cursor".to_owned(),
    }
}

impl Cursor {
    /// The cursor of an interrupted run for the same keys, or one at the beginning.
    pub(super) async fn read(store: &dyn Records, least: u64) -> Result<Self> {
        let Some(record) = store.fetch(&key()).await? else {
            return Ok(Self {
                version: None,
                least,
                after: None,
            });
        };
        // A cursor that cannot be read costs a scan from the beginning, and nothing else.
        let after = serde_json::from_slice::<Stored>(&record.data)
            .ok()
            .filter(|stored| stored.v == 1 && stored.least == least)
            .and_then(|stored| stored.after)
            .filter(|(owner, id)| owner.len() <= StoreLimits::OWNER && id.len() <= StoreLimits::ID);
        Ok(Self {
            version: Some(record.version),
            least,
            after,
        })
    }

    pub(super) fn after(&self) -> Option<(String, String)> {
        self.after.clone()
    }

    /// The write that moves it to `after`.
    pub(super) fn advance(&self, after: &(String, String)) -> Result<Write> {
        self.write(Some(after.clone()))
    }

    fn write(&self, after: Option<(String, String)>) -> Result<Write> {
        let stored = Stored {
            v: 1,
            least: self.least,
            after,
        };
        let data = serde_json::to_vec(&stored)
            .map_err(|e| Error::unavailable("the cursor cannot be written").with_source(e))?;
        let (sealed, expires) = (String::new(), None);
        Ok(match self.version {
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
        })
    }

    /// It was moved to `after`, and the store's word for that is `version`.
    pub(super) fn moved(&mut self, after: (String, String), version: Option<Version>) {
        self.after = Some(after);
        self.version = version;
    }

    /// Takes over where another run, beside this one, has put it, without going back.
    pub(super) async fn follow(&mut self, store: &dyn Records) -> Result<()> {
        let stored = Self::read(store, self.least).await?;
        self.version = stored.version;
        self.after = self.after.take().max(stored.after);
        Ok(())
    }

    /// Everything is done: forget it. Losing to another run is as good.
    pub(super) async fn clear(self, store: &dyn Records) -> Result<()> {
        if let Some(version) = self.version {
            let _either_way: Applied = store
                .apply(vec![Write::Delete {
                    key: key(),
                    version,
                }])
                .await?;
        }
        Ok(())
    }

    /// Something is left: the next run begins at the beginning.
    pub(super) async fn rewind(self, store: &dyn Records) -> Result<()> {
        let _either_way: Applied = store.apply(vec![self.write(None)?]).await?;
        Ok(())
    }
}
