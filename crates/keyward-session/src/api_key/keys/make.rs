//! A key is made: what a new one and a successor have in common.

use std::time::Duration;

use keyward_base::{Error, Result, Subject, Tenant, Timestamp};
use keyward_keys::MacHandle;
use keyward_store::{Applied, RecordKey, Version, Words, Write};

use super::ApiKeys;
use super::check::scopes;
use crate::api_key::id::ApiKeyId;
use crate::api_key::info::{IssuedKey, KeyInfo, KeyState};
use crate::api_key::new::{Life, NewKey};
use crate::api_key::row::{API_KEYS, Row, place};
use crate::api_key::text;
use crate::epoch::KEY_EPOCHS;
use crate::ground::Fence;
use crate::ground::epochs::{Held, Keys, put_epoch};
use crate::policy::MAX_SKEW;
use crate::reason;

/// How many dead rows are removed before a tenant is told that it has too many.
const CLEARED: usize = 1_000;

/// Whose a key is to be.
pub(super) struct Draft<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) maker: &'a Subject,
    pub(super) by_operator: bool,
    /// When the person showed who he is; none of an operator.
    pub(super) authenticated: Option<Timestamp>,
    pub(super) new: &'a NewKey,
    pub(super) predecessor: Option<ApiKeyId>,
    /// How many keys its tenant may have before it.
    pub(super) most: u64,
}

/// A key that is as good as made: what is left is the batch.
pub(super) struct Ready {
    pub(super) issued: IssuedKey,
    pub(super) batch: Vec<Write>,
}

impl ApiKeys {
    /// A key, and the batch that makes it. It writes the epoch of the tenant as it is, so that of two
    /// that count its keys at once one has to count again.
    pub(super) async fn ready(
        &self,
        draft: &Draft<'_>,
        fence: &Fence,
        now: Timestamp,
    ) -> Result<Ready> {
        let ground = &self.inner.ground;
        let [all, of_tenant] = scopes(draft.tenant);
        let places: [RecordKey; 2] = [all.place(&KEY_EPOCHS), of_tenant.place(&KEY_EPOCHS)];
        let mut found = ground.store.fetch_many(&places).await?.into_iter();
        let mut keys = Keys::default();
        let held_all = ground.read_held(&all, found.next().flatten(), &mut keys);
        let held_all = held_all.await?;
        let held = ground.read_held(&of_tenant, found.next().flatten(), &mut keys);
        let held = held.await?;
        check_evidence(draft, [&held_all, &held], now)?;
        self.check_count(draft).await?;
        let (epoch_all, write) = ground.hold_epoch(&all, &held_all, fence, None)?;
        let mut batch = fence.batch.clone();
        batch.push(write);
        let (epoch, _) = ground.hold_epoch(&of_tenant, &held, fence, None)?;
        batch.push(put_epoch(&KEY_EPOCHS, &epoch, &held, fence, None));

        let made = text::make(ground.keyring.provider(), &self.inner.kind, &fence.key)?;
        let row = Row {
            id: made.id,
            token_key: fence.key.id(),
            proof: made.proof,
            by_operator: draft.by_operator,
            created: now,
            changed: now,
            expires: self.expiry(draft.new.life, &fence.key, now)?,
            overlap: None,
            predecessor: draft.predecessor,
            told: 0,
            used: None,
            of_all: epoch_all.key_mark(),
            of_tenant: epoch.key_mark(),
            prefix: self.prefix().to_owned(),
            tenant: draft.tenant.clone(),
            maker: draft.maker.clone(),
            name: draft.new.name.clone(),
            scopes: draft.new.scopes.clone(),
            ranges: draft.new.ranges.clone(),
        };
        batch.push(Write::Insert {
            key: place(row.id),
            content: row.seal(&fence.key, fence.key.tag(), self.word(draft.tenant)?),
        });
        Ok(Ready {
            issued: IssuedKey {
                key: made.key,
                info: KeyInfo::of(row, KeyState::Live),
            },
            batch,
        })
    }

    /// When a key ends that is made now.
    fn expiry(&self, life: Life, key: &MacHandle, now: Timestamp) -> Result<Option<Timestamp>> {
        let policy = &self.inner.policy;
        let life = match life {
            Life::Endless if policy.is_endless => return Ok(None),
            Life::Endless => {
                return Err(Error::misuse(
                    "an API key without an end is asked for, and the policy allows none (`KeyPolicy::allow_endless`)",
                ));
            }
            Life::Unsaid => policy.life,
            Life::For(life) => life,
        };
        if life > policy.longest || life < Duration::from_secs(60) {
            return Err(Error::misuse(format!(
                "an API key lives at least a minute and at most {} hours, as the policy says",
                policy.longest.as_secs() / 3_600
            )));
        }
        let life = key.longest_life().map_or(life, |most| life.min(most));
        Ok(Some(now.saturating_add(life)))
    }

    /// Whether the tenant may have one more.
    async fn check_count(&self, draft: &Draft<'_>) -> Result<()> {
        let ground = &self.inner.ground;
        let words = Words::Is(self.word(draft.tenant)?);
        for is_cleared in [false, true] {
            let store = &ground.store;
            if store.count_words(&API_KEYS, Some(""), &words).await? < draft.most {
                return Ok(());
            }
            if !is_cleared {
                let now = self.now()?;
                ground.store.purge(&API_KEYS, now, CLEARED).await?;
                let some = u64::try_from(CLEARED).unwrap_or(u64::MAX);
                self.purge_some(draft.tenant, some).await?;
            }
        }
        Err(Error::rejected(reason::TOO_MANY))
    }

    /// Swaps a row for what was made of it, and does `more` with it. No: it is not at that version
    /// any more, or a condition does not hold.
    pub(super) async fn swap_row(
        &self,
        row: &Row,
        version: Version,
        more: Vec<Write>,
    ) -> Result<bool> {
        let fence = self.inner.ground.fence().await?;
        let mut batch = fence.batch.clone();
        batch.extend(more);
        batch.push(self.swap(&fence, row, version)?);
        self.apply(batch).await
    }

    /// The write that swaps a row.
    pub(super) fn swap(&self, fence: &Fence, row: &Row, version: Version) -> Result<Write> {
        let token_tag = keyward_base::key_tag::key_tag(row.token_key);
        Ok(Write::Swap {
            key: place(row.id),
            version,
            content: row.seal(&fence.key, token_tag, self.word(&row.tenant)?),
        })
    }

    pub(super) async fn apply(&self, batch: Vec<Write>) -> Result<bool> {
        let ground = &self.inner.ground;
        let is_done = matches!(ground.store.apply(batch).await?, Applied::Done(_));
        if !is_done {
            ground.forget_fence();
        }
        Ok(is_done)
    }
}

/// Whether the person showed who he is after whatever was ended: so a tenant that was deleted gets no
/// key by a request which was under way.
fn check_evidence(draft: &Draft<'_>, held: [&Held<1>; 2], now: Timestamp) -> Result<()> {
    let Some(at) = draft.authenticated else {
        return Ok(());
    };
    let found = held.into_iter().filter_map(Held::found);
    let moved = found.map(|found| found.epoch.moved).max();
    let moved = moved.filter(|moved| moved.as_millis() > 0);
    if moved.is_some_and(|moved| moved > now.saturating_add(MAX_SKEW)) {
        return Err(Error::unavailable(
            "the clock is behind the one by which API keys were ended: set it right; if that one was ahead, end them again",
        )
        .because(reason::CLOCK));
    }
    if moved.is_some_and(|moved| at <= moved) {
        return Err(Error::rejected(reason::EVIDENCE_OLD));
    }
    Ok(())
}
