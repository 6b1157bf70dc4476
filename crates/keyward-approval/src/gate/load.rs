//! Reading a gate, and writing what it becomes.

use std::sync::PoisonError;

use keyward_base::{Error, Reason, Result, Tenant, Timestamp};
use keyward_keys::{Barrier, MacHandle};
use keyward_store::{Applied, Record, Write};

use super::held::{
    Draft, GATES, Held, PIECES, SECRETS, action, key_of, open, piece_place, place, secrets_place,
};
use super::id::GateId;
use super::once::{ONCE, PLACES};
use super::row::{Row, wrong};
use super::{Gates, MAX_TRIES, State, contended};

/// The key to write under, and what each batch requires for it.
pub(super) struct Fence {
    pub(super) key: MacHandle,
    batch: Vec<Write>,
}

impl Gates {
    /// The gate of that id, if it is authentic and its action the one that was asked for.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NOT_FOUND`]) if there is none; `Corrupt` if it is not what was written.
    pub(crate) async fn held(&self, tenant: &Tenant, id: GateId) -> Result<Held> {
        let mut places = vec![place(tenant, id)];
        places.extend((0..PIECES).map(|nth| piece_place(tenant, id, nth)));
        let found = self.0.store.fetch_many(&places).await?;
        let (record, pieces) = found.split_first().ok_or_else(contended)?;
        let Some(record) = record else {
            return Err(Error::rejected(Reason::NOT_FOUND));
        };
        self.open(record, pieces).await
    }

    /// The record of a gate alone, without its action.
    ///
    /// # Errors
    /// As [`Gates::held`].
    pub(crate) async fn row_of(&self, tenant: &Tenant, id: GateId) -> Result<Row> {
        match self.0.store.fetch(&place(tenant, id)).await? {
            Some(record) => self.open_row(&record).await,
            None => Err(Error::rejected(Reason::NOT_FOUND)),
        }
    }

    /// The gate that these records are.
    pub(crate) async fn open(&self, record: &Record, pieces: &[Option<Record>]) -> Result<Held> {
        let row = self.open_row(record).await?;
        let action = action(&row, pieces, self.0.keyring.provider())?;
        Ok(Held {
            row,
            version: Some(record.version),
            action,
        })
    }

    pub(crate) async fn open_row(&self, record: &Record) -> Result<Row> {
        let id = key_of(record).ok_or_else(wrong)?;
        let key = self.0.keyring.find_mac(&self.0.purpose, id).await;
        let key = key.map_err(|e| match e.kind() {
            keyward_base::ErrorKind::Rejected => wrong().with_source(e),
            _ => e,
        })?;
        open(record, &key)
    }

    /// Does one step: reads the gate, has `step` say what becomes of it, and writes that on the
    /// condition that nothing changed meanwhile; else all of it anew. A step that notes nothing writes
    /// nothing. What it gives is given once it is written.
    pub(crate) async fn step<T>(
        &self,
        tenant: &Tenant,
        id: GateId,
        mut step: impl FnMut(&mut Draft) -> Result<T>,
    ) -> Result<T> {
        for _ in 0..MAX_TRIES {
            let held = self.held(tenant, id).await?;
            let mut draft = Draft::of(&held, self.now()?);
            let given = step(&mut draft)?;
            if self.write(&held, &draft, &[]).await? {
                return Ok(given);
            }
        }
        Err(contended())
    }

    /// Writes what became of a gate. False: something changed since it was read, and nothing was
    /// written.
    pub(crate) async fn write(&self, held: &Held, draft: &Draft, more: &[Write]) -> Result<bool> {
        self.write_all(&[(held, draft)], more).await
    }

    /// Writes what became of gates of one tenant, with these writes beside it: all, or nothing.
    pub(crate) async fn write_all(&self, all: &[(&Held, &Draft)], more: &[Write]) -> Result<bool> {
        self.write_under(None, all, more).await
    }

    /// The same, under that key: what is MACed with it beside a gate lies in the batch that requires
    /// that it may.
    pub(super) async fn write_under(
        &self,
        fence: Option<Fence>,
        all: &[(&Held, &Draft)],
        more: &[Write],
    ) -> Result<bool> {
        let changed: Vec<_> = all
            .iter()
            .filter(|(held, draft)| draft.differs(held))
            .collect();
        let Some((_, first)) = changed.first() else {
            return Ok(true);
        };
        let fence = match fence {
            Some(fence) => fence,
            None => self.fence().await?,
        };
        let kept = self.0.kept;
        let provider = self.0.keyring.provider();
        let events = changed.iter();
        let events = events.map(|(_, draft)| draft.events(&self.0.kinds, provider));
        let events = events.collect::<Result<Vec<_>>>()?;
        let writes = |log: u64| {
            let (mut writes, mut log) = (fence.batch.clone(), log);
            for ((held, draft), events) in changed.iter().zip(&events) {
                let news = u64::try_from(events.len()).unwrap_or(u64::MAX);
                let mut row = draft.row.clone();
                if held.version.is_none() {
                    row.logged = log;
                }
                log = log.saturating_add(news);
                let content = row.seal(&fence.key, kept)?;
                writes.push(Write::put(
                    place(&row.tenant, row.id),
                    held.version,
                    content,
                ));
            }
            writes.extend_from_slice(more);
            Ok(writes)
        };
        let done = if events.iter().all(Vec::is_empty) {
            let applied = self.0.store.apply(writes(0)?).await?;
            matches!(applied, Applied::Done(_))
        } else {
            let tenant = &first.row.tenant;
            let all = events.iter().flatten().cloned().collect();
            let logged = self.0.audit.append_beside(tenant, all, writes);
            logged.await?.is_some()
        };
        if !done {
            // It may have been the barrier that moved.
            self.forget_barriers();
            return Ok(false);
        }
        for (_, draft) in &changed {
            if draft.row.state.is_ended() && draft.row.has_secrets {
                self.drop_secrets(&draft.row).await;
            }
        }
        Ok(true)
    }

    /// Secrets of what can run no more go, as well as can be: the purge takes what stays.
    async fn drop_secrets(&self, row: &Row) {
        let place = secrets_place(&row.tenant, row.id);
        let Ok(Some(found)) = self.0.store.fetch(&place).await else {
            return;
        };
        let delete = Write::Delete {
            key: place,
            version: found.version,
        };
        let _gone_or_purged_later = self.0.store.apply(vec![delete]).await;
    }

    /// The active key, unless the barrier asks for one that this process does not know.
    pub(super) async fn fence(&self) -> Result<Fence> {
        let barriers = self.barriers().await?;
        let least = barriers.iter().map(Barrier::promoted_epoch).max();
        let fits = |key: &MacHandle| key.promoted_epoch() >= least.unwrap_or(0);
        let (keyring, purpose) = (&self.0.keyring, &self.0.purpose);
        let mut key = keyring.mac(purpose)?;
        if !fits(&key) {
            keyring.refresh().await?;
            key = keyring.mac(purpose)?;
        }
        if !fits(&key) {
            return Err(Error::unavailable(
                "the barrier of gates is ahead of the keyring: an older keyring was put back; restore the newest, or rotate",
            ));
        }
        let batch = barriers.iter().map(Barrier::require).collect();
        Ok(Fence { key, batch })
    }

    async fn barriers(&self) -> Result<Vec<Barrier>> {
        let held = self.kept_barriers().clone();
        if let Some(held) = held {
            return Ok(held);
        }
        let store = self.0.store.as_ref();
        let read = vec![
            Barrier::claim_macs(store, &GATES, &self.0.purpose).await?,
            Barrier::claim_macs(store, &ONCE, &self.0.purpose).await?,
        ];
        *self.kept_barriers() = Some(read.clone());
        Ok(read)
    }

    fn forget_barriers(&self) {
        *self.kept_barriers() = None;
    }

    fn kept_barriers(&self) -> std::sync::MutexGuard<'_, Option<Vec<Barrier>>> {
        let held = self.0.barriers.lock();
        held.unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes what is kept no longer: at most `limit` records, and what lies beside them. Says how
    /// many.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub async fn purge(&self, limit: usize) -> Result<u64> {
        let now = self.now()?;
        let mut gone = 0_u64;
        for collection in [GATES, super::held::ACTIONS, SECRETS, ONCE, PLACES] {
            gone = gone.saturating_add(self.0.store.purge(&collection, now, limit).await?);
        }
        Ok(gone)
    }
}

impl Row {
    /// Whether time has ended it: nobody decided until decide-by, nobody ran it until run-by.
    pub(crate) fn is_timed_out(&self, now: Timestamp) -> bool {
        match self.state {
            State::Staged | State::Pending => now >= self.decide_by,
            State::Approved => now >= self.run_by,
            _ => false,
        }
    }
}

impl Draft {
    /// Whether it is to be written.
    fn differs(&self, held: &Held) -> bool {
        let same = Row {
            fence: held.row.fence,
            ..self.row.clone()
        };
        held.version.is_none() || same != held.row
    }

    /// What time did to it: nobody decided until decide-by, nobody ran it until run-by.
    pub(crate) fn settle(&mut self) -> Result<()> {
        if self.row.is_timed_out(self.now) {
            let saying = super::held::Saying::by_way(super::Channel::Policy);
            self.note(super::What::Expired, State::Expired, saying)?;
        }
        Ok(())
    }
}
