//! The service: a vault, a keyring, a record, an inbox of webhooks and deployments, on one
//! folder.

mod accounts;
mod administrator;
mod api_keys;
mod api_limits;
mod credentials;
mod deliveries;
mod deployments;
mod doing;
mod endpoints;
mod held;
mod housekeeping;
mod joining;
mod keys;
mod letters_of_gates;
mod letters_to_askers;
mod office;
mod owners;
mod record;
mod roles;
mod room;
mod running;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_audit::Kinds;
use keyward_audit::alert::{Alerts, AnomalySink};
use keyward_base::{Actor, Clock, Purpose, Result, Subject, Trail};
use keyward_crypto::Provider;
use keyward_embedded::{Home, HomeDir, Options, RootSource};
use keyward_keys::KeyUse;
use keyward_session::api_key::ApiKeys;
use keyward_sqlite::{Durability, SqliteStore};
use keyward_store::{Attempts, Records};
use keyward_vault::Vault;
use keyward_webhook::inbox::policy::InboxPolicy;
use keyward_webhook::{Answers, Inbox, OnceTerms, Webhook, WholeBody};
use tokio::sync::{Notify, watch};

use crate::anomalies::Anomalies;
use crate::hooks::Sender;
use crate::hooks::again::Again;
use crate::hooks::source::{Endpoints, WEBHOOK_SECRETS};
use crate::log;
use crate::mail::Post;
use crate::masks::Masks;
use crate::notice::Notices;
use crate::refused::Refused;
use crate::settings::Settings;
use crate::verdict::Verdicts;
use accounts::Doors;
pub(crate) use accounts::{Couriers, Entrance, Which, administrators};
pub(crate) use administrator::Administrator;
pub(crate) use api_keys::{DEPLOY, DEPLOYMENTS, PREFIX, SCOPES, SERVERS, VARIABLES};
use api_limits::ApiLimits;
pub(crate) use deliveries::work;
pub(crate) use deployments::{Asked, Now, Start};
pub(crate) use doing::{Doing, TAKEN_WITHIN, export_of, obey};
pub(crate) use held::{
    DELETE, EXPORT, Held, REPLACE, ROLE, ROTATE, RUN, Wish, is_for_production, names, of_agents,
};
pub(crate) use housekeeping::Kept;
use joining::First;
pub(crate) use joining::Set;
use keys::Rewrapping;
pub(crate) use letters_of_gates::by_link;
pub(crate) use office::{Office, Own};
use owners::{Owners, TellLeaks};
pub(crate) use record::{Book, Form};
pub(crate) use roles::Change;
pub(crate) use room::Room;
use running::Running;

/// What the keyring calls this process.
const NAME: &str = "deploydesk";

/// Who opens the secrets of webhook endpoints: the service, to verify what comes.
const VERIFIER: &str = "webhooks";

/// The folder of mail that waits, in the service's own.
const SPOOL: &str = "spool";

/// What the keys are for that seal deliveries.
const WEBHOOK: &str = "webhook";

/// For how long a worker has a delivery to itself: handling one is a write or two, and a process
/// that died is followed soon.
const LEASE: Duration = Duration::from_secs(15);

/// How often the keyring is asked whether something is due.
const TICK: Duration = Duration::from_secs(1);

/// After how many ticks the inbox is tidied.
const TIDY: u32 = 60;

/// What the pages work with.
#[derive(Debug)]
pub(crate) struct Desk {
    home: Home,
    vault: Vault,
    /// The service's own kinds of entries.
    kinds: Kinds,
    verdicts: Verdicts,
    refused: Arc<Refused>,
    anomalies: Arc<Anomalies>,
    rewrapping: Arc<Mutex<Rewrapping>>,
    notices: Notices,
    endpoints: Arc<Endpoints>,
    inbox: Inbox,
    answers: Arc<Answers>,
    again: Again,
    /// Know what was opened, and mask it in what deployments write and models are asked.
    masks: Arc<Masks>,
    running: Running,
    held: Held,
    /// The start of the addresses that are mailed.
    base: String,
    settings: Settings,
    post: Arc<Post>,
    /// Mails owners what becomes of their keys.
    owners: Arc<Owners>,
    doors: Doors,
    api_keys: ApiKeys,
    api_limits: ApiLimits,
    first: First,
    /// Wakes the worker.
    work: Notify,
}

/// The most pages of 4,096 bytes that the counts of tries, mails and requests take, so that nobody fills
/// the disk with them: 64 MiB. Some 2,100 of them are in use from the start.
const COUNTS: u32 = 16_384;

impl Desk {
    /// Opens the folder, or makes it.
    ///
    /// `base` is the start of the addresses that are mailed. What is mailed goes out for as long as
    /// the couriers run.
    pub(crate) async fn open(settings: Settings, base: &str) -> Result<(Self, Couriers)> {
        let folder = &settings.data;
        let dir = HomeDir::at(folder);
        dir.prepare()
            .inspect_err(|_| log::line("the folder is the one that DEPLOYDESK_DATA names"))?;
        let mut options = Options::from_env();
        let masks = Arc::new(Masks::new(options.provider));
        options.observers.push(Arc::<Masks>::clone(&masks));
        let anomalies = Arc::<Anomalies>::default();
        let sink: Arc<dyn AnomalySink> = Arc::<Anomalies>::clone(&anomalies);
        options.alerts = Some(Alerts::new(&settings.alerts)?.to(sink));
        let root_file = matches!(options.root, RootSource::File);
        let first = !dir.is_used()?;
        let home = recording(&dir, &options, first).await?;
        if root_file {
            let path = dir.root_file();
            log::line(&format!(
                "DEVELOPMENT ROOT FILE {}{}: who copies this folder can open everything in it. \
                 In production, give the root in KEYWARD_ROOT, from a secret manager.",
                path.display(),
                if first { ", just made" } else { "" }
            ));
        }
        let vault = home.vault().clone();
        let refused = Arc::new(Refused::new(home.audit()?.clone()));
        let trail = Trail::new(refused.clone()).in_run(home.keyring().run());
        let clock = home.keyring().clock();
        let crypto = *home.keyring().provider();
        let github = Webhook::new(Sender::GitHub.scheme(), crypto)?;
        let slack = Webhook::new(Sender::Slack.scheme(), crypto)?;
        let inbox = inbox(&home, trail.clone(), [&github, &slack]).await?;
        let verifier = vault.acting_as(Actor::new(Subject::new(VERIFIER)?));
        let store: Arc<dyn Records> = home.data().clone();
        let endpoints = Endpoints::new(verifier, store, clock.clone(), [github, slack]);
        let post = Arc::new(match settings.origin.is_loopback() {
            true => Post::outbox(),
            false => Post::spool(&settings.data.join(SPOOL))?,
        });
        let counts = home.dir().folder().join("attempts.db");
        let counts = SqliteStore::builder(&counts)
            .durability(Durability::Normal)
            .max_pages(COUNTS);
        let attempts: Arc<dyn Attempts> = Arc::new(counts.open()?);
        let (doors, couriers) = Doors::open(&home, &trail, &post, &attempts, base).await?;
        let owners = Arc::new(Owners {
            store: home.data().clone(),
            post: Arc::clone(&post),
            clock: Arc::clone(clock),
            crypto,
            base: base.to_owned(),
            waiting: Mutex::default(),
        });
        let telling = Trail::new(Arc::new(TellLeaks {
            to: refused.clone(),
            owners: Arc::clone(&owners),
            keys: api_keys::open(&home, &trail).await?,
        }));
        let telling = telling.in_run(home.keyring().run());
        let api_keys = api_keys::open(&home, &telling).await?;
        let held = Held::open(&home, settings.approvals.as_deref()).await?;
        let api_limits = ApiLimits::open(home.keyring(), attempts).await?;
        if doors.lacks().saturating_add(api_limits.lacks()) > 0 {
            log::line(
                "attempts.db is full: who has no row in it is refused where nothing is shared yet,                  until there is room",
            );
        }
        let desk = Self {
            answers: Arc::new(Answers::new(trail, clock.clone())),
            home,
            vault,
            kinds: record::kinds()?,
            verdicts: Verdicts::default(),
            refused,
            anomalies,
            rewrapping: Arc::default(),
            notices: Notices::default(),
            endpoints: Arc::new(endpoints),
            inbox,
            again: Again::default(),
            masks,
            running: Running::default(),
            held,
            base: base.to_owned(),
            settings,
            post,
            owners,
            doors,
            api_keys,
            api_limits,
            first: First::default(),
            work: Notify::new(),
        };
        Ok((desk, couriers))
    }

    pub(crate) const fn endpoints(&self) -> &Arc<Endpoints> {
        &self.endpoints
    }

    pub(crate) const fn answers(&self) -> &Arc<Answers> {
        &self.answers
    }

    pub(crate) fn crypto(&self) -> &Provider {
        self.home.keyring().provider()
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        self.home.keyring().clock()
    }

    /// What was refused since the start.
    pub(crate) fn refused(&self) -> &Refused {
        &self.refused
    }

    /// The record, for what is noted in it as well as can be.
    pub(crate) fn trail(&self) -> &Trail {
        self.vault.trail()
    }

    pub(crate) const fn api_limits(&self) -> &ApiLimits {
        &self.api_limits
    }

    pub(crate) fn post(&self) -> &Post {
        &self.post
    }

    /// The start of the addresses that are mailed.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the keyring can be reached.
    pub(crate) async fn probe(&self) -> Result<()> {
        self.home.keyring().replicas().await.map(drop)
    }

    /// Gives the lease up, so that no rotation waits for a process that is gone.
    pub(crate) fn leave(&self) {
        self.home.close();
    }
}

/// The home, made at the first start, with its record: one that was made before there was one gets
/// it now. Whoever opens the home after that records into it.
async fn recording(dir: &HomeDir, options: &Options, first: bool) -> Result<Home> {
    let home = match first {
        true => Home::init(dir, options).await?,
        false => Home::open(dir, options).await?,
    };
    home.init_audit().await?;
    drop(home);
    Home::serve(dir, options, NAME).await
}

/// The inbox of the home. One that was made before there were webhooks gets the key that it needs.
async fn inbox(home: &Home, trail: Trail, known: [&Webhook<WholeBody>; 2]) -> Result<Inbox> {
    let purpose = Purpose::new(WEBHOOK)?;
    let keyring = home.keyring();
    if keyring.promoted_epoch(&purpose).is_err() {
        let admin = keyring.admin();
        admin.add_purpose(&purpose, KeyUse::Seal).await?;
    }
    let mut policy = InboxPolicy::default();
    policy.lease = LEASE;
    let mut builder = Inbox::builder(keyring.clone(), home.data().clone());
    for webhook in known {
        builder = builder.provider(webhook, OnceTerms::of(webhook.scheme()))?;
    }
    builder.policy(policy).trail(trail).build().await
}

/// Keeps the lease, follows the ring, and promotes a pending key when all processes know it.
/// A failure is said once, and again when it is another; without a lease the keyring refuses.
pub(crate) async fn tick(desk: Arc<Desk>, mut stopping: watch::Receiver<bool>) {
    let mut every = tokio::time::interval(TICK);
    let mut said = String::new();
    let mut ticks = 0_u32;
    loop {
        let stops = tokio::select! {
            _ = every.tick() => false,
            _ = stopping.wait_for(|stop| *stop) => true,
        };
        if stops {
            return desk.answers.end().await;
        }
        desk.answers.flush().await;
        ticks = ticks.saturating_add(1);
        if ticks >= TIDY {
            ticks = 0;
            if let Err(error) = desk.tidy().await {
                log::failure(&error);
            }
        }
        let told = match desk.keep_up().await {
            Ok(()) => String::new(),
            Err(error) => log::told(&error),
        };
        if told != said {
            log::line(if told.is_empty() {
                "the keyring is reachable again"
            } else {
                &told
            });
            said = told;
        }
    }
}
