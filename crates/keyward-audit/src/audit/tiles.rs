//! Nodes of a log's tree, kept so that a proof needs few reads: tiles of 256 hashes, as
//! <https://c2sp.org/tlog-tiles> cuts a tree.
//!
//! They are a cache. Whoever writes to the store can change them, so nothing is taken from them that
//! does not lead to the root which the log's head vouches for; what does not is made anew from the
//! entries.

use std::collections::HashMap;

use keyward_base::{BoxFuture, Error, Result};
use keyward_store::{Applied, Collection, Content, Record, RecordKey, Write};

use super::read::{edited, is_of};
use super::{Audit, Of};
use crate::head::Head;
use crate::leaf::LogId;
use crate::tree::prove::Nodes;
use crate::tree::{Frontier, Hash, leaf};

/// Levels of a tree in a tile, and hashes of a whole one.
const HEIGHT: u32 = 8;
const WIDTH: u64 = 1 << HEIGHT;

const TILES: Collection = Collection::named("audit.tile");

/// Where a tile is: its level, and its place among those of its level.
type Place = (u32, u64);

/// Nodes that were fetched for a proof.
#[derive(Default)]
pub(super) struct Fetched(HashMap<(u32, u64), Hash>);

impl Nodes for Fetched {
    fn node(&mut self, level: u32, index: u64) -> Result<Hash> {
        let found = self.0.get(&(level, index)).copied();
        found.ok_or_else(|| Error::misuse("a node of the tree was not fetched"))
    }
}

/// The tiles of one log, as far as they were read.
pub(super) struct Tiles<'a> {
    audit: &'a Audit,
    of: &'a Of,
    log: LogId,
    /// Where its entries lie.
    entries: RecordKey,
    /// How many entries the log has: a tile is as wide as they go.
    size: u64,
    /// Up to where tiles are used.
    covered: u64,
    read: HashMap<Place, Vec<Hash>>,
}

impl<'a> Tiles<'a> {
    /// Those of the log with that head. With `anew`, none of them is used: all is made from entries.
    ///
    /// # Errors
    /// `Unavailable` if the store cannot be reached.
    pub(super) async fn of(
        audit: &'a Audit,
        of: &'a Of,
        head: &Head,
        anew: bool,
    ) -> Result<Tiles<'a>> {
        let mut tiles = Self {
            audit,
            of,
            log: head.log,
            entries: of.entries(head),
            size: head.size(),
            covered: 0,
            read: HashMap::new(),
        };
        if let Some(state) = tiles.record(STATE).await?.filter(|_| !anew) {
            tiles.covered = tiles.covered_by(&state).min(head.size());
        }
        Ok(tiles)
    }

    /// Fetches the nodes of a proof, by the largest perfect subtrees.
    ///
    /// # Errors
    /// `Corrupt` if an entry is not what was written; `Unavailable` if the store cannot be reached.
    pub(super) async fn fetch(
        &mut self,
        nodes: impl IntoIterator<Item = (u32, u64)>,
    ) -> Result<Fetched> {
        let mut fetched = Fetched::default();
        for (level, index) in nodes {
            let hash = self.node(level, index).await?;
            fetched.0.insert((level, index), hash);
        }
        Ok(fetched)
    }

    async fn node(&mut self, level: u32, index: u64) -> Result<Hash> {
        let (tile, within) = (level / HEIGHT, level % HEIGHT);
        let first = index.checked_shl(within).ok_or_else(no_node)?;
        let count = 1_u64.checked_shl(within).ok_or_else(no_node)?;
        let hashes = self.tile((tile, first / WIDTH)).await?;
        let from = usize::try_from(first % WIDTH).map_err(|_| no_node())?;
        let count = usize::try_from(count).map_err(|_| no_node())?;
        let hashes = hashes.get(from..).and_then(|rest| rest.get(..count));
        self.fold(hashes.ok_or_else(no_node)?)
    }

    /// The root over hashes of one level, two to some power of them.
    fn fold(&self, hashes: &[Hash]) -> Result<Hash> {
        let provider = self.audit.0.keyring.provider();
        let mut tree = Frontier::new();
        for hash in hashes {
            tree.push(provider, *hash, |_| ())?;
        }
        Ok(tree.root(provider))
    }

    /// How many hashes a tile has: less than a whole one at the right edge.
    fn width(&self, (level, index): Place) -> u64 {
        let bits = level.saturating_mul(HEIGHT);
        let all = self.size.checked_shr(bits).unwrap_or(0);
        all.saturating_sub(index.saturating_mul(WIDTH)).min(WIDTH)
    }

    /// The hashes of a tile, from the cache, or from what is below it.
    fn tile(&mut self, place: Place) -> BoxFuture<'_, Result<Vec<Hash>>> {
        Box::pin(async move {
            if let Some(known) = self.read.get(&place) {
                return Ok(known.clone());
            }
            let width = self.width(place);
            let mut hashes = self.kept(place).await?;
            let (level, index) = place;
            let mut next = u64::try_from(hashes.len()).unwrap_or(WIDTH);
            if level == 0 && next < width {
                hashes = self.leaves(index.saturating_mul(WIDTH), width).await?;
                next = width;
            }
            while next < width {
                let child = index.saturating_mul(WIDTH).saturating_add(next);
                let below = self.tile((level.saturating_sub(1), child)).await?;
                // Not kept: a whole log goes through here when its tiles are made.
                self.read.remove(&(level.saturating_sub(1), child));
                hashes.push(self.fold(&below)?);
                next = next.saturating_add(1);
            }
            self.read.insert(place, hashes.clone());
            Ok(hashes)
        })
    }

    /// The hashes of `count` entries.
    async fn leaves(&self, from: u64, count: u64) -> Result<Vec<Hash>> {
        let provider = *self.audit.0.keyring.provider();
        let (mut hashes, mut next) = (Vec::new(), from);
        let end = from.saturating_add(count);
        while next < end {
            let limit = usize::try_from(end.saturating_sub(next)).unwrap_or(1);
            let page = self.audit.entries_at(&self.entries, next, limit).await?;
            for kept in &page.entries {
                if kept.seq != next || !is_of(&kept.leaf, &self.log) {
                    return Err(edited(next));
                }
                hashes.push(leaf(&provider, &kept.leaf.bytes()));
                next = next.saturating_add(1);
            }
            if page.entries.is_empty() {
                return Err(edited(next));
            }
        }
        Ok(hashes)
    }

    /// What the cache has of a tile: as much as was covered when it was written.
    async fn kept(&self, place: Place) -> Result<Vec<Hash>> {
        let bits = place.0.saturating_mul(HEIGHT);
        let covered = self.covered.checked_shr(bits).unwrap_or(0);
        let covered = covered.saturating_sub(place.1.saturating_mul(WIDTH));
        if covered == 0 || place.0 == 0 && covered < WIDTH {
            return Ok(Vec::new());
        }
        let Some(record) = self.record(&name(place)).await? else {
            return Ok(Vec::new());
        };
        let hashes = record.content.data.strip_prefix(&self.log);
        let (hashes, _) = hashes.unwrap_or_default().as_chunks::<32>();
        let most = usize::try_from(covered.min(WIDTH)).unwrap_or(0);
        Ok(hashes.iter().take(most).copied().collect())
    }

    async fn record(&self, id: &str) -> Result<Option<Record>> {
        self.audit.0.store.fetch(&self.key(id)).await
    }

    fn key(&self, id: &str) -> RecordKey {
        // Each log has its own, though several are of one owner.
        let beside = self.entries.id.as_str();
        RecordKey {
            collection: TILES,
            owner: self.of.owner().to_owned(),
            id: match beside {
                "log" => id.to_owned(),
                _ => format!("{beside}/{id}"),
            },
        }
    }

    /// Up to which entry tiles are said to be.
    fn covered_by(&self, state: &Record) -> u64 {
        let size = state.content.data.strip_prefix(&self.log);
        let size = size.and_then(|size| size.first_chunk::<8>());
        size.map_or(0, |size| u64::from_be_bytes(*size))
    }

    /// Makes the tiles that are missing, up to the head. They count only once the state says so.
    ///
    /// # Errors
    /// As [`Tiles::fetch`].
    pub(super) async fn extend(&mut self) -> Result<()> {
        let mut level = 0_u32;
        loop {
            let bits = level.saturating_mul(HEIGHT);
            let all = self.size.checked_shr(bits).unwrap_or(0);
            let had = self.covered.checked_shr(bits).unwrap_or(0);
            // At the lowest level, whole ones only: the entries are as near.
            let end = if level == 0 {
                all / WIDTH
            } else {
                all.div_ceil(WIDTH)
            };
            for index in (had / WIDTH)..end {
                let hashes = self.tile((level, index)).await?;
                self.read.remove(&(level, index));
                let mut data = self.log.to_vec();
                hashes.iter().for_each(|hash| data.extend_from_slice(hash));
                self.put(&name((level, index)), data).await?;
            }
            level = level.saturating_add(1);
            if all <= 1 {
                break;
            }
        }
        let mut state = self.log.to_vec();
        state.extend_from_slice(&self.size.to_be_bytes());
        self.put(STATE, state).await?;
        self.covered = self.size;
        Ok(())
    }

    /// Writes a record of the cache. Where another process writes it too, either will do.
    async fn put(&self, id: &str, data: Vec<u8>) -> Result<()> {
        let here = self.record(id).await?;
        if here.as_ref().is_some_and(|here| here.content.data == data) {
            return Ok(());
        }
        let content = Content {
            data,
            ..Content::default()
        };
        let key = self.key(id);
        let write = match here {
            Some(here) => Write::Swap {
                key,
                version: here.version,
                content,
            },
            None => Write::Insert { key, content },
        };
        let _either: Applied = self.audit.0.store.apply(vec![write]).await?;
        Ok(())
    }
}

/// The record that says up to where there are tiles.
const STATE: &str = "covered";

fn name((level, index): Place) -> String {
    format!("{level:02}/{index:016x}")
}

fn no_node() -> Error {
    Error::misuse("the tree has no such node")
}
