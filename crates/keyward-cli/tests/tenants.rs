//! Whose credentials there are.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use rusqlite::Connection;
use support::Bench;

/// A record of acme's, as if another owner had it, with all its columns whatever they are.
fn copy_to(data: &Connection, owner: &str) {
    let mut columns = data
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
            "owner" => "?1",
            "version" => "version + 1000",
            other => other,
        })
        .collect();
    let copy = format!(
        "INSERT INTO record ({}) SELECT {} FROM record WHERE owner = 'acme' LIMIT 1",
        columns.join(", "),
        values.join(", ")
    );
    assert_eq!(data.execute(&copy, [owner]).unwrap(), 1);
}

fn seal(bench: &Bench, tenant: &str, id: &str) {
    let slot = [
        "vault", "seal", "--tenant", tenant, "--at", "t.c", "--id", id,
    ];
    bench.run(&slot, b"a value").ok();
}

#[test]
fn tenants_are_listed_in_pages_and_once_each() {
    let bench = Bench::new();
    assert_eq!(
        bench.json(&["vault", "tenants"])["tenants"],
        serde_json::json!([])
    );
    let mut names = vec!["acme", "acme!", "acme~~", "b", "umbrella", "~"];
    for tenant in &names {
        for id in ["1", "~~~", "zz"] {
            seal(&bench, tenant, id);
        }
    }
    names.sort_unstable();
    assert_eq!(
        bench.run(&["vault", "tenants"], b"").ok().text(),
        names.join("\n") + "\n"
    );
    let page = bench.json(&["vault", "tenants", "--limit", "2"]);
    assert_eq!(page["format"], "keyward.vault.tenants/1");
    assert_eq!(page["tenants"], serde_json::json!(names[..2]));
    let next = page["next"].as_str().unwrap();
    let rest = bench.json(&["vault", "tenants", "--after", next]);
    assert_eq!(rest["tenants"], serde_json::json!(names[2..]));
    assert_eq!(rest["next"], serde_json::Value::Null);
}

#[test]
fn what_somebody_wrote_into_the_store_is_shown_and_not_obeyed() {
    let bench = Bench::new();
    seal(&bench, "acme", "1");
    let variables = bench.seal("t.env", "1", "env", b"ABCDEFGHIJ=1\n").ok();
    assert!(variables.said().contains("ABCDEFGHIJ"));
    let data = Connection::open(bench.home().join("data.db")).unwrap();
    let owner = "\u{1b}[2J\u{7}evil";
    copy_to(&data, owner);
    let ran = bench.run(&["vault", "tenants"], b"");
    assert_eq!((ran.code(), ran.text().as_str()), (4, "acme\n"));
    assert!(!ran.said().contains('\u{1b}'));
    let json = bench.run(&["vault", "tenants", "--json"], b"");
    assert_eq!(json.json()["strange"], serde_json::json!([owner]));
    assert!(!json.text().contains('\u{1b}'));

    // Names beside a value, and ids, with what a terminal would obey.
    let mut names: Vec<u8> = data
        .query_row(
            "SELECT data FROM record WHERE id LIKE 't.env/%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let at = names.windows(10).position(|w| w == b"ABCDEFGHIJ").unwrap();
    names[at..at + 10].copy_from_slice(b"\x1b]0;x\x07\x1b[2J");
    data.execute(
        "UPDATE record SET data = ?1, version = version + 2000 WHERE id LIKE 't.env/%'",
        [names],
    )
    .unwrap();
    data.execute("UPDATE record SET id = 't.c/\u{1b}[31m', version = version + 3000 WHERE id = 't.c/1' AND owner = 'acme'", []).unwrap();
    for arguments in [
        &["vault", "list", "--tenant", "acme"][..],
        &["doctor"],
        &["keys", "status"],
    ] {
        let ran = bench.run(arguments, b"");
        for text in [ran.text(), ran.said()] {
            assert!(
                !text.contains(|c: char| c.is_control() && c != '\n'),
                "{text:?}"
            );
        }
        let ran = bench.run(&[arguments, &["--json"]].concat(), b"");
        assert!(ran.json().is_object());
        assert!(!ran.text().contains(|c: char| c.is_control() && c != '\n'));
    }
}

#[test]
fn a_tenant_of_another_name_has_nothing_and_the_line_points_to_those_there_are() {
    let bench = Bench::new();
    seal(&bench, "acme", "1");
    let list = bench.run(&["vault", "list", "--tenant", "acmee"], b"").ok();
    assert!(list.out().is_empty(), "{}", list.text());
    assert!(
        list.said()
            .contains("nothing is stored for this tenant: `keyward vault tenants` shows"),
        "{}",
        list.said()
    );
    let json = bench.json(&["vault", "list", "--tenant", "acmee"]);
    assert_eq!(json["credentials"], serde_json::json!([]));
}

#[test]
fn the_columns_of_a_list_stand_under_their_heads() {
    let bench = Bench::new();
    seal(&bench, "acme", "1");
    seal(&bench, "acme", "a-longer-record");
    let told = bench.json(&["vault", "list", "--tenant", "acme"]);
    let text = bench.run(&["vault", "list", "--tenant", "acme"], b"").ok();
    let text = text.text();
    let mut lines = text.lines();
    let head = lines.next().unwrap();
    let end_of_rev = head.find("  key ").unwrap();
    for row in told["credentials"].as_array().unwrap() {
        let line = lines.next().unwrap();
        let (front, key) = line.split_at(end_of_rev);
        let revision = row["revision"].to_string();
        assert!(front.ends_with(&format!("  {revision}")), "{text}");
        assert!(key.trim_start().starts_with(row["key"].as_str().unwrap()));
        assert_eq!(key.find(|c| c != ' '), Some(2), "{text}");
    }
}
