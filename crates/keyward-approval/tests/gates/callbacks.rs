//! What whoever asked is told.

use keyward_approval::callback::{CallbackKey, ToldResult};
use keyward_approval::executor::OnceBy;
use keyward_approval::gate::State;
use keyward_approval::{Ballot, GateId};
use keyward_base::encoding::base64url;
use keyward_base::{Domain, ErrorKind, SecretArray, Tenant, Timestamp};
use keyward_crypto::{MacKey, Provider};
use keyward_testkit::bit_flips;

use crate::world::{MINUTE, World, subject, tenant, why};

const CALLBACK: Domain<(Timestamp, &[u8])> = Domain::new("keyward/v1/approval-callback");

#[tokio::test]
async fn a_callback_is_the_services_own_whole_and_of_now() {
    let world = World::new().await;
    let key = |byte| {
        let bytes = SecretArray::copy_of(&[byte; 32]).unwrap();
        CallbackKey::new(&Provider::default(), &bytes).unwrap()
    };
    let (ours, other) = (key(7), key(8));
    let id = world.ask("server.delete").await;
    world
        .vote(id, "bob", Ballot::deny("not \"today\""))
        .await
        .unwrap();
    let told = world.gates.callback(&tenant(), id, &ours).await.unwrap();
    // Neither the words of who denied it, nor what is good in anybody's hands, is for a log.
    let debug = format!("{told:?}");
    assert_eq!(debug, format!("Callback({} bytes)", told.body.len()));
    let now = world.now();
    let said = ours.verify(&told.header, &told.body, now).unwrap();
    let shown = world.show(id).await;
    assert_eq!(
        (said.gate, said.state, said.fence),
        (id, State::Denied, shown.fence())
    );
    assert_eq!(said.reason.as_deref(), Some("not \"today\""));
    assert_eq!(said.results, [ToldResult::NotRun]);
    // Whose it is: who has one key for two that ask, or two services, tells them apart.
    assert_eq!(
        (said.requester, said.service.as_str(), said.tenant),
        (subject("agent-7"), "deploydesk", tenant())
    );
    assert_eq!(&said.action, shown.action().digest().as_bytes());
    let refused = |header: &str, body: &[u8], at| why(ours.verify(header, body, at));
    assert_eq!(
        why(other.verify(&told.header, &told.body, now)),
        "not-authentic-for-this-context"
    );
    for flipped in bit_flips(&told.body) {
        assert_eq!(
            refused(&told.header, &flipped, now),
            "not-authentic-for-this-context"
        );
    }
    for flipped in bit_flips(told.header.as_bytes()) {
        if let Ok(header) = String::from_utf8(flipped) {
            ours.verify(&header, &told.body, now).unwrap_err();
        }
    }
    for header in [
        "",
        "1",
        &told.header[2..],
        &format!("{},", told.header),
        &told.header.replacen("1,", "1,0", 1),
    ] {
        assert_eq!(refused(header, &told.body, now), "malformed");
    }
    let later = now.saturating_add(MINUTE * 6);
    assert_eq!(refused(&told.header, &told.body, later), "expired");
    ours.verify(&told.header, &told.body, now.saturating_add(MINUTE * 5))
        .unwrap();
    // Nor before it was made: by a clock that is ahead, say, which would have it good for longer.
    world.pass(MINUTE * 6).await;
    let ahead = world.gates.callback(&tenant(), id, &ours).await.unwrap();
    assert_eq!(why(ours.verify(&ahead.header, &ahead.body, now)), "expired");
    let near = now.saturating_add(MINUTE);
    ours.verify(&ahead.header, &ahead.body, near).unwrap();
}

/// One of a version that is to come says what nobody here knows.
#[tokio::test]
async fn a_callback_of_another_version_is_not_read_though_it_is_authentic() {
    let world = World::new().await;
    let bytes = SecretArray::copy_of(&[7; 32]).unwrap();
    let provider = Provider::default();
    let ours = CallbackKey::new(&provider, &bytes).unwrap();
    let id = world.ask("server.delete").await;
    let told = world.gates.callback(&tenant(), id, &ours).await.unwrap();
    let (text, now) = (String::from_utf8(told.body).unwrap(), world.now());
    let key = MacKey::new(&provider, &bytes).unwrap();
    for (version, is_ours) in [("1", true), ("2", false), ("0", false)] {
        let body = text.replacen("\"version\":1", &format!("\"version\":{version}"), 1);
        let tag = key.sign(CALLBACK, &(now, body.as_bytes()));
        let header = format!("1,{},{}", now.as_millis(), base64url(&tag));
        let read = ours.verify(&header, body.as_bytes(), now);
        match is_ours {
            true => assert_eq!(read.unwrap().gate, id),
            false => assert_eq!(why(read), "malformed"),
        }
    }
}

#[tokio::test]
async fn what_is_to_be_told_is_not_lost_with_a_process() {
    let world = World::new().await;
    let news = async |gates: &keyward_approval::Gates, from, limit| {
        gates.news(&tenant(), from, limit).await.unwrap()
    };
    let first = news(&world.gates, 0, 100).await;
    assert!(first.gates.is_empty());
    let denied = world.ask("server.delete").await;
    let waits = world.ask("server.delete").await;
    let kept = news(&world.gates, first.next, 100).await;
    assert!(kept.gates.is_empty(), "what waits is no news");
    world.vote(denied, "bob", Ballot::deny("no")).await.unwrap();
    let (executor, _) = world.executor(OnceBy::Nothing);
    let ran = world.ask("server.restart").await;
    let may_run = world.gates.approved(&tenant(), ran).await.unwrap();
    executor.run(may_run).await.unwrap();

    // The process ends here, and has told nobody; another begins where the last kept.
    let again = world.again_on(world.store.clone()).await;
    let found = news(&again.gates, kept.next, 100).await;
    assert_eq!(found.gates, [denied, ran]);
    // Entry by entry it is the same, and nothing is between.
    let (mut from, mut all) = (kept.next, Vec::<GateId>::new());
    loop {
        let page = news(&again.gates, from, 1).await;
        if page.next == from {
            break;
        }
        assert_eq!(page.next, from + 1);
        from = page.next;
        all.extend(page.gates);
    }
    assert_eq!(from, found.next);
    all.dedup();
    assert_eq!(all, [denied, ran]);
    // Told of and kept, it does not come again; what time ends does, once somebody looked.
    assert!(news(&again.gates, found.next, 100).await.gates.is_empty());
    again.pass(MINUTE * 61).await;
    again.gates.tick(100).await.unwrap();
    let found = news(&again.gates, found.next, 100).await;
    assert_eq!(found.gates, [waits]);
    assert_eq!(again.show(waits).await.state(), State::Expired);

    let shorter = again.gates.news(&tenant(), found.next + 1, 100).await;
    assert_eq!(shorter.unwrap_err().kind(), ErrorKind::Corrupt);
    let other = Tenant::new("globex").unwrap();
    let none = again.gates.news(&other, 0, 100).await.unwrap();
    assert!(none.gates.is_empty() && none.next == 0);
}
