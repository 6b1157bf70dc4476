//! Putting a credential.

use keyward_base::{Result, Revision, Role};
use keyward_crypto::sealed::{self, Header};
use keyward_store::{Applied, Content, Record, RecordKey, Write};

use super::act::{Doing, PUT, conflict, contended};
use super::{Listed, MAX_TRIES, Vault};
use crate::credential::Credential;
use crate::metadata::Metadata;
use crate::slot::{Expect, Slot};

impl Vault {
    /// Seals `credential` into `slot`, for callers of `role`. The intent is recorded before
    /// anything is written, and the outcome after.
    ///
    /// # Errors
    /// `Rejected` with [`Reason::CONFLICT`](keyward_base::Reason::CONFLICT) if the slot does not
    /// hold what is expected; `Unavailable` if a store or the keyring cannot be reached, or the
    /// intent not recorded. Nothing is half-written. What was written is answered as that, also
    /// where its outcome could not be recorded.
    pub async fn put(
        &self,
        slot: &Slot,
        credential: &Credential,
        role: &Role,
        expect: Expect,
    ) -> Result<Listed> {
        let mut doing = Doing::new(self, PUT, slot)?;
        let result = self
            .try_put(slot, credential, role, expect, &mut doing)
            .await;
        doing.end(result).await
    }

    async fn try_put(
        &self,
        slot: &Slot,
        credential: &Credential,
        role: &Role,
        expect: Expect,
        doing: &mut Doing<'_>,
    ) -> Result<Listed> {
        for _ in 0..MAX_TRIES {
            let found = self.inner.store.fetch(&self.place_of(slot)).await?;
            let held = found
                .as_ref()
                .map(|record| Metadata::parse(&record.data))
                .transpose()?;
            check_expected(expect, held.as_ref())?;
            let now = self.inner.clock.now()?;
            let (revision, created) = match &held {
                Some(held) => (held.revision().next()?, held.created()),
                None => (self.first_revision()?, now),
            };
            let metadata = Metadata::new(credential, role, revision, created, now, doing.id());
            let data = metadata.to_bytes()?;
            let barrier = self.barrier().await?;
            let key = self
                .inner
                .keyring
                .sealing_key(&self.inner.purpose, &slot.tenant, barrier.promoted_epoch())
                .await?;
            let header = Header {
                suite: key.suite(),
                key: key.id(),
                hint: credential.hint().clone(),
            };
            let binding = self.binding(slot, role, &metadata, &data)?;
            let sealed = sealed::seal(
                key.body(),
                &header,
                |header| binding.encode(header),
                credential.bytes().expose(),
            )?;
            drop(key);
            let batch = vec![
                barrier.require(),
                write(self.place_of(slot), found, sealed, data),
            ];
            let before = held.map(|held| held.revision().number());
            let applied = match doing.apply(before, Some(header.key), batch).await {
                // It may have been written all the same.
                Err(_) if self.was_put(slot, doing.id()).await => Applied::Done(Vec::new()),
                applied => applied?,
            };
            if let Applied::Done(_) = applied {
                return Ok(Listed::of(slot.clone(), header, &metadata, role));
            }
            // The barrier went up, or the slot changed: look again, and judge anew.
            self.forget_barrier();
        }
        Err(contended())
    }

    /// The revision of a slot that holds nothing: 48 random bits, so that one that was deleted and
    /// is put anew does not go through its old revisions again.
    fn first_revision(&self) -> Result<Revision> {
        let mut random = [0; 8];
        let (_, low) = random.split_at_mut(2);
        self.inner.keyring.provider().fill(low)?;
        Ok(Revision::new(u64::from_be_bytes(random)).max(Revision::FIRST))
    }
}

fn write(key: RecordKey, found: Option<Record>, sealed: String, data: Vec<u8>) -> Write {
    let content = Content {
        sealed,
        data,
        ..Content::default()
    };
    Write::put(key, found.map(|record| record.version), content)
}

pub(super) fn check_expected(expect: Expect, held: Option<&Metadata>) -> Result<()> {
    let fits = match expect {
        Expect::Any => true,
        Expect::Absent => held.is_none(),
        Expect::Revision(revision) => held.is_some_and(|held| held.revision() == revision),
    };
    if fits { Ok(()) } else { Err(conflict()) }
}
