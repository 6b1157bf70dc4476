//! The knobs, and the reason for each default.

use std::time::Duration;

/// The most bytes of a form, and of any request body under [`crate::RoutePolicy::pages`], unless
/// the service says otherwise: room for the largest value the vault seals (1 MiB), three times
/// that if all of it is percent-encoded, and the form around it.
pub const FORM_LIMIT: usize = 3 * 1024 * 1024 + 64 * 1024;

/// The most bytes of a request body under [`crate::RoutePolicy::machines`], unless the service
/// says otherwise: 1 MiB, many times what Stripe or a cron job sends. GitHub's webhooks may have
/// 25 MiB; a route that takes all of them has to say so.
pub const MACHINE_LIMIT: usize = 1024 * 1024;

/// How long a client should wait after `503`: longer than a database restart of the small kind,
/// short enough for a person who waits.
pub const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How long browsers remember to use TLS only: one year, the least that the preload lists take.
pub const HSTS_MAX_AGE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What the browser tells other pages about where it came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Referrer {
    /// Nothing, to nobody: the default. A form then carries `Origin: null` (Fetch standard,
    /// "append a request Origin header"), so that a browser older than `Sec-Fetch-Site` (Safari
    /// before 16.4) cannot pass the same-origin check.
    #[default]
    Never,
    /// The page's address, to this origin only. Such old browsers can then send forms.
    SameOrigin,
}

impl Referrer {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "no-referrer",
            Self::SameOrigin => "same-origin",
        }
    }
}
