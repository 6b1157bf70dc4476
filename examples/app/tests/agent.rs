//! The agent of the examples, as a process of its own, with a key that an owner made on the page: it asks
//! this service, waits, and obeys, whatever becomes of the service meanwhile.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::arithmetic_side_effects, missing_docs, unreachable_pub)]

mod service;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use keyward_testkit::tools;
use serde_json::Value;
use service::browser::{Browser, ann};
use service::{Service, send, ssh_key, wait_until};
use tempfile::TempDir;

const SERVER: &str = "/servers/deploy@web-1";

/// Of one key, so many may wait.
const AT_ONCE: usize = 16;

/// The example, as the run built it.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(Path::parent).unwrap();
    let program = built.join("examples/approval_agent");
    if !tools::is_built() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
        let example = ["-p", "keyward-examples", "--example", "approval_agent"];
        let mut cargo = tools::cargo(&["build", "--quiet", "--locked"]);
        cargo.args(example).current_dir(root.unwrap());
        cargo.env("CARGO_TARGET_DIR", built.parent().unwrap());
        assert!(cargo.status().unwrap().success());
    }
    program
}

/// What an owner gives to an agent, and what the agent runs with.
struct Agent {
    folder: TempDir,
    hers: Browser,
    key: String,
    revision: u64,
}

impl Agent {
    fn of(service: &Service) -> Self {
        let mut hers = ann(service).browser;
        let private = ssh_key("ed25519").0;
        let fields: [(&str, &[u8]); 2] = [("id", b"deploy@web-1"), ("file", private.as_bytes())];
        hers.post("/servers", &fields).leads_to();
        let fields: [(&str, &[u8]); 4] = [
            ("name", b"agent"),
            ("days", b"90"),
            ("servers:read", b"on"),
            ("approvals:ask", b"on"),
        ];
        let made = hers.post("/api-keys", &fields);
        let key = made.body.split("tabindex=\"0\">desk_").nth(1).unwrap();
        let key = format!("desk_{}", key.split('<').next().unwrap());
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("key"), format!("{key}\n")).unwrap();
        let mut agent = Self {
            folder,
            hers,
            key,
            revision: 0,
        };
        let servers = agent.call(service, "GET /api/servers", "", "");
        agent.revision = servers["items"][0]["revision"].as_u64().unwrap();
        agent
    }

    /// One request of the key's own.
    fn call(&self, service: &Service, line: &str, more: &str, body: &str) -> Value {
        let head = format!(
            "{line} HTTP/1.1\nHost: {}\nAuthorization: Bearer {}\nContent-Type: application/json\n\
             Content-Length: {}{more}",
            service.addr,
            self.key,
            body.len()
        );
        let answer = send(service.addr, &head, body.as_bytes());
        assert!(answer.status < 300, "{}: {}", answer.status, answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// To delete the server, with a reason that a terminal would obey.
    fn wants(&self) -> String {
        let revision = self.revision;
        let step = serde_json::json!({
            "kind": "server.delete", "target": "deploy@web-1", "arguments": {"revision": revision}
        });
        serde_json::json!({"reason": "nobody uses it", "steps": [step]}).to_string()
    }

    fn starts(&self, service: &Service, job: &str, wants: &str) -> Child {
        let ask = self.folder.path().join("ask.json");
        std::fs::write(&ask, wants).unwrap();
        Command::new(program())
            .arg(format!("http://{}/api/approvals", service.addr))
            .args([self.folder.path().join("key").to_str().unwrap(), job])
            .stdin(std::fs::File::open(ask).unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// The page of the one that waits, as soon as it does.
    fn waiting(&self) -> String {
        let found = || {
            let page = self.hers.page("/approvals");
            let (_, waits) = page.split_once("Waits for you").unwrap();
            let (waits, _) = waits.split_once("You asked").unwrap();
            let (_, link) = waits.split_once("href=\"/approvals/")?;
            Some(format!("/approvals/{}", &link[..32]))
        };
        wait_until(|| found().is_some());
        found().unwrap()
    }

    fn decides(&mut self, page: &str, what: &str, why: &str) {
        let fields: [(&str, &[u8]); 2] = [("do", what.as_bytes()), ("reason", why.as_bytes())];
        self.hers.post(page, &fields).leads_to();
    }

    fn has_server(&self) -> bool {
        self.hers.get(SERVER).status == 200
    }
}

/// How it ended, and all that it said.
fn ended(child: Child) -> (i32, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    let said = String::from_utf8([stdout, stderr].concat()).unwrap();
    (status.code().unwrap(), said)
}

#[test]
fn an_agent_asks_waits_and_obeys_who_owns_its_key() {
    let service = Service::start();
    let mut agent = Agent::of(&service);
    let wants = agent.wants();

    let child = agent.starts(&service, "job-1", &wants);
    let page = agent.waiting();
    let shown = agent.hers.page(&page);
    for part in ["an agent, which decides by itself", "nobody uses it"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    agent.decides(&page, "deny", "it is \u{202e}mine");
    let (code, said) = ended(child);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("\"denied\"\n\"not-run\"")
            && said.contains(r#"denied: "it is \u{202e}mine""#),
        "{said}"
    );
    // It obeys: the same job is over, and nothing is asked again.
    let (code, again) = ended(agent.starts(&service, "job-1", &wants));
    assert_eq!((code, &again), (1, &said));
    assert!(agent.has_server());

    let child = agent.starts(&service, "job-2", &wants);
    let page = agent.waiting();
    assert!(
        agent.has_server(),
        "nothing is done before somebody said so"
    );
    agent.decides(&page, "approve", "");
    let (code, said) = ended(child);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("\"done\" \"It is deleted.\""), "{said}");
    assert!(!agent.has_server());
    // Its owner finds both among what is of approvals.
    let found = agent.hers.page("/audit?what=approval");
    assert!(found.contains(" selected>Approvals</option>"), "{found}");
    assert_eq!(found.matches("approval.decide").count(), 2, "{found}");
    assert!(!found.contains("vault.delete"), "{found}");

    // What the service would not take is said in its own words.
    let other = wants.replace("nobody uses it", "somebody uses it");
    let (code, said) = ended(agent.starts(&service, "job-2", &other));
    assert!(code == 2 && said.starts_with("422 "), "{code} {said}");
    let other = wants.replace("revision", "version");
    let (code, said) = ended(agent.starts(&service, "job-3", &other));
    assert_eq!(code, 2, "{said}");
    let says = "400 Bad Request: \"steps[0].arguments.version: server.delete has no such argument";
    assert!(said.starts_with(says), "{said}");
}

/// As many as may wait are asked already: it waits until there is room.
#[test]
fn an_agent_waits_until_it_may_ask() {
    let service = Service::start();
    let mut agent = Agent::of(&service);
    let wants = agent.wants();
    for n in 0..AT_ONCE {
        let more = format!("\nIdempotency-Key: other-{n}");
        let told = agent.call(&service, "POST /api/approvals", &more, &wants);
        assert_eq!(told["state"], "pending");
    }
    let child = agent.starts(&service, "job-1", &wants);
    // It was refused once: each request of a key is counted, on the page of the keys.
    let requests = || {
        let page = agent.hers.page("/api-keys");
        let (count, _) = page.split_once(" of 1000").unwrap();
        let count: String = count
            .chars()
            .rev()
            .take_while(char::is_ascii_digit)
            .collect();
        count
            .chars()
            .rev()
            .collect::<String>()
            .parse::<usize>()
            .unwrap()
    };
    wait_until(|| requests() > AT_ONCE + 1);
    let page = agent.waiting();
    agent.decides(&page, "deny", "one too many");
    let asked = || {
        let page = agent.hers.page("/approvals");
        let (_, waits) = page.split_once("Waits for you").unwrap();
        let (waits, _) = waits.split_once("You asked").unwrap();
        waits.matches("href=\"/approvals/").count()
    };
    wait_until(|| asked() == AT_ONCE);
    for _ in 0..AT_ONCE {
        let page = agent.waiting();
        agent.decides(&page, "deny", "nor any other");
    }
    let (code, said) = ended(child);
    assert!(code == 1 && said.contains("nor any other"), "{code} {said}");
    assert!(agent.has_server());
}

/// The service is killed while it waits, and comes again: its ask is the same, and is done once.
#[test]
fn an_agent_outlasts_the_service() {
    let service = Service::start();
    let mut agent = Agent::of(&service);
    let wants = agent.wants();
    let child = agent.starts(&service, "job-1", &wants);
    let page = agent.waiting();
    let addr = service.addr.to_string();
    let service = Service::start_with(service.kill(), &[("DEPLOYDESK_ADDR", &addr)]);
    assert_eq!(agent.waiting(), page, "it asked once");
    agent.decides(&page, "approve", "");
    let (code, said) = ended(child);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("\"executed\""), "{said}");
    assert!(!agent.has_server());
    drop(service);
}
