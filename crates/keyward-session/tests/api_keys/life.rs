//! Made, used, narrowed, rotated, ended.

use std::sync::Arc;

use keyward_base::{AddressPrefix, ErrorKind, Reason, Timestamp};
use keyward_session::api_key::{
    End, KeyPolicy, KeyState, Narrow, NewKey, Ranges, Rotation, Scope, Scopes, checksum_is_right,
};
use keyward_session::reason;
use keyward_store::MemoryStore;

use crate::world::{
    DAY, HOUR, MINUTE, NOW, READ, WRITE, World, address, all, new, operator, scopes, subject,
    tenant,
};

#[tokio::test]
async fn a_key_is_its_tenants_and_does_what_its_scopes_say() {
    let world = World::new().await;
    let ada = world.person("acme", "ada").await;
    let new = NewKey::new("nightly")
        .unwrap()
        .scopes(scopes("servers:read"));
    let issued = world.keys.issue(&ada, &all(), new).await.unwrap();
    let live = world.keys.check(issued.key().expose(), None).await.unwrap();
    assert_eq!(
        (live.tenant(), live.maker()),
        (&tenant("acme"), &subject("ada"))
    );
    assert_eq!((live.name(), live.id()), ("nightly", issued.info().id));
    assert_eq!(
        (live.ends_at(), live.created_at()),
        (Some(NOW.saturating_add(DAY * 90)), NOW)
    );
    live.require(&READ).unwrap();
    let refused = live.require(&WRITE).unwrap_err();
    assert_eq!(refused.reason(), Some(reason::SCOPE));
    let actor = live.actor().unwrap();
    assert_eq!(actor.subject().as_str(), format!("api-key/{}", live.id()));
    assert_eq!(
        world.keys.info(&tenant("acme"), live.id()).await.unwrap(),
        *issued.info()
    );
}

#[tokio::test]
async fn nobody_makes_or_rotates_a_key_that_may_do_more_than_he() {
    let world = World::new().await;
    let everything = all();
    let ada = world.person("acme", "ada").await;
    let role = scopes("servers:read");
    let refused = world
        .keys
        .issue(&ada, &role, new("build"))
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(reason::BEYOND_MAKER));
    let page = world.keys.list(&tenant("acme"), None).await.unwrap();
    assert!(page.keys.is_empty());
    let made = world.key().await;
    let rotated = world
        .keys
        .rotate(&ada, &role, made.info().id, Rotation::new());
    assert_eq!(
        rotated.await.unwrap_err().reason(),
        Some(reason::BEYOND_MAKER)
    );
    // Nor one of another tenant's.
    let eve = world.person("evil", "eve").await;
    let rotated = world
        .keys
        .rotate(&eve, &everything, made.info().id, Rotation::new());
    assert_eq!(rotated.await.unwrap_err().reason(), Some(Reason::NOT_FOUND));
}

#[tokio::test]
async fn a_prefix_of_the_applications_own_is_no_other() {
    let world = World::with(Arc::new(MemoryStore::new(1_000)), |b| {
        b.prefix("acme_live_")
    })
    .await;
    let live = world.key().await;
    let text = live.key().expose();
    assert!(text.starts_with("acme_live_") && text.len() == 10 + 87 + 6);
    assert!(checksum_is_right(text));
    assert!(!checksum_is_right(&text[1..]) && !checksum_is_right(&text[..text.len() - 1]));
    assert_eq!(
        world.keys.pattern(),
        "acme_live_[A-Za-z0-9_-]{87}[0-9A-Za-z]{6}"
    );
    // The same store and ring under another prefix: neither the text, nor its rows.
    let other = keyward_session::ApiKeys::builder(world.ring.clone(), world.data.clone());
    let other = other.prefix("acme_test_").build().await.unwrap();
    let refused = other.check(text, None).await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::MALFORMED));
    assert!(
        other
            .list(&tenant("acme"), None)
            .await
            .unwrap()
            .keys
            .is_empty()
    );
    let refused = other
        .revoke(&tenant("acme"), live.info().id)
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::NOT_FOUND));
    world.keys.check(text, None).await.unwrap();
    for prefix in ["kwx_", "Acme_", "acme", "a_", ""] {
        let wrong = keyward_session::ApiKeys::builder(world.ring.clone(), world.data.clone());
        let wrong = wrong.prefix(prefix).build().await.unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::Misuse, "{prefix}");
    }
}

#[tokio::test]
async fn a_key_is_used_from_its_ranges_alone() {
    let world = World::new().await;
    let ranges = Ranges::parse("192.0.2.0/24, 2001:db8::/48").unwrap();
    let issued = world.issue(new("build").ranges(ranges)).await;
    let text = issued.key().expose();
    for (from, fits) in [
        (address("192.0.2.7"), true),
        (address("::ffff:192.0.2.7"), true),
        (address("2001:db8:0:1::1"), true),
        (address("192.0.3.7"), false),
        (address("2001:db8:1::1"), false),
        (None, false),
    ] {
        let _before = world.audit.take();
        let checked = world.keys.check(text, from).await;
        let told = world.audit.take();
        match checked {
            Ok(_) => assert!(fits && told.is_empty()),
            Err(e) => {
                assert!(!fits, "{from:?}");
                assert_eq!(e.reason(), Some(reason::ADDRESS));
                assert_eq!(told[0].action, "api-key.refused");
                // Not again for the same neighbourhood, in this hour.
                world.keys.check(text, from).await.unwrap_err();
                assert_eq!(world.audit.take(), []);
            }
        }
    }
    world.pass(HOUR).await;
    let _before = world.audit.take();
    world.keys.check(text, None).await.unwrap_err();
    assert_eq!(world.audit.take().len(), 1);
}

#[tokio::test]
async fn what_ended_with_its_tenant_is_removed_and_nothing_else() {
    let policy = KeyPolicy::default().allow_endless();
    let data = Arc::new(MemoryStore::new(1_000));
    let world = World::with(data, |builder| builder.policy(policy)).await;
    let of = tenant("acme");
    let dead = world.issue(new("build").endless()).await;
    let bob = world.person("globex", "bob").await;
    let theirs = world
        .keys
        .issue(&bob, &all(), new("build").endless())
        .await
        .unwrap();
    assert_eq!(world.keys.purge_ended(&of).await.unwrap(), 0);
    world.keys.end(&End::tenant(of.clone())).await.unwrap();
    world.tick();
    let lives = world.issue(new("build").endless()).await;
    assert_eq!(world.keys.purge_ended(&tenant("globex")).await.unwrap(), 0);
    assert_eq!(world.keys.purge_ended(&of).await.unwrap(), 1);
    let listed = world.keys.list(&of, None).await.unwrap().keys;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, lives.info().id);
    for key in [&theirs, &lives] {
        world.keys.check(key.key().expose(), None).await.unwrap();
    }
    let refused = world.refusal(dead.key().expose()).await;
    assert_eq!(refused, Some(reason::KEY_ENDED));
}

#[tokio::test]
async fn a_key_becomes_less_and_never_more() {
    let world = World::new().await;
    let (of, other) = (tenant("acme"), tenant("other"));
    let ranges = |text| Ranges::parse(text).unwrap();
    let issued = world
        .issue(new("build").ranges(ranges("192.0.2.0/24 2001:db8::/32")))
        .await;
    let (id, text) = (issued.info().id, issued.key().expose());
    let ends = issued.info().expires.unwrap();
    let later = Timestamp::from_millis(ends.as_millis() + 1);
    let more = scopes("servers:read servers:write users:write");
    for wider in [
        Narrow::new().scopes(more),
        Narrow::new().ranges(Ranges::anywhere()),
        Narrow::new().ranges(ranges("192.0.2.0/23")),
        Narrow::new().ranges(ranges("192.0.2.0/25 198.51.100.0/24")),
        Narrow::new().ranges(ranges("0.0.0.0/0")),
        Narrow::new().expires(later),
        // One of several.
        Narrow::new().scopes(scopes("servers:read")).expires(later),
    ] {
        let refused = world.keys.narrow(&of, id, &wider).await.unwrap_err();
        assert_eq!(refused.reason(), Some(reason::WIDER), "{wider:?}");
        assert_eq!(world.keys.info(&of, id).await.unwrap(), *issued.info());
    }
    let refused = world
        .keys
        .narrow(&other, id, &Narrow::new())
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::NOT_FOUND));
    let to = Narrow::new()
        .scopes(scopes("servers:read"))
        .ranges(ranges("192.0.2.128/25"))
        .expires(NOW.saturating_add(HOUR));
    let info = world.keys.narrow(&of, id, &to).await.unwrap();
    assert_eq!(info, world.keys.info(&of, id).await.unwrap());
    let live = world
        .keys
        .check(text, address("192.0.2.200"))
        .await
        .unwrap();
    assert_eq!(live.scopes(), &scopes("servers:read"));
    let refused = world
        .keys
        .check(text, address("192.0.2.1"))
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(reason::ADDRESS));
    // What was taken does not come back.
    let back = world
        .keys
        .narrow(&of, id, &Narrow::new().scopes(all()))
        .await;
    assert_eq!(back.unwrap_err().reason(), Some(reason::WIDER));
    world.pass(HOUR).await;
    let refused = world
        .keys
        .check(text, address("192.0.2.200"))
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::EXPIRED));
}

/// An end that is before a key was made ends it at once, whatever that time stands for elsewhere.
#[tokio::test]
async fn an_end_in_the_past_is_one() {
    let world = World::new().await;
    let of = tenant("acme");
    for at in [0, 1, NOW.as_millis() - 1, NOW.as_millis()] {
        let issued = world.key().await;
        let id = issued.info().id;
        let to = Narrow::new().expires(Timestamp::from_millis(at));
        let info = world.keys.narrow(&of, id, &to).await.unwrap();
        assert_eq!((info.expires, info.state), (Some(NOW), KeyState::Expired));
        assert_eq!(world.keys.info(&of, id).await.unwrap(), info);
        let refused = world.refusal(issued.key().expose()).await;
        assert_eq!(refused, Some(Reason::EXPIRED), "{at}");
    }
    // It is shown as expired, whatever else ended it.
    world.keys.end(&End::tenant(of.clone())).await.unwrap();
    let page = world.keys.list(&of, None).await.unwrap();
    assert_eq!((page.keys.len(), page.damaged), (4, 0));
    assert!(page.keys.iter().all(|key| key.state == KeyState::Expired));
}

/// A ring that was installed for keys of 30 days lets them live a day longer, and no moment more.
#[tokio::test]
async fn a_policy_is_no_longer_than_its_ring() {
    let policy = |days: u32, more: u64| {
        let longest = DAY * days + std::time::Duration::from_secs(more);
        KeyPolicy::default().life(DAY, longest).unwrap()
    };
    let data = Arc::new(MemoryStore::new(1_000));
    let world = World::with(data, |builder| builder.policy(policy(30, 0))).await;
    let build = async |policy| {
        let builder = keyward_session::ApiKeys::builder(world.ring.clone(), world.data.clone());
        builder.policy(policy).build().await.map_err(|e| e.kind())
    };
    assert!(build(policy(31, 0)).await.is_ok());
    assert_eq!(build(policy(31, 1)).await.unwrap_err(), ErrorKind::Misuse);
    let endless = policy(30, 0).allow_endless();
    assert_eq!(build(endless).await.unwrap_err(), ErrorKind::Misuse);
}

#[tokio::test]
async fn both_keys_work_until_the_end_of_the_overlap_exactly() {
    let world = World::new().await;
    let of = tenant("acme");
    let old = world.issue(new("build").expires_in(DAY * 30)).await;
    world.pass(HOUR).await;
    let ada = world.person("acme", "ada").await;
    let rotation = Rotation::new().overlap(DAY).unwrap();
    let rotated = world
        .keys
        .rotate(&ada, &all(), old.info().id, rotation)
        .await
        .unwrap();
    let (id, successor) = (old.info().id, rotated.info().id);
    assert_ne!(id, successor);
    assert_eq!(rotated.info().predecessor, Some(id));
    assert_eq!(rotated.info().scopes, old.info().scopes);
    // As long as the old one was made to live.
    assert_eq!(
        rotated.info().expires,
        Some(NOW.saturating_add(HOUR + DAY * 30))
    );
    let info = world.keys.info(&of, id).await.unwrap();
    let ends = NOW.saturating_add(HOUR + DAY);
    assert_eq!(
        (info.successor, info.overlap_ends),
        (Some(successor), Some(ends))
    );
    let live = world.keys.check(old.key().expose(), None).await.unwrap();
    assert_eq!(
        (live.successor(), live.ends_at()),
        (Some(successor), Some(ends))
    );
    world
        .keys
        .check(rotated.key().expose(), None)
        .await
        .unwrap();
    world.pass(DAY - std::time::Duration::from_millis(1)).await;
    world.keys.check(old.key().expose(), None).await.unwrap();
    world.tick();
    assert_eq!(
        world.refusal(old.key().expose()).await,
        Some(Reason::EXPIRED)
    );
    world
        .keys
        .check(rotated.key().expose(), None)
        .await
        .unwrap();
    // No overlap: at once.
    let ada = world.person("acme", "ada").await;
    let rotation = Rotation::new().overlap(std::time::Duration::ZERO).unwrap();
    let last = world
        .keys
        .rotate(&ada, &all(), successor, rotation)
        .await
        .unwrap();
    assert_eq!(
        world.refusal(rotated.key().expose()).await,
        Some(Reason::EXPIRED)
    );
    world.keys.check(last.key().expose(), None).await.unwrap();
    let too_long = Rotation::new().overlap(DAY * 31).unwrap_err();
    assert_eq!(too_long.reason(), Some(Reason::TOO_LONG));
}

#[tokio::test]
async fn a_rotation_does_not_make_a_key_live_longer() {
    let world = World::new().await;
    let old = world.issue(new("build").expires_in(HOUR)).await;
    let ada = world.person("acme", "ada").await;
    let _new = world
        .keys
        .rotate(&ada, &all(), old.info().id, Rotation::new())
        .await
        .unwrap();
    world.pass(HOUR).await;
    assert_eq!(
        world.refusal(old.key().expose()).await,
        Some(Reason::EXPIRED)
    );
    let ada = world.person("acme", "ada").await;
    let late = world
        .keys
        .rotate(&ada, &all(), old.info().id, Rotation::new())
        .await;
    assert_eq!(late.unwrap_err().reason(), Some(Reason::EXPIRED));
}

#[tokio::test]
async fn of_a_rotation_whose_answer_was_lost_one_successor_stays() {
    let world = World::new().await;
    let of = tenant("acme");
    let old = world.key().await;
    let (id, ada) = (old.info().id, world.person("acme", "ada").await);
    let lost = world
        .keys
        .rotate(&ada, &all(), id, Rotation::new())
        .await
        .unwrap();
    let again = world.keys.rotate(&ada, &all(), id, Rotation::new()).await;
    assert_eq!(again.unwrap_err().reason(), Some(reason::ROTATED));
    let shown = world.keys.info(&of, id).await.unwrap().successor;
    assert_eq!(shown, Some(lost.info().id));
    // Another than it has is not replaced.
    let wrong = Rotation::new().replacing(id);
    let refused = world
        .keys
        .rotate(&ada, &all(), id, wrong)
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(reason::ROTATED));
    world.pass(MINUTE).await;
    let replaces = Rotation::new().replacing(lost.info().id);
    let new = world.keys.rotate(&ada, &all(), id, replaces).await.unwrap();
    assert_eq!(
        world.refusal(lost.key().expose()).await,
        Some(reason::KEY_ENDED)
    );
    world.keys.check(new.key().expose(), None).await.unwrap();
    // The first overlap's end stays.
    let info = world.keys.info(&of, id).await.unwrap();
    assert_eq!(info.overlap_ends, Some(NOW.saturating_add(DAY)));
    assert_eq!(info.successor, Some(new.info().id));
    assert_eq!(world.keys.list(&of, None).await.unwrap().keys.len(), 2);
    // One that was revoked is no successor any more.
    world.keys.revoke(&of, new.info().id).await.unwrap();
    let third = world
        .keys
        .rotate(&ada, &all(), id, Rotation::new())
        .await
        .unwrap();
    world.keys.check(third.key().expose(), None).await.unwrap();
    // Of a key without one there is none to replace.
    let fresh = world.key().await;
    let wrong = Rotation::new().replacing(id);
    let refused = world
        .keys
        .rotate(&ada, &all(), fresh.info().id, wrong)
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::NOT_FOUND));
}

#[tokio::test]
async fn a_revoked_key_is_gone_and_nobody_elses_is() {
    let world = World::new().await;
    let (one, two) = (world.key().await, world.key().await);
    let refused = world
        .keys
        .revoke(&tenant("other"), one.info().id)
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::NOT_FOUND));
    world.keys.check(one.key().expose(), None).await.unwrap();
    world
        .keys
        .revoke(&tenant("acme"), one.info().id)
        .await
        .unwrap();
    assert_eq!(
        world.refusal(one.key().expose()).await,
        Some(reason::KEY_ENDED)
    );
    let again = world
        .keys
        .revoke(&tenant("acme"), one.info().id)
        .await
        .unwrap_err();
    assert_eq!(again.reason(), Some(Reason::NOT_FOUND));
    world.keys.check(two.key().expose(), None).await.unwrap();
}

#[tokio::test]
async fn keys_fall_with_their_tenant_and_with_all_by_one_write() {
    let world = World::new().await;
    let acme = world.key().await;
    let bob = world.person("other", "bob").await;
    let other = world.keys.issue(&bob, &all(), new("build")).await.unwrap();
    let late = world.person("acme", "ada").await;
    world.tick();
    world.keys.end(&End::tenant(tenant("acme"))).await.unwrap();
    assert_eq!(
        world.refusal(acme.key().expose()).await,
        Some(reason::KEY_ENDED)
    );
    world.keys.check(other.key().expose(), None).await.unwrap();
    let shown = world
        .keys
        .info(&tenant("acme"), acme.info().id)
        .await
        .unwrap();
    assert_eq!(shown.state, KeyState::Ended);
    // Whoever was under way when the tenant was deleted makes none; who shows who he is does.
    let refused = world
        .keys
        .issue(&late, &all(), new("build"))
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(reason::EVIDENCE_OLD));
    world.tick();
    let next = world.key().await;
    world.keys.check(next.key().expose(), None).await.unwrap();
    world.tick();
    let newer = world.key().await;
    // Those that were made before a time.
    let before = newer.info().created;
    world
        .keys
        .end(&End::tenant(tenant("acme")).before(before))
        .await
        .unwrap();
    assert_eq!(
        world.refusal(next.key().expose()).await,
        Some(reason::KEY_ENDED)
    );
    world.keys.check(newer.key().expose(), None).await.unwrap();
    let ahead = End::everything().before(NOW.saturating_add(DAY));
    assert_eq!(
        world.keys.end(&ahead).await.unwrap_err().kind(),
        ErrorKind::Misuse
    );
    world.keys.end(&End::everything()).await.unwrap();
    for key in [&newer, &other] {
        assert_eq!(
            world.refusal(key.key().expose()).await,
            Some(reason::KEY_ENDED)
        );
    }
}

#[tokio::test]
async fn a_life_is_the_policys_and_none_is_endless_unless_it_says_so() {
    let world = World::new().await;
    let ada = world.person("acme", "ada").await;
    for life in [DAY * 367, std::time::Duration::from_secs(59)] {
        let wrong = new("build").expires_in(life);
        let wrong = world.keys.issue(&ada, &all(), wrong).await.unwrap_err();
        assert_eq!(wrong.kind(), ErrorKind::Misuse);
    }
    let wrong = world.keys.issue(&ada, &all(), new("build").endless()).await;
    assert_eq!(wrong.unwrap_err().kind(), ErrorKind::Misuse);
    let policy = || KeyPolicy::default().allow_endless();
    let longer = keyward_session::ApiKeys::builder(world.ring.clone(), world.data.clone());
    let refused = longer.policy(policy()).build().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    let data = Arc::new(MemoryStore::new(1_000));
    let world = World::with(data, |builder| builder.policy(policy())).await;
    let endless = world.issue(new("build").endless()).await;
    assert_eq!(endless.info().expires, None);
    world.pass(DAY * 3_650).await;
    world
        .keys
        .check(endless.key().expose(), None)
        .await
        .unwrap();
    let ada = world.person("acme", "ada").await;
    let id = endless.info().id;
    let next = world
        .keys
        .rotate(&ada, &all(), id, Rotation::new())
        .await
        .unwrap();
    assert_eq!(next.info().expires, None);
}

#[tokio::test]
async fn a_tenant_has_no_more_keys_than_the_policy_says() {
    let policy = KeyPolicy::default().most(3).unwrap();
    let data = Arc::new(MemoryStore::new(1_000));
    let world = World::with(data, |builder| builder.policy(policy)).await;
    for _ in 0..3 {
        let _key = world.issue(new("build").expires_in(HOUR)).await;
    }
    let ada = world.person("acme", "ada").await;
    let refused = world
        .keys
        .issue(&ada, &all(), new("build"))
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(reason::TOO_MANY));
    // Rotations go on, and have an end too.
    let id = world.keys.list(&tenant("acme"), None).await.unwrap().keys[0].id;
    let mut last = id;
    for _ in 0..3 {
        let next = world
            .keys
            .rotate(&ada, &all(), last, Rotation::new())
            .await
            .unwrap();
        last = next.info().id;
    }
    let refused = world
        .keys
        .rotate(&ada, &all(), last, Rotation::new())
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(reason::TOO_MANY));
    // Another tenant has its own.
    let bob = world.person("other", "bob").await;
    let _key = world.keys.issue(&bob, &all(), new("build")).await.unwrap();
    // Those whose time is over do not count.
    world.pass(DAY).await;
    let _key = world.key().await;
}

/// After its keys were ended, a tenant has room for as many: none of those that live goes for it.
#[tokio::test]
async fn what_was_ended_makes_room() {
    let policy = KeyPolicy::default().allow_endless().most(2).unwrap();
    let data = Arc::new(MemoryStore::new(1_000));
    let world = World::with(data, |builder| builder.policy(policy)).await;
    let bob = world.person("globex", "bob").await;
    let theirs = world.keys.issue(&bob, &all(), new("build")).await.unwrap();
    for round in 0..3 {
        let mut made = Vec::new();
        for _ in 0..2 {
            made.push(world.issue(new("build").endless()).await);
        }
        let ada = world.person("acme", "ada").await;
        let refused = world.keys.issue(&ada, &all(), new("build")).await;
        assert_eq!(
            refused.unwrap_err().reason(),
            Some(reason::TOO_MANY),
            "{round}"
        );
        for key in &made {
            world.keys.check(key.key().expose(), None).await.unwrap();
        }
        world.tick();
        world.keys.end(&End::tenant(tenant("acme"))).await.unwrap();
        world.tick();
    }
    world.keys.check(theirs.key().expose(), None).await.unwrap();
}

#[tokio::test]
async fn an_operators_key_says_so_and_is_on_record_before_it_is_made() {
    let world = World::new().await;
    let by = operator("acme");
    let _before = world.audit.take();
    let made = world
        .keys
        .issue_as_operator(&by, new("cron"))
        .await
        .unwrap();
    assert!(made.info().by_operator);
    let told: Vec<_> = world
        .audit
        .take()
        .iter()
        .map(|event| event.action)
        .collect();
    assert_eq!(told, ["api-key.operator-issue"; 2]);
    let next = world
        .keys
        .rotate_as_operator(&by, made.info().id, Rotation::new())
        .await
        .unwrap();
    assert!(next.info().by_operator);
    world.audit.set_failing(true);
    let refused = world
        .keys
        .issue_as_operator(&by, new("cron"))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    world.audit.set_failing(false);
    assert_eq!(
        world
            .keys
            .list(&tenant("acme"), None)
            .await
            .unwrap()
            .keys
            .len(),
        2
    );
}

#[tokio::test]
async fn words_and_ranges_are_read_strictly() {
    for word in [
        "",
        "A",
        "1a",
        "a b",
        "a\"",
        "a\\",
        "\u{e9}",
        "a*",
        &"a".repeat(65),
    ] {
        assert!(Scope::new(word).is_err(), "{word}");
    }
    for word in [
        "a",
        "a:b",
        "deployments:write",
        "v1/x.y_z-0",
        &"a".repeat(64),
    ] {
        assert_eq!(Scope::new(word).unwrap().as_str(), word);
    }
    assert_eq!(scopes(" b a  b ").to_string(), "a b");
    let many = |count: usize| (0..count).map(|n| Scope::new(&format!("s{n}")).unwrap());
    assert_eq!(Scopes::new(many(64)).unwrap().words().count(), 64);
    assert!(Scopes::new(many(65)).is_err());
    assert!(Scopes::none().is_within(&Scopes::none()) && Scopes::none().is_empty());
    let prefix = AddressPrefix::parse("192.0.2.0/24").unwrap();
    let one = Ranges::new([prefix, prefix]).unwrap();
    assert_eq!(
        (one.iter().len(), one.to_string()),
        (1, "192.0.2.0/24".to_owned())
    );
    assert!(Ranges::parse("192.0.2.7/24").is_err() && Ranges::parse("x").is_err());
    let many = |count: u8| {
        (0..count)
            .map(|n| format!("10.0.{n}.0/24 "))
            .collect::<String>()
    };
    assert!(Ranges::parse(&many(32)).is_ok() && Ranges::parse(&many(33)).is_err());
    for name in ["", "  ", "a\nb", "\u{202e}a", &"a".repeat(65)] {
        assert!(NewKey::new(name).is_err(), "{name:?}");
    }
}

#[tokio::test]
async fn another_process_finds_what_one_made_and_loses_what_it_ended() {
    let world = World::new().await;
    let other = world.other(world.data.clone()).await;
    let key = world.key().await;
    let live = other.check(key.key().expose(), None).await.unwrap();
    other.revoke(live.tenant(), live.id()).await.unwrap();
    let refused = world.refusal(key.key().expose()).await;
    assert_eq!(refused, Some(reason::KEY_ENDED));
}
