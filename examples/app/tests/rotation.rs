//! Keys: rotated, rewrapped, disabled and destroyed while the service is in use.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::arithmetic_side_effects, missing_docs, unreachable_pub)]

mod service;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use service::{Service, actions, keys, random, rewrap, wait_until};

#[test]
fn a_key_is_rotated_rewrapped_and_destroyed_while_requests_go_on() {
    let service = Service::start();
    let tokens: Vec<_> = (0..20).map(|_| random(40)).collect();
    let put = |n: usize| {
        let id = format!("account-{n}");
        let fields: [(&str, &[u8]); 3] = [
            ("id", id.as_bytes()),
            ("provider", b"github"),
            ("secret", tokens[n].as_bytes()),
        ];
        service.post("/hosts", &fields).leads_to();
    };
    let opens = |n: usize| {
        let shown = service.post(&format!("/hosts/github:account-{n}/reveal"), &[]);
        assert_eq!(shown.status, 200, "{n}: {}", shown.body);
        assert!(shown.body.contains(&tokens[n]));
    };
    (0..10).for_each(put);
    let old = keys(&service, "active").remove(0);
    let (stop, served) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                (0..10).for_each(opens);
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
        service::approved::done(&service, "/keys/rotate", &[]);
        wait_until(|| !keys(&service, "active").contains(&old));
        (10..20).for_each(put); // Writers go on beside it.
        rewrap(&service);
        let more = served.load(Ordering::Relaxed);
        wait_until(|| served.load(Ordering::Relaxed) > more);
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(keys(&service, "retired"), std::slice::from_ref(&old));
    assert!(service.page("/keys").contains("An old key is free"));
    let press = |id: &str, what: &str| service.post(&format!("/keys/{id}/{what}"), &[]);
    let active = keys(&service, "active").remove(0);
    for what in ["disable", "destroy"] {
        assert_eq!(press(&active, what).status, 422, "the key that seals");
    }
    assert_eq!(
        press(&old, "destroy").status,
        422,
        "not before it was disabled"
    );
    press(&old, "disable").leads_to();
    press(&old, "enable").leads_to();
    press(&old, "disable").leads_to();
    press(&old, "destroy").leads_to();
    assert_eq!(keys(&service, "destroyed"), [old]);
    (0..20).for_each(opens);
    let trail = actions(&service);
    for action in [
        "keys.rotate",
        "keys.promote",
        "keys.disable",
        "keys.enable",
        "keys.destroy",
    ] {
        assert!(
            trail.iter().any(|known| known == action),
            "{action} in {trail:?}"
        );
    }
}

#[test]
fn a_key_that_values_need_is_not_destroyed() {
    let service = Service::start();
    let token = random(40);
    let fields: [(&str, &[u8]); 3] = [
        ("id", b"acme"),
        ("provider", b"github"),
        ("secret", token.as_bytes()),
    ];
    service.post("/hosts", &fields).leads_to();
    let old = keys(&service, "active").remove(0);
    service::approved::done(&service, "/keys/rotate", &[]);
    wait_until(|| !keys(&service, "active").contains(&old));
    service
        .post(&format!("/keys/{old}/disable"), &[])
        .leads_to();
    let reveal = || service.post("/hosts/github:acme/reveal", &[]);
    let refused = reveal();
    assert_eq!(refused.status, 503, "it can be enabled again");
    assert!(!refused.body.contains("disabled") && !refused.body.contains("key"));
    assert_eq!(
        service.post(&format!("/keys/{old}/destroy"), &[]).status,
        422
    );
    service.post(&format!("/keys/{old}/enable"), &[]).leads_to();
    assert!(reveal().body.contains(&token));
}

/// What nobody can read may need the key: it is not disabled, and the page says why.
#[test]
fn a_key_that_an_unreadable_record_may_need_is_not_disabled() {
    let service = Service::start();
    let token = random(40);
    let fields: [(&str, &[u8]); 3] = [
        ("id", b"acme"),
        ("provider", b"github"),
        ("secret", token.as_bytes()),
    ];
    service.post("/hosts", &fields).leads_to();
    let old = keys(&service, "active").remove(0);
    service::approved::done(&service, "/keys/rotate", &[]);
    wait_until(|| !keys(&service, "active").contains(&old));
    assert!(
        service
            .page("/keys")
            .contains(&format!("/keys/{old}/disable"))
    );
    let store = rusqlite::Connection::open(service.data().join("keys.db")).unwrap();
    // Those of the doors, which seal hashes of passwords, stay as they are.
    let sql = "UPDATE record SET data = x'00', version = version + 1 \
               WHERE collection = 'tenant-keys' AND (owner = ?1 OR id = ?1)";
    assert_eq!(store.execute(sql, [service.tenant()]).unwrap(), 1);
    let page = service.page("/keys");
    assert!(page.contains("cannot be read"), "{page}");
    assert!(!page.contains(&format!("/keys/{old}/disable")));
    let refused = service.post(&format!("/keys/{old}/disable"), &[]);
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("keyward doctor"), "{}", refused.body);
}

#[test]
fn two_processes_on_one_folder_rotate_together() {
    let one = Service::start();
    // The link that makes the first administrator is the latest one's: it is used before.
    keys(&one, "active");
    let two = Service::beside(&one);
    let token = random(40);
    let put = |service: &Service, id: &str| {
        let fields: [(&str, &[u8]); 3] = [
            ("id", id.as_bytes()),
            ("provider", b"github"),
            ("secret", token.as_bytes()),
        ];
        service.post("/hosts", &fields).leads_to();
    };
    let opens = |service: &Service, id: &str| {
        let shown = service.post(&format!("/hosts/github:{id}/reveal"), &[]);
        assert!(shown.body.contains(&token), "{}", shown.body);
    };
    put(&one, "first");
    opens(&two, "first");
    let old = keys(&one, "active").remove(0);
    service::approved::done(&one, "/keys/rotate", &[]);
    // Not before the other process knows the key: it says so at its next tick.
    wait_until(|| !keys(&one, "active").contains(&old));
    put(&two, "second");
    opens(&one, "second");
    rewrap(&one);
    opens(&two, "first");
    wait_until(|| two.page("/keys").contains("An old key is free"));
    drop(two);
    one.stop();
}
