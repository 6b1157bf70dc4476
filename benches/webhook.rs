//! Verifying a webhook, beside the same check written by hand.
//!
//! *by hand* is what one writes over hmac and sha2 for one provider: the same `HeaderMap`, the key
//! kept, the window and a comparison in constant time; nothing of a list but its first signature,
//! one line of each header, and nothing wiped. *raw MAC* is HMAC-SHA-256 alone with a kept key.
// Benches: a panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    missing_docs
)]

use std::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName};
use keyward_base::{SecretBytes, Timestamp};
use keyward_benches::{Bar, Work, compare, finish, timed};
use keyward_crypto::Provider;
use keyward_webhook::{Scheme, Secrets, Webhook, WholeBody, preset};
use sha2::Sha256;

const NOW: u64 = 1_795_000_000;

/// What is checked by hand: whether a request is right.
type Check = fn(&Hmac<Sha256>, &HeaderMap, &[u8], u64) -> bool;

fn unhex(text: &[u8]) -> Option<[u8; 32]> {
    fn digit(byte: u8) -> Option<u8> {
        match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            b'A'..=b'F' => Some(byte - b'A' + 10),
            _ => None,
        }
    }
    let mut out = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (to, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *to = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

fn near(time: &str, now: u64) -> bool {
    let Ok(time) = time.parse::<u64>() else {
        return false;
    };
    now.saturating_sub(time) <= 300 && time.saturating_sub(now) <= 60
}

fn is_right(key: &Hmac<Sha256>, parts: &[&[u8]], tag: &[u8; 32]) -> bool {
    let mut mac = key.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac.verify_slice(tag).is_ok()
}

fn github(key: &Hmac<Sha256>, headers: &HeaderMap, body: &[u8], _: u64) -> bool {
    const SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");
    let tag = || {
        unhex(
            headers
                .get(SIGNATURE)?
                .as_bytes()
                .strip_prefix(b"sha256=")?,
        )
    };
    tag().is_some_and(|tag| is_right(key, &[body], &tag))
}

fn stripe(key: &Hmac<Sha256>, headers: &HeaderMap, body: &[u8], now: u64) -> bool {
    const SIGNATURE: HeaderName = HeaderName::from_static("stripe-signature");
    let (mut time, mut tag) = (None, None);
    let value = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    for pair in value.unwrap_or_default().split(',') {
        match pair.split_once('=') {
            Some(("t", text)) => time = Some(text),
            Some(("v1", text)) => tag = tag.or_else(|| unhex(text.as_bytes())),
            _ => {}
        }
    }
    let (Some(time), Some(tag)) = (time, tag) else {
        return false;
    };
    near(time, now) && is_right(key, &[time.as_bytes(), b".", body], &tag)
}

fn svix(key: &Hmac<Sha256>, headers: &HeaderMap, body: &[u8], now: u64) -> bool {
    const ID: HeaderName = HeaderName::from_static("svix-id");
    const TIME: HeaderName = HeaderName::from_static("svix-timestamp");
    const SIGNATURE: HeaderName = HeaderName::from_static("svix-signature");
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let (Some(id), Some(time), Some(value)) = (text(ID), text(TIME), text(SIGNATURE)) else {
        return false;
    };
    let mut tag = [0; 33];
    let entry = value.split(' ').find_map(|entry| entry.strip_prefix("v1,"));
    let Ok(32) = STANDARD.decode_slice(entry.unwrap_or_default(), &mut tag) else {
        return false;
    };
    let tag = tag.first_chunk().unwrap();
    near(time, now)
        && is_right(
            key,
            &[id.as_bytes(), b".", time.as_bytes(), b".", body],
            tag,
        )
}

struct Case {
    name: &'static str,
    hook: Webhook<WholeBody>,
    secrets: Secrets,
    secret: SecretBytes,
    key: Hmac<Sha256>,
    by_hand: Check,
}

impl Case {
    fn new(name: &'static str, scheme: Scheme, secret: &str, key: &[u8], by_hand: Check) -> Self {
        let hook = Webhook::new(scheme, Provider::default()).unwrap();
        let mut secrets = hook.secrets();
        let secret = SecretBytes::copy_of(secret.as_bytes());
        secrets.add("only", None, &secret).unwrap();
        let key = Hmac::new_from_slice(key).unwrap();
        Self {
            name,
            hook,
            secrets,
            secret,
            key,
            by_hand,
        }
    }

    /// As a request comes: with headers that nobody looks at.
    fn headers(&self, body: &[u8]) -> HeaderMap {
        let scheme = self.hook.scheme();
        let id = scheme.headers[0]
            .id
            .as_ref()
            .map(|_| "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W");
        let now = Timestamp::from_millis(NOW * 1000);
        let signed = scheme
            .sign(&Provider::default(), &self.secret, id, now, body)
            .unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "hooks.example.com"),
            ("user-agent", "Provider-Hookshot/044aadd"),
            ("content-type", "application/json"),
            ("content-length", "1024"),
            ("accept", "*/*"),
            ("accept-encoding", "gzip"),
            ("x-forwarded-for", "192.0.2.1"),
        ] {
            headers.insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        headers.extend(signed);
        headers
    }

    fn ours(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
        let received = self.hook.receive(headers, now);
        received.is_ok_and(|received| received.verify(&self.secrets, body).is_ok())
    }
}

fn cases() -> [Case; 3] {
    let text = "whsec_0123456789abcdef0123456789abcdef";
    [
        Case::new("GitHub", preset::GITHUB, text, text.as_bytes(), github),
        Case::new("Stripe", preset::STRIPE, text, text.as_bytes(), stripe),
        Case::new(
            "Svix",
            preset::SVIX,
            "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
            b"0123456789abcdef0123456789abcdef",
            svix,
        ),
    ]
}

fn verify(case: &Case, len: usize, title: &str) {
    let body: Vec<u8> = (0..len)
        .map(|at| b' ' + u8::try_from(at % 90).unwrap())
        .collect();
    let headers = case.headers(&body);
    let now = Timestamp::from_millis(NOW * 1000 + 500);
    assert!((case.by_hand)(&case.key, &headers, &body, NOW));
    assert!(case.ours(&headers, &body, now));
    let mut other = body.clone();
    other.push(b' ');
    assert!(!(case.by_hand)(&case.key, &headers, &other, NOW));
    assert!(!case.ours(&headers, &other, now));
    let (headers, body) = (&headers, &body[..]);
    let raw: Work<'_> = timed(move |n| {
        (0..n).for_each(|_| {
            let mut mac = black_box(&case.key).clone();
            mac.update(black_box(body));
            black_box(mac.finalize().into_bytes());
        })
    });
    let by_hand: Work<'_> = timed(move |n| {
        (0..n).for_each(|_| {
            let right = (case.by_hand)(&case.key, black_box(headers), black_box(body), NOW);
            assert!(black_box(right));
        })
    });
    let ours: Work<'_> = timed(move |n| {
        (0..n).for_each(|_| {
            assert!(black_box(case.ours(
                black_box(headers),
                black_box(body),
                now
            )))
        })
    });
    let mut works = [("by hand", by_hand), ("keyward", ours), ("raw MAC", raw)];
    if len >= 64 * 1024 {
        works.rotate_right(1);
    }
    compare(title, &mut works);
}

const BARS: &[Bar] = &[
    ("GitHub, 1 KiB", "keyward", 1.25),
    ("Stripe, 1 KiB", "keyward", 1.25),
    ("Svix, 1 KiB", "keyward", 1.25),
    ("GitHub, 64 KiB", "keyward", 1.05),
    ("Stripe, 64 KiB", "keyward", 1.05),
    ("Svix, 64 KiB", "keyward", 1.05),
    ("GitHub, 1 MiB", "keyward", 1.05),
];

fn main() {
    for case in &cases() {
        for (len, size) in [
            (200, "200 B"),
            (1024, "1 KiB"),
            (64 << 10, "64 KiB"),
            (1 << 20, "1 MiB"),
        ] {
            verify(case, len, &format!("{}, {size}", case.name));
        }
    }
    finish("webhook", BARS);
}
