//! What an administrator of the service works with: its keys, its own log, its organisations.

use std::sync::Arc;

use keyward_base::{Actor, Result};

use super::Desk;
use crate::notice::Notice;
use crate::organisation::Organisation;

/// The desk, and who administrates the service at it.
#[derive(Clone, Debug)]
pub(crate) struct Administrator {
    pub(super) desk: Arc<Desk>,
    pub(super) who: Actor,
    /// Who is told what was just done.
    session: String,
}

impl Administrator {
    pub(crate) const fn new(desk: Arc<Desk>, who: Actor, session: String) -> Self {
        Self { desk, who, session }
    }

    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Some of the organisations: tenant and name.
    pub(crate) async fn organisations(&self, limit: usize) -> Result<Vec<(String, String)>> {
        let all = Organisation::all(self.desk.data(), limit).await?;
        let named = all.into_iter();
        Ok(named
            .map(|(tenant, of)| (tenant.as_str().to_owned(), of.name))
            .collect())
    }

    /// The address of `path` that says `text` there, once, to this session.
    pub(crate) fn tell_next(&self, path: &str, text: &'static str) -> String {
        self.desk.notices.tell(&self.session, path, text, &[])
    }

    /// What is to be said at `path` for that number.
    pub(crate) fn told(&self, path: &str, number: Option<&str>) -> Option<Notice> {
        self.desk.notices.take(&self.session, path, number)
    }
}
