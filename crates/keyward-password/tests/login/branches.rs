//! Whoever is refused costs the same and is told the same.

use keyward_base::audit::Outcome;
use keyward_base::{ErrorKind, Evidence as _, Reason};
use keyward_password::{Credential, Ledger, LogIn, Status, Tried, Upgrade, reason};
use keyward_store::{Record, Records as _};
use proptest::prelude::*;

use crate::world::{
    ANN, NOW, RIGHT, World, account, address, attempt, from, inside, quick, row_of, tried,
};

/// "correct horse", by PBKDF2 of a thousand rounds (Python's hashlib).
const WEAK: &str =
    "$pbkdf2-sha256$1000$c29tZSBzYWx0IG9mIDE2IQ$ZyTPlL64LFBwkYpwJRUE4HbqPAER5Jry8/pNiE38LkY";
/// A hash of 4 TiB.
const ABOVE: &str =
    "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";

/// Who is refused, and why, for the operator.
const REFUSED: [(&str, Reason); 16] = [
    ("ann", reason::WRONG_PASSWORD),
    ("above", reason::CEILING),
    ("ambiguous", reason::AMBIGUOUS),
    ("changing", reason::CHANGING),
    ("cut", Reason::DAMAGED),
    ("disabled", reason::DISABLED),
    ("elsewhere", Reason::NOT_AUTHENTIC),
    ("flipped", Reason::DAMAGED),
    ("lost", reason::NO_PASSWORD),
    ("newer", reason::NEWER),
    ("newer-entry", reason::NEWER),
    ("altered-entry", Reason::NOT_AUTHENTIC),
    ("plain", reason::PLAIN_TEXT),
    ("unknown", reason::NO_ACCOUNT),
    ("unset", reason::NO_PASSWORD),
    ("unsupported", reason::UNKNOWN_SCHEME),
];

/// A row that another service's keyring sealed.
async fn of_elsewhere() -> Record {
    let other = World::new().await;
    other.put_stored("elsewhere", WEAK).await;
    let row = other.data.fetch(&row_of("elsewhere")).await.unwrap();
    row.unwrap()
}

async fn peopled() -> World {
    let world = World::new().await;
    let good = world.hashed(RIGHT).await;
    let of = |text: &str| Credential::new(text, NOW).unwrap();
    world.put("ann", of(&good)).await;
    world.put("above", of(ABOVE)).await;
    world
        .put("ambiguous", of("d41d8cd98f00b204e9800998ecf8427e"))
        .await;
    world
        .put("changing", of(&good).status(Status::Changing))
        .await;
    world
        .put("disabled", of(&good).status(Status::Disabled))
        .await;
    world.put("plain", of("{noop}correct horse")).await;
    world.put("unset", Credential::without_password(NOW)).await;
    world
        .put("unsupported", of("$x$some hash that is long"))
        .await;
    world.enter("lost").await;
    for name in [
        "cut",
        "elsewhere",
        "flipped",
        "newer",
        "newer-entry",
        "altered-entry",
    ] {
        world.put(name, of(&good)).await;
    }
    let foreign = of_elsewhere().await;
    world
        .alter(&row_of("cut"), |row| row.data.truncate(9))
        .await;
    world
        .alter(&row_of("elsewhere"), |row| {
            row.sealed = foreign.content.sealed
        })
        .await;
    world
        .alter(&row_of("flipped"), |row| {
            let last = row.sealed.pop().unwrap();
            row.sealed.push(if last == 'A' { 'Q' } else { 'A' });
        })
        .await;
    world.alter(&row_of("newer"), |row| row.data[4] = 9).await;
    let entry = world.entry("newer-entry").await;
    world.alter(&entry, |row| row.data[4] = 9).await;
    let entry = world.entry("altered-entry").await;
    world
        .alter(&entry, |row| *row.data.last_mut().unwrap() ^= 1)
        .await;
    world
}

/// What a refusal took: hashes with their parameters, seals, and calls of each store by kind.
#[derive(Clone, Debug, PartialEq)]
struct Cost {
    hashes: Vec<String>,
    seals: (u64, u64),
    data: Vec<&'static str>,
    keys: Vec<&'static str>,
    tries: Vec<&'static str>,
    events: usize,
}

fn hashes(before: &Ledger, after: &Ledger) -> Vec<String> {
    let count = |of: &Ledger, what: &str| {
        let same = |(scheme, cost, _): &&(_, _, u64)| format!("{scheme:?} {cost:?}") == what;
        of.hashes
            .iter()
            .find(same)
            .map_or(0, |(_, _, count)| *count)
    };
    let mut out = Vec::new();
    for (scheme, cost, _) in &after.hashes {
        let what = format!("{scheme:?} {cost:?}");
        let more = count(after, &what) - count(before, &what);
        if more > 0 {
            out.push(format!("{more} of {what}"));
        }
    }
    out
}

async fn cost(
    world: &World,
    log_in: &LogIn,
    identifier: &str,
    password: &[u8],
    host: u8,
) -> (Cost, Option<Reason>) {
    let before = world.passwords.ledger();
    let stores = [&world.data, &world.keys, &world.tries];
    drop(stores.map(|store| store.take()));
    drop(world.audit.take());
    let tried = attempt(log_in, identifier, password, from(host), None).await;
    assert!(matches!(tried.unwrap(), Tried::Refused), "{identifier}");
    let after = world.passwords.ledger();
    let [data, keys, tries] = stores.map(|store| store.take());
    let events = world.audit.take();
    let why = match events[0].outcome {
        Outcome::Failed(ErrorKind::Rejected, why) => why,
        _ => None,
    };
    let cost = Cost {
        hashes: hashes(&before, &after),
        seals: (
            after.seals_opened - before.seals_opened,
            after.seals_made - before.seals_made,
        ),
        data,
        keys,
        tries,
        events: events.len(),
    };
    (cost, why)
}

fn any_password() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..64),
        proptest::collection::vec(any::<u8>(), 4_090..5_000),
        Just(b"a\0b".to_vec()),
        Just(RIGHT.as_bytes().to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    /// Of any password, the right one of the others included.
    #[test]
    fn every_refusal_costs_the_same(password in any_password()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = peopled().await;
            let log_in = world.log_in().await;
            // What is read once and kept is read.
            cost(&world, &log_in, ANN, b"wrong", 1).await;
            cost(&world, &log_in, &address("elsewhere"), b"wrong", 1).await;
            let (of_wrong, why) = cost(&world, &log_in, ANN, b"wrong", 2).await;
            assert_eq!(why, Some(reason::WRONG_PASSWORD));
            assert_eq!(of_wrong.hashes.len(), 1);
            assert_eq!((of_wrong.seals, of_wrong.events), ((1, 0), 1));
            assert_eq!(of_wrong.tries, ["reserve"]);
            for (at, (name, reason)) in (3..).zip(REFUSED) {
                if name == "ann" && password == RIGHT.as_bytes() {
                    continue;
                }
                let typed = address(name);
                let (cost, why) = cost(&world, &log_in, &typed, &password, at).await;
                assert_eq!(cost, of_wrong, "{name}");
                let is_over_long = password.len() > 4096;
                let over_long = is_over_long && name == "ann";
                let reason = if over_long { Reason::TOO_LONG } else { reason };
                if !is_over_long {
                    assert_eq!(why, Some(reason), "{name}");
                }
            }
            for typed in ["", "no address", "a@b@c.example", &"x".repeat(5_000)] {
                let (cost, why) = cost(&world, &log_in, typed, &password, 99).await;
                assert_eq!((cost, why), (of_wrong.clone(), Some(Reason::MALFORMED)));
            }
        });
    }
}

#[tokio::test]
async fn who_logs_in_is_of_his_organisation() {
    let world = peopled().await;
    let log_in = world.log_in().await;
    drop(world.audit.take());
    let logged_in = inside(tried(&log_in, " Ann@Example.COM ", RIGHT).await);
    assert_eq!(logged_in.tenant().as_str(), "acme");
    assert_eq!(logged_in.subject().as_str(), "ann");
    assert_eq!(logged_in.account(), &account("ann"));
    assert_eq!((logged_in.at(), logged_in.is_factor_due()), (NOW, false));
    assert!(logged_in.is_new_device());
    let event = world.audit.last().unwrap();
    assert_eq!((event.action, event.outcome), ("login.ok", Outcome::Done));
    assert_eq!(event.tenant.unwrap().as_str(), "acme");
    assert_eq!(event.record.unwrap().as_str(), "ann");
    // A refusal names nobody.
    let refused = tried(&log_in, ANN, "wrong").await;
    assert!(matches!(refused, Tried::Refused));
    let event = world.audit.last().unwrap();
    assert_eq!(event.tenant.unwrap().as_str(), "people");
    assert!(event.record.is_none() && !format!("{:?}", event.detail).contains("ann"));
}

#[tokio::test]
async fn a_factor_is_due_where_the_row_says_so() {
    let world = World::new().await;
    let stored = world.hashed(RIGHT).await;
    let credential = Credential::new(&stored, NOW).unwrap().factor_due(true);
    world.put("ann", credential).await;
    let log_in = world.log_in().await;
    assert!(inside(tried(&log_in, ANN, RIGHT).await).is_factor_due());
}

/// A row that was taken over is made anew; a policy that lets it in asks for a floor.
#[tokio::test]
async fn imports_are_upgraded_and_take_a_floor() {
    let world = World::within(quick(), 10_000).await;
    world.put_stored("ann", WEAK).await;
    let throttle = world.throttle().await;
    let refused = world.builder(&throttle).build().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    let floor = crate::floor::floor();
    let log_in = world.builder(&throttle).floor(floor).build().await.unwrap();
    // A hash of the policy's is spent after it.
    let before = world.passwords.ledger();
    assert!(matches!(tried(&log_in, ANN, "wrong").await, Tried::Refused));
    let done = hashes(&before, &world.passwords.ledger());
    assert_eq!(done.len(), 2, "{done:?}");
    let logged_in = inside(tried(&log_in, ANN, "correct horse").await);
    assert!(matches!(logged_in.upgrade(), Upgrade::Done(_)));
    // Where rows are of the service's own making alone, it is above the ceiling.
    let strict = World::new().await;
    strict.put_stored("ann", WEAK).await;
    let log_in = strict.log_in().await;
    let refused = tried(&log_in, ANN, "correct horse").await;
    assert!(matches!(refused, Tried::Refused));
    let outcome = strict.audit.last().unwrap().outcome;
    assert_eq!(
        outcome,
        Outcome::Failed(ErrorKind::Rejected, Some(reason::CEILING))
    );
}
