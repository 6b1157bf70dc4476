//! What an answer says.

use std::time::Duration;

use keyward_base::ErrorKind;
use keyward_session::Cookie;
use keyward_session::cookie::MAX_VALUE_LEN;
use keyward_session::danger::loopback_cookie;

use crate::{ALL, read};

#[test]
fn every_attribute_is_there() {
    let names = [
        "__Host-session",
        "__Host-admin",
        "__Host-pending",
        "__Host-staff",
        "__Host-device",
        "__Host-admin-device",
    ];
    for (cookie, name) in ALL.into_iter().zip(names) {
        let fixed = "; Path=/; Secure; HttpOnly; SameSite=Lax";
        assert_eq!((cookie.name(), cookie.is_secure()), (name, true));
        let day = Duration::from_secs(86_400);
        let kept = cookie.set("kws_a-Z", Some(day)).unwrap();
        assert_eq!(
            kept,
            format!("{name}=kws_a-Z{fixed}; Max-Age=86400").as_str()
        );
        assert!(kept.is_sensitive() && !format!("{kept:?}").contains("kws_"));
        let closed = cookie.set("kws_a-Z", None).unwrap();
        assert_eq!(closed, format!("{name}=kws_a-Z{fixed}").as_str());
        let cleared = cookie.clear().unwrap();
        assert_eq!(cleared, format!("{name}={fixed}; Max-Age=0").as_str());
        // RFC 6265 leaves a server 4096 bytes for all of it.
        let longest = cookie
            .set(&"a".repeat(MAX_VALUE_LEN), Some(Duration::MAX))
            .unwrap();
        assert!(longest.len() < 700);
    }
}

#[test]
fn an_age_is_cut_to_whole_seconds_and_400_days() {
    for (age, written) in [
        (Duration::ZERO, "0"),
        (Duration::from_millis(999), "0"),
        (Duration::from_millis(1999), "1"),
        (Duration::from_secs(34_559_999), "34559999"),
        (Duration::from_secs(34_560_000), "34560000"),
        (Duration::from_secs(34_560_001), "34560000"),
        (Duration::MAX, "34560000"),
    ] {
        let header = Cookie::USER.set("a", Some(age)).unwrap();
        let written = format!("; Max-Age={written}");
        assert!(header.to_str().unwrap().ends_with(&written), "{age:?}");
    }
}

#[test]
fn what_is_no_token_is_not_written() {
    for value in [
        "",
        "a b",
        "a;b",
        "a,b",
        "\"a\"",
        "a=",
        "ä",
        "a\r\nSet-Cookie: b=c",
        "a\0",
    ] {
        let refused = Cookie::USER.set(value, None).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse, "{value:?}");
    }
    assert!(
        Cookie::USER
            .set(&"a".repeat(MAX_VALUE_LEN + 1), None)
            .is_err()
    );
}

#[test]
fn what_was_written_is_read() {
    for cookie in ALL.into_iter().chain(ALL.map(loopback_cookie)) {
        let header = cookie.set("kws_09-_az", None).unwrap();
        let pair = header.to_str().unwrap().split(';').next().unwrap();
        assert_eq!(read(cookie, &[pair]), "kws_09-_az");
    }
}

#[test]
fn on_loopback_it_has_another_name_and_all_but_secure() {
    let names = [
        "loopback-session",
        "loopback-admin",
        "loopback-pending",
        "loopback-staff",
        "loopback-device",
        "loopback-admin-device",
    ];
    for (cookie, name) in ALL.map(loopback_cookie).into_iter().zip(names) {
        assert_eq!((cookie.name(), cookie.is_secure()), (name, false));
        let header = cookie.set("a", None).unwrap();
        let written = format!("{name}=a; Path=/; HttpOnly; SameSite=Lax");
        assert_eq!(header, written.as_str());
    }
}
