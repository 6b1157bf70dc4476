//! What a session is started with, beside the evidence.

use crate::live::AnyLive;
use crate::text::shown;

/// What a session is started with, beside the evidence: whose it is and what kind, the evidence says.
#[derive(Debug, Default)]
#[must_use = "it starts nothing by itself"]
pub struct Start<'a> {
    pub(crate) remember: bool,
    pub(crate) client: String,
    pub(crate) replacing: Option<&'a AnyLive>,
}

impl<'a> Start<'a> {
    /// A session that is not remembered, of an unknown client, beside all others.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the browser keeps it when it is closed, and a week goes by before it ends unused.
    /// Only users' sessions are remembered or not.
    pub const fn remember(mut self, remember: bool) -> Self {
        self.remember = remember;
        self
    }

    /// What the client is, such as `Firefox on Linux`, for the list of devices: 64 bytes are kept,
    /// and nothing that is not shown, such as control characters.
    pub fn client(mut self, client: &str) -> Self {
        self.client = shown(client);
        self
    }

    /// The session that the browser had, which ends in the same step.
    pub const fn replacing(mut self, session: Option<&'a AnyLive>) -> Self {
        self.replacing = session;
        self
    }
}
