//! Who asks: browsers with cookies, and the accounts that they log in with.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use keyward_base::{Door, SecretBytes, Subject, Tenant};
use keyward_embedded::Home;
use keyward_password::people::Words;
use keyward_password::{
    Admission, Credential, CredentialRows, DirectoryRows, Identifier, Judged, Password, Passwords,
    Policy, Realm, Rules,
};
use keyward_store::{Applied, Collection, Content, RecordKey, Records as _, Stores, Write};

use super::{Answer, Service, percent, send};

/// Ann's address, and that of the first administrator.
pub const ANN: &str = "ann@example.com";
pub const ADMIN: &str = "admin@example.com";

/// What both log in with. It is as good as any: nobody has guessed it.
pub const PASSWORD: &str = "seven tall lanterns beside the quiet harbour";

/// A browser: cookies, and nothing else.
#[derive(Clone, Debug)]
pub struct Browser {
    pub addr: SocketAddr,
    pub cookies: Vec<(String, String)>,
}

impl Browser {
    pub fn new(service: &Service) -> Self {
        Self {
            addr: service.addr,
            cookies: Vec::new(),
        }
    }

    /// The line of its cookies, with a line end before it; nothing without cookies.
    pub fn line(&self) -> String {
        if self.cookies.is_empty() {
            return String::new();
        }
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("\nCookie: {}", pairs.join("; "))
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        let found = self.cookies.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Keeps what an answer sets, and drops what it takes back.
    pub fn keep(&mut self, answer: &Answer) {
        let set = answer
            .headers
            .iter()
            .filter(|(name, _)| name == "set-cookie");
        for (_, line) in set {
            let (pair, attributes) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() && !attributes.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        let head = format!("GET {path} HTTP/1.1\nHost: {}{}", self.addr, self.line());
        send(self.addr, &head, b"")
    }

    pub fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    pub fn post(&mut self, path: &str, fields: &[(&str, &[u8])]) -> Answer {
        let answer = self.post_with(path, "Sec-Fetch-Site: same-origin\nOrigin: null", fields);
        self.keep(&answer);
        answer
    }

    pub fn post_with(&self, path: &str, headers: &str, fields: &[(&str, &[u8])]) -> Answer {
        let body = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", percent(value)));
        let body = body.collect::<Vec<_>>().join("&");
        let head = format!(
            "POST {path} HTTP/1.1\nHost: {}\nContent-Type: application/x-www-form-urlencoded\n\
             Content-Length: {}{}\n{headers}",
            self.addr,
            body.len(),
            self.line(),
        );
        send(self.addr, &head, body.as_bytes())
    }

    pub fn log_in(&mut self, path: &str, email: &str, password: &str) -> Answer {
        let fields: [(&str, &[u8]); 3] = [
            ("email", email.as_bytes()),
            ("password", password.as_bytes()),
            ("remember", b"on"),
        ];
        self.post(path, &fields)
    }
}

/// A mail, as the outbox has it.
#[derive(Clone, Debug)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub links: Vec<String>,
}

/// What was mailed, the oldest first.
pub fn outbox(service: &Service) -> Vec<Mail> {
    let answer = Browser::new(service).get("/dev/outbox.json");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let all: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let text = |of: &serde_json::Value| of.as_str().unwrap().to_owned();
    let mails = all.as_array().unwrap().iter();
    mails
        .map(|mail| Mail {
            to: text(&mail["to"]),
            subject: text(&mail["subject"]),
            text: text(&mail["text"]),
            links: mail["links"].as_array().unwrap().iter().map(text).collect(),
        })
        .collect()
}

/// The path of the newest link that was mailed to somebody, once there are so many mails to him.
pub fn link_to(service: &Service, to: &str, count: usize) -> String {
    let to_him = || {
        let mut mails = outbox(service);
        mails.retain(|mail| mail.to == to && !mail.links.is_empty());
        mails
    };
    super::wait_until(|| to_him().len() >= count);
    let mails = to_him();
    path_of(&mails.last().unwrap().links[0])
}

/// The path of a link: what follows the origin.
pub fn path_of(link: &str) -> String {
    let rest = link.split_once("://").unwrap().1;
    rest[rest.find('/').unwrap()..].to_owned()
}

/// What stands in a hidden field of a page's form.
pub fn hidden(page: &str, name: &str) -> String {
    let after = page
        .split(&format!("name=\"{name}\" value=\""))
        .nth(1)
        .unwrap_or_else(|| panic!("no field {name}: {page}"));
    after.split('"').next().unwrap().to_owned()
}

/// Where the form of a page leads.
pub fn action(page: &str) -> String {
    let main = page.split("<main").nth(1).unwrap();
    let after = main.split("action=\"").nth(1).unwrap();
    after.split('"').next().unwrap().to_owned()
}

/// Signs somebody up: his mailbox proved, and a password set.
pub fn sign_up(service: &Service, email: &str, password: &str) {
    let is_link = |mail: &&Mail| mail.to == email && !mail.links.is_empty();
    let before = outbox(service).iter().filter(is_link).count();
    let mut browser = Browser::new(service);
    browser
        .post("/signup", &[("email", email.as_bytes())])
        .leads_to();
    set_password(service, &link_to(service, email, before + 1), password);
}

/// Sets a password by a mailed link.
pub fn set_password(service: &Service, path: &str, password: &str) {
    let mut browser = Browser::new(service);
    let page = browser.page(path);
    let token = hidden(&page, "token");
    let fields: [(&str, &[u8]); 2] = [
        ("token", token.as_bytes()),
        ("password", password.as_bytes()),
    ];
    browser.post(&action(&page), &fields).leads_to();
}

/// A browser in which somebody is logged in.
pub fn logged_in(service: &Service, email: &str) -> Browser {
    let mut browser = Browser::new(service);
    browser.log_in("/login", email, PASSWORD).leads_to();
    browser
}

/// Ann's browser, and what is known of her.
#[derive(Clone, Debug)]
pub struct Ann {
    pub browser: Browser,
    pub tenant: String,
    pub subject: String,
}

/// Those that tests use without a word, for each folder: its sessions outlive a restart.
#[derive(Default)]
struct Own {
    ann: Option<Ann>,
    /// She has an account already.
    planted: bool,
    admin: Option<Browser>,
}

static OWN: LazyLock<Mutex<HashMap<PathBuf, Own>>> = LazyLock::new(Mutex::default);

/// Whose browser a path is asked for with, where a test does not say.
pub fn own(service: &Service, path: &str) -> Browser {
    let administration = ["/admin", "/keys"];
    match administration.iter().any(|of| path.starts_with(of)) {
        true => admin(service),
        false => ann(service).browser,
    }
}

/// Ann, who signs up at the first call.
pub fn ann(service: &Service) -> Ann {
    let mut all = OWN.lock().unwrap();
    let own = all.entry(service.root().to_owned()).or_default();
    if own.ann.is_none() {
        if !own.planted {
            sign_up(service, ANN, PASSWORD);
        }
        let browser = logged_in(service, ANN);
        let page = browser.page("/account");
        let code = |nth: usize| {
            let code = page.split("<code>").nth(nth).unwrap();
            code.split('<').next().unwrap().to_owned()
        };
        own.ann = Some(Ann {
            tenant: code(1),
            subject: code(2),
            browser,
        });
    }
    let mut ann = own.ann.clone().unwrap();
    ann.browser.addr = service.addr;
    ann
}

/// Puts Ann's account into a home that no service has open, as one of the organisation `tenant`: for
/// tests whose entries are to stand in its log before hers.
pub async fn plant_ann(home: &Home, tenant: &Tenant) {
    let (ring, data) = (home.keyring(), home.data());
    let door = Door::new("users");
    let clock = Arc::clone(ring.clock());
    let policy = Policy::default().own_rows();
    let passwords = Passwords::new(policy, Admission::default(), Arc::clone(&clock)).unwrap();
    let realm = Realm {
        door,
        tenant: Tenant::new("people").unwrap(),
    };
    let subject = Subject::new("u-ann").unwrap();
    let typed = Password::new(SecretBytes::copy_of(PASSWORD.as_bytes())).unwrap();
    let (rules, words) = (Rules::new(), Words::new());
    let judged = passwords.judge(&realm.tenant, typed, &rules, &words);
    let Judged::Fit(password) = judged.await.unwrap() else {
        panic!("Ann's password is taken");
    };
    let hash = passwords.hash(&realm.tenant, password).await.unwrap();
    let rows = CredentialRows::builder(data.clone(), door, clock)
        .pepper(ring.clone())
        .build()
        .await
        .unwrap();
    let credential = Credential::new(&hash, ring.clock().now().unwrap()).unwrap();
    let account = realm.account(subject.clone());
    rows.insert(&account, credential).await.unwrap();
    let store: Arc<dyn Stores> = data.clone();
    let directory = DirectoryRows::builder(store, ring.clone())
        .build()
        .await
        .unwrap();
    let address = Identifier::email(ANN).unwrap();
    let entered = directory.insert(&realm, &address, &subject, tenant);
    assert!(entered.await.unwrap());
    let record = |collection, owner: &str, id: &str, data: String| Write::Insert {
        key: RecordKey {
            collection: Collection::named(collection),
            owner: owner.to_owned(),
            id: id.to_owned(),
        },
        content: Content {
            data: data.into_bytes(),
            ..Content::default()
        },
    };
    let (tenant, subject) = (tenant.as_str(), subject.as_str());
    let person = format!(r#"{{"email":"{ANN}","role":"owner","since":0}}"#);
    let organisation = format!(r#"{{"name":"{tenant}","since":0}}"#);
    let writes = vec![
        record("deploydesk-people", tenant, subject, person),
        record("deploydesk-organisations", "", tenant, organisation),
    ];
    let applied = data.apply(writes).await.unwrap();
    assert!(matches!(applied, Applied::Done(_)));
    let root = home.dir().folder().parent().unwrap().to_owned();
    OWN.lock().unwrap().entry(root).or_default().planted = true;
}

/// The first administrator, made by the link that the first start printed.
pub fn admin(service: &Service) -> Browser {
    let mut all = OWN.lock().unwrap();
    let own = all.entry(service.root().to_owned()).or_default();
    if own.admin.is_none() {
        let said = service.says().unwrap();
        let link = said.split(' ').next_back().unwrap();
        let mut browser = Browser::new(service);
        let page = browser.page(&path_of(link));
        let token = hidden(&page, "token");
        let fields: [(&str, &[u8]); 3] = [
            ("token", token.as_bytes()),
            ("email", ADMIN.as_bytes()),
            ("password", PASSWORD.as_bytes()),
        ];
        browser.post(&action(&page), &fields).leads_to();
        browser.log_in("/admin/login", ADMIN, PASSWORD).leads_to();
        own.admin = Some(browser);
    }
    let mut browser = own.admin.clone().unwrap();
    browser.addr = service.addr;
    browser
}
