//! Records.

mod read;
mod scan;
mod words;
mod write;

use keyward_base::{Result, Timestamp};
use keyward_store::{
    Applied, BoxFuture, Collection, DamagedRow, Erased, Find, Found, Outline, Page, Record,
    RecordKey, Records, Scan, StoreId, StoreLimits, Words, Write,
};

use crate::damaged;
use crate::erase;
use crate::store::SqliteStore;
use crate::writer::Verdict;

pub(crate) use write::one as write;

/// Keys that are still read inline, at about a microsecond each.
const INLINE: usize = 16;

impl Records for SqliteStore {
    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<Applied>> {
        Box::pin(async move {
            StoreLimits::check_batch(&batch)?;
            self.durable()?
                .write(move |tx| write::batch(tx, &batch))
                .await
        })
    }

    fn check_counts(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.check("PRAGMA integrity_check('record')"))
    }

    fn count<'a>(
        &'a self,
        collection: &'a Collection,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_collection(collection)?;
            StoreLimits::check_prefix(prefix)?;
            let (collection, prefix) = (collection.clone(), prefix.to_owned());
            self.readers
                .run(move |conn| read::count(conn, &collection, &prefix))
                .await
        })
    }

    fn count_words<'a>(
        &'a self,
        collection: &'a Collection,
        owner: Option<&'a str>,
        words: &'a Words,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_collection(collection)?;
            StoreLimits::check_words(words)?;
            owner.map_or(Ok(()), StoreLimits::check_owner)?;
            let (collection, words) = (collection.clone(), words.clone());
            let owner = owner.map(str::to_owned);
            self.readers
                .run(move |conn| words::count(conn, &collection, owner.as_deref(), &words))
                .await
        })
    }

    fn damaged(&self) -> BoxFuture<'_, Result<Vec<DamagedRow>>> {
        Box::pin(self.readers.run_unlimited(damaged::all))
    }

    fn delete_owner<'a>(
        &'a self,
        collection: &'a Collection,
        owner: &'a str,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_collection(collection)?;
            StoreLimits::check_owner(owner)?;
            let (collection, owner) = (collection.clone(), owner.to_owned());
            self.durable()?
                .write(move |tx| {
                    write::delete_owner(tx.conn, &collection, &owner).map(Verdict::Keep)
                })
                .await
        })
    }

    fn erase(&self) -> BoxFuture<'_, Result<Erased>> {
        Box::pin(async move { self.writer.alone(erase::erase).await })
    }

    fn fetch<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            StoreLimits::check_key(key)?;
            if let Some(read) = self.readers.inline(|conn| read::one(conn, key)) {
                return read;
            }
            let key = key.clone();
            self.readers.run(move |conn| read::one(conn, &key)).await
        })
    }

    fn fetch_many<'a>(
        &'a self,
        keys: &'a [RecordKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(async move {
            StoreLimits::check_many(keys)?;
            if keys.len() <= INLINE
                && let Some(read) = self.readers.inline(|conn| read::many(conn, keys))
            {
                return read;
            }
            let keys = keys.to_vec();
            self.readers.run(move |conn| read::many(conn, &keys)).await
        })
    }

    fn find(&self, find: Find) -> BoxFuture<'_, Result<Page<Record, Found>>> {
        Box::pin(async move {
            StoreLimits::check_find(&find)?;
            self.readers.run(move |conn| scan::find(conn, &find)).await
        })
    }

    fn identity(&self) -> Result<StoreId> {
        Ok(self.identity.clone())
    }

    fn outline(&self, scan: Scan, front: usize) -> BoxFuture<'_, Result<Page<Outline>>> {
        Box::pin(async move {
            StoreLimits::check_scan(&scan)?;
            StoreLimits::check_front(front)?;
            self.readers
                .run(move |conn| scan::outlines(conn, &scan, front))
                .await
        })
    }

    fn purge<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_collection(collection)?;
            let collection = collection.clone();
            self.durable()?
                .write(move |tx| write::purge(tx.conn, &collection, now, limit).map(Verdict::Keep))
                .await
        })
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Page<Record>>> {
        Box::pin(async move {
            StoreLimits::check_scan(&scan)?;
            self.readers
                .run(move |conn| scan::records(conn, &scan))
                .await
        })
    }

    fn set_aside<'a>(&'a self, place: &'a str) -> BoxFuture<'a, Result<DamagedRow>> {
        Box::pin(async move {
            let place = place.to_owned();
            let gone = self
                .durable()?
                .write(move |tx| damaged::set_aside(tx, &place))
                .await?;
            gone.ok_or_else(DamagedRow::none)
        })
    }
}
