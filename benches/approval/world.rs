//! A link of ours, and one that is checked plainly.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use keyward_approval::{
    ActionBuilder, Catalogue, ExecutorName, GateId, Links, Policy, Requester, ServiceName, Shape,
};
use keyward_base::{Clock as _, Purpose, Subject, SystemClock, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring};
use keyward_store::MemoryStore;
use keyward_store::conformance::block_on;
use sha2::Sha256;

pub(crate) const LIFE: Duration = keyward_approval::link::LIFE;

pub(crate) const POLICY: &str = "keyward-policy = 1\nversion = 1\notherwise = \"one\"\n[rule.one]\n\
                      strictness = 1\napprovers = [\"ada\"]\nquorum = 1\ndecide-within = \"30d\"";

pub(crate) struct Made {
    pub(crate) links: Links,
    pub(crate) tenant: Tenant,
    pub(crate) token: String,
    clock: SystemClock,
    end: u64,
}

impl Made {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().unwrap()
    }

    /// In seconds.
    pub(crate) const fn links_end(&self) -> u64 {
        self.end
    }
}

/// Milliseconds since 1970.
pub(crate) fn millis() -> u64 {
    SystemClock::new().now().unwrap().as_millis()
}

pub(crate) fn links() -> Made {
    let provider = Provider::default();
    let root = Arc::new(EphemeralRoot::new(&provider).unwrap());
    let ring = Keyring::builder(Arc::new(MemoryStore::new(1_000)), root);
    let ring = block_on(ring.create(&[Purpose::new("vault").unwrap()], &[])).unwrap();
    let links = Links::new(ring).unwrap();
    block_on(links.install()).unwrap();
    let tenant = Tenant::new("acme").unwrap();
    let catalogue = Catalogue::new().with(Shape::new("server.delete").unwrap());
    let step = catalogue.unwrap().step("server.delete", "web-1").unwrap();
    let builder = ActionBuilder::new(
        tenant.clone(),
        ServiceName::new("desk").unwrap(),
        ExecutorName::new("worker").unwrap(),
        Requester::agent(Subject::new("agent-7").unwrap()),
    );
    let policy = Policy::parse(&provider, POLICY).unwrap();
    let now = Timestamp::from_millis(millis());
    let action = builder
        .step(step)
        .build(&policy, now, &provider)
        .unwrap()
        .action;
    let draft = links.draft(&tenant, GateId::from_bytes([7; 16])).unwrap();
    let letter = draft.finish(&action, 3, now).unwrap();
    Made {
        token: letter.link().expose().to_owned(),
        end: letter.expires().as_millis() / 1_000,
        clock: SystemClock::new(),
        links,
        tenant,
    }
}

/// What checks links of one key and tenant plainly.
pub(crate) struct Bare {
    key: Hmac<Sha256>,
    tenant: String,
}

impl Bare {
    pub(crate) fn new(tenant: &str) -> Self {
        Self {
            key: Hmac::new_from_slice(&[7; 32]).unwrap(),
            tenant: tenant.to_owned(),
        }
    }

    /// The bytes that `docs/formats/approval-link.md` says, gathered first.
    fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
        let mut message = [0; 224];
        let mut len = 0;
        let mut put = |field: &[u8]| {
            message[len] = u8::try_from(field.len()).unwrap();
            message[len + 1..len + 1 + field.len()].copy_from_slice(field);
            len += 1 + field.len();
        };
        put(b"keyward/v1/approval-link");
        put(self.tenant.as_bytes());
        put(&body[9..25]);
        put(&body[25..30]);
        put(&body[30..32]);
        put(&body[32..48]);
        let mut mac = self.key.clone();
        mac.update(&message[..len]);
        mac
    }

    /// One that ends at that second.
    pub(crate) fn token(&self, end: u64) -> String {
        let mut body = [1_u8; 80];
        body[25..30].copy_from_slice(&end.to_be_bytes()[3..]);
        let tag = self.mac(&body).finalize().into_bytes();
        body[48..].copy_from_slice(&tag);
        format!("kwl_{}", URL_SAFE_NO_PAD.encode(body))
    }

    /// The gate and the slot.
    pub(crate) fn check(&self, token: &str, now: u64, life: Duration) -> Option<([u8; 16], u16)> {
        let mut body = [0; 81];
        let text = token.strip_prefix("kwl_")?;
        let len = URL_SAFE_NO_PAD.decode_slice(text, &mut body).ok()?;
        if len != 80 || body[..9] != [1; 9] {
            return None;
        }
        self.mac(&body).verify_slice(&body[48..80]).ok()?;
        let mut end = [0; 8];
        end[3..].copy_from_slice(&body[25..30]);
        let end = u64::from_be_bytes(end) * 1_000;
        if end <= now || end > now + u64::try_from(life.as_millis()).ok()? {
            return None;
        }
        let slot = u16::from_be_bytes(body[30..32].try_into().ok()?);
        Some((body[9..25].try_into().ok()?, slot))
    }
}
