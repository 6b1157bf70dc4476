//! A service that receives webhooks of GitHub. Each endpoint has a secret of its own, in the vault;
//! a delivery is kept in the inbox, answered at once, and handled afterwards.
#![allow(clippy::print_stdout, clippy::print_stderr)] // An example shows what it does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRef, Path, State};
use axum::response::Response;
use axum::routing::post;
use keyward::axum::webhook::{Verified, WebhookProvider, WebhookRoute};
use keyward::axum::{Failure, Origins, RoutePolicy, WebGuard};
use keyward::base::{BoxFuture, Trail};
use keyward::crypto::Provider;
use keyward::embedded::Home;
use keyward::keys::KeyUse;
use keyward::vault::{Credential, Vault};
use keyward::webhook::{
    Answers, Endpoint, Inbox, OnceTerms, SecretSource, Secrets, Taken, Webhook, WholeBody, Worked,
    preset,
};
use keyward::{Clock, Error, Purpose, Result, Revision, Timestamp};

/// GitHub's proof covers the whole body.
struct GitHub;

impl WebhookProvider for GitHub {
    type Coverage = WholeBody;
}

fn github() -> Result<Webhook<WholeBody>> {
    Webhook::new(preset::GITHUB, Provider::default())
}

/// The secrets of endpoints, out of the vault.
#[derive(Debug)]
struct Kept {
    vault: Vault,
    webhook: Webhook<WholeBody>,
    clock: Arc<dyn Clock>,
    opened: Mutex<HashMap<Endpoint, Opened>>,
}

#[derive(Clone, Debug)]
struct Opened {
    at: Timestamp,
    revision: Revision,
    secrets: Arc<Secrets>,
}

/// How long a secret that was opened is kept: after it, its key may have been withdrawn.
const FRESH: Duration = Duration::from_secs(300);

impl SecretSource for Kept {
    /// Whoever asks has proved nothing yet. To describe a record costs a read; to open one is told
    /// to the audit, and is done when it is another than before.
    fn secrets<'a>(&'a self, of: &'a Endpoint) -> BoxFuture<'a, Result<Option<Arc<Secrets>>>> {
        Box::pin(async move {
            let tenant = self.vault.tenant(of.tenant.as_str())?;
            let record = tenant.place("webhook.secret")?.record(of.id.as_str())?;
            let Some(listed) = record.describe().await? else {
                self.held().remove(of);
                return Ok(None);
            };
            let now = self.clock.now()?;
            let held = self.held().get(of).cloned();
            if let Some(held) = held.filter(|held| held.is(listed.revision, now)) {
                return Ok(Some(held.secrets));
            }
            let opened = record.open().await?;
            let mut secrets = self.webhook.secrets();
            secrets.add("first", None, opened.bytes())?;
            let secrets = Arc::new(secrets);
            let opened = Opened {
                at: now,
                revision: opened.revision(),
                secrets: Arc::clone(&secrets),
            };
            self.held().insert(of.clone(), opened);
            Ok(Some(secrets))
        })
    }
}

impl Kept {
    fn held(&self) -> MutexGuard<'_, HashMap<Endpoint, Opened>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opened {
    fn is(&self, revision: Revision, now: Timestamp) -> bool {
        self.revision == revision && now >= self.at && now.saturating_since(self.at) < FRESH
    }
}

#[derive(Clone)]
struct Service {
    home: Arc<Home>,
    github: WebhookRoute<GitHub>,
    inbox: Inbox,
}

impl FromRef<Service> for WebhookRoute<GitHub> {
    fn from_ref(service: &Service) -> Self {
        service.github.clone()
    }
}

/// Makes the secret of an endpoint, to be given to GitHub with its address. A service asks who
/// wants it first.
async fn register(
    State(at): State<Service>,
    Path((tenant, endpoint)): Path<(String, String)>,
) -> std::result::Result<String, Failure> {
    let secret = github()?.generate()?;
    let shown = String::from_utf8_lossy(secret.expose()).into_owned();
    let place = at.home.vault().tenant(&tenant)?.place("webhook.secret")?;
    let _stored = (place.record(&endpoint)?)
        .insert(&Credential::api_key(secret)?)
        .await?;
    Ok(shown)
}

/// Runs for what is proved alone. The sender is answered when the delivery is on disk.
async fn receive(State(at): State<Service>, hook: Verified<GitHub>) -> Response {
    let accepted = at.inbox.accept(hook.endpoint(), &hook.proof()).await;
    hook.answer(&accepted.map(|accepted| accepted.outcome()))
        .await
}

/// Handles what is due. A process may have several of these, and several processes may.
async fn work(inbox: Inbox) {
    loop {
        match inbox.next().await {
            Ok(Some(taken)) => handle(taken).await,
            Ok(None) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(e) => {
                eprintln!("{e}");
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        }
    }
}

async fn handle(taken: Taken) {
    let (hook, endpoint) = (taken.hook(), taken.endpoint().clone());
    let worked = taken.run(async move {
        // What signed nothing would not come by here.
        let hook = hook.get().whole_body().ok_or("not signed")?;
        let event = hook.event().map(|event| event.claimed()).unwrap_or("?");
        println!(
            "{}/{} {event} {}",
            endpoint.tenant,
            endpoint.id,
            hook.body().len()
        );
        Ok::<_, &str>(())
    });
    match worked.await {
        Ok(Worked::Done(())) => {}
        Ok(worked) => eprintln!("it comes again: {worked:?}"),
        Err(e) => eprintln!("{e}"),
    }
}

pub(crate) async fn routes(home: Home) -> Result<Router> {
    // Bodies are sealed with keys of a purpose of their own.
    let admin = home.keyring().admin();
    admin
        .add_purpose(&Purpose::new("webhook")?, KeyUse::Seal)
        .await?;
    let inbox = Inbox::builder(home.keyring().clone(), home.data().clone())
        .provider(&github()?, OnceTerms::of(github()?.scheme()))?
        .trail(Trail::clone(home.vault().trail()))
        .build()
        .await?;
    let clock = Arc::clone(home.keyring().clock());
    let answers = Answers::new(home.vault().trail().clone(), Arc::clone(&clock));
    let secrets = Kept {
        vault: home.vault().clone(),
        webhook: github()?,
        clock: Arc::clone(&clock),
        opened: Mutex::default(),
    };
    let service = Service {
        github: WebhookRoute::new(github()?, Arc::new(secrets), Arc::new(answers), clock),
        home: Arc::new(home),
        inbox: inbox.clone(),
    };
    tokio::spawn(work(inbox.clone()));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(60)).await;
            if let Err(e) = inbox.tidy().await {
                eprintln!("{e}");
            }
        }
    });
    let guard = WebGuard::new(Origins::loopback());
    let limit = preset::GITHUB.body_limit;
    Ok(Router::new()
        .route("/hooks/{tenant}/{endpoint}", post(receive).put(register))
        .with_state(service)
        .layer(RoutePolicy::machines(&guard).body_limit(limit)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let routes = routes(Home::open_default("web-1").await?).await?;
    let broken = |e| Error::unavailable("the service cannot listen").with_source(e);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080")
        .await
        .map_err(broken)?;
    println!("listening on http://127.0.0.1:8080");
    axum::serve(listener, routes).await.map_err(broken)
}
