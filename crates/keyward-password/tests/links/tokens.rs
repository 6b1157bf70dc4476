//! What is not a link of this service, and what the table holds.

use keyward_base::{Door, ErrorKind, Reason, Tenant};
use keyward_password::Realm;
use keyward_password::mail::{Ask, LinkKind, MailPolicy};
use keyward_store::{Applied, Records as _, Write};

use crate::world::{NEW, Process, World, chosen, realm};

async fn with_link(here: &mut Process) -> String {
    here.register("ada@example.com", "1").await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    here.token(LinkKind::Reset).await
}

#[tokio::test]
async fn what_this_service_did_not_make_is_refused_without_a_call_of_the_store() {
    let world = World::new().await;
    let mut here = world.process().await;
    let token = with_link(&mut here).await;
    world.data.take_told();
    let mut refused = Vec::new();
    for at in 0..token.len() {
        for bit in 0..7 {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            refused.push(String::from_utf8(bytes).unwrap());
        }
        refused.push(token[..at].to_owned());
    }
    refused.push(format!("{token}A"));
    refused.push(format!(" {token}"));
    refused.push("kwm_".to_owned() + &"A".repeat(600));
    for text in &refused {
        let error = here.mail.look(text).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{text}");
        assert_eq!(error.to_string(), "rejected");
    }
    // Another word for what it is for.
    for kind in 0..=255_u8 {
        let mut bytes = keyward_base::encoding::from_base64url(&token[4..]).unwrap();
        if kind != bytes[9] {
            bytes[9] = kind;
            let text = format!("kwm_{}", keyward_base::encoding::base64url(&bytes));
            let error = here.mail.look(&text).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Rejected, "{kind}");
        }
    }
    let error = here.mail.reset(&refused[100], chosen(NEW).await).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Rejected);
    assert_eq!(world.data.take_told(), Vec::<String>::new());
    assert!(here.mail.look(&token).await.is_ok());
}

#[tokio::test]
async fn a_link_of_another_realm_or_ring_is_refused_without_a_call_of_the_store() {
    let world = World::new().await;
    let mut here = world.process().await;
    let token = with_link(&mut here).await;
    for other in [
        Realm {
            tenant: Tenant::new("others").unwrap(),
            ..realm()
        },
        Realm {
            door: Door::new("admins"),
            ..realm()
        },
    ] {
        let there = world.process_of(&other, MailPolicy::default()).await;
        world.data.take_told();
        let refused = there.mail.look(&token).await.unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::NOT_AUTHENTIC));
        assert_eq!(world.data.take_told(), Vec::<String>::new());
    }
    let elsewhere = World::new().await;
    let there = elsewhere.process().await;
    elsewhere.data.take_told();
    let refused = there.mail.look(&token).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    assert_eq!(elsewhere.data.take_told(), Vec::<String>::new());
}

#[tokio::test]
async fn the_table_holds_no_token_and_no_address() {
    let world = World::new().await;
    let mut here = world.process().await;
    let token = with_link(&mut here).await;
    let secret = &token[50..90];
    for collection in ["mail", "directory", "credential/users"] {
        for row in world.rows(collection).await {
            let shown = format!("{:?} {}", row.key, row.word);
            let texts = shown + &String::from_utf8_lossy(&row.data) + &row.sealed;
            assert!(
                !texts.contains(secret) && !texts.contains("example"),
                "{collection}"
            );
        }
    }
    let bytes = keyward_base::encoding::from_base64url(&token[4..]).unwrap();
    let row = world.rows("mail").await.remove(0);
    // Version, key, kind, id and then the secret.
    let secret = &bytes[9 + 1 + 16..][..32];
    assert!(!row.data.windows(32).any(|window| window == secret));
    assert!(!row.data.windows(8).any(|window| window == &secret[..8]));
}

#[tokio::test]
async fn whoever_writes_the_table_makes_no_link_good_for_anything_else() {
    let world = World::new().await;
    let mut here = world.process().await;
    let token = with_link(&mut here).await;
    here.register("eve@example.com", "2").await;
    here.ask(Ask::Reset, "eve@example.com").await.unwrap();
    let eves = here.token(LinkKind::Reset).await;
    let rows = world.rows("mail").await;
    let (mut of_ada, mut of_eve) = (rows[0].clone(), rows[1].clone());
    if here.mail.look(&token).await.unwrap().address.as_str() != "ada@example.com" {
        std::mem::swap(&mut of_ada, &mut of_eve);
    }
    let plant = async |at: &keyward_store::Record, data: Vec<u8>| {
        let now = world.data.fetch(&at.key).await.unwrap().unwrap();
        let content = keyward_store::Content {
            data,
            ..at.content.clone()
        };
        let write = Write::put(at.key.clone(), Some(now.version), content);
        let applied = world.data.apply(vec![write]).await.unwrap();
        assert!(matches!(applied, Applied::Done(_)));
    };
    // Whichever of the two is whose: the other's row in its place.
    for (row, other, link) in [(&of_ada, &of_eve, &token), (&of_eve, &of_ada, &eves)] {
        plant(row, other.data.clone()).await;
        let first = here.mail.look(link).await;
        let second = here
            .mail
            .look(if link == &token { &eves } else { &token })
            .await;
        let refused = [first, second].into_iter().filter_map(Result::err).next();
        assert_eq!(refused.unwrap().kind(), ErrorKind::Corrupt);
        plant(row, row.data.clone()).await;
    }
    let of = |row: &keyward_store::Record| row.key.clone();
    let kwm = keyward_base::encoding::from_base64url(&token[4..]).unwrap();
    let id = keyward_base::encoding::base64url(&kwm[10..26]);
    let row = if of(&of_ada).id == id {
        &of_ada
    } else {
        &of_eve
    };
    for at in 0..row.data.len() {
        let mut data = row.data.clone();
        data[at] ^= 1 << (at % 8);
        plant(row, data).await;
        let refused = here.mail.look(&token).await.unwrap_err();
        assert_ne!(
            refused.kind(),
            ErrorKind::Rejected,
            "byte {at}: it is the table that is wrong"
        );
    }
    for len in 0..row.data.len() {
        plant(row, row.data[..len].to_vec()).await;
        let refused = here.mail.look(&token).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{len} bytes");
    }
    plant(row, row.data.clone()).await;
    assert!(here.mail.look(&token).await.is_ok());
}

#[tokio::test]
async fn a_link_under_a_retired_key_is_good_until_it_expires() {
    let world = World::new().await;
    let mut here = world.process().await;
    let token = with_link(&mut here).await;
    let old = here.ring.mac(&crate::world::purpose("mail")).unwrap().id();
    let admin = here.ring.admin();
    admin.rotate(&crate::world::purpose("mail")).await.unwrap();
    admin.promote_ready().await.unwrap();
    assert!(here.mail.look(&token).await.is_ok());
    admin.disable(old).await.unwrap();
    let refused = here.mail.look(&token).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn what_fuzzers_read_is_what_is_written() {
    use keyward_password::{directory, mail};
    use secrecy::ExposeSecret as _;
    let world = World::new().await;
    let mut here = world.process().await;
    let token = with_link(&mut here).await;
    assert_eq!(mail::shape(&token).unwrap().expose_secret(), token);
    let link = world.rows("mail").await.remove(0);
    assert_eq!(mail::reread(&link.data).unwrap(), link.data);
    let entry = world.rows("directory").await.remove(0);
    assert_eq!(directory::reread(&entry.data).unwrap(), entry.data);
    // And the seeds of theirs that are whole.
    let seed = |name: &str| {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/");
        std::fs::read(format!("{corpus}{name}")).unwrap()
    };
    let text = String::from_utf8(seed("mail_token/reset")).unwrap();
    assert_eq!(text.len(), token.len());
    assert!(mail::shape(&text).is_ok());
    assert!(mail::reread(&seed("login_rows/link")[1..]).is_ok());
    assert!(mail::reread_body(&seed("login_rows/body")[1..]).is_ok());
    assert!(directory::reread(&seed("login_rows/directory")[1..]).is_ok());
}
