//! Secret arguments: in the action only what binds it to them.

use keyward_approval::{Argument, ArgumentName, Secrets, Type};
use keyward_base::{Domain, ErrorKind, SecretArray, SecretBytes, Tenant};
use keyward_crypto::MacKey;

use crate::world::{asked, builder, provider, thing};

const SECRET: &[u8] = b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo";

fn secret() -> SecretBytes {
    SecretBytes::copy_of(SECRET)
}

fn name(text: &str) -> ArgumentName {
    ArgumentName::new(text).unwrap()
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[test]
fn the_action_holds_no_piece_of_a_secret_and_is_bound_to_it() {
    let step = thing().secret("secret", secret()).unwrap();
    let asked = asked(builder().step(step));
    for piece in SECRET.windows(6) {
        assert!(!holds(asked.action.bytes(), piece));
    }
    let argument = asked.action.steps()[0].argument("secret").unwrap();
    assert!(matches!(argument, Argument::Secret(_)) && argument.plain().is_none());
    assert_eq!(argument.of_type(), Type::Secret);
    let kept = asked.secrets.to_bytes();
    let opened = Secrets::open(&provider(), &asked.action, &kept).unwrap();
    assert_eq!(opened.find(0, &name("secret")).unwrap().expose(), SECRET);
    assert!(opened.find(1, &name("secret")).is_none());
    assert!(opened.find(0, &name("other")).is_none());
    assert_eq!(opened.to_bytes().expose(), kept.expose());
    assert!(!format!("{asked:?}{opened:?}").contains("x8Zq"));
}

#[test]
fn two_asks_with_one_secret_do_not_look_alike() {
    let build = || asked(builder().step(thing().secret("secret", secret()).unwrap()));
    assert_ne!(build().action.digest(), build().action.digest());
}

#[test]
fn the_secrets_of_another_ask_or_place_are_found() {
    let both = || {
        let step = thing().secret("secret", secret()).unwrap();
        let step = step.secret("other", secret()).unwrap();
        asked(builder().step(step))
    };
    let (one, two) = (both(), both());
    let e = Secrets::open(&provider(), &one.action, &two.secrets.to_bytes()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corrupt);
    // The two openings of one ask, put in each other's place.
    let kept = one.secrets.to_bytes();
    let bytes = kept.expose();
    let (front, entries) = bytes.split_at(7);
    let (first, second) = entries.split_at(1 + 2 + 5 + 32 + 4 + SECRET.len());
    let swapped = [front, &first[..8], &second[9..], &second[..9], &first[8..]].concat();
    assert_eq!(swapped.len(), bytes.len());
    let e = Secrets::open(&provider(), &one.action, &SecretBytes::new(swapped)).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corrupt);
}

#[test]
fn every_bit_of_them_counts() {
    let asked = asked(builder().step(thing().secret("secret", secret()).unwrap()));
    let kept = asked.secrets.to_bytes();
    for at in 0..kept.len() {
        for bit in 0..8 {
            let mut bytes = kept.expose().to_vec();
            bytes[at] ^= 1 << bit;
            let e = Secrets::open(&provider(), &asked.action, &SecretBytes::new(bytes));
            assert!(e.is_err(), "byte {at}, bit {bit}");
        }
        let cut = SecretBytes::copy_of(&kept.expose()[..at]);
        assert!(Secrets::open(&provider(), &asked.action, &cut).is_err());
    }
    let none = Secrets::default().to_bytes();
    assert!(Secrets::open(&provider(), &asked.action, &none).is_err());
}

#[test]
fn what_no_argument_is_bound_to_is_refused() {
    let with = asked(builder().step(thing().secret("secret", secret()).unwrap()));
    let without = asked(builder().step(thing()));
    let e = Secrets::open(&provider(), &without.action, &with.secrets.to_bytes()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corrupt);
    assert!(without.secrets.is_empty());
    let none = Secrets::open(&provider(), &without.action, &without.secrets.to_bytes());
    assert!(none.unwrap().is_empty());
}

/// Each secret stands once, in its place, and nothing stands behind the last.
#[test]
fn secrets_have_one_form_and_each_its_step() {
    let step = || thing().secret("secret", secret()).unwrap();
    let asked = asked(builder().step(step()).step(step()));
    let kept = asked.secrets.to_bytes();
    let open = |bytes: Vec<u8>| {
        let opened = Secrets::open(&provider(), &asked.action, &SecretBytes::new(bytes));
        opened.map(|_| ()).map_err(|e| e.kind())
    };
    assert_eq!(open(kept.expose().to_vec()), Ok(()));
    let (front, entries) = kept.expose().split_at(7);
    let (first, second) = entries.split_at(entries.len() / 2);
    assert_eq!((first[0], second[0]), (0, 1));
    // What the action has of each is over the number of its step.
    for (nth, entry) in [(0_u8, first), (1, second)] {
        let key = SecretArray::copy_of(&entry[1 + 2 + 6..][..32]).unwrap();
        let key = MacKey::new(&provider(), &key).unwrap();
        let domain: Domain<(&Tenant, u8, &str, &SecretBytes)> =
            Domain::new("keyward/v1/approval-secret");
        let is = key.sign(domain, &(asked.action.tenant(), nth, "secret", &secret()));
        let said = asked.action.steps()[usize::from(nth)].argument("secret");
        assert!(matches!(said, Some(Argument::Secret(said)) if said.as_bytes() == &is));
    }
    // The one of the first step as that of the second, which has the same name.
    let swapped = [front, &first[..1], &second[1..], &second[..1], &first[1..]].concat();
    assert_eq!(open(swapped), Err(ErrorKind::Corrupt));
    let counted = |count: u8, entries: &[&[u8]]| {
        let mut front = front.to_vec();
        front[6] = count;
        [front, entries.concat()].concat()
    };
    assert_eq!(open(counted(2, &[first, second])), Ok(()));
    for wrong in [
        counted(3, &[first, first, second]),
        counted(3, &[first, second, second]),
        counted(2, &[second, first]),
        counted(2, &[first, second, &[0]]),
        counted(1, &[first]),
    ] {
        assert_eq!(open(wrong), Err(ErrorKind::Corrupt));
    }
}
