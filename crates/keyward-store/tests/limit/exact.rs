//! Up to 1,024 in a span: exactly.

use std::time::Duration;

use keyward_base::{AddressPrefix, ErrorKind, Retry, Tenant, Timestamp};
use keyward_store::conformance::block_on;
use keyward_store::limit::{Limit, Limiter, Whom};
use keyward_store::reason;

use crate::world::{MINUTE, NOW, World, app, asked, limit, limiter, v4};

#[test]
fn as_many_as_it_says_and_one_more_when_the_first_is_over() {
    let ten = limit("sign-up", 10, MINUTE);
    let world = World::new(&[&ten]);
    for n in 0..10_u32 {
        let admitted = world.ask(&[(&ten, v4(7))]).unwrap();
        let standing = &admitted.standing()[0];
        assert_eq!((standing.used, standing.left), (n + 1, 9 - n));
        let first = Duration::from_secs(60 - u64::from(n));
        assert_eq!(standing.frees_in, Some(first));
        assert_eq!(standing.limit, ten);
        admitted.keep();
        world.later(1_000);
    }
    for _ in 0..50 {
        let refused = world.ask(&[(&ten, v4(7))]).unwrap_err();
        assert_eq!(refused.limit(), &ten);
        assert_eq!(refused.retry_at(), NOW.saturating_add(MINUTE));
        assert_eq!(refused.wait(), Duration::from_secs(50));
        let error = refused.error();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert_eq!(error.reason(), Some(reason::LIMITED));
        assert_eq!(error.retry_when(), Some(Retry::After(refused.wait())));
    }
    // Nobody else is.
    assert!(world.ask(&[(&ten, v4(8))]).is_ok());
    world.later(49_999);
    assert!(world.ask(&[(&ten, v4(7))]).is_err());
    world.later(1);
    assert!(world.ask(&[(&ten, v4(7))]).is_ok());
    assert!(world.ask(&[(&ten, v4(7))]).is_err());
}

/// Of two processes, each knows what the other counted.
#[test]
fn two_limiters_on_one_table_are_one() {
    let ten = limit("sign-up", 10, MINUTE);
    let world = World::new(&[&ten]);
    let other = limiter(&world.store, &world.clock, 1, &[&ten]);
    let through = (0..40).filter(|n| {
        let limiter = if n % 3 == 0 { &world.limiter } else { &other };
        asked(limiter, &[(&ten, v4(7))]).is_ok()
    });
    assert_eq!(through.count(), 10);
}

#[test]
fn all_limits_of_a_request_are_asked_in_one_step() {
    let [key, tenant] = [limit("key", 5, MINUTE), limit("tenant", 8, MINUTE)];
    let world = World::new(&[&key, &tenant]);
    let acme = Whom::tenant(&Tenant::new("acme").unwrap());
    let of = |id: u8| [(&key, Whom::key(&[id; 16])), (&tenant, acme.clone())];
    for n in 0..5 {
        let admitted = world.ask(&of(1)).unwrap();
        let left: Vec<_> = admitted.standing().iter().map(|of| of.left).collect();
        assert_eq!(left, [4 - n, 7 - n]);
    }
    assert_eq!(world.store.take(), ["reserve"; 5]);
    // What the key's limit refuses is not counted of the tenant's.
    assert_eq!(world.ask(&of(1)).unwrap_err().limit(), &key);
    for _ in 0..3 {
        world.ask(&of(2)).unwrap().keep();
    }
    assert_eq!(world.ask(&of(2)).unwrap_err().limit(), &tenant);
    assert_eq!(world.ask(&of(1)).unwrap_err().limit(), &key);
    let looked = block_on(world.limiter.look(&of(2))).unwrap();
    assert_eq!((looked[0].used, looked[1].used), (3, 8));
    // Another tenant's key is another.
    let globex = Whom::tenant(&Tenant::new("globex").unwrap());
    let other = [(&key, Whom::key(&[3; 16])), (&tenant, globex)];
    assert!(world.ask(&other).is_ok());
}

#[test]
fn what_does_not_count_is_given_back() {
    let three = limit("api", 3, MINUTE);
    let world = World::new(&[&three]);
    let whom = app("document 7");
    for _ in 0..20 {
        block_on(world.ask(&[(&three, whom.clone())]).unwrap().give_back());
    }
    let held = world.ask(&[(&three, whom.clone())]).unwrap();
    assert_eq!(world.through(&three, &whom), 2);
    block_on(held.give_back());
    // At once, though a moment ago it was known to be over.
    assert_eq!(world.through(&three, &whom), 1);
    // Dropped, it stays counted.
    assert_eq!(world.through(&three, &whom), 0);
}

#[test]
fn who_looks_counts_nothing() {
    let three = limit("api", 3, MINUTE);
    let world = World::new(&[&three]);
    let of = [(&three, app("mine"))];
    for _ in 0..100 {
        let looked = block_on(world.limiter.look(&of)).unwrap();
        let standing = &looked[0];
        assert_eq!((standing.used, standing.left), (0, 3));
        assert_eq!(standing.frees_in, None);
    }
    world.ask(&of).unwrap().keep();
    world.later(10_000);
    let looked = block_on(world.limiter.look(&of)).unwrap();
    assert_eq!((looked[0].used, looked[0].left), (1, 2));
    assert_eq!(looked[0].frees_in, Some(Duration::from_secs(50)));
    assert_eq!(world.through(&three, &app("mine")), 2);
}

#[test]
fn no_two_kinds_of_whom_are_the_same() {
    let one = limit("api", 1, MINUTE);
    let world = World::new(&[&one]);
    let [ab, a] = ["ab", "a"].map(|name| Tenant::new(name).unwrap());
    let address = |text: &str| Whom::address(AddressPrefix::of(text.parse().unwrap()));
    let all = [
        Whom::everybody(),
        Whom::key(&[0; 16]),
        Whom::tenant(&ab),
        Whom::tenant(&a),
        Whom::user(&ab, "c").unwrap(),
        Whom::user(&a, "bc").unwrap(),
        app("ab"),
        address("192.0.2.7"),
        address("2001:db8::1"),
        address("2001:db8:0:1::1"),
    ];
    for whom in &all {
        assert!(world.ask(&[(&one, whom.clone())]).is_ok(), "{whom:?}");
    }
    for whom in [address("::ffff:192.0.2.7"), address("2001:db8::ffff")] {
        assert!(world.ask(&[(&one, whom)]).is_err());
    }
}

/// It is counted under each key, so that a rotation lets none more through.
#[test]
fn a_rotation_of_the_names_lets_none_more_through() {
    let ten = limit("api", 10, MINUTE);
    let world = World::within(100_000, 2, &[&ten]);
    let of = [(&ten, v4(7))];
    for _ in 0..6 {
        world.ask(&of).unwrap().keep();
    }
    // One key is gone, another one is there.
    let after = limiter(&world.store, &world.clock, 4, &[&ten]);
    let through = (0..20).filter(|_| asked(&after, &of).is_ok());
    assert_eq!(through.count(), 4);
    let standing = block_on(after.look(&of)).unwrap();
    assert_eq!((standing.len(), standing[0].used), (1, 10));
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (name, most, span) in [
        ("", 1, MINUTE),
        ("Api", 1, MINUTE),
        ("a\"b", 1, MINUTE),
        ("a/b", 1, MINUTE),
        (&"a".repeat(33), 1, MINUTE),
        ("api", 0, MINUTE),
        ("api", 1, Duration::ZERO),
        ("api", 2_049, Duration::from_millis(2)),
        ("api", u32::MAX, Duration::from_millis(1)),
    ] {
        let made = Limit::new(name, most, span);
        assert_eq!(made.unwrap_err().kind(), ErrorKind::Misuse, "{name} {most}");
    }
    let [one, two] = [limit("one", 1, MINUTE), limit("two", 1, MINUTE)];
    let world = World::new(&[&one]);
    let misuse = |limits: &[(&Limit, Whom)]| {
        let asked = block_on(world.limiter.ask(limits));
        assert_eq!(asked.unwrap_err().kind(), ErrorKind::Misuse);
    };
    misuse(&[]);
    misuse(&[(&two, v4(1))]);
    misuse(&[(&limit("one", 2, MINUTE), v4(1))]);
    misuse(&[(&one, v4(1)), (&one, v4(1))]);
    misuse(&std::array::from_fn::<_, 5, _>(|n| {
        (&one, v4(u32::try_from(n).unwrap()))
    }));
    assert!(Whom::of_app(&[]).is_err() && Whom::of_app(&[0; 257]).is_err());
    let clock = world.clock.clone();
    let builder = Limiter::builder(
        world.store.clone(),
        std::sync::Arc::new(keyward_testkit::TestNames(1)),
        clock,
    );
    let built = block_on(builder.limit(&one).limit(&limit("one", 2, MINUTE)).build());
    assert_eq!(built.unwrap_err().kind(), ErrorKind::Misuse);
}

/// Without a store, or a name, nothing is admitted.
#[test]
fn what_cannot_be_read_is_an_error() {
    let one = limit("one", 1, MINUTE);
    let world = World::new(&[&one]);
    world.store.set_down(true);
    let of = [(&one, v4(1))];
    let kind = |e: keyward_base::Error| e.kind();
    let asked = block_on(world.limiter.ask(&of));
    assert_eq!(asked.map(|_| ()).map_err(kind), Err(ErrorKind::Unavailable));
    let looked = block_on(world.limiter.look(&of));
    assert_eq!(
        looked.map(|_| ()).map_err(kind),
        Err(ErrorKind::Unavailable)
    );
    world.store.set_down(false);
    let nameless = limiter(&world.store, &world.clock, 0, &[&one]);
    let asked = block_on(nameless.ask(&of));
    assert_eq!(asked.map(|_| ()).map_err(kind), Err(ErrorKind::Unavailable));
}

/// Of limits of different spans the one is told that is in the way longest, and how long it is.
#[test]
fn the_longest_wait_is_told() {
    let (minute, day) = (limit("minute", 1, MINUTE), limit("day", 1, MINUTE * 1_440));
    let world = World::new(&[&minute, &day]);
    let whom = || app("somebody");
    for both in [[&minute, &day], [&day, &minute]] {
        let asks = both.map(|limit| (limit, whom()));
        drop(world.ask(&asks));
        let refused = world.ask(&asks).unwrap_err();
        assert_eq!(refused.limit(), &day);
        assert_eq!(refused.wait(), MINUTE * 1_440);
        assert_eq!(refused.error().kind(), ErrorKind::Rejected);
    }
    // A clock that went back makes nobody wait longer than that.
    world
        .clock
        .set(Timestamp::from_millis(NOW.as_millis() - 10_000_000));
    let refused = world.ask(&[(&minute, whom()), (&day, whom())]).unwrap_err();
    assert_eq!(refused.wait(), MINUTE * 1_440);
}
