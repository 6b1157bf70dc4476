//! Damage that costs its owner only, and the way out that `keyward doctor` names.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "../../keyward-sqlite/tests/support/odd.rs"]
mod odd;
mod support;

use odd::{odd, odd_many};
use rusqlite::{Connection, params};
use support::Bench;

/// The fixes that the doctor names and that are commands.
fn fixes(bench: &Bench, part: &str) -> Vec<String> {
    let told = bench.run(&["doctor", "--json"], b"").json();
    let checks = told["checks"].as_array().unwrap();
    let fixes = checks.iter().filter_map(|check| check["fix"].as_str());
    fixes
        .filter(|fix| fix.contains(part))
        .map(str::to_owned)
        .collect()
}

fn keys_db(bench: &Bench) -> Connection {
    Connection::open(bench.home().join("keys.db")).unwrap()
}

#[test]
fn a_damaged_tenant_is_named_and_set_aside_and_the_others_go_on() {
    let bench = Bench::new();
    for tenant in ["acme", "umbrella"] {
        let seal = [
            "vault", "seal", "--tenant", tenant, "--at", "t.c", "--id", "1",
        ];
        bench.run(&seal, b"a value").ok();
    }
    let damage = "UPDATE record SET data = zeroblob(length(data)) WHERE owner = 'acme'";
    assert_eq!(keys_db(&bench).execute(damage, []).unwrap(), 1);

    let open = |tenant| {
        let open = [
            "vault", "open", "--tenant", tenant, "--at", "t.c", "--id", "1",
        ];
        bench.run(&open, b"")
    };
    assert_ne!(open("acme").code(), 0);
    open("umbrella").ok();
    let status = bench.run(&["keys", "status"], b"").ok().text();
    assert!(
        status.contains("1 key record that cannot be read"),
        "{status}"
    );
    let doctor = bench.run(&["doctor"], b"");
    assert_eq!(doctor.code(), 4, "{}", doctor.text());
    let key = bench.keys_in("active").remove(0);
    bench
        .run(&["keys", "find", &key, "--db", "home/data.db"], b"")
        .fails(4, "`keyward doctor` names it");
    let fix = fixes(&bench, "set-aside");
    assert!(fix[0].contains("keyward keys set-aside acme"), "{fix:?}");

    let set_aside = bench.json(&["keys", "set-aside", "acme"]);
    assert_eq!(set_aside["records"], 1);
    bench.run(&["doctor"], b"").ok();
    assert!(fixes(&bench, "set-aside").is_empty());
    assert_ne!(open("acme").code(), 0, "its values are given up");
    let seal = [
        "vault", "seal", "--tenant", "acme", "--at", "t.c", "--id", "2",
    ];
    bench.run(&seal, b"a value").ok();
    bench
        .run(&["keys", "set-aside", "acme"], b"")
        .fails(2, "nothing was set aside");
}

/// Rows that SQLite cannot give: whatever stands in them, the lines that the doctor names lead out,
/// and until then no key is destroyed.
#[test]
fn rows_that_cannot_be_read_are_named_and_set_aside_and_a_rotation_ends() {
    let not_utf8 = "owner = CAST(x'61eb' AS TEXT)";
    for (of_keys, of_data) in [("expires = -1", "collection = NULL"), (not_utf8, not_utf8)] {
        let bench = Bench::new();
        let slot = |does, tenant| {
            [
                "vault", does, "--tenant", tenant, "--at", "t.c", "--id", "1",
            ]
        };
        for tenant in ["acme", "hooli", "umbrella"] {
            bench.run(&slot("seal", tenant), b"a value").ok();
        }
        for (file, set, of) in [
            (
                "keys.db",
                of_keys,
                "collection = 'tenant-keys' AND owner = 'acme'",
            ),
            (
                "data.db",
                of_data,
                "collection = 'vault' AND owner = 'hooli'",
            ),
        ] {
            let sql = format!("UPDATE record SET {set} WHERE {of}");
            odd(&bench.home().join(file), "record", &sql);
        }
        assert_eq!(
            bench.run(&slot("open", "umbrella"), b"").ok().text(),
            "a value"
        );
        bench.run(&slot("seal", "umbrella"), b"another").ok();
        for refused in [&["keys", "rotate", "--to-end"][..], &["vault", "rewrap"]] {
            let refused = bench.run(refused, b"");
            assert_ne!(refused.code(), 0, "{}", refused.said());
        }
        let doctor = bench.run(&["doctor"], b"");
        assert_eq!(doctor.code(), 4, "{}", doctor.text());
        let named = fixes(&bench, "set-aside");
        assert_eq!(named.len(), 2, "{named:?}");
        for line in named {
            let command = line.split('`').nth(1).unwrap();
            bench.sh(command, &[]).ok();
            bench.sh(command, &[]).fails(2, "nothing was set aside");
        }
        assert!(fixes(&bench, "set-aside").is_empty());
        let ended = bench.json(&["keys", "rotate", "--to-end"]);
        assert_ne!(ended["destroyed"].as_array().unwrap().len(), 0, "{ended}");
        assert_eq!(
            bench.run(&slot("open", "umbrella"), b"").ok().text(),
            "another"
        );
        for tenant in ["acme", "hooli"] {
            bench.run(&slot("seal", tenant), b"anew").ok();
            assert_eq!(bench.run(&slot("open", tenant), b"").ok().text(), "anew");
        }
    }
}

#[test]
fn a_replica_record_that_is_no_lease_is_named_and_removed_and_blocks_nothing() {
    let bench = Bench::new();
    // Any record that has all columns, under the name of a lease.
    let conn = keys_db(&bench);
    let mut columns = conn
        .prepare("SELECT name FROM pragma_table_info('record')")
        .unwrap();
    let columns: Vec<String> = columns
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let values: Vec<&str> = columns
        .iter()
        .map(|name| match name.as_str() {
            "collection" => "'replica'",
            "owner" => "''",
            "id" => "?1",
            "version" => "version + 1000",
            other => other,
        })
        .collect();
    let copy = format!(
        "INSERT INTO record ({}) SELECT {} FROM record WHERE collection = 'keyring' LIMIT 1",
        columns.join(", "),
        values.join(", ")
    );
    for name in ["web-1-00112233", "it's \u{1b}[2J odd"] {
        assert_eq!(conn.execute(&copy, params![name]).unwrap(), 1);
    }
    bench.run(&["keys", "rotate"], b"").ok();
    let named = fixes(&bench, "remove-replica");
    assert_eq!(named.len(), 2, "{named:?}");
    let doctor = bench.run(&["doctor"], b"").ok().text();
    assert!(!doctor.contains('\u{1b}'), "{doctor:?}");
    // Following the line, as JSON has it, through a shell.
    for line in named {
        bench.sh(&line, &[]).ok();
    }
    assert!(fixes(&bench, "remove-replica").is_empty());
    bench
        .run(&["keys", "remove-replica", "web-1-00112233"], b"")
        .fails(2, "no such replica");
}

#[test]
fn the_mac_key_is_rotated_and_purposes_are_added() {
    let bench = Bench::new();
    bench.seal("t.c", "1", "opaque", b"a value").ok();
    let before = bench.json(&["keys", "status"])["mac_epoch"]
        .as_u64()
        .unwrap();
    let told = bench.json(&["keys", "rotate-mac"]);
    assert_eq!((&told["tenants"], &told["damaged"]), (&1.into(), &0.into()));
    let status = bench.json(&["keys", "status"]);
    assert!(status["mac_epoch"].as_u64().unwrap() > before);
    assert_eq!(status["mac_rotates"], false);
    assert_eq!(bench.open("t.c", "1").ok().text(), "a value");

    let added = bench.json(&["keys", "add-purpose", "mail"]);
    assert_eq!(
        bench.json(&["keys", "add-purpose", "mail"])["key"],
        added["key"]
    );
    let status = bench.json(&["keys", "status"]);
    let of_mail = |key: &&serde_json::Value| key["purpose"] == "mail";
    let key = status["keys"].as_array().unwrap().iter().find(of_mail);
    assert_eq!(key.unwrap()["id"], added["key"]);
    bench
        .run(&["keys", "rotate", "--purpose", "mail"], b"")
        .ok();
}

#[test]
fn keys_of_all_algorithms_are_shown_rotated_and_ended() {
    let bench = Bench::new();
    let day = ["--algorithm", "mac", "--longest-life", "86400"];
    let unsaid = ["keys", "add-purpose", "links", "--algorithm", "mac"];
    bench.run(&unsaid, b"").fails(2, "--endless");
    bench.json(&[&["keys", "add-purpose", "links"][..], &day].concat());
    bench.json(&unsaid); // It keeps the life it has.
    let sign = ["--algorithm", "sign"];
    bench.json(&[&["keys", "add-purpose", "receipts"][..], &sign].concat());
    let wrong = ["keys", "add-purpose", "links", "--algorithm", "sign"];
    bench
        .run(&wrong, b"")
        .fails(2, "take another purpose for sign");
    let odd = ["keys", "add-purpose", "x", "--longest-life", "60"];
    bench.run(&odd, b"").fails(2, "--algorithm mac");
    let odd = ["keys", "add-purpose", "x", "--algorithm", "mac"];
    for life in ["0", "-1", "day"] {
        let life = format!("--longest-life={life}");
        bench
            .run(&[&odd[..], &[&life]].concat(), b"")
            .fails(2, "from 1 on");
    }
    bench
        .run(&["keys", "add-purpose", "x", "--raw"], b"")
        .fails(2, "--algorithm sign");
    let raw = ["keys", "add-purpose", "raw", "--algorithm", "sign", "--raw"];
    bench.run(&raw, b"").ok();
    bench.run(&raw, b"").ok();
    bench.run(&raw[..5], b"").fails(2, "purpose");

    let ended = bench.json(&["keys", "rotate", "--to-end", "--purpose", "links"]);
    let ended_receipts = bench.json(&["keys", "rotate", "--to-end", "--purpose", "receipts"]);
    assert_eq!(ended_receipts["destroyed"].as_array().unwrap().len(), 1);
    let status = bench.json(&["keys", "status"]);
    let keys = status["keys"].as_array().unwrap();
    for (purpose, ended) in [("links", &ended), ("receipts", &ended_receipts)] {
        let active = keys
            .iter()
            .find(|k| k["purpose"] == purpose && k["state"] == "active");
        assert_eq!(ended["key"], active.unwrap()["id"]);
    }
    let of = |n: usize, field: &str| keys[n][field].clone();
    let draining = of(1, "id");
    assert_eq!(ended["draining"][0], draining);
    assert_eq!(of(1, "drains_until"), ended["drains_until"]);
    assert_eq!(
        (of(0, "suite"), of(1, "suite")),
        (2.into(), serde_json::Value::Null)
    );
    assert_eq!(
        (of(1, "algorithm"), of(1, "longest_life")),
        ("mac".into(), 86_400.into())
    );
    let shown = bench.run(&["keys", "status"], b"").ok().text();
    let drains = of(1, "drains_until");
    assert!(shown.contains(&format!(
        "mac 0 rows, drains until {}",
        drains.as_str().unwrap()
    )));

    let public = bench.json(&["keys", "public", "receipts"]);
    let published = public["keys"].as_array().unwrap();
    assert_eq!(published[0]["state"], "destroyed");
    assert_eq!(published[1]["follows"], published[0]["id"]);
    assert_eq!(published[0]["public"], of(2, "public"));
    let text = bench.run(&["keys", "public", "receipts"], b"").ok().text();
    assert!(text.contains(published[1]["public"].as_str().unwrap()));
    bench
        .run(&["keys", "public", "links"], b"")
        .fails(2, "not for sign");

    let id = draining.as_str().unwrap();
    let signs = published[1]["id"].as_str().unwrap();
    let line = shown.lines().find(|line| line.starts_with(signs)).unwrap();
    assert!(line.ends_with(" sign") && !line.contains("row"), "{line:?}");
    bench.json(&["keys", "disable", id]);
    bench
        .run(&["keys", "destroy", id], b"")
        .fails(2, &format!("what key {id} authenticates may live until"))
        .fails(2, "--before-expiry");
    bench.json(&["keys", "destroy", id, "--before-expiry"]);
}

/// Each algorithm's next step is another.
#[test]
fn a_rotation_says_what_comes_next() {
    let bench = Bench::new();
    for (purpose, more) in [
        ("links", &["--algorithm", "mac", "--endless"][..]),
        ("receipts", &["--algorithm", "sign"]),
    ] {
        let add = [&["keys", "add-purpose", purpose][..], more].concat();
        bench.run(&add, b"").ok();
    }
    let pending = bench.run(&["keys", "rotate", "--no-wait"], b"").ok();
    assert!(
        pending
            .said()
            .contains("is pending: `keyward keys rotate` promotes it")
    );
    for (purpose, next) in [
        (
            "vault",
            "is active: `keyward vault rewrap` moves the values",
        ),
        (
            "links",
            "is active: what the old one authenticates is left to expire",
        ),
        (
            "receipts",
            "is active: `keyward keys public` prints what verifies it",
        ),
    ] {
        let said = bench
            .run(&["keys", "rotate", "--purpose", purpose], b"")
            .ok()
            .said();
        assert!(said.contains(next), "{said}");
    }
}

/// A key that signs is retired without harm: its public half stays. One that MACs is not.
#[test]
fn only_a_key_that_signs_is_destroyed_without_being_disabled() {
    let bench = Bench::new();
    let retired = |purpose: &str, more: &[&str]| {
        bench
            .run(&[&["keys", "add-purpose", purpose][..], more].concat(), b"")
            .ok();
        let active = bench.json(&["keys", "rotate", "--purpose", purpose]);
        let status = bench.json(&["keys", "status"]);
        let keys = status["keys"].as_array().unwrap();
        let old = keys
            .iter()
            .find(|k| k["purpose"] == purpose && k["id"] != active["key"]);
        old.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let signs = retired("receipts", &["--algorithm", "sign"]);
    bench.run(&["keys", "destroy", &signs], b"").ok();
    let macs = retired("links", &["--algorithm", "mac", "--longest-life", "60"]);
    bench
        .run(&["keys", "destroy", &macs], b"")
        .fails(2, "is not disabled");
}

/// What a state does not allow is told with what it is, and what to do.
#[test]
fn each_state_allows_its_own_steps() {
    let bench = Bench::new();
    let first = bench.keys_in("active").remove(0);
    let detached = [
        "vault", "seal", "--tenant", "acme", "--at", "t.c", "--id", "1", "--stdout",
    ];
    let value = bench.run(&detached, b"detached").ok();
    bench.run(&["keys", "rotate", "--no-wait"], b"").ok();
    let second = bench.keys_in("pending").remove(0);
    let step = |step: &str, key: &str| bench.run(&["keys", step, key], b"");
    step("enable", &second).fails(2, "is pending, not disabled");
    step("destroy", &second).fails(2, "is not disabled");
    step("disable", &first).fails(2, "is active: `keyward keys rotate` first");
    step("destroy", &first).fails(2, "is active: `keyward keys rotate` first");
    bench.run(&["keys", "rotate"], b"").ok();
    step("destroy", &first).fails(2, "is not disabled");
    let told = bench.json(&["keys", "disable", &first]);
    assert_eq!(
        (&told["key"], &told["state"]),
        (&first.as_str().into(), &"disabled".into())
    );
    let open = [
        "vault", "open", "--value", "-", "--tenant", "acme", "--at", "t.c", "--id", "1",
    ];
    bench
        .run(&open, value.out())
        .fails(3, &format!("is disabled: `keyward keys enable {first}`"));
    bench
        .run(&["keys", "destroy", &first, "--even-unregistered"], b"")
        .ok();
    for each in ["disable", "enable", "destroy"] {
        step(each, &first).fails(2, "is destroyed, for good");
    }
    bench.run(&open, value.out()).fails(1, "destroyed");
    let mut short = value.out().to_vec();
    short.truncate(40);
    bench.run(&open, &short).fails(1, "copy it again, whole");
}

/// What was sealed and is stored nowhere that is counted keeps its key, and is told.
#[test]
fn a_rotation_to_the_end_keeps_a_key_with_detached_values() {
    let bench = Bench::new();
    let detached = [
        "vault", "seal", "--tenant", "acme", "--at", "t.c", "--id", "1", "--stdout",
    ];
    let value = bench.run(&detached, b"detached").ok();
    let first = bench.keys_in("active").remove(0);
    let said = bench.run(&["keys", "rotate", "--to-end"], b"").ok().said();
    assert!(said.contains(&format!("key {first} stays")), "{said}");
    assert!(!said.contains("free pages"), "{said}");
    let told = bench.json(&["keys", "rotate", "--to-end"]);
    assert!(
        told["kept"]
            .as_array()
            .unwrap()
            .contains(&first.as_str().into()),
        "{told}"
    );
    let open = [
        "vault", "open", "--value", "-", "--tenant", "acme", "--at", "t.c", "--id", "1",
    ];
    assert_eq!(bench.run(&open, value.out()).ok().out(), b"detached");
}

/// What the vault keeps beside values, what a process began and did not end, and what was given up
/// before: wherever the row lies, the doctor's line leads out.
#[test]
fn a_row_beside_the_values_is_given_up_as_the_doctor_says() {
    let not_utf8 = "collection = CAST(x'eb' AS TEXT)";
    for (set, of) in [
        ("version = -1", "collection = 'barrier'"),
        ("data = NULL", "collection = 'barrier'"),
        (not_utf8, "collection = 'barrier'"),
        ("version = -1", "collection = 'rewrap'"),
        ("data = 'text'", "collection = 'rewrap'"),
        ("data = NULL", "collection = 'quarantine/vault'"),
        ("word = NULL", "collection = 'set-aside'"),
        ("word = NULL", "collection = 'of-a-release/to-come'"),
        ("collection = ''", "collection = 'of-a-release/to-come'"),
    ] {
        let bench = Bench::new();
        for tenant in ["acme", "hooli"] {
            let slot = ["--tenant", tenant, "--at", "t.c", "--id", "1"];
            let seal = [&["vault", "seal"], &slot[..]].concat();
            bench.run(&seal, b"a value").ok();
        }
        bench.run(&["keys", "rotate"], b"").ok();
        let path = bench.home().join("data.db");
        let conn = Connection::open(&path).unwrap();
        for (collection, owner, id) in [
            ("rewrap", "vault", "cursor"),
            ("quarantine/vault", "acme", "t.c/1"),
            ("set-aside", "", "record/1"),
            ("of-a-release/to-come", "acme", "1"),
        ] {
            let insert = "INSERT INTO record VALUES (?1, ?2, ?3, 1, NULL, x'', x'', '', x'', '')";
            let row = params![collection, owner, id];
            assert_eq!(conn.execute(insert, row).unwrap(), 1);
        }
        drop(conn);
        odd(
            &path,
            "record",
            &format!("UPDATE record SET {set} WHERE {of}"),
        );
        let open = |tenant| {
            let slot = ["--tenant", tenant, "--at", "t.c", "--id", "1"];
            bench.run(&[&["vault", "open"], &slot[..]].concat(), b"")
        };
        assert_eq!(open("acme").ok().text(), "a value", "{set} {of}");
        let named = fixes(&bench, "set-aside");
        assert_eq!(named.len(), 1, "{set} {of}: {named:?}");
        bench.sh(named[0].split('`').nth(1).unwrap(), &[]).ok();
        assert!(fixes(&bench, "set-aside").is_empty());
        bench.run(&["vault", "rewrap"], b"").ok();
        let ended = bench.json(&["keys", "rotate", "--to-end"]);
        let destroyed = ended["destroyed"].as_array().unwrap();
        assert_eq!(destroyed.len(), 2, "{set} {of}: {ended}");
        for tenant in ["acme", "hooli"] {
            assert_eq!(open(tenant).ok().text(), "a value", "{set} {of}");
        }
    }
}

/// SQLite's own check tells of a hundred rows at most: all are named, and lead out one by one.
#[test]
fn more_rows_than_sqlite_tells_of_are_named() {
    let bench = Bench::new();
    bench.seal("t.c", "1", "opaque", b"a value").ok();
    let path = bench.home().join("data.db");
    let conn = Connection::open(&path).unwrap();
    let many = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 130)
        INSERT INTO record SELECT 'other', '', x, 1, NULL, x'', x'', '', x'', '' FROM n";
    assert_eq!(conn.execute(many, []).unwrap(), 130);
    drop(conn);
    odd_many(
        &path,
        "record",
        "UPDATE record SET data = NULL WHERE collection = 'other'",
        130,
    );
    assert_eq!(bench.open("t.c", "1").ok().text(), "a value");
    let doctor = bench.run(&["doctor"], b"");
    assert_eq!(doctor.code(), 4, "{}", doctor.text());
    let named = fixes(&bench, "keyward vault set-aside");
    assert_eq!(named.len(), 130);
    // By the library, as a process for each takes long, and one by the command.
    let mut lines = named.iter().map(|line| line.split('`').nth(1).unwrap());
    bench.sh(lines.next().unwrap(), &[]).ok();
    let store = keyward_sqlite::SqliteStore::open(&path).unwrap();
    for line in lines {
        let place = line.rsplit(' ').next().unwrap();
        let given_up = keyward_store::Records::set_aside(&store, place);
        drop(keyward_store::conformance::block_on(given_up).unwrap());
    }
    drop(store);
    bench.run(&["doctor"], b"").ok();
    let ended = bench.json(&["keys", "rotate", "--to-end"]);
    assert_eq!(ended["destroyed"].as_array().unwrap().len(), 1);
    assert_eq!(bench.open("t.c", "1").ok().text(), "a value");
}
