//! What is a link of ours and what is not, and what it costs to tell.

use allocation_counter::measure;
use keyward_approval::link::{LIFE, LinkShape};
use keyward_approval::{Links, reason};
use keyward_base::encoding::{base64url, from_base64url};
use keyward_base::{ErrorKind, Purpose, Reason, Timestamp};
use keyward_keys::Keyring;
use keyward_testkit::{bit_flips, truncations};

use crate::world::{DAY, GATE, HOUR, NOW, World, action, action_of, after, tenant};

#[tokio::test]
async fn a_link_says_which_gate_and_slot_and_is_about_one_action() {
    let world = World::new().await;
    let letter = world.letter();
    let token = letter.link().expose();
    assert!(token.starts_with("kwl_") && token.len() == 111);
    let presented = world
        .links
        .check(&tenant("acme"), token, NOW)
        .await
        .unwrap();
    assert_eq!((presented.gate(), presented.slot()), (GATE, 3));
    assert_eq!(presented.expires(), letter.expires());
    presented.is_about(&action("web-1")).unwrap();
    for other in [
        action("web-2"),
        action_of("globex", "web-1", "it is old"),
        action_of("acme", "web-1", "it is new"),
    ] {
        let e = presented.is_about(&other).unwrap_err();
        assert_eq!(e.reason(), Some(Reason::NOT_AUTHENTIC));
    }
    let shape = LinkShape::parse(token).unwrap();
    assert_eq!(
        (shape.gate, shape.slot, shape.expires),
        (GATE, 3, letter.expires())
    );
    // Two approvers of one gate do not have the same link.
    let other = world.letter_of(&world.links, 4);
    assert_ne!(other.link().expose(), token);
    assert!(!format!("{letter:?}{presented:?}").contains(&token[20..]));
}

/// What one has who knows the form and not the key.
fn forged(token: &str) -> Vec<String> {
    let bytes = from_base64url(&token[4..]).unwrap();
    let text = |bytes: &[u8]| format!("kwl_{}", base64url(bytes));
    let mut forged: Vec<String> = bit_flips(&bytes).map(|flipped| text(&flipped)).collect();
    forged.extend(truncations(&bytes).map(text));
    forged.extend((0..token.len()).map(|at| token[..at].to_owned()));
    forged.extend((0..token.len()).map(|at| {
        let mut chars: Vec<char> = token.chars().collect();
        chars[at] = if chars[at] == 'A' { 'B' } else { 'A' };
        chars.into_iter().collect()
    }));
    // The last character has bits that no byte takes.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    forged.extend(
        alphabet
            .chars()
            .map(|c| format!("{}{c}", &token[..token.len() - 1])),
    );
    forged.extend(["", "kwl_", " ", "\u{e9}"].map(str::to_owned));
    forged.extend([" ", "=", "==", "A", "\n", "\0"].map(|more| format!("{token}{more}")));
    forged.push(format!(" {token}"));
    forged.push(token.replacen("kwl_", "kws_", 1));
    forged.push(token.replacen("kwl_", "KWL_", 1));
    forged.push(token.replace(['-', '_'], "+"));
    forged.push("kwl_".to_owned() + &"A".repeat(600));
    forged.retain(|text| text != token);
    forged
}

#[tokio::test]
async fn what_is_none_of_ours_is_refused_without_a_store_call() {
    let world = World::new().await;
    let letter = world.letter();
    let token = letter.link().expose();
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    let _before = world.keys.take();
    let forged = forged(token);
    assert!(forged.len() > 900);
    for text in &forged {
        let refused = world.links.check(&acme, text, NOW).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Rejected, "{text}");
        assert_eq!(refused.to_string(), "rejected");
    }
    let refused = world.links.check(&globex, token, NOW).await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::NOT_AUTHENTIC));
    // Neither is asked for the right one: all that it says is in it.
    let _presented = world.links.check(&acme, token, NOW).await.unwrap();
    assert_eq!(world.keys.take(), [""; 0]);
    // Were the MAC not looked at, a form that fits would do: most of what was refused has it.
    let well_formed = forged.iter().filter(|text| LinkShape::parse(text).is_ok());
    assert!(well_formed.count() > 600);
}

#[tokio::test]
async fn a_link_of_another_ring_or_purpose_is_none() {
    let (world, other) = (World::new().await, World::new().await);
    let acme = tenant("acme");
    let foreign = other.letter();
    let refused = world
        .links
        .check(&acme, foreign.link().expose(), NOW)
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Rejected);
    // A key of this ring that is for something else.
    let mails = Purpose::new("mail").unwrap();
    let use_ = keyward_keys::KeyUse::Mac(keyward_keys::Life::AtMost(HOUR));
    world.ring.admin().add_purpose(&mails, use_).await.unwrap();
    let key = world.ring.mac(&mails).unwrap();
    let letter = world.letter();
    let mut bytes = from_base64url(&letter.link().expose()[4..]).unwrap();
    bytes[1..9].copy_from_slice(&key.id().to_bytes());
    let text = format!("kwl_{}", base64url(&bytes));
    let refused = world.links.check(&acme, &text, NOW).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn a_link_ends_when_its_action_does_and_no_later_than_a_link_may() {
    let world = World::new().await;
    let acme = tenant("acme");
    let letter = world.letter();
    assert_eq!(letter.expires(), after(DAY * 30));
    let token = letter.link().expose();
    let last = Timestamp::from_millis(letter.expires().as_millis() - 1);
    world.set(last).await;
    assert!(world.links.check(&acme, token, last).await.is_ok());
    world.set(letter.expires()).await;
    let late = world
        .links
        .check(&acme, token, letter.expires())
        .await
        .unwrap_err();
    assert_eq!(late.reason(), Some(Reason::EXPIRED));
    world.set(NOW).await;
    // A shorter life holds for what was made before, too.
    let short = world.links.clone().life(DAY);
    let beyond = short.check(&acme, token, NOW).await.unwrap_err();
    assert_eq!(beyond.reason(), Some(reason::LINK_LIFE));
    world.set(after(DAY * 29)).await;
    assert!(short.check(&acme, token, after(DAY * 29)).await.is_ok());
    world.set(NOW).await;
    let own = world.letter_of(&short, 0);
    assert_eq!(own.expires(), after(DAY));
    assert!(short.check(&acme, own.link().expose(), NOW).await.is_ok());
    // A clock that was set back by more than a link lives finds none of them good.
    let back = Timestamp::from_millis(NOW.as_millis() - 1_000);
    world.set(back).await;
    let early = world.links.check(&acme, token, back).await.unwrap_err();
    assert_eq!(early.reason(), Some(reason::LINK_LIFE));
    // No life is longer than the longest.
    let long = world.links.clone().life(LIFE * 2);
    let early = long.check(&acme, token, back).await.unwrap_err();
    assert_eq!(early.reason(), Some(reason::LINK_LIFE));
    world.set(NOW).await;
    assert_eq!(world.letter_of(&long, 0).expires(), after(LIFE));
    // What can be decided no more gets none.
    let draft = world.links.draft(&acme, GATE).unwrap();
    let over = draft
        .finish(&action("web-1"), 0, after(DAY * 30))
        .unwrap_err();
    assert_eq!(over.reason(), Some(Reason::EXPIRED));
    let draft = world.links.draft(&tenant("globex"), GATE).unwrap();
    assert_eq!(
        draft.finish(&action("web-1"), 0, NOW).unwrap_err().kind(),
        ErrorKind::Misuse
    );
}

/// What the process knows of the ring is too old by then: its keys may have been withdrawn.
#[tokio::test]
async fn a_link_is_judged_by_no_view_of_the_ring_that_is_too_old() {
    let world = World::new().await;
    let acme = tenant("acme");
    let letter = world.letter();
    let token = letter.link().expose();
    let later = after(DAY);
    let refused = world.links.check(&acme, token, later).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    // Nor where whoever asks goes by a clock that is behind the keyring's.
    world.clock.set(later);
    let refused = world.links.check(&acme, token, NOW).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    world.set(later).await;
    assert!(world.links.check(&acme, token, later).await.is_ok());
    assert!(world.links.check(&acme, token, NOW).await.is_ok());
}

#[tokio::test]
async fn a_link_is_good_after_its_key_retired_and_in_a_process_that_did_not_know_it() {
    let world = World::new().await;
    let acme = tenant("acme");
    let before = world.letter();
    let other = Keyring::builder(world.keys.clone(), world.root.clone());
    let other = other.clock(world.clock.clone()).open().await.unwrap();
    let other = Links::new(other).unwrap();
    let purpose = Purpose::new(keyward_approval::link::PURPOSE).unwrap();
    let pending = world.ring.admin().rotate(&purpose).await;
    assert!(pending.is_ok(), "{pending:?}");
    world.ring.refresh().await.unwrap();
    let after = world.letter();
    let token = before.link().expose();
    assert!(world.links.check(&acme, token, NOW).await.is_ok());
    assert!(other.check(&acme, token, NOW).await.is_ok());
    // By the new key, if it is active by now: another process asks the ring for it, once.
    assert!(other.check(&acme, after.link().expose(), NOW).await.is_ok());
}

#[tokio::test]
async fn a_good_link_allocates_nothing() {
    let world = World::new().await;
    let (acme, letter) = (tenant("acme"), world.letter());
    let token = letter.link().expose();
    let action = action("web-1");
    let mut good = false;
    let cost = measure(|| {
        let presented = world.links.check_at_once(&acme, token, NOW);
        good = presented.is_ok_and(|presented| presented.is_about(&action).is_ok());
    });
    assert!(good);
    assert_eq!(cost.count_total, 0);
}
