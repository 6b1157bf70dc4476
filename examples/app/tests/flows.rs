//! The flows, from form to page, on the real service.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::arithmetic_side_effects, missing_docs, unreachable_pub)]

mod audited;
mod deployments;
mod received;
mod service;

use std::os::unix::fs::PermissionsExt;

use service::leak::Leaks;
use service::{Service, actions, entries, keys, random, revision, rewrap, ssh_key};

/// Text as it stands in a page.
fn escaped(text: &str) -> String {
    let text = text
        .replace('&', "&#38;")
        .replace('<', "&#60;")
        .replace('>', "&#62;");
    text.replace('"', "&#34;").replace('\'', "&#39;")
}

#[test]
fn a_server_is_connected_shown_revealed_and_deleted() {
    let service = Service::start();
    let (key, print) = ssh_key("ed25519");
    let pasted = key.replace('\n', "\r\n"); // As a browser sends a text area.
    let answer = service.post(
        "/servers",
        &[("id", b"deploy@web-1"), ("secret", pasted.as_bytes())],
    );
    assert_eq!(answer.leads_to(), "/servers/deploy%40web-1?done=1");
    for path in ["/servers", "/servers/deploy@web-1"] {
        let page = service.page(path);
        assert!(
            page.contains(&escaped(&print)) && page.contains("ssh-ed25519"),
            "{page}"
        );
        assert!(!page.contains("PRIVATE KEY"));
    }
    // A link, a preview or a crawler reveals nothing.
    assert_eq!(service.get("/servers/deploy@web-1/reveal").status, 405);
    assert!(!actions(&service).contains(&"vault.open".to_owned()));
    let shown = service.post("/servers/deploy@web-1/reveal", &[]);
    assert_eq!(
        (shown.status, shown.header("cache-control")),
        (200, Some("no-store"))
    );
    assert!(shown.body.contains(&escaped(&key)), "{}", shown.body);
    assert_eq!(actions(&service)[0], "vault.open");
    assert!(
        service
            .page("/audit")
            .contains("server.ssh_key deploy@web-1")
    );

    assert_eq!(
        service
            .post("/servers/deploy@web-1/delete", &[("revision", b"7")])
            .status,
        409
    );
    let revision = revision(&service, "/servers/deploy@web-1");
    let gone = service.post(
        "/servers/deploy@web-1/delete",
        &[("revision", revision.as_bytes())],
    );
    // Asked, and not done: she alone could approve it, and does by her mail and the code on her screen.
    assert_eq!(service.get("/servers/deploy@web-1").status, 200);
    service::approved::alone(&service, &service::browser::ann(&service).browser, &gone);
    assert_eq!(service.get("/servers/deploy@web-1").status, 404);
    assert_eq!(
        service.post("/servers/deploy@web-1/reveal", &[]).status,
        404
    );
}

#[test]
fn a_token_is_shown_by_its_hint_and_replaced_at_a_revision() {
    let service = Service::start();
    let (token, refresh) = (format!("ghp_{}", random(36)), format!("ghr_{}", random(40)));
    let fields: [(&str, &[u8]); 6] = [
        ("id", b"acme"),
        ("provider", b"github"),
        ("secret", token.as_bytes()),
        ("refresh", refresh.as_bytes()),
        ("expires", b"2040-01-31T12:00"),
        ("scopes", b"repo read:org"),
    ];
    assert_eq!(
        service.post("/hosts", &fields).leads_to(),
        "/hosts/github%3Aacme?done=1"
    );
    let hint = format!("ghp_••••{}", &token[36..]);
    for path in ["/hosts", "/hosts/github:acme"] {
        let page = service.page(path);
        assert!(
            page.contains(&hint) && page.contains("repo read:org"),
            "{page}"
        );
        assert!(page.contains("2040-01-31 12:00"));
        assert!(!page.contains(&token[4..12]) && !page.contains(&refresh[4..12]));
    }
    let again = service.post("/hosts", &fields);
    assert_eq!(again.status, 422, "the name is taken");
    assert!(!again.body.contains(&token[4..12]) && again.body.contains("repo read:org"));

    let newer = format!("ghp_{}", random(36));
    let first = revision(&service, "/hosts/github:acme");
    let replace = |revision: &[u8], secret: &str| {
        service.post(
            "/hosts/github:acme/replace",
            &[("revision", revision), ("secret", secret.as_bytes())],
        )
    };
    assert_eq!(
        replace(first.as_bytes(), &newer).leads_to(),
        "/hosts/github%3Aacme?done=2"
    );
    assert_eq!(
        replace(first.as_bytes(), &token).status,
        409,
        "a form made for the former value"
    );
    assert_eq!(replace(b"x", &token).status, 409);
    let shown = service.post("/hosts/github:acme/reveal", &[]);
    assert!(shown.body.contains(&newer) && !shown.body.contains(&token[4..]));
}

#[test]
fn variables_are_shown_by_name_and_revealed_as_text() {
    let service = Service::start();
    let value = format!("{}<b>&'", random(30));
    let file = format!(
        "FIRST='{}'\nSECOND={}\nTHIRD=3\nFOURTH=4\n",
        random(20),
        "plain"
    );
    let file = format!("{file}HTML=\"{value}\"\n");
    let answer = service.post(
        "/environments",
        &[("id", b"shop-production"), ("file", file.as_bytes())],
    );
    answer.leads_to();
    let list = service.page("/environments");
    assert!(list.contains("FIRST, SECOND, THIRD and 2 more"), "{list}");
    assert!(!list.contains(&value[..8]));
    let shown = service
        .post("/environments/shop-production/reveal", &[])
        .body;
    assert!(
        shown.contains(&escaped(&value)) && !shown.contains("<b>"),
        "{shown}"
    );
}

#[test]
fn what_is_wrong_is_said_with_the_fix_and_without_the_secret() {
    let service = Service::start();
    let secret = random(32);
    let public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ test";
    let cases: [(&str, &str, &str, &str); 9] = [
        ("/servers", "deploy@web-1", public, "OpenSSH"),
        ("/servers", "deploy@web-1", &secret, "OpenSSH"),
        (
            "/servers",
            "deploy@web-1",
            "",
            "Paste the text or choose the file",
        ),
        ("/servers", "web-1", &secret, "login@host"),
        ("/servers", "a b@c", &secret, "letters, digits"),
        ("/hosts", "acme", "", "access token is missing"),
        ("/hosts", "acme", "two words", "visible ASCII"),
        ("/environments", "shop", &secret, "line 1"),
        ("/environments", "new", &secret, "another name"),
    ];
    for (path, id, secret, fix) in cases {
        let fields = [
            ("id", id.as_bytes()),
            ("provider", b"github"),
            ("secret", secret.as_bytes()),
        ];
        let answer = service.post(path, &fields);
        assert_eq!(answer.status, 422, "{path} {id} {}", answer.body);
        assert!(
            answer.body.to_lowercase().contains(&fix.to_lowercase()),
            "{path} {fix}: {}",
            answer.body
        );
        assert!(
            answer.body.contains(&format!("value=\"{}\"", escaped(id))),
            "{path} {id}"
        );
        assert!(
            secret.len() < 8 || !answer.body.contains(&secret[..8]),
            "{path}"
        );
    }
    let both = service.post(
        "/servers",
        &[("id", b"a@b"), ("secret", b"x"), ("file", b"y")],
    );
    assert!(both.status == 422 && both.body.contains("not both"));
    let late: [(&str, &[u8]); 4] = [
        ("id", b"acme"),
        ("provider", b"github"),
        ("secret", secret.as_bytes()),
        ("expires", b"soon"),
    ];
    let late = service.post("/hosts", &late);
    assert!(late.status == 422 && late.body.contains("2027-01-31T12:00"));
    let elsewhere: [(&str, &[u8]); 3] = [("id", b"acme"), ("provider", b"evil"), ("secret", b"x")];
    assert_eq!(service.post("/hosts", &elsewhere).status, 422);
    assert!(!Leaks::of(&[secret.as_bytes()]).found_in(service.log().as_bytes()));
}

#[test]
fn after_every_flow_no_file_and_no_log_holds_a_secret() {
    let service = Service::start();
    let (key, _) = ssh_key("ed25519");
    let (token, refresh, value) = (random(40), random(40), random(40));
    let newer = random(40);
    let file = format!("API_KEY={value}\n");
    let put = |path: &str, fields: &[(&str, &[u8])]| _ = service.post(path, fields).leads_to();
    put("/servers", &[("id", b"a@b"), ("file", key.as_bytes())]);
    put(
        "/hosts",
        &[
            ("id", b"acme"),
            ("provider", b"gitlab"),
            ("secret", token.as_bytes()),
            ("refresh", refresh.as_bytes()),
        ],
    );
    put(
        "/environments",
        &[("id", b"shop"), ("secret", file.as_bytes())],
    );
    let host = revision(&service, "/hosts/gitlab:acme");
    put(
        "/hosts/gitlab:acme/replace",
        &[("revision", host.as_bytes()), ("secret", newer.as_bytes())],
    );
    for path in [
        "/servers/a@b/reveal",
        "/hosts/gitlab:acme/reveal",
        "/environments/shop/reveal",
    ] {
        assert_eq!(service.post(path, &[]).status, 200);
    }
    service::approved::done(&service, "/keys/rotate", &[]);
    rewrap(&service);
    let environment = revision(&service, "/environments/shop");
    put(
        "/environments/shop/delete",
        &[("revision", environment.as_bytes())],
    );
    service.post(
        "/servers",
        &[("id", b"bad name"), ("secret", token.as_bytes())],
    );

    // What follows the public half, which is not secret, in the key's own base64.
    let body: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    let private = &body[body.len() / 2..];
    let secrets = [private, &token, &refresh, &value, &newer[..36]].map(str::as_bytes);
    let leaks = Leaks::of(&secrets);
    let (found, looked) = leaks.found_under(service.root());
    assert!(found.is_empty(), "{found:?}");
    assert!(
        looked >= 7,
        "data, keys, their journals, root, anchor, log: {looked}"
    );
    // After the clean stop too, which writes the journals back.
    let folder = service.stop();
    assert!(leaks.found_under(folder.path()).0.is_empty());

    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("data")), 0o700);
    assert_eq!(mode(&folder.path().join("anchor")), 0o600);
    for file in std::fs::read_dir(folder.path().join("data")).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_restart_keeps_everything() {
    let service = Service::start();
    let token = random(40);
    let fields: [(&str, &[u8]); 3] = [
        ("id", b"acme"),
        ("provider", b"github"),
        ("secret", token.as_bytes()),
    ];
    service.post("/hosts", &fields).leads_to();
    service::approved::done(&service, "/keys/rotate", &[]);
    assert!(service.log().contains("DEVELOPMENT ROOT FILE"));
    let service = Service::start_in(service.stop());
    assert!(
        service
            .post("/hosts/github:acme/reveal", &[])
            .body
            .contains(&token)
    );
    assert!(service.page("/admin/audit").contains("keys.rotate"));
    assert_eq!(
        keys(&service, "active").len()
            + keys(&service, "pending").len()
            + keys(&service, "retired").len(),
        2
    );
}

#[test]
fn what_cannot_be_recorded_is_not_revealed() {
    let service = Service::start();
    let token = random(40);
    let fields: [(&str, &[u8]); 3] = [
        ("id", b"acme"),
        ("provider", b"github"),
        ("secret", token.as_bytes()),
    ];
    service.post("/hosts", &fields).leads_to();
    let conn = rusqlite::Connection::open(service.data().join("data.db")).unwrap();
    // Nobody else can write to it now.
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = service.post("/hosts/github:acme/reveal", &[]);
    assert_eq!(refused.status, 503);
    assert!(!refused.body.contains(&token[..8]));
    assert!(service.page("/hosts").contains("github:acme"));
}

/// What stands in the field of that name on a page.
fn field(page: &str, name: &str) -> String {
    let after = page.split(&format!("name=\"{name}\"")).nth(1).unwrap();
    let tag = after.split('>').next().unwrap();
    let value = tag.split("value=\"").nth(1).unwrap_or("\"");
    value.split('"').next().unwrap().to_owned()
}

#[test]
fn an_expiry_may_be_the_last_minute_there_is() {
    let service = Service::start();
    let secret = format!("ghp_{}", random(36));
    let fields: [(&str, &[u8]); 4] = [
        ("id", b"acme"),
        ("provider", b"github"),
        ("secret", secret.as_bytes()),
        ("expires", b"9999-12-31T23:59"),
    ];
    service.post("/hosts", &fields).leads_to();
    let form = service.page("/hosts/github:acme/replace");
    assert_eq!(field(&form, "expires"), "9999-12-31T23:59");
    let early = [("expires", &b"1969-12-31T23:59"[..])];
    let fields: Vec<(&str, &[u8])> = fields[..3].iter().copied().chain(early).collect();
    let refused = service.post("/hosts", &fields);
    assert!(refused.body.contains("from 1970 on"), "{}", refused.body);
}

#[test]
fn replacing_a_token_keeps_or_asks_for_what_stands_beside_it() {
    let service = Service::start();
    let token = || format!("ghp_{}", random(36));
    let refresh = format!("ghr_{}", random(40));
    let first: [(&str, &[u8]); 6] = [
        ("id", b"acme"),
        ("provider", b"github"),
        ("secret", &token().into_bytes()),
        ("refresh", refresh.as_bytes()),
        ("expires", b"2040-01-31T12:00"),
        ("scopes", b"repo read:org"),
    ];
    service.post("/hosts", &first).leads_to();
    let (page, edit) = ("/hosts/github:acme", "/hosts/github:acme/replace");
    let form = service.page(edit);
    assert_eq!(field(&form, "scopes"), "repo read:org");
    assert_eq!(field(&form, "expires"), "2040-01-31T12:00");
    assert!(form.contains("value=\"keep\" checked"), "{form}");
    assert!(!form.contains(&refresh[4..12]));
    let replace = |fields: &[(&str, &[u8])]| {
        let (revision, secret) = (revision(&service, page), token());
        let mut all: Vec<(&str, &[u8])> = vec![
            ("revision", revision.as_bytes()),
            ("secret", secret.as_bytes()),
        ];
        all.extend_from_slice(fields);
        service.post(edit, &all)
    };
    let holds = |what: &str| {
        service
            .post("/hosts/github:acme/reveal", &[])
            .body
            .contains(what)
    };
    // The form as it stands, and a program that speaks of the token alone.
    let as_it_stands: [(&str, &[u8]); 4] = [
        ("keep", b"keep"),
        ("refresh", b""),
        ("expires", b"2040-01-31T12:00"),
        ("scopes", b"repo read:org"),
    ];
    for fields in [&as_it_stands[..], &[]] {
        replace(fields).leads_to();
        let shown = service.page(page);
        assert!(shown.contains("repo read:org") && shown.contains("2040-01-31 12:00"));
        assert!(holds(&refresh));
    }
    // What contradicts itself is asked for again, and nothing is lost meanwhile.
    let newer = format!("ghr_{}", random(40));
    for (keep, refresh, field) in [("new", "", "refresh"), ("keep", newer.as_str(), "refresh")] {
        let fields = [("keep", keep.as_bytes()), ("refresh", refresh.as_bytes())];
        let asked = replace(&fields);
        assert_eq!(asked.status, 422);
        assert!(
            asked.body.contains(&format!("id=\"{field}-error\"")),
            "{keep}"
        );
    }
    let blank = service.post(
        edit,
        &[
            ("revision", revision(&service, page).as_bytes()),
            ("secret", b" \t"),
        ],
    );
    assert!(blank.status == 422 && holds(&refresh));
    replace(&[("keep", b"new"), ("refresh", newer.as_bytes())]).leads_to();
    assert!(holds(&newer) && !holds(&refresh));
    // Emptied fields and an explicit none take away.
    replace(&[("keep", b"none"), ("expires", b""), ("scopes", b"")]).leads_to();
    assert!(!holds(&newer));
    let shown = service.page(page);
    assert!(!shown.contains("repo read:org") && !shown.contains("2040"));
    assert!(!service.page(edit).contains("value=\"keep\""));
}

#[test]
fn an_environment_without_a_variable_is_not_sealed() {
    let service = Service::start();
    for nothing in ["", " \r\n", "# only a remark\n"] {
        let fields = [("id", b"shop".as_slice()), ("secret", nothing.as_bytes())];
        let answer = service.post("/environments", &fields);
        assert_eq!(answer.status, 422, "{nothing:?}");
        assert!(answer.body.contains("id=\"secret-error\""));
    }
    assert!(!actions(&service).contains(&"vault.put".to_owned()));
}

#[test]
fn how_a_value_was_read_is_said_once() {
    let service = Service::start();
    let file = b"TWICE=1\nOTHER=2\nTWICE=3\n";
    let to = service
        .post("/environments", &[("id", b"shop"), ("file", file)])
        .leads_to()
        .to_owned();
    let told = service.page(&to);
    assert!(told.contains("line 3 sets TWICE again"), "{told}");
    assert!(told.contains("Sealed and stored."));
    assert!(!service.page(&to).contains("Sealed and stored."));
}

#[test]
fn a_public_key_can_be_copied() {
    let service = Service::start();
    let (key, _) = ssh_key("ed25519");
    let file = [("id", b"a@b".as_slice()), ("file", key.as_bytes())];
    service.post("/servers", &file).leads_to();
    let shown = service.post("/servers/a@b/public-key", &[]);
    let line = shown.body.split("tabindex=\"0\">").nth(1).unwrap();
    let line = line.split('<').next().unwrap().replace("&#43;", "+");
    // As ssh-keygen derives it from the private one.
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, &key).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let told = std::process::Command::new("ssh-keygen")
        .arg("-yf")
        .arg(&path)
        .output()
        .unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let told: Vec<_> = told.split_whitespace().take(2).collect();
    assert_eq!(line, told.join(" "));
    assert!(!shown.body.contains("PRIVATE"));
    assert_eq!(actions(&service)[0], "vault.open");
    assert_eq!(service.get("/servers/a@b/public-key").status, 405);
    assert_eq!(service.post("/servers/c@d/public-key", &[]).status, 404);
}

#[test]
fn a_client_that_hangs_up_leaves_no_act_unrecorded() {
    use std::io::Write;
    let service = Service::start();
    for n in 0..30 {
        let id = format!("set-{n}");
        let body = format!("id={id}&secret=A%3D1%0A");
        let head = format!(
            "POST /environments HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: same-origin\r\n{}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            service.addr,
            service.cookies(),
            body.len()
        );
        let mut stream = std::net::TcpStream::connect(service.addr).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        drop(stream);
    }
    // One more that is waited for: what was begun before it has ended or is open in the trail.
    let last = [("id", b"last".as_slice()), ("secret", b"A=1")];
    service.post("/environments", &last).leads_to();
    let list = service.page("/environments");
    let trail = entries(&service).concat();
    for n in 0..30 {
        let stored = list.contains(&format!(">set-{n}<"));
        assert!(
            !stored || trail.contains(&format!("\"record\":\"set-{n}\"")),
            "set-{n} was stored and nobody knows"
        );
    }
}
