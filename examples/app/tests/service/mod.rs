//! The real binary on a free port, and the smallest client that can send it anything.
#![allow(dead_code)] // Not every test uses all of it.

pub mod approved;
pub mod browser;
pub mod leak;
pub mod planted;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use keyward_base::{Clock, SystemClock};
use tempfile::TempDir;

/// A running deploydesk. Its folder outlives a restart and goes with the value.
pub struct Service {
    root: PathBuf,
    folder: Option<TempDir>,
    pub addr: SocketAddr,
    child: Child,
    /// What it says on standard output, line by line.
    said: Mutex<Receiver<String>>,
}

/// The command, with nothing of this process's environment that would matter. The umask lets
/// everybody in, so that a mode that was not asked for shows.
pub fn command(root: &Path, addr: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "umask 000; exec \"$0\"",
            env!("CARGO_BIN_EXE_deploydesk"),
        ])
        .env("DEPLOYDESK_ADDR", addr)
        .env("DEPLOYDESK_DATA", root.join("data"))
        .env("KEYWARD_ANCHOR", root.join("anchor"))
        .env_remove("KEYWARD_ROOT")
        // A pipe that nobody writes to: who reads from it by mistake waits.
        .stdin(Stdio::piped());
    command
}

impl Service {
    pub fn start() -> Self {
        Self::start_in(TempDir::new().unwrap())
    }

    pub fn start_in(folder: TempDir) -> Self {
        Self::start_with(folder, &[])
    }

    /// With variables of its own.
    pub fn start_with(folder: TempDir, variables: &[(&str, &str)]) -> Self {
        let root = folder.path().to_owned();
        Self::run(root, Some(folder), variables)
    }

    /// Another process on the same folder.
    pub fn beside(other: &Self) -> Self {
        Self::run(other.root.clone(), None, &[])
    }

    fn run(root: PathBuf, folder: Option<TempDir>, variables: &[(&str, &str)]) -> Self {
        let log = File::options()
            .create(true)
            .append(true)
            .open(root.join("log"))
            .unwrap();
        let mut child = command(&root, "127.0.0.1:0")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (tell, said) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let line = said.recv().unwrap_or_default();
        let addr = line.trim().strip_prefix("listening on http://");
        let addr = addr
            .unwrap_or_else(|| panic!("it said {line:?}"))
            .parse()
            .unwrap();
        Self {
            root,
            folder,
            addr,
            child,
            said: Mutex::new(said),
        }
    }

    /// The folder that holds all it wrote.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The next line that it says on standard output; none if it ends without one.
    pub fn says(&self) -> Option<String> {
        self.said.lock().unwrap().recv().ok()
    }

    /// What it has said and nobody asked for yet.
    pub fn has_said(&self) -> Vec<String> {
        self.said.lock().unwrap().try_iter().collect()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.root.join("log")).unwrap()
    }

    /// Asks it to stop, as an init system does, and waits until it has.
    pub fn stop(mut self) -> TempDir {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        assert!(self.child.wait().unwrap().success());
        self.folder
            .take()
            .expect("the first process owns the folder")
    }

    /// Ends it as a power cut does.
    pub fn kill(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.folder
            .take()
            .expect("the first process owns the folder")
    }

    /// The most memory it has had, in KiB, as the system counts it.
    pub fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.split("VmHWM:").nth(1).unwrap();
        peak.trim().split(' ').next().unwrap().parse().unwrap()
    }

    /// As Ann, who has an account, or, of the administration's pages, as its first administrator.
    pub fn get(&self, path: &str) -> Answer {
        browser::own(self, path).get(path)
    }

    /// The page at `path`, which must be there.
    pub fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        let log = self.log();
        assert_eq!(answer.status, 200, "{path}: {}\n{log}", answer.body);
        answer.body
    }

    /// Sends a form as a browser on an own page does.
    pub fn post(&self, path: &str, fields: &[(&str, &[u8])]) -> Answer {
        self.post_with(path, "Sec-Fetch-Site: same-origin\nOrigin: null", fields)
    }

    pub fn post_with(&self, path: &str, headers: &str, fields: &[(&str, &[u8])]) -> Answer {
        browser::own(self, path).post_with(path, headers, fields)
    }

    /// The header line of Ann's cookies, for what is sent byte for byte.
    pub fn cookies(&self) -> String {
        browser::ann(self).browser.line().trim().to_owned()
    }

    /// The tenant of Ann's organisation.
    pub fn tenant(&self) -> String {
        browser::ann(self).tenant
    }

    /// Ann, as the record names her.
    pub fn ann(&self) -> String {
        browser::ann(self).subject
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Where a form that was taken leads.
    pub fn leads_to(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.body);
        self.header("location").unwrap()
    }
}

/// Sends `head` (request line and headers, joined by `\n`) and `body`, byte for byte.
pub fn send(to: SocketAddr, head: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(to).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(120)))
        .unwrap();
    let head = head.trim().replace('\n', "\r\n");
    write!(stream, "{head}\r\nConnection: close\r\n\r\n").unwrap();
    let _ = stream.write_all(body); // It may have answered, and closed, already.
    let mut raw = Vec::new();
    let _ = stream.read_to_end(&mut raw);
    let raw = String::from_utf8(raw).unwrap();
    let (head, body) = raw
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {raw:?}"));
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Answer {
        status,
        headers,
        body: body.to_owned(),
    }
}

pub fn percent(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("%{b:02X}")).collect()
}

/// `n` random characters of a token: letters and digits.
pub fn random(n: usize) -> String {
    let mut bytes = vec![0; n];
    File::open("/dev/urandom")
        .unwrap()
        .read_exact(&mut bytes)
        .unwrap();
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    bytes
        .iter()
        .map(|b| char::from(alphabet[usize::from(*b) % alphabet.len()]))
        .collect()
}

/// A new SSH key, as `ssh-keygen` writes it, and its fingerprint, as `ssh-keygen` says it.
pub fn ssh_key(kind: &str) -> (String, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", "", "-C", "test", "-f"])
        .arg(&path)
        .status();
    assert!(made.expect("ssh-keygen is needed").success());
    let told = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(&path)
        .output()
        .unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let print = told.split(' ').nth(1).unwrap().to_owned();
    (std::fs::read_to_string(&path).unwrap(), print)
}

/// The revision that the form on the page at `path` was made for.
pub fn revision(service: &Service, path: &str) -> String {
    let page = service.page(path);
    let form = page.split("name=\"revision\" value=\"").nth(1).unwrap();
    form.split('"').next().unwrap().to_owned()
}

/// The texts of the entries of the record, newest first, as they lie in the database.
pub fn entries(service: &Service) -> Vec<String> {
    let conn = rusqlite::Connection::open(service.data().join("data.db")).unwrap();
    let mut rows = conn
        .prepare(
            "SELECT bytes FROM entry WHERE collection = 'audit' AND id = 'log' ORDER BY owner, seq",
        )
        .unwrap();
    let rows = rows.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    let text = |bytes: Vec<u8>| {
        let at = bytes.windows(5).position(|of| of == b"{\"v\":").unwrap();
        String::from_utf8(bytes[at..].to_vec()).unwrap()
    };
    let at = |text: &String| -> u64 {
        let at = text.split("\"at\":").nth(1).unwrap();
        at.split(',').next().unwrap().parse().unwrap()
    };
    let mut texts: Vec<_> = rows.map(|bytes| text(bytes.unwrap())).collect();
    texts.sort_by_key(at); // Those of one time stay in the order of their log.
    texts.reverse();
    texts
}

/// The actions of the record, newest first.
pub fn actions(service: &Service) -> Vec<String> {
    let action = |text: String| {
        let action = text.split("\"action\":\"").nth(1).unwrap();
        action.split('"').next().unwrap().to_owned()
    };
    entries(service).into_iter().map(action).collect()
}

/// Presses the button, and follows the page until it says that it is done.
pub fn rewrap(service: &Service) {
    service.post("/keys/rewrap", &[]).leads_to();
    wait_until(|| !service.page("/keys").contains("http-equiv=\"refresh\""));
}

pub fn wait_until(done: impl Fn() -> bool) {
    wait_within(60, done);
}

/// The same, in so many seconds.
pub fn wait_within(seconds: u64, done: impl Fn() -> bool) {
    let now = || SystemClock::new().now().unwrap();
    let end = now().saturating_add(Duration::from_secs(seconds));
    while !done() {
        assert!(now() < end, "it did not come to an end");
        std::thread::yield_now();
    }
}

/// The ids of the keys of that state that seal values, as the page shows them.
pub fn keys(service: &Service, state: &str) -> Vec<String> {
    keys_of(service, "vault", state)
}

pub fn keys_of(service: &Service, purpose: &str, state: &str) -> Vec<String> {
    let page = service.page("/keys");
    let section = format!("<h2 id=\"life-{purpose}\">");
    let page = page.split(&section).nth(1).unwrap();
    let page = page.split("</section>").next().unwrap();
    let badge = format!("</code> <span class=\"badge s-{state}\">");
    let parts: Vec<_> = page.split(&badge).collect();
    let id = |part: &&str| part[part.len() - 16..].to_owned();
    parts[..parts.len() - 1].iter().map(id).collect()
}
