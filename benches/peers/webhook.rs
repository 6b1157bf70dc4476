//! Verifying webhooks, keyward and the peers in one run: `cargo bench --bench webhook` in this
//! folder.
//!
//! Everybody verifies the same request, by its own clock: that of the system. `webhook-verify`
//! keeps no key, and neither it nor the others wipe anything.
#![allow(clippy::unwrap_used, missing_docs)] // A bench: a panic is the report.

use std::hint::black_box;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use keyward_base::{Clock as _, SecretBytes, SystemClock, Timestamp};
use keyward_benches::{Work, compare, timed};
use keyward_crypto::Provider;
use keyward_webhook::{Scheme, Webhook, preset};
use webhook_verify::{Provider as Peer, Secret, verify};

const TEXT: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap())
}

fn signed(scheme: &Scheme, body: &[u8]) -> HeaderMap {
    let secret = SecretBytes::copy_of(TEXT.as_bytes());
    let id = scheme.headers.first().unwrap().id.as_ref();
    let id = id.map(|_| "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W");
    let crypto = Provider::default();
    let mut headers = HeaderMap::new();
    headers.insert("host", "hooks.example.com".parse().unwrap());
    headers.insert("user-agent", "Provider-Hookshot/044aadd".parse().unwrap());
    headers.insert("content-type", "application/json".parse().unwrap());
    headers.extend(scheme.sign(&crypto, &secret, id, now(), body).unwrap());
    headers
}

fn ours<'a>(scheme: &Scheme, headers: &'a HeaderMap, body: &'a [u8]) -> Work<'a> {
    let hook = Webhook::new(scheme.clone(), Provider::default()).unwrap();
    let mut secrets = hook.secrets();
    let secret = SecretBytes::copy_of(TEXT.as_bytes());
    secrets.add("only", None, &secret).unwrap();
    timed(move |n| {
        (0..n).for_each(|_| {
            let now = SystemClock::new().now().unwrap();
            let received = hook.receive(black_box(headers), now).unwrap();
            let hook = received.verify(&secrets, black_box(body)).unwrap();
            black_box(hook.body());
        });
    })
}

fn theirs<'a>(peer: Peer, headers: &'a HeaderMap, body: &'a [u8]) -> Work<'a> {
    let secret = Secret::new(TEXT);
    timed(move |n| {
        (0..n).for_each(|_| {
            verify(peer, black_box(headers), black_box(body), &secret, Default::default()).unwrap();
        });
    })
}

fn main() {
    for (len, size) in [(200, "200 B"), (1024, "1 KiB"), (64 << 10, "64 KiB")] {
        let body: Vec<u8> = (0..len).map(|at| b' ' + u8::try_from(at % 90).unwrap()).collect();
        let body = &body[..];

        let svix = signed(&preset::SVIX, body);
        let peer = svix::webhooks::Webhook::new(TEXT).unwrap();
        compare(
            &format!("Svix, {size}"),
            &mut [
                ("keyward", ours(&preset::SVIX, &svix, body)),
                (
                    "svix",
                    timed(|n| (0..n).for_each(|_| peer.verify(black_box(body), black_box(&svix)).unwrap())),
                ),
            ],
        );

        let standard = signed(&preset::STANDARD_WEBHOOKS, body);
        let peer = standardwebhooks::Webhook::new(TEXT).unwrap();
        compare(
            &format!("Standard Webhooks, {size}"),
            &mut [
                ("keyward", ours(&preset::STANDARD_WEBHOOKS, &standard, body)),
                (
                    "standardwebhooks",
                    timed(|n| (0..n).for_each(|_| peer.verify(black_box(body), black_box(&standard)).unwrap())),
                ),
            ],
        );

        for (name, scheme, peer) in [
            ("GitHub", preset::GITHUB, Peer::GitHub),
            ("Stripe", preset::STRIPE, Peer::Stripe),
        ] {
            let headers = signed(&scheme, body);
            compare(
                &format!("{name}, {size}"),
                &mut [
                    ("keyward", ours(&scheme, &headers, body)),
                    ("webhook-verify", theirs(peer, &headers, body)),
                ],
            );
        }
    }
}
