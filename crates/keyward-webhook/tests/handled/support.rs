//! Deliveries as their providers sign them, and stores that fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderMap, HeaderValue};
use keyward_base::encoding::hex;
use keyward_base::{
    BoxFuture, Error, ManualClock, RecordId, Result, SecretBytes, Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_crypto::hmac::{HmacHash, HmacKey};
use keyward_store::{
    Begun, Claim, Collection, FencingToken, Finished, MemoryStore, Once, RecordKey,
};
use keyward_webhook::{
    BearerToken, Claims, Coverage, Endpoint, OnceTerms, OwnedWebhook, Scheme, Webhook, WholeBody,
    preset,
};

pub(crate) const START: u64 = 1_795_000_000_000;

const SECRET: &[u8] = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(at(0)))
}

pub(crate) fn endpoint(tenant: &str, id: &str) -> Endpoint {
    Endpoint {
        tenant: Tenant::new(tenant).unwrap(),
        id: RecordId::new(id).unwrap(),
    }
}

pub(crate) fn acme() -> Endpoint {
    endpoint("acme", "deploys")
}

fn tag(key: &[u8], message: &[&[u8]]) -> Vec<u8> {
    let key = SecretBytes::copy_of(key);
    let key = HmacKey::new(&Provider::default(), HmacHash::Sha256, &key).unwrap();
    key.sign(message).as_bytes().to_vec()
}

fn base64(bytes: &[u8]) -> String {
    keyward_base::encoding::base64(bytes)
}

/// A request of that scheme, verified at `now`.
pub(crate) fn verified<C: Coverage>(
    scheme: Scheme<C>,
    headers: &[(&'static str, String)],
    body: &[u8],
    now: Timestamp,
) -> OwnedWebhook<C> {
    let webhook = Webhook::new(scheme, Provider::default()).unwrap();
    let mut secrets = webhook.secrets();
    secrets
        .add("2026-11", None, &SecretBytes::copy_of(SECRET))
        .unwrap();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let received = webhook.receive(&map, now).unwrap();
    received.verify_owned(&secrets, body.to_vec()).unwrap()
}

/// GitHub's, under an id that nobody signs.
pub(crate) fn github(id: &str, body: &[u8]) -> OwnedWebhook<WholeBody> {
    let signature = format!("sha256={}", hex(&tag(SECRET, &[body])));
    let mut headers = vec![("x-hub-signature-256", signature)];
    if !id.is_empty() {
        headers.push(("x-github-delivery", id.to_owned()));
    }
    headers.push(("x-github-event", "push".to_owned()));
    verified(preset::GITHUB, &headers, body, at(0))
}

/// Standard Webhooks', signed anew at each attempt under the same id.
pub(crate) fn standard(id: &str, body: &[u8], now: Timestamp) -> OwnedWebhook<WholeBody> {
    let seconds = (now.as_millis() / 1000).to_string();
    let key = keyward_base::encoding::from_base64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let message: [&[u8]; 5] = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
    let signature = format!("v1,{}", base64(&tag(key.expose(), &message)));
    let headers = [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds),
        ("webhook-signature", signature),
    ];
    verified(preset::STANDARD_WEBHOOKS, &headers, body, now)
}

/// Stripe's, whose id is a field of the body.
pub(crate) fn stripe(body: &[u8], now: Timestamp) -> OwnedWebhook<WholeBody> {
    let seconds = (now.as_millis() / 1000).to_string();
    let signature = tag(SECRET, &[seconds.as_bytes(), b".", body]);
    let signature = format!("t={seconds},v1={}", hex(&signature));
    verified(
        preset::STRIPE,
        &[("stripe-signature", signature)],
        body,
        now,
    )
}

/// Meta's, which batches events anew between attempts.
pub(crate) fn meta(body: &[u8]) -> OwnedWebhook<WholeBody> {
    let signature = format!("sha256={}", hex(&tag(SECRET, &[body])));
    verified(
        preset::META,
        &[("x-hub-signature-256", signature)],
        body,
        at(0),
    )
}

pub(crate) fn claims(terms: OnceTerms, store: Arc<dyn Once>, clock: &Arc<ManualClock>) -> Claims {
    Claims::new(terms, store, Arc::<ManualClock>::clone(clock)).unwrap()
}

pub(crate) fn memory() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(100_000))
}

/// A store of claims whose next calls of `finish` and `abandon` fail.
#[derive(Debug)]
pub(crate) struct Deaf {
    pub(crate) good: Arc<dyn Once>,
    pub(crate) calls: AtomicUsize,
}

impl Deaf {
    fn hear(&self) -> Result<()> {
        let left = self.calls.load(Ordering::SeqCst);
        if left == 0 {
            return Ok(());
        }
        self.calls.store(left - 1, Ordering::SeqCst);
        Err(Error::unavailable("the store does not answer"))
    }
}

impl Once for Deaf {
    fn abandon<'a>(
        &'a self,
        key: &'a RecordKey,
        token: FencingToken,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            self.hear()?;
            self.good.abandon(key, token).await
        })
    }

    fn begin<'a>(
        &'a self,
        key: &'a RecordKey,
        claim: Claim,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Begun>> {
        self.good.begin(key, claim, now)
    }

    fn begin_many<'a>(
        &'a self,
        claims: &'a [(RecordKey, Claim)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Begun>>> {
        self.good.begin_many(claims, now)
    }

    fn forget<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<bool>> {
        self.good.forget(key)
    }

    fn finish<'a>(
        &'a self,
        key: &'a RecordKey,
        token: FencingToken,
        result: &'a [u8],
        keep_until: Timestamp,
    ) -> BoxFuture<'a, Result<Finished>> {
        Box::pin(async move {
            self.hear()?;
            self.good.finish(key, token, result, keep_until).await
        })
    }

    fn purge_once<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        self.good.purge_once(collection, now, limit)
    }
}

/// GitLab's with a token: it signs nothing.
pub(crate) fn gitlab(id: &str, body: &[u8]) -> OwnedWebhook<BearerToken> {
    let headers = [
        ("x-gitlab-token", str::from_utf8(SECRET).unwrap().to_owned()),
        ("idempotency-key", id.to_owned()),
    ];
    verified(preset::GITLAB_TOKEN, &headers, body, at(0))
}
