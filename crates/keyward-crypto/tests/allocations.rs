//! Sealing and opening a small value allocates once: the buffer of the result.

#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use std::hint::black_box;

use allocation_counter::measure;
use keyward_base::{Domain, Hint, KeyId, SecretArray, Suite};
use keyward_crypto::sealed::{Header, Parsed, seal};
use keyward_crypto::{BodyKey, MacKey, Provider};

const CONTEXT: Domain<(&[u8],)> = Domain::new("test");
const MESSAGE: [u8; 64] = [0x42; 64];

fn keys() -> [BodyKey; 3] {
    let key = SecretArray::copy_of(&[7; 32]).unwrap();
    [Provider::mixed(), Provider::ring(), Provider::rustcrypto()]
        .map(|provider| BodyKey::new(&provider, Suite::Chunked1, &key).unwrap())
}

/// The allocations of a second run: what a library finds out once is not counted.
fn allocations<T>(mut run: impl FnMut() -> T) -> u64 {
    drop(run());
    measure(|| drop(black_box(run()))).count_total
}

#[test]
fn the_count_counts() {
    let filled = |with| black_box(vec![with; 64]);
    assert_eq!(allocations(|| filled(1_u8)), 1);
    assert_eq!(allocations(|| (filled(1), filled(2))), 2);
}

#[test]
fn a_body_of_64_bytes_costs_one() {
    let context = CONTEXT.encode(&(b"",)).unwrap();
    for key in keys() {
        let sealed = || {
            let mut out = Vec::new();
            key.seal(&context, &MESSAGE, &mut out).unwrap();
            out
        };
        assert_eq!(allocations(sealed), 1, "seal");
        let body = sealed();
        let opened = || key.open(&context, &body).unwrap();
        assert_eq!(opened().expose(), MESSAGE);
        assert_eq!(allocations(opened), 1, "open");
        let verified = || key.verify(&context, &body).unwrap();
        assert_eq!(allocations(verified), 0, "verify");
    }
}

#[test]
fn decoding_a_token_and_its_mac_cost_none() {
    use keyward_base::token::{TokenBuffer, TokenKind};
    use secrecy::ExposeSecret as _;
    const LINK: TokenKind<([u8; 16], [u8; 32])> = TokenKind::new("kwl_", 1).with_checksum();
    const BOUND: Domain<(KeyId, &[u8; 16])> = Domain::new("test");
    let provider = Provider::default();
    let mac = MacKey::new(&provider, &SecretArray::copy_of(&[7; 32]).unwrap()).unwrap();
    let (key, id) = (KeyId::from_bytes([1; 8]), [2; 16]);
    let tag = mac.sign(BOUND, &(key, &id));
    let text = LINK.encode(key, (&id, &tag)).unwrap();
    let verified = || {
        let mut buffer = TokenBuffer::new();
        let token = LINK.decode(text.expose_secret(), &mut buffer).unwrap();
        let (id, tag) = token.payload;
        mac.verify(BOUND, &(token.key, id), tag).unwrap();
    };
    assert_eq!(allocations(verified), 0);
}

#[test]
fn a_text_of_64_bytes_costs_one() {
    let header = Header {
        suite: Suite::Chunked1,
        key: KeyId::from_bytes([1; 8]),
        hint: Hint::parse(b"ghp_****6aKo").unwrap(),
    };
    let context = |header: &[u8]| CONTEXT.encode(&(header,));
    for key in keys() {
        let sealed = || seal(&key, &header, context, &MESSAGE).unwrap();
        assert_eq!(allocations(sealed), 1, "seal");
        let text = sealed();
        let opened = || Parsed::parse(&text).unwrap().open(&key, context).unwrap();
        assert_eq!(opened().expose(), MESSAGE);
        assert_eq!(allocations(opened), 1, "open");
    }
}
