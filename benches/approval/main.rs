//! The check of an approval link, beside the same written plainly: decoded, one MAC under a key that is
//! kept, compared, the two times looked at. Nothing is wiped there, and one key is known. And a vote and
//! an execution, beside the raw commits that they need.
// Benches: a panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    missing_docs
)]

mod steps;
mod world;

use std::hint::black_box;

use keyward_benches::{Bar, Work, compare, finish, timed};

use crate::world::{Bare, LIFE, links, millis};

fn main() {
    let made = links();
    let bare = Bare::new(made.tenant.as_str());
    let token_of_bare = bare.token(made.links_end());
    assert!(bare.check(&token_of_bare, millis(), LIFE).is_some());
    let (tenant, token) = (&made.tenant, &made.token);
    assert!(made.links.check_at_once(tenant, token, made.now()).is_ok());
    let plain: Work<'_> = timed(|n| {
        (0..n).for_each(|_| {
            black_box(
                bare.check(black_box(&token_of_bare), millis(), LIFE)
                    .unwrap(),
            );
        });
    });
    let keyward: Work<'_> = timed(|n| {
        (0..n).for_each(|_| {
            let now = made.now();
            let _checked = black_box(
                made.links
                    .check_at_once(tenant, black_box(token), now)
                    .unwrap(),
            );
        });
    });
    compare("link check", &mut [("bare", plain), ("keyward", keyward)]);

    // Of each its own, as it would come: all of it is looked at, and the MAC is another.
    let forge = |token: &str| {
        let other = if token.ends_with('A') { "E" } else { "A" };
        format!("{}{other}", &token[..token.len() - 1])
    };
    let (forged, forged_bare) = (forge(token), forge(&token_of_bare));
    let plain: Work<'_> = timed(|n| {
        (0..n).for_each(|_| {
            black_box(bare.check(black_box(&forged_bare), millis(), LIFE));
        });
    });
    let keyward: Work<'_> = timed(|n| {
        (0..n).for_each(|_| {
            let now = made.now();
            let _checked = black_box(
                made.links
                    .check_at_once(tenant, black_box(&forged), now)
                    .unwrap_err(),
            );
        });
    });
    compare("made up", &mut [("bare", plain), ("keyward", keyward)]);
    steps::compare();
    finish("approval", BARS);
}

const BARS: &[Bar] = &[("link check", "keyward", 1.3)];
