//! The registry of columns: which columns of sealed values there are, whoever can count them.
//!
//! It lies in pages beside the ring, and the ring holds a digest of all of them. A registration
//! writes a page and the ring in one batch; a page that was deleted or put back does not fit the
//! digest.

use std::collections::BTreeSet;

use keyward_base::{Error, Reason, Result};
use keyward_crypto::Provider;
use keyward_store::{Record, Version};

use crate::coverage::ColumnId;
use crate::format::{MAX_PAGES, PAGE_ENTRIES, decode_coverage, encode_coverage};
use crate::ring::RegistryState;

const DOMAIN: &[u8] = b"keyward/v1/coverage\0";

/// A column that a process registered, for good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // The format has just these.
pub struct Registered {
    /// The store, name and purpose of the column.
    pub column: ColumnId,
    /// Whether all that write to it observe a barrier
    /// ([`Coverage::has_barrier`](crate::Coverage::has_barrier)).
    pub has_barrier: bool,
}

/// The whole registry, as it fits one state of the ring.
#[derive(Debug)]
pub(crate) struct Registry {
    pages: Vec<Page>,
}

#[derive(Debug)]
struct Page {
    version: Option<Version>,
    bytes: Vec<u8>,
    entries: Vec<Registered>,
}

/// Pages to be written, and what the registry is then.
pub(crate) struct Change {
    pub(crate) pages: Vec<(usize, Option<Version>, Vec<u8>)>,
    pub(crate) state: RegistryState,
}

impl Registry {
    /// What a ring holds that has no registered column.
    pub(crate) fn none(provider: &Provider) -> RegistryState {
        RegistryState {
            pages: 0,
            digest: digest(provider, &[]),
        }
    }

    /// Reads the pages that a ring of `state` has.
    pub(crate) fn read(
        provider: &Provider,
        state: &RegistryState,
        found: Vec<Option<Record>>,
    ) -> Result<Self> {
        let altered = || {
            Error::corrupt(
                "the registry of columns is not what was written: restore the key store from its newest backup, see the runbook",
            )
            .because(Reason::NOT_AUTHENTIC)
        };
        let mut pages = Vec::new();
        for record in found {
            let record = record.ok_or_else(altered)?;
            pages.push(Page {
                version: Some(record.version),
                bytes: record.content.data,
                entries: Vec::new(),
            });
        }
        if digest(provider, &pages) != state.digest {
            return Err(altered());
        }
        for page in &mut pages {
            page.entries = decode_coverage(&page.bytes)?;
        }
        Ok(Self { pages })
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Registered> {
        self.pages.iter().flat_map(|page| &page.entries)
    }

    /// What registering `columns` changes; `None` if nothing. A column that was once registered
    /// without a barrier has none for good: processes that write without it may still run.
    pub(crate) fn register(
        mut self,
        provider: &Provider,
        columns: &[Registered],
    ) -> Result<Option<Change>> {
        let mut changed = BTreeSet::new();
        for column in columns {
            if let Some(at) = self.add(column)? {
                changed.insert(at);
            }
        }
        if changed.is_empty() {
            return Ok(None);
        }
        let mut pages = Vec::new();
        for (at, page) in self.pages.iter_mut().enumerate() {
            if changed.contains(&at) {
                page.bytes = encode_coverage(&page.entries)?;
                pages.push((at, page.version, page.bytes.clone()));
            }
        }
        let count = u16::try_from(self.pages.len());
        let state = RegistryState {
            pages: count.map_err(|_| Error::misuse("the registry is full"))?,
            digest: digest(provider, &self.pages),
        };
        Ok(Some(Change { pages, state }))
    }

    /// Adds one column, or takes its barrier from it, and says on which page; `None`: it stands.
    fn add(&mut self, column: &Registered) -> Result<Option<usize>> {
        for (at, page) in self.pages.iter_mut().enumerate() {
            let mut entries = page.entries.iter_mut();
            let Some(held) = entries.find(|held| held.column == column.column) else {
                continue;
            };
            if column.has_barrier || !held.has_barrier {
                return Ok(None);
            }
            held.has_barrier = false;
            return Ok(Some(at));
        }
        self.append(column.clone()).map(Some)
    }

    /// Adds an entry to the last page, or to a new one, and says to which.
    fn append(&mut self, entry: Registered) -> Result<usize> {
        let count = self.pages.len();
        if let Some(last) = self
            .pages
            .last_mut()
            .filter(|page| page.entries.len() < PAGE_ENTRIES)
        {
            last.entries.push(entry);
            return Ok(count.saturating_sub(1));
        }
        if count >= MAX_PAGES {
            return Err(Error::misuse(
                "the registry is full: it holds 131,072 columns",
            ));
        }
        self.pages.push(Page {
            version: None,
            bytes: Vec::new(),
            entries: vec![entry],
        });
        Ok(count)
    }
}

/// SHA-256 over all pages, each with its length.
fn digest(provider: &Provider, pages: &[Page]) -> [u8; 32] {
    let lengths: Vec<[u8; 8]> = pages
        .iter()
        .map(|page| {
            u64::try_from(page.bytes.len())
                .unwrap_or(u64::MAX)
                .to_be_bytes()
        })
        .collect();
    let mut parts: Vec<&[u8]> = vec![DOMAIN];
    for (page, len) in pages.iter().zip(&lengths) {
        parts.push(len);
        parts.push(&page.bytes);
    }
    provider.sha256(&parts)
}
