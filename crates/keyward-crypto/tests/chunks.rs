//! Bodies of several chunks: opened into a new buffer or in place, they give the same; a chunk
//! that is damaged, moved or missing gives nothing.

// Tests: a panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    missing_docs
)]

use keyward_base::{Domain, Encoded, ErrorKind, Reason, SecretArray, Suite};
use keyward_crypto::body::{CHUNK_LEN, PREFIX_LEN};
use keyward_crypto::{BodyKey, Provider, body_len};

const SEALED_CHUNK_LEN: usize = CHUNK_LEN + 16;

/// Bound to nothing of interest.
fn context() -> Encoded {
    Domain::new("test").encode(&()).unwrap()
}

fn keys() -> [BodyKey; 3] {
    let key = SecretArray::copy_of(&[7; 32]).unwrap();
    [Provider::mixed(), Provider::ring(), Provider::rustcrypto()]
        .map(|provider| BodyKey::new(&provider, Suite::Chunked1, &key).unwrap())
}

fn message(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| u8::try_from(at * 31 % 251).unwrap())
        .collect()
}

fn sealed(key: &BodyKey, len: usize) -> Vec<u8> {
    let mut out = Vec::new();
    key.seal(&context(), &message(len), &mut out).unwrap();
    assert_eq!(out.len(), body_len(len).unwrap());
    out
}

#[test]
fn in_place_and_into_a_new_buffer_are_the_same() {
    let near = [0, 1, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1];
    let far = [3 * CHUNK_LEN - 5, 3 * CHUNK_LEN, 5 * CHUNK_LEN + 77];
    for sealing in &keys() {
        for len in near.into_iter().chain(far) {
            let body = sealed(sealing, len);
            for opening in &keys() {
                assert_eq!(
                    opening.open(&context(), &body).unwrap().expose(),
                    message(len)
                );
                for start in [0, 1, 43] {
                    let mut buffer = vec![0xaa; start];
                    buffer.extend_from_slice(&body);
                    let opened = opening.open_in_place(&context(), buffer, start).unwrap();
                    assert_eq!(opened.expose(), message(len), "{len} from {start}");
                }
            }
        }
    }
}

#[test]
fn a_chunk_that_is_damaged_or_elsewhere_is_seen() {
    let len = 3 * CHUNK_LEN + 100;
    for key in &keys() {
        let body = sealed(key, len);
        let damaged = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut body = body.clone();
            change(&mut body);
            for error in [
                key.open(&context(), &body).unwrap_err(),
                key.open_in_place(&context(), body.clone(), 0).unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::Corrupt);
                assert_eq!(error.reason(), Some(Reason::DAMAGED));
            }
            assert!(
                key.verify(&context(), &body).is_ok(),
                "only a chunk is wrong"
            );
        };
        for chunk in 0..4 {
            let at = PREFIX_LEN + chunk * SEALED_CHUNK_LEN;
            damaged(&|body| body[at] ^= 1);
            damaged(&|body| {
                let end = body.len().min(at + SEALED_CHUNK_LEN);
                body[end - 1] ^= 0x80;
            });
        }
        damaged(&|body| {
            let (front, back) = body[PREFIX_LEN..].split_at_mut(SEALED_CHUNK_LEN);
            front.swap_with_slice(&mut back[..SEALED_CHUNK_LEN]);
        });
        // A whole chunk less, and a whole chunk twice: lengths that some message has.
        damaged(&|body| drop(body.drain(PREFIX_LEN..PREFIX_LEN + SEALED_CHUNK_LEN)));
        damaged(&|body| {
            let chunk = body[PREFIX_LEN..PREFIX_LEN + SEALED_CHUNK_LEN].to_vec();
            body.splice(PREFIX_LEN..PREFIX_LEN, chunk);
        });
        // Cut at a chunk's end, what is left ends in a full chunk: no message does.
        let cut = &body[..PREFIX_LEN + 2 * SEALED_CHUNK_LEN];
        let error = key.open(&context(), cut).unwrap_err();
        assert_eq!(error.reason(), Some(Reason::MALFORMED));
        let error = key.open_in_place(&context(), cut.to_vec(), 0).unwrap_err();
        assert_eq!(error.reason(), Some(Reason::MALFORMED));
    }
}
