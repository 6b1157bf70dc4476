//! One deployment, as it stands in the database: whose it is, for which server, and how it ended.

use keyward_base::audit::Outcome;
use keyward_base::{Error, Event, Reason, Result, Tenant, Timestamp};
use keyward_store::{Applied, Collection, Content, RecordKey, Records, Scan, Version, Write};
use serde::{Deserialize, Serialize};

use super::KEPT;

const DEPLOYMENTS: Collection = Collection::named("deploydesk-deployments");

/// By which key each was begun that is begun once.
const BEGUN: Collection = Collection::named("deploydesk-begun");

/// Bytes of an id: the time, so that the newest stands first, and four at random.
const ID_LEN: usize = 24;

/// Which deployment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id(String);

impl Id {
    pub(crate) fn new(at: Timestamp, random: [u8; 4]) -> Self {
        let newest_first = u64::MAX.saturating_sub(at.as_millis());
        Self(format!(
            "{newest_first:016x}{:08x}",
            u32::from_be_bytes(random)
        ))
    }

    pub(crate) fn parse(text: &str) -> Result<Self> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == ID_LEN && text.bytes().all(digit) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::rejected(Reason::NOT_FOUND))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a deployment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ended {
    /// By itself, with that code.
    Exit(i32),
    /// By that signal, which nobody here sent.
    Signal(i32),
    /// Somebody stopped it, or the service ended.
    Stopped,
    /// It ran too long.
    TimedOut,
    /// The program could not be started.
    NotStarted,
}

/// A deployment. Nothing in it is secret.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Deployment {
    pub(crate) server: String,
    pub(crate) set: String,
    /// In milliseconds since the Unix epoch.
    pub(crate) started: u64,
    /// When it has ended, whatever became of the process that ran it.
    pub(crate) until: u64,
    pub(crate) ended: Option<(u64, Ended)>,
    /// What a model would be asked about it.
    #[serde(default)]
    pub(crate) prompt: Option<String>,
}

/// Its place in the store.
fn key(tenant: &Tenant, id: &Id) -> RecordKey {
    RecordKey {
        collection: DEPLOYMENTS,
        owner: tenant.as_str().to_owned(),
        id: id.as_str().to_owned(),
    }
}

fn begun(tenant: &Tenant, once: &str) -> RecordKey {
    RecordKey {
        collection: BEGUN,
        owner: tenant.as_str().to_owned(),
        id: once.to_owned(),
    }
}

impl Deployment {
    fn content(&self) -> Result<Content> {
        let data = serde_json::to_vec(self)
            .map_err(|e| Error::unavailable("a deployment cannot be written").with_source(e))?;
        Ok(Content {
            data,
            expires: Some(Timestamp::from_millis(self.started).saturating_add(KEPT)),
            ..Content::default()
        })
    }

    /// Writes a new one. That it starts is told before, so that none is stored of which nothing is
    /// on record; and after, that it did not, if it could not be stored.
    pub(crate) async fn begin<F: Future<Output = Result<()>>>(
        &self,
        store: &dyn Records,
        (tenant, id): (&Tenant, &Id),
        once: Option<&str>,
        tell: impl Fn(Outcome) -> F,
    ) -> Result<()> {
        tell(Outcome::Done).await?;
        let mut writes = vec![Write::put(key(tenant, id), None, self.content()?)];
        if let Some(once) = once {
            let content = Content {
                data: id.as_str().into(),
                expires: Some(Timestamp::from_millis(self.started).saturating_add(KEPT)),
                ..Content::default()
            };
            writes.push(Write::Insert {
                key: begun(tenant, once),
                content,
            });
        }
        let put = match store.apply(writes).await {
            Ok(Applied::Done(_)) => Ok(()),
            Ok(_) => Err(Error::rejected(Reason::CONFLICT)),
            Err(e) => Err(e),
        };
        if put.is_err() {
            tell(Event::outcome_of(&put)).await?;
        }
        put
    }

    /// Which one was begun by that key, if one was.
    pub(crate) async fn begun_by(
        store: &dyn Records,
        tenant: &Tenant,
        once: &str,
    ) -> Result<Option<Id>> {
        let Some(found) = store.fetch(&begun(tenant, once)).await? else {
            return Ok(None);
        };
        Id::parse(&String::from_utf8_lossy(&found.data)).map(Some)
    }

    /// Writes it: anew, or over what was found at `version`.
    pub(crate) async fn put(
        &self,
        store: &dyn Records,
        tenant: &Tenant,
        id: &Id,
        version: Option<Version>,
    ) -> Result<()> {
        let write = Write::put(key(tenant, id), version, self.content()?);
        match store.apply(vec![write]).await? {
            Applied::Done(_) => Ok(()),
            _ => Err(Error::rejected(Reason::CONFLICT)),
        }
    }

    /// The deployment of that id, of this tenant alone.
    pub(crate) async fn fetch(
        store: &dyn Records,
        tenant: &Tenant,
        id: &Id,
    ) -> Result<(Self, Version)> {
        let found = store.fetch(&key(tenant, id)).await?;
        let found = found.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))?;
        let read = serde_json::from_slice(&found.data)
            .map_err(|e| Error::corrupt("a deployment cannot be read").with_source(e))?;
        Ok((read, found.version))
    }

    /// Changes it, as often as somebody else was quicker.
    pub(crate) async fn change(
        store: &dyn Records,
        tenant: &Tenant,
        id: &Id,
        mut change: impl FnMut(&mut Self),
    ) -> Result<()> {
        loop {
            let (mut found, version) = Self::fetch(store, tenant, id).await?;
            change(&mut found);
            match found.put(store, tenant, id, Some(version)).await {
                Err(e) if e.reason() == Some(Reason::CONFLICT) => {}
                done => return done,
            }
        }
    }

    /// The newest of a tenant. One that cannot be read is left out.
    pub(crate) async fn newest(
        store: &dyn Records,
        tenant: &Tenant,
        limit: usize,
    ) -> Result<Vec<(Id, Self)>> {
        let scan = Scan::of(DEPLOYMENTS).owner(tenant.as_str()).limit(limit);
        let page = store.scan(scan).await?;
        let read = page.items.into_iter().filter_map(|record| {
            let id = Id::parse(&record.key.id).ok()?;
            Some((id, serde_json::from_slice(&record.data).ok()?))
        });
        Ok(read.collect())
    }

    /// Removes what is over.
    pub(crate) async fn tidy(store: &dyn Records, now: Timestamp, limit: usize) -> Result<()> {
        store.purge(&BEGUN, now, limit).await?;
        store.purge(&DEPLOYMENTS, now, limit).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use keyward_base::ErrorKind;
    use keyward_store::MemoryStore;
    use keyward_testkit::{Answer, Staged};

    use super::*;
    use crate::deploy::log::{self, Log};

    #[tokio::test]
    async fn another_tenant_sees_neither_the_deployment_nor_its_log() {
        let store = MemoryStore::new(1000);
        let (acme, globex) = (Tenant::new("acme").unwrap(), Tenant::new("globex").unwrap());
        let id = Id::new(Timestamp::from_millis(1_000), [1, 2, 3, 4]);
        let deployment = Deployment {
            server: "deploy@web-1".to_owned(),
            set: "shop".to_owned(),
            started: 1_000,
            until: 2_000,
            ended: None,
            prompt: None,
        };
        deployment.put(&store, &acme, &id, None).await.unwrap();
        let mut log_of_it = Log::new(&acme, &id, Timestamp::from_millis(1_000));
        log_of_it.append(&store, b"what it wrote").await.unwrap();

        assert!(Deployment::fetch(&store, &acme, &id).await.is_ok());
        assert_eq!(
            log::read(&store, &acme, &id).await.unwrap(),
            b"what it wrote"
        );
        let refused = Deployment::fetch(&store, &globex, &id).await.unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::NOT_FOUND));
        assert!(log::read(&store, &globex, &id).await.unwrap().is_empty());
        assert!(
            Deployment::newest(&store, &globex, 10)
                .await
                .unwrap()
                .is_empty()
        );
    }

    #[tokio::test]
    async fn the_newest_stands_first() {
        let store = MemoryStore::new(1000);
        let acme = Tenant::new("acme").unwrap();
        for at in [3_000, 1_000, 2_000] {
            let deployment = Deployment {
                server: String::new(),
                set: String::new(),
                started: at,
                until: at,
                ended: None,
                prompt: None,
            };
            let id = Id::new(Timestamp::from_millis(at), [0; 4]);
            deployment.put(&store, &acme, &id, None).await.unwrap();
        }
        let found = Deployment::newest(&store, &acme, 2).await.unwrap();
        let times: Vec<_> = found.iter().map(|(_, found)| found.started).collect();
        assert_eq!(times, [3_000, 2_000]);
    }

    fn of(started: u64) -> Deployment {
        Deployment {
            server: String::new(),
            set: String::new(),
            started,
            until: 0,
            ended: None,
            prompt: None,
        }
    }

    /// What is told of one that begins, and whether it is stored then.
    async fn begun(answers: &[Answer], is_told: bool) -> (Result<()>, Vec<(Outcome, bool)>, bool) {
        let store = Staged::over(std::sync::Arc::new(MemoryStore::new(1000)));
        store.answer(answers.iter().copied());
        let acme = Tenant::new("acme").unwrap();
        let id = Id::new(Timestamp::from_millis(1_000), [0; 4]);
        let is_stored = async || Deployment::fetch(&*store, &acme, &id).await.is_ok();
        let told = RefCell::new(Vec::new());
        let tell = async |outcome| {
            let stored = is_stored().await;
            told.borrow_mut().push((outcome, stored));
            match is_told {
                true => Ok(()),
                false => Err(Error::unavailable("the record takes nothing")),
            }
        };
        let done = of(1_000).begin(&*store, (&acme, &id), None, tell).await;
        let stored = is_stored().await;
        (done, told.into_inner(), stored)
    }

    #[tokio::test]
    async fn that_one_starts_is_told_before_it_is_stored() {
        let (done, told, stored) = begun(&[], true).await;
        assert!(done.is_ok() && stored);
        assert_eq!(told, [(Outcome::Done, false)]);
        // What cannot be told is not stored.
        let (done, told, stored) = begun(&[], false).await;
        assert_eq!(done.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!((told.len(), stored), (1, false));
    }

    #[tokio::test]
    async fn that_one_could_not_be_stored_is_told() {
        let (done, told, stored) = begun(&[Answer::LostWrite], true).await;
        assert_eq!(done.unwrap_err().kind(), ErrorKind::Unavailable);
        assert!(!stored);
        let failed = Outcome::Failed(ErrorKind::Unavailable, None);
        assert_eq!(told, [(Outcome::Done, false), (failed, false)]);
    }

    #[tokio::test]
    async fn a_deployment_is_removed_when_it_is_over_and_not_before() {
        let store = MemoryStore::new(1000);
        let acme = Tenant::new("acme").unwrap();
        let at = Timestamp::from_millis(1_000);
        let id = Id::new(at, [0; 4]);
        of(1_000).put(&store, &acme, &id, None).await.unwrap();
        let over = at.saturating_add(KEPT);
        let before = Timestamp::from_millis(over.as_millis() - 1);
        Deployment::tidy(&store, before, 10).await.unwrap();
        assert!(Deployment::fetch(&store, &acme, &id).await.is_ok());
        Deployment::tidy(&store, over, 10).await.unwrap();
        assert!(Deployment::fetch(&store, &acme, &id).await.is_err());
    }

    /// Its end and a prompt may come at once: neither takes the other away.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn changes_at_once_are_all_made() {
        let store = std::sync::Arc::new(MemoryStore::new(1000));
        let acme = Tenant::new("acme").unwrap();
        let id = Id::new(Timestamp::from_millis(1_000), [0; 4]);
        of(1_000).put(&*store, &acme, &id, None).await.unwrap();
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (store, acme, id) = (store.clone(), acme.clone(), id.clone());
            all.spawn(async move {
                for _ in 0..500 {
                    let change = |found: &mut Deployment| found.until += 1;
                    Deployment::change(&*store, &acme, &id, change)
                        .await
                        .unwrap();
                }
            });
        }
        all.join_all().await;
        let (found, _) = Deployment::fetch(&*store, &acme, &id).await.unwrap();
        assert_eq!(found.until, 2000);
    }
}
