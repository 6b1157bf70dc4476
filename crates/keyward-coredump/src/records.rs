//! The records of a home, read and unwrapped from outside, to know every key it ever had.
//! Written from `docs/formats/keyring.md` and `sealed.md`.

use keyward_base::{CredentialKind, Place, Purpose, RecordId, Revision, Role, Tenant};
use keyward_crypto::Provider;
use keyward_crypto::sealed::Parsed;
use keyward_store::Record;

use crate::expansion::{Message, Piece, ed25519, expand, hmac256, hmac512, message};

const INFO: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";

/// Everything secret that came up, by what it is.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Secrets {
    /// What it is of (`root`, `ring key`, `tenant key`, `MAC key`, `signing key`, `message` and so
    /// on), and the piece.
    pub pieces: Vec<(&'static str, Piece)>,
}

/// A reader of fields, big-endian.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (field, rest) = self.0.split_at(len);
        self.0 = rest;
        field
    }

    fn number(&mut self, len: usize) -> usize {
        let field = self.take(len);
        field.iter().fold(0, |n, b| (n << 8) | usize::from(*b))
    }

    fn wrapped(&mut self) -> &'a [u8] {
        self.take(4);
        let len = self.number(2);
        self.take(len)
    }
}

/// A key of the ring or of a tenant.
struct Key {
    id: Vec<u8>,
    suite: u8,
    material: [u8; 32],
}

/// What the child signs with each key that signs.
#[must_use]
pub fn signed() -> Vec<u8> {
    b"what the child signs".to_vec()
}

impl Secrets {
    /// Unwraps the ring record and the tenant's record, and derives the message key of every
    /// wrapped key and of every value of the vault.
    pub fn collect(&mut self, root: &[u8; 32], ring: &[u8], tenants: &[Record], rows: &[Record]) {
        self.add("root", hmac512(root));
        let mut fields = Fields(ring);
        assert_eq!(fields.take(5), b"kwrg\x03", "a ring of version 3");
        let ring_id = fields.take(16);
        fields.take(16);
        // The MAC key, and the one before it.
        for _ in 0..2 {
            let (since, wrapped) = (fields.take(8), fields.wrapped());
            if wrapped.is_empty() {
                continue;
            }
            let bound = context("keyward/v1/ring-mac", &[ring_id, since]);
            let mac_key = self.unwrap(root, wrapped, &bound);
            self.add("ring MAC key", hmac256(&mac_key));
        }
        let bound = context("keyward/v1/ring-filter", &[ring_id]);
        let filter_key = self.unwrap(root, fields.wrapped(), &bound);
        self.add("ring filter key", hmac256(&filter_key));
        fields.take(2 + 32);
        for _ in 0..fields.number(2) {
            let len = fields.number(1);
            fields.take(len + 4 + 8);
        }
        let mut ring_keys = Vec::new();
        for _ in 0..fields.number(2) {
            let (id, seq) = (fields.take(8), fields.take(8));
            let (algorithm, suite) = (fields.take(1), fields.take(1));
            fields.take(2);
            let purpose_len = fields.number(1);
            let purpose = fields.take(purpose_len);
            fields.take(7 * 8);
            let wrapped = fields.wrapped();
            if algorithm == [3] {
                // Its public key, and the signature that it follows the one before.
                fields.take(32 + 8 + 64);
            }
            if wrapped.is_empty() {
                continue;
            }
            let parts = [ring_id, id, seq, algorithm, suite, purpose];
            let bound = context("keyward/v1/ring-key", &parts);
            let material = self.unwrap(root, wrapped, &bound);
            match algorithm {
                [1] => {
                    self.add("ring key", hmac(suite[0], &material));
                    ring_keys.push(Key {
                        id: id.to_vec(),
                        suite: suite[0],
                        material,
                    });
                }
                [2] => self.macs(&material, ring_id, id, purpose),
                _ => self.signs(&material, ring_id, id, purpose),
            }
        }
        let mut tenant_keys = Vec::new();
        for record in tenants {
            self.tenant(ring_id, &ring_keys, record, &mut tenant_keys);
        }
        for row in rows {
            self.row(&tenant_keys, row);
        }
    }

    /// The keys for MACs that are derived from a ring key: the ring's, and that of tenant `acme`.
    fn macs(&mut self, material: &[u8; 32], ring: &[u8], id: &[u8], purpose: &[u8]) {
        self.add("MAC ring key", hmac256(material));
        let of_ring = derived(material, "mac", "keyward/v1/mac-key", &[ring, id, purpose]);
        self.add("MAC key", hmac256(&of_ring));
        let parts = [ring, id, purpose, b"acme"];
        let of_tenant = derived(material, "tenant-mac", "keyward/v1/tenant-mac-key", &parts);
        self.add("tenant's MAC key", hmac256(&of_tenant));
    }

    /// The same for keys that sign.
    fn signs(&mut self, material: &[u8; 32], ring: &[u8], id: &[u8], purpose: &[u8]) {
        self.add("signing ring key", hmac256(material));
        let parts = [ring, id, purpose];
        let of_ring = derived(material, "sign", "keyward/v1/signing-key", &parts);
        self.add("signing key", ed25519(&of_ring, &[signed()]));
        let parts = [ring, id, purpose, b"acme"];
        let domain = "keyward/v1/tenant-signing-key";
        let of_tenant = derived(material, "tenant-sign", domain, &parts);
        self.add("tenant's signing key", ed25519(&of_tenant, &[signed()]));
    }

    fn tenant(&mut self, ring_id: &[u8], ring_keys: &[Key], record: &Record, out: &mut Vec<Key>) {
        let (tenant, purpose) = (record.key.owner.as_bytes(), record.key.id.as_bytes());
        let mut fields = Fields(&record.data);
        assert_eq!(fields.take(5), b"kwtk\x02", "tenant keys of version 2");
        fields.take(16);
        for _ in 0..fields.number(2) {
            let (id, seq, suite) = (fields.take(8), fields.take(8), fields.take(1));
            fields.take(1);
            let by = fields.take(8);
            fields.take(8);
            let len = fields.number(2);
            let wrapped = fields.take(len);
            let parts = [ring_id, by, purpose, tenant, id, seq, suite];
            let ring_key = ring_keys
                .iter()
                .find(|key| key.id == by)
                .expect("its ring key");
            let bound = context("keyward/v1/tenant-key", &parts);
            let material = self.unwrap_in(ring_key.suite, &ring_key.material, wrapped, &bound);
            self.add("tenant key", hmac(suite[0], &material));
            out.push(Key {
                id: id.to_vec(),
                suite: suite[0],
                material,
            });
        }
    }

    fn row(&mut self, tenant_keys: &[Key], row: &Record) {
        let parsed = Parsed::parse(&row.sealed).expect("a sealed value");
        let id = parsed.header().key.to_bytes();
        let key = tenant_keys
            .iter()
            .find(|key| key.id == id)
            .expect("its key");
        let bound = match row.key.collection.as_str() {
            "vault" => Self::of_vault(row, &parsed),
            _ => Self::of_credential(row, &parsed),
        };
        self.expand(key.suite, &key.material, parsed.body(), &bound);
    }

    /// The context of an account's row.
    fn of_credential(row: &Record, parsed: &Parsed) -> Vec<u8> {
        context(
            "kw1/credential",
            &[
                parsed.header_bytes(),
                b"password",
                row.key.collection.as_str().as_bytes(),
                row.key.owner.as_bytes(),
                row.key.id.as_bytes(),
                &row.data,
            ],
        )
    }

    /// The context of a record of the vault.
    fn of_vault(row: &Record, parsed: &Parsed) -> Vec<u8> {
        let (place, record) = row.key.id.split_once('/').expect("place/record");
        let text = String::from_utf8_lossy(&row.data).into_owned();
        keyward_base::Context {
            purpose: &Purpose::new("vault").expect("a purpose"),
            tenant: &Tenant::new(&row.key.owner).expect("a tenant"),
            role: &Role::none(),
            place: &Place::new(place).expect("a place"),
            record: &RecordId::new(record).expect("a record id"),
            kind: &CredentialKind::new(field(&text, "\"kind\":\"")).expect("a kind"),
            metadata: Some(&Provider::default().sha256(&[&row.data])),
            revision: revision(&text),
        }
        .encode("kw1/record", parsed.header_bytes())
        .expect("it fits")
        .as_bytes()
        .to_vec()
    }

    /// Roots use suite 1.
    fn unwrap(&mut self, by: &[u8; 32], body: &[u8], bound: &[u8]) -> [u8; 32] {
        self.unwrap_in(1, by, body, bound)
    }

    fn unwrap_in(&mut self, suite: u8, by: &[u8; 32], body: &[u8], bound: &[u8]) -> [u8; 32] {
        use aes_gcm::aead::{Aead as _, KeyInit as _};
        let message = self.expand(suite, by, body, bound);
        let cipher = aes_gcm::Aes256Gcm::new(&message.key.into());
        let opened = cipher
            .decrypt(&message.nonce.into(), &body[56..])
            .expect("it opens");
        opened.try_into().expect("32 bytes")
    }

    /// The message of a body, checked against its commitment: what is looked for is what was used.
    fn expand(&mut self, suite: u8, by: &[u8; 32], body: &[u8], bound: &[u8]) -> Message {
        let message = message(suite, by, &body[..24], bound, INFO);
        assert_eq!(message.commitment, body[24..56], "another key or context");
        self.add("message", message.pieces());
        message
    }

    fn add(&mut self, of: &'static str, pieces: Vec<Piece>) {
        self.pieces
            .extend(pieces.into_iter().map(|piece| (of, piece)));
    }
}

/// What HMAC makes of a key of that suite.
fn hmac(suite: u8, key: &[u8; 32]) -> Vec<Piece> {
    match suite {
        1 => hmac512(key),
        _ => hmac256(key),
    }
}

/// What the material of a key that MACs or signs is derived into.
fn derived(material: &[u8; 32], label: &str, domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let len = [u8::try_from(label.len()).expect("a short label")];
    let bound = context(domain, parts);
    let info = [b"keyward/v1/derive\0", &len[..], label.as_bytes(), &bound];
    let all = expand(2, material, &info);
    all[..32].try_into().expect("32 bytes")
}

fn context(domain: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in [domain.as_bytes()].iter().chain(parts) {
        out.push(u8::try_from(part.len()).expect("short fields"));
        out.extend_from_slice(part);
    }
    out
}

fn field<'a>(json: &'a str, start: &str) -> &'a str {
    let (_, rest) = json.split_once(start).expect("the field");
    rest.split('"').next().unwrap_or_default()
}

fn revision(json: &str) -> Revision {
    let (_, rest) = json.split_once("\"revision\":").expect("the revision");
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    let number = digits.and_then(|digits| digits.parse().ok());
    Revision::new(number.expect("a number"))
}
