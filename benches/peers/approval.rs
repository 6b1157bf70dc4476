//! The check of an approval link, keyward and jsonwebtoken in one run: `cargo bench --bench approval` in
//! this folder. The peer's token says the same as claims of HS256: tenant, gate, slot, action, end.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../approval/world.rs"]
#[allow(dead_code)] // What is checked plainly is another bench's.
mod world;

use std::hint::black_box;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use keyward_benches::{Work, compare, finish, timed};
use serde_json::{Value, json};

fn main() {
    let made = world::links();
    let (tenant, token) = (&made.tenant, &made.token);
    let claims = json!({
        "aud": tenant.as_str(), "exp": made.links_end(), "gate": "07".repeat(16), "slot": 3,
        "act": "07".repeat(16),
    });
    let theirs = encode(&Header::default(), &claims, &EncodingKey::from_secret(&[7; 32])).unwrap();
    let key = DecodingKey::from_secret(&[7; 32]);
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_audience(&[tenant.as_str()]);
    assert!(decode::<Value>(&theirs, &key, &rules).is_ok());
    let keyward: Work<'_> = timed(|n| {
        (0..n).for_each(|_| {
            let now = made.now();
            let _checked = black_box(made.links.check_at_once(tenant, black_box(token), now).unwrap());
        });
    });
    let jsonwebtoken: Work<'_> = timed(|n| {
        (0..n).for_each(|_| {
            black_box(decode::<Value>(black_box(&theirs), &key, &rules).unwrap());
        });
    });
    compare("link check", &mut [("jsonwebtoken", jsonwebtoken), ("keyward", keyward)]);
    // Five times as fast.
    finish("approval-peers", &[("link check", "keyward", 0.2)]);
}
