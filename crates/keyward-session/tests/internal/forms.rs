//! How they are written.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use keyward_base::{ErrorKind, SecretBytes};
use keyward_crypto::Provider;
use keyward_session::InternalSecrets;
use keyward_session::internal::MAX_TEXT_LEN;

use crate::{HEX, ONE, TWO, clock, read};

#[test]
fn each_form_is_read() {
    for (text, ids) in [
        (ONE.to_owned(), vec!["default"]),
        (format!("{TWO}\n"), vec!["default"]),
        (format!("a:{HEX}"), vec!["a"]),
        (
            format!("\n\r\n a:{ONE} \r\n, b:{HEX}:2027-01-01\n\n"),
            vec!["a", "b"],
        ),
        (
            format!("A.b_c-9:{ONE}:2027-02-28T23:59:59Z"),
            vec!["A.b_c-9"],
        ),
        (format!("{}:{ONE}", "i".repeat(64)), vec![&*"i".repeat(64)]),
    ] {
        let read = read(&text).unwrap_or_else(|e| panic!("{text:?}: {e}"));
        let found: Vec<&str> = read.ids().map(|(id, _)| id.as_str()).collect();
        assert_eq!(found, ids, "{text:?}");
    }
}

#[test]
fn every_other_form_is_refused_and_not_repeated() {
    let eight = |n: usize| {
        let line = |n: usize| format!("s{n}:{ONE}{n}");
        (0..n).map(line).collect::<Vec<_>>().join("\n")
    };
    assert!(read(&eight(8)).is_ok());
    // 256 characters, whatever is at their end.
    let back = |text: &str| text.chars().rev().collect::<String>();
    let long = format!("{ONE}{HEX}{}{}{}", &TWO[..43], back(ONE), back(HEX));
    assert!(read(&long[..256]).is_ok());
    assert!(read(&format!("{}==", &long[..254])).is_ok());
    for text in [
        String::new(),
        " \n,\n".to_owned(),
        // Without an id, and not alone.
        format!("{ONE}\n{TWO}"),
        format!("a:{ONE}\n{TWO}"),
        // Ids.
        format!(":{ONE}"),
        format!("a b:{ONE}"),
        format!("ä:{ONE}"),
        format!("{}:{ONE}", "i".repeat(65)),
        format!("a:{ONE}\na:{TWO}"),
        format!("a:{ONE}\nb:{TWO}\nb:{HEX}"),
        // Secrets.
        "a:".to_owned(),
        "a:secret".to_owned(),
        format!("a:{}", &ONE[1..]),
        format!("a:{}==", &ONE[2..]),
        format!("a:{ONE}==="),
        format!("a:={ONE}"),
        format!("a:{ONE}!"),
        format!("a:{} {}", &ONE[..20], &ONE[20..]),
        format!("a:{ONE}ä"),
        format!("a:{ONE}{}", "a1B".repeat(80)),
        format!("a:{ONE}\nb:{ONE}"),
        format!("a:{HEX}\nb:{ONE}\nc:{ONE}"),
        format!("a:{}==", &long[..255]),
        format!("a:{}=", &long[..256]),
        eight(9),
        // Ends.
        format!("a:{ONE}:"),
        format!("a:{ONE}:1767225600"),
        format!("a:{ONE}:2027-02-29"),
        format!("a:{ONE}:2027-1-1"),
        format!("a:{ONE}:20270101"),
        format!("a:{ONE}:2027-01-01T00:00:00"),
        format!("a:{ONE}:2027-01-01 00:00:00Z"),
        format!("a:{ONE}:2027-01-01t00:00:00z"),
        format!("a:{ONE}:2027-01-01T00:00:00+01:00"),
        format!("a:{ONE}:2027-01-01T00:00:00.5Z"),
        format!("a:{ONE}:1969-12-31"),
        format!("a:{ONE}:-000001-01-01"),
        format!("a:{ONE}:2027-01-01:"),
        // The whole.
        format!("a:{ONE}{}", " ".repeat(MAX_TEXT_LEN)),
    ] {
        let error = read(&text).expect_err(&text);
        assert_eq!(error.kind(), ErrorKind::Misuse, "{text:?}");
        let said = format!("{error} {error:?}");
        let pieces = text.split([':', '\n']).filter(|piece| piece.len() > 20);
        for piece in pieces {
            assert!(!said.contains(&piece[piece.len() - 10..]), "{said}");
        }
    }
}

#[test]
fn what_is_plainly_not_random_is_refused() {
    for secret in [
        "0".repeat(64),
        "0123456789".repeat(6),
        "Abc123".repeat(10),
        "please-do-not-tell-anybody-this-is-the-secret-of-cron".to_owned(),
        "PLEASE_DO_NOT_TELL_ANYBODY_THIS_IS_THE_SECRET_OF_CRON".to_owned(),
        format!("{}{}", &ONE[..22], &ONE[..22]),
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaB1".to_owned(),
    ] {
        assert!(read(&secret).is_err(), "{secret}");
    }
    // Of ten characters it may be random.
    for (count, may_be) in [(9, false), (10, true)] {
        let at = |n: usize| char::from(b'0' + u8::try_from((n * n / 2 + n / 5) % count).unwrap());
        let secret: String = (0..64).map(at).collect();
        assert_eq!(read(&secret).is_ok(), may_be, "{secret}");
    }
    // And of what is random, none.
    let provider = Provider::default();
    for _ in 0..2_000 {
        let random = provider.random::<32>().unwrap();
        let bytes = random.expose();
        for text in [
            keyward_base::encoding::base64(bytes),
            keyward_base::encoding::base64url(bytes),
            keyward_base::encoding::hex(bytes),
        ] {
            assert!(read(&text).is_ok(), "{text}");
        }
    }
}

#[test]
fn a_secret_is_shown_nowhere() {
    let secrets = read(&format!("a:{ONE}:2027-01-01")).unwrap();
    let shown = format!("{secrets:?} {:?}", secrets.check(ONE.as_bytes()).unwrap());
    assert!(shown.contains('a'));
    assert!(!shown.contains(&ONE[..8]), "{shown}");
}

#[test]
fn a_variable_that_is_not_set_opens_nothing_and_an_empty_one_is_a_mistake() {
    let from = |name| InternalSecrets::from_env(name, &Provider::default(), clock());
    assert!(from("KEYWARD_TEST_NOT_SET").unwrap().is_none());
    // Of cargo, and no secret.
    let error = from("CARGO_PKG_NAME").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
}

#[test]
fn a_file_is_private_and_regular() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cron");
    let open = || InternalSecrets::open(&path, &Provider::default(), clock());
    assert_eq!(open().unwrap_err().kind(), ErrorKind::Misuse);
    fs::write(&path, format!("cron-1:{ONE}\n")).unwrap();
    for mode in [0o644, 0o640, 0o604, 0o660] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert_eq!(open().unwrap_err().kind(), ErrorKind::Misuse, "{mode:o}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    assert!(open().unwrap().check(ONE.as_bytes()).is_ok());
    // Not even the user's own group puts another there.
    for mode in [0o777, 0o702, 0o720, 0o770] {
        fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
        assert_eq!(open().unwrap_err().kind(), ErrorKind::Misuse, "{mode:o}");
    }
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    fs::write(&path, vec![b'a'; MAX_TEXT_LEN + 1]).unwrap();
    assert_eq!(open().unwrap_err().kind(), ErrorKind::Misuse);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(open().unwrap_err().kind(), ErrorKind::Misuse);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let text = SecretBytes::copy_of(&[0xff, b':', 0xff]);
    let read = InternalSecrets::parse(&text, &Provider::default(), clock());
    assert_eq!(read.unwrap_err().kind(), ErrorKind::Misuse);
}
