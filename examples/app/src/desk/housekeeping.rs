//! What is done every minute, and when cron asks for it: what is over goes, and who owns a key that
//! ends soon is told.

use keyward_audit::Given;
use keyward_base::audit::Outcome;
use keyward_base::{Actor, Result, Subject, Timestamp};
use keyward_session::Internal;
use keyward_session::api_key::Notice;
use serde::Serialize;

use super::Desk;
use super::record::CRON;
use crate::apikeyview::path_of;
use crate::hooks::effect::Effect;
use crate::mail::Mail;
use crate::people::{Person, Role};
use crate::view::minute;

/// How many that are over are removed at once, of each sort.
pub(super) const SWEPT: usize = 1_000;

/// How many people of an organisation are looked at for its owners.
const PEOPLE: usize = 500;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Kept {
    /// Rows of sessions that are over.
    sessions: u64,
    /// Mailed links, and counts of mails that were asked for.
    links: u64,
    /// Counts of failed log-ins, and of what keys asked.
    tries: u64,
    /// API keys that are over.
    keys: u64,
    /// Owners were told of so many keys that end soon.
    notices: u64,
    /// Deliveries that were handled long ago.
    deliveries: u64,
}

impl Desk {
    /// Removes what is over, and tells of what ends soon. Any process may do it at any time.
    pub(crate) async fn tidy(&self) -> Result<Kept> {
        let mut kept = Kept {
            deliveries: self.inbox.tidy().await?,
            ..Kept::default()
        };
        let now = self.clock().now()?;
        for event in self.masks.news(now) {
            self.vault.trail().note(event).await;
        }
        kept.sessions = self.doors.sessions.purge(SWEPT).await?;
        (kept.links, kept.tries) = self.doors.tidy().await?;
        let asked = self.api_limits.purge(SWEPT).await?;
        kept.tries = kept.tries.saturating_add(asked);
        kept.keys = self.api_keys.upkeep(SWEPT).await?.purged;
        kept.notices = self.tell_of_ends(now).await?;
        self.tidy_deployments(now).await?;
        Effect::tidy(self.data(), now).await?;
        Ok(kept)
    }

    /// The same for who has an internal secret, once it is on record which.
    pub(crate) async fn tidy_for(&self, by: &Internal) -> Result<Kept> {
        let who = Actor::new(Subject::new(&format!("cron/{}", by.id()))?);
        let given = [("secret", Given::Id(by.id().as_str()))];
        self.tell(None, CRON, Outcome::Done, &given, Some(&who), None)
            .await?;
        self.tidy().await
    }

    /// Tells the owners of keys that end soon, of each as often as the policy says.
    async fn tell_of_ends(&self, now: Timestamp) -> Result<u64> {
        let (mut told, mut after) = (0_u64, None);
        loop {
            let due = self.api_keys.due(after).await?;
            for notice in &due.notices {
                self.tell_owners(notice, now).await?;
                told = told.saturating_add(1);
            }
            after = due.next;
            if after.is_none() {
                return Ok(told);
            }
        }
    }

    async fn tell_owners(&self, notice: &Notice, now: Timestamp) -> Result<()> {
        let key = &notice.key;
        let ends = key.expires.map_or_else(String::new, minute);
        let page = format!("{}{}", self.base, path_of(&key.id.to_string()));
        let people = Person::all(self.data(), &key.tenant, PEOPLE).await?;
        for (_, person) in people.into_iter().filter(|(_, of)| of.role == Role::Owner) {
            let mail = Mail {
                to: person.email,
                subject: "An API key ends soon".to_owned(),
                text: format!(
                    "The key \"{}\" ends at {ends} UTC. If a program needs it still, rotate it \
                     before:\n\n{page}\n",
                    key.name
                ),
                links: vec![page.clone()],
            };
            self.post.send(mail, now, self.crypto())?;
        }
        Ok(())
    }
}
