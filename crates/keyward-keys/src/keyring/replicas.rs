//! The long-running processes, as each sees the others.

use keyward_base::audit::RunId;
use keyward_base::{Error, Result, Timestamp};
use keyward_store::{Applied, DamagedRow, Record, RecordKey, Write};

use super::Keyring;
use crate::format::Lease;
use crate::lease;
use crate::records::{REPLICAS, pages};
use crate::usage::ColumnReport;

/// A long-running process that holds a lease, or did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicaStatus {
    /// Its name and a random part.
    pub name: String,
    /// The epoch it acknowledged.
    pub epoch: u64,
    /// Until when it counts as alive.
    pub until: Timestamp,
    /// What it counted in columns of its own, and, without a number, which columns of a store it
    /// counts; of more than 64 so many are told of. Shown only: nothing is decided by it.
    pub columns: Vec<ColumnReport>,
    /// The epoch in which the MAC key was made that its record is under.
    pub(crate) mac_epoch: u64,
}

impl ReplicaStatus {
    /// Whether it is `run` that holds the lease.
    pub(super) fn is_run(&self, run: RunId) -> bool {
        let random = self.name.rsplit_once('-').map(|(_, random)| random);
        random == Some(run.to_string().as_str())
    }
}

impl Keyring {
    /// The replicas whose lease has not run out by any clock within the skew. A record that is not
    /// an authentic lease is none: see [`Keyring::unreadable_replicas`].
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub async fn replicas(&self) -> Result<Vec<ReplicaStatus>> {
        let now = self.0.clock.now()?;
        let mut live = Vec::new();
        self.each_replica(|record, lease| {
            let Ok(lease) = lease else { return };
            // Its own clock may lie behind ours by the skew: until then it may still open.
            if now < lease.until.saturating_add(self.0.policy.skew) {
                live.push(ReplicaStatus {
                    name: record.key.id.clone(),
                    epoch: lease.epoch,
                    until: lease.until,
                    columns: lease.reports,
                    mac_epoch: lease.mac_epoch,
                });
            }
        })
        .await?;
        Ok(live)
    }

    /// Every lease can be read: the process whose lease cannot may hold any key.
    pub(crate) async fn check_leases(&self) -> Result<()> {
        let mut found = pages(self.0.store.as_ref(), REPLICAS, None);
        while found.next().await?.is_some() {}
        let nowhere = self.0.store.damaged().await?;
        let nowhere = DamagedRow::in_the_way(nowhere, &REPLICAS);
        match found.damaged().first().or(nowhere.first()) {
            Some(row) => Err(Error::misuse(format!(
                "row {place} of the key store cannot be read, and may be the lease of a serving process: restart the process, and give the row up with `keyward keys set-aside --row {place}`",
                place = row.place
            ))),
            None => Ok(()),
        }
    }

    /// The names of replica records that are not an authentic lease: nobody waits for them.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub async fn unreadable_replicas(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        self.each_replica(|record, lease| {
            if lease.is_err() {
                names.push(record.key.id.clone());
            }
        })
        .await?;
        Ok(names)
    }

    /// Removes a replica record that is not an authentic lease.
    ///
    /// # Errors
    /// `Misuse` if there is no such record, or it is a lease; `Unavailable` if the store cannot be
    /// reached.
    pub(crate) async fn remove_replica(&self, name: &str) -> Result<()> {
        let key = RecordKey {
            collection: REPLICAS,
            owner: String::new(),
            id: name.to_owned(),
        };
        self.refresh().await?;
        let found = self.0.store.fetch(&key).await?;
        let found = found.ok_or_else(|| Error::misuse("there is no such replica record"))?;
        if lease::read(&found, &self.snapshot()).is_ok() {
            return Err(Error::misuse(
                "the record is a lease: stop the process, and it goes by itself",
            ));
        }
        let version = found.version;
        match self
            .0
            .store
            .apply(vec![Write::Delete { key, version }])
            .await?
        {
            Applied::Done(_) => Ok(()),
            _ => Err(Error::unavailable(
                "the record was written this moment: try again",
            )),
        }
    }

    /// Every replica record; those under a MAC key that this handle does not know after a refresh
    /// are read against the newest ring.
    async fn each_replica(
        &self,
        mut seen: impl FnMut(&Record, Result<Lease>) + Send,
    ) -> Result<()> {
        self.refresh().await?;
        let snapshot = self.snapshot();
        let mut found = pages(self.0.store.as_ref(), REPLICAS, None);
        while let Some(page) = found.next().await? {
            for record in &page {
                seen(record, lease::read(record, &snapshot));
            }
        }
        Ok(())
    }
}
