//! Who may approve something is mailed a link to it: once when it is asked, and at each reminder and when
//! it goes to the second rule, until he said yes.
//!
//! What was mailed is marked beside the gate, after it was. So a process that ends in between mails once
//! more, and no letter is lost with it; each link is one of its own, and one yes ends them all.

use keyward_approval::gate::{Shown, State, Voter, What};
use keyward_approval::link::CodeIn;
use keyward_approval::{GateId, Letter, View};
use keyward_base::{Result, Subject, Tenant, Timestamp};
use keyward_store::{Collection, Content, RecordKey, Write};
use secrecy::ExposeSecret as _;

use super::{Desk, administrators};
use crate::log;
use crate::mail::Mail;
use crate::organisation::Organisation;
use crate::people::Person;

pub(super) const MAILED: Collection = Collection::named("deploydesk-gates-mailed");

/// How many gates of an organisation are looked for at once.
const GATES: usize = 1_000;

/// How many people are mailed a link of their own at a time. A gate has 64 links, for all of its rounds:
/// when it is asked, at each reminder, and when it goes to the second rule.
const AT_ONCE: usize = 16;

/// The most characters of a text in a mail: what is longer is read on the page that the link opens.
pub(super) const FOLDED: usize = 2_000;

/// The page of links, for those who come in at either door.
pub(crate) fn by_link(administrators: bool) -> &'static str {
    match administrators {
        true => "/admin/approvals/by-link",
        false => "/approvals/by-link",
    }
}

/// How often those who may approve are to have been told by now.
fn round(shown: &Shown) -> usize {
    let tells = |what| matches!(what, What::Reminded | What::Escalated);
    let again = shown.history().iter().filter(|past| tells(past.what()));
    again.count()
}

fn mark(tenant: &Tenant, shown: &Shown) -> RecordKey {
    RecordKey {
        collection: MAILED,
        owner: tenant.as_str().to_owned(),
        id: format!("{}-{}", shown.id(), round(shown)),
    }
}

impl Desk {
    /// Tells who may approve it, now. What cannot be told now is told by the next round.
    pub(crate) async fn tell_approvers(&self, tenant: &Tenant, gate: GateId) {
        if let Err(error) = self.letters_of(tenant, gate).await {
            log::failure(&error);
        }
    }

    /// The letters of all gates that somebody is to be told of, who asked among them.
    pub(super) async fn letters_due(&self) -> Result<()> {
        let mut tenants = vec![administrators()?];
        tenants.extend(Organisation::tenants(self.data()).await?);
        let mut result = Ok(());
        for tenant in tenants {
            result = result.and(self.letters_in(&tenant).await);
            result = result.and(self.tell_askers(&tenant).await);
        }
        let purged = self.data().purge(&MAILED, self.clock().now()?, GATES).await;
        result.and(purged.map(drop))
    }

    /// Those of one organisation.
    pub(crate) async fn letters_in(&self, tenant: &Tenant) -> Result<()> {
        let gates = &self.held.gates;
        let (mut result, mut after) = (Ok(()), None);
        loop {
            let page = gates.list(tenant, State::Pending, after, GATES).await?;
            // One that cannot be told keeps no other back.
            for gate in page.0 {
                result = result.and(self.letters_of(tenant, gate).await);
            }
            after = page.1;
            if after.is_none() {
                return result;
            }
        }
    }

    async fn letters_of(&self, tenant: &Tenant, gate: GateId) -> Result<()> {
        let shown = self.held.gates.show(tenant, gate).await?;
        let policy = self.held.gates.policy();
        let rule = match shown.rule_in(&policy) {
            // The code of such a link is on the screen of who asked: he alone has another made.
            Some(rule) if !rule.takes_link_holder() => rule,
            _ => return Ok(()),
        };
        let mark = mark(tenant, &shown);
        if shown.state() != State::Pending || self.data().fetch(&mark).await?.is_some() {
            return Ok(());
        }
        let requester = shown.action().requester();
        let mut room = room(&shown);
        for (subject, person) in self.approvers(tenant, rule, requester).await? {
            if has_voted(&shown, &subject) {
                continue;
            }
            let now = self.clock().now()?;
            let mail = match room.next() {
                Some(_) => {
                    let letter = self.letter(tenant, &shown, &subject, false).await?;
                    self.with_link(tenant, &shown, &person, (&letter, CodeIn::Nowhere))?
                }
                None => self.without_link(tenant, &shown, &person),
            };
            self.post.send(mail, now, self.crypto())?;
        }
        let content = Content {
            expires: Some(shown.action().run_by()),
            ..Content::default()
        };
        // Whoever else did it meanwhile mailed too.
        let write = Write::Insert { key: mark, content };
        self.data().apply(vec![write]).await.map(drop)
    }

    /// A link for who asked himself and alone, and the end of those before it. Gives the code that goes
    /// with it, which is in no mail.
    pub(crate) async fn letter_to_oneself(
        &self,
        tenant: &Tenant,
        gate: GateId,
        who: &Subject,
    ) -> Result<String> {
        let gates = &self.held.gates;
        let shown = gates.show(tenant, gate).await?;
        let mut slot = 0;
        while let Some(link) = shown.link(slot) {
            if link.is_alive {
                gates.kill_link(tenant, gate, slot).await?;
            }
            slot = slot.saturating_add(1);
        }
        let (person, _) = Person::fetch(self.data(), tenant, who).await?;
        let letter = self.letter(tenant, &shown, who, true).await?;
        let mail = self.with_link(tenant, &shown, &person, (&letter, CodeIn::AskersScreen))?;
        self.post.send(mail, self.clock().now()?, self.crypto())?;
        Ok(letter.code().expose().to_owned())
    }

    async fn letter(
        &self,
        tenant: &Tenant,
        shown: &Shown,
        to: &Subject,
        with_code: bool,
    ) -> Result<Letter> {
        let draft = self.held.links.draft(tenant, shown.id())?;
        let code = with_code.then(|| *draft.code_digest());
        let gates = &self.held.gates;
        let slot = gates
            .add_link(tenant, shown.id(), Some(to.clone()), code)
            .await?;
        let now: Timestamp = self.clock().now()?;
        draft.finish(shown.action(), slot, now)
    }

    fn with_link(
        &self,
        tenant: &Tenant,
        shown: &Shown,
        to: &Person,
        (letter, code): (&Letter, CodeIn),
    ) -> Result<Mail> {
        let page = by_link(*tenant == administrators()?);
        let page = format!("{}{page}/{tenant}", self.base);
        let view = View::of(shown.action()).folded(self.crypto(), FOLDED);
        let worded = letter.mail(shown.action(), &view, &page, code)?;
        let link = letter.link().on(&page)?;
        Ok(Mail {
            to: to.email.clone(),
            subject: worded.subject,
            text: worded.text.expose_secret().to_owned(),
            links: vec![link.expose_secret().to_owned()],
        })
    }

    /// The page of a gate, for who logs in.
    pub(super) fn page_of(&self, tenant: &Tenant, gate: GateId) -> String {
        let path = match administrators().is_ok_and(|of| of == *tenant) {
            true => "/admin/approvals",
            false => "/approvals",
        };
        format!("{}{path}/{gate}", self.base)
    }

    /// The same for whoever gets no link of his own: it leads to where he logs in.
    fn without_link(&self, tenant: &Tenant, shown: &Shown, to: &Person) -> Mail {
        let page = self.page_of(tenant, shown.id());
        let view = View::of(shown.action()).folded(self.crypto(), FOLDED);
        let text = format!(
            "An approval is asked of you. This is what would be done:\n\n{}\nTo see it and to \
             decide, log in and open this page.\n\n{page}\n\nTo open the page decides nothing. If \
             nobody decides, nothing is done.\n",
            view.text()
        );
        Mail {
            to: to.email.clone(),
            subject: "Approval asked".to_owned(),
            text,
            links: vec![page],
        }
    }
}

/// Whether somebody has said yes already: he is asked for nothing any more.
fn has_voted(shown: &Shown, who: &Subject) -> bool {
    let mut votes = shown.votes().iter();
    votes.any(|vote| matches!(vote.voter(), Voter::Person(subject) if subject == who))
}

/// As many times as a link may be made now: for so many people at once, and no more than a gate has.
fn room(shown: &Shown) -> std::ops::Range<usize> {
    let made = (0..).take_while(|slot| shown.link(*slot).is_some()).count();
    0..keyward_approval::gate::LINKS
        .saturating_sub(made)
        .min(AT_ONCE)
}
