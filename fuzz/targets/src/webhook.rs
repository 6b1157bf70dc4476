//! Requests of strangers to an endpoint of webhooks.
//!
//! The input is cut into fields. The first byte of the first one says which preset; the second
//! field is the body; each other one is a line of a header: the first byte of it says which of the
//! scheme's, the rest is its value.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use keyward_base::{ErrorKind, SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_webhook::scheme::{Encoding, Headers, KeyForm, List, Piece, Proof};
use keyward_webhook::{Covered, Origin, Secrets, VerifiedWebhook, Webhook, preset};
use sha2::Sha256;

use crate::fields;

const NOW: u64 = 1_795_000_000;
const KEY: &[u8] = b"whsec_0123456789abcdef0123456789";

static HOOKS: LazyLock<Vec<(Webhook<Covered>, Secrets)>> = LazyLock::new(|| {
    let hook = |scheme| {
        let hook = Webhook::new(scheme, Provider::default()).expect("a preset");
        let secret = match &hook.scheme().key {
            KeyForm::Text { .. } => KEY.to_vec(),
            KeyForm::Base64 { .. } => format!("whsec_{}", STANDARD.encode(KEY)).into_bytes(),
        };
        let mut secrets = hook.secrets();
        let secret = SecretBytes::new(secret);
        secrets.add("only", None, &secret).expect("a secret");
        (hook, secrets)
    };
    preset::all().into_iter().map(hook).collect()
});

/// A request to one of the presets.
struct Sent<'a> {
    hook: &'static Webhook<Covered>,
    secrets: &'static Secrets,
    body: &'a [u8],
    headers: HeaderMap,
}

fn names(set: &Headers) -> Vec<&str> {
    let rest = [&set.time, &set.id, &set.event];
    std::iter::once(&set.signature)
        .chain(rest.into_iter().flatten())
        .map(AsRef::as_ref)
        .collect()
}

fn sent(data: &[u8], value: impl Fn(&Sent<'_>, &[u8]) -> Vec<u8>) -> Option<Sent<'_>> {
    let fields = fields(data);
    let which = usize::from(*fields.first()?.first()?) % HOOKS.len();
    let (hook, secrets) = &HOOKS[which];
    let mut sent = Sent {
        hook,
        secrets,
        body: fields.get(1)?,
        headers: HeaderMap::new(),
    };
    let names: Vec<&str> = hook.scheme().headers.iter().flat_map(names).collect();
    for line in &fields[2..] {
        let (name, text) = line.split_first()?;
        let name = names[usize::from(*name) % names.len()];
        let value = HeaderValue::from_bytes(&value(&sent, text)).ok()?;
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        sent.headers.append(name, value);
    }
    Some(sent)
}

impl Sent<'_> {
    fn verify(&self) -> Option<VerifiedWebhook<'_, Covered>> {
        let now = Timestamp::from_millis(NOW * 1000);
        let received = self.hook.receive(&self.headers, now);
        let verified = received.and_then(|received| received.verify(self.secrets, self.body));
        match verified {
            Ok(hook) => Some(hook),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Rejected);
                assert_eq!(error.to_string(), "rejected");
                None
            }
        }
    }

    /// The first line of the header, of the set of which a line came.
    fn line(&self, name: impl Fn(&Headers) -> Option<&str>) -> &[u8] {
        let sets = self.hook.scheme().headers.iter();
        let mut lines = sets.filter_map(|set| self.headers.get(name(set)?));
        lines.next().map(HeaderValue::as_bytes).unwrap_or_default()
    }

    fn time(&self) -> Vec<u8> {
        let value = self.line(|set| Some(&set.signature));
        let of_list = value
            .split(|b| *b == b',')
            .find_map(|pair| pair.strip_prefix(b"t="));
        let of_header = self.line(|set| set.time.as_deref());
        of_list
            .filter(|_| of_header.is_empty())
            .unwrap_or(of_header)
            .to_vec()
    }

    /// The tag as an independent MAC writes it.
    fn tag(&self, time: &[u8]) -> String {
        let Proof::Hmac(proof) = &self.hook.scheme().proof else {
            return String::from_utf8_lossy(KEY).into_owned();
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY).expect("any key");
        for piece in proof.message.iter() {
            match piece {
                Piece::Body => mac.update(self.body),
                Piece::Id => mac.update(self.line(|set| set.id.as_deref())),
                Piece::Text(text) => mac.update(text.as_bytes()),
                Piece::Time => mac.update(time),
            }
        }
        let tag = mac.finalize().into_bytes();
        match proof.encoding {
            Encoding::Base64 => STANDARD.encode(tag),
            Encoding::Hex => tag.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

/// The header grammars: nothing but a refusal comes of what is no signature of this key.
pub fn webhook_headers(data: &[u8]) {
    let Some(sent) = sent(data, |_, text| text.to_vec()) else {
        return;
    };
    if sent.verify().is_some() {
        accepted(&sent);
    }
}

/// Each scheme from end to end: the right tag stands where a value has the byte 1, and what is
/// accepted an independent MAC accepts.
pub fn webhook_verify(data: &[u8]) {
    let put = |sent: &Sent<'_>, text: &[u8]| {
        let mut value = Vec::new();
        for byte in text {
            match byte {
                1 => {
                    let of_list = text
                        .split(|b| *b == b',')
                        .find_map(|p| p.strip_prefix(b"t="));
                    let time = of_list.map_or_else(|| sent.time(), <[u8]>::to_vec);
                    value.extend(sent.tag(&time).into_bytes());
                }
                _ => value.push(*byte),
            }
        }
        value
    };
    let Some(sent) = sent(data, put) else {
        return;
    };
    if let Some(hook) = sent.verify() {
        accepted(&sent);
        assert_eq!(hook.body(), sent.body);
        let key = hook.dedupe();
        let digest = key.origin() == Origin::BodyDigest;
        assert!(!digest || key.as_bytes() == hook.body_digest());
        assert!((1..=255).contains(&key.as_bytes().len()));
    }
}

fn accepted(sent: &Sent<'_>) {
    let value = sent.line(|set| Some(&set.signature));
    // What is passed over may hold any bytes.
    let value = String::from_utf8_lossy(value);
    let time = sent.time();
    let tag = sent.tag(&time);
    match &sent.hook.scheme().proof {
        Proof::Token => assert_eq!(value, tag),
        Proof::Hmac(proof) => {
            let taken: Vec<String> = match &proof.list {
                List::One { prefix } => {
                    vec![
                        value
                            .strip_prefix(&**prefix)
                            .expect("a prefix")
                            .to_lowercase(),
                    ]
                }
                List::Pairs { .. } => {
                    let tags = value.split(',').filter_map(|pair| pair.strip_prefix("v1="));
                    tags.map(str::to_lowercase).collect()
                }
                List::Versions { .. } => {
                    let tags = value
                        .split(' ')
                        .filter_map(|entry| entry.strip_prefix("v1,"));
                    tags.map(str::to_owned).collect()
                }
            };
            assert!(
                taken.contains(&tag),
                "accepted without a right tag: {value}"
            );
            assert!(taken.len() <= 16);
            if proof.time.is_some() {
                let time: u64 = std::str::from_utf8(&time)
                    .expect("text")
                    .parse()
                    .expect("a time");
                assert!((NOW - 300..=NOW + 60).contains(&time), "{time}");
            }
            if proof.message.contains(&Piece::Id) {
                assert!(!sent.line(|set| set.id.as_deref()).contains(&b'.'));
            }
        }
    }
}

/// Rows of the inbox: what is read writes itself back, and what is not is damaged or newer.
pub fn webhook_inbox(data: &[u8]) {
    match keyward_webhook::inbox::reread(data) {
        Ok(written) => assert_eq!(written, data, "not canonical"),
        Err(error) => assert!(matches!(
            error.kind(),
            ErrorKind::Corrupt | ErrorKind::Unavailable
        )),
    }
}
