//! What is of one organisation, in the name of who asked.

use std::sync::Arc;

use keyward_base::{Actor, Result, Tenant};
use keyward_vault::AtPlace;

use super::Desk;
use crate::section::Section;

/// The desk for one organisation, and who is at it. Whatever is of an organisation is reached through
/// it alone, and it is made of a session or a key, so that no request says whose data it is for.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    pub(super) desk: Arc<Desk>,
    pub(super) tenant: Tenant,
    pub(super) who: Actor,
}

impl Room {
    /// A place of the vault, of this organisation.
    pub(super) fn place(&self, place: &str) -> Result<AtPlace> {
        let vault = self.desk.vault.acting_as(self.who.clone());
        vault.tenant(self.tenant.as_str())?.place(place)
    }

    /// The column of a section.
    pub(super) fn column(&self, section: Section) -> Result<AtPlace> {
        self.place(section.column())
    }
}
