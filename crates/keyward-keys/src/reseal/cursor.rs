//! How far a pass over a collection came, kept in the data store beside the rows.

use keyward_base::Result;
use keyward_store::{Applied, Collection, RecordKey, Records, Version, Write};

use crate::format::{decode_cursor, encode_cursor};

const REWRAP: Collection = Collection::named("rewrap");

/// Rows up to here are done, for keys of `least` and newer.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    place: RecordKey,
    version: Option<Version>,
    least: u64,
    after: Option<(String, String)>,
}

/// One for each collection.
fn place(collection: &Collection) -> RecordKey {
    RecordKey {
        collection: REWRAP,
        owner: collection.as_str().to_owned(),
        id: "cursor".to_owned(),
    }
}

impl Cursor {
    /// The cursor of an interrupted run for the same keys, or one at the beginning.
    pub(super) async fn read(
        store: &dyn Records,
        collection: &Collection,
        least: u64,
    ) -> Result<Self> {
        Self::read_at(store, place(collection), least).await
    }

    async fn read_at(store: &dyn Records, place: RecordKey, least: u64) -> Result<Self> {
        let Some(record) = store.fetch(&place).await? else {
            return Ok(Self {
                place,
                version: None,
                least,
                after: None,
            });
        };
        // A cursor that cannot be read costs a scan from the beginning, and nothing else.
        let after = decode_cursor(&record.data)
            .ok()
            .filter(|(epoch, _)| *epoch == least)
            .map(|(_, after)| after);
        Ok(Self {
            place,
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
        let data = encode_cursor(self.least, after)?;
        Ok(crate::records::put(self.place.clone(), self.version, data))
    }

    /// It was moved to `after`, and the store's word for that is `version`.
    pub(super) fn moved(&mut self, after: (String, String), version: Option<Version>) {
        self.after = Some(after);
        self.version = version;
    }

    /// Takes over where another run, beside this one, has put it, without going back.
    pub(super) async fn follow(&mut self, store: &dyn Records) -> Result<()> {
        let stored = Self::read_at(store, self.place.clone(), self.least).await?;
        self.version = stored.version;
        self.after = self.after.take().max(stored.after);
        Ok(())
    }

    /// The end was reached: the next run begins at the beginning, where what was skipped lies too.
    /// Losing to another run is as good.
    pub(super) async fn clear(self, store: &dyn Records) -> Result<()> {
        if let Some(version) = self.version {
            let key = self.place;
            let _either_way: Applied = store.apply(vec![Write::Delete { key, version }]).await?;
        }
        Ok(())
    }
}
