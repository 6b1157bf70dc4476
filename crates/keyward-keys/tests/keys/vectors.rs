//! The vectors of `docs/formats/keyring.md`: one defect each, with the expected outcome.
//!
//! `cargo test -p keyward-keys -- --ignored write_vectors` makes them anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keyward_base::{Domain, ErrorKind, KeyId, Purpose, Result, SecretBytes, Suite};
use keyward_crypto::hmac::{HmacHash, HmacKey};
use keyward_crypto::{Provider, danger};
use keyward_keys::format::{inspect_coverage, inspect_replica};
use keyward_keys::{EnvRoot, KeyUse, Keyring, Life, Root as _, RootVersion, Signs, Wrapped};
use keyward_store::{Collection, Scan};
use keyward_testkit::Vector;

use crate::world::{
    Column, OddStore, V1, V2, World, coverage_key, purpose, root, tenant, tenant_key,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/keyring")
}

#[tokio::test]
async fn every_vector_ends_as_it_says() {
    let vectors = Vector::load_all(&folder()).unwrap();
    assert!(vectors.len() >= 35, "{}", vectors.len());
    for vector in &vectors {
        let result = replay(vector).await;
        let outcome = match &result {
            Ok(()) => "ok",
            Err(e) => match e.kind() {
                ErrorKind::Corrupt => "corrupt",
                ErrorKind::Misuse => "misuse",
                ErrorKind::Rejected => "rejected",
                _ => "unavailable",
            },
        };
        let expected = vector.text("expect").unwrap();
        assert_eq!(outcome, expected, "{}: {result:?}", vector.name());
    }
}

async fn replay(vector: &Vector) -> Result<()> {
    match vector.text("format").unwrap() {
        "anchor" => keyward_keys::anchor::Pins::parse(&vector.hex("bytes").unwrap()).map(|_| ()),
        "coverage" => inspect_coverage(&vector.hex("bytes").unwrap()).map(|_| ()),
        "replica" => inspect_replica(&vector.hex("bytes").unwrap()),
        "root" => {
            let text = SecretBytes::new(vector.hex("bytes").unwrap());
            EnvRoot::parse(&text, &Provider::default()).map(|_| ())
        }
        _ => replay_ring(vector).await,
    }
}

async fn replay_ring(vector: &Vector) -> Result<()> {
    let store = OddStore::new();
    store.put_ring(vector.hex("ring").unwrap()).await;
    let root = root(vector.text("root").unwrap());
    let ring = Keyring::builder(store.clone(), Arc::new(root))
        .open()
        .await?;
    match vector.text("format").unwrap() {
        "mac" => return replay_mac(vector, &ring),
        "sign" => return replay_sign(vector, &ring),
        _ => {}
    }
    let Some(owner) = vector.optional("tenant") else {
        return Ok(());
    };
    store
        .put(tenant_key(owner), vector.hex("tenant-record").unwrap())
        .await;
    let id = KeyId::parse(vector.text("key").unwrap()).unwrap();
    let key = ring.opening_key(&purpose(), &tenant(owner), id).await?;
    let opened = danger::open_under_bytes(
        key.body(),
        vector.text("context").unwrap().as_bytes(),
        &vector.hex("body").unwrap(),
    )?;
    assert_eq!(
        opened.expose(),
        vector.text("plaintext").unwrap().as_bytes()
    );
    Ok(())
}

/// One field: where it leads.
const LINK: Domain<(&[u8],)> = Domain::new("acme/link/v1");

/// One field: what was paid.
const RECEIPT: Domain<(&[u8],)> = Domain::new("acme/receipt/v1");

fn replay_mac(vector: &Vector, ring: &Keyring) -> Result<()> {
    let purpose = Purpose::new(vector.text("purpose").unwrap()).unwrap();
    let id = KeyId::parse(vector.text("key").unwrap()).unwrap();
    let key = match vector.optional("tenant") {
        Some(owner) => ring.tenant_mac_by_id(&purpose, &tenant(owner), id)?,
        None => ring.mac_by_id(&purpose, id)?,
    };
    let message = vector.text("message").unwrap().as_bytes();
    let tag = vector.hex("tag").unwrap().try_into().unwrap();
    key.verify(LINK, &(message,), &tag)
}

/// The signature, and that every key but the first of a purpose is signed by the one before.
fn replay_sign(vector: &Vector, ring: &Keyring) -> Result<()> {
    let purpose = Purpose::new(vector.text("purpose").unwrap()).unwrap();
    let id = KeyId::parse(vector.text("key").unwrap()).unwrap();
    let message = vector.text("message").unwrap().as_bytes();
    let signature = vector.hex("signature").unwrap();
    let keys = ring.verifying_keys(&purpose)?;
    let Some(domain) = vector.optional("domain") else {
        assert!(keys.iter().all(|key| key.follows.is_none()), "raw");
        let key = keys.iter().find(|key| key.id == id).unwrap();
        return key.public.verify_bytes(message, &signature);
    };
    for pair in keys.windows(2) {
        pair[1].check_follows(ring.status().ring, &purpose, &pair[0])?;
    }
    assert_eq!(domain, RECEIPT.name());
    let signature = signature.try_into().unwrap();
    ring.verify_signature(&purpose, id, RECEIPT, &(message,), &signature)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

fn save(name: &str, what: &str, expect: &str, fields: &[(&str, String)]) {
    let mut text = format!("# {what}\nexpect: {expect}\n");
    for (key, value) in fields {
        writeln!(text, "{key}: {value}").unwrap();
    }
    std::fs::write(folder().join(format!("{name}.txt")), text).unwrap();
}

/// Signs a ring again, as the page says, so that its MAC is not the defect.
pub(crate) async fn sign_ring(mut ring: Vec<u8>) -> Vec<u8> {
    ring.truncate(ring.len() - 32);
    let tag = ring_mac(&ring).await.sign(&[b"keyward/v1/ring\0", &ring]);
    [&ring[..], tag.as_bytes()].concat()
}

async fn ring_mac(ring: &[u8]) -> HmacKey {
    const RING_MAC: Domain<(&[u8], &[u8])> = Domain::new("keyward/v1/ring-mac");
    let context = RING_MAC.encode(&(&ring[5..21], &ring[37..45])).unwrap();
    let wrapped = Wrapped {
        version: RootVersion::new(u32::from_be_bytes(ring[45..49].try_into().unwrap())),
        bytes: ring[51..51 + 104].to_vec(),
    };
    let key = root(V1).unwrap(&context, &wrapped).await.unwrap();
    let key = SecretBytes::copy_of(key.expose());
    HmacKey::new(&Provider::default(), HmacHash::Sha256, &key).unwrap()
}

pub(crate) fn edit(bytes: &[u8], at: usize, to: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out[at..at + to.len()].copy_from_slice(to);
    out
}

/// Where the rules of the purpose `vault` begin in a ring, where its first key does, and how long a
/// key of that purpose is.
const RULES: usize = 37 + (8 + 110) + 14 + 110 + 34 + 2;
pub(crate) const KEYS: usize = RULES + (1 + 5 + 1 + 3 + 8) + 2;
const KEY_LEN: usize = 8 + 8 + 4 + 1 + 5 + 8 + 8 + 40 + 6 + 104;

#[tokio::test]
#[ignore = "writes the vectors"]
async fn write_vectors() {
    std::fs::create_dir_all(folder()).unwrap();
    let world = World::new();
    let ring = world.create().await;
    let key = ring
        .sealing_key(&purpose(), &tenant("acme"), 0)
        .await
        .unwrap();
    let mut body = Vec::new();
    danger::seal_under_bytes(key.body(), b"a context", b"a secret", &mut body).unwrap();
    ring.cover(Column::new("app", &purpose(), true))
        .await
        .unwrap();
    let page = world.store.data(&coverage_key(0)).await;
    ring.admin().rotate(&purpose()).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    let good = world.store.ring().await;
    assert_eq!(good.len(), KEYS + 2 * KEY_LEN + 32);
    let record = world
        .store
        .inner
        .fetch(&tenant_key("acme"))
        .await
        .unwrap()
        .unwrap()
        .content
        .data;
    let old = ring.status().keys[0].id;

    let whole = |ring: &[u8], owner: &str, record: &[u8]| {
        vec![
            ("format", "ring".to_owned()),
            ("root", V1.to_owned()),
            ("ring", hex(ring)),
            ("tenant", owner.to_owned()),
            ("tenant-record", hex(record)),
            ("key", key.id().to_string()),
            ("context", "a context".to_owned()),
            ("body", hex(&body)),
            ("plaintext", "a secret".to_owned()),
        ]
    };
    save(
        "whole",
        "A ring of two keys, a tenant's record, and a body",
        "ok",
        &whole(&good, "acme", &record),
    );
    save(
        "tenant-moved",
        "The record of another tenant: the id does not fit the filter",
        "rejected",
        &whole(&good, "other", &record),
    );
    let mut flipped = record.clone();
    *flipped.last_mut().unwrap() ^= 1;
    save(
        "tenant-mac",
        "One bit of the MAC",
        "corrupt",
        &whole(&good, "acme", &flipped),
    );
    save(
        "tenant-version-3",
        "A newer version",
        "unavailable",
        &whole(&good, "acme", &edit(&record, 4, &[3])),
    );
    save(
        "tenant-version-0",
        "No version",
        "corrupt",
        &whole(&good, "acme", &edit(&record, 4, &[0])),
    );
    save(
        "tenant-magic",
        "Another magic",
        "corrupt",
        &whole(&good, "acme", &edit(&record, 0, b"kwtj")),
    );
    save(
        "tenant-count",
        "More keys counted than there are",
        "corrupt",
        &whole(&good, "acme", &edit(&record, 21, &[0, 2])),
    );
    save(
        "tenant-flag",
        "An undefined flag",
        "corrupt",
        &whole(&good, "acme", &edit(&record, 23 + 17, &[2])),
    );
    save(
        "tenant-truncated",
        "One byte less",
        "corrupt",
        &whole(&good, "acme", &record[..record.len() - 1]),
    );

    let ring_of = |root: &str, ring: &[u8]| {
        vec![
            ("format", "ring".to_owned()),
            ("root", root.to_owned()),
            ("ring", hex(ring)),
        ]
    };
    let plain: [(&str, &str, &str, Vec<u8>); 15] = [
        (
            "ring-magic",
            "Another magic",
            "corrupt",
            edit(&good, 0, b"kwrh"),
        ),
        (
            "ring-version-0",
            "No version",
            "corrupt",
            edit(&good, 4, &[0]),
        ),
        (
            "ring-version-4",
            "A newer version",
            "unavailable",
            edit(&good, 4, &[4]),
        ),
        (
            "ring-version-2",
            "An older version, which was never released",
            "unavailable",
            edit(&good, 4, &[2]),
        ),
        ("ring-empty", "Nothing", "corrupt", Vec::new()),
        (
            "ring-truncated",
            "One byte less",
            "corrupt",
            good[..good.len() - 1].to_vec(),
        ),
        (
            "ring-longer",
            "One byte more",
            "corrupt",
            [&good[..], &[0]].concat(),
        ),
        (
            "ring-mac",
            "One bit of the MAC",
            "corrupt",
            edit(&good, good.len() - 1, &[good[good.len() - 1] ^ 1]),
        ),
        (
            "ring-epoch",
            "A greater epoch, not signed",
            "corrupt",
            edit(&good, 28, &[9]),
        ),
        (
            "ring-mac-key",
            "One bit of the wrapped MAC key",
            "unavailable",
            edit(&good, 60, &[good[60] ^ 1]),
        ),
        (
            "ring-state-unsigned",
            "A retired key made active, not signed",
            "corrupt",
            edit(&good, KEYS + 18, &[2]),
        ),
        (
            "ring-longer-signed",
            "One byte before the MAC, signed",
            "corrupt",
            sign_ring([&good[..good.len() - 32], &[0], &[0; 32]].concat()).await,
        ),
        (
            "ring-two-active",
            "Two active keys, signed",
            "corrupt",
            sign_ring(edit(&good, KEYS + 18, &[2])).await,
        ),
        (
            "ring-key-twice",
            "A key named twice, signed",
            "corrupt",
            sign_ring(edit(&good, KEYS + KEY_LEN, &good[KEYS..KEYS + 8])).await,
        ),
        (
            "ring-floor",
            "A key below the floor, signed",
            "corrupt",
            sign_ring(edit(&good, 36, &[2])).await,
        ),
    ];
    for (name, what, expect, bytes) in plain {
        save(name, what, expect, &ring_of(V1, &bytes));
    }
    for (name, what, at, to) in [
        (
            "ring-algorithm",
            "A key of another algorithm than its purpose, signed",
            KEYS + 16,
            &[2, 0][..],
        ),
        (
            "ring-suite-0",
            "A key that seals without a suite, signed",
            KEYS + 17,
            &[0],
        ),
        (
            "ring-rules-life",
            "A purpose that seals with a longest life, signed",
            RULES + 17,
            &[1],
        ),
        (
            "ring-rules-raw",
            "A purpose that seals raw, signed",
            RULES + 7,
            &[1],
        ),
        (
            "ring-rules-suites",
            "New keys in a suite that is refused, signed",
            RULES + 8,
            &[1, 2],
        ),
        (
            "ring-rules-name",
            "Keys of a purpose without rules, signed",
            RULES + 1,
            b"vaulu",
        ),
        ("ring-state-0", "An unknown state, signed", KEYS + 18, &[0]),
        ("ring-state-6", "An unknown state, signed", KEYS + 18, &[6]),
        ("ring-flag", "An undefined flag, signed", KEYS + 19, &[4]),
        (
            "ring-purpose",
            "A purpose in upper case, signed",
            KEYS + 21,
            b"Vault",
        ),
        (
            "ring-seq",
            "A key newer than the ring, signed",
            KEYS + 15,
            &[99],
        ),
        (
            "ring-destroyed-material",
            "A destroyed key that kept its material, signed",
            KEYS + 18,
            &[5],
        ),
    ] {
        save(
            name,
            what,
            "corrupt",
            &ring_of(V1, &sign_ring(edit(&good, at, to)).await),
        );
    }
    for (name, what, at, to) in [
        (
            "ring-algorithm-9",
            "A purpose of a newer algorithm, signed",
            RULES + 6,
            9,
        ),
        (
            "ring-suite-9",
            "A key of a newer suite, signed",
            KEYS + 17,
            9,
        ),
    ] {
        let signed = sign_ring(edit(&good, at, &[to])).await;
        save(name, what, "unavailable", &ring_of(V1, &signed));
    }
    save(
        "ring-other-root",
        "A root of another version",
        "unavailable",
        &ring_of(V2, &good),
    );
    let wrong = V2.replace("v2", "v1");
    save(
        "ring-wrong-root",
        "A root of that version and other bytes",
        "unavailable",
        &ring_of(&wrong, &good),
    );
    save(
        "ring-newer-root",
        "Two roots: the lower one opens",
        "ok",
        &ring_of(&format!("{V2},{V1}"), &good),
    );

    ring.admin().disable(old).await.unwrap();
    save(
        "disabled",
        "The ring key is disabled",
        "unavailable",
        &whole(&world.store.ring().await, "acme", &record),
    );
    ring.admin().destroy(old).await.unwrap();
    save(
        "destroyed",
        "The ring key is destroyed",
        "rejected",
        &whole(&world.store.ring().await, "acme", &record),
    );

    write_algorithms().await;
    let _web = world.builder().replica("web").open().await.unwrap();
    let scan = Scan::of(Collection::named("replica")).limit(1);
    let lease = world
        .store
        .inner
        .scan(scan)
        .await
        .unwrap()
        .items
        .remove(0)
        .content
        .data;
    let bytes =
        |format: &str, bytes: &[u8]| vec![("format", format.to_owned()), ("bytes", hex(bytes))];
    for (name, what, expect, data) in [
        ("coverage", "A page of one column", "ok", page.clone()),
        (
            "coverage-version-2",
            "A newer version",
            "unavailable",
            edit(&page, 4, &[2]),
        ),
        (
            "coverage-flag",
            "An undefined flag",
            "corrupt",
            edit(&page, page.len() - 1, &[2]),
        ),
        (
            "coverage-none",
            "A page without a column",
            "corrupt",
            edit(&page[..7], 5, &[0, 0]),
        ),
        (
            "coverage-truncated",
            "One byte less",
            "corrupt",
            page[..page.len() - 1].to_vec(),
        ),
    ] {
        save(name, what, expect, &bytes("coverage", &data));
    }
    let barrier = [b"kwbr\x01", &258_u64.to_be_bytes()[..], b"vault"].concat();
    for (name, seed) in [
        ("ring", &good[..]),
        ("ring-cut", &good[..good.len() / 2]),
        ("tenant", &record),
        ("replica", &lease),
        ("coverage", &page),
        ("barrier", &barrier),
    ] {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/keyring_parse");
        std::fs::write(corpus.join(name), seed).unwrap();
    }
    save("replica", "A lease", "ok", &bytes("replica", &lease));
    save(
        "replica-truncated",
        "One byte less",
        "corrupt",
        &bytes("replica", &lease[..lease.len() - 1]),
    );
    save(
        "replica-version-3",
        "A newer version",
        "unavailable",
        &bytes("replica", &edit(&lease, 4, &[3])),
    );
    for (name, what, expect, text) in [
        (
            "root",
            "Two versions and a newline",
            "ok",
            format!("{V2},{V1}\n"),
        ),
        (
            "root-unpadded",
            "Without padding",
            "ok",
            V1.trim_end_matches('=').to_owned(),
        ),
        (
            "root-zeros",
            "Zeros",
            "misuse",
            format!("v1:{}=", "A".repeat(43)),
        ),
        (
            "root-twice",
            "A version twice",
            "misuse",
            format!("{V1},{V1}"),
        ),
        (
            "root-version-0",
            "Version 0",
            "misuse",
            V1.replace("v1", "v0"),
        ),
        (
            "root-short",
            "31 bytes",
            "misuse",
            format!("{}==", &V1[..V1.len() - 3]),
        ),
        (
            "root-no-version",
            "No version",
            "misuse",
            V1[3..].to_owned(),
        ),
    ] {
        save(name, what, expect, &bytes("root", text.as_bytes()));
    }
}

/// A ring of all algorithms: what its keys MAC and sign; and one that seals in suite 1.
async fn write_algorithms() {
    let world = World::new();
    let ring = world.create().await;
    let admin = ring.admin();
    admin
        .write_suite(&purpose(), Suite::Chunked1)
        .await
        .unwrap();
    let day = Life::AtMost(Duration::from_secs(86_400));
    let (links, receipts) = (
        Purpose::new("links").unwrap(),
        Purpose::new("receipts").unwrap(),
    );
    let notes = Purpose::new("notes").unwrap();
    for (purpose, what) in [
        (&links, KeyUse::Mac(day)),
        (&receipts, KeyUse::Sign(Signs::Fields)),
        (&notes, KeyUse::Sign(Signs::Raw)),
    ] {
        admin.add_purpose(purpose, what).await.unwrap();
    }
    for purpose in [&purpose(), &links, &receipts, &notes] {
        admin.rotate(purpose).await.unwrap();
        admin.promote_ready().await.unwrap();
    }
    let acme = tenant("acme");
    let key = ring.sealing_key(&purpose(), &acme, 0).await.unwrap();
    let mut body = Vec::new();
    danger::seal_under_bytes(key.body(), b"a context", b"a secret", &mut body).unwrap();
    let data = hex(&world.store.ring().await);
    let of = |format: &str, purpose: &Purpose, key: KeyId| {
        vec![
            ("format", format.to_owned()),
            ("root", V1.to_owned()),
            ("ring", data.clone()),
            ("purpose", purpose.to_string()),
            ("key", key.to_string()),
            ("message", "a message".to_owned()),
        ]
    };
    let record = world.store.data(&tenant_key("acme")).await;
    let mut fields = of("ring", &purpose(), key.id());
    fields.truncate(3);
    fields.extend([
        ("tenant", "acme".to_owned()),
        ("tenant-record", hex(&record)),
        ("key", key.id().to_string()),
        ("context", "a context".to_owned()),
        ("body", hex(&body)),
        ("plaintext", "a secret".to_owned()),
    ]);
    save("whole-suite-1", "A tenant's key of suite 1", "ok", &fields);
    let of_ring = ring.mac(&links).unwrap();
    let of_tenant = ring.tenant_mac(&links, &acme).unwrap();
    let mut fields = of("mac", &links, of_ring.id());
    fields.push(("domain", "acme/link/v1".to_owned()));
    let tag = of_ring.sign(LINK, &(&b"a message"[..],));
    fields.push(("tag", hex(&tag)));
    save("mac", "A MAC of the ring's", "ok", &fields);
    let mut fields = of("mac", &links, of_tenant.id());
    fields.push(("tenant", "acme".to_owned()));
    fields.push(("domain", "acme/link/v1".to_owned()));
    let tag = of_tenant.sign(LINK, &(&b"a message"[..],));
    fields.push(("tag", hex(&tag)));
    save("mac-tenant", "A MAC of a tenant's", "ok", &fields);
    fields[6].1 = "other".to_owned();
    save(
        "mac-other-tenant",
        "A MAC of another tenant's",
        "rejected",
        &fields,
    );
    let signing = ring.signing(&receipts).unwrap();
    let mut fields = of("sign", &receipts, signing.id());
    let signature = signing.sign(RECEIPT, &(&b"a message"[..],)).unwrap();
    fields.push(("domain", "acme/receipt/v1".to_owned()));
    fields.push(("signature", hex(&signature)));
    save(
        "sign",
        "A signature of a domain and one field",
        "ok",
        &fields,
    );
    let signing = ring.signing(&notes).unwrap();
    let mut fields = of("sign", &notes, signing.id());
    fields.push(("signature", hex(&signing.sign_raw(b"a message").unwrap())));
    save("sign-raw", "A signature of raw bytes", "ok", &fields);
}

#[test]
#[ignore = "writes the vectors"]
fn write_anchor_vectors() {
    let line = |name: &str, counter: u64| {
        let (id, digest) = ("62c6cfd90f1861d91467508ba8dbf564", "5a".repeat(32));
        format!("{name} {id} {counter} {digest}\n")
    };
    let pins = [line("gate/deploys", 0), line("ring", 12)].concat();
    let good = format!("keyward-anchor/2\n{pins}");
    for (name, what, expect, text) in [
        ("anchor", "Two pins", "ok", good.clone()),
        (
            "anchor-version-1",
            "The form before this one",
            "unavailable",
            "keyward-anchor/1\n62c6cfd90f1861d91467508ba8dbf564\n12\n".to_owned(),
        ),
        (
            "anchor-version-3",
            "A newer version",
            "unavailable",
            good.replace("/2", "/3"),
        ),
        (
            "anchor-version-0",
            "No version",
            "corrupt",
            good.replace("/2", "/0"),
        ),
        (
            "anchor-version-02",
            "A zero in front of the version",
            "corrupt",
            good.replace("/2", "/02"),
        ),
        ("anchor-empty", "Nothing", "corrupt", String::new()),
        (
            "anchor-no-pin",
            "The first line alone",
            "corrupt",
            "keyward-anchor/2\n".to_owned(),
        ),
        (
            "anchor-zero",
            "A zero in front of the counter",
            "corrupt",
            good.replace(" 12 ", " 012 "),
        ),
        (
            "anchor-crlf",
            "Other line ends",
            "corrupt",
            good.replace('\n', "\r\n"),
        ),
        (
            "anchor-longer",
            "An empty line at the end",
            "corrupt",
            format!("{good}\n"),
        ),
        (
            "anchor-cut",
            "No line end at the end",
            "corrupt",
            good.trim_end().to_owned(),
        ),
        (
            "anchor-upper",
            "Upper-case hexadecimal",
            "corrupt",
            good.replace("5a5a", "5A5A"),
        ),
        (
            "anchor-unsorted",
            "Names out of order",
            "corrupt",
            [
                "keyward-anchor/2\n",
                &line("ring", 12),
                &line("gate/deploys", 0),
            ]
            .concat(),
        ),
        (
            "anchor-twice",
            "A name twice",
            "corrupt",
            ["keyward-anchor/2\n", &line("ring", 12), &line("ring", 12)].concat(),
        ),
        (
            "anchor-fifth-word",
            "A word more in a line",
            "corrupt",
            good.replace("5a\n", "5a x\n"),
        ),
    ] {
        let fields = [
            ("format", "anchor".to_owned()),
            ("bytes", hex(text.as_bytes())),
        ];
        save(name, what, expect, &fields);
    }
}
