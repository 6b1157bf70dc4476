//! How a record of the vault is sealed anew.

use std::sync::Arc;

use keyward_base::audit::{Event, Outcome};
use keyward_base::{Clock, ErrorKind, Place, Purpose, Reason, RecordId, Result, Tenant, Trail};
use keyward_crypto::Provider;
use keyward_crypto::sealed::{self, Header};
use keyward_keys::{ResealRow, TenantKey};
use keyward_store::{BoxFuture, Record};

use super::{Binding, parse_stored};
use crate::metadata::Metadata;
use crate::slot::Slot;

/// The rows of a vault. It holds no keyring, which holds it.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) purpose: Purpose,
    pub(super) provider: Provider,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) trail: Trail,
}

impl ResealRow for Rows {
    fn tenant(&self, row: &Record) -> Result<Tenant> {
        Slot::of_key(&row.key).map(|slot| slot.tenant)
    }

    fn reseal(&self, row: &Record, old: &TenantKey, new: &TenantKey) -> Result<Option<String>> {
        let slot = Slot::of_key(&row.key)?;
        let metadata = match Metadata::parse(&row.data) {
            Ok(metadata) => metadata,
            Err(e) if e.kind() == ErrorKind::Unavailable => return Ok(None),
            Err(e) => return Err(e),
        };
        let role = metadata.role()?;
        let (purpose, provider) = (&self.purpose, &self.provider);
        let binding = Binding::of(purpose, provider, &slot, &role, &metadata, &row.data)?;
        let parsed = parse_stored(row)?;
        let header = Header {
            suite: new.suite(),
            key: new.id(),
            hint: parsed.header().hint.clone(),
        };
        let plaintext = parsed.open(old.body(), |header| binding.encode(header))?;
        let context = |header: &[u8]| binding.encode(header);
        sealed::seal(new.body(), &header, context, plaintext.expose()).map(Some)
    }

    fn note_bad<'a>(&'a self, row: &'a Record, reason: Reason) -> BoxFuture<'a, Result<()>> {
        let slot = Slot::of_key(&row.key).ok();
        let at = slot.map(Whereabouts::from).unwrap_or_default();
        Box::pin(note_bad(&self.trail, self.clock.as_ref(), at, reason))
    }
}

/// Where a value lies that does not open, as far as its row says it.
#[derive(Debug, Default)]
pub(crate) struct Whereabouts {
    pub(crate) tenant: Option<Tenant>,
    pub(crate) place: Option<Place>,
    pub(crate) record: Option<RecordId>,
}

impl From<Slot> for Whereabouts {
    fn from(slot: Slot) -> Self {
        Self {
            tenant: Some(slot.tenant),
            place: Some(slot.place),
            record: Some(slot.record),
        }
    }
}

/// Records that a value does not open, and was left as it is.
pub(crate) async fn note_bad(
    trail: &Trail,
    clock: &dyn Clock,
    at: Whereabouts,
    reason: Reason,
) -> Result<()> {
    let outcome = Outcome::Failed(ErrorKind::Corrupt, Some(reason));
    let mut event = Event::new(clock.now()?, "vault.quarantine", outcome);
    event.tenant = at.tenant;
    event.place = at.place;
    event.record = at.record;
    trail.note(event).await;
    Ok(())
}
