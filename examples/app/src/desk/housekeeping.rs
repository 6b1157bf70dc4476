//! What is done every minute, and when cron asks for it: what is over goes, and who owns a key that
//! ends soon is told.

use keyward_audit::Given;
use keyward_base::audit::Outcome;
use keyward_base::{Actor, Error, Result, Subject};
use keyward_session::Internal;
use serde::Serialize;

use super::Desk;
use super::record::CRON;
use crate::hooks::effect::Effect;
use crate::log;

/// How many that are over are removed at once, of each sort.
pub(super) const SWEPT: usize = 1_000;

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

/// Several things to do, none of which waits for another that failed. The first failure is given at
/// the end, the others are lines for the operator.
#[derive(Debug, Default)]
struct Steps(Option<Error>);

impl Steps {
    fn took<T: Default>(&mut self, result: Result<T>) -> T {
        result.unwrap_or_else(|error| {
            match self.0 {
                None => self.0 = Some(error),
                Some(_) => log::failure(&error),
            }
            T::default()
        })
    }

    fn end(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

impl Desk {
    /// Removes what is over, and tells of what ends soon. Any process may do it at any time.
    pub(crate) async fn tidy(&self) -> Result<Kept> {
        let (mut kept, mut steps) = (Kept::default(), Steps::default());
        let now = self.clock().now()?;
        kept.deliveries = steps.took(self.inbox.tidy().await);
        for event in self.masks.news(now) {
            self.trail().note(event).await;
        }
        kept.sessions = steps.took(self.doors.sessions.purge(SWEPT).await);
        for door in [&self.doors.users, &self.doors.admins] {
            let links = steps.took(door.mail.sweep(SWEPT).await);
            kept.links = kept.links.saturating_add(links);
        }
        kept.tries = steps.took(self.doors.purge_tries().await);
        let asked = steps.took(self.api_limits.purge(SWEPT).await);
        kept.tries = kept.tries.saturating_add(asked);
        let keys = self.api_keys.upkeep(SWEPT).await;
        kept.keys = steps.took(keys.map(|done| done.purged));
        steps.took(self.owners.again().await);
        kept.notices = self.tell_of_ends(&mut steps).await;
        steps.took(self.tidy_deployments(now).await);
        steps.took(Effect::tidy(self.data(), now).await);
        steps.took(self.settings.reread());
        let policy = self.settings.approvals.as_deref();
        steps.took(self.held.reread(policy, self.crypto()));
        // What time did to a gate is in its record; whom that is told, the letters find there.
        steps.took(self.held.gates.tick(SWEPT).await.map(drop));
        steps.took(self.letters_due().await);
        // Where nothing can run any more, and nobody looks it up: the record keeps what was done.
        steps.took(self.held.gates.purge(SWEPT).await.map(drop));
        self.wake_executor();
        steps.end()?;
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

    /// Tells the owners of keys that end soon, of each as often as the policy says. That each is told is
    /// on record before it is: so one letter that cannot be sent keeps no other back, and waits itself.
    async fn tell_of_ends(&self, steps: &mut Steps) -> u64 {
        let (mut told, mut after) = (0_u64, None);
        loop {
            let due = match self.api_keys.due(after).await {
                Ok(due) => due,
                Err(error) => {
                    steps.took::<()>(Err(error));
                    return told;
                }
            };
            for notice in &due.notices {
                let sent = self.owners.ends(notice).await;
                told = told.saturating_add(u64::from(sent.is_ok()));
                steps.took(sent);
            }
            after = due.next;
            if after.is_none() {
                return told;
            }
        }
    }
}
