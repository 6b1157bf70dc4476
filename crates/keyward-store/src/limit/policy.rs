//! A limit, and the knobs with the reason for each.

use std::time::Duration;

use keyward_base::{Error, Result};

use crate::attempts::Window;
use crate::limits::StoreLimits;

/// How much of a limit a shared row admits: that of ten, at most what a window can count. One alone
/// in it gets what ten get, as long as the table is full.
pub(super) const SHARED: u32 = 10;

/// Names of one that is counted, each under a key of its own: the active one, one that is about to be,
/// and the two that retired last.
pub(super) const NAMES: usize = 4;

/// Limits of one request: each under four names makes the 16 windows that a store reserves at once
/// ([`StoreLimits::WINDOWS`]).
pub(super) const LIMITS: usize = 4;

/// How long this process goes by what the store said: a place that was given back elsewhere is found
/// again so late at most.
pub(super) const KNOWN_FOR: Duration = Duration::from_secs(1);

/// Refusals that a process knows of, at most: some 50 bytes each.
pub(super) const KNOWN: usize = 8_192;

/// Bytes of a limit's name.
const NAME: usize = 32;

/// So many requests in any span.
///
/// Up to 1,024 it is exact: an attempt at `t` counts until `t + span`, and no span of that length has
/// more. Above, the span is cut into equal parts, and each part of that length admits its share of
/// them, rounded down: so no span has ever more than the limit, and one may have fewer, since what a
/// quiet part did not use is not used later. [`Limit::most`] and [`Limit::span`] say what was asked,
/// [`Limit::window`] what is held.
///
/// ```
/// use std::time::Duration;
/// use keyward_store::limit::Limit;
///
/// # fn main() -> keyward_base::Result<()> {
/// let of_keys = Limit::new("api", 10_000, Duration::from_secs(3_600))?;
/// assert_eq!(of_keys.window().most(), 1_000);
/// assert_eq!(of_keys.window().span(), Duration::from_secs(360));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    name: String,
    most: u32,
    span: Duration,
    window: Window,
}

impl Limit {
    /// At most `most` in any `span`. `name` tells it from others, in the table and to clients: 1 to 32
    /// lower-case letters, digits and `-`. What was counted under a name counts on when the numbers
    /// change.
    ///
    /// # Errors
    /// `Misuse` for another name, for none in a span, for a span below a millisecond, or so many that
    /// less than a millisecond is left for 1,024 of them.
    pub fn new(name: &str, most: u32, span: Duration) -> Result<Self> {
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=NAME).contains(&name.len()) || !name.bytes().all(word) {
            return Err(Error::misuse(
                "a limit's name is 1 to 32 lower-case letters, digits and -",
            ));
        }
        let parts = most.div_ceil(StoreLimits::ATTEMPTS).max(1);
        let window = if parts == 1 {
            Window::new(most, span)?
        } else {
            in_parts(most, span, parts)?
        };
        Ok(Self {
            name: name.to_owned(),
            most,
            span,
            window,
        })
    }

    /// What tells it from others.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many were asked for.
    #[must_use]
    pub const fn most(&self) -> u32 {
        self.most
    }

    /// The span that was asked for.
    #[must_use]
    pub const fn span(&self) -> Duration {
        self.span
    }

    /// What is held: the whole, or a part of it that is told to clients as the limit, since it is what
    /// they meet.
    #[must_use]
    pub const fn window(&self) -> Window {
        self.window
    }

    /// What a row admits that is shared where there is no room.
    pub(super) fn shared(&self) -> Result<Window> {
        let most = self.window.most().saturating_mul(SHARED);
        Window::new(most.min(StoreLimits::ATTEMPTS), self.window.span())
    }
}

/// Any span is covered by `parts` spans of its part, rounded up to a millisecond, and each of these
/// has its share at most, rounded down.
fn in_parts(most: u32, span: Duration, parts: u32) -> Result<Window> {
    let too_many = || {
        Error::misuse(
            "so many in so short a span cannot be counted: 1,024 in a millisecond at most",
        )
    };
    let share = most.checked_div(parts).ok_or_else(too_many)?;
    let millis = u64::try_from(span.as_millis()).map_err(|_| too_many())?;
    if millis < u64::from(parts) {
        return Err(too_many());
    }
    Window::new(
        share,
        Duration::from_millis(millis.div_ceil(u64::from(parts))),
    )
}
