//! What strangers could not prove over HTTP is an anomaly: an event of a subscriber and a counter of
//! a recorder that the program installed, and no secret in either.
// A panic is the report.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use keyward::audit::alert::{ANOMALIES, AlertRule, Alerts, Kind, Metered, Per, Traced};
use keyward::embedded::{Home, HomeDir, Options, RootSource};
use keyward::webhook::preset;
use keyward::{Clock as _, SecretBytes, SystemClock};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../webhook.rs"]
mod webhook;

/// What the formatter wrote.
#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Keeps every counter, by its name and labels.
#[derive(Clone, Debug, Default)]
struct Counts(Arc<Mutex<BTreeMap<String, Arc<Count>>>>);

#[derive(Debug, Default)]
struct Count(AtomicU64);

impl CounterFn for Count {
    fn increment(&self, by: u64) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }

    fn absolute(&self, to: u64) {
        self.0.fetch_max(to, Ordering::SeqCst);
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels = key
            .labels()
            .map(|of| format!(" {}={}", of.key(), of.value()));
        let name = format!("{}{}", key.name(), labels.collect::<String>());
        let count = Arc::clone(self.0.lock().unwrap().entry(name).or_default());
        Counter::from_arc(count)
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

impl Counts {
    fn all(&self) -> Vec<(String, u64)> {
        let held = self.0.lock().unwrap();
        let all = held.iter();
        all.map(|(name, count)| (name.clone(), count.0.load(Ordering::SeqCst)))
            .collect()
    }
}

const BODY: &str = r#"{"ref":"refs/heads/main","token":"body-4rT9xKq2LmW8"}"#;

/// Sends a delivery to the server, signed with that secret; gives the status line.
async fn deliver(to: std::net::SocketAddr, secret: &str) -> String {
    let secret = SecretBytes::copy_of(secret.as_bytes());
    let now = SystemClock::new().now().unwrap();
    let crypto = keyward::crypto::Provider::default();
    let signed = preset::GITHUB.sign(&crypto, &secret, Some("7"), now, BODY.as_bytes());
    let mut head = format!(
        "POST /hooks/acme/deploys HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nX-GitHub-Event: push\r\nContent-Length: {}\r\n",
        BODY.len()
    );
    for (name, value) in &signed.unwrap() {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    let mut stream = tokio::net::TcpStream::connect(to).await.unwrap();
    let request = format!("{head}\r\n{BODY}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn forged_deliveries_are_an_event_and_a_count_and_give_nothing_away() {
    let (lines, counts) = (Lines::default(), Counts::default());
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false);
    let subscriber = subscriber.with_writer(move || writer.clone()).finish();
    tracing_subscriber::util::SubscriberInitExt::try_init(subscriber).unwrap();
    assert!(metrics::set_global_recorder(counts.clone()).is_ok());

    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let mut options = Options::with_root(RootSource::File);
    options.anchor = Some(folder.path().join("anchor"));
    let home = Home::init(&dir, &options).await.unwrap();
    home.init_audit().await.unwrap();
    drop(home);
    let rule = AlertRule {
        kind: Kind::FailedVerification,
        count: 1,
        seconds: 86_400,
        per: Per::Endpoint,
    };
    let alerts = Alerts::new(&[rule]).unwrap();
    options.alerts = Some(
        alerts
            .to(Arc::new(Traced::new()))
            .to(Arc::new(Metered::new())),
    );
    let home = Home::serve(&dir, &options, "web-1").await.unwrap();
    let place = home.vault().tenant("acme").unwrap();
    let place = place.place("webhook.secret").unwrap();
    let secret = "good-7hQ2mZx9Lk4TnV3bWc";
    let credential = SecretBytes::copy_of(secret.as_bytes());
    let credential = keyward::vault::Credential::api_key(credential).unwrap();
    let record = place.record("deploys").unwrap();
    let _stored = record.insert(&credential).await.unwrap();
    let audit = home.audit().unwrap().clone();
    let routes = webhook::routes(home).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });

    assert!(deliver(to, secret).await.contains(" 200 "));
    // What is good is none: the follower has read it once it tells of what comes after.
    assert_eq!(counts.all(), []);
    let forged = "evil-3pRs8YdJ6uFg1XoNzB";
    // Refusals are summed and written with the next request a second later, or at the next one.
    while counts.all().is_empty() {
        assert!(deliver(to, forged).await.contains(" 401 "));
        tokio::task::yield_now().await;
    }
    let counter = format!("{ANOMALIES} kind=failed-verification per=endpoint");
    assert_eq!(counts.all(), [(counter, 1)]);
    let text = lines.text();
    let told: Vec<_> = text
        .lines()
        .filter(|line| line.contains("keyward::anomaly"))
        .collect();
    assert_eq!(told.len(), 1, "{text}");
    for part in [
        "WARN",
        "kind=\"failed-verification\"",
        "key=\"acme/deploys\"",
        "tenant=\"acme\"",
        "id=\"failed-verification/1/86400/endpoint/",
    ] {
        assert!(told.concat().contains(part), "{part} in {text}");
    }
    for secret in [secret, forged, "body-4rT9xKq2LmW8"] {
        assert!(!text.contains(secret.get(5..).unwrap()), "{text}");
    }
    drop(audit);
}
