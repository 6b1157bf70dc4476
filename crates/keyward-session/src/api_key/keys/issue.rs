//! A key is made, by a person or by an operator.

use keyward_base::{Actor, Error, Result};

use super::ApiKeys;
use super::make::Draft;
use crate::api_key::info::IssuedKey;
use crate::api_key::new::NewKey;
use crate::api_key::scope::Scopes;
use crate::danger::Operator;
use crate::ground::{MAX_TRIES, contended};
use crate::kind::OwnKind;
use crate::live::{Fresh, LiveSession};
use crate::reason;

/// The longest ago that a person has shown who he is who makes a key, in minutes.
const MOST_MINUTES: u32 = 60;

/// That a session is fresh enough to make keys, which is judged when it is compiled.
pub(super) const fn is_fresh<const MINUTES: u32>() {
    const {
        assert!(
            MINUTES <= MOST_MINUTES,
            "whoever makes or rotates an API key has shown who he is at most 60 minutes ago"
        );
    }
}

impl ApiKeys {
    /// Makes a key of the person's tenant. It takes a session whose owner has just shown who he is, a
    /// user's or an administrator's: no key makes a key, and nobody of the staff for a user.
    /// `ceiling` is what the person himself may do, by his role.
    ///
    /// A person of the staff cannot, which the compiler says:
    ///
    /// ```compile_fail,E0277
    /// # use keyward_session::api_key::{ApiKeys, NewKey, Rotation, Scopes};
    /// # use keyward_session::{Fresh, LiveSession, Staff};
    /// # async fn by_staff(keys: &ApiKeys, by: &Fresh<LiveSession<Staff>, 15>, new: NewKey) {
    /// keys.issue(by, &Scopes::default(), new).await;
    /// # }
    /// ```
    ///
    /// The same with a user's session is right:
    ///
    /// ```
    /// # use keyward_session::api_key::{ApiKeys, NewKey, Rotation, Scopes};
    /// # use keyward_session::{Fresh, LiveSession, User};
    /// # async fn by_user(keys: &ApiKeys, by: &Fresh<LiveSession<User>, 15>, new: NewKey) {
    /// keys.issue(by, &Scopes::default(), new).await;
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Rejected`: [`reason::BEYOND_MAKER`] for a scope that is not in `ceiling`;
    /// [`reason::TOO_MANY`] if the tenant has as many keys as the policy allows;
    /// [`reason::EVIDENCE_OLD`] if the person showed who he is before the keys of the tenant were last
    /// ended. `Misuse` for a life that the policy does not allow. `Unavailable` if the store, the
    /// keyring, the clock or randomness cannot be relied on. `Corrupt` if what is stored is not what
    /// was written.
    pub async fn issue<K: OwnKind, const MINUTES: u32>(
        &self,
        by: &Fresh<LiveSession<K>, MINUTES>,
        ceiling: &Scopes,
        new: NewKey,
    ) -> Result<IssuedKey> {
        const { is_fresh::<MINUTES>() };
        let draft = Draft {
            tenant: by.tenant(),
            maker: by.subject(),
            by_operator: false,
            authenticated: Some(by.authenticated_at()),
            new: &new,
            predecessor: None,
            most: self.inner.policy.most,
        };
        let result = if new.scopes.is_within(ceiling) {
            self.make(&draft).await
        } else {
            Err(Error::rejected(reason::BEYOND_MAKER))
        };
        self.note_made("api-key.issue", by.actor(), by.tenant(), &result)
            .await;
        result
    }

    /// Makes a key without a session, for the command line: see [`Operator`]. It is on record before it
    /// is made.
    ///
    /// # Errors
    /// As [`ApiKeys::issue`]; `Unavailable` too if the trail cannot be relied on.
    pub async fn issue_as_operator(&self, by: &Operator, new: NewKey) -> Result<IssuedKey> {
        self.require_operator("api-key.operator-issue", by, None)
            .await?;
        let draft = Draft {
            tenant: by.tenant(),
            maker: by.subject(),
            by_operator: true,
            authenticated: None,
            new: &new,
            predecessor: None,
            most: self.inner.policy.most,
        };
        let result = self.make(&draft).await;
        let actor = Actor::new(by.subject().clone()).staff();
        self.note_made("api-key.operator-issue", actor, by.tenant(), &result)
            .await;
        result
    }

    async fn make(&self, draft: &Draft<'_>) -> Result<IssuedKey> {
        for _ in 0..MAX_TRIES {
            let now = self.now()?;
            let fence = self.inner.ground.fence().await?;
            let ready = self.ready(draft, &fence, now).await?;
            if self.apply(ready.batch).await? {
                return Ok(ready.issued);
            }
        }
        Err(contended())
    }
}
