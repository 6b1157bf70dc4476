//! A table of counts that has no room.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use keyward_base::{AddressPrefix, ErrorKind};
use keyward_password::Mail;
use keyward_password::mail::Ask;
use keyward_store::{MemoryStore, reason};

use crate::world::{Process, World, email};

/// Rows that are there from the beginning: 64 for addresses, 64 for who asks.
const SHARED: usize = 128;

async fn within(process: &Process, room: usize) -> keyward_base::Result<Mail> {
    let table = Arc::new(MemoryStore::new(room));
    Mail::builder(process.accounts.clone(), table).build().await
}

async fn ask(mail: &Mail, text: &str, bits: u32) -> bool {
    let prefix = AddressPrefix::of(IpAddr::V4(Ipv4Addr::from_bits(bits)));
    match mail.ask(Ask::Reset, &email(text), prefix).await {
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

#[tokio::test]
async fn a_table_without_room_for_the_shared_is_refused() {
    let world = World::new().await;
    let process = world.process().await;
    let e = within(&process, SHARED - 1).await.unwrap_err();
    assert_eq!(e.reason(), Some(reason::FULL));
}
