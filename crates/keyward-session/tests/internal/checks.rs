//! Which are taken.

use std::time::Duration;

use keyward_base::{ErrorKind, Reason, Timestamp};

use crate::{HEX, NOW, ONE, TWO, clock, read, read_at};

#[test]
fn a_caller_is_known_by_the_id_of_the_secret_that_it_has() {
    let secrets = read(&format!("a:{ONE}\nb:{TWO},c:{HEX}")).unwrap();
    for (id, secret) in [("a", ONE), ("b", TWO), ("c", HEX)] {
        assert_eq!(secrets.check(secret.as_bytes()).unwrap().id().as_str(), id);
    }
    assert_eq!(secrets.ids().count(), 3);
}

#[test]
fn what_is_near_a_secret_is_none() {
    let secrets = read(&format!("a:{ONE}\nb:{TWO}")).unwrap();
    let mut near: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"a".to_vec(),
        format!("a:{ONE}").into_bytes(),
        format!("{ONE}{TWO}").into_bytes(),
        format!(" {ONE}").into_bytes(),
        format!("{ONE}=").into_bytes(),
        ONE.to_lowercase().into_bytes(),
        [ONE.as_bytes(), &[0]].concat(),
        TWO.trim_end_matches('=').as_bytes().to_vec(),
        ONE.repeat(200).into_bytes(),
        vec![0; 32],
    ];
    near.extend((0..ONE.len()).map(|len| ONE.as_bytes()[..len].to_vec()));
    near.extend((0..ONE.len() * 8).map(|bit| {
        let mut flipped = ONE.as_bytes().to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    }));
    for shown in near {
        let error = secrets.check(&shown).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert_eq!(error.reason(), Some(Reason::NOT_AUTHENTIC));
    }
}

#[test]
fn the_longest_secret_is_taken_and_none_that_goes_on_behind_it() {
    // No period, and long enough.
    let longest: String = (0..256_u32)
        .map(|n| char::from(b"abcdefghijKLMNOPQRST0123456789-_"[(n * n + n / 7) as usize % 32]))
        .collect();
    let secrets = read(&longest).unwrap();
    assert!(secrets.check(longest.as_bytes()).is_ok());
    for more in ["a", "ab", "="] {
        assert!(
            secrets
                .check(format!("{longest}{more}").as_bytes())
                .is_err()
        );
    }
    assert!(read(&format!("{longest}a")).is_err());
}

#[test]
fn one_follows_another_and_ends_by_the_clock() {
    let clock = clock();
    let text = format!("old:{ONE}:2026-01-02\nnew:{TWO}:2026-01-03T06:07:08Z");
    let secrets = read_at(&text, clock.clone()).unwrap();
    let day = 24 * 60 * 60 * 1000;
    let ends = Timestamp::from_millis(NOW.as_millis() + day);
    let proof = secrets.check(ONE.as_bytes()).unwrap();
    assert_eq!(proof.until(), Some(ends));
    assert!(secrets.check(TWO.as_bytes()).is_ok());

    clock.advance(Duration::from_millis(day - 1));
    assert!(secrets.check(ONE.as_bytes()).is_ok());
    clock.advance(Duration::from_millis(1));
    let ended = secrets.check(ONE.as_bytes()).unwrap_err();
    assert_eq!(ended.reason(), Some(Reason::EXPIRED));
    // Outward it reads like any other.
    let unknown = secrets.check(HEX.as_bytes()).unwrap_err();
    assert_eq!(ended.to_string(), unknown.to_string());
    assert!(secrets.check(TWO.as_bytes()).is_ok());

    clock.set(Timestamp::from_millis(
        NOW.as_millis() + 2 * day + ((6 * 60 + 7) * 60 + 8) * 1000,
    ));
    assert!(secrets.check(TWO.as_bytes()).is_err());
    // No end came nearer by a clock that was set back: it is the clock that says.
    clock.set(NOW);
    assert!(secrets.check(ONE.as_bytes()).is_ok());
}
