//! Sealing and opening, beside the bare construction and bare AES-256-GCM.
//!
//! *bare* is the same derivation and cipher written plainly over hmac, sha2 and ring, with the
//! HMAC pads kept and the salt from the operating system, and nothing wiped.
// Benches: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)]

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use keyward_base::{Domain, Encoded, Hint, KeyId, SecretArray, SecretBytes, Suite, Tenant};
use keyward_benches::{Bar, Work, compare, finish, prepared, timed};
use keyward_crypto::hmac::{HmacHash, HmacKey};
use keyward_crypto::sealed::{Header, Parsed, seal};
use keyward_crypto::{BodyKey, MacKey, Provider, body_len};
use rand::TryRng as _;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha2::{Sha256, Sha512};

const KEY: [u8; 32] = [7; 32];
const INFO: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
const CHUNK: usize = 16 * 1024;

fn context() -> Encoded {
    type Record = (
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        [u8; 32],
        u64,
    );
    const RECORD: Domain<Record> = Domain::new("kw1/record");
    let header = "header-of-22-bytes-long";
    let fields = (
        header,
        "vault",
        "acme",
        "",
        "account.token",
        "42",
        "api-key",
        [0; 32],
        0,
    );
    RECORD.encode(&fields).unwrap()
}

fn bare_keys(prk: &Hmac<Sha512>, salt: &[u8], context: &[u8]) -> [u8; 128] {
    let mut out = [0; 128];
    let mut mac = prk.clone();
    for part in [INFO, salt, context, &[1]] {
        mac.update(part);
    }
    out[..64].copy_from_slice(&mac.finalize().into_bytes());
    let mut mac = prk.clone();
    for part in [&out[..64], INFO, salt, context, &[2]] {
        mac.update(part);
    }
    let second = mac.finalize().into_bytes();
    out[64..].copy_from_slice(&second);
    out
}

fn bare_seal(prk: &Hmac<Sha512>, context: &[u8], message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body_len(message.len()).unwrap());
    let mut salt = [0; 24];
    rand::rngs::SysRng.try_fill_bytes(&mut salt).unwrap();
    out.extend_from_slice(&salt);
    let keys = bare_keys(prk, &salt, context);
    out.extend_from_slice(&keys[44..76]);
    let nonce: [u8; 12] = keys[32..44].try_into().unwrap();
    let start = out.len();
    out.extend_from_slice(message);
    let tag = ring_key(&keys[..32])
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut out[start..],
        )
        .unwrap();
    out.extend_from_slice(tag.as_ref());
    out
}

fn bare_open(prk: &Hmac<Sha512>, context: &[u8], body: &[u8]) -> Vec<u8> {
    let keys = bare_keys(prk, &body[..24], context);
    assert_eq!(keys[44..76], body[24..56]);
    let nonce: [u8; 12] = keys[32..44].try_into().unwrap();
    let mut out = body[56..].to_vec();
    let len = ring_key(&keys[..32])
        .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut out)
        .unwrap()
        .len();
    out.truncate(len);
    out
}

/// Decodes the text, encodes the context and opens: what opening a text takes, and nothing else.
fn bare_open_text(prk: &Hmac<Sha512>, text: &str) -> Vec<u8> {
    let bytes = URL_SAFE_NO_PAD.decode(&text[4..]).unwrap();
    let body = 10 + usize::from(bytes[9]);
    bare_open(prk, context().as_bytes(), &bytes[body..])
}

/// Encodes the context, seals, and encodes the text.
fn bare_seal_text(prk: &Hmac<Sha512>, header: &[u8], message: &[u8]) -> String {
    let body = bare_seal(prk, context().as_bytes(), message);
    let bytes = [header, &body].concat();
    let mut text = String::with_capacity(4 + bytes.len().div_ceil(3) * 4);
    text.push_str("kw1.");
    URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
    text
}

fn ring_key(key: &[u8]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap())
}

/// ring over 16 KiB pieces in place, one tag each: what a kept key costs and no derivation.
fn ring_pieces(key: &LessSafeKey, data: &mut [u8]) {
    for (at, piece) in (0_u32..).zip(data.chunks_mut(CHUNK)) {
        let mut nonce = [0; 12];
        nonce[8..].copy_from_slice(&at.to_be_bytes());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::empty(), piece);
        let _tag = black_box(tag.unwrap());
    }
}

fn small() {
    let message = [0x42; 64];
    let context = context();
    let prk = Hmac::<Sha512>::new_from_slice(&KEY).unwrap();
    let key = SecretArray::copy_of(&KEY).unwrap();
    let ours = BodyKey::new(&Provider::default(), Suite::Chunked1, &key).unwrap();
    let ring = BodyKey::new(&Provider::ring(), Suite::Chunked1, &key).unwrap();
    let sha256 = BodyKey::new(&Provider::default(), Suite::Chunked2, &key).unwrap();
    let header = Header {
        suite: Suite::Chunked1,
        key: KeyId::from_bytes([1; 8]),
        hint: Hint::parse(b"ghp_****6aKo").unwrap(),
    };
    let kept = ring_key(&KEY);
    let body = bare_seal(&prk, context.as_bytes(), &message);
    assert_eq!(ours.open(&context, &body).unwrap().expose(), message);
    let mut body2 = Vec::new();
    sha256.seal(&context, &message, &mut body2).unwrap();
    let text = seal(&ours, &header, |_| Ok(context.clone()), &message).unwrap();
    compare(
        "seal 64 bytes",
        &mut [
            (
                "bare construction",
                timed(|n| {
                    (0..n).for_each(|_| {
                        black_box(bare_seal(&prk, context.as_bytes(), &message));
                    })
                }),
            ),
            (
                "keyward body",
                timed(|n| {
                    (0..n).for_each(|_| {
                        let mut out = Vec::with_capacity(body_len(64).unwrap());
                        ours.seal(&context, &message, &mut out).unwrap();
                        black_box(out);
                    })
                }),
            ),
            (
                "keyward text (kw1)",
                timed(|n| {
                    (0..n).for_each(|_| {
                        black_box(seal(&ours, &header, |_| Ok(context.clone()), &message).unwrap());
                    })
                }),
            ),
            (
                "keyward body, all by ring",
                timed(|n| {
                    (0..n).for_each(|_| {
                        let mut out = Vec::with_capacity(body_len(64).unwrap());
                        ring.seal(&context, &message, &mut out).unwrap();
                        black_box(out);
                    })
                }),
            ),
            (
                "keyward body, suite 2 (SHA-256)",
                timed(|n| {
                    (0..n).for_each(|_| {
                        let mut out = Vec::with_capacity(body_len(64).unwrap());
                        sha256.seal(&context, &message, &mut out).unwrap();
                        black_box(out);
                    })
                }),
            ),
            (
                "AES-256-GCM by ring, kept key, OS nonce",
                timed(|n| {
                    (0..n).for_each(|_| {
                        let mut nonce = [0; 12];
                        rand::rngs::SysRng.try_fill_bytes(&mut nonce).unwrap();
                        let mut out = Vec::with_capacity(92);
                        out.extend_from_slice(&message);
                        let nonce = Nonce::assume_unique_for_key(nonce);
                        kept.seal_in_place_append_tag(nonce, Aad::empty(), &mut out)
                            .unwrap();
                        black_box(out);
                    })
                }),
            ),
        ],
    );
    compare(
        "open 64 bytes",
        &mut [
            (
                "bare construction",
                timed(|n| {
                    (0..n).for_each(|_| {
                        black_box(bare_open(&prk, context.as_bytes(), &body));
                    })
                }),
            ),
            (
                "keyward body",
                timed(|n| {
                    (0..n).for_each(|_| {
                        black_box(ours.open(&context, &body).unwrap());
                    })
                }),
            ),
            (
                "keyward text (kw1)",
                timed(|n| {
                    (0..n).for_each(|_| {
                        let parsed = Parsed::parse(&text).unwrap();
                        black_box(parsed.open(&ours, |_| Ok(context.clone())).unwrap());
                    })
                }),
            ),
            (
                "keyward body, all by ring",
                timed(|n| {
                    (0..n).for_each(|_| {
                        black_box(ring.open(&context, &body).unwrap());
                    })
                }),
            ),
            (
                "keyward body, suite 2 (SHA-256)",
                timed(|n| {
                    (0..n).for_each(|_| {
                        black_box(sha256.open(&context, &body2).unwrap());
                    })
                }),
            ),
        ],
    );
    texts(&prk, &ours, &header, &message);
    derivation(&ours, &sha256, &body, &body2);
}

/// Sealed texts, beside bare forms that encode the same context and the same text.
fn texts(prk: &Hmac<Sha512>, ours: &BodyKey, header: &Header, message: &[u8]) {
    let bytes = header.to_bytes();
    let text = bare_seal_text(prk, &bytes, message);
    let parsed = Parsed::parse(&text).unwrap();
    let opened = parsed.open(ours, |_| Ok(context())).unwrap();
    assert_eq!(opened.expose(), message);
    assert_eq!(bare_open_text(prk, &text), message);
    compare(
        "seal 64 bytes as text",
        &mut [
            (
                "bare, context and text encoded",
                timed(|n| {
                    (0..n).for_each(|_| {
                        black_box(bare_seal_text(prk, &bytes, message));
                    })
                }),
            ),
            (
                "keyward",
                timed(|n| {
                    (0..n).for_each(|_| {
                        black_box(seal(ours, header, |_| Ok(context()), message).unwrap());
                    })
                }),
            ),
        ],
    );
    compare(
        "open 64 bytes of text",
        &mut [
            (
                "bare, text decoded and context encoded",
                timed(|n| {
                    (0..n).for_each(|_| {
                        black_box(bare_open_text(prk, black_box(&text)));
                    })
                }),
            ),
            (
                "keyward",
                timed(|n| {
                    (0..n).for_each(|_| {
                        let parsed = Parsed::parse(black_box(&text)).unwrap();
                        black_box(parsed.open(ours, |_| Ok(context())).unwrap());
                    })
                }),
            ),
        ],
    );
}

/// A message's keys from a context of 120 bytes, and the comparison of its commitment.
fn derivation(sha512: &BodyKey, sha256: &BodyKey, body: &[u8], body2: &[u8]) {
    let context = context();
    compare(
        "derive the keys of a message",
        &mut [
            (
                "suite 1 (SHA-512)",
                timed(|n| (0..n).for_each(|_| sha512.verify(&context, black_box(body)).unwrap())),
            ),
            (
                "suite 2 (SHA-256)",
                timed(|n| (0..n).for_each(|_| sha256.verify(&context, black_box(body2)).unwrap())),
            ),
        ],
    );
}

fn bulk(len: usize) {
    let context = context();
    let message = vec![0x42; len];
    let key = SecretArray::copy_of(&KEY).unwrap();
    let ours = BodyKey::new(&Provider::default(), Suite::Chunked2, &key).unwrap();
    let plain = BodyKey::new(&Provider::rustcrypto(), Suite::Chunked2, &key).unwrap();
    let kept = ring_key(&KEY);
    let mut sealed = Vec::new();
    ours.seal(&context, &message, &mut sealed).unwrap();
    assert_eq!(ours.open(&context, &sealed).unwrap().expose(), message);
    let mut data = message.clone();
    let mut reused = Vec::with_capacity(body_len(len).unwrap());
    compare(
        &format!("seal {} KiB", len / 1024),
        &mut [
            (
                "ring in place on 16 KiB pieces",
                timed(|n| (0..n).for_each(|_| ring_pieces(&kept, &mut data))),
            ),
            (
                "keyward into a buffer that is kept",
                timed(|n| {
                    (0..n).for_each(|_| {
                        reused.clear();
                        ours.seal(&context, &message, &mut reused).unwrap();
                        black_box(&reused);
                    })
                }),
            ),
            (
                "keyward into a new buffer",
                timed(|n| {
                    (0..n).for_each(|_| {
                        let mut out = Vec::new();
                        ours.seal(&context, &message, &mut out).unwrap();
                        black_box(out);
                    })
                }),
            ),
            (
                "keyward, all by RustCrypto",
                timed(|n| {
                    (0..n).for_each(|_| {
                        let mut out = Vec::new();
                        plain.seal(&context, &message, &mut out).unwrap();
                        black_box(out);
                    })
                }),
            ),
        ],
    );
    let mut data = message.clone();
    compare(
        &format!("open {} KiB", len / 1024),
        &mut [
            (
                "ring in place on 16 KiB pieces (seal)",
                timed(|n| (0..n).for_each(|_| ring_pieces(&kept, &mut data))),
            ),
            (
                "keyward in place",
                prepared(
                    || sealed.clone(),
                    |buffer| drop(black_box(ours.open_in_place(&context, buffer, 0).unwrap())),
                ),
            ),
            (
                "keyward into a new buffer",
                timed(|n| {
                    (0..n).for_each(|_| {
                        black_box(ours.open(&context, &sealed).unwrap());
                    })
                }),
            ),
        ],
    );
}

fn by_size() {
    let context = context();
    let key = SecretArray::copy_of(&KEY).unwrap();
    for len in [32, 256, 1024, 4096, 16384] {
        let message = vec![0x42; len];
        let [mixed, ring, rustcrypto] =
            [Provider::mixed(), Provider::ring(), Provider::rustcrypto()]
                .map(|provider| BodyKey::new(&provider, Suite::Chunked1, &key).unwrap());
        let work = |key: BodyKey| -> Work<'_> {
            let (message, context) = (&message, &context);
            timed(move |n| {
                (0..n).for_each(|_| {
                    let mut out = Vec::with_capacity(body_len(message.len()).unwrap());
                    key.seal(context, message, &mut out).unwrap();
                    black_box(out);
                })
            })
        };
        compare(
            &format!("providers, seal {len} bytes"),
            &mut [
                ("RustCrypto", work(rustcrypto)),
                ("ring", work(ring)),
                ("default mix", work(mixed)),
            ],
        );
    }
}

/// A MAC over 64 encoded bytes, and HMAC of a webhook of 1 KiB, beside the same bytes hashed with
/// kept pads and nothing wiped.
fn macs() {
    const LINK: Domain<(&Tenant, u64, [u8; 33])> = Domain::new("example/v1/link");
    let acme = Tenant::new("acme").unwrap();
    let fields = (&acme, 7, [0x42; 33]);
    let encoded = LINK.encode(&fields).unwrap();
    assert_eq!(encoded.as_bytes().len(), 64);
    let key = SecretArray::copy_of(&KEY).unwrap();
    let ours = MacKey::new(&Provider::default(), &key).unwrap();
    let bare = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    let bare_tag = |message: &[u8]| -> [u8; 32] {
        let mut mac = bare.clone();
        mac.update(message);
        mac.finalize().into_bytes().into()
    };
    let tag = ours.sign(LINK, &fields);
    assert_eq!(tag, bare_tag(encoded.as_bytes()));
    compare(
        "MAC over 64 encoded bytes",
        &mut [
            (
                "HMAC-SHA-256 with kept pads, bytes at hand",
                timed(|n| {
                    (0..n).for_each(|_| {
                        black_box(bare_tag(black_box(encoded.as_bytes())));
                    })
                }),
            ),
            (
                "keyward, sign",
                timed(|n| {
                    (0..n).for_each(|_| {
                        black_box(ours.sign(LINK, black_box(&fields)));
                    })
                }),
            ),
            (
                "keyward, verify",
                timed(|n| {
                    (0..n).for_each(|_| ours.verify(LINK, black_box(&fields), &tag).unwrap())
                }),
            ),
        ],
    );
    let body = vec![0x42; 1024];
    let secret = SecretBytes::copy_of(&KEY);
    let foreign = HmacKey::new(&Provider::default(), HmacHash::Sha256, &secret).unwrap();
    let sent = foreign.sign(&[&body]);
    compare(
        "HMAC of others over 1 KiB",
        &mut [
            (
                "HMAC-SHA-256 with kept pads",
                timed(|n| {
                    (0..n).for_each(|_| {
                        black_box(bare_tag(black_box(&body)));
                    })
                }),
            ),
            (
                "keyward, verify",
                timed(|n| (0..n).for_each(|_| foreign.verify(&[black_box(&body)], &sent).unwrap())),
            ),
        ],
    );
}

/// A value of 64 bytes sealed and opened again, in both suites.
fn suites() {
    let context = context();
    let key = SecretArray::copy_of(&KEY).unwrap();
    let work = |suite: Suite| -> Work<'_> {
        let key = BodyKey::new(&Provider::default(), suite, &key).unwrap();
        let (context, message) = (&context, [0x42; 64]);
        timed(move |n| {
            (0..n).for_each(|_| {
                let mut out = Vec::with_capacity(body_len(64).unwrap());
                key.seal(context, &message, &mut out).unwrap();
                black_box(key.open(context, &out).unwrap());
            })
        })
    };
    compare(
        "seal and open 64 bytes",
        &mut [
            ("suite 1 (SHA-512)", work(Suite::Chunked1)),
            ("suite 2 (SHA-256)", work(Suite::Chunked2)),
        ],
    );
}

const BARS: &[Bar] = &[
    ("MAC over 64 encoded bytes", "keyward, sign", 1.25),
    ("MAC over 64 encoded bytes", "keyward, verify", 1.25),
    ("HMAC of others over 1 KiB", "keyward, verify", 1.25),
    ("seal and open 64 bytes", "suite 2 (SHA-256)", 0.65),
    ("seal 64 bytes", "keyward body", 1.2),
    ("open 64 bytes", "keyward body", 1.2),
    ("seal 64 bytes as text", "keyward", 1.2),
    ("open 64 bytes of text", "keyward", 1.2),
    ("derive the keys of a message", "suite 2 (SHA-256)", 0.625),
    ("seal 64 KiB", "keyward into a buffer that is kept", 1.45),
    ("open 64 KiB", "keyward in place", 1.35),
];

fn main() {
    macs();
    suites();
    small();
    by_size();
    bulk(64 * 1024);
    bulk(1024 * 1024);
    finish("crypto", BARS);
}
