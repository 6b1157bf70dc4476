//! What each fuzz target does. A panic is the finding.
//!
//! Each takes any bytes. What it reads without complaint must also keep what its format promises:
//! what was parsed writes itself back byte for byte, what was encoded differs when its fields do.

// A panic is the finding.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used
)]

mod api_key;
mod approval;
mod approval_claims;
mod approval_gate;
mod argon2_fill;
mod audit;
mod breach;
mod internal;
mod leak;
mod links;
mod passkey;
mod password;
mod password_line;
mod redact_events;
mod redact_json;
mod redact_stream;
mod redact_value;
mod request;
mod session;
mod session_cookie;
mod web;
mod webhook;

use std::sync::LazyLock;

use keyward_base::domain::Fields;
use keyward_base::encoding::{base64url, from_base64url, hex};
use keyward_base::key_tag::sealed_prefix;
use keyward_base::token::{TokenBuffer, TokenKind, TokenShape};
use keyward_base::{Domain, ErrorKind, Hint, KeyId, SecretArray, SecretBytes, Suite, Timestamp};
use keyward_crypto::sealed::{Header, Parsed};
use keyward_crypto::{BodyKey, Provider, danger};
use keyward_vault::{Credential, EnvSet, Kind, Loader, Note, OAuthToken, SshKey};
use secrecy::ExposeSecret as _;

pub use api_key::{api_key_epoch, api_key_row, api_key_text};
pub use approval::{approval_action, approval_agent_json, approval_link, approval_policy};
pub use approval_claims::approval_claims;
pub use approval_gate::{approval_export, approval_gate_row};
pub use argon2_fill::argon2_fill;
pub use audit::{
    audit_checkpoint, audit_entry, audit_export, audit_head, audit_kinds, audit_proof, audit_root,
    audit_rules,
};
pub use breach::{breach_file, breach_range};
pub use internal::internal_secrets;
pub use leak::leak_report;
pub use links::{identifier, login_rows, mail_token};
pub use passkey::{
    passkey_authenticator_data, passkey_client_data, passkey_spki, passkey_vote, trust_file,
};
pub use password::{credential_row, password_device, password_stored, password_wrapped};
pub use password_line::{password_context, password_line};
pub use redact_events::redact_events;
pub use redact_json::redact_json;
pub use redact_stream::redact_stream;
pub use redact_value::redact_value;
pub use request::axum_request;
pub use session::{session_epoch, session_row, session_token};
pub use session_cookie::session_cookie;
pub use web::{
    axum_authorization, axum_form, axum_forwarded, axum_multipart, axum_origin, axum_preflight,
    axum_x_forwarded_for,
};
pub use webhook::{webhook_headers, webhook_inbox, webhook_verify};

/// What a target does with its input.
pub type Target = fn(&[u8]);

/// Every target, by name.
pub const TARGETS: [(&str, Target); 67] = [
    ("anchor_parse", anchor_parse),
    ("api_key_epoch", api_key_epoch),
    ("api_key_row", api_key_row),
    ("api_key_text", api_key_text),
    ("approval_action", approval_action),
    ("approval_agent_json", approval_agent_json),
    ("approval_claims", approval_claims),
    ("approval_export", approval_export),
    ("approval_gate_row", approval_gate_row),
    ("approval_link", approval_link),
    ("approval_policy", approval_policy),
    ("argon2_fill", argon2_fill),
    ("audit_checkpoint", audit_checkpoint),
    ("audit_entry", audit_entry),
    ("audit_export", audit_export),
    ("audit_head", audit_head),
    ("audit_kinds", audit_kinds),
    ("audit_proof", audit_proof),
    ("audit_root", audit_root),
    ("audit_rules", audit_rules),
    ("axum_authorization", axum_authorization),
    ("axum_form", axum_form),
    ("axum_forwarded", axum_forwarded),
    ("axum_multipart", axum_multipart),
    ("axum_origin", axum_origin),
    ("axum_preflight", axum_preflight),
    ("axum_request", axum_request),
    ("axum_x_forwarded_for", axum_x_forwarded_for),
    ("breach_file", breach_file),
    ("breach_range", breach_range),
    ("context_encoding", context_encoding),
    ("credential_row", credential_row),
    ("find_dump", find_dump),
    ("identifier", identifier),
    ("internal_secrets", internal_secrets),
    ("keyring_parse", keyring_parse),
    ("leak_report", leak_report),
    ("login_rows", login_rows),
    ("mail_token", mail_token),
    ("passkey_authenticator_data", passkey_authenticator_data),
    ("passkey_client_data", passkey_client_data),
    ("passkey_spki", passkey_spki),
    ("passkey_vote", passkey_vote),
    ("password_context", password_context),
    ("password_device", password_device),
    ("password_line", password_line),
    ("password_stored", password_stored),
    ("password_wrapped", password_wrapped),
    ("provider_differential", provider_differential),
    ("redact_events", redact_events),
    ("redact_json", redact_json),
    ("redact_stream", redact_stream),
    ("redact_value", redact_value),
    ("sealed_parse", sealed_parse),
    ("session_cookie", session_cookie),
    ("session_epoch", session_epoch),
    ("session_row", session_row),
    ("session_token", session_token),
    ("token_parse", token_parse),
    ("trust_file", trust_file),
    ("vault_dotenv", vault_dotenv),
    ("vault_metadata", vault_metadata),
    ("vault_oauth", vault_oauth),
    ("vault_ssh_key", vault_ssh_key),
    ("webhook_headers", webhook_headers),
    ("webhook_inbox", webhook_inbox),
    ("webhook_verify", webhook_verify),
];

fn key(provider: &Provider) -> BodyKey {
    let bytes = SecretArray::copy_of(&[0x5a; 32]).expect("32 bytes");
    BodyKey::new(provider, Suite::Chunked1, &bytes).expect("any 32 bytes are a key")
}

static RING: LazyLock<BodyKey> = LazyLock::new(|| key(&Provider::ring()));
static RUST_CRYPTO: LazyLock<BodyKey> = LazyLock::new(|| key(&Provider::rustcrypto()));

/// Cuts `data` into fields: a length byte, then so many bytes, as far as they go.
fn fields(mut data: &[u8]) -> Vec<&[u8]> {
    let mut fields = Vec::new();
    while let Some((len, rest)) = data.split_first() {
        let (field, rest) = rest.split_at(rest.len().min(usize::from(*len)));
        fields.push(field);
        data = rest;
    }
    fields
}

/// Anchors: what is read is the one text of its pins.
pub fn anchor_parse(data: &[u8]) {
    match keyward_keys::anchor::Pins::parse(data) {
        Ok(pins) => {
            assert_eq!(pins.render().as_bytes(), data, "not canonical");
            assert!(pins.names().count() <= keyward_keys::anchor::MAX_PINS);
        }
        Err(error) => assert_ne!(error.kind(), ErrorKind::Rejected),
    }
}

/// Two lists of fields have one encoding only if they are one list.
pub fn context_encoding(data: &[u8]) {
    let (left, right) = data.split_at(data.len() / 2);
    let (left, right) = (fields(left), fields(right));
    let (a, b) = (encoded(&left), encoded(&right));
    // Up to four fields: of those that are left out here, nothing is said.
    let said = |fields: &[&[u8]]| {
        fields
            .iter()
            .take(4)
            .map(|f| f.to_vec())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        a == b,
        said(&left) == said(&right),
        "one encoding is one list"
    );
}

/// The encoding of the first four fields, streamed, and whole where it fits.
fn encoded(fields: &[&[u8]]) -> Vec<u8> {
    fn both<F: Fields>(domain: Domain<F>, fields: &F) -> Vec<u8> {
        let mut streamed = Vec::new();
        domain.stream(fields, |piece| streamed.extend_from_slice(piece));
        match domain.encode(fields) {
            Ok(whole) => assert_eq!(whole.as_bytes(), streamed),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Misuse);
                assert!(streamed.len() > keyward_base::encoded::MAX_CONTEXT_LEN);
            }
        }
        streamed
    }
    match *fields {
        [] => both(Domain::new("fuzz"), &()),
        [a] => both(Domain::new("fuzz"), &(a,)),
        [a, b] => both(Domain::new("fuzz"), &(a, b)),
        [a, b, c] => both(Domain::new("fuzz"), &(a, b, c)),
        [a, b, c, d, ..] => both(Domain::new("fuzz"), &(a, b, c, d)),
    }
}

/// Dumps: whatever stands before and behind it, a value that begins a word is found, in each form.
pub fn find_dump(data: &[u8]) {
    let key = KeyId::parse("0011223344556677").expect("16 digits");
    let keys = [key].into_iter().collect();
    let count = |text: &[u8]| keyward_find::dump(text, &keys, |_| ()).map(|report| report.values());
    let Ok(before) = count(data) else {
        return;
    };
    let value = sealed_prefix(Suite::Chunked1, key);
    let escaped: String = value
        .chars()
        .map(|c| format!("\\u{:04x}", u32::from(c)))
        .collect();
    for form in [value.clone(), hex(value.as_bytes()), escaped] {
        let text = [data, b" ", form.as_bytes(), b" ", data].concat();
        let Ok(after) = count(&text) else {
            return;
        };
        assert!(after > before, "a value was not found");
    }
}

/// Every record of the key store, and the barrier and the cursor of a data store: refused as
/// corrupt or of another version, never by a panic.
pub fn keyring_parse(data: &[u8]) {
    let of_ring = keyward_keys::format::inspect_ring(data).map(|_| ());
    let of_tenant = keyward_keys::format::inspect_tenant(data).map(|_| ());
    let of_registry = keyward_keys::format::inspect_coverage(data).map(|_| ());
    for read in [
        of_ring,
        of_tenant,
        of_registry,
        keyward_keys::format::inspect_replica(data),
        keyward_keys::format::inspect_barrier(data),
        keyward_keys::format::inspect_cursor(data),
    ] {
        if let Err(error) = read {
            assert!(matches!(
                error.kind(),
                ErrorKind::Corrupt | ErrorKind::Unavailable
            ));
        }
    }
}

/// What one provider seals the other opens, in that context and no other.
pub fn provider_differential(data: &[u8]) {
    let mut parts = fields(data).into_iter();
    let context = parts.next().filter(|c| !c.is_empty()).unwrap_or(b"context");
    let long = parts.next().map_or(0, <[u8]>::len);
    // Around the edge of a chunk now and then, else as long as the input is.
    let mut plaintext = data.to_vec();
    if long > 200 {
        plaintext.resize(16 * 1024 + long - 228, 7);
    }
    for (from, to) in [(&*RING, &*RUST_CRYPTO), (&*RUST_CRYPTO, &*RING)] {
        let mut body = Vec::new();
        danger::seal_under_bytes(from, context, &plaintext, &mut body).expect("sealing");
        let opened =
            danger::open_under_bytes(to, context, &body).expect("the other provider opens it");
        assert_eq!(opened.expose(), plaintext);
        let mut elsewhere = context.to_vec();
        elsewhere.push(0);
        assert!(danger::open_under_bytes(to, &elsewhere, &body).is_err());
        let at = data.len() % body.len();
        body[at] ^= 1;
        assert!(danger::open_under_bytes(to, context, &body).is_err());
    }
}

/// A sealed text value: what is read is canonical, and no made-up value opens.
pub fn sealed_parse(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let peeked = Header::peek(text);
    let Ok(parsed) = Parsed::parse(text) else {
        return;
    };
    let header = peeked.expect("what parses can be peeked at");
    assert_eq!(&header, parsed.header());
    assert_eq!(header.to_bytes(), parsed.header_bytes());
    let bytes = [parsed.header_bytes(), parsed.body()].concat();
    assert_eq!(format!("kw1.{}", base64url(&bytes)), text, "not canonical");
    let context = |_: &[u8]| Domain::new("fuzz").encode(&());
    assert!(parsed.verify(&RING, context).is_err());
    assert!(parsed.open(&RUST_CRYPTO, context).is_err());
}

/// Tokens, and the strict encodings, ids and hints they are made of.
pub fn token_parse(data: &[u8]) {
    let _ = Hint::of(data);
    if let Ok(hint) = Hint::parse(data) {
        assert_eq!(hint.as_str().as_bytes(), data);
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(bytes) = from_base64url(text) {
        assert_eq!(base64url(&bytes), text, "not canonical");
    }
    if let Ok(id) = KeyId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
    if let Ok(shape) = TokenShape::parse(text) {
        assert!(text.starts_with(&shape.prefix()));
        assert_eq!(text.len(), 4 + 12 + shape.rest());
        let front = from_base64url(&text[4..16]).expect("its front was read");
        assert_eq!(
            (front[0], &front[1..]),
            (shape.version(), &shape.key().to_bytes()[..])
        );
    }
    for kind in [SESSION, SESSION.with_checksum()] {
        let mut buffer = TokenBuffer::new();
        if let Ok(token) = kind.decode(text, &mut buffer) {
            let again = kind.encode(token.key, token.payload).expect("it was one");
            assert_eq!(again.expose_secret(), text, "not canonical");
            assert!(TokenShape::parse(text).is_ok());
        }
    }
    // Read by another than it is written by: what that one reads, this does too.
    let body = text.strip_prefix(SESSION.prefix()).map(from_base64url);
    let is_one = matches!(body, Some(Ok(bytes)) if bytes.len() == 73 && bytes.starts_with(&[1]));
    let read = SESSION.decode(text, &mut TokenBuffer::new()).is_ok();
    assert_eq!(read, is_one);
}

/// As sessions are to be: an id, a secret, a number and a tag.
type Session = ([u8; 16], [u8; 32], u64, [u8; 8]);

const SESSION: TokenKind<Session> = TokenKind::new("kws_", 1);

/// Environments: each name once, and what one loader reads is taken.
pub fn vault_dotenv(data: &[u8]) {
    for loader in Loader::ALL {
        if let Ok(set) = EnvSet::parse_as(data, loader) {
            assert!(EnvSet::parse(data).is_ok(), "one loader reads it");
            distinct(&set);
        }
    }
    match EnvSet::parse(data) {
        Ok(set) => distinct(&set),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Misuse),
    }
}

fn distinct(set: &EnvSet) {
    let mut names: Vec<&str> = set.vars().iter().map(|var| var.name()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "a name stands twice");
}

/// Token responses: facts within their limits, and each note names a field.
pub fn vault_oauth(data: &[u8]) {
    let Ok(token) = OAuthToken::parse(data) else {
        return;
    };
    assert!(!token.access().is_empty());
    assert!(token.scopes().len() <= 200);
    assert!(token.scopes().iter().map(String::len).sum::<usize>() <= 8192);
    assert!(token.notes().len() <= 8);
}

/// The metadata beside a sealed value.
pub fn vault_metadata(data: &[u8]) {
    if let Err(error) = keyward_vault::metadata::inspect(data) {
        assert!(matches!(
            error.kind(),
            ErrorKind::Corrupt | ErrorKind::Unavailable
        ));
    }
}

/// SSH keys, and every other kind of credential: kept byte for byte, mended so that it is kept from
/// then on, or refused as misuse.
pub fn vault_ssh_key(data: &[u8]) {
    if let Ok(key) = SshKey::parse(data) {
        assert!(key.fingerprint(&Provider::default()).starts_with("SHA256:"));
    }
    let parse = |kind: Kind, bytes: &[u8]| {
        let bytes = SecretBytes::copy_of(bytes);
        Credential::parse(kind, bytes, &Provider::default(), Timestamp::from_millis(1))
    };
    for kind in Kind::ALL {
        match parse(kind, data) {
            Ok(credential) if credential.notes().contains(&Note::Mended) => {
                assert_eq!(kind, Kind::SshKey);
                let kept = credential.bytes().expose();
                let again = parse(kind, kept).expect("what was mended is taken");
                assert!(!again.notes().contains(&Note::Mended));
                assert_eq!(again.bytes().expose(), kept);
                assert_eq!(again.facts(), credential.facts());
            }
            Ok(credential) => assert_eq!(credential.bytes().expose(), data),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Misuse),
        }
    }
}
