//! What a body is sealed under, and how it is sealed anew.

use keyward_base::audit::{Event, Outcome};
use keyward_base::encoded::Encoded;
use keyward_base::{
    Clock, Domain, Error, ErrorKind, Hint, Purpose, Reason, RecordId, Result, SecretBytes, Tenant,
    Trail,
};
use keyward_crypto::Provider;
use keyward_crypto::sealed::{self, Header, Parsed};
use keyward_keys::{ResealRow, TenantKey};
use keyward_store::{BoxFuture, Content, Record};
use std::sync::Arc;

use super::row::{self, Head, Place};

/// A part of a body: the header of the sealed value, what its key is for, whose it is, the
/// endpoint, the row, which part, and SHA-256 of the facts beside it: provider, id and all.
type Part<'a> = (
    &'a [u8],
    &'a Purpose,
    &'a Tenant,
    &'a RecordId,
    &'a str,
    u16,
    [u8; 32],
);

const PART: Domain<Part<'_>> = Domain::new("kw1/webhook-inbox");

/// What one record of the inbox is bound to.
pub(super) struct Binding<'a> {
    pub(super) purpose: &'a Purpose,
    pub(super) place: &'a Place,
    pub(super) facts: [u8; 32],
}

impl Binding<'_> {
    fn encode(&self, header: &[u8]) -> Result<Encoded> {
        let endpoint = &self.place.endpoint;
        let row = self.place.row.to_string();
        PART.encode(&(
            header,
            self.purpose,
            &endpoint.tenant,
            &endpoint.id,
            row.as_str(),
            self.place.piece,
            self.facts,
        ))
    }

    pub(super) fn seal(&self, key: &TenantKey, part: &[u8]) -> Result<String> {
        let header = Header {
            suite: key.suite(),
            key: key.id(),
            hint: Hint::none(),
        };
        sealed::seal(key.body(), &header, |header| self.encode(header), part)
    }

    pub(super) fn open(&self, key: &TenantKey, sealed: &str) -> Result<SecretBytes> {
        parsed(sealed)?.open(key.body(), |header| self.encode(header))
    }
}

/// That a stored value is malformed is the store's fault, not a sender's.
fn parsed(sealed: &str) -> Result<Parsed> {
    Parsed::parse(sealed).map_err(|e| match e.reason() {
        Some(reason) => Error::corrupt("a sealed body in the inbox is damaged").because(reason),
        None => e,
    })
}

/// The rows of an inbox, as rotation sees them. It holds no keyring, which holds it.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) purpose: Purpose,
    pub(super) crypto: Provider,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) trail: Trail,
}

impl ResealRow for Rows {
    fn tenant(&self, row: &Record) -> Result<Tenant> {
        Place::of(&row.key).map(|place| place.endpoint.tenant)
    }

    fn reseal(&self, row: &Record, old: &TenantKey, new: &TenantKey) -> Result<Option<String>> {
        let place = Place::of(&row.key)?;
        let facts = match facts_of(&self.crypto, &place, &row.content) {
            Ok(facts) => facts,
            Err(e) if e.kind() == ErrorKind::Unavailable => return Ok(None),
            Err(e) => return Err(e),
        };
        let binding = Binding {
            purpose: &self.purpose,
            place: &place,
            facts,
        };
        let part = binding.open(old, &row.sealed)?;
        binding.seal(new, part.expose()).map(Some)
    }

    fn note_bad<'a>(&'a self, row: &'a Record, reason: Reason) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let outcome = Outcome::Failed(ErrorKind::Corrupt, Some(reason));
            let mut event = Event::new(self.clock.now()?, "webhook.quarantine", outcome);
            if let Ok(place) = Place::of(&row.key) {
                event.tenant = Some(place.endpoint.tenant);
                event.record = Some(place.endpoint.id);
            }
            self.trail.note(event).await;
            Ok(())
        })
    }
}

/// SHA-256 of the facts that a record says it is bound to.
fn facts_of(crypto: &Provider, place: &Place, content: &Content) -> Result<[u8; 32]> {
    match place.piece {
        0 => Ok(crypto.sha256(&[&Head::parse(&content.data)?.bound])),
        _ => row::parse_piece(&content.data),
    }
}
