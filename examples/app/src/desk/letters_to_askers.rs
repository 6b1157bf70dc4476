//! Whoever asked is mailed when time ended what he asked: silence says nothing by itself. What somebody
//! said, he reads on its page.
//!
//! It is marked once it was mailed, as letters to approvers are.

use std::time::Duration;

use keyward_approval::gate::{Shown, State, What};
use keyward_approval::{GateId, RequesterKind, View};
use keyward_base::{Error, Reason, Result, Tenant};
use keyward_store::{Content, RecordKey, Write};

use super::Desk;
use super::letters_of_gates::{FOLDED, MAILED};
use crate::mail::Mail;
use crate::people::Person;

/// Until when somebody is told of it: what ended before that was told of, or nobody could be mailed.
const NEWS: Duration = Duration::from_secs(24 * 60 * 60);

/// How many that ended are looked at together.
const AT_ONCE: usize = 16;

fn mark(tenant: &Tenant, gate: GateId) -> RecordKey {
    RecordKey {
        collection: MAILED,
        owner: tenant.as_str().to_owned(),
        id: format!("{gate}-over"),
    }
}

impl Desk {
    /// The letters of what time ended in one organisation, the newest first.
    pub(super) async fn tell_askers(&self, tenant: &Tenant) -> Result<()> {
        let gates = &self.held.gates;
        let (mut result, mut after) = (Ok(()), None);
        loop {
            let page = gates.list_last(tenant, State::Expired, after, AT_ONCE);
            let (ended, next) = page.await?;
            let marks = ended.iter().map(|gate| mark(tenant, *gate));
            let marks = self.data().fetch_many(&marks.collect::<Vec<_>>()).await?;
            let untold = ended.iter().zip(marks).filter(|(_, mark)| mark.is_none());
            for (gate, _) in untold {
                match self.tell_asker(tenant, *gate).await {
                    Ok(true) => {}
                    // And all behind it ended earlier.
                    Ok(false) => return result,
                    // It keeps no other back.
                    told => result = result.and(told.map(drop)),
                }
            }
            after = next;
            if after.is_none() {
                return result;
            }
        }
    }

    /// Tells of one. No: it ended too long ago.
    async fn tell_asker(&self, tenant: &Tenant, gate: GateId) -> Result<bool> {
        let shown = self.held.gates.show(tenant, gate).await?;
        let now = self.clock().now()?;
        let ended = shown.history().last().map(|past| past.at());
        let ended = ended.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))?;
        if now.saturating_since(ended) > NEWS {
            return Ok(false);
        }
        let requester = shown.action().requester();
        if requester.kind() == RequesterKind::Person {
            match Person::fetch(self.data(), tenant, requester.subject()).await {
                Ok((person, _)) => {
                    let mail = self.of_the_end(tenant, &shown, &person);
                    self.post.send(mail, now, self.crypto())?;
                }
                // He is gone.
                Err(e) if e.reason() == Some(Reason::NOT_FOUND) => {}
                Err(e) => return Err(e),
            }
        }
        let content = Content {
            expires: Some(ended.saturating_add(NEWS.saturating_mul(2))),
            ..Content::default()
        };
        let key = mark(tenant, gate);
        // Whoever else did it meanwhile mailed too.
        let write = Write::Insert { key, content };
        self.data().apply(vec![write]).await.map(|_| true)
    }

    fn of_the_end(&self, tenant: &Tenant, shown: &Shown, to: &Person) -> Mail {
        let mut past = shown.history().iter();
        let said = match past.any(|past| past.what() == What::Approved) {
            true => "What you asked was approved, and not begun in time.",
            false => "Nobody decided what you asked.",
        };
        let page = self.page_of(tenant, shown.id());
        let view = View::of(shown.action()).folded(self.crypto(), FOLDED);
        let text = format!(
            "{said} It has ended, and nothing was done:\n\n{}\nTo ask for it once more, log in and \
             open this page.\n\n{page}\n",
            view.text()
        );
        Mail {
            to: to.email.clone(),
            subject: "What you asked has ended".to_owned(),
            text,
            links: vec![page],
        }
    }
}
