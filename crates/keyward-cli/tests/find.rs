//! Values of a key in databases that nobody registered, and a key that is not destroyed for them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use rusqlite::{Connection, params};
use support::{Bench, finish};

/// A home, and an application's own database with three values sealed under its key.
struct World {
    bench: Bench,
    app: Connection,
    ring_key: String,
}

impl World {
    fn new() -> Self {
        let bench = Bench::new();
        let app = Connection::open(bench.folder().join("app.db")).unwrap();
        app.execute_batch("CREATE TABLE account (id INTEGER PRIMARY KEY, doc TEXT, token BLOB)")
            .unwrap();
        let ring_key = bench.keys_in("active").remove(0);
        let world = Self {
            bench,
            app,
            ring_key,
        };
        for (id, tenant) in [(1, "acme"), (2, "acme"), (3, "umbrella")] {
            let value = world.sealed(tenant);
            let doc = format!("{{\"token\": \"{value}\"}}");
            let token = (id != 2).then_some(value.into_bytes());
            world
                .app
                .execute(
                    "INSERT INTO account VALUES (?1, ?2, ?3)",
                    params![id, doc, token],
                )
                .unwrap();
        }
        world
    }

    fn sealed(&self, tenant: &str) -> String {
        let seal = [
            "vault",
            "seal",
            "--stdout",
            "--tenant",
            tenant,
            "--at",
            "account.token",
            "--id",
            "1",
        ];
        self.bench
            .run(&seal, b"a secret of somebody")
            .ok()
            .text()
            .trim()
            .to_owned()
    }

    fn find(&self, key: &str) -> serde_json::Value {
        self.bench.json(&["keys", "find", key, "--db", "app.db"])
    }
}

#[test]
fn a_ring_key_finds_all_values_below_it_and_a_tenant_key_its_own() {
    let world = World::new();
    let found = world.find(&world.ring_key);
    assert_eq!(found["format"], "keyward.keys.find/1");
    assert_eq!((&found["values"], &found["ids"]), (&5.into(), &3.into()));
    assert_eq!(
        found["sources"],
        serde_json::json!([{
            "file": "app.db", "values": 5, "complete": true, "log_missing": false, "virtual_tables": [],
            "found": [
                {"table": "account", "column": "doc", "values": 3},
                {"table": "account", "column": "token", "values": 2},
            ],
        }])
    );
    let status = world.bench.json(&["keys", "status", "--tenant", "acme"]);
    let tenant_key = status["keys"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(world.find(&tenant_key)["values"], 3);

    let text = world
        .bench
        .run(&["keys", "find", &world.ring_key, "--db", "app.db"], b"")
        .ok();
    assert!(text.text().contains("3  account.doc"), "{}", text.text());
    assert!(!text.text().contains("kw1."), "no value is shown");
    let unknown = ["keys", "find", "0011223344556677", "--db", "app.db"];
    world
        .bench
        .run(&unknown, b"")
        .fails(2, "keyward keys status");
}

#[test]
fn a_dump_is_read_from_standard_input() {
    let world = World::new();
    let value = world.sealed("acme");
    let dump = format!("COPY public.t (id, \"my token\") FROM stdin;\n1\t{value}\n2\t\\N\n\\.\n");
    let ran = world
        .bench
        .run(
            &["keys", "find", &world.ring_key, "--json"],
            dump.as_bytes(),
        )
        .ok();
    let source = &ran.json()["sources"][0];
    assert_eq!(source["file"], serde_json::Value::Null);
    assert_eq!(
        source["found"],
        serde_json::json!([{"table": "public.t", "column": "my token", "values": 1}])
    );
    assert_eq!(source["complete"], false);
    let said = world
        .bench
        .run(&["keys", "find", &world.ring_key], dump.as_bytes());
    let said = said.ok().said();
    assert!(said.contains("does not end as a whole one"), "{said}");
    world
        .bench
        .run(&["keys", "find", &world.ring_key], b"\x1f\x8b\x08")
        .fails(2, "gzip -dc");
}

#[test]
fn a_key_is_not_destroyed_while_a_named_database_holds_its_values() {
    let world = World::new();
    let bench = &world.bench;
    let key = world.ring_key.as_str();
    bench.run(&["keys", "rotate"], b"").ok();
    bench.run(&["keys", "disable", key], b"").ok();
    let destroy = [
        "keys",
        "destroy",
        key,
        "--db",
        "app.db",
        "--even-unregistered",
    ];
    bench
        .run(&destroy, b"")
        .fails(2, "5 values need key")
        .said();
    bench.run(&destroy, b"").fails(2, "account.doc");
    assert_eq!(bench.keys_in("disabled"), [key]);

    // What mends it: the application seals its values anew.
    bench.run(&["keys", "enable", key], b"").ok();
    world
        .app
        .execute(
            "UPDATE account SET doc = ?1, token = NULL",
            [world.sealed("acme")],
        )
        .unwrap();
    bench.run(&["keys", "disable", key], b"").ok();
    world
        .app
        .execute_batch("CREATE VIRTUAL TABLE words USING fts5(a)")
        .unwrap();
    let said = bench.run(&destroy, b"").ok().said();
    assert!(
        said.contains("virtual tables were not asked") && said.contains("words"),
        "{said}"
    );
    assert_eq!(bench.keys_in("destroyed"), [key]);

    // A database that cannot be looked through is no empty one.
    let other = bench.keys_in("active").remove(0);
    bench.run(&["keys", "rotate"], b"").ok();
    bench.run(&["keys", "disable", &other], b"").ok();
    world.app.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let destroy = [
        "keys",
        "destroy",
        &other,
        "--db",
        "app.db",
        "--even-unregistered",
    ];
    bench.run(&destroy, b"").fails(3, "locked");
    assert_eq!(bench.keys_in("disabled"), [other.as_str()]);
}

#[test]
fn a_person_is_asked_before_a_key_goes_and_a_script_is_not() {
    let bench = Bench::new();
    if bench.sh("command -v script", &[]).code() != 0 {
        return;
    }
    let key = bench.keys_in("active").remove(0);
    bench.run(&["keys", "rotate"], b"").ok();
    bench.run(&["keys", "disable", &key], b"").ok();
    let typed = |digits: &str| {
        let mut command = bench.command("script");
        command.args(["-qec", &format!("keyward keys destroy {key}"), "/dev/null"]);
        finish(command, format!("{digits}\n").as_bytes())
    };
    let ran = typed("no");
    assert!(
        ran.text().contains("nothing was destroyed"),
        "{}",
        ran.text()
    );
    assert_eq!(bench.keys_in("disabled"), [key.as_str()]);
    assert!(typed(&key[..4]).text().contains("is destroyed"));
    assert_eq!(bench.keys_in("destroyed"), [key.as_str()]);
}

#[test]
fn names_from_a_database_do_not_reach_the_terminal_as_commands() {
    let world = World::new();
    let sql = "CREATE TABLE \"\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}\n\" (a TEXT)";
    world.app.execute_batch(sql).unwrap();
    let insert = "INSERT INTO \"\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}\n\" VALUES (?1)";
    world.app.execute(insert, [world.sealed("acme")]).unwrap();
    let find = ["keys", "find", &world.ring_key, "--db", "app.db"];
    let ran = world.bench.run(&find, b"").ok();
    let shown = ran.text();
    assert!(
        shown.contains("\\u{1b}]0;owned\\u{7}\\u{9b}2J\\u{202e}\\u{a}.a"),
        "{shown}"
    );
    assert!(
        !shown.contains(|c: char| c.is_control() && c != '\n'),
        "{shown:?}"
    );
    let json = world
        .bench
        .run(&[&find[..], &["--json"]].concat(), b"")
        .ok();
    assert!(!json.text().contains(|c: char| c.is_control() && c != '\n'));
    assert_eq!(
        json.json()["sources"][0]["found"][0]["table"],
        "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}\n"
    );
}
