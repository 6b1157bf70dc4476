//! Real proxies in front: the lines of docs/web.md, and what comes through without them.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub)]

mod web;

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use axum::Router;
use axum::routing::get;
use keyward_axum::{ClientIp, Origins, Proxies, RoutePolicy, WebGuard};
use keyward_testkit::tools::without;
use web::{send, send_from, serve_with_peers};

/// What a stranger writes to be somebody else.
const SPOOF: &str = "X-Forwarded-For: 10.9.9.9\n\
    X-Forwarded-For: 198.51.100.1, 127.0.0.1\n\
    Forwarded: for=198.51.100.1;x=\"\n\
    X-Real-IP: 198.51.100.1";

/// Where the clients of these tests connect from.
const CLIENT: &str = "127.0.0.7";

/// The lines that docs/web.md tells operators to write, by the name of their block there.
fn documented(name: &str) -> String {
    let page = include_str!("../../../docs/web.md");
    let fence = format!("```{name}\n");
    let (_, rest) = page
        .split_once(&fence)
        .unwrap_or_else(|| panic!("docs/web.md: {name}"));
    rest.split_once("```").unwrap().0.to_owned()
}

/// Who the service takes the client for, as `ClientIp` says.
fn service(proxies: Proxies) -> SocketAddr {
    async fn client(client: ClientIp) -> String {
        format!("{} {:?}", client.address(), client.basis())
    }
    let guard = WebGuard::new(Origins::loopback()).proxies(proxies);
    let routes = Router::new().route("/", get(client));
    serve_with_peers("127.0.0.1:0", routes.layer(RoutePolicy::pages(&guard)))
}

/// A proxy that runs until the test ends. Its socket is made here, and handed over as its standard
/// input: what connects before the proxy is ready waits in it.
struct Proxy {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Proxy {
    fn run(config: impl FnOnce(SocketAddr, &str) -> String, mut command: Command) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proxy.conf");
        std::fs::write(&file, config(address, folder.path().to_str().unwrap())).unwrap();
        let child = command
            .arg(&file)
            .stdin(Stdio::from(OwnedFd::from(socket)))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|e| {
                panic!("{command:?}: {e}: install it, or leave it out with --without")
            });
        Self {
            child,
            address,
            _folder: folder,
        }
    }

    /// nginx with `lines` in its `server` and `maps` outside of it.
    #[allow(clippy::print_stdout)]
    fn nginx(maps: &str, lines: &str, to: SocketAddr) -> Option<Self> {
        if without("nginx") {
            println!("SKIPPED: nginx is not asked (--without nginx)");
            return None;
        }
        let mut command = Command::new("nginx");
        // Standard input is the socket that it inherits.
        command.env("NGINX", "0;").args(["-e", "stderr", "-c"]);
        let config = |address, folder: &str| {
            let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .iter()
                .map(|what| format!("{what}_temp_path {folder}/{what};\n"))
                .collect();
            format!(
                "daemon off; user root; pid {folder}/pid; error_log stderr warn;\n\
                 events {{ }}\n\
                 http {{ access_log off; {temp} {maps}\n\
                 server {{ listen {address}; location / {{ proxy_pass http://{to}; {lines} }} }} }}"
            )
        };
        Some(Self::run(config, command))
    }

    /// HAProxy with `lines` in its front.
    #[allow(clippy::print_stdout)]
    fn haproxy(lines: &str, to: SocketAddr) -> Option<Self> {
        if without("haproxy") {
            println!("SKIPPED: HAProxy is not asked (--without haproxy)");
            return None;
        }
        let mut command = Command::new("haproxy");
        command.args(["-db", "-f"]);
        let config = |_, _: &str| {
            format!(
                "defaults\n mode http\n timeout client 20s\n timeout server 20s\n timeout connect 20s\n\
                 listen front\n bind fd@0\n{lines}\n server service {to}\n"
            )
        };
        Some(Self::run(config, command))
    }

    /// Caddy with `lines` in its site. It takes no socket of others: it says when it
    /// listens, at an address that no other test has.
    #[allow(clippy::print_stdout)]
    fn caddy(lines: &str, to: SocketAddr) -> Option<Self> {
        if without("caddy") {
            println!("SKIPPED: Caddy is not asked (--without caddy)");
            return None;
        }
        let free = TcpListener::bind("127.0.0.9:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("Caddyfile");
        let config = format!(
            "{{\n admin off\n auto_https off\n}}\n\
             http://:{port} {{\n bind {ip}\n{lines}\n}}\n",
            lines = lines.replace("127.0.0.1:3000", &to.to_string()),
            port = address.port(),
            ip = address.ip(),
        );
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]);
        command.env("HOME", folder.path());
        let mut child = command
            .arg(&file)
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|e| {
                panic!("{command:?}: {e}: install it, or leave it out with --without")
            });
        let said = BufReader::new(child.stderr.take().unwrap());
        let mut lines = said.lines().map_while(Result::ok);
        let ready = lines.any(|line| line.contains("serving initial configuration"));
        // What it says later is read on, so that it does not wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let proxy = Self {
            child,
            address,
            _folder: folder,
        };
        assert!(ready, "Caddy did not start");
        Some(proxy)
    }

    /// What the service says of a client that writes `more`.
    fn ask(&self, more: &str) -> String {
        ask_at(self.address, more)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // With its workers, which outlive who started them.
        let group = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.child.wait();
    }
}

fn ask_at(to: SocketAddr, more: &str) -> String {
    let head = format!("GET / HTTP/1.1\nHost: localhost\n{more}");
    let answer = send_from(CLIENT, to, &head, b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn here() -> [&'static str; 1] {
    ["127.0.0.1"]
}

fn x_forwarded_for() -> Proxies {
    Proxies::x_forwarded_for(&here()).unwrap()
}

#[test]
fn nginx_with_its_line() {
    let forwarded = Proxies::forwarded(&here()).unwrap();
    let real = Proxies::single("X-Real-IP", &here()).unwrap();
    for (maps, lines, proxies) in [
        ("", documented("nginx"), x_forwarded_for()),
        ("", documented("nginx-appending"), x_forwarded_for()),
        ("", documented("nginx-real-ip"), real),
        (
            documented("nginx-map").as_str(),
            documented("nginx-forwarded"),
            forwarded,
        ),
    ] {
        let Some(proxy) = Proxy::nginx(maps, &lines, service(proxies)) else {
            return;
        };
        for more in ["", SPOOF] {
            assert_eq!(proxy.ask(more), "127.0.0.7 Header", "{lines}: {more}");
        }
    }
}

#[test]
fn what_the_default_of_nginx_lets_through() {
    let Some(proxy) = Proxy::nginx(
        "",
        "proxy_set_header Host $host;",
        service(x_forwarded_for()),
    ) else {
        return;
    };
    // It adds nothing, and passes on what the client wrote: everybody is whom he says.
    let spoof = "X-Forwarded-For: 198.51.100.1";
    assert_eq!(proxy.ask(spoof), "198.51.100.1 Header");
    assert_eq!(proxy.ask(""), "127.0.0.1 Missing");
    // Where no proxy is named, nobody is believed.
    let Some(proxy) = Proxy::nginx("", "proxy_set_header Host $host;", service(Proxies::none()))
    else {
        return;
    };
    assert_eq!(proxy.ask(spoof), "127.0.0.1 Untrusted");
}

#[test]
fn haproxy_with_its_line() {
    let forwarded = Proxies::forwarded(&here()).unwrap();
    for (lines, proxies) in [
        (documented("haproxy"), x_forwarded_for()),
        (documented("haproxy-forwarded"), forwarded),
    ] {
        let Some(proxy) = Proxy::haproxy(&lines, service(proxies)) else {
            return;
        };
        for more in ["", SPOOF] {
            assert_eq!(proxy.ask(more), "127.0.0.7 Header", "{lines}: {more}");
        }
    }
}

#[test]
fn caddy_as_it_is() {
    let Some(proxy) = Proxy::caddy(&documented("caddy"), service(x_forwarded_for())) else {
        return;
    };
    for more in ["", SPOOF] {
        assert_eq!(proxy.ask(more), "127.0.0.7 Header", "{more}");
    }
}

#[test]
fn caddy_behind_another() {
    let proxies = x_forwarded_for().hops(2).unwrap();
    let lines = documented("caddy-behind").replace("10.0.3.0/24", "127.0.0.1/32");
    let Some(inner) = Proxy::caddy(&lines, service(proxies)) else {
        return;
    };
    let Some(outer) = Proxy::haproxy(&documented("haproxy"), inner.address) else {
        return;
    };
    for more in ["", SPOOF] {
        assert_eq!(outer.ask(more), "127.0.0.7 Header", "{more}");
        assert_eq!(inner.ask(more), "127.0.0.1 Bypassed", "{more}");
    }
}

#[test]
fn one_behind_the_other() {
    let proxies = x_forwarded_for().hops(2).unwrap();
    let lines = documented("nginx-appending");
    let Some(inner) = Proxy::nginx("", &lines, service(proxies)) else {
        return;
    };
    let Some(outer) = Proxy::haproxy(&documented("haproxy"), inner.address) else {
        return;
    };
    assert_eq!(outer.ask(""), "127.0.0.7 Header");
    assert_eq!(outer.ask(SPOOF), "127.0.0.7 Header");
    // Who reaches the inner one directly gains nothing.
    assert_eq!(inner.ask(""), "127.0.0.1 Bypassed");
    assert_eq!(inner.ask(SPOOF), "127.0.0.1 Bypassed");
}

#[test]
fn who_goes_around_the_proxy_is_who_connects() {
    let to = service(x_forwarded_for());
    assert_eq!(ask_at(to, SPOOF), "127.0.0.7 Untrusted");
    let plain = send(to, "GET / HTTP/1.1\nHost: localhost", b"");
    assert_eq!(plain.body, "127.0.0.1 Missing");
}
