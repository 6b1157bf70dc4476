//! The files of the record, as others hand them in.

use std::collections::HashMap;
use std::sync::LazyLock;

use keyward_audit::alert::AlertRule;
use keyward_audit::audit::{ROOT, heads};
use keyward_audit::entry::Typed;
use keyward_audit::export::{self, Writer};
use keyward_audit::head::Head;
use keyward_audit::leaf::{self, SALT_LEN};
use keyward_audit::tree::{self, Frontier, Hash, Made, path};
use keyward_audit::{
    Checkpoint, Class, Entry, Given, Header, KeyName, Kind, Kinds, Leaf, LogId, Others, Proof,
    Type, VerifierKey, note,
};
use keyward_base::audit::Outcome;
use keyward_base::encoding::{base64, from_base64_array, hex};
use keyward_base::{ErrorKind, SecretArray, Timestamp};
use keyward_crypto::Provider;
use keyward_crypto::sign::{SIGNATURE_LEN, SigningKey};
use serde_json::Value;

/// Of the vectors in `docs/formats/audit.md`.
const LOG: LogId = [0xab; 16];

/// What signs, and what it is pinned as.
struct Signer {
    private: SigningKey,
    public: VerifierKey,
}

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let seed = SecretArray::copy_of(&[5; 32]).expect("32 bytes");
    let private = SigningKey::new(seed).expect("any seed is one");
    let name = leaf::origin(&LOG).expect("a name");
    let public = VerifierKey::new(&Provider::default(), name, private.public());
    Signer { private, public }
});

impl Signer {
    fn pinned(&self) -> &[VerifierKey] {
        std::slice::from_ref(&self.public)
    }

    fn keys(&self) -> [(VerifierKey, impl Sign); 1] {
        let sign = |text: &[u8]| self.private.sign_bytes(text);
        [(self.public.clone(), sign)]
    }
}

/// What makes a signature.
trait Sign: Fn(&[u8]) -> keyward_base::Result<[u8; SIGNATURE_LEN]> {}

impl<F: Fn(&[u8]) -> keyward_base::Result<[u8; SIGNATURE_LEN]>> Sign for F {}

fn rejected(error: &keyward_base::Error) {
    assert_eq!(error.kind(), ErrorKind::Rejected);
    assert!(error.reason().is_some());
}

/// The kinds that ids and words are offered to.
static KINDS: LazyLock<Kinds> = LazyLock::new(|| {
    let kind = Kind::new("app.kind")
        .may("id", Type::Id(64))
        .may("word", Type::words(["vault", "plain"]));
    let kinds = Kinds::new("app").expect("a name");
    kinds.with(kind).expect("a kind")
});

/// What an application offers as an id or a word is one, and written as it is, or refused.
fn offered(text: &str) {
    for given in [("id", Given::Id(text)), ("word", Given::Word(text))] {
        match KINDS.event("app.kind", Outcome::Done, &[given]) {
            Ok(event) => {
                let entry = event.entry(Timestamp::from_millis(5));
                let written = entry.text().expect("it is short");
                assert_eq!(Entry::parse(&written).expect("it was written"), entry);
                assert_eq!(entry.detail[0].1.shown(), text);
                assert!(text.len() <= 64 && text.bytes().all(|b| b.is_ascii_graphic()));
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Misuse),
        }
    }
}

/// Leaves and texts of entries: what is read is the one form of what it says.
pub fn audit_entry(data: &[u8]) {
    match Leaf::parse(data) {
        Ok(leaf) => assert_eq!(leaf.bytes(), data, "not canonical"),
        Err(error) => rejected(&error),
    }
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    offered(text);
    match Entry::parse(text) {
        Ok(entry) => {
            assert_eq!(entry.text().expect("it was one"), text, "not canonical");
            let value: Value = serde_json::from_str(text).expect("an entry is JSON");
            assert_eq!(value["action"].as_str(), Some(&*entry.action));
        }
        Err(error) => rejected(&error),
    }
}

/// Notes, checkpoints and keys: nothing but a text that this key signed opens, in one form; and
/// what it signs, whatever the text, opens as that text.
pub fn audit_checkpoint(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match VerifierKey::parse(&Provider::default(), text) {
        Ok(key) => assert_eq!(key.to_string(), text, "not canonical"),
        Err(error) => rejected(&error),
    }
    if let Ok(name) = KeyName::new(text) {
        assert_eq!(name.as_str(), text);
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.text(), text, "not canonical");
    }
    match note::open(text, SIGNER.pinned(), Others::Refused) {
        // Ed25519 signs the same text in the same way.
        Ok(signed) => assert_eq!(note::sign(signed, &SIGNER.keys()).expect("a text"), text),
        Err(error) => rejected(&error),
    }
    if let Ok(signed) = note::open(text, SIGNER.pinned(), Others::PassedOver) {
        assert!(text.starts_with(signed));
    }
    // Not of each form of a longer one: signing is slow where nothing is optimised.
    if text.len() > 128 {
        return;
    }
    if let Ok(signed) = note::sign(text, &SIGNER.keys()) {
        let opened = note::open(&signed, SIGNER.pinned(), Others::Refused);
        assert_eq!(opened.expect("it is short"), text);
    }
}

/// Proofs: one form, and only what leads to a root that was signed is one.
pub fn audit_proof(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let provider = Provider::default();
    match Proof::parse(text) {
        Ok(mut proof) => {
            assert_eq!(proof.text(), text, "not canonical");
            let check = |proof: &Proof, leaf: &[u8]| {
                proof.check(&provider, SIGNER.pinned(), Others::Refused, leaf)
            };
            assert!(check(&proof, b"no leaf of any seed").is_err());
            // With a checkpoint of its own, that is all.
            if proof.checkpoint.len() > 8 {
                return;
            }
            // Where the hashes lead from some leaf, they lead from no other, and not elsewhere.
            let root = lead(&provider, &proof, b"some");
            let checkpoint = Checkpoint {
                origin: SIGNER.public.name().clone(),
                size: root.map_or(0, |(size, _)| size),
                root: root.map_or([0; 32], |(_, root)| root),
            };
            proof.checkpoint = checkpoint.sign(&SIGNER.keys()).expect("a checkpoint");
            assert_eq!(check(&proof, b"some").is_ok(), root.is_some());
            assert!(check(&proof, b"other").is_err());
            proof.index ^= 1;
            assert!(proof.hashes.is_empty() || check(&proof, b"some").is_err());
        }
        Err(error) => rejected(&error),
    }
}

/// A tree in which the leaf has so many hashes above it, each to its right: its size and root.
fn lead(provider: &Provider, proof: &Proof, leaf: &[u8]) -> Option<(u64, Hash)> {
    let levels = u32::try_from(proof.hashes.len()).ok()?;
    let size = 1_u64
        .checked_shl(levels)
        .filter(|size| *size <= Frontier::MOST)?;
    if proof.index >= size {
        return None;
    }
    let mut hash = tree::leaf(provider, leaf);
    for (level, other) in proof.hashes.iter().enumerate() {
        hash = if proof.index >> level & 1 == 1 {
            tree::node(provider, other, &hash)
        } else {
            tree::node(provider, &hash, other)
        };
    }
    Some((size, hash))
}

/// Exports. What is accepted is what the writer makes of it. Input that does not begin as one says
/// what a log is made of, a byte for each entry: its export is accepted, and with one bit flipped it
/// is not.
pub fn audit_export(data: &[u8]) {
    if data.first().is_none_or(|byte| *byte == b'{') || data.len() > 64 {
        judge(data);
        return;
    }
    let (ends, entries) = data.split_at(data.len().min(2));
    let [from, until] = [0, 1].map(|at| u64::from(*ends.get(at).unwrap_or(&0)));
    let size = entries.len() as u64;
    let until = until % (size + 1);
    let mut file = exported(entries, from % (until + 1), until);
    assert!(judge(&file));
    let bit = data
        .iter()
        .fold(0_usize, |sum, byte| sum * 31 % 65_521 + usize::from(*byte));
    let bit = bit % (file.len() * 8);
    file[bit / 8] ^= 1 << (bit % 8);
    assert!(!judge(&file), "bit {bit}");
}

/// Whether it is a good export. If so, it is written again.
fn judge(file: &[u8]) -> bool {
    let mut texts = HashMap::new();
    let keep = |seq, _: &Header, entry: &Entry| {
        texts.insert(seq, entry.text().expect("it was one"));
    };
    let checked = export::check(&Provider::default(), SIGNER.pinned(), file, keep);
    let checked = match checked {
        Ok(checked) => checked,
        Err(refused) => {
            rejected(&refused.error);
            return false;
        }
    };
    let lines: Vec<Value> = file
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| serde_json::from_slice(line).expect("a line is JSON"))
        .collect();
    let hash = |value: &Value| -> Hash {
        from_base64_array(value.as_str().expect("text")).expect("a hash")
    };
    let hashes = |value: &Value| {
        value
            .as_array()
            .expect("a list")
            .iter()
            .map(hash)
            .collect::<Vec<_>>()
    };
    let (first, rest) = lines.split_first().expect("a line");
    let (last, entries) = rest.split_last().expect("a line");
    let run = checked.entries.clone();
    let left = hashes(&first["left"]);
    let mut again =
        Writer::begin(Vec::new(), &SIGNER.public, &LOG, run.clone(), &left).expect("memory");
    for (seq, entry) in run.zip(entries) {
        let class = Class::new(entry["class"].as_str().expect("text")).expect("a class");
        let day = u32::try_from(entry["day"].as_u64().expect("a number")).expect("a day");
        let header = Header {
            log: LOG,
            day,
            class,
        };
        let digest = hash(&entry["digest"]);
        let salt: Option<[u8; SALT_LEN]> = entry.get("salt").map(hash);
        let body = salt.as_ref().map(|salt| (salt, texts[&seq].as_str()));
        again.entry(&Leaf { header, digest }, body).expect("memory");
    }
    let note = last["checkpoint"].as_str().expect("text");
    let again = again.end(&hashes(&last["right"]), note).expect("memory");
    assert_eq!(again, file, "not canonical");
    true
}

/// Of a log with an entry for each byte: what it says is the byte, its highest bit says that it was
/// erased.
fn exported(bytes: &[u8], from: u64, until: u64) -> Vec<u8> {
    let provider = Provider::default();
    let (mut tree, mut nodes) = (Frontier::new(), HashMap::new());
    let mut entries = Vec::new();
    for (day, byte) in (0_u32..).zip(bytes) {
        let action = Value::from(char::from(*byte).to_string());
        let text = format!("{{\"v\":2,\"at\":{byte},\"action\":{action},\"outcome\":\"done\"}}");
        let class = Class::new(if byte & 1 == 1 { "odd" } else { "even" }).expect("a class");
        let header = Header {
            log: LOG,
            day: day / 3,
            class,
        };
        let leaf = Leaf::of(&provider, header, &[*byte; SALT_LEN], &text);
        let hash = tree::leaf(&provider, &leaf.bytes());
        let made = |made: Made| {
            nodes.insert((made.level, made.index), made.hash);
        };
        tree.push(&provider, hash, made).expect("few");
        entries.push((
            leaf,
            (byte & 0x80 == 0).then_some(([*byte; SALT_LEN], text)),
        ));
    }
    let size = tree.size();
    let roots = |leaves| {
        path::perfect(leaves)
            .map(|node| nodes[&node])
            .collect::<Vec<_>>()
    };
    let mut writer = Writer::begin(
        Vec::new(),
        &SIGNER.public,
        &LOG,
        from..until,
        &roots(0..from),
    )
    .expect("memory");
    for (seq, (leaf, body)) in (0..until).zip(&entries) {
        if seq < from {
            continue;
        }
        let body = body.as_ref().map(|(salt, text)| (salt, text.as_str()));
        writer.entry(leaf, body).expect("memory");
    }
    let checkpoint = Checkpoint {
        origin: SIGNER.public.name().clone(),
        size,
        root: tree.root(&provider),
    };
    let note = checkpoint.sign(&SIGNER.keys()).expect("a checkpoint");
    writer.end(&roots(until..size), &note).expect("memory")
}

/// Heads: what is read is the one form of what it says, and holds together.
pub fn audit_head(data: &[u8]) {
    match Head::parse(data) {
        Ok((head, id)) => {
            assert_eq!(head.bytes(id), data, "not canonical");
            assert!(head.settled <= head.size());
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt),
    }
}

/// Entries of the root log: the heads that one names are written in one form.
pub fn audit_root(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(entry) = Entry::parse(text) else {
        return;
    };
    let Some(heads) = heads(&entry) else {
        return;
    };
    if entry.action == ROOT {
        assert!(heads.is_empty());
        return;
    }
    let again = heads.iter().map(|(log, size, root)| {
        let head = format!("{size} {}", base64(root));
        (hex(log), Typed::Word(head))
    });
    assert_eq!(again.collect::<Vec<_>>(), entry.detail, "not canonical");
}

/// Files of alert rules: within their limits, and written again they are the same rules.
pub fn audit_rules(data: &[u8]) {
    match AlertRule::parse(data) {
        Ok(rules) => {
            AlertRule::check(&rules).expect("it was checked");
            let rules_text = serde_json::to_string(&rules).expect("rules are JSON");
            let file = format!("{{\"keyward-alert-rules\":1,\"rules\":{rules_text}}}");
            let again = AlertRule::parse(file.as_bytes()).expect("it was one");
            assert_eq!(again, rules);
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Misuse),
    }
}

/// Files of kinds: written again they are the same kinds, in the one order that we write.
pub fn audit_kinds(data: &[u8]) {
    match Kinds::parse(data) {
        Ok(kinds) => {
            let text = kinds.to_json().expect("it is no longer than it was");
            assert_eq!(Kinds::parse(text.as_bytes()).expect("it was one"), kinds);
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Misuse),
    }
}
