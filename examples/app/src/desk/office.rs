//! What somebody works with: the desk for one organisation, in the name of who asked.

use std::sync::Arc;

use keyward_base::{Actor, Result, Tenant};
use keyward_vault::{AtPlace, Note};

use super::Desk;
use crate::notice::Notice;
use crate::section::Section;

/// The desk of one organisation, and who is at it. Whatever is of an organisation is reached through
/// it alone, and it is made of a session, so that no request says whose data it is for.
#[derive(Clone, Debug)]
pub(crate) struct Office {
    pub(super) desk: Arc<Desk>,
    pub(super) tenant: Tenant,
    pub(super) who: Actor,
    /// What the organisation is called.
    name: String,
    /// Who is told what was just done.
    session: String,
}

impl Office {
    pub(crate) fn new(
        desk: Arc<Desk>,
        tenant: Tenant,
        name: String,
        who: Actor,
        session: String,
    ) -> Self {
        Self {
            desk,
            tenant,
            who,
            name,
            session,
        }
    }

    pub(crate) fn organisation(&self) -> &str {
        &self.name
    }

    /// A place of the vault, of this organisation.
    pub(super) fn place(&self, place: &str) -> Result<AtPlace> {
        let vault = self.desk.vault.acting_as(self.who.clone());
        vault.tenant(self.tenant.as_str())?.place(place)
    }

    /// The column of a section.
    pub(super) fn column(&self, section: Section) -> Result<AtPlace> {
        self.place(section.column())
    }

    /// The address of `path` that says `text` there, once, to this session.
    pub(crate) fn tell_next(&self, path: &str, text: &'static str, notes: &[Note]) -> String {
        self.desk.notices.tell(&self.session, path, text, notes)
    }

    /// What is to be said at `path` for that number.
    pub(crate) fn told(&self, path: &str, number: Option<&str>) -> Option<Notice> {
        self.desk.notices.take(&self.session, path, number)
    }
}
