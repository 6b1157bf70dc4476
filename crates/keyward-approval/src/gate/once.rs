//! Asking by machines that try again: the same ask is one gate, and so many may wait at once.
//!
//! What was asked under an idempotency key lies in a record beside the gate, written in the batch that
//! makes it. Its MAC binds the gate and the bytes of the request, of which it keeps no digest that
//! anybody could guess a secret by. How many gates of one asker wait is kept by so many records, each
//! of which one waiting gate takes: what takes none is not written.

use keyward_base::encoding::hex;
use keyward_base::{Domain, Error, ErrorKind, KeyId, Reason, Result, Tenant, Timestamp};
use keyward_keys::MacHandle;
use keyward_store::{Collection, Content, Record, RecordKey, Write};

use super::ask::Fresh;
use super::{Asking, GateId, Gates, MAX_TRIES, contended};
use crate::reason;
use crate::who::Requester;

/// What was asked under which idempotency key.
pub(crate) const ONCE: Collection = Collection::named("approval-once");
/// The places of what waits.
pub(super) const PLACES: Collection = Collection::named("approval-place");

/// Whose, who asks and under which key: the name of the record, no secret.
const NAME: Domain<(&Tenant, &str, &str, &str)> = Domain::new("keyward/v1/approval-once-name");
/// Whose, under which name, and the bytes of the request.
const BYTES: Domain<(&Tenant, &str, &[u8])> = Domain::new("keyward/v1/approval-once-bytes");
/// Whose, under which name, the gate and the MAC of the bytes.
const ONCE_ROW: Domain<(&Tenant, &str, GateId, &[u8])> = Domain::new("keyward/v1/approval-once");

/// The most gates of one asker that may be let wait: what is looked through for a free place.
pub const PLACES_MOST: u16 = 64;

/// The most bytes of an idempotency key: a UUID has 36, and Stripe takes 255.
pub const ONCE_KEY: usize = 255;

const VERSION: u8 = 1;

/// One ask of a machine, which it may send again.
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is asked before `Gates::ask_once`"]
pub struct Once<'a> {
    key: &'a str,
    bytes: &'a [u8],
    waiting: u16,
}

impl<'a> Once<'a> {
    /// Under an idempotency key of 1 to 255 bytes that its asker made, with the bytes of the request as
    /// they came. At most `waiting` gates of that asker may wait at once: 1 to 64.
    ///
    /// # Errors
    /// `Misuse` beyond those.
    pub fn new(key: &'a str, bytes: &'a [u8], waiting: u16) -> Result<Self> {
        if key.is_empty() || key.len() > ONCE_KEY {
            return Err(Error::misuse("an idempotency key is 1 to 255 bytes"));
        }
        if waiting == 0 || waiting > PLACES_MOST {
            return Err(Error::misuse("1 to 64 gates of one asker may wait"));
        }
        Ok(Self {
            key,
            bytes,
            waiting,
        })
    }
}

impl Gates {
    /// The gate of an ask that was made before, under the same idempotency key of the same asker; none
    /// if it was not.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::CONFLICT`]) if the bytes were others; `Corrupt` if its record is not what
    /// was written; `Unavailable` if store or keyring cannot be relied on.
    pub async fn asked_once(
        &self,
        tenant: &Tenant,
        requester: &Requester,
        once: &Once<'_>,
    ) -> Result<Option<GateId>> {
        let name = self.once_name(tenant, requester, once.key)?;
        match self.0.store.fetch(&at(ONCE, tenant, &name)).await? {
            Some(record) => self
                .read_once(tenant, &name, once.bytes, &record)
                .await
                .map(Some),
            None => Ok(None),
        }
    }

    /// Asks for an action, once for each idempotency key of its requester, however often and however
    /// many at once. The gate, what was asked under the key, and the place that it takes if it waits are
    /// written in one batch.
    ///
    /// # Errors
    /// As [`Gates::asked_once`] and [`Gates::ask`]; `Rejected` ([`reason::TOO_MANY_WAIT`]) if as many
    /// gates of that requester wait as may.
    pub async fn ask_once(&self, asking: Asking, once: &Once<'_>) -> Result<GateId> {
        let (tenant, requester) = asking.who();
        if let Some(gate) = self.asked_once(&tenant, &requester, once).await? {
            return Ok(gate);
        }
        let name = self.once_name(&tenant, &requester, once.key)?;
        let asker = self.once_name(&tenant, &requester, "")?;
        let fresh = self.prepare(asking)?;
        let id = fresh.answer().gate();
        let until = fresh.draft.row.needed_until().saturating_add(self.0.kept);
        for _ in 0..MAX_TRIES {
            let mut writes = self.writes_of(&fresh).await?;
            let fence = self.fence().await?;
            writes.push(once_row(&fence.key, &tenant, &name, id, once.bytes, until));
            if fresh.draft.row.state.is_open() {
                let place = self.place_of(&tenant, &asker, id, once.waiting, until);
                match place.await? {
                    Some(place) => writes.push(place),
                    // The last place may be that of this very ask, which came a moment ago as well.
                    None => {
                        let before = self.asked_once(&tenant, &requester, once).await?;
                        return before.ok_or_else(|| Error::rejected(reason::TOO_MANY_WAIT));
                    }
                }
            }
            let gate = [(&fresh.held, &fresh.draft)];
            if self.write_under(Some(fence), &gate, &writes).await? {
                return Ok(id);
            }
            if let Some(gate) = self.asked_once(&tenant, &requester, once).await? {
                return Ok(gate);
            }
        }
        Err(contended())
    }

    /// Takes a place among those of an asker: one that is free, or whose gate waits no more; none if there
    /// is none.
    async fn place_of(
        &self,
        tenant: &Tenant,
        asker: &str,
        id: GateId,
        waiting: u16,
        until: Timestamp,
    ) -> Result<Option<Write>> {
        // Begun anywhere, or all that ask at once would take the first.
        let [first, second, ..] = id.to_bytes();
        let start = u16::from_be_bytes([first, second]);
        let nth = |n: u16| start.wrapping_add(n).checked_rem(waiting).unwrap_or(0);
        let places: Vec<_> = (0..waiting)
            .map(|n| at(PLACES, tenant, &format!("{asker}/{}", nth(n))))
            .collect();
        let found = self.0.store.fetch_many(&places).await?;
        let content = Content {
            data: id.to_bytes().to_vec(),
            expires: Some(until),
            ..Content::default()
        };
        let taken: Vec<_> = places.into_iter().zip(found).collect();
        if let Some((place, _)) = taken.iter().find(|(_, found)| found.is_none()) {
            return Ok(Some(Write::put(place.clone(), None, content)));
        }
        for (place, record) in taken {
            let Some(record) = record else { continue };
            if !self.waits(tenant, &record).await? {
                return Ok(Some(Write::put(place, Some(record.version), content)));
            }
        }
        Ok(None)
    }

    /// The place that `old` took goes to the gate that stands in its place, if that waits: who edits
    /// what he asked for has no more waiting by it.
    pub(super) async fn place_of_edited(
        &self,
        old: GateId,
        fresh: &Fresh,
    ) -> Result<Option<Write>> {
        let row = &fresh.draft.row;
        if !row.state.is_open() {
            return Ok(None);
        }
        let asker = self.once_name(&row.tenant, fresh.draft.action.requester(), "")?;
        let places = (0..PLACES_MOST).map(|n| at(PLACES, &row.tenant, &format!("{asker}/{n}")));
        let found = self.0.store.fetch_many(&places.collect::<Vec<_>>()).await?;
        let mut found = found.into_iter().flatten();
        let place = found.find(|place| place.data == old.to_bytes());
        Ok(place.map(|place| {
            let content = Content {
                data: row.id.to_bytes().to_vec(),
                expires: Some(row.needed_until().saturating_add(self.0.kept)),
                ..Content::default()
            };
            Write::put(place.key, Some(place.version), content)
        }))
    }

    /// Whether the gate that took a place still waits.
    async fn waits(&self, tenant: &Tenant, place: &Record) -> Result<bool> {
        let Ok(id) = <[u8; 16]>::try_from(place.data.as_slice()) else {
            return Ok(false);
        };
        // Its record alone: actions may be large, and each ask that finds no place asks of all.
        let row = match self.row_of(tenant, GateId::from_bytes(id)).await {
            Err(e) if e.kind() == ErrorKind::Rejected => return Ok(false),
            row => row?,
        };
        Ok(row.state.is_open() && !row.is_timed_out(self.now()?))
    }

    async fn read_once(
        &self,
        tenant: &Tenant,
        name: &str,
        bytes: &[u8],
        record: &Record,
    ) -> Result<GateId> {
        let wrong = || Error::corrupt("what was asked under a key is not what was written");
        let data = record.data.split_first().filter(|(v, _)| **v == VERSION);
        let (key, rest) = data
            .and_then(|(_, r)| r.split_first_chunk::<8>())
            .ok_or_else(wrong)?;
        let (gate, rest) = rest.split_first_chunk::<16>().ok_or_else(wrong)?;
        let (said, mac) = rest.split_first_chunk::<32>().ok_or_else(wrong)?;
        let mac = <&[u8; 32]>::try_from(mac).map_err(|_| wrong())?;
        let (key, gate) = (KeyId::from_bytes(*key), GateId::from_bytes(*gate));
        let key = self.0.keyring.find_mac(&self.0.purpose, key).await;
        let judged = |e: Error| match e.kind() {
            ErrorKind::Rejected => wrong().with_source(e),
            _ => e,
        };
        let key = key.map_err(judged)?;
        key.verify(ONCE_ROW, &(tenant, name, gate, &said[..]), mac)
            .map_err(judged)?;
        key.verify(BYTES, &(tenant, name, bytes), said)
            .map_err(|e| match e.kind() {
                ErrorKind::Rejected => Error::rejected(Reason::CONFLICT),
                _ => e,
            })?;
        Ok(gate)
    }

    fn once_name(&self, tenant: &Tenant, requester: &Requester, key: &str) -> Result<String> {
        let owner = requester.owner().map_or("", |owner| owner.as_str());
        let encoded = NAME.encode(&(tenant, requester.subject().as_str(), owner, key))?;
        let provider = self.0.keyring.provider();
        Ok(hex(&provider.sha256(&[encoded.as_bytes()])))
    }
}

fn once_row(
    key: &MacHandle,
    tenant: &Tenant,
    name: &str,
    id: GateId,
    bytes: &[u8],
    until: Timestamp,
) -> Write {
    let said = key.sign(BYTES, &(tenant, name, bytes));
    let mac = key.sign(ONCE_ROW, &(tenant, name, id, &said[..]));
    let mut data = vec![VERSION];
    for part in [&key.id().to_bytes()[..], &id.to_bytes(), &said, &mac] {
        data.extend_from_slice(part);
    }
    Write::Insert {
        key: at(ONCE, tenant, name),
        content: Content {
            data,
            mac_key: key.tag(),
            expires: Some(until),
            ..Content::default()
        },
    }
}

fn at(collection: Collection, tenant: &Tenant, id: &str) -> RecordKey {
    RecordKey {
        collection,
        owner: tenant.as_str().to_owned(),
        id: id.to_owned(),
    }
}
