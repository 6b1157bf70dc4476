//! The columns of sealed values that anybody registered.

use std::sync::Arc;

use keyward_base::Result;

use super::Keyring;
use crate::coverage::{ColumnId, Coverage};
use crate::key_use::Algorithm;
use crate::records::{MAX_TRIES, contended, coverage_place, put, ring_place};
use crate::registry::{Registered, Registry};
use crate::snapshot::Snapshot;

impl Keyring {
    /// Registers `column` for good, and adds it to what this process counts: from now on no key of
    /// its purpose is destroyed by a process that cannot count it.
    ///
    /// # Errors
    /// As [`Keyring::register`]; `Misuse` too if its purpose is not for
    /// [`Coverage::algorithm`].
    pub async fn cover(&self, column: Arc<dyn Coverage>) -> Result<()> {
        let registered = Registered {
            column: column.id().clone(),
            has_barrier: column.has_barrier(),
        };
        self.register_for(&[registered], column.algorithm()).await?;
        self.0.coverages.add(column);
        Ok(())
    }

    /// Registers a column for good, whoever can count it: no key of its purpose is destroyed by a
    /// process that cannot. A column that was registered without a barrier has none for good.
    ///
    /// # Errors
    /// `Misuse` if 131,072 columns are registered; `Unavailable` if the key store cannot be
    /// reached; `Corrupt` if the registry is not what was written.
    pub async fn register(&self, column: &ColumnId, has_barrier: bool) -> Result<()> {
        let column = column.clone();
        self.register_all(&[Registered {
            column,
            has_barrier,
        }])
        .await
    }

    /// [`Keyring::register`] of several columns, in one change of the ring.
    ///
    /// # Errors
    /// As [`Keyring::register`]; none of them is registered then.
    pub async fn register_all(&self, columns: &[Registered]) -> Result<()> {
        self.register_for(columns, None).await
    }

    async fn register_for(
        &self,
        columns: &[Registered],
        algorithm: Option<Algorithm>,
    ) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let (known, registry) = self.registry().await?;
            for purpose in columns.iter().map(|registered| registered.column.purpose()) {
                // One that the ring does not know has no key yet.
                if let (Some(algorithm), Ok(_)) = (algorithm, known.ring.rules(purpose)) {
                    known.ring.rules_for(purpose, algorithm)?;
                }
            }
            let Some(change) = registry.register(&self.0.provider, columns)? else {
                return Ok(());
            };
            let mut next = known.ring.next_epoch()?;
            next.registry = change.state;
            let pages = change.pages.into_iter();
            let pages = pages.map(|(at, version, bytes)| put(coverage_place(at), version, bytes));
            if self
                .commit_with(&known, &next, known.mac(), pages.collect())
                .await?
            {
                return Ok(());
            }
            self.refresh().await?;
        }
        Err(contended())
    }

    /// All columns that any process registered, in the order they were.
    ///
    /// # Errors
    /// `Unavailable` if the key store cannot be reached; `Corrupt` if the registry is not what was
    /// written.
    pub async fn registered(&self) -> Result<Vec<Registered>> {
        let (_, registry) = self.registry().await?;
        Ok(registry.entries().cloned().collect())
    }

    /// Columns that any process registered and that this one cannot count.
    ///
    /// # Errors
    /// As [`Keyring::registered`].
    pub async fn uncounted(&self) -> Result<Vec<Registered>> {
        let mut all = self.registered().await?;
        all.retain(|entry| !self.0.coverages.has(&entry.column));
        Ok(all)
    }

    /// The registry, with the state of the ring that it fits.
    pub(crate) async fn registry(&self) -> Result<(Arc<Snapshot>, Registry)> {
        for _ in 0..MAX_TRIES {
            let known = self.snapshot();
            let state = known.ring.registry;
            let mut places = vec![ring_place()];
            places.extend((0..usize::from(state.pages)).map(coverage_place));
            // Of one moment: what does not fit this ring then fits none.
            let mut found = self.0.store.fetch_many(&places).await?.into_iter();
            let ring = found.next().flatten();
            if ring.is_some_and(|r| r.version == known.version && r.data.ends_with(&known.tag)) {
                let registry = Registry::read(&self.0.provider, &state, found.collect())?;
                return Ok((known, registry));
            }
            self.refresh().await?;
        }
        Err(contended())
    }
}
