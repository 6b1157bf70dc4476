//! An endpoint of a preset, and requests to it that can be damaged.

use base64ct::{Base64, Encoding as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use keyward_base::{ErrorKind, Result, SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_webhook::scheme::{KeyForm, List, Proof};
use keyward_webhook::{Covered, Scheme, Secrets, Webhook};

pub(crate) const NOW: u64 = 1_795_000_000;
pub(crate) const BODY: &[u8] = br#"{"id": "evt_1", "event_id": "Ev1", "ok": true}"#;

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    /// Seconds.
    pub(crate) now: u64,
}

impl Request {
    pub(crate) fn map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        map
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now * 1000)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_slice())
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        match self.headers.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.headers.push((name.to_owned(), value)),
        }
        self
    }

    pub(crate) fn and(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }
}

/// A secret as the provider would show it, another for each `number`.
pub(crate) fn secret(form: &KeyForm, number: u8) -> SecretBytes {
    let text = match form {
        KeyForm::Text { prefix } => {
            let prefix = prefix.as_deref().unwrap_or_default();
            format!("{prefix}a secret of this operator, no. {number}")
        }
        KeyForm::Base64 { prefix, .. } => {
            let prefix = prefix.as_deref().unwrap_or_default();
            format!("{prefix}{}", Base64::encode_string(&[number; 32]))
        }
    };
    SecretBytes::new(text.into_bytes())
}

pub(crate) struct Kit {
    pub(crate) hook: Webhook<Covered>,
    pub(crate) secrets: Secrets,
}

impl Kit {
    pub(crate) fn of(scheme: Scheme<Covered>) -> Self {
        let hook = Webhook::new(scheme, Provider::default()).unwrap();
        let mut secrets = hook.secrets();
        let form = &hook.scheme().key;
        secrets.add("first", None, &secret(form, 1)).unwrap();
        secrets.add("second", None, &secret(form, 2)).unwrap();
        Self { hook, secrets }
    }

    pub(crate) fn named(name: &str) -> Self {
        Self::of(keyward_webhook::preset::named(name).unwrap())
    }

    pub(crate) fn all() -> Vec<Self> {
        keyward_webhook::preset::all().map(Self::of).into()
    }

    pub(crate) fn name(&self) -> &str {
        &self.hook.scheme().name
    }

    pub(crate) fn request(&self) -> Request {
        self.request_of(1, BODY)
    }

    /// A right request under one of the secrets.
    pub(crate) fn request_of(&self, number: u8, body: &[u8]) -> Request {
        self.signed(&secret(&self.hook.scheme().key, number), NOW, body)
    }

    pub(crate) fn signed(&self, secret: &SecretBytes, now: u64, body: &[u8]) -> Request {
        let scheme = self.hook.scheme();
        let id = scheme.headers[0].id.as_ref().map(|_| "msg_1");
        let at = Timestamp::from_millis(now * 1000);
        let map = scheme
            .sign(&Provider::ring(), secret, id, at, body)
            .unwrap();
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.as_str().to_owned(), value.as_bytes().to_vec())
        };
        Request {
            headers: map.iter().map(line).collect(),
            body: body.to_vec(),
            now,
        }
    }

    /// The id of the key that matched, or why none did.
    pub(crate) fn verdict(&self, request: &Request) -> Result<String, String> {
        self.verify(&self.secrets, request)
    }

    pub(crate) fn verify(&self, secrets: &Secrets, request: &Request) -> Result<String, String> {
        let map = request.map();
        let verified = self
            .hook
            .receive(&map, request.now())
            .and_then(|received| received.verify(secrets, &request.body));
        match verified {
            Ok(hook) => {
                assert_eq!(hook.body(), request.body);
                Ok(hook.key().to_owned())
            }
            Err(e) if e.kind() == ErrorKind::Rejected => {
                assert_eq!(e.to_string(), "rejected", "one word outward");
                Err(e.reason().unwrap().as_str().to_owned())
            }
            Err(e) => Err(format!("{:?}", e.kind())),
        }
    }

    pub(crate) fn signature_header(&self) -> String {
        self.hook.scheme().headers[0].signature.to_string()
    }

    pub(crate) fn list(&self) -> Option<&List> {
        match &self.hook.scheme().proof {
            Proof::Hmac(proof) => Some(&proof.list),
            Proof::Token => None,
        }
    }
}
