//! Chromium, driven over its DevTools protocol.
//!
//! The protocol goes through two pipes (`--remote-debugging-pipe`), so that no port is open and no
//! WebSocket is needed: requests, answers and events are JSON texts that end with a zero byte.

// A panic is the report.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::tools::without;

/// How long an answer or an event is waited for before the test fails: many times what a page takes
/// on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser without a window, with a profile of its own that goes when it is dropped, and one page.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    input: ChildStdin,
    output: Receiver<Value>,
    events: Vec<Value>,
    calls: u64,
    page: Value,
    _profile: tempfile::TempDir,
}

#[allow(clippy::print_stdout)] // As the tests do that are skipped.
impl Browser {
    /// Starts one in which every name is this machine. None if the run leaves that out
    /// (`--without chromium`).
    #[must_use]
    pub fn start() -> Option<Self> {
        if without("chromium") {
            println!("SKIPPED: no browser is asked (--without chromium)");
            return None;
        }
        let profile = tempfile::tempdir().expect("a folder for the profile");
        // The shell hands the pipes on as the descriptors that the protocol is spoken on.
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#])
            .args(["sh", "chromium", "--headless", "--remote-debugging-pipe"])
            // Tests may run as root, for whom its sandbox does not start. The pages are our own.
            .args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking"])
            .args([
                "--disable-component-update",
                "--disable-sync",
                "--no-proxy-server",
            ])
            .arg("--host-resolver-rules=MAP * 127.0.0.1, EXCLUDE localhost")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .env("TMPDIR", profile.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("sh starts chromium");
        let input = child.stdin.take().expect("a pipe");
        let mut pipe = BufReader::new(child.stdout.take().expect("a pipe"));
        let (tell, output) = channel();
        std::thread::spawn(move || {
            let mut text = Vec::new();
            while pipe.read_until(0, &mut text).is_ok_and(|read| read > 0) {
                text.pop();
                let Ok(message) = serde_json::from_slice(&text) else {
                    break;
                };
                if tell.send(message).is_err() {
                    break;
                }
                text.clear();
            }
        });
        let mut browser = Self {
            child,
            input,
            output,
            events: Vec::new(),
            calls: 0,
            page: Value::Null,
            _profile: profile,
        };
        let page = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": page["targetId"], "flatten": true });
        browser.page = browser.call("Target.attachToTarget", &attach)["sessionId"].take();
        for domain in ["Audits", "Log", "Network", "Page", "Runtime"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        Some(browser)
    }

    /// Calls a method of the protocol, on the page once there is one.
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.calls = self.calls.saturating_add(1);
        let id = self.calls;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if self.page.is_string() {
            message["sessionId"] = self.page.clone();
        }
        let text = format!("{message}\0");
        self.input
            .write_all(text.as_bytes())
            .expect("chromium runs");
        loop {
            let mut answer = self.next(method);
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    fn next(&self, what: &str) -> Value {
        let next = self.output.recv_timeout(PATIENCE);
        next.unwrap_or_else(|_| panic!("chromium says nothing of {what}"))
    }

    /// Goes to an address, and waits until the page is there. The status of its answer.
    pub fn go(&mut self, url: &str) -> u16 {
        self.events.clear();
        self.call("Page.navigate", &json!({ "url": url }));
        self.arrive()
    }

    /// Runs a script that leaves the page, such as one that submits a form, and waits until the next
    /// one is there. The status of its answer.
    pub fn leave(&mut self, script: &str) -> u16 {
        self.events.clear();
        self.run(script);
        self.arrive()
    }

    fn arrive(&mut self) -> u16 {
        let is = |event: &Value, method: &str| event["method"] == method;
        while !self
            .events
            .iter()
            .any(|event| is(event, "Page.loadEventFired"))
        {
            let event = self.next("the page");
            self.events.push(event);
        }
        let mut answers = self.events.iter().filter(|event| {
            is(event, "Network.responseReceived") && event["params"]["type"] == "Document"
        });
        let status = answers
            .next_back()
            .map(|event| &event["params"]["response"]["status"]);
        let status = status.and_then(Value::as_u64).unwrap_or_default();
        u16::try_from(status).unwrap_or_default()
    }

    /// Runs a script in the page, waits for it if it is a promise, and gives what it comes to.
    pub fn run(&mut self, script: &str) -> Value {
        let parameters = json!({
            "expression": script, "awaitPromise": true, "returnByValue": true,
            "userGesture": true,
        });
        let mut answer = self.call("Runtime.evaluate", &parameters);
        assert!(answer["exceptionDetails"].is_null(), "{script}: {answer}");
        answer["result"]["value"].take()
    }

    /// The headers that the last request for a page went with, its cookies among them.
    pub fn sent(&mut self) -> Vec<(String, String)> {
        // Whatever was told of what is done comes before this answer.
        self.call("Runtime.evaluate", &json!({ "expression": "0" }));
        let of = |event: &&Value, method: &str| event["method"] == method;
        let mut pages = self.events.iter().filter(|event| {
            of(event, "Network.requestWillBeSent") && event["params"]["type"] == "Document"
        });
        let page = pages.next_back().map(|event| &event["params"]["requestId"]);
        let mut sent = self.events.iter().filter(|event| {
            of(event, "Network.requestWillBeSentExtraInfo")
                && Some(&event["params"]["requestId"]) == page
        });
        let sent = sent.next_back().expect("the headers of a request");
        let headers = sent["params"]["headers"].as_object().expect("headers");
        headers
            .iter()
            .map(|(name, value)| {
                (
                    name.to_ascii_lowercase(),
                    value.as_str().unwrap_or_default().to_owned(),
                )
            })
            .collect()
    }

    /// What the page says.
    pub fn text(&mut self) -> String {
        let text = self.run("document.body.innerText");
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Every cookie that the browser keeps, of whatever host, as the protocol shows them.
    pub fn cookies(&mut self) -> Vec<Value> {
        let mut answer = self.call("Network.getAllCookies", &json!({}));
        match answer["cookies"].take() {
            Value::Array(cookies) => cookies,
            other => panic!("no list of cookies: {other}"),
        }
    }

    /// What the browser complained of since the page was gone to: errors and warnings of its log, and
    /// issues such as a violated content policy or a cookie that it did not take. Advice on how a
    /// page is written is none.
    pub fn complaints(&mut self) -> Vec<String> {
        // Whatever was told of what is done comes before this answer.
        self.call("Runtime.evaluate", &json!({ "expression": "0" }));
        let complains = |event: &&Value| match event["method"].as_str() {
            Some("Audits.issueAdded") => {
                let code = event["params"]["issue"]["code"].as_str();
                !matches!(code, Some("GenericIssue" | "PerformanceIssue"))
            }
            Some("Log.entryAdded") => {
                let level = event["params"]["entry"]["level"].as_str();
                matches!(level, Some("error" | "warning"))
            }
            method => method == Some("Runtime.exceptionThrown"),
        };
        let complaints = self.events.iter().filter(complains);
        complaints
            .map(|event| event["params"].to_string())
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The group is its own and that of the processes that it started.
        let group = i32::try_from(self.child.id()).unwrap_or_default();
        if let Some(group) = rustix::process::Pid::from_raw(group) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.wait();
        // The pipe ends with the last of them, after which nobody writes to the profile.
        while self.output.recv_timeout(PATIENCE).is_ok() {}
    }
}
