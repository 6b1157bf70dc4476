//! Checkpoints of a log: signed once the root log and every anchor stand for the head, and what is
//! proved by them.

use std::io::Write;
use std::ops::Range;

use keyward_base::{Error, ErrorKind, Purpose, Result};
use keyward_keys::{Pin, SigningHandle};

use super::tiles::{Fetched, Tiles};
use super::{Audit, Of, SIGN_PURPOSE, put_back};
use crate::checkpoint::Checkpoint;
use crate::export::Writer;
use crate::head::Head;
use crate::leaf::origin;
use crate::note::VerifierKey;
use crate::proof::Proof;
use crate::tree::{Frontier, Hash, leaf, path, prove, verify};

/// Entries of a page.
const PAGE: usize = 1024;

impl Audit {
    /// The key that signs the checkpoints of a log, to be pinned by whoever verifies them:
    /// `name+hash+key`. None if nothing was ever recorded in it. A log that was begun before an older
    /// database was accepted goes on under a new name first, and it is that one's key.
    ///
    /// # Errors
    /// As [`Audit::head`]; `Misuse` if the ring lacks the purpose.
    pub async fn key(&self, of: &Of) -> Result<Option<VerifierKey>> {
        self.go_on(of).await?;
        let Some(head) = self.head(of).await? else {
            return Ok(None);
        };
        let signing = self.0.keyring.signing(&Purpose::new(SIGN_PURPOSE)?)?;
        self.verifier(&head, &signing).map(Some)
    }

    /// Signs the head of a log, once the root log has it, and every anchor the root log's. None if nothing was ever recorded. While a key waits to take
    /// over, it signs too, so that who trusts the one learns of the other.
    ///
    /// # Errors
    /// `Corrupt` if the log is not one that goes on from what the root log has of it, or the root
    /// log from what an anchor has: an older database was put back, or another history was written;
    /// else as [`Audit::head`]; `Unavailable` if an anchor cannot be written: nothing is signed then.
    pub async fn checkpoint(&self, of: &Of) -> Result<Option<String>> {
        let head = self.vouched(of).await?;
        head.map(|head| self.sign(&head)).transpose()
    }

    /// That entry `seq` of a log is in it, for whoever has the log's key: a `tlog-proof`, over a
    /// checkpoint that is signed now.
    ///
    /// # Errors
    /// `Misuse` if the log has no such entry; else as [`Audit::checkpoint`].
    pub async fn prove(&self, of: &Of, seq: u64) -> Result<Proof> {
        let mut proved = None;
        let one = |proof| {
            proved = Some(proof);
            Ok(())
        };
        self.prove_each(of, &[seq], one).await?;
        proved.ok_or_else(no_entry)
    }

    /// That each of these entries of a log is in it, in their order: proofs over one checkpoint, which
    /// is signed once.
    ///
    /// # Errors
    /// What `each` gives, which ends it; else as [`Audit::prove`].
    pub async fn prove_each(
        &self,
        of: &Of,
        seqs: &[u64],
        mut each: impl FnMut(Proof) -> Result<()> + Send,
    ) -> Result<()> {
        let head = self.vouched(of).await?.ok_or_else(no_entry)?;
        let checkpoint = self.sign(&head)?;
        for seq in seqs {
            let hashes = self.hashes(of, &head, *seq).await?;
            each(Proof {
                index: *seq,
                hashes,
                checkpoint: checkpoint.clone(),
            })?;
        }
        Ok(())
    }

    /// What leads from an entry to a head.
    async fn hashes(&self, of: &Of, head: &Head, seq: u64) -> Result<Vec<Hash>> {
        let path = path::inclusion(seq, head.size()).ok_or_else(no_entry)?;
        let own = path::perfect(seq..seq.saturating_add(1));
        let nodes: Vec<_> = path
            .into_iter()
            .flat_map(path::perfect)
            .chain(own)
            .collect();
        let provider = *self.0.keyring.provider();
        let root = head.tree.root(&provider);
        let shown = |mut nodes: Fetched| {
            let leaf = prove::Nodes::node(&mut nodes, 0, seq)?;
            let hashes = prove::inclusion(&provider, &mut nodes, seq, head.size())?;
            verify::inclusion(&provider, &leaf, seq, head.size(), &root, &hashes)?;
            Ok(hashes)
        };
        self.shown(of, head, &nodes, shown).await
    }

    /// Writes entries of a log as a file that proves itself, after a round ([`Audit::round`]); tells
    /// `progress` how many were written.
    ///
    /// # Errors
    /// `Misuse` if the log has no such entries; `Corrupt` if they are not those that its head
    /// vouches for: the file has no end then, and is refused by whoever checks it; `Unavailable` if
    /// it cannot be written; else as [`Audit::checkpoint`].
    pub async fn export<W: Write + Send>(
        &self,
        of: &Of,
        entries: Range<u64>,
        to: W,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<W> {
        self.round(|_| ()).await?;
        let head = self.vouched(of).await?.ok_or_else(no_entry)?;
        if entries.start > entries.end || entries.end > head.size() {
            return Err(match of {
                Of::Earlier(_) => unsigned(head.size()),
                _ => no_entry(),
            });
        }
        let provider = *self.0.keyring.provider();
        let (left, right) = self.around(of, &head, &entries).await?;
        let key = self.0.keyring.signing(&Purpose::new(SIGN_PURPOSE)?)?;
        let key = self.verifier(&head, &key)?;
        let mut file = Writer::begin(to, &key, &head.log, entries.clone(), &left)?;
        let (mut tree, log) = (Frontier::new(), of.entries(&head));
        for ((level, _), root) in path::perfect(0..entries.start).zip(left) {
            tree.push_subtree(&provider, level, root, |_| ())?;
        }
        let mut next = entries.start;
        while next < entries.end {
            let limit = usize::try_from(entries.end.saturating_sub(next));
            let limit = limit.map_or(PAGE, |left| left.min(PAGE));
            let page = self.entries_at(&log, next, limit).await?;
            for kept in &page.entries {
                if kept.seq != next {
                    return Err(super::read::edited(next));
                }
                let body = kept.body.as_ref();
                file.entry(&kept.leaf, body.map(|(salt, text)| (salt, text.as_str())))?;
                tree.push(&provider, leaf(&provider, &kept.leaf.bytes()), |_| ())?;
                next = next.saturating_add(1);
            }
            if page.entries.is_empty() {
                return Err(super::read::edited(next));
            }
            progress(next.saturating_sub(entries.start));
        }
        for ((level, _), root) in path::perfect(entries.end..head.size()).zip(&right) {
            tree.push_subtree(&provider, level, *root, |_| ())?;
        }
        if tree != head.tree {
            return Err(not_vouched_for());
        }
        let checkpoint = self.sign(&head)?;
        file.end(&right, &checkpoint)
    }

    /// The roots of the largest perfect subtrees before and after these entries.
    async fn around(
        &self,
        of: &Of,
        head: &Head,
        entries: &Range<u64>,
    ) -> Result<(Vec<Hash>, Vec<Hash>)> {
        let provider = *self.0.keyring.provider();
        let root = head.tree.root(&provider);
        let ends = [entries.start, entries.end];
        let growths = ends.map(|end| path::consistency(end, head.size()).unwrap_or_default());
        let nodes = growths.into_iter().flatten().flat_map(path::perfect);
        let nodes = nodes.chain(ends.into_iter().flat_map(|end| path::perfect(0..end)));
        let nodes = nodes.chain(path::perfect(entries.end..head.size()));
        let nodes: Vec<(u32, u64)> = nodes.collect();
        let shown = |mut nodes: Fetched| {
            let mut roots = |range| -> Result<Vec<Hash>> {
                let roots = path::perfect(range);
                let roots =
                    roots.map(|(level, index)| prove::Nodes::node(&mut nodes, level, index));
                roots.collect()
            };
            let (left, until) = (roots(0..entries.start)?, roots(0..entries.end)?);
            let right = roots(entries.end..head.size())?;
            // What lies before each end is what the head's tree begins with.
            for (end, roots) in [(entries.start, left.clone()), (entries.end, until)] {
                let old = Frontier::from_parts(end, roots)?.root(&provider);
                let hashes = prove::consistency(&provider, &mut nodes, end, head.size())?;
                verify::consistency(&provider, (end, &old), (head.size(), &root), &hashes)?;
            }
            Ok((left, right))
        };
        self.shown(of, head, &nodes, shown).await
    }

    /// Signs a head that the root log and the anchors stand for.
    pub(super) fn sign(&self, head: &Head) -> Result<String> {
        let checkpoint = self.checkpoint_of(head)?;
        let purpose = Purpose::new(SIGN_PURPOSE)?;
        let pending = self.0.keyring.pending_signing(&purpose)?;
        let keys = [Some(self.0.keyring.signing(&purpose)?), pending];
        let keys = keys.into_iter().flatten().map(|key| {
            let verifier = self.verifier(head, &key)?;
            Ok((verifier, move |text: &[u8]| key.sign_raw(text)))
        });
        checkpoint.sign(&keys.collect::<Result<Vec<_>>>()?)
    }

    /// The checkpoint of a head, not signed.
    pub(super) fn checkpoint_of(&self, head: &Head) -> Result<Checkpoint> {
        Ok(Checkpoint {
            origin: origin(&head.log)?,
            size: head.size(),
            root: head.tree.root(self.0.keyring.provider()),
        })
    }

    /// Checks that a log goes on from what was pinned of it.
    pub(super) async fn follows(
        &self,
        of: &Of,
        head: &Head,
        now: &Checkpoint,
        held: &Pin,
    ) -> Result<()> {
        if held.id != head.log || held.counter > now.size {
            return Err(put_back());
        }
        let provider = *self.0.keyring.provider();
        let path = path::consistency(held.counter, now.size).ok_or_else(put_back)?;
        let nodes: Vec<_> = path.into_iter().flat_map(path::perfect).collect();
        let shown = |mut nodes: Fetched| {
            let hashes = prove::consistency(&provider, &mut nodes, held.counter, now.size)?;
            let (old, new) = ((held.counter, &held.digest), (now.size, &now.root));
            verify::consistency(&provider, old, new, &hashes)
        };
        self.shown(of, head, &nodes, shown).await.map_err(|e| {
            if e.kind() == ErrorKind::Corrupt {
                put_back().with_source(e)
            } else {
                e
            }
        })
    }

    /// What `shown` makes of the nodes of a proof: from tiles, and where these do not lead to the
    /// head, from the entries, of which tiles are made anew then.
    async fn shown<T>(
        &self,
        of: &Of,
        head: &Head,
        nodes: &[(u32, u64)],
        shown: impl Fn(Fetched) -> Result<T>,
    ) -> Result<T> {
        for anew in [false, true] {
            let mut tiles = Tiles::of(self, of, head, anew).await?;
            let fetched = tiles.fetch(nodes.iter().copied()).await?;
            if let Ok(shown) = shown(fetched) {
                return Ok(shown);
            }
        }
        Err(not_vouched_for())
    }

    /// Makes tiles of a log, up to its head, so that proofs need few reads. They are made if they
    /// lead to the root that the head vouches for.
    ///
    /// # Errors
    /// `Corrupt` if the entries do not; else as [`Audit::head`].
    pub async fn tile(&self, of: &Of) -> Result<()> {
        let Some(head) = self.head(of).await? else {
            return Ok(());
        };
        let provider = *self.0.keyring.provider();
        for anew in [false, true] {
            let mut tiles = Tiles::of(self, of, &head, anew).await?;
            let nodes: Vec<_> = path::perfect(0..head.size()).collect();
            let fetched = tiles.fetch(nodes.iter().copied()).await;
            let vouched = fetched.and_then(|mut fetched| {
                let mut tree = Frontier::new();
                for (level, index) in &nodes {
                    let root = prove::Nodes::node(&mut fetched, *level, *index)?;
                    tree.push_subtree(&provider, *level, root, |_| ())?;
                }
                Ok(tree == head.tree)
            });
            match vouched {
                Ok(true) => return tiles.extend().await,
                Ok(false) => {}
                Err(e) if anew => return Err(e),
                Err(_) => {}
            }
        }
        Err(not_vouched_for())
    }

    fn verifier(&self, head: &Head, key: &SigningHandle) -> Result<VerifierKey> {
        let provider = self.0.keyring.provider();
        Ok(VerifierKey::new(provider, origin(&head.log)?, key.public()))
    }
}

fn unsigned(size: u64) -> Error {
    Error::misuse(format!(
        "that log ended, and is signed up to {size} entries alone, which were noted before an older database was accepted: what came after is vouched for by the first entry of the log that goes on from it"
    ))
}

fn no_entry() -> Error {
    Error::misuse("the audit log has no such entry")
}

fn not_vouched_for() -> Error {
    Error::corrupt("the entries of an audit log are not those that its head vouches for")
}
