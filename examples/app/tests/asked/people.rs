//! Those who ask, and what is there to be asked for: accounts, sessions and things of two
//! organisations, made as people make them, and the sessions that time or a second factor would take,
//! made by the same crate on the same stores.

use std::collections::{BTreeMap, VecDeque};

use keyward_base::{Clock as _, ManualClock, SecretBytes, Subject, SystemClock, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_session::api_key::{Ranges, Rotation};
use keyward_session::{Admin, Kind, SessionId, Sessions, Started, User};
use keyward_webhook::preset;

use super::table::WHO;
use crate::service::browser::{
    self, ADMIN, Browser, PASSWORD, hidden, link_to, logged_in, set_password, sign_up,
};
use crate::service::planted::{ADMINS, ALL, Keys, Past, USERS, begin, scopes};
use crate::service::{Service, random, send, ssh_key, wait_until};

const MEL: &str = "mel@example.com";
const BOB: &str = "bob@example.com";

/// A secret that Slack would have given Ann.
const SLACK: &str = "8f742231b10e8888abcd99yyyzzz85a5";

/// What there is.
pub struct World {
    pub service: Service,
    /// The browser of each who asks, and more of them, for what ends a session.
    browsers: BTreeMap<&'static str, VecDeque<Browser>>,
    /// What a name in the table stands for.
    names: BTreeMap<&'static str, String>,
    /// Of some there is another one for each cell.
    fresh: BTreeMap<&'static str, VecDeque<String>>,
    /// What is shown as a bearer token.
    tokens: BTreeMap<&'static str, String>,
}

impl World {
    /// With what so many rows that change something use up.
    pub fn with(changing: usize) -> Self {
        let service = Service::start();
        let scanner = service.root().join("scanner.json");
        std::fs::write(&scanner, SCANNER).unwrap();
        let variables = [
            (
                "DEPLOYDESK_CRON_SECRET",
                &*format!("now:{CRON},before:{CRON_BEFORE}:2026-01-01"),
            ),
            ("DEPLOYDESK_SCANNER_KEYS", scanner.to_str().unwrap()),
        ];
        let ann = browser::ann(&service);
        let mut admin = browser::admin(&service);
        sign_up(&service, BOB, PASSWORD);
        let mut bob = logged_in(&service, BOB);
        let mut hers = ann.browser.clone();
        hers.post("/members/invite", &[("email", MEL.as_bytes())])
            .leads_to();
        set_password(&service, &link_to(&service, MEL, 1), PASSWORD);
        let mel = logged_in(&service, MEL);
        let mut staff = Browser::new(&service);
        staff.log_in("/admin/login", ADMIN, PASSWORD).leads_to();
        let fields = [
            ("tenant", ann.tenant.as_bytes()),
            ("subject", ann.subject.as_bytes()),
            ("reason", b"the table"),
        ];
        staff.post("/admin/act", &fields).leads_to();
        let mut names = things(&service, &mut hers, &mut bob);
        let code = |browser: &Browser, path: &str, nth: usize| {
            let page = browser.page(path);
            let code = page.split("<code>").nth(nth).unwrap();
            code.split('<').next().unwrap().to_owned()
        };
        let people = People {
            ann: (ann.tenant.clone(), ann.subject.clone()),
            mel: (ann.tenant.clone(), code(&mel, "/account", 2)),
            bob: (code(&bob, "/account", 1), code(&bob, "/account", 2)),
            root: (
                "administrators".to_owned(),
                code(&admin, "/admin/account", 2),
            ),
        };
        for (name, text) in [
            ("@tenant", &people.ann.0),
            ("@ann", &people.ann.1),
            ("@his-tenant", &people.bob.0),
            ("@root", &people.root.1),
        ] {
            names.insert(name, text.clone());
        }
        let deliveries = deliver(&service, &ann.tenant, &hers, WHO.len() + 1);
        let service_folder = service.stop();
        let mut planted = Planted::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let root = service_folder.path().to_owned();
        runtime.block_on(planted.plant(&root, &people, changing));
        let service = Service::start_with(service_folder, &variables);
        let mut browsers = planted.browsers;
        // Those that a person comes by are those that a person came by.
        admin.addr = service.addr;
        for (who, browser) in [
            ("owner", hers),
            ("member", mel),
            ("other", bob),
            ("admin", admin),
            ("staff", staff),
        ] {
            browsers.get_mut(who).unwrap().push_front(browser);
        }
        for browser in browsers.values_mut().flatten() {
            browser.addr = service.addr;
        }
        let mut fresh = planted.fresh;
        let mut deliveries = VecDeque::from(deliveries);
        names.insert("@delivery", deliveries.pop_front().unwrap());
        fresh.insert("@fresh-delivery", deliveries);
        for (name, of) in [
            ("@device", "@device"),
            ("@admin-device", "@admin-device"),
            ("@api-key", "@fresh-api-key"),
        ] {
            names.insert(name, fresh.get_mut(of).unwrap().pop_front().unwrap());
        }
        let none = SessionId::from_bytes([7; 16]).to_string();
        for (name, text) in [
            ("@no-device", none.as_str()),
            ("@no-api-key", none.as_str()),
            ("@no-delivery", "00000000000000000000000000000000"),
            ("@no-deployment", "000000000000000000000000"),
            ("@key", "0123456789abcdef"),
            ("@password", PASSWORD),
            ("@member", MEL),
            ("@admin", ADMIN),
            ("@set", "hers"),
            ("@steers", "steers"),
            ("@server", "deploy@hers.test"),
            ("@host", "github:hers"),
            ("@hook", "slack:hers"),
            ("@his-set", "his"),
            ("@his-server", "deploy@his.test"),
            ("@his-hook", "slack:his"),
        ] {
            names.insert(name, text.to_owned());
        }
        Self {
            service,
            browsers,
            names,
            fresh,
            tokens: planted.tokens,
        }
    }

    /// What somebody shows as a bearer token; none: nothing.
    pub fn token(&self, who: &str) -> Option<&str> {
        self.tokens.get(who).map(String::as_str)
    }

    /// The browser of who asks.
    pub fn browser(&self, who: &str) -> Browser {
        self.browsers[who].front().unwrap().clone()
    }

    /// Another one of his, which nobody has used yet.
    pub fn another(&mut self, who: &str) -> Browser {
        self.browsers.get_mut(who).unwrap().pop_back().unwrap()
    }

    /// New ones of what there is one of for each cell.
    pub fn renew(&mut self, text: &str) {
        for (name, left) in &mut self.fresh {
            if named(text).contains(name) {
                self.names.insert(name, left.pop_front().unwrap());
            }
        }
    }

    /// What a text of the table means.
    pub fn meant(&self, text: &str) -> String {
        let mut meant = text.to_owned();
        for name in named(text) {
            let stands = match name {
                "@new" => format!("{}@example.com", random(12).to_lowercase()),
                name => self.names[name].clone(),
            };
            meant = meant.replacen(name, &stands, 1);
        }
        meant
    }
}

/// The names in a text of the table.
fn named(text: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c == '-';
    let starts = text.match_indices('@').map(|(at, _)| at);
    let names = starts.map(|at| {
        let rest = &text[at + 1..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        &text[at..=at + end]
    });
    // What follows a letter is an address, such as new@example.com.
    let names = names.filter(|name| *name != "@example" && name.len() > 1);
    names.collect()
}

/// Things of Ann's and of Bob's.
fn things(
    service: &Service,
    hers: &mut Browser,
    his: &mut Browser,
) -> BTreeMap<&'static str, String> {
    for (browser, id) in [(&mut *hers, "hers"), (&mut *his, "his")] {
        let set = [("id", id.as_bytes()), ("secret", b"A=1".as_slice())];
        browser.post("/environments", &set).leads_to();
        let key = ssh_key("ed25519").0;
        let address = format!("deploy@{id}.test");
        let server = [("id", address.as_bytes()), ("file", key.as_bytes())];
        browser.post("/servers", &server).leads_to();
        let host = [
            ("id", id.as_bytes()),
            ("provider", b"github".as_slice()),
            ("secret", b"ghp_0123456789abcdef"),
        ];
        browser.post("/hosts", &host).leads_to();
        let hook = [
            ("id", id.as_bytes()),
            ("provider", b"slack".as_slice()),
            ("secret", SLACK.as_bytes()),
        ];
        browser.post("/webhooks", &hook).leads_to();
    }
    let steers = [("id", b"steers".as_slice()), ("secret", b"LD_PRELOAD=/x")];
    hers.post("/environments", &steers).leads_to();
    let fields = [("server", b"deploy@hers.test".as_slice()), ("set", b"hers")];
    let path = hers.post("/deployments", &fields).leads_to().to_owned();
    wait_until(|| !hers.page(&path).contains("http-equiv"));
    assert!(!service.log().contains("panicked"));
    let id = path.rsplit('/').next().unwrap().to_owned();
    BTreeMap::from([("@deployment", id)])
}

/// Has Slack deliver so many events to Ann; their rows, once all are handled.
fn deliver(service: &Service, tenant: &str, hers: &Browser, count: usize) -> Vec<String> {
    let secret = SecretBytes::copy_of(SLACK.as_bytes());
    for n in 0..count {
        let body = format!(
            "{{\"type\":\"event_callback\",\"event_id\":\"Ev{n}\",\"event\":{{\"type\":\"x\"}}}}"
        );
        let now = SystemClock::new().now().unwrap();
        let signed = preset::SLACK.sign(&Provider::default(), &secret, None, now, body.as_bytes());
        let signed = signed.unwrap();
        let lines = signed.iter();
        let lines = lines.map(|(name, value)| format!("\n{name}: {}", value.to_str().unwrap()));
        let head = format!(
            "POST /hooks/slack/{tenant}/hers HTTP/1.1\nHost: {}\nContent-Type: application/json\n\
             Content-Length: {}{}",
            service.addr,
            body.len(),
            lines.collect::<String>()
        );
        assert_eq!(send(service.addr, &head, body.as_bytes()).status, 200);
    }
    let page = || hers.page("/webhooks/slack:hers");
    wait_until(|| page().matches(" good\">").count() == count);
    let page = page();
    let rows = page.split("/forget\"").filter_map(|before| {
        let row = before.rsplit('/').next()?;
        (row.len() == 32).then(|| row.to_owned())
    });
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows.len(), count, "{page}");
    assert!(!hidden(&page, "revision").is_empty());
    rows
}

/// What cron shows, and what it showed before.
const CRON: &str = "g3DnPXBKbMmYjyT0UDzM7YBOvIvBnBZyrMlXHFvJd7A";
const CRON_BEFORE: &str = "QpYd0ZJ4mZVkSdgDNd_UkZPkkCqQ6vM8bTWqJxHZZXs";

/// A list of keys as GitHub publishes it, with the one of its documentation's example.
const SCANNER: &str = r#"{"public_keys":[{"key_identifier":"bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c","key":"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd\nAjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==\n-----END PUBLIC KEY-----\n","is_current":true}]}"#;

/// Tenant and subject of each.
struct People {
    ann: (String, String),
    mel: (String, String),
    bob: (String, String),
    root: (String, String),
}

/// Sessions, as many as are used up.
#[derive(Default)]
struct Planted {
    browsers: BTreeMap<&'static str, VecDeque<Browser>>,
    fresh: BTreeMap<&'static str, VecDeque<String>>,
    tokens: BTreeMap<&'static str, String>,
}

impl Planted {
    async fn plant(&mut self, root: &std::path::Path, people: &People, changing: usize) {
        let past = Past::of(root).await;
        let (sessions, clock, now, ago) = (&past.sessions, &past.clock, past.now, past.ago(20));
        let keys = Keys::of(&past).await;
        self.tokens = of_all(&keys, people, (now, ago)).await;
        let made = keys.several(&people.ann, 2 * WHO.len() + 1).await;
        self.fresh.insert("@fresh-api-key", made);
        let her = begin(sessions, USERS, &people.ann, now, false).await;
        let text = her.token().expose().to_owned();
        self.tokens.insert("session-key", text);
        for round in 0..=changing {
            for who in WHO {
                let cookies = cookies(sessions, clock, who, people, (now, ago)).await;
                let browser = Browser {
                    addr: "127.0.0.1:1".parse().unwrap(),
                    cookies,
                };
                self.browsers.entry(who).or_default().push_back(browser);
                // For each cell of a row that ends one.
                if round < 2 {
                    let hers = begin(sessions, USERS, &people.ann, now, false).await;
                    let his = begin(sessions, ADMINS, &people.root, now, false).await;
                    for (name, id) in [("@device", hers.id()), ("@admin-device", his.id())] {
                        let all = self.fresh.entry(name).or_default();
                        all.push_back(id.to_string());
                    }
                }
            }
        }
        past.home.close();
    }
}

/// The cookies of a browser of theirs.
async fn cookies(
    sessions: &Sessions,
    clock: &ManualClock,
    who: &str,
    people: &People,
    (now, ago): (Timestamp, Timestamp),
) -> Vec<(String, String)> {
    let cookie = |name: &str, started: &Started| {
        let token = started.token().expose().to_owned();
        (format!("loopback-{name}"), token)
    };
    let user = async |of| begin(sessions, USERS, of, now, false).await;
    let admin = async || begin(sessions, ADMINS, &people.root, now, false).await;
    match who {
        "nobody" | "session-key" | "internal" | "internal-ended" => Vec::new(),
        key if key.starts_with("key-") => Vec::new(),
        "member" => vec![cookie("session", &user(&people.mel).await)],
        "owner" | "foreign" | "passed-on" | "host" | "cookie-key" => {
            vec![cookie("session", &user(&people.ann).await)]
        }
        "other" => vec![cookie("session", &user(&people.bob).await)],
        "admin" => vec![cookie("admin", &admin().await)],
        "staff" => {
            let his = admin().await;
            let live = sessions.check::<Admin>(his.token().expose()).await.unwrap();
            let fresh = sessions.fresh::<_, 15>(live).unwrap();
            let tenant = Tenant::new(&people.ann.0).unwrap();
            let subject = Subject::new(&people.ann.1).unwrap();
            let acting = sessions.act_as(fresh, &tenant, &subject, "the table");
            let acting = acting.await.unwrap();
            vec![cookie("admin", &his), cookie("staff", &acting)]
        }
        "stale" | "stale-admin" => {
            clock.set(ago);
            let (door, of, name) = match who {
                "stale" => (USERS, &people.ann, "session"),
                _ => (ADMINS, &people.root, "admin"),
            };
            let started = begin(sessions, door, of, ago, false).await;
            clock.set(now);
            vec![cookie(name, &started)]
        }
        "pending" => {
            let waits = begin(sessions, USERS, &people.ann, now, true).await;
            assert_eq!(waits.kind(), Kind::Pending);
            vec![cookie("pending", &waits), cookie("session", &waits)]
        }
        "ended" => {
            let started = user(&people.ann).await;
            let token = started.token().expose();
            let live = sessions.check::<User>(token).await.unwrap();
            sessions.end(&live).await.unwrap();
            vec![cookie("session", &started)]
        }
        "nowhere" => {
            let gone = (people.ann.0.clone(), "u-gone".to_owned());
            let none = begin(sessions, ADMINS, &people.ann, now, false).await;
            vec![
                cookie("session", &user(&gone).await),
                cookie("admin", &none),
            ]
        }
        "swapped" => vec![
            cookie("admin", &user(&people.ann).await),
            cookie("session", &admin().await),
        ],
        other => panic!("nobody is called {other}"),
    }
}

/// A key of each sort.
async fn of_all(
    keys: &Keys<'_>,
    people: &People,
    (now, ago): (Timestamp, Timestamp),
) -> BTreeMap<&'static str, String> {
    let ann = &people.ann;
    let tenant = Tenant::new(&ann.0).unwrap();
    let mut all = BTreeMap::new();
    keys.clock.set(ago);
    all.insert("key-expired", keys.text(ann, ALL).await);
    keys.clock.set(now);
    for (who, may) in [
        ("key-servers", "servers:read"),
        ("key-variables", "variables:read"),
        ("key-deployments", "deployments:read"),
        ("key-deploy", "deployments:write"),
        ("key-all", ALL),
        ("cookie-key", ALL),
        ("key-none", ""),
    ] {
        all.insert(who, keys.text(ann, may).await);
    }
    all.insert("key-other", keys.text(&people.bob, ALL).await);
    let elsewhere = Ranges::parse("192.0.2.0/24").unwrap();
    let made = keys.make(ann, ALL, elsewhere).await;
    all.insert("key-elsewhere", made.key().expose().to_owned());
    let made = keys.make(ann, ALL, Ranges::anywhere()).await;
    keys.keys.revoke(&tenant, made.info().id).await.unwrap();
    all.insert("key-revoked", made.key().expose().to_owned());
    let leaked = keys.text(ann, ALL).await;
    keys.keys.revoke_leaked(&leaked).await.unwrap();
    all.insert("key-leaked", leaked);
    let made = keys.make(ann, "servers:read", Ranges::anywhere()).await;
    let (by, most) = (keys.shown(ann).await, scopes(ALL));
    let next = keys
        .keys
        .rotate(&by, &most, made.info().id, Rotation::new());
    let _ = next.await.unwrap();
    all.insert("key-rotated", made.key().expose().to_owned());
    let mut forged = keys.text(ann, ALL).await;
    let last = if forged.pop() == Some('0') { '1' } else { '0' };
    forged.push(last);
    all.insert("key-forged", forged);
    all.insert("internal", CRON.to_owned());
    all.insert("internal-ended", CRON_BEFORE.to_owned());
    all
}
