//! Opening and creating a keyring.

use std::sync::{Arc, Mutex, RwLock};

use keyward_base::audit::{Discard, Outcome};
use keyward_base::{
    Clock, Error, Event, KeyId, Purpose, Result, Sink, SystemClock, Timestamp, Trail,
};
use keyward_crypto::Provider;
use keyward_crypto::sign::{PublicKey, SigningKey};
use keyward_store::{Applied, Records};

use super::replica::Replica;
use super::settle::event_id;
use super::{FLIGHTS, Inner, Keyring};
use crate::anchor::{Anchor, Pin, PinName};
use crate::cache::Cache;
use crate::coverage::{Coverage, Coverages};
use crate::key_filter::KeyFilter;
use crate::key_use::{KeyUse, PurposeRules, Rules};
use crate::material::SignMaterial;
use crate::policy::Policy;
use crate::record_mac::RecordMac;
use crate::records::{COVERAGE, KEYRING, TENANT_KEYS, is_empty, put, ring_place};
use crate::registry::Registry;
use crate::ring::{KeyKind, KeyState, Published, Ring, RingKey};
use crate::ring_id::RingId;
use crate::root::Root;
use crate::signing::successor;
use crate::snapshot::{Snapshot, authenticated_bytes, key_context, new_filter, new_mac};
use crate::token_ids::TokenIds;
use crate::unknown_ids::UnknownIdBudget;

/// The epoch of a ring that was made, and never changed.
const FIRST_EPOCH: u64 = 1;

/// What a [`Keyring`] is made of. Everything but store and root has a default.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `open` or `create`"]
pub struct KeyringBuilder {
    store: Arc<dyn Records>,
    root: Arc<dyn Root>,
    anchor: Option<Arc<dyn Anchor>>,
    is_anchored: bool,
    clock: Arc<dyn Clock>,
    trail: Trail,
    provider: Provider,
    policy: Policy,
    replica: Option<String>,
    settles_later: bool,
}

impl KeyringBuilder {
    pub(super) fn new(store: Arc<dyn Records>, root: Arc<dyn Root>) -> Self {
        Self {
            store,
            root,
            anchor: None,
            is_anchored: false,
            clock: Arc::new(SystemClock::new()),
            trail: Trail::new(Arc::new(Discard::new())),
            provider: Provider::default(),
            policy: Policy::default(),
            replica: None,
            settles_later: false,
        }
    }

    /// Where the greatest epoch seen is remembered. Without one, an old ring put back while no
    /// process runs is not noticed.
    pub fn anchor(mut self, anchor: Arc<dyn Anchor>) -> Self {
        self.anchor = Some(anchor);
        self
    }

    /// The anchor knows the ring: one that was lost is not made anew by opening, since an older
    /// ring may have been put back meanwhile. Without this, an anchor that knows no ring takes the
    /// one there is, as it must where an anchor is given to a keyring that had none. A ring of epoch 1
    /// is taken all the same: whoever made it died before the anchor knew it, or before anything
    /// was registered that could hold a value of its keys.
    pub const fn is_anchored(mut self) -> Self {
        self.is_anchored = true;
        self
    }

    /// Where events go. Default: nowhere.
    pub fn audit(self, audit: Arc<dyn Sink>) -> Self {
        self.trail(Trail::new(audit))
    }

    /// Where events go, and who acts unless [`Admin::acting_as`](crate::Admin::acting_as) says
    /// otherwise.
    pub fn trail(mut self, trail: Trail) -> Self {
        self.trail = trail;
        self
    }

    /// Where the time comes from. Default: the system's clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Times and bounds.
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The crypto provider.
    pub const fn provider(mut self, provider: Provider) -> Self {
        self.provider = provider;
        self
    }

    /// This process runs long: it takes a lease under `name`, acknowledges each epoch, and stops
    /// opening when it cannot renew. Whoever says so calls [`Keyring::tick`] every few seconds.
    /// A process that does not say so reads the ring anew, before it seals or opens, whenever what
    /// it knows is as old as a lease may grow.
    /// `name` is for people: 1 to 64 bytes of visible ASCII.
    pub fn replica(mut self, name: &str) -> Self {
        self.replica = Some(name.to_owned());
        self
    }

    /// The trail can be read only once the keyring is open, since the keyring's own keys vouch for
    /// it: acts that earlier runs left open are not closed at opening. Whoever says so calls
    /// [`Keyring::settle`] as soon as the trail can be read.
    pub const fn settle_later(mut self) -> Self {
        self.settles_later = true;
        self
    }

    /// Opens the ring.
    ///
    /// # Errors
    /// `Misuse` if there is none; `Unavailable` if store, root or anchor cannot be reached, if the
    /// ring is older than the anchor, or another of its epoch, or if the anchor has to know the ring
    /// ([`KeyringBuilder::is_anchored`]) and knows none; `Corrupt` if it is not authentic.
    pub async fn open(self) -> Result<Keyring> {
        // The anchor first, as at every refresh: see `Keyring::refresh`.
        let now = self.clock.now()?;
        let pinned = self.pinned()?;
        let Some(record) = self.store.fetch(&ring_place()).await? else {
            return Err(self.none_here(pinned.as_ref()));
        };
        let snapshot = Snapshot::load(&record, self.root.as_ref(), &self.provider, None).await?;
        self.check_anchored(pinned.as_ref(), snapshot.ring.epoch)?;
        self.handle(snapshot, pinned, now).await
    }

    fn pinned(&self) -> Result<Option<Pin>> {
        match &self.anchor {
            Some(anchor) => anchor.load(&PinName::ring()),
            None => Ok(None),
        }
    }

    fn check_anchored(&self, pinned: Option<&Pin>, epoch: u64) -> Result<()> {
        match (&self.anchor, pinned) {
            (Some(anchor), None) if self.is_anchored && epoch > FIRST_EPOCH => {
                Err(Error::unavailable(format!(
                    "the anchor {} is missing, so that an older keyring put back would go unnoticed: give the anchor that belongs to this keyring; or, if the key store was not put back from a backup, `keyward keys accept-restore`",
                    anchor.describe()
                )))
            }
            _ => Ok(()),
        }
    }

    fn none_here(&self, pinned: Option<&Pin>) -> Error {
        match (pinned, &self.anchor) {
            (Some(pin), Some(anchor)) => Error::unavailable(format!(
                "the anchor {} knows keyring {}, and the key store holds none: restore it, see the runbook",
                anchor.describe(),
                RingId::from_bytes(pin.id)
            )),
            _ => Error::misuse("there is no keyring yet: make one with `keyward keys init`"),
        }
    }

    /// A handle on a ring that was asked for at `now`.
    async fn handle(
        self,
        snapshot: Snapshot,
        pinned: Option<Pin>,
        now: Timestamp,
    ) -> Result<Keyring> {
        let replica = match &self.replica {
            Some(name) => Some(Replica::new(name, &self.provider)?),
            None => None,
        };
        let inner = Inner {
            store: self.store,
            root: self.root,
            anchor: self.anchor,
            clock: self.clock,
            trail: self
                .trail
                .in_run(replica.as_ref().map(|replica| replica.run)),
            provider: self.provider,
            policy: self.policy,
            coverages: Coverages::default(),
            replica,
            look_again: Mutex::default(),
            view: RwLock::new(Arc::new(snapshot)),
            refreshed: Mutex::new(now),
            refreshing: tokio::sync::Mutex::new(()),
            cache: Cache::default(),
            unknown: UnknownIdBudget::default(),
            token_ids: TokenIds::default(),
            looking: tokio::sync::Mutex::new(()),
            flights: [const { tokio::sync::Mutex::const_new(()) }; FLIGHTS],
        };
        let keyring = Keyring(Arc::new(inner));
        keyring.0.judge(pinned.as_ref(), &keyring.snapshot())?;
        keyring.renew_lease(now).await?;
        if self.settles_later {
            return Ok(keyring);
        }
        let settled = keyring.settle().await;
        if settled.is_err() {
            // Nobody renews it: what could not start is waited for by no rotation.
            let _or_it_runs_out = keyring.leave().await;
        }
        settled.map(|()| keyring)
    }

    /// Makes the first ring, with one Active key for each of `purposes`.
    ///
    /// Nobody makes a ring because none was seen: it is refused if the key store holds a ring or
    /// key records, if the anchor knows a ring, or if one of `data` holds sealed values.
    ///
    /// # Errors
    /// `Misuse` in those cases, saying what is there; `Unavailable` if store or root fail.
    pub async fn create(self, purposes: &[Purpose], data: &[&dyn Coverage]) -> Result<Keyring> {
        self.check_nothing_there(data).await?;
        if purposes.is_empty() {
            return Err(Error::misuse("a keyring needs a purpose"));
        }
        let (ring, mac) = self.first_ring(purposes).await?;
        let clock = Arc::clone(&self.clock);
        let event = Event::new(clock.now()?, "keys.create", Outcome::Intended);
        let id = event_id(&self.provider, ring.id)?;
        let act = self.trail.intend(id, event).await?;
        let insert = put(ring_place(), None, authenticated_bytes(&ring, &mac)?);
        match self.store.apply(vec![insert]).await? {
            Applied::Done(_) => act.end(clock.as_ref(), Outcome::Done).await,
            _ => {
                act.end(clock.as_ref(), Outcome::NotDone).await;
                return Err(Error::misuse(
                    "there is a keyring already: `keyward keys status` shows it",
                ));
            }
        }
        self.open().await
    }

    async fn check_nothing_there(&self, data: &[&dyn Coverage]) -> Result<()> {
        if self.store.fetch(&ring_place()).await?.is_some() {
            return Err(Error::misuse(
                "there is a keyring already: `keyward keys status` shows it",
            ));
        }
        if let Some(anchor) = &self.anchor
            && let Some(pin) = self.pinned()?
        {
            return Err(Error::misuse(format!(
                "the anchor {} knows keyring {}, whose key store is gone: restore it; or, if its data is to be lost, remove that file",
                anchor.describe(),
                RingId::from_bytes(pin.id)
            )));
        }
        for collection in [KEYRING, TENANT_KEYS, COVERAGE] {
            if !is_empty(self.store.as_ref(), collection).await? {
                return Err(Error::misuse(
                    "the key store holds key records without their keyring: restore it, see the runbook",
                ));
            }
        }
        for column in data {
            if column.count("").await? > 0 {
                return Err(Error::misuse(format!(
                    "{} holds sealed values, and their keyring is gone: restore it, see the runbook",
                    column.id()
                )));
            }
        }
        Ok(())
    }

    async fn first_ring(&self, purposes: &[Purpose]) -> Result<(Ring, RecordMac)> {
        let now = self.clock.now()?;
        let mut id = [0; 16];
        self.provider.fill(&mut id)?;
        let id = RingId::from_bytes(id);
        let (provider, root) = (&self.provider, self.root.as_ref());
        let (mac, mac_key) = new_mac(provider, root, id, 1).await?;
        let (filter, key_filter) = new_filter(provider, root, id).await?;
        let mut keys: Vec<RingKey> = Vec::new();
        let mut names = Vec::new();
        let rules = Rules::of(KeyUse::Seal)?;
        for purpose in purposes {
            if keys.iter().any(|key| key.purpose == *purpose) {
                return Err(Error::misuse(format!("purpose {purpose} is named twice")));
            }
            let mut key = new_key(provider, &key_filter, purpose, rules, 1, now)?;
            key.make_active(1, now);
            keys.push(wrap_new(provider, root, id, key, None).await?);
            names.push(PurposeRules {
                purpose: purpose.clone(),
                rules,
            });
        }
        let ring = Ring {
            id,
            epoch: FIRST_EPOCH,
            oldest_living_epoch: 1,
            mac,
            previous_mac: None,
            filter,
            registry: Registry::none(provider),
            purposes: names,
            keys,
        };
        Ok((ring, mac_key))
    }
}

/// A Pending key of epoch `created_epoch`, without material.
pub(crate) fn new_key(
    provider: &Provider,
    filter: &KeyFilter,
    purpose: &Purpose,
    rules: Rules,
    created_epoch: u64,
    now: Timestamp,
) -> Result<RingKey> {
    Ok(RingKey {
        id: filter.make(provider, purpose, None)?,
        created_epoch,
        kind: match rules {
            Rules::Seal(suites) => KeyKind::Seal(suites.write),
            Rules::Mac { .. } => KeyKind::Mac,
            // The public half is there once there is a private one.
            Rules::Sign(_) => KeyKind::Sign(Published {
                public: PublicKey::from_bytes([0; 32]),
                successor: None,
            }),
        },
        purpose: purpose.clone(),
        state: KeyState::Pending,
        unregistered: false,
        ending: false,
        changed: created_epoch,
        promoted_epoch: 0,
        created: now,
        promoted: None,
        retired: None,
        disabled: None,
        destroyed: None,
        wrapped: None,
    })
}

/// `key` with random material, wrapped by the root; one that signs follows `before`, which says so.
pub(crate) async fn wrap_new(
    provider: &Provider,
    root: &dyn Root,
    ring: RingId,
    mut key: RingKey,
    before: Option<(KeyId, &SigningKey)>,
) -> Result<RingKey> {
    let material = provider.random::<32>()?;
    if let KeyKind::Sign(published) = &mut key.kind {
        let made = SignMaterial::new(provider, ring, key.id, &key.purpose, &material)?;
        published.public = made.of_ring.public();
        if let Some((of, by)) = before {
            let new = (key.id, published.public);
            published.successor = Some(successor(ring, &key.purpose, of, by, new)?);
        }
    }
    key.wrapped = Some(root.wrap(&key_context(ring, &key)?, &material).await?);
    Ok(key)
}
