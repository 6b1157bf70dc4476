//! A yes that is told to whoever acts on it and is no executor.

use keyward_base::{Result, Tenant};
use keyward_store::Write;

use super::held::{Draft, Held, Saying, place};
use super::id::GateId;
use super::newest::Newest;
use super::shown::Shown;
use super::state::{Channel, State, What};
use super::{Gates, MAX_TRIES, contended, is_late, within};
use crate::reason;

impl Gates {
    /// A gate, as it is, for whoever acts on a yes himself. What is approved is judged once more, as
    /// [`Executor::run`](crate::Executor::run) does before it runs anything: by the log, the policy and
    /// the roles as they are now. What does not stand is superseded by that, and shown as such. It is
    /// true of the moment of asking, and binds nobody.
    ///
    /// # Errors
    /// As [`Gates::show_newest`] and [`Gates::vote`].
    pub async fn show_standing(&self, tenant: &Tenant, id: GateId) -> Result<Shown> {
        for _ in 0..MAX_TRIES {
            self.catch_up(tenant, id).await?;
            let held = self.held(tenant, id).await?;
            if held.row.state != State::Approved {
                return Ok(Shown::of(held));
            }
            if !self.check_newest(&held).await? {
                continue;
            }
            let class = match held.row.under {
                Some(class) => Some(self.held(tenant, class).await?),
                None => None,
            };
            match self.stands(&held, class.as_ref()).await? {
                Some(true) => return Ok(Shown::of(held)),
                Some(false) => self.supersede(&held, class.as_ref()).await?,
                None => {}
            }
        }
        Err(contended())
    }

    /// Whether what is approved would run now. None: its class was changed since it was read.
    async fn stands(&self, held: &Held, class: Option<&Held>) -> Result<Option<bool>> {
        let (policy, now) = (self.policy(), self.now()?);
        if let Some(class) = class {
            match self.newest(class).await? {
                Newest::Yes => {}
                Newest::PutBack => return Ok(Some(false)),
                Newest::Moved => return Ok(None),
            }
            if !within(&policy, class, held) || !Self::class_covers(class, held, now) {
                return Ok(Some(false));
            }
        }
        let of = class.unwrap_or(held);
        let roles = self.roles_of(&of.row, &[]).await?;
        let passkeys = self.0.passkeys.as_deref();
        let stands = self
            .0
            .still_stands(&policy, &of.row, &of.action, &roles, passkeys)?;
        Ok(Some(stands && !is_late(&policy, held, now)))
    }

    /// As well as can be: if somebody was faster, it is read anew.
    async fn supersede(&self, held: &Held, class: Option<&Held>) -> Result<()> {
        let mut draft = Draft::of(held, self.now()?);
        let saying = Saying {
            said: reason::STRICTER.as_str().to_owned(),
            ..Saying::by_way(Channel::Policy)
        };
        draft.note(What::Superseded, State::Superseded, saying)?;
        let class = class.map(|class| Write::Require {
            key: place(&class.row.tenant, class.row.id),
            version: class.version,
        });
        let requires: Vec<_> = class.into_iter().collect();
        let _written_or_read_anew = self.write(held, &draft, &requires).await?;
        Ok(())
    }
}
