//! What a deployment wrote, in pieces of one record each. It is masked before it comes here, and
//! only then cut: a cut before it could leave the first half of a secret.

use keyward_base::{Error, Reason, Result, Tenant, Timestamp};
use keyward_store::{Applied, Collection, Content, RecordKey, Records, Scan, Version, Write};

use super::record::{Deployment, Id};
use super::{KEPT, LONGEST_LOG};

const LOGS: Collection = Collection::named("deploydesk-logs");

/// Bytes of one piece. The last one is written anew whenever something is added to it.
const PIECE: usize = 16 * 1024;

/// What stands where a log was cut.
const CUT: &[u8] = b"\n[cut here: only the first 1048576 bytes are kept]\n";

/// The log of one deployment, as it grows.
#[derive(Debug)]
pub(crate) struct Log {
    tenant: Tenant,
    id: Id,
    expires: Timestamp,
    number: u32,
    version: Option<Version>,
    last: Vec<u8>,
    left: usize,
    /// It says that it was cut.
    cut: bool,
}

impl Log {
    pub(crate) fn new(tenant: &Tenant, id: &Id, now: Timestamp) -> Self {
        Self {
            tenant: tenant.clone(),
            id: id.clone(),
            expires: now.saturating_add(KEPT),
            number: 0,
            version: None,
            last: Vec::new(),
            left: LONGEST_LOG,
            cut: false,
        }
    }

    /// Adds `text`, which is masked. When this returns it is on disk.
    pub(crate) async fn append(&mut self, store: &dyn Records, text: &[u8]) -> Result<()> {
        if self.cut || text.is_empty() {
            return Ok(());
        }
        if self.left == 0 {
            self.cut = true;
            self.last.extend_from_slice(CUT);
            return self.write(store).await;
        }
        let (mut text, cut) = match text.get(..self.left) {
            Some(kept) if kept.len() < text.len() => (kept, true),
            _ => (text, false),
        };
        self.left = self.left.saturating_sub(text.len());
        while !text.is_empty() {
            let room = PIECE.saturating_sub(self.last.len());
            let (now, later) = text.split_at_checked(room).unwrap_or((text, &[]));
            self.last.extend_from_slice(now);
            text = later;
            if text.is_empty() && cut {
                self.last.extend_from_slice(CUT);
                self.cut = true;
            }
            self.write(store).await?;
            if self.last.len() >= PIECE {
                self.last.clear();
                self.version = None;
                self.number = self.number.saturating_add(1);
            }
        }
        Ok(())
    }

    async fn write(&mut self, store: &dyn Records) -> Result<()> {
        let key = RecordKey {
            collection: LOGS,
            owner: self.tenant.as_str().to_owned(),
            id: format!("{}-{:04}", self.id.as_str(), self.number),
        };
        let content = Content {
            data: self.last.clone(),
            expires: Some(self.expires),
            ..Content::default()
        };
        match store
            .apply(vec![Write::put(key, self.version, content)])
            .await?
        {
            Applied::Done(versions) => {
                self.version = versions.into_iter().next().flatten();
                Ok(())
            }
            _ => Err(Error::rejected(Reason::CONFLICT)),
        }
    }
}

/// What is there of the log of a deployment of this tenant.
pub(crate) async fn read(store: &dyn Records, tenant: &Tenant, id: &Id) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let before = (tenant.as_str().to_owned(), format!("{}-", id.as_str()));
    let mut after = Some(before);
    while after.is_some() {
        let scan = Scan::of(LOGS).owner(tenant.as_str()).after(after);
        let page = store.scan(scan).await?;
        after = page.next;
        for record in page.items {
            if !record.key.id.starts_with(id.as_str()) {
                return Ok(out);
            }
            out.extend_from_slice(&record.data);
        }
    }
    Ok(out)
}

/// How a deployment is, and what is there of its log: all of it, if it has ended. So it is read
/// first how it is.
pub(crate) async fn read_with_state(
    store: &dyn Records,
    tenant: &Tenant,
    id: &Id,
) -> Result<(Deployment, Vec<u8>)> {
    let (deployment, _) = Deployment::fetch(store, tenant, id).await?;
    Ok((deployment, read(store, tenant, id).await?))
}

/// Removes what is over.
pub(crate) async fn tidy(store: &dyn Records, now: Timestamp, limit: usize) -> Result<()> {
    store.purge(&LOGS, now, limit).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keyward_store::MemoryStore;
    use keyward_testkit::{Interrupt, Staged};

    use super::*;
    use crate::deploy::record::Ended;

    #[tokio::test]
    async fn a_log_is_whole_up_to_its_limit_and_says_where_it_is_cut() {
        let store = MemoryStore::new(1000);
        let acme = Tenant::new("acme").unwrap();
        let at = Timestamp::from_millis(1_000);
        let id = Id::new(at, [0; 4]);
        let mut log = Log::new(&acme, &id, at);
        let mut whole = Vec::new();
        for number in 0_u32.. {
            if whole.len() > LONGEST_LOG {
                break;
            }
            let piece = number
                .to_string()
                .repeat(1 + usize::try_from(number).unwrap() % 9_000);
            log.append(&store, piece.as_bytes()).await.unwrap();
            whole.extend_from_slice(piece.as_bytes());
        }
        log.append(&store, b"more").await.unwrap();
        let read = read(&store, &acme, &id).await.unwrap();
        assert_eq!(read[..LONGEST_LOG], whole[..LONGEST_LOG]);
        assert_eq!(&read[LONGEST_LOG..], CUT);
    }

    #[tokio::test]
    async fn a_log_that_is_full_to_the_byte_says_so_only_if_more_came() {
        let store = MemoryStore::new(1000);
        let acme = Tenant::new("acme").unwrap();
        let at = Timestamp::from_millis(1_000);
        let id = Id::new(at, [0; 4]);
        let mut log = Log::new(&acme, &id, at);
        let whole = vec![b'a'; LONGEST_LOG];
        log.append(&store, &whole).await.unwrap();
        assert_eq!(read(&store, &acme, &id).await.unwrap(), whole);
        log.append(&store, b"more").await.unwrap();
        log.append(&store, b"more").await.unwrap();
        let read = read(&store, &acme, &id).await.unwrap();
        assert_eq!(&read[LONGEST_LOG..], CUT);
    }

    #[tokio::test]
    async fn the_log_of_one_ends_where_that_of_the_next_begins() {
        let store = MemoryStore::new(1000);
        let acme = Tenant::new("acme").unwrap();
        let at = |millis| Timestamp::from_millis(millis);
        let ids = [Id::new(at(2_000), [0; 4]), Id::new(at(1_000), [0; 4])];
        for (id, wrote) in ids.iter().zip(["the newer", "the older"]) {
            let mut log = Log::new(&acme, id, at(2_000));
            log.append(&store, wrote.as_bytes()).await.unwrap();
        }
        assert_eq!(read(&store, &acme, &ids[0]).await.unwrap(), b"the newer");
        assert_eq!(read(&store, &acme, &ids[1]).await.unwrap(), b"the older");
    }

    #[tokio::test]
    async fn a_log_is_removed_when_it_is_over_and_not_before() {
        let store = MemoryStore::new(1000);
        let acme = Tenant::new("acme").unwrap();
        let at = Timestamp::from_millis(1_000);
        let id = Id::new(at, [0; 4]);
        let mut log = Log::new(&acme, &id, at);
        log.append(&store, b"what it wrote").await.unwrap();
        let over = at.saturating_add(KEPT);
        tidy(&store, Timestamp::from_millis(over.as_millis() - 1), 10)
            .await
            .unwrap();
        assert_eq!(read(&store, &acme, &id).await.unwrap(), b"what it wrote");
        tidy(&store, over, 10).await.unwrap();
        assert!(read(&store, &acme, &id).await.unwrap().is_empty());
    }

    /// It writes its last line and ends, between any two looks at the store.
    #[tokio::test]
    async fn of_one_that_has_ended_the_log_is_whole() {
        let acme = Tenant::new("acme").unwrap();
        let at = Timestamp::from_millis(1_000);
        let id = Id::new(at, [0; 4]);
        let mut seen = Vec::new();
        for call in 0.. {
            let store: Arc<dyn Records> = Arc::new(MemoryStore::new(1000));
            let deployment = Deployment {
                server: "deploy@web-1".to_owned(),
                set: "shop".to_owned(),
                started: 1_000,
                until: 2_000,
                ended: None,
                prompt: None,
            };
            deployment.put(&*store, &acme, &id, None).await.unwrap();
            let mut log = Log::new(&acme, &id, at);
            log.append(&*store, b"first, ").await.unwrap();
            let (inner, of, which) = (Arc::clone(&store), acme.clone(), id.clone());
            let end = async move {
                log.append(&*inner, b"last.").await.unwrap();
                let change = |found: &mut Deployment| found.ended = Some((1_500, Ended::Exit(0)));
                Deployment::change(&*inner, &of, &which, change)
                    .await
                    .unwrap();
            };
            let staged = Staged::over(store);
            staged.interrupt(call, Interrupt::Run(Box::new(|| Box::pin(end))));
            let read = read_with_state(&*staged, &acme, &id).await;
            let (deployment, log) = read.unwrap();
            if !staged.fired() {
                break;
            }
            let has_ended = deployment.ended.is_some();
            assert!(!has_ended || log == b"first, last.", "call {call}");
            seen.push(has_ended);
        }
        assert!(seen.contains(&true) && seen.contains(&false), "{seen:?}");
    }
}
