//! The text of internal secrets, against a second reader of it.

use std::sync::Arc;

use keyward_base::{ErrorKind, ManualClock, SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_session::InternalSecrets;

/// Whatever is read: each secret opens under its own id until it ends, and what stands around it opens
/// nothing.
pub fn internal_secrets(data: &[u8]) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
    let text = SecretBytes::copy_of(data);
    let secrets = match InternalSecrets::parse(&text, &Provider::default(), clock) {
        Ok(secrets) => secrets,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Misuse);
            return;
        }
    };
    let held: Vec<_> = secrets.ids().collect();
    assert!((1..=8).contains(&held.len()));
    let text = std::str::from_utf8(data).expect("what is read is ASCII but for white space");
    let entries = text.split(['\n', ',']).map(str::trim_ascii);
    let mut known = held.into_iter();
    for entry in entries.filter(|entry| !entry.is_empty()) {
        let (id, until) = known.next().expect("an entry was left out");
        let fields: Vec<&str> = entry.splitn(3, ':').collect();
        let (name, secret, end) = match *fields {
            [secret] => ("default", secret, None),
            [name, secret] => (name, secret, None),
            [name, secret, end] => (name, secret, Some(end)),
            _ => unreachable!("at most three"),
        };
        assert_eq!(id.as_str(), name);
        assert_eq!(until.is_some(), end.is_some());
        assert!((43..=256).contains(&secret.len()));
        let checked = secrets.check(secret.as_bytes());
        match until.map(Timestamp::as_millis) {
            Some(0) => assert!(checked.is_err(), "it ended at once"),
            _ => assert_eq!(checked.expect("its own secret").id().as_str(), name),
        }
        for near in [secret[1..].to_owned(), format!("{secret}=")] {
            let is_held = text.contains(&format!(":{near}"));
            assert!(is_held || secrets.check(near.as_bytes()).is_err());
        }
    }
    assert!(known.next().is_none(), "an entry was made up");
}
