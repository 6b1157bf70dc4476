//! A new file by the votes of the old one, and by nothing else.

use keyward_approval::Trust;
use keyward_approval::reason::{NOT_APPROVER, QUORUM, STATEMENT, UNKNOWN_PASSKEY, VOTED};
use keyward_approval::trust::ChangeVote;
use keyward_base::{ErrorKind, Reason, Tenant};
use keyward_crypto::Provider;

use crate::authenticator::Authenticator;
use crate::world::{POLICY, World, head, named, nonce, subject};

const MAY: &str = "roles = [\"admin\"]\nmay-change = true\n";

pub(crate) fn parse(text: &str) -> Trust {
    Trust::parse(&Provider::default(), text).unwrap()
}

/// With Mallory as a third who may change it.
pub(crate) fn joined(world: &World, version: u64) -> Trust {
    let text = [
        head(version, POLICY),
        named("ada", MAY, &[&world.ada.passkey]),
        named("bob", MAY, &[&world.bob.passkey]),
        named("mallory", MAY, &[&world.mallory.passkey]),
    ];
    parse(&text.concat())
}

pub(crate) fn vote(from: &Trust, to: &Trust, name: &str, of: &Authenticator) -> ChangeVote {
    let (tenant, subject, nonce) = (Tenant::new("acme").unwrap(), subject(name), nonce(name));
    let challenge = from.change_challenge(to, &tenant, &subject, nonce).unwrap();
    ChangeVote {
        tenant,
        subject,
        nonce,
        assertion: of.votes(&challenge),
    }
}

#[test]
fn the_old_quorum_brings_in_a_new_file() {
    let world = World::new();
    let (old, next) = (&world.trust, joined(&world, 4));
    let votes = [
        vote(old, &next, "ada", &world.ada),
        vote(old, &next, "bob", &world.bob),
    ];
    let taken = old.accept(next.clone(), &votes).unwrap();
    assert_eq!(taken.next().digest(), next.digest());
    let refused = |next: &Trust, votes: &[ChangeVote]| -> Reason {
        old.accept(next.clone(), votes)
            .unwrap_err()
            .reason()
            .unwrap()
    };
    // Too few; one twice; one with two keys; none.
    assert_eq!(refused(&next, &votes[..1]), QUORUM);
    assert_eq!(refused(&next, &[]), QUORUM);
    assert_eq!(refused(&next, &[votes[0].clone(), votes[0].clone()]), VOTED);
    let too = vote(old, &next, "ada", &world.ada_too);
    assert_eq!(refused(&next, &[votes[0].clone(), too]), VOTED);
    // Those of the new file, and those of the old one who may not.
    let mallory = vote(old, &next, "mallory", &world.mallory);
    assert_eq!(refused(&next, &[votes[0].clone(), mallory]), NOT_APPROVER);
    let carol = vote(old, &next, "carol", &world.carol);
    assert_eq!(refused(&next, &[votes[0].clone(), carol]), NOT_APPROVER);
    let as_bob = vote(old, &next, "bob", &world.mallory);
    assert_eq!(refused(&next, &[votes[0].clone(), as_bob]), UNKNOWN_PASSKEY);
    // Votes for another file: a byte more, another version.
    let longer = parse(&format!("{}# more\n", next.text()));
    assert_eq!(refused(&longer, &votes), STATEMENT);
    assert_eq!(refused(&joined(&world, 5), &votes), STATEMENT);
    // Votes of another file.
    let before = parse(&old.text().replace("version = 3", "version = 2"));
    let then = [
        vote(&before, &next, "ada", &world.ada),
        vote(&before, &next, "bob", &world.bob),
    ];
    assert_eq!(refused(&next, &then), STATEMENT);
    // Votes for an action, as whoever asked for them may have them.
    let record = world.approved(World::ask().build());
    let other = |row: usize| ChangeVote {
        assertion: record.votes[row].proof().assertion,
        ..votes[row].clone()
    };
    assert_eq!(refused(&next, &[other(0), other(1)]), STATEMENT);
    assert!(old.accept(next, &votes).is_ok());
}

#[test]
fn a_version_only_rises_and_a_service_stays() {
    let world = World::new();
    let old = &world.trust;
    for version in [2, 3] {
        let next = joined(&world, version);
        let votes = [
            vote(old, &next, "ada", &world.ada),
            vote(old, &next, "bob", &world.bob),
        ];
        assert_eq!(
            old.accept(next, &votes).unwrap_err().kind(),
            ErrorKind::Misuse
        );
    }
    let next = parse(
        &joined(&world, 4)
            .text()
            .replace("service = \"deploydesk\"", "service = \"other\""),
    );
    let votes = [
        vote(old, &next, "ada", &world.ada),
        vote(old, &next, "bob", &world.bob),
    ];
    assert_eq!(
        old.accept(next, &votes).unwrap_err().kind(),
        ErrorKind::Misuse
    );
}

#[test]
fn a_file_without_a_quorum_for_it_is_changed_by_hand_only() {
    let world = World::new();
    let text = world
        .trust
        .text()
        .replace("change-quorum = 2\n", "")
        .replace("may-change = true\n", "");
    let old = parse(&text);
    assert_eq!(old.change_quorum(), None);
    let (next, acme) = (joined(&world, 4), Tenant::new("acme").unwrap());
    let challenge = old.change_challenge(&next, &acme, &subject("ada"), [0; 32]);
    assert_eq!(challenge.unwrap_err().kind(), ErrorKind::Misuse);
    assert_eq!(old.accept(next, &[]).unwrap_err().kind(), ErrorKind::Misuse);
}

/// Who has left has no vote on what he was asked before, and whose key was replaced has none by it.
#[test]
fn whoever_left_does_not_count_any_more() {
    let world = World::new();
    let record = world.approved(World::ask().build());
    let next = joined(&world, 4);
    assert!(record.recheck(&next, crate::world::later(0)).is_ok());
    let without_bob = parse(
        &[
            head(5, POLICY).replace("change-quorum = 2\n", ""),
            named("ada", "roles = [\"admin\"]\n", &[&world.ada.passkey]),
            named("carol", "", &[&world.carol.passkey]),
        ]
        .concat(),
    );
    let refused = record
        .recheck(&without_bob, crate::world::later(0))
        .unwrap_err();
    assert_eq!(refused.reason(), Some(NOT_APPROVER));
    let other_key = parse(
        &[
            head(5, POLICY).replace("change-quorum = 2\n", ""),
            named("ada", "roles = [\"admin\"]\n", &[&world.ada.passkey]),
            named(
                "bob",
                "roles = [\"admin\"]\n",
                &[&Authenticator::new("bob's new one").passkey],
            ),
        ]
        .concat(),
    );
    let refused = record
        .recheck(&other_key, crate::world::later(0))
        .unwrap_err();
    assert_eq!(refused.reason(), Some(UNKNOWN_PASSKEY));
    // A quorum that was changed meanwhile, either way, is not the one that was signed.
    for quorum in [
        "quorum = 1\npasskey = true\ndelegation",
        "quorum = 3\npasskey = true\ndelegation",
    ] {
        let policy = POLICY
            .replace("quorum = 2\npasskey = true\ndelegation", quorum)
            .replace(
                "strictness = 21\napprovers = [\"role:admin\"]\nquorum = 2",
                "strictness = 21\napprovers = [\"role:admin\"]\nquorum = 3",
            );
        let changed = parse(&world.trust.text().replace(POLICY, &policy));
        let refused = record
            .recheck(&changed, crate::world::later(0))
            .unwrap_err();
        assert_eq!(refused.reason(), Some(STATEMENT), "{quorum}");
    }
}

#[test]
fn what_is_signed_for_a_change_is_of_these_two_files_and_of_one_vote() {
    let world = World::new();
    let (old, next) = (&world.trust, joined(&world, 4));
    let (acme, globex) = (Tenant::new("acme").unwrap(), Tenant::new("globex").unwrap());
    let (ada, bob) = (subject("ada"), subject("bob"));
    let challenge = |old: &Trust, next: &Trust, tenant, subject, nonce: &str| {
        let nonce = crate::world::nonce(nonce);
        old.change_challenge(next, tenant, subject, nonce).unwrap()
    };
    // Of the same version, and a byte longer; with another quorum.
    let longer = |of: &Trust| parse(&format!("{}# more\n", of.text()));
    let one = parse(&old.text().replace("change-quorum = 2", "change-quorum = 1"));
    let mut all = vec![
        challenge(old, &next, &acme, &ada, "a"),
        challenge(&longer(old), &next, &acme, &ada, "a"),
        challenge(&one, &next, &acme, &ada, "a"),
        challenge(old, &longer(&next), &acme, &ada, "a"),
        challenge(old, &joined(&world, 5), &acme, &ada, "a"),
        challenge(old, &next, &globex, &ada, "a"),
        challenge(old, &next, &acme, &bob, "a"),
        challenge(old, &next, &acme, &ada, "b"),
    ];
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}
