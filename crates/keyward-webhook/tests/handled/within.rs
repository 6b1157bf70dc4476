//! Claims in the application's own transaction.

use keyward_base::ErrorKind;
use keyward_sqlite::claims;
use keyward_webhook::{ClaimsInSqlite, Named, OnceTerms, Outcome, Within, preset};
use rusqlite::{Connection, TransactionBehavior};

use crate::support::{acme, at, github, meta, standard};

fn database() -> Connection {
    let mut conn = Connection::open_in_memory().unwrap();
    conn.execute_batch("CREATE TABLE effect (id TEXT)").unwrap();
    let tx = conn.transaction().unwrap();
    claims::install(&tx).unwrap();
    tx.commit().unwrap();
    conn
}

fn effects(conn: &Connection) -> i64 {
    conn.query_row("SELECT count(*) FROM effect", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn effect_and_claim_are_committed_together_or_not_at_all() {
    let mut conn = database();
    let once = ClaimsInSqlite::new(OnceTerms::of(&preset::GITHUB)).unwrap();
    let (one, two) = (github("1", b"{}"), github("2", b"{}"));
    let mut attempt = |hook: &keyward_webhook::OwnedWebhook<_>, commit: bool| {
        let tx = conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .unwrap();
        let claimed = once.claim(&tx, &acme(), &hook.get(), at(0)).unwrap();
        let outcome = claimed.outcome();
        if let Within::First(exactly_once) = claimed {
            assert!(!exactly_once.is_repeated());
            assert_eq!(exactly_once.replayable_from(), Some(at(3 * 86_400_000)));
            exactly_once
                .transaction()
                .execute("INSERT INTO effect VALUES ('1')", [])
                .unwrap();
        }
        if commit {
            tx.commit().unwrap();
        }
        outcome
    };
    assert_eq!(attempt(&one, false), Outcome::Done);
    assert_eq!(attempt(&one, true), Outcome::Done);
    assert_eq!(attempt(&one, true), Outcome::Done);
    assert_eq!(attempt(&two, true), Outcome::Repeated);
    assert_eq!(effects(&conn), 1);
}

#[test]
fn the_rules_are_those_of_other_claims() {
    let mut conn = database();
    let tx = conn.transaction().unwrap();
    let lets = OnceTerms::of(&preset::GITHUB).run_repeated();
    let lets = ClaimsInSqlite::new(lets).unwrap();
    let is_first = |hook: &keyward_webhook::OwnedWebhook<_>| {
        let claimed = lets.claim(&tx, &acme(), &hook.get(), at(0)).unwrap();
        matches!(claimed, Within::First(_))
    };
    let (one, two) = (github("1", b"{}"), github("2", b"{}"));
    assert!(is_first(&one));
    let Within::First(again) = lets.claim(&tx, &acme(), &two.get(), at(0)).unwrap() else {
        panic!("not the first");
    };
    assert!(again.is_repeated());
    assert!(format!("{again:?}").contains(&again.id().to_string()));
    assert!(!is_first(&one) && !is_first(&two));

    let standards = OnceTerms::of(&preset::STANDARD_WEBHOOKS);
    let standards = ClaimsInSqlite::new(standards.keep_until_secret_changes()).unwrap();
    for (body, wanted) in [
        (b"1", Outcome::Done),
        (b"1", Outcome::Done),
        (b"2", Outcome::Conflict),
    ] {
        let hook = standard("m", body, at(0));
        let claimed = standards.claim(&tx, &acme(), &hook.get(), at(0)).unwrap();
        assert_eq!(claimed.outcome(), wanted);
    }
    assert_eq!(standards.purge(&tx, at(400 * 86_400_000)).unwrap(), 2);
    for gone in [1, 0] {
        let changed = standards.secret_changed(&tx, &acme(), at(0));
        assert_eq!(changed.unwrap(), gone);
    }

    let metas = ClaimsInSqlite::new(OnceTerms::of(&preset::META)).unwrap();
    let (hook, event) = (
        meta(b"{}"),
        Named {
            id: b"a",
            content: None,
        },
    );
    let named = || {
        metas
            .claim_named(&tx, &acme(), &hook.get(), &event, at(0))
            .unwrap()
    };
    let Within::First(exactly_once) = named() else {
        panic!("not the first");
    };
    assert!(matches!(named(), Within::Done));
    assert!(metas.forget(&tx, &acme(), exactly_once.id()).unwrap());
    assert!(matches!(named(), Within::First(_)));
    let other = metas.claim(&tx, &acme(), &one.get(), at(0));
    assert_eq!(other.unwrap_err().kind(), ErrorKind::Misuse);
}
