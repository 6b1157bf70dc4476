//! Approved once, run several times: all actions whose fixed arguments are alike.

use keyward_base::{Error, Result, Timestamp};

use super::Gates;
use super::held::Held;
use super::row::{Class, Row};
use super::state::State;
use super::tally::rule_of;
use crate::action::Action;
use crate::passkey;
use crate::policy::{Policy, Rule, Verdict};
use crate::reason;
use crate::trust::is_of_class;
use crate::word::ArgumentName;

/// How often what is approved may run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // Once, or as a class.
pub enum Scope {
    /// This action, once.
    Once,
    /// Besides, as often as `count` until `until`, each action whose steps have the same kinds, targets
    /// and arguments of these names; the others are free.
    Class {
        /// The arguments that are fixed; one that no step has fixes nothing.
        fixed: Vec<ArgumentName>,
        /// From when on it ends.
        until: Timestamp,
        /// How often, beside this once.
        count: u32,
    },
}

/// How often what is asked may run, as it stands in the record.
pub(crate) fn scope_of(row: &Row) -> passkey::Scope<'_> {
    row.class
        .as_ref()
        .map_or(passkey::Scope::Once, |class| passkey::Scope::Class {
            fixed: &class.fixed,
            until: class.until,
            count: class.count,
        })
}

/// The class that is asked for, if the rule allows it.
pub(super) fn of(scope: &Scope, rule: Option<&Rule>, now: Timestamp) -> Result<Option<Class>> {
    let Scope::Class {
        fixed,
        until,
        count,
    } = scope
    else {
        return Ok(None);
    };
    let refused = || Error::rejected(reason::SCOPE);
    let allowed = rule.and_then(Rule::class).ok_or_else(refused)?;
    let ends = now.saturating_add(allowed.span);
    if *until > ends || *count > allowed.count || *count == 0 || *until <= now {
        return Err(refused());
    }
    let mut fixed: Vec<String> = fixed.iter().map(|name| name.as_str().to_owned()).collect();
    fixed.sort_unstable();
    fixed.dedup();
    if fixed.len() > crate::action::limits::ARGUMENTS {
        return Err(refused());
    }
    Ok(Some(Class {
        fixed,
        until: *until,
        count: *count,
        used: 0,
    }))
}

/// Whether `action` is one of the class: the same tenant, service, executor and requester, the same
/// steps to the same targets, and each fixed argument as it was, or absent as it was.
pub(super) fn fits(of: &Held, action: &Action) -> bool {
    let Some(class) = &of.row.class else {
        return false;
    };
    is_of_class(&class.fixed, &of.action, action)
}

/// Whether the policy asks for no more of one of a class than of what the class was approved with.
pub(crate) fn within(policy: &Policy, class: &Held, of: &Held) -> bool {
    match policy.verdict(&of.action) {
        Verdict::Auto => true,
        Verdict::Forbidden => false,
        Verdict::NeedsApproval(name) => {
            let then = class.row.rule.as_ref();
            let then = then.and_then(|then| policy.rule(then.as_str()));
            let now = policy.rule(name.as_str());
            now.zip(then)
                .is_some_and(|(now, then)| !now.asks_more_than(then))
        }
    }
}

impl Gates {
    /// Whether a class whose record is the newest holds now: it was approved, nobody took that back, the policy still allows it,
    /// and it has neither ended nor been used up.
    pub(super) async fn class_stands(&self, held: &Held, now: Timestamp) -> Result<bool> {
        let row = &held.row;
        let Some(class) = &row.class else {
            return Ok(false);
        };
        let was_approved = matches!(
            row.state,
            State::Approved | State::Executing | State::Executed | State::Failed
        );
        let policy = self.policy();
        let allowed = rule_of(&policy, row).and_then(Rule::class).is_some();
        let has_room = class.used < class.count && now < class.until;
        if !was_approved || !allowed || !has_room {
            return Ok(false);
        }
        let roles = self.roles_of(row, &[]).await?;
        let passkeys = self.0.passkeys.as_deref();
        self.0
            .still_stands(&policy, row, &held.action, &roles, passkeys)
    }

    /// Whether what was asked under a class, whose record is the newest, is one of its uses: it was counted as one, the class held
    /// then, and nobody has ended it or taken it back since.
    pub(crate) fn class_covers(class: &Held, of: &Held, now: Timestamp) -> bool {
        let counted = class
            .row
            .class
            .as_ref()
            .is_some_and(|class| class.used > 0 && now < class.until);
        let stands = matches!(
            class.row.state,
            State::Approved | State::Executing | State::Executed | State::Failed
        );
        counted && stands && fits(class, &of.action)
    }

    /// Ends a class before its time: whoever may approve it, and whoever asked for it, may.
    ///
    /// # Errors
    /// `Rejected`: [`reason::NOT_APPROVER`] for anybody else, [`reason::SCOPE`] if it is no class.
    pub async fn end_class(
        &self,
        tenant: &keyward_base::Tenant,
        id: super::GateId,
        evidence: impl keyward_base::Evidence,
    ) -> Result<()> {
        let who = self.shown(tenant, &evidence)?;
        let roles = self.0.roles.roles(tenant, &who).await?;
        let policy = self.policy();
        self.step(tenant, id, |draft| {
            let named = rule_of(&policy, &draft.row).is_some_and(|rule| rule.names(&who, &roles));
            if !named && !draft.action.requester().is_self(&who) {
                return Err(Error::rejected(reason::NOT_APPROVER));
            }
            let now = draft.now;
            let class = draft.row.class.as_mut();
            let class = class.ok_or_else(|| Error::rejected(reason::SCOPE))?;
            if class.until <= now {
                return Ok(());
            }
            // Every use is counted by a swap of this record, which loses to this one.
            class.until = class.until.min(now);
            let state = draft.row.state;
            let saying = super::held::Saying::person(&who, "");
            draft.note(super::What::ClassEnded, state, saying)
        })
        .await
    }
}
