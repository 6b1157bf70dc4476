//! The page of the record: what it shows, what it says of an edit, and what it gives away.

mod filters;

use std::path::Path;
use std::process::Command;

use keyward_base::SecretBytes;
use keyward_embedded::{Home, HomeDir, Options, RootSource};
use keyward_vault::Credential;

use crate::service::{Answer, Service, entries, random, wait_until};

fn set(service: &Service, id: &str) {
    let fields = [("id", id.as_bytes()), ("secret", b"A=1".as_slice())];
    service.post("/environments", &fields).leads_to();
}

fn export(service: &Service, log: &str, format: &str) -> Answer {
    let path = match log {
        "service" => "/admin/audit/export",
        _ => "/audit/export",
    };
    // Which organisation it is of, no field says.
    let fields = [
        ("log", log.as_bytes()),
        ("tenant", log.as_bytes()),
        ("format", format.as_bytes()),
        ("from", b"0"),
    ];
    crate::service::approved::taken(service, path, &fields)
}

/// The key that the page says an auditor pins.
fn key(page: &str) -> String {
    let at = page.find("keyward-log/").unwrap();
    let key = page[at..].split('<').next().unwrap();
    key.replace("&#43;", "+").replace("&#x2B;", "+")
}

/// What the verifier in Python says, which knows nothing of keyward but the page of the format.
fn verifies(folder: &Path, file: &str, key: &str) -> bool {
    let path = folder.join("export.jsonl");
    std::fs::write(&path, file).unwrap();
    let verifier = "../../crates/keyward-audit/tests/formats/verify.py";
    let verifier = Path::new(env!("CARGO_MANIFEST_DIR")).join(verifier);
    let said = Command::new("python3")
        .arg("-B")
        .arg(verifier)
        .arg("export")
        .args([path.to_str().unwrap(), key])
        .output();
    said.unwrap().status.success()
}

#[test]
fn the_record_is_shown_exported_and_turns_red_where_it_was_edited() {
    let service = Service::start();
    // Her account, her log-in, her session.
    wait_until(|| service.page("/audit").contains("3 entries were read"));
    let (ann, tenant) = (service.ann(), service.tenant());
    set(&service, "shop");
    set(&service, "mail");
    service.post("/environments/shop/reveal", &[]);
    wait_until(|| service.page("/audit").contains("8 entries were read"));
    let page = service.page("/audit");
    for known in [
        "8 entries were read and compared",
        "Checkpoint 8 · ",
        "the anchor “anchor”",
        "environment.variables shop",
        &ann,
        "href=\"/audit/7\"",
    ] {
        assert!(page.contains(known), "{known} in {page}");
    }
    let entry = service.page("/audit/7");
    for known in ["vault.open", &ann, "granted", "Digest", &tenant] {
        assert!(entry.contains(known), "{known} in {entry}");
    }
    for none in [
        "/audit/8",
        "/audit/18446744073709551614",
        "/audit/x",
        "/audit/-1",
        "/admin/audit/99",
    ] {
        assert_eq!(service.get(none).status, 404, "{none}");
    }

    // A link, a preview or another page exports nothing.
    assert_eq!(service.get("/audit/export").status, 405);
    let foreign = "Sec-Fetch-Site: cross-site\nOrigin: http://evil.example";
    let fields = [
        ("log", b"".as_slice()),
        ("format", b"jsonl"),
        ("from", b"0"),
    ];
    assert_eq!(
        service.post_with("/audit/export", foreign, &fields).status,
        403
    );
    let file = export(&service, "", "jsonl");
    assert_eq!(
        (file.status, file.header("cache-control")),
        (200, Some("no-store"))
    );
    let named = file.header("content-disposition").unwrap();
    assert_eq!(named, "attachment; filename=\"organisation-log.jsonl\"");
    let key = key(&page);
    // What was there, the nine entries of its approval, and itself.
    assert_eq!(
        file.body.lines().count(),
        1 + 8 + 9 + 1 + 1,
        "{}",
        file.body
    );
    assert!(file.body.contains("\"action\":\"deploydesk.export\""));
    assert!(verifies(service.root(), &file.body, &key));
    for (from, to) in [
        (ann.as_str(), "somebody"),
        ("\"granted\"", "\"done\""),
        ("shop", "shoq"),
    ] {
        let edited = file.body.replacen(from, to, 1);
        assert!(
            edited != file.body && !verifies(service.root(), &edited, &key),
            "{from}"
        );
    }
    let table = export(&service, "", "csv");
    assert!(
        table
            .header("content-type")
            .unwrap()
            .starts_with("text/csv")
    );
    assert!(
        table.body.starts_with("seq,day,class,at,action,outcome,"),
        "{}",
        table.body
    );
    assert!(table.body.contains(",environment.variables,shop,"));

    // Who can write to the database says that it was somebody else.
    let conn = rusqlite::Connection::open(service.data().join("data.db")).unwrap();
    let of = format!("collection = 'audit' AND owner = '{tenant}' AND id = 'log' AND seq = 7");
    let select = format!("SELECT bytes FROM entry WHERE {of}");
    let mut bytes: Vec<u8> = conn.query_row(&select, [], |row| row.get(0)).unwrap();
    let at = bytes
        .windows(ann.len())
        .position(|of| of == ann.as_bytes())
        .unwrap();
    bytes[at + 2..at + ann.len()].fill(b'0');
    let update = format!("UPDATE entry SET bytes = ?1 WHERE {of}");
    conn.execute(&update, [&bytes]).unwrap();
    wait_until(|| {
        let page = service.page("/audit");
        page.contains("<span class=\"badge bad\">Not as written</span> Entry 7 of an audit log")
    });
    // What is left is shown, and no filter hides the one that was edited.
    for query in ["", "?who=nobody"] {
        let page = service.page(&format!("/audit{query}"));
        assert!(page.contains("not what was written</span>"), "{page}");
        assert_eq!(
            page.contains("environment.variables mail"),
            query.is_empty()
        );
    }
    assert!(service.page("/audit/7").contains("Not what was written."));
    assert!(service.page("/audit/6").contains("vault.put"));
    assert!(export(&service, "", "jsonl").status >= 500);
    // The log of the service is another one.
    crate::service::approved::done(&service, "/keys/rotate", &[]);
    wait_until(|| {
        let page = service.page("/admin/audit");
        page.contains("keys.rotate") && page.contains(">As written</span>")
    });
}

#[test]
fn a_database_that_was_put_back_turns_the_badge_red() {
    let service = Service::start();
    set(&service, "shop");
    let folder = service.stop();
    // As it lies there, with what is not folded into it yet.
    let files = ["data.db", "data.db-wal", "data.db-shm"];
    let files = files.map(|name| folder.path().join("data").join(name));
    let older = files.each_ref().map(|path| std::fs::read(path).ok());
    let service = Service::start_in(folder);
    set(&service, "mail");
    wait_until(|| service.page("/audit").contains("Checkpoint 7 · "));
    let folder = service.stop();
    for (path, bytes) in files.iter().zip(&older).take(2) {
        match bytes {
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
            None => drop(std::fs::remove_file(path)),
        }
    }
    drop(std::fs::remove_file(&files[2]));
    let service = Service::start_in(folder);
    wait_until(|| service.page("/audit").contains(">Not as written</span>"));
    let page = service.page("/audit");
    assert!(
        page.contains("does not go on from what the root log or an anchor has of it"),
        "{page}"
    );
}

#[test]
fn a_page_and_an_export_show_nothing_of_another_tenant() {
    let service = Service::start();
    set(&service, "shop");
    let other = format!("globex-{}", random(12));
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(async {
        let mut options = Options::with_root(RootSource::File);
        options.anchor = Some(service.root().join("anchor"));
        let home = Home::open(&HomeDir::at(service.data()), &options).await;
        let home = home.unwrap();
        let slot = home.vault().tenant(&other).unwrap();
        let slot = slot
            .place("server.ssh_key")
            .unwrap()
            .record("theirs")
            .unwrap();
        let token = SecretBytes::copy_of(random(40).as_bytes());
        let token = Credential::api_key(token).unwrap();
        slot.insert(&token).await.unwrap();
        let _opened = slot.open().await.unwrap();
    });
    assert_eq!(
        entries(&service)
            .iter()
            .filter(|of| of.contains(&other))
            .count(),
        3
    );
    let whose = format!("/audit?log={other}");
    let part = format!("/audit?record={}", "theirs");
    for path in ["/overview", "/audit", "/admin/audit", &whose, &part] {
        let page = service.page(path);
        let table = page.split("<table").nth(1).unwrap_or_default();
        assert!(
            !table.contains(&other) && !table.contains("theirs"),
            "{path}"
        );
    }
    for format in ["jsonl", "csv"] {
        for log in ["", &other, "service"] {
            let file = export(&service, log, format);
            let shown = !file.body.contains(&other) && !file.body.contains("theirs");
            assert!(shown, "{log} {format}");
        }
    }
    // Nor how many there are: two of its own, and two exports before this one...
    let tenant = service.tenant();
    let file = export(&service, &other, "jsonl").body;
    let until = file.split("\"until\":").nth(1).unwrap();
    let until: usize = until.split(',').next().unwrap().parse().unwrap();
    let own = entries(&service)
        .iter()
        .filter(|of| of.contains(&format!("\"tenant\":\"{tenant}\"")))
        .count();
    assert_eq!(until, own);
}
