//! Claims, one completion each.

use keyward_base::{Result, Timestamp};
use keyward_store::{
    Begun, BoxFuture, Claim, Collection, FencingToken, Finished, Once, RecordKey, StoreLimits,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::number::{from_time, from_u64, from_usize, to_u64};
use crate::store::SqliteStore;
use crate::writer::{Tx, Verdict};

impl Once for SqliteStore {
    fn abandon<'a>(
        &'a self,
        key: &'a RecordKey,
        token: FencingToken,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            StoreLimits::check_key(key)?;
            let key = key.clone();
            self.durable()?
                .write(move |tx| {
                    let gone = tx
                        .conn
                        .prepare_cached(
                            "DELETE FROM claim
                             WHERE collection = ?1 AND owner = ?2 AND id = ?3
                               AND fence = ?4 AND result IS NULL",
                        )?
                        .execute(params![
                            key.collection.as_str(),
                            key.owner,
                            key.id,
                            from_u64(token.number())
                        ])?;
                    Ok(Verdict::Keep(gone == 1))
                })
                .await
        })
    }

    fn begin<'a>(
        &'a self,
        key: &'a RecordKey,
        claim: Claim,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Begun>> {
        Box::pin(async move {
            StoreLimits::check_key(key)?;
            claim.check(now)?;
            let key = key.clone();
            self.durable()?
                .write(move |tx| begin(tx, &key, claim, now))
                .await
        })
    }

    fn begin_many<'a>(
        &'a self,
        claims: &'a [(RecordKey, Claim)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Begun>>> {
        Box::pin(async move {
            StoreLimits::check_claims(claims, now)?;
            let claims = claims.to_vec();
            self.durable()?
                .write(move |tx| {
                    let mut all = Vec::with_capacity(claims.len());
                    for (key, claim) in &claims {
                        // One that does not begin has written nothing that were to be undone.
                        all.push(begin(tx, key, *claim, now)?.of());
                    }
                    Ok(Verdict::Keep(all))
                })
                .await
        })
    }

    fn forget<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            StoreLimits::check_key(key)?;
            let key = key.clone();
            self.durable()?
                .write(move |tx| {
                    let gone = tx
                        .conn
                        .prepare_cached(
                            "DELETE FROM claim WHERE collection = ?1 AND owner = ?2 AND id = ?3",
                        )?
                        .execute(params![key.collection.as_str(), key.owner, key.id])?;
                    Ok(Verdict::Keep(gone == 1))
                })
                .await
        })
    }

    fn finish<'a>(
        &'a self,
        key: &'a RecordKey,
        token: FencingToken,
        result: &'a [u8],
        keep_until: Timestamp,
    ) -> BoxFuture<'a, Result<Finished>> {
        Box::pin(async move {
            StoreLimits::check_key(key)?;
            StoreLimits::check_data(result)?;
            StoreLimits::check_time(keep_until)?;
            let (key, result) = (key.clone(), result.to_vec());
            self.durable()?
                .write(move |tx| finish(tx.conn, &key, token, &result, keep_until))
                .await
        })
    }

    fn purge_once<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_collection(collection)?;
            let collection = collection.clone();
            self.durable()?
                .write(move |tx| {
                    let gone = tx
                        .conn
                        .prepare_cached(
                            "DELETE FROM claim WHERE rowid IN (
                                 SELECT rowid FROM claim
                                 WHERE collection = ?1 AND keep_until BETWEEN 0 AND ?2
                                     AND typeof(keep_until) = 'integer' LIMIT ?3)",
                        )?
                        .execute(params![
                            collection.as_str(),
                            from_time(now),
                            from_usize(limit)
                        ])?;
                    Ok(Verdict::Keep(u64::try_from(gone).unwrap_or(u64::MAX)))
                })
                .await
        })
    }
}

pub(crate) fn begin(
    tx: &mut Tx<'_>,
    key: &RecordKey,
    claim: Claim,
    now: Timestamp,
) -> rusqlite::Result<Verdict<Begun>> {
    let place = params![key.collection.as_str(), key.owner, key.id];
    let held = tx
        .conn
        .prepare_cached(
            "SELECT digest, lease_until, result, keep_until FROM claim
             WHERE collection = ?1 AND owner = ?2 AND id = ?3",
        )?
        .query_row(place, |row| {
            let time = |column| {
                let at: i64 = row.get(column)?;
                Ok::<_, rusqlite::Error>(Timestamp::from_millis(to_u64(column, at)?))
            };
            // Until when it is kept is read, not searched for: what is no time does not say that the
            // claim is over.
            if time(3)? <= now {
                return Ok(None);
            }
            Ok(Some((row.get::<_, Vec<u8>>(0)?, time(1)?, row.get(2)?)))
        })
        .optional()?;
    match held.flatten() {
        Some((digest, _, _)) if digest != claim.digest => {
            return Ok(Verdict::Undo(Begun::Conflict));
        }
        Some((_, _, Some(result))) => return Ok(Verdict::Undo(Begun::Done(result))),
        Some((_, until, None)) if until > now => {
            return Ok(Verdict::Undo(Begun::InFlight { until }));
        }
        _ => {}
    }
    let token = tx.next()?;
    tx.conn
        .prepare_cached(
            "REPLACE INTO claim
                 (collection, owner, id, digest, fence, lease_until, keep_until, result)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL)",
        )?
        .execute(params![
            key.collection.as_str(),
            key.owner,
            key.id,
            claim.digest,
            token,
            from_time(claim.lease_until),
            from_time(claim.keep_until)
        ])?;
    Ok(Verdict::Keep(Begun::Lease(FencingToken::new(to_u64(
        0, token,
    )?))))
}

pub(crate) fn finish(
    conn: &Connection,
    key: &RecordKey,
    token: FencingToken,
    result: &[u8],
    keep_until: Timestamp,
) -> rusqlite::Result<Verdict<Finished>> {
    let token = from_u64(token.number());
    let recorded: Option<Option<Vec<u8>>> = conn
        .prepare_cached(
            "SELECT result FROM claim
             WHERE collection = ?1 AND owner = ?2 AND id = ?3 AND fence = ?4",
        )?
        .query_row(
            params![key.collection.as_str(), key.owner, key.id, token],
            |row| row.get(0),
        )
        .optional()?;
    match recorded {
        None => return Ok(Verdict::Undo(Finished::Lost)),
        Some(Some(recorded)) if recorded != result => return Ok(Verdict::Undo(Finished::Lost)),
        Some(Some(_)) => return Ok(Verdict::Undo(Finished::Recorded)),
        Some(None) => {}
    }
    conn.prepare_cached(
        "UPDATE claim SET result = ?5, keep_until = ?6
         WHERE collection = ?1 AND owner = ?2 AND id = ?3 AND fence = ?4",
    )?
    .execute(params![
        key.collection.as_str(),
        key.owner,
        key.id,
        token,
        result,
        from_time(keep_until)
    ])?;
    Ok(Verdict::Keep(Finished::Recorded))
}
