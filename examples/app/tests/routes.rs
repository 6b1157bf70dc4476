//! Every route, asked by everybody in every way: `routes.tsv` says what each is answered.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::arithmetic_side_effects, missing_docs, unreachable_pub)]

mod asked {
    pub mod people;
    pub mod table;
}
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use asked::people::World;
use asked::table::{METHODS, Row, WHO, rows};
use service::browser::Browser;
use service::{percent, send};

/// Sends what a row says, as somebody; the status that comes back.
fn ask(world: &World, browser: &Browser, who: &str, method: &str, row: &Row) -> u16 {
    let addr = world.service.addr;
    let at = match row.at.split_once('?') {
        Some((path, query)) => format!("{}?{query}", world.meant(path)),
        None => world.meant(&row.at),
    };
    let (kind, body) = match row.sent.starts_with('{') {
        true => ("application/json", world.meant(&row.sent)),
        false => ("application/x-www-form-urlencoded", form(world, &row.sent)),
    };
    let host = match who {
        "host" => "desk.example.net".to_owned(),
        _ => addr.to_string(),
    };
    let from = match who {
        "foreign" => "Sec-Fetch-Site: cross-site\nOrigin: https://evil.example",
        _ => "Sec-Fetch-Site: same-origin\nOrigin: null",
    };
    let mut head = format!(
        "{method} {at} HTTP/1.1\nHost: {host}{}\n{from}",
        browser.line()
    );
    if who == "passed-on" {
        head.push_str("\nX-Forwarded-For: 192.0.2.1");
    }
    if let Some(token) = world.token(who) {
        head.push_str(&format!("\nAuthorization: Bearer {token}"));
    }
    let sends = !matches!(method, "GET" | "HEAD" | "OPTIONS");
    if sends {
        head.push_str(&format!(
            "\nContent-Type: {kind}\nContent-Length: {}",
            body.len()
        ));
    }
    let body = if sends { body } else { String::new() };
    send(addr, &head, body.as_bytes()).status
}

/// A form of the table, as a browser sends it.
fn form(world: &World, sent: &str) -> String {
    let fields = sent.split('&').filter(|field| !field.is_empty());
    let fields = fields.map(|field| {
        let (name, value) = field.split_once('=').unwrap();
        format!("{name}={}", percent(world.meant(value).as_bytes()))
    });
    fields.collect::<Vec<_>>().join("&")
}

/// What differs from the table, in a line each.
fn wrong(row: &Row, method: &str, who: &str, status: u16) -> Option<String> {
    let said = row.statuses[who].unwrap();
    (status != said).then(|| format!("{method} {} as {who}: {status}, and not {said}", row.at))
}

#[test]
fn each_route_answers_each_as_the_table_says() {
    let all = rows();
    let (changing, lasting): (Vec<_>, Vec<_>) = all.iter().partition(|row| row.changes);
    let mut world = World::with(changing.len());
    let browsers: BTreeMap<_, _> = WHO.iter().map(|who| (*who, world.browser(who))).collect();
    let mut report: Vec<String> = std::thread::scope(|scope| {
        let (world, lasting, browsers) = (&world, &lasting, &browsers);
        let asking = WHO.chunks(9).map(|some| {
            scope.spawn(move || {
                let mut report = Vec::new();
                for row in lasting {
                    for method in &row.methods {
                        for who in some {
                            let status = ask(world, &browsers[who], who, method, row);
                            report.extend(wrong(row, method, who, status));
                        }
                    }
                }
                report
            })
        });
        let asking: Vec<_> = asking.collect();
        asking
            .into_iter()
            .flat_map(|one| one.join().unwrap())
            .collect()
    });
    for row in changing {
        for method in &row.methods {
            for who in WHO {
                let browser = world.another(who);
                world.renew(&row.at);
                if row.statuses[who].is_none() {
                    continue;
                }
                let status = ask(&world, &browser, who, method, row);
                report.extend(wrong(row, method, who, status));
            }
        }
    }
    let log = world.service.log();
    let failed = log.lines().filter(|line| !line.contains(": rejected: "));
    let log = failed.collect::<Vec<_>>().join("\n");
    assert!(report.is_empty(), "{}\n{log}", report.join("\n"));
}

/// What `deploydesk routes` lists: address and methods.
fn listed() -> BTreeMap<String, BTreeSet<String>> {
    let out = Command::new(env!("CARGO_BIN_EXE_deploydesk"))
        .arg("routes")
        .output()
        .unwrap();
    assert!(out.status.success());
    let mut all = BTreeMap::<_, BTreeSet<_>>::new();
    for line in String::from_utf8(out.stdout).unwrap().lines() {
        let [_, methods, path] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let methods = methods.split(',').map(str::to_owned);
        all.entry(path.to_owned()).or_default().extend(methods);
    }
    all
}

#[test]
fn no_route_is_missing_from_the_table_and_none_is_there_that_is_not() {
    let mut known = BTreeMap::<String, BTreeSet<String>>::new();
    for row in rows().into_iter().filter(|row| row.route != "-") {
        known.entry(row.route).or_default().extend(row.methods);
    }
    let (declared, named) = (listed(), known.keys().cloned().collect::<BTreeSet<_>>());
    let routes: BTreeSet<_> = declared.keys().cloned().collect();
    assert_eq!(routes, named);
    let every = METHODS.map(str::to_owned);
    for (route, methods) in &known {
        assert_eq!(*methods, every.clone().into_iter().collect(), "{route}");
    }
    // To some who may, what a route has is not refused as a method it lacks.
    for (route, methods) in declared {
        for method in methods {
            let mut of = rows().into_iter();
            let has = of.any(|row| {
                let here = row.route == route && row.methods.contains(&method);
                here && row.statuses.values().flatten().all(|status| *status != 405)
            });
            assert!(has, "{method} {route}");
        }
    }
}

/// `cargo xtask guards` takes each of them out, and stops at one that it does not find.
#[test]
fn each_guard_that_is_to_be_taken_out_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let lines = include_str!("guards.tsv").lines();
    for line in lines.filter(|line| !line.starts_with('#')) {
        let [name, file, text, instead] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let whole = std::fs::read_to_string(root.join(file)).unwrap();
        let count = whole.matches(&text.replace("\\n", "\n")).count();
        assert!(count == 1 && text != instead, "{name}: {count} times");
    }
}

/// Nothing makes a router but what lists its routes.
#[test]
fn no_route_is_declared_beside_the_list() {
    fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => files(&path, found),
                false => found.push(path),
            }
        }
    }
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    assert!(found.len() > 50);
    for path in found.iter().filter(|path| **path != src.join("routes.rs")) {
        let text = std::fs::read_to_string(path).unwrap();
        for word in ["Router", "axum::routing", "MethodRouter"] {
            let mut lines = text.lines();
            let line = lines.find(|line| line.contains(word) && !line.contains("into_router"));
            assert_eq!(line, None, "{}", path.display());
        }
    }
}
