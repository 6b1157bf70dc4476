//! What an administrator of the service works with: its keys, its own log, its organisations.

use std::sync::Arc;

use keyward_base::{Actor, Reason, Result};
use keyward_session::{Admin, LiveSession};

use super::Desk;
use crate::notice::Notice;
use crate::organisation::Organisation;
use crate::people::{Person, Role};

/// The desk, and who administrates the service at it.
#[derive(Debug)]
pub(crate) struct Administrator {
    pub(super) desk: Arc<Desk>,
    pub(super) who: Actor,
    pub(crate) live: LiveSession<Admin>,
    person: Person,
    /// Who is told what was just done.
    session: String,
}

/// One of all people, as the administration lists them.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) tenant: String,
    pub(crate) subject: String,
    pub(crate) organisation: String,
    pub(crate) person: Person,
}

impl Administrator {
    /// That of a session; none if whose it is is none any more.
    pub(crate) async fn find(desk: Arc<Desk>, live: LiveSession<Admin>) -> Result<Option<Self>> {
        let found = Person::fetch(desk.data(), live.tenant(), live.subject()).await;
        let person = match found {
            Ok((person, _)) if person.role == Role::Administrator => person,
            Ok(_) => return Ok(None),
            Err(e) if e.reason() == Some(Reason::NOT_FOUND) => return Ok(None),
            Err(e) => return Err(e),
        };
        Ok(Some(Self {
            who: live.actor().staff(),
            session: live.id().to_string(),
            desk,
            live,
            person,
        }))
    }

    pub(crate) const fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    pub(crate) const fn person(&self) -> &Person {
        &self.person
    }

    /// Some of the people of all organisations.
    pub(crate) async fn people(&self, limit: usize) -> Result<Vec<Listed>> {
        let store = self.desk.data();
        let mut all = Vec::new();
        for (tenant, organisation) in Organisation::all(store, limit).await? {
            let left = limit.saturating_sub(all.len());
            if left == 0 {
                break;
            }
            for (subject, person) in Person::all(store, &tenant, left).await? {
                all.push(Listed {
                    tenant: tenant.as_str().to_owned(),
                    subject: subject.as_str().to_owned(),
                    organisation: organisation.name.clone(),
                    person,
                });
            }
        }
        Ok(all)
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
