//! What a person works with: the room of his organisation, and who he is in it.

use std::ops::Deref;
use std::sync::Arc;

use keyward_base::audit::Outcome;
use keyward_base::{Error, Reason, Result, Subject};
use keyward_session::{AnyLive, LiveSession, User};
use keyward_store::Write;
use keyward_vault::Note;

use super::record::RENAME;
use super::{Desk, Room, administrators};
use crate::notice::Notice;
use crate::organisation::{self, Organisation};
use crate::people::{self, Person, Role};
use crate::view::StaffView;

/// The room of one organisation, with one of its people in it, or staff who act for him: made of a
/// session, so that no request says whose data it is for.
#[derive(Clone, Debug)]
pub(crate) struct Office {
    room: Room,
    organisation: Organisation,
    person: Person,
    /// Who is told what was just done.
    session: String,
    /// Who acts in truth, and why: name and reason.
    staff: Option<(String, String)>,
}

impl Deref for Office {
    type Target = Room;

    fn deref(&self) -> &Room {
        &self.room
    }
}

/// The desk of one organisation, and one of its people himself: not staff in his place.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) office: Office,
    pub(crate) live: LiveSession<User>,
}

impl Own {
    pub(crate) const fn new(office: Office, live: LiveSession<User>) -> Self {
        Self { office, live }
    }
}

impl Office {
    /// That of a session; none if whose it is belongs to no organisation any more.
    pub(crate) async fn find(desk: Arc<Desk>, live: &AnyLive) -> Result<Option<Self>> {
        let (tenant, subject) = (live.tenant(), live.subject());
        let keys = [people::key(tenant, subject), organisation::key(tenant)];
        let found = desk.data().fetch_many(&keys).await?;
        let [Some(person), Some(organisation)] = found.as_slice() else {
            return Ok(None);
        };
        let (person, organisation) = (people::read(person)?, organisation::read(organisation)?);
        let staff = match live.staff() {
            Some(staff) => {
                // What he is called, for who reads the page; the record names him by himself.
                let him = Person::fetch(desk.data(), &administrators()?, staff.subject).await?;
                Some((him.0.email, staff.reason.to_owned()))
            }
            None => None,
        };
        Ok(Some(Self {
            session: live.id().to_string(),
            room: Room {
                tenant: tenant.clone(),
                who: live.actor(),
                desk,
            },
            organisation,
            person,
            staff,
        }))
    }

    pub(crate) fn organisation(&self) -> &str {
        &self.organisation.name
    }

    pub(crate) const fn person(&self) -> &Person {
        &self.person
    }

    pub(crate) fn staff(&self) -> Option<StaffView> {
        let (who, reason) = self.staff.clone()?;
        Some(StaffView {
            who,
            whom: self.person.email.clone(),
            reason,
        })
    }

    /// Whether whose session it is owns the organisation: he may invite others, name it, and make keys.
    pub(crate) fn is_owners(&self) -> bool {
        self.person.role == Role::Owner
    }

    /// The people of the organisation.
    pub(crate) async fn people(&self, limit: usize) -> Result<Vec<(Subject, Person)>> {
        Person::all(self.desk.data(), &self.tenant, limit).await
    }

    /// One of them.
    pub(crate) async fn one_of_us(&self, who: &Subject) -> Result<Person> {
        let found = Person::fetch(self.desk.data(), &self.tenant, who).await;
        found.map(|(person, _)| person)
    }

    /// Gives the organisation another name, once it is on record who does. No: it is none.
    pub(crate) async fn rename(&self, name: &str) -> Result<bool> {
        let store = self.desk.data();
        let found = store.fetch(&organisation::key(&self.tenant)).await?;
        let found = found.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))?;
        let renamed = organisation::read(&found)?.called(name);
        if renamed.name.trim().is_empty() {
            return Ok(false);
        }
        let who = Some(&self.who);
        self.tell(RENAME, Outcome::Done, &[], who, None).await?;
        let content = renamed.content()?;
        let put = Write::put(
            organisation::key(&self.tenant),
            Some(found.version),
            content,
        );
        match store.apply(vec![put]).await? {
            keyward_store::Applied::Done(_) => Ok(true),
            _ => Err(Error::rejected(Reason::CONFLICT)),
        }
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
