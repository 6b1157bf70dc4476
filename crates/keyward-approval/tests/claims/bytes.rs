//! The bytes of the files, `docs/formats/claims.md`: as they are written, and what is refused.
//!
//! `cargo test -p keyward-approval --test claims -- --ignored write_vectors` makes the vectors anew.

use std::path::{Path, PathBuf};

use keyward_approval::GateId;
use keyward_approval::claims::{Advanced, ClaimName, Index, MAX_LEN, MAX_PINS, Shard};
use keyward_base::encoding::hex;
use keyward_base::{ErrorKind, Result};
use keyward_crypto::Provider;
use keyward_testkit::Vector;

use crate::{at, id, pin};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/claims")
}

fn one(of: u8) -> GateId {
    let mut bytes = [0x7f; 16];
    bytes[15] = of;
    GateId::from_bytes(bytes)
}

/// A file with a class and two gates, which has forgotten one.
fn shard() -> Shard {
    let mut shard = Shard::new(Shard::number_of(one(1)));
    for (name, of) in [
        (ClaimName::gate(one(9), at(1_767_225_600_000)), 9),
        (ClaimName::gate(one(2), at(1_767_312_000_000)), 2),
        (ClaimName::gate(one(1), at(1_767_312_000_001)), 1),
        (ClaimName::class(one(1), at(1_798_761_600_000)), 3),
    ] {
        assert_eq!(
            shard.advance(name, pin(u64::from(of), of)),
            Advanced::Pinned
        );
    }
    assert_eq!(shard.prune(at(1_767_225_600_000)), 0);
    assert_eq!(shard.prune(at(1_767_312_000_000)), 2);
    shard
}

fn index() -> Index {
    let mut index = Index::default();
    for number in [0, 0x7f7, 0xfff] {
        index.add(number);
    }
    index
}

/// The lines, and the last one that belongs to them.
fn summed(lines: &str) -> String {
    let sum = Provider::default().sha256(&[lines.as_bytes()]);
    format!("{lines}{}\n", hex(&sum))
}

#[test]
fn it_is_written_as_the_page_says() {
    let (digest, class) = ("01".repeat(32), "03".repeat(32));
    let id = "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f01";
    let lines = format!(
        "keyward-claims/1 7f7 1767312000000\n\
         {id} class 1798761600000 3 {class}\n\
         {id} gate 1767312000001 1 {digest}\n"
    );
    assert_eq!(shard().render(), summed(&lines));
    let mut bits = [0_u8; 512];
    (bits[0], bits[0x7f7 / 8], bits[511]) = (0x80, 0x01, 0x01);
    let lines = format!("keyward-claims/1 index\n{}\n", hex(&bits));
    assert_eq!(index().render(), summed(&lines));
    assert!(index().has(0x7f7) && !index().has(0x7f6) && !index().has(1));
}

fn parse(format: &str, bytes: &[u8]) -> Result<()> {
    match format {
        "index" => Index::parse(bytes).map(|_| ()),
        _ => Shard::parse(0x7f7, bytes).map(|_| ()),
    }
}

#[test]
fn every_vector_ends_as_it_says() {
    let vectors = Vector::load_all(&folder()).unwrap();
    assert!(vectors.len() >= 18, "{}", vectors.len());
    for vector in &vectors {
        let bytes = vector.hex("bytes").unwrap();
        let result = parse(vector.text("format").unwrap(), &bytes);
        let outcome = match &result {
            Ok(()) => "ok",
            Err(e) if e.kind() == ErrorKind::Corrupt => "corrupt",
            Err(e) if e.kind() == ErrorKind::Unavailable => "unavailable",
            Err(e) => panic!("{e:?}"),
        };
        let expected = vector.text("expect").unwrap();
        assert_eq!(outcome, expected, "{}: {result:?}", vector.name());
    }
}

#[test]
fn what_is_cut_longer_or_changed_in_one_bit_is_refused() {
    for (format, text) in [("claims", shard().render()), ("index", index().render())] {
        parse(format, text.as_bytes()).unwrap();
        for cut in 0..text.len() {
            let e = parse(format, &text.as_bytes()[..cut]).unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Corrupt, "{cut}");
        }
        for more in ["\n", "0", "\0"] {
            parse(format, format!("{text}{more}").as_bytes()).unwrap_err();
        }
        let mut bytes = text.into_bytes();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            parse(format, &bytes).unwrap_err();
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn a_file_in_the_place_of_another_is_refused() {
    let text = shard().render();
    Shard::parse(0x7f7, text.as_bytes()).unwrap();
    for number in [0x7f6, 0, 0xfff, 4096] {
        let e = Shard::parse(number, text.as_bytes()).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Corrupt);
    }
    Index::parse(text.as_bytes()).unwrap_err();
    Shard::parse(0, index().render().as_bytes()).unwrap_err();
}

/// 100,000 claims are about 24 in each file, of 3 KB: so much is what a claim writes.
#[test]
fn what_a_claim_writes_grows_little() {
    let mut shards: Vec<Shard> = (0..4096).map(Shard::new).collect();
    for nth in 0..100_000 {
        let name = ClaimName::gate(id(nth), at(1_767_225_600_000));
        let shard = &mut shards[usize::from(Shard::number_of(name.id))];
        assert_eq!(shard.advance(name, pin(3, 1)), Advanced::Pinned);
    }
    let most = shards.iter().map(Shard::len).max().unwrap();
    assert!((24..60).contains(&most), "{most}");
    let longest = shards.iter().max_by_key(|shard| shard.len()).unwrap();
    assert!(longest.render().len() < 8_192);
    // The most there can be is read.
    let mut full = Shard::new(0);
    for nth in 0..4096_u64 {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&nth.to_be_bytes());
        let name = ClaimName::class(GateId::from_bytes(bytes), at(u64::MAX));
        assert_eq!(full.advance(name, pin(u64::MAX, 1)), Advanced::Pinned);
    }
    let text = full.render();
    assert!(text.len() <= MAX_LEN);
    assert_eq!(Shard::parse(0, text.as_bytes()).unwrap().len(), MAX_PINS);
    let longer = text.replacen('\n', &"\n".repeat(MAX_LEN), 1);
    let e = Shard::parse(0, longer.as_bytes()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Corrupt);
}

#[test]
#[ignore = "writes the vectors anew"]
fn write_vectors() {
    let good = shard().render();
    let (lines, _) = good.trim_end().rsplit_once('\n').unwrap();
    let lines = format!("{lines}\n");
    let with = |from: &str, to: &str| {
        assert!(lines.contains(from), "{from}");
        summed(&lines.replacen(from, to, 1))
    };
    let all: Vec<&str> = lines.lines().collect();
    let [head, class, gate] = all[..] else {
        panic!("{all:?}")
    };
    let of = |lines: &[&str]| summed(&format!("{}\n", lines.join("\n")));
    let whole = index().render();
    let bits = whole.lines().nth(1).unwrap();
    let index_of = |bits: &str| of(&["keyward-claims/1 index", bits]);
    let claims = [
        ("claims", "A class and a gate", "ok", good.clone()),
        ("claims-none", "Nothing is pinned", "ok", of(&[head])),
        ("claims-empty", "Nothing", "corrupt", String::new()),
        (
            "claims-cut",
            "No line end at the end",
            "corrupt",
            good.trim_end().to_owned(),
        ),
        (
            "claims-line-cut",
            "The last pin is gone, and the sum is of all",
            "corrupt",
            good.replacen(&format!("{gate}\n"), "", 1),
        ),
        (
            "claims-sum",
            "Another sum",
            "corrupt",
            good.replacen(" 1 0101", " 1 0102", 1),
        ),
        (
            "claims-crlf",
            "Other line ends",
            "corrupt",
            summed(&lines.replace('\n', "\r\n")),
        ),
        (
            "claims-version-0",
            "Version 0",
            "corrupt",
            with("claims/1", "claims/0"),
        ),
        (
            "claims-version-01",
            "A zero in front of the version",
            "corrupt",
            with("claims/1", "claims/01"),
        ),
        (
            "claims-version-2",
            "The next version",
            "unavailable",
            with("claims/1", "claims/2"),
        ),
        (
            "claims-number",
            "The file of another number",
            "corrupt",
            with(" 7f7 ", " 7f6 "),
        ),
        (
            "claims-other",
            "A gate of another file",
            "corrupt",
            with(gate, &gate.replacen("7f7f", "7f8f", 1)),
        ),
        (
            "claims-upper",
            "An id in capitals",
            "corrupt",
            with("\n7f7f", "\n7F7F"),
        ),
        (
            "claims-zero",
            "A zero in front of a counter",
            "corrupt",
            with(" 3 03", " 03 03"),
        ),
        (
            "claims-sign",
            "A sign in front of a counter",
            "corrupt",
            with(" 3 03", " +3 03"),
        ),
        (
            "claims-sort",
            "No such sort",
            "corrupt",
            with(" class ", " group "),
        ),
        (
            "claims-forgotten",
            "A pin that was forgotten",
            "corrupt",
            with(" 1767312000000\n", " 1767312000001\n"),
        ),
        (
            "claims-sixth-word",
            "A sixth word",
            "corrupt",
            with(" 3 03", " 3 3 03"),
        ),
        (
            "claims-unsorted",
            "Another order",
            "corrupt",
            of(&[head, gate, class]),
        ),
        (
            "claims-twice",
            "A pin twice",
            "corrupt",
            of(&[head, class, class, gate]),
        ),
        ("index", "Three files", "ok", whole.clone()),
        (
            "index-short",
            "A digit too few",
            "corrupt",
            index_of(&bits[1..]),
        ),
        (
            "index-long",
            "A digit too many",
            "corrupt",
            index_of(&format!("{bits}0")),
        ),
        (
            "index-line",
            "A line more",
            "corrupt",
            index_of(&format!("{bits}\n")),
        ),
        (
            "index-sum",
            "Another sum",
            "corrupt",
            whole.replacen('8', "c", 1),
        ),
        (
            "index-upper",
            "Capitals",
            "corrupt",
            index_of(&bits.replacen("01", "0A", 1)),
        ),
    ];
    std::fs::create_dir_all(folder()).unwrap();
    for (name, about, expect, text) in claims {
        let format = name.split('-').next().unwrap();
        let bytes = hex(text.as_bytes());
        let vector = format!("# {about}\nexpect: {expect}\nformat: {format}\nbytes: {bytes}\n");
        std::fs::write(folder().join(format!("{name}.txt")), vector).unwrap();
    }
}
