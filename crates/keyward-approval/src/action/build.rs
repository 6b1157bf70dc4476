//! An action that is being asked for.

use std::collections::BTreeMap;

use keyward_base::{Error, Result, Tenant, Timestamp};
use keyward_crypto::Provider;

use super::format::{self, SURE};
use super::secret::Secrets;
use super::step::{Given, StepBuilder};
use super::{Action, AgentAsk, Argument, Parts, Step, limits};
use crate::policy::{Policy, Verdict};
use crate::who::Requester;
use crate::word::{ExecutorName, ServiceName};

/// An action as it is put together. What is required is in [`ActionBuilder::new`], and the rest has
/// no influence on what runs.
#[derive(Debug)]
pub struct ActionBuilder {
    tenant: Tenant,
    service: ServiceName,
    executor: ExecutorName,
    requester: Requester,
    reason: String,
    confidence: Option<u16>,
    steps: Vec<StepBuilder>,
}

/// What is asked for, and what the policy says of it.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs)] // It is just that.
pub struct Asked {
    /// The action.
    pub action: Action,
    /// Its secret arguments, to be sealed beside it.
    pub secrets: Secrets,
    /// What the policy says.
    pub verdict: Verdict,
}

impl ActionBuilder {
    /// Of a tenant, asked by `service` for `requester`, to be run by `executor` alone.
    #[must_use]
    pub const fn new(
        tenant: Tenant,
        service: ServiceName,
        executor: ExecutorName,
        requester: Requester,
    ) -> Self {
        Self {
            tenant,
            service,
            executor,
            requester,
            reason: String::new(),
            confidence: None,
            steps: Vec::new(),
        }
    }

    /// Why, in the requester's own words, which is how they are shown: at most 1 MiB of text.
    #[must_use]
    pub fn reason(mut self, words: impl Into<String>) -> Self {
        self.reason = words.into();
        self
    }

    /// How sure the requester says it is, in thousandths, from 0 to 1,000.
    #[must_use]
    pub const fn confidence(mut self, thousandths: u16) -> Self {
        self.confidence = Some(thousandths);
        self
    }

    /// With a step more, behind those that are there.
    #[must_use]
    pub fn step(mut self, step: StepBuilder) -> Self {
        self.steps.push(step);
        self
    }

    /// With all that an agent asks for: its steps behind those that are there, its reason and its
    /// confidence.
    #[must_use]
    pub fn ask(mut self, ask: AgentAsk) -> Self {
        self.steps.extend(ask.steps);
        self.reason = ask.reason;
        self.confidence = ask.confidence;
        self
    }

    /// The action as it is asked for `now`, and the verdict of `policy`, whose version and digest it
    /// bears. Until when it may be decided and run the policy's rule says; one that is forbidden
    /// could never be.
    ///
    /// # Errors
    /// `Misuse` without a step, with an argument that is missing, and beyond a limit of
    /// [`limits`]; `Unavailable` without randomness, which secret arguments take.
    pub fn build(self, policy: &Policy, now: Timestamp, provider: &Provider) -> Result<Asked> {
        if self.steps.is_empty() || self.steps.len() > limits::STEPS {
            return Err(Error::misuse("an action has 1 to 64 steps"));
        }
        if self.reason.len() > limits::TEXT {
            return Err(Error::misuse("a reason has at most 1 MiB"));
        }
        if self.confidence.is_some_and(|sure| sure > SURE) {
            return Err(Error::misuse("a confidence is 0 to 1,000 thousandths"));
        }
        let mut secrets = Secrets::default();
        let mut steps = Vec::with_capacity(self.steps.len());
        let mut left = limits::VALUES;
        for (index, step) in (0_u8..).zip(self.steps) {
            let (kind, target, given) = step.finish()?;
            let mut arguments = BTreeMap::new();
            for (name, given) in given {
                let argument = match given {
                    Given::Plain(value) => {
                        value.bounded(&mut left)?;
                        Argument::Plain(value)
                    }
                    Given::Secret(secret) => {
                        // Whoever reads it counts a secret as a value too.
                        left = left.checked_sub(1).ok_or_else(|| {
                            Error::misuse("an action has at most 16,384 values, secrets among them")
                        })?;
                        let tenant = &self.tenant;
                        let said = secrets.commit(provider, tenant, index, &name, secret)?;
                        Argument::Secret(said)
                    }
                };
                arguments.insert(name, argument);
            }
            steps.push(Step {
                kind,
                target,
                arguments,
            });
        }
        let verdict = policy.judge(&self.requester, &steps);
        let (decide, run) = policy.spans(&verdict);
        let decide_by = now.saturating_add(decide);
        let parts = Parts {
            tenant: self.tenant,
            service: self.service,
            executor: self.executor,
            policy: *policy.reference(),
            requester: self.requester,
            decide_by,
            run_by: decide_by.saturating_add(run),
            reason: self.reason,
            confidence: self.confidence,
            steps,
        };
        let bytes = format::write(&parts);
        if bytes.len() > limits::ACTION {
            return Err(Error::misuse("an action has at most 1,310,720 bytes"));
        }
        Ok(Asked {
            action: Action::of(provider, bytes, parts),
            secrets,
            verdict,
        })
    }
}
