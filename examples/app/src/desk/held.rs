//! What is held until somebody approved it: what can be asked for, by which policy, and who may say yes.

use std::path::Path;
use std::sync::{Arc, Mutex};

use keyward_approval::gate::{Once, Roles};
use keyward_approval::reason::TOO_MANY_WAIT;
use keyward_approval::{
    Action, ActionBuilder, Asked, Asking, Catalogue, ExecutorName, GateId, Gates, Links, Policy,
    Requester, Rule, ServiceName, Shape, StepBuilder, Type, Verdict,
};
use keyward_axum::approval::Names;
use keyward_base::encoding::hex;
use keyward_base::{BoxFuture, Error, Reason, RecordId, Result, Role, Subject, Tenant};
use keyward_crypto::Provider;
use keyward_embedded::Home;
use keyward_session::api_key::LiveKey;
use keyward_store::Records;
use tokio::sync::Notify;

use super::accounts::{ADMINS, USERS};
use super::{Desk, Room, administrators};
use crate::people::{self, Person};
use crate::section::Section;
use crate::settings::bounded;

/// To delete a server's key.
pub(crate) const DELETE: &str = "server.delete";
/// To put another key in the place of a server's.
pub(crate) const REPLACE: &str = "server.replace";
/// To make somebody an owner, or an owner a member.
pub(crate) const ROLE: &str = "people.role";
/// To deploy to a server.
pub(crate) const RUN: &str = "deployment.run";
/// To take a log away as a file.
pub(crate) const EXPORT: &str = "audit.export";
/// To make a new key of one sort.
pub(crate) const ROTATE: &str = "key.rotate";

/// What holds if no other policy is named.
const POLICY: &str = include_str!("../../assets/approvals.toml");
/// The most bytes of a policy.
const MAX_POLICY: usize = 256 * 1024;

/// How many asks of one person may wait at once: what others still look through.
const WAITING: u16 = 16;

/// How many people are asked who may approve something.
pub(super) const PEOPLE: usize = 500;

/// The gates of the service, and what goes with them.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) gates: Gates,
    pub(crate) links: Links,
    /// What people are called on the pages of links.
    pub(crate) names: Arc<dyn Names>,
    catalogue: Catalogue,
    /// The policy's text, as it is shown.
    text: Mutex<String>,
    /// Wakes what runs what was approved.
    pub(super) work: Notify,
}

/// What becomes of a wish.
#[derive(Debug)]
#[must_use]
pub(crate) enum Wish {
    /// The policy asks for nobody: it is done at once, as it always was.
    Now,
    /// It waits for whoever may approve it.
    Waits(GateId),
    /// It waits for who asked himself, and this is the code of the link in his mail.
    Alone(GateId, String),
    /// Whoever asks alone shows who he is first.
    NotFresh,
    Forbidden,
    /// As many of his wait as may.
    TooMany,
}

/// The people of an organisation: which roles they have, as it stands in the database at that moment, and
/// by which address they are shown.
#[derive(Debug)]
struct People(Arc<dyn Records>);

impl People {
    async fn find(&self, tenant: &Tenant, subject: &Subject) -> Result<Option<Person>> {
        match Person::fetch(self.0.as_ref(), tenant, subject).await {
            Ok((person, _)) => Ok(Some(person)),
            Err(e) if e.reason() == Some(Reason::NOT_FOUND) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

impl Names for People {
    fn name<'a>(
        &'a self,
        tenant: &'a Tenant,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let found = self.find(tenant, subject).await?;
            Ok(found.map(|person| person.email))
        })
    }
}

impl Roles for People {
    fn roles<'a>(
        &'a self,
        tenant: &'a Tenant,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<Role>>> {
        Box::pin(async move {
            let found = self.find(tenant, subject).await?;
            let role = found.map(|person| person.role.named());
            Ok(role.transpose()?.into_iter().collect())
        })
    }
}

impl people::Role {
    fn named(self) -> Result<Role> {
        Role::new(self.word())
    }
}

/// The service and its executor, as actions name them.
pub(crate) fn names() -> Result<(ServiceName, ExecutorName)> {
    Ok((ServiceName::new("deploydesk")?, ExecutorName::new("desk")?))
}

/// What agents may ask for. What the service alone knows of an ask, such as whether a server is for
/// production, is no argument of theirs.
pub(crate) fn of_agents() -> Result<Catalogue> {
    Catalogue::new()
        .with(Shape::new(DELETE)?.must("revision", Type::Integer)?)?
        .with(Shape::new(RUN)?.must("set", Type::Text)?)
}

/// What people may, and programs do at once: `alone` and `production` are what the service found.
fn catalogue() -> Result<Catalogue> {
    let of = |kind| Shape::new(kind)?.must("alone", Type::Bool);
    Catalogue::new()
        .with(of(DELETE)?.must("revision", Type::Integer)?)?
        .with(
            of(REPLACE)?
                .must("revision", Type::Integer)?
                .must("fingerprint", Type::Text)?
                .must("key", Type::Secret)?,
        )?
        .with(
            of(ROLE)?
                .must("address", Type::Text)?
                .must("role", Type::Text)?,
        )?
        .with(
            of(RUN)?
                .must("set", Type::Text)?
                .must("production", Type::Bool)?,
        )?
        .with(
            of(EXPORT)?
                .must("format", Type::Text)?
                .must("from", Type::Integer)?,
        )?
        .with(of(ROTATE)?)
}

/// Whether a server is for production: unless a part of its host's name says that it is for something
/// else. The login says nothing of the host, and `.dev` at its end is a domain of the Internet, where
/// `.test` is none (RFC 2606). What nobody says anything of is held.
pub(crate) fn is_for_production(server: &str) -> bool {
    let host = server.rsplit_once('@').map_or(server, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let host = match host.rsplit_once('.') {
        Some((front, "dev")) => front,
        _ => host,
    };
    let mut parts = host.split(|c: char| !c.is_ascii_alphanumeric());
    !parts.any(|part| ["test", "staging", "dev"].contains(&part))
}

/// Whether of these, who are all if they are fewer than are read at once, nobody but `who` has that role.
fn is_only(who: &Subject, of: people::Role, all: &[(Subject, people::Role)]) -> bool {
    let mut may = all.iter().filter(|(_, role)| *role == of);
    all.len() < PEOPLE
        && may.all(|(subject, _)| subject == who)
        && all.iter().any(|(own, _)| own == who)
}

impl Held {
    pub(super) async fn open(home: &Home, policy: Option<&Path>) -> Result<Self> {
        let text = read(policy)?;
        let ring = home.keyring();
        let parsed = Policy::parse(ring.provider(), &text)?;
        let people = Arc::new(People(home.data().clone()));
        let gates = Gates::builder(ring.clone(), home.audit()?.clone(), parsed)
            .door(USERS)
            .door(ADMINS)
            .roles(people.clone())
            .install()
            .await?
            .build()
            .await?;
        let links = Links::new(ring.clone())?;
        links.install().await?;
        Ok(Self {
            gates,
            links,
            names: people,
            catalogue: catalogue()?,
            text: Mutex::new(text),
            work: Notify::new(),
        })
    }

    /// Takes the policy's file anew, if it is another. What is no policy leaves the one of before.
    pub(super) fn reread(&self, policy: Option<&Path>, provider: &Provider) -> Result<()> {
        let text = read(policy)?;
        let mut held = self.text.lock().unwrap_or_else(|held| held.into_inner());
        if *held != text {
            self.gates.set_policy(Policy::parse(provider, &text)?);
            *held = text;
        }
        Ok(())
    }

    /// The policy, as it was written.
    pub(crate) fn policy_text(&self) -> String {
        let held = self.text.lock().unwrap_or_else(|held| held.into_inner());
        held.clone()
    }

    /// A step of that kind, as people ask for it.
    pub(crate) fn step(&self, kind: &str, target: &str, alone: bool) -> Result<StepBuilder> {
        self.catalogue.step(kind, target)?.with("alone", alone)
    }

    /// Whether an action can be asked for once more as it was: what is secret of one is its own.
    pub(crate) fn is_asked_anew(action: &Action) -> bool {
        let mut steps = action.steps().iter();
        steps.all(|step| step.arguments().values().all(|of| of.plain().is_some()))
    }

    /// The steps of an action once more, as they were, but whether who asks is `alone`.
    fn steps_of(action: &Action, alone: Option<bool>) -> Result<Vec<StepBuilder>> {
        let of = match action.requester().owner() {
            Some(_) => of_agents()?,
            None => catalogue()?,
        };
        let steps = action.steps().iter().map(|step| {
            let mut again = of.step(step.kind().as_str(), step.target())?;
            for (name, argument) in step.arguments() {
                let value = argument.plain();
                let value = value.ok_or_else(|| Error::misuse("a secret is not asked for anew"))?;
                again = match (name.as_str(), alone) {
                    ("alone", Some(alone)) => again.with("alone", alone)?,
                    (name, _) => again.with(name, value.clone())?,
                };
            }
            Ok(again)
        });
        steps.collect()
    }
}

/// What the file says; of none, what is shipped.
fn read(policy: Option<&Path>) -> Result<String> {
    let Some(path) = policy else {
        return Ok(POLICY.to_owned());
    };
    let unread = |e| {
        let said = "DEPLOYDESK_APPROVALS names a file that cannot be read";
        Error::unavailable(said).with_source(e)
    };
    let bytes = bounded(path, MAX_POLICY).map_err(unread)?;
    String::from_utf8(bytes)
        .map_err(|_| Error::misuse("DEPLOYDESK_APPROVALS names a file that is not UTF-8"))
}

impl Desk {
    pub(crate) const fn held(&self) -> &Held {
        &self.held
    }

    /// Who may approve something under a rule, with his address, but who asks himself.
    pub(crate) async fn approvers(
        &self,
        tenant: &Tenant,
        rule: &Rule,
        requester: &Requester,
    ) -> Result<Vec<(Subject, Person)>> {
        let mut may = Vec::new();
        for (subject, person) in Person::all(self.data(), tenant, PEOPLE).await? {
            let roles = [person.role.named()?];
            if rule.names(&subject, &roles) && !rule.is_own_ask(requester, &subject) {
                may.push((subject, person));
            }
        }
        Ok(may)
    }

    /// Whether nobody but `who` could approve what he asks.
    pub(crate) async fn is_alone(&self, tenant: &Tenant, who: &Subject) -> Result<bool> {
        let of = match *tenant == administrators()? {
            true => people::Role::Administrator,
            false => people::Role::Owner,
        };
        let all = Person::all(self.data(), tenant, PEOPLE).await?;
        let all = all
            .into_iter()
            .map(|(subject, person)| (subject, person.role));
        Ok(is_only(who, of, &all.collect::<Vec<_>>()))
    }

    /// An ask as it would be, and what the policy says of it.
    pub(crate) fn would_ask(
        &self,
        tenant: &Tenant,
        requester: Requester,
        steps: Vec<StepBuilder>,
        reason: &str,
    ) -> Result<Asked> {
        let (service, executor) = names()?;
        let mut builder =
            ActionBuilder::new(tenant.clone(), service, executor, requester).reason(reason);
        for step in steps {
            builder = builder.step(step);
        }
        let policy = self.held.gates.policy();
        builder.build(&policy, self.clock().now()?, self.crypto())
    }

    /// What somebody who is signed in wants. `is_fresh`: he showed a moment ago who he is.
    pub(crate) async fn wish(
        &self,
        (tenant, who): (&Tenant, &Subject),
        is_fresh: bool,
        step: StepBuilder,
        reason: &str,
    ) -> Result<Wish> {
        let requester = Requester::person(who.clone());
        let asked = self.would_ask(tenant, requester, vec![step], reason)?;
        self.put(who, is_fresh, asked).await
    }

    async fn put(&self, who: &Subject, is_fresh: bool, asked: Asked) -> Result<Wish> {
        let policy = self.held.gates.policy();
        let by_link = match &asked.verdict {
            Verdict::Auto => return Ok(Wish::Now),
            Verdict::Forbidden => return Ok(Wish::Forbidden),
            Verdict::NeedsApproval(rule) => {
                let rule = policy.rule(rule.as_str());
                rule.is_some_and(Rule::takes_link_holder)
            }
        };
        if by_link && !is_fresh {
            return Ok(Wish::NotFresh);
        }
        let tenant = asked.action.tenant().clone();
        let counted = self.api_limits.ask(&tenant, who).await?;
        let drawn = self.crypto().random::<16>()?;
        let bytes = asked.action.bytes().to_vec();
        // Of each form that is sent: what is bounded is how many of his wait.
        let key = hex(drawn.expose());
        let once = Once::new(&key, &bytes, WAITING)?;
        let gate = match self.held.gates.ask_once(Asking::new(asked), &once).await {
            Err(e) if e.reason() == Some(TOO_MANY_WAIT) => {
                counted.give_back().await;
                return Ok(Wish::TooMany);
            }
            gate => gate?,
        };
        counted.keep();
        if by_link {
            let code = self.letter_to_oneself(&tenant, gate, who).await?;
            return Ok(Wish::Alone(gate, code));
        }
        self.tell_approvers(&tenant, gate).await;
        Ok(Wish::Waits(gate))
    }

    /// What was asked for and is over, once more, by who asked.
    pub(crate) async fn wish_again(
        &self,
        (tenant, who): (&Tenant, &Subject),
        is_fresh: bool,
        action: &Action,
    ) -> Result<Wish> {
        let alone = self.is_alone(tenant, who).await?;
        let steps = Held::steps_of(action, Some(alone))?;
        let requester = Requester::person(who.clone());
        let asked = self.would_ask(tenant, requester, steps, action.reason())?;
        self.put(who, is_fresh, asked).await
    }

    /// The same action for who asked for it, as it would be asked now.
    pub(crate) fn anew(&self, action: &Action) -> Result<Asking> {
        let steps = Held::steps_of(action, None)?;
        let requester = action.requester().clone();
        let asked = self.would_ask(action.tenant(), requester, steps, action.reason())?;
        Ok(Asking::new(asked))
    }

    /// Has what was approved looked at now.
    pub(crate) fn wake_executor(&self) {
        self.held.work.notify_one();
    }
}

impl Room {
    /// The step of a deployment, with what the service knows of it.
    pub(crate) fn run_step(
        &self,
        server: &RecordId,
        set: &RecordId,
        alone: bool,
    ) -> Result<StepBuilder> {
        let step = self.desk.held.step(RUN, server.as_str(), alone)?;
        step.with("set", set.as_str())?
            .with("production", is_for_production(server.as_str()))
    }

    /// Whether a person, or staff for him, may have it run at once.
    pub(crate) fn is_at_once(&self, server: &RecordId, set: &RecordId) -> Result<bool> {
        let requester = Requester::person(self.who.subject().clone());
        let steps = vec![self.run_step(server, set, false)?];
        let asked = self.desk.would_ask(&self.tenant, requester, steps, "")?;
        Ok(asked.verdict == Verdict::Auto)
    }

    /// Whether a key may have it run at once. A key has nobody's vote: what waits, an agent asks for.
    pub(crate) async fn may_run_at_once(
        &self,
        key: &LiveKey,
        server: &RecordId,
        set: &RecordId,
    ) -> Result<bool> {
        // What is not there is said first, as before there was anything to approve.
        self.one(Section::Servers, server).await?;
        let subject = self.who.subject().clone();
        let requester = Requester::api_key(subject, key.maker().clone());
        let steps = vec![self.run_step(server, set, false)?];
        let asked = self.desk.would_ask(&self.tenant, requester, steps, "")?;
        Ok(asked.verdict == Verdict::Auto)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_is_a_policy_of_which_nothing_is_to_be_said() {
        let policy = Policy::parse(&Provider::default(), POLICY).unwrap();
        assert_eq!(policy.lint(Some(&catalogue().unwrap()), &()), []);
        assert!(policy.rule("alone").is_some_and(Rule::takes_link_holder));
        assert!(!policy.rule("another").is_some_and(Rule::takes_link_holder));
    }

    #[test]
    fn nobody_is_alone_among_more_than_are_read() {
        let of = |n: usize| Subject::new(&format!("u-{n}")).unwrap();
        let mut all = vec![(of(0), people::Role::Owner)];
        assert!(is_only(&of(0), people::Role::Owner, &all));
        assert!(!is_only(&of(1), people::Role::Owner, &all));
        all.extend((1..PEOPLE - 1).map(|n| (of(n), people::Role::Member)));
        assert!(is_only(&of(0), people::Role::Owner, &all));
        // Behind these there may be others.
        all.push((of(PEOPLE), people::Role::Member));
        assert!(!is_only(&of(0), people::Role::Owner, &all));
        all.truncate(2);
        all.push((of(3), people::Role::Owner));
        assert!(!is_only(&of(0), people::Role::Owner, &all));
        assert!(!is_only(&of(1), people::Role::Owner, &all[1..]));
    }

    #[test]
    fn a_server_is_for_production_unless_its_name_says_otherwise() {
        for server in [
            "web-1",
            "deploy@web-1",
            "deploy@latest-1",
            "contest",
            "TEST",
            "dev@web-1",
            "test@web-1:2222",
            "deploy-staging@web-1",
            "deploy@web-1:dev",
            "deploy@shop.dev",
            "deploy@shop.dev:22",
        ] {
            assert!(is_for_production(server), "{server}");
        }
        for server in [
            "test-1",
            "deploy@test-1",
            "deploy@web-1.staging",
            "dev",
            "deploy@dev",
            "deploy@dev.shop.dev:22",
            "deploy@shop.test",
        ] {
            assert!(!is_for_production(server), "{server}");
        }
    }
}
