//! A table of counts that has no room.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use keyward_base::{AddressPrefix, ErrorKind};
use keyward_password::mail::Ask;
use keyward_password::{Limits, Mail, Throttle};
use keyward_sqlite::{Durability, SqliteStore};
use keyward_store::{Attempts, Collection, MemoryStore, RecordKey, Reserved, Window, reason};

use crate::world::{MINUTE, NOW, Process, World, acme, email};

/// Rows that are there from the beginning: 64 for addresses, 64 for who asks.
const SHARED: usize = 128;

async fn within(process: &Process, room: usize) -> keyward_base::Result<Mail> {
    let table = Arc::new(MemoryStore::new(room));
    Mail::builder(process.accounts.clone(), table).build().await
}

async fn mail_to(mail: &Mail, what: Ask, text: &str, bits: u32) -> keyward_base::Result<()> {
    let prefix = AddressPrefix::of(IpAddr::V4(Ipv4Addr::from_bits(bits)));
    mail.ask(what, &email(text), prefix).await
}

async fn ask(mail: &Mail, text: &str, bits: u32) -> bool {
    match mail_to(mail, Ask::Reset, text, bits).await {
        Ok(()) => true,
        Err(e) => {
            assert_eq!(e.kind(), ErrorKind::Rejected, "{e:?}");
            false
        }
    }
}

/// Whoever fills it stops nobody who sets his password anew, and nobody's mailbox gets more than what
/// ten get.
#[tokio::test]
async fn a_full_table_stops_nobody_and_floods_no_mailbox() {
    let world = World::new().await;
    let mut process = world.process().await;
    for who in ["ann", "bob"] {
        process.register(&format!("{who}@example.com"), who).await;
    }
    let mail = within(&process, SHARED + 20).await.unwrap();
    // One network, many in it.
    for n in 0..200 {
        assert!(ask(&mail, &format!("a{n}@example.com"), n << 4).await);
    }
    process.letters().await;
    assert!(ask(&mail, "ann@example.com", 0xc000_0201).await);
    assert_eq!(process.letters().await.len(), 1);
    // From another network each time.
    let mut asked = 0;
    for n in 1..100 {
        asked += u32::from(ask(&mail, "bob@example.com", n << 16).await);
    }
    assert!(asked > 90, "{asked}");
    let letters = process.letters().await.len();
    assert!((20..=30).contains(&letters), "{letters}");
    // Neighbours are one.
    let mut asked = 0;
    for n in 0..400 {
        asked += u32::from(ask(&mail, "eve@example.com", 0xc612_0000 + n).await);
    }
    assert!((100..=200).contains(&asked), "{asked}");
}

/// A table that was full before mails nothing that it cannot count, and says what it lacks.
#[tokio::test]
async fn a_table_without_room_for_the_shared_says_what_it_lacks() {
    let world = World::new().await;
    let mut process = world.process().await;
    let mail = within(&process, SHARED).await.unwrap();
    assert_eq!(mail.lacks(), 0);
    let mail = within(&process, 10).await.unwrap();
    assert_eq!(mail.lacks(), SHARED - 10);
    let from = AddressPrefix::of(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let asked = mail.ask(Ask::SignUp, &email("ann@example.com"), from).await;
    assert_eq!(asked.unwrap_err().reason(), Some(reason::FULL));
    assert!(process.letters().await.is_empty());
}

/// As a service has it: throttle and mail in one file, with the quota that the docs name, which who
/// made accounts up has filled.
#[tokio::test]
async fn on_sqlite_a_flood_of_log_ins_keeps_no_mail_back() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::builder(folder.path().join("attempts.db"))
        .durability(Durability::Normal)
        .max_pages(2_000);
    let tries: Arc<dyn Attempts> = Arc::new(store.open().unwrap());
    let throttle = Throttle::new(tries.clone(), here.ring.clone(), Limits::default()).await;
    assert_eq!(throttle.unwrap().lacks(), 0);
    let mail = Mail::builder(here.accounts.clone(), tries.clone())
        .build()
        .await
        .unwrap();
    assert_eq!(mail.lacks(), 0);
    let window = Window::new(100, 30 * 24 * 60 * MINUTE).unwrap();
    let mut made = 0;
    for at_once in [16, 1] {
        loop {
            let of = |id: usize| RecordKey {
                collection: Collection::named("login-attempt"),
                owner: String::new(),
                id: format!("{id:043}"),
            };
            let windows: Vec<_> = (made..made + at_once).map(|id| (of(id), window)).collect();
            match tries.reserve(&windows, NOW).await {
                Ok(Reserved::Admitted { ticket, .. }) => ticket.keep(),
                Ok(other) => panic!("{other:?}"),
                Err(e) => {
                    assert_eq!(e.reason(), Some(reason::FULL));
                    break;
                }
            }
            made += at_once;
        }
    }
    assert!(made > 1_000, "{made}");
    for (n, what) in (1..).zip([Ask::Reset, Ask::SignIn, Ask::Reset]) {
        let asked = mail_to(&mail, what, "ada@example.com", n << 16);
        asked.await.unwrap();
    }
    let asked = mail_to(&mail, Ask::SignUp, "new@example.com", 9 << 16);
    asked.await.unwrap();
    mail.invite(&email("other@example.com"), &acme())
        .await
        .unwrap();
    assert_eq!(here.letters().await.len(), 5);
}
