//! A key is followed by another, and both work for a while.

use keyward_base::{Actor, Error, Reason, Result, Timestamp};
use keyward_store::Write;

use super::ApiKeys;
use super::issue::is_fresh;
use super::make::Draft;
use crate::api_key::id::ApiKeyId;
use crate::api_key::info::IssuedKey;
use crate::api_key::new::{Life, NewKey, Rotation};
use crate::api_key::row::{Overlap, Row, place};
use crate::api_key::scope::Scopes;
use crate::danger::Operator;
use crate::ground::epochs::Keys;
use crate::ground::{MAX_TRIES, contended};
use crate::kind::OwnKind;
use crate::live::{Fresh, LiveSession};
use crate::reason;

/// Who rotates.
struct By<'a> {
    tenant: &'a keyward_base::Tenant,
    maker: &'a keyward_base::Subject,
    authenticated: Option<Timestamp>,
    /// None of an operator.
    ceiling: Option<&'a Scopes>,
}

impl ApiKeys {
    /// Makes the successor of a key of the person's tenant: of the same name, scopes and ranges, which
    /// works at once. The old one works until the end of the overlap, and not longer than it would
    /// have. Who may do it, is as for [`ApiKeys::issue`]: nobody of the staff.
    ///
    /// ```compile_fail,E0277
    /// # use keyward_session::api_key::{ApiKeyId, ApiKeys, Rotation, Scopes};
    /// # use keyward_session::{Fresh, LiveSession, Staff};
    /// # async fn by_staff(keys: &ApiKeys, by: &Fresh<LiveSession<Staff>, 15>, id: ApiKeyId) {
    /// keys.rotate(by, &Scopes::default(), id, Rotation::new()).await;
    /// # }
    /// ```
    ///
    /// A key has one successor: of two that rotate it at once, one does. If the answer was lost,
    /// nobody has the successor; the list shows it ([`KeyInfo::successor`]), and it is replaced by
    /// [`Rotation::replacing`], or revoked.
    ///
    /// [`KeyInfo::successor`]: crate::api_key::KeyInfo::successor
    ///
    /// # Errors
    /// As [`ApiKeys::issue`], [`reason::BEYOND_MAKER`] for a key that may do more than the person;
    /// `Rejected` too with [`Reason::NOT_FOUND`] for a key that was revoked or is another tenant's,
    /// [`reason::ROTATED`] for one that has another successor than the one to be replaced,
    /// [`Reason::EXPIRED`] and [`reason::KEY_ENDED`] for one that lives no more.
    pub async fn rotate<K: OwnKind, const MINUTES: u32>(
        &self,
        by: &Fresh<LiveSession<K>, MINUTES>,
        ceiling: &Scopes,
        id: ApiKeyId,
        rotation: Rotation,
    ) -> Result<IssuedKey> {
        const { is_fresh::<MINUTES>() };
        let who = By {
            tenant: by.tenant(),
            maker: by.subject(),
            authenticated: Some(by.authenticated_at()),
            ceiling: Some(ceiling),
        };
        let result = self.try_rotate(&who, id, rotation).await;
        self.note_made("api-key.rotate", by.actor(), by.tenant(), &result)
            .await;
        result
    }

    /// Makes the successor of a key without a session, for the command line: see [`Operator`]. It is on
    /// record before it is made.
    ///
    /// # Errors
    /// As [`ApiKeys::rotate`]; `Unavailable` too if the trail cannot be relied on.
    pub async fn rotate_as_operator(
        &self,
        by: &Operator,
        id: ApiKeyId,
        rotation: Rotation,
    ) -> Result<IssuedKey> {
        self.require_operator("api-key.operator-rotate", by, Some(id))
            .await?;
        let who = By {
            tenant: by.tenant(),
            maker: by.subject(),
            authenticated: None,
            ceiling: None,
        };
        let result = self.try_rotate(&who, id, rotation).await;
        let actor = Actor::new(by.subject().clone()).staff();
        self.note_made("api-key.operator-rotate", actor, by.tenant(), &result)
            .await;
        result
    }

    async fn try_rotate(&self, by: &By<'_>, id: ApiKeyId, rotation: Rotation) -> Result<IssuedKey> {
        for _ in 0..MAX_TRIES {
            let now = self.now()?;
            let mut keys = Keys::default();
            let (row, version) = self.own_row(by.tenant, id, &mut keys).await?;
            let beside = self.beside(by.tenant, &mut keys).await?;
            beside.judge(&row, now)?;
            if by.ceiling.is_some_and(|most| !row.scopes.is_within(most)) {
                return Err(Error::rejected(reason::BEYOND_MAKER));
            }
            let gone = self.successor_goes(&row, rotation, &mut keys).await?;
            let new = NewKey {
                name: row.name.clone(),
                scopes: row.scopes.clone(),
                ranges: row.ranges.clone(),
                life: self.life_after(&row, rotation.life),
            };
            let draft = Draft {
                tenant: by.tenant,
                maker: by.maker,
                by_operator: by.ceiling.is_none(),
                authenticated: by.authenticated,
                new: &new,
                predecessor: Some(id),
                most: self.inner.policy.most.saturating_mul(2),
            };
            let fence = self.inner.ground.fence().await?;
            let mut ready = self.ready(&draft, &fence, now).await?;
            let ends = now.saturating_add(rotation.overlap);
            let old = Row {
                changed: now.max(row.changed),
                overlap: Some(Overlap {
                    ends: row.ends_at().map_or(ends, |before| before.min(ends)),
                    successor: ready.issued.info.id,
                }),
                ..Row::clone(&row)
            };
            // What it was judged by comes before what is written over it.
            ready.batch.splice(0..0, beside.requires());
            ready.batch.extend(gone);
            ready.batch.push(self.swap(&fence, &old, version)?);
            if self.apply(ready.batch).await? {
                return Ok(ready.issued);
            }
        }
        Err(contended())
    }

    /// What becomes of the successor that a key has: it goes, if it is to be replaced. One that was
    /// revoked is none.
    async fn successor_goes(
        &self,
        row: &Row,
        rotation: Rotation,
        keys: &mut Keys,
    ) -> Result<Option<Write>> {
        let Some(successor) = row.overlap.as_ref().map(|overlap| overlap.successor) else {
            // The caller is mistaken about the key, and may be about the other.
            return match rotation.replacing {
                Some(_) => Err(Error::rejected(Reason::NOT_FOUND)),
                None => Ok(None),
            };
        };
        let version = match self.read_row(successor, keys).await {
            Ok((_, version)) => Some(version),
            Err(e) if e.reason() == Some(reason::KEY_ENDED) => None,
            Err(e) => return Err(e),
        };
        let key = place(successor);
        match version {
            None => Ok(Some(Write::Require { key, version: None })),
            Some(version) if rotation.replacing == Some(successor) => {
                Ok(Some(Write::Delete { key, version }))
            }
            Some(_) => Err(Error::rejected(reason::ROTATED)),
        }
    }

    /// How long a successor lives: as its predecessor was made to, as far as the policy allows now.
    fn life_after(&self, row: &Row, asked: Life) -> Life {
        let policy = &self.inner.policy;
        match (asked, row.expires) {
            (Life::Unsaid, Some(expires)) => {
                let life = expires.saturating_since(row.created);
                Life::For(life.min(policy.longest))
            }
            (Life::Unsaid, None) if policy.is_endless => Life::Endless,
            (asked, _) => asked,
        }
    }
}
