//! The text, whatever is made of it.

use std::sync::LazyLock;

use keyward_base::token::{TokenBuffer, TokenKind};
use keyward_base::{ErrorKind, KeyId};
use keyward_session::api_key::checksum_is_right;
use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use tokio::runtime::{Builder, Runtime};

use crate::hostile::sealed;
use crate::world::World;

type Kind = TokenKind<([u8; 16], [u8; 32], [u8; 8])>;

static WORLD: LazyLock<(Runtime, World, String)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().build().unwrap();
    let world = runtime.block_on(World::new());
    let issued = runtime.block_on(world.key());
    let text = issued.key().expose().to_owned();
    (runtime, world, text)
});

fn is_refused(text: &str) {
    let (_, world, right) = &*WORLD;
    if text != right {
        let runtime = Builder::new_current_thread().build().unwrap();
        let refused = runtime.block_on(world.keys.check(text, None)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Rejected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_made_is_read_and_has_one_form(
        key in any::<[u8; 8]>(),
        id in any::<[u8; 16]>(),
        secret in any::<[u8; 32]>(),
        front in any::<[u8; 8]>(),
        prefix in "[a-j][a-z0-9_]{1,22}_",
    ) {
        let kwk: Kind = TokenKind::new("kwk_", 1).with_checksum();
        let own = kwk.with_prefix(&prefix).unwrap();
        let (key, bytes) = (KeyId::from_bytes(key), [&[1][..], &key, &id, &secret, &front].concat());
        for kind in [&kwk, &own] {
            let text = kind.encode(key, (&id, &secret, &front)).unwrap();
            let text = text.expose_secret();
            // By the definition of a checksum, not by its code.
            prop_assert_eq!(text, &sealed(kind.prefix(), &bytes));
            prop_assert!(checksum_is_right(text));
            let mut buffer = TokenBuffer::new();
            let read = kind.decode(text, &mut buffer).unwrap();
            prop_assert_eq!((read.key, read.payload), (key, (&id, &secret, &front)));
            let other = if kind.prefix() == "kwk_" { &own } else { &kwk };
            let mut buffer = TokenBuffer::new();
            prop_assert!(other.decode(text, &mut buffer).is_err());
            is_refused(text);
        }
    }

    #[test]
    fn any_one_character_changed_is_seen_by_the_checksum(at in 0_usize..97, to in "[A-Za-z0-9_-]") {
        let right = &WORLD.2;
        let changed = format!("{}{to}{}", &right[..at], &right[at + 1..]);
        prop_assert_eq!(checksum_is_right(&changed), changed == *right);
        is_refused(&changed);
    }

    #[test]
    fn whatever_is_sent_is_refused(text in "\\PC*", tail in "\\PC{0,8}") {
        is_refused(&text);
        is_refused(&format!("{}{tail}", &WORLD.2[..97 - tail.chars().count()]));
        let _any = checksum_is_right(&text);
    }
}
