//! What is kept, for how long, and what goes to make room.

use keyward_base::{ErrorKind, OpenObserver as _, OpenedSecret, Place, RecordId, Revision, Tenant};
use keyward_redact::{Policy, Redactor, What};

use crate::{name, under};

/// Tells of `value` as of what a vault opens: the record `record`, its part `part`.
fn opens(redactor: &Redactor, record: usize, part: Option<&str>, value: &str) {
    let (tenant, place) = (Tenant::new("acme"), Place::new("app.key"));
    let (tenant, place) = (tenant.unwrap(), place.unwrap());
    let record = RecordId::new(&record.to_string()).unwrap();
    let secret = OpenedSecret {
        collection: [0; 8],
        tenant: &tenant,
        place: &place,
        record: &record,
        revision: Revision::FIRST,
        part,
        value: value.as_bytes(),
    };
    redactor.opened(&secret).unwrap();
}

fn value(i: usize) -> String {
    format!("ghp_token-number-{i:04}-of-the-test")
}

fn is_masked(redactor: &Redactor, i: usize) -> bool {
    redactor.text(&value(i)) == "•••"
}

/// How many bytes the needles of one of these values take.
fn each() -> usize {
    let redactor = under(Policy::default());
    opens(&redactor, 0, None, &value(0));
    redactor.counts().bytes
}

fn with_room_for(values: usize) -> Redactor {
    let mut policy = Policy::default();
    policy.budget = each() * values;
    under(policy)
}

#[test]
fn the_one_that_was_longest_not_opened_goes_and_is_counted_and_named() {
    let redactor = with_room_for(3);
    (0..3).for_each(|i| opens(&redactor, i, None, &value(i)));
    // Opened again, it is the newest.
    opens(&redactor, 0, None, &value(0));
    assert_eq!(redactor.counts().evicted, 0);
    opens(&redactor, 3, None, &value(3));
    let masked: Vec<bool> = (0..4).map(|i| is_masked(&redactor, i)).collect();
    assert_eq!(masked, [true, false, true, true]);
    let counts = redactor.counts();
    assert_eq!((counts.secrets, counts.evicted), (3, 1));
    assert!(counts.bytes <= redactor.policy().budget);
    let warnings = redactor.warnings();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].what, What::Evicted);
    assert_eq!(warnings[0].name.as_str(), "acme app.key 1");
    // Opened again it is masked again, and another goes: the one that was opened before it.
    opens(&redactor, 1, None, &value(1));
    assert!(is_masked(&redactor, 1) && !is_masked(&redactor, 2));
    let warnings = redactor.warnings();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].name.as_str(), "acme app.key 2");
}

#[test]
fn what_is_said_of_a_record_is_of_the_value_that_was_opened_last() {
    let redactor = under(Policy::default());
    let said = |value: &str| -> Vec<What> {
        opens(&redactor, 1, None, value);
        redactor.warnings().iter().map(|said| said.what).collect()
    };
    let url = "postgres://app:short@db.internal/app";
    for _ in 0..2 {
        assert_eq!(said(&value(1)), []);
        assert_eq!(said("short"), [What::TooShort]);
        assert_eq!(said(&value(1)), []);
        assert_eq!(said("production"), [What::CommonWord]);
        assert_eq!(said(url), [What::ShortPassword]);
        assert_eq!(said(&value(1)), []);
        assert_eq!(said("short"), [What::TooShort]);
        assert_eq!(said(url), [What::ShortPassword]);
    }
    // Of another record nothing changes.
    opens(&redactor, 2, None, &value(1));
    opens(&redactor, 2, None, &value(1));
    assert_eq!(redactor.warnings()[0].what, What::ShortPassword);
}

#[test]
fn what_was_registered_by_hand_stays_and_is_refused_where_there_is_no_room() {
    let redactor = with_room_for(3);
    redactor
        .add(&name("by-hand-0"), value(0).as_bytes())
        .unwrap();
    redactor
        .add(&name("by-hand-1"), value(1).as_bytes())
        .unwrap();
    (2..9).for_each(|i| opens(&redactor, i, None, &value(i)));
    assert!(is_masked(&redactor, 0) && is_masked(&redactor, 1) && is_masked(&redactor, 8));
    assert_eq!(redactor.counts().secrets, 3);
    redactor
        .add(&name("by-hand-2"), value(9).as_bytes())
        .unwrap();
    assert!(!is_masked(&redactor, 8));
    let error = redactor.add(&name("by-hand-3"), value(10).as_bytes());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Misuse);
    assert!(is_masked(&redactor, 0) && !is_masked(&redactor, 10));
    // Neither is an opening let through that is not masked.
    let (tenant, place) = (Tenant::new("acme"), Place::new("app.key"));
    let (tenant, place) = (tenant.unwrap(), place.unwrap());
    let (record, eleventh) = (RecordId::new("11").unwrap(), value(11));
    let secret = OpenedSecret {
        collection: [0; 8],
        tenant: &tenant,
        place: &place,
        record: &record,
        revision: Revision::FIRST,
        part: None,
        value: eleventh.as_bytes(),
    };
    assert_eq!(
        redactor.opened(&secret).unwrap_err().kind(),
        ErrorKind::Misuse
    );
    assert!(redactor.forget(&name("by-hand-0")));
    redactor.opened(&secret).unwrap();
    assert!(is_masked(&redactor, 11) && !is_masked(&redactor, 0));
}

/// A set of which one variable would show is not handed out.
#[test]
fn a_set_that_does_not_fit_as_a_whole_is_refused() {
    let redactor = with_room_for(3);
    let tell = |count: usize| {
        let (tenant, place) = (Tenant::new("acme").unwrap(), Place::new("app.env").unwrap());
        let record = RecordId::new("1").unwrap();
        let values: Vec<String> = (0..count).map(value).collect();
        let names: Vec<String> = (0..count).map(|i| format!("V{i}")).collect();
        let text = values.join("\n");
        let whole = OpenedSecret {
            collection: [0; 8],
            tenant: &tenant,
            place: &place,
            record: &record,
            revision: Revision::FIRST,
            part: None,
            value: text.as_bytes(),
        };
        let parts = names.iter().zip(&values).map(|(name, value)| OpenedSecret {
            part: Some(name),
            value: value.as_bytes(),
            ..whole
        });
        let parts: Vec<OpenedSecret<'_>> = parts.collect();
        assert!(!redactor.knows_parts(&whole));
        let told = redactor.opened_parts(&whole, &parts);
        assert_eq!(redactor.knows_parts(&whole), told.is_ok());
        told
    };
    assert_eq!(tell(4).unwrap_err().kind(), ErrorKind::Misuse);
    tell(3).unwrap();
    assert!((0..3).all(|i| is_masked(&redactor, i)));
}

/// A set of two variables is opened: as one that is known, or told of.
fn opens_set(redactor: &Redactor) -> bool {
    let (tenant, place) = (Tenant::new("acme").unwrap(), Place::new("app.env").unwrap());
    let record = RecordId::new("1").unwrap();
    let text = format!("A={}\nB={}\n", value(100), value(101));
    let whole = OpenedSecret {
        collection: [0; 8],
        tenant: &tenant,
        place: &place,
        record: &record,
        revision: Revision::FIRST,
        part: None,
        value: text.as_bytes(),
    };
    if redactor.knows_parts(&whole) {
        return true;
    }
    let (a, b) = (value(100), value(101));
    let parts = [("A", &a), ("B", &b)].map(|(name, value)| OpenedSecret {
        part: Some(name),
        value: value.as_bytes(),
        ..whole
    });
    redactor.opened_parts(&whole, &parts).unwrap();
    false
}

#[test]
fn a_set_is_known_as_long_as_all_of_it_is() {
    let redactor = with_room_for(4);
    assert!(!opens_set(&redactor));
    assert!(opens_set(&redactor));
    assert!(redactor.forget(&name("acme app.env 1 A")));
    assert!(!opens_set(&redactor) && is_masked(&redactor, 100));
    // One of its variables goes to make room.
    (1..4).for_each(|i| opens(&redactor, i, None, &value(i)));
    assert_eq!(redactor.counts().evicted, 1);
    assert!(!opens_set(&redactor));
    assert!(is_masked(&redactor, 100) && is_masked(&redactor, 101));
}

#[test]
fn a_set_that_is_opened_again_is_not_what_goes() {
    let redactor = with_room_for(4);
    opens_set(&redactor);
    (1..3).for_each(|i| opens(&redactor, i, None, &value(i)));
    assert!(opens_set(&redactor));
    (3..5).for_each(|i| opens(&redactor, i, None, &value(i)));
    assert!(is_masked(&redactor, 100) && is_masked(&redactor, 101));
    assert!(!is_masked(&redactor, 1) && !is_masked(&redactor, 2));
}

#[test]
fn what_two_open_at_once_is_one_secret() {
    let value: String = (0..2_000_u32).map(|n| format!("{:04x}", n * n)).collect();
    for _ in 0..4 {
        let redactor = under(Policy::default());
        let both = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    both.wait();
                    opens(&redactor, 1, None, &value);
                });
            }
        });
        assert_eq!(redactor.counts().secrets, 1);
    }
}

#[test]
fn beside_those_who_write_without_a_pause_each_opened_value_is_masked_at_once() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let redactor = under(Policy::default());
    let text = "a line of a log that holds nothing secret\n".repeat(500);
    let opening = AtomicUsize::new(3);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    assert_eq!(redactor.text(&text), text);
                    if opening.load(Ordering::Relaxed) == 0 {
                        break;
                    }
                }
            });
        }
        for who in 0..3 {
            let (redactor, opening) = (&redactor, &opening);
            scope.spawn(move || {
                for i in (who * 1000..).take(60) {
                    opens(redactor, i, None, &value(i));
                    assert!(is_masked(redactor, i));
                    if i % 2 == 0 {
                        assert!(redactor.forget(&name(&format!("acme app.key {i}"))));
                        assert!(!is_masked(redactor, i));
                    }
                }
                opening.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(redactor.counts().secrets, 90);
}

#[test]
fn a_value_is_known_again_by_where_it_lies_and_by_itself() {
    let redactor = under(Policy::default());
    opens(&redactor, 1, Some("A"), &value(1));
    let counts = redactor.counts();
    opens(&redactor, 1, Some("A"), &value(1));
    assert_eq!(redactor.counts(), counts);
    // Another value in the same place, at the same revision: both are masked.
    opens(&redactor, 1, Some("A"), &value(2));
    assert!(is_masked(&redactor, 1) && is_masked(&redactor, 2));
    // The same value elsewhere is another secret, with the name of its own.
    opens(&redactor, 1, Some("B"), &value(1));
    opens(&redactor, 2, Some("A"), &value(1));
    assert_eq!(redactor.counts().secrets, 4);
    assert!(redactor.forget(&name("acme app.key 1 A")));
    assert!(is_masked(&redactor, 1) && !is_masked(&redactor, 2));
    assert!(!redactor.forget(&name("acme app.key 1 A")));
}

#[test]
fn a_part_that_may_show_is_said_by_the_name_of_the_part() {
    let policy = Policy::default().not_secret("HOST").mask_anyway("PIN");
    let redactor = under(policy);
    opens(&redactor, 1, Some("HOST"), "db.internal.example");
    opens(&redactor, 1, Some("PIN"), "12345");
    opens(&redactor, 1, Some("OTHER"), "54321");
    let text = "db.internal.example 12345 54321";
    assert_eq!(redactor.text(text), "db.internal.example ••• 54321");
    assert_eq!(redactor.warnings().len(), 1);
}

#[test]
fn the_name_of_a_part_is_shown_as_visible_text() {
    let redactor = under(Policy::default());
    let part = "line\nbreak•".to_owned() + &"x".repeat(600);
    opens(&redactor, 1, Some(&part), &value(1));
    let mut masker = redactor.masker().named();
    let mut out = Vec::new();
    masker.push(value(1).as_bytes(), &mut out);
    masker.finish(&mut out);
    let mask = String::from_utf8(out).unwrap();
    assert!(mask.starts_with("•acme app.key 1 line?break?xxx"), "{mask}");
    assert_eq!(mask.len(), 400 + 6);
}
