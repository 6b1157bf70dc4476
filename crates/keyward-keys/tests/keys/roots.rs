//! Roots that are refused, and what the refusal says.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;

use keyward_base::{ErrorKind, SecretArray, SecretBytes};
use keyward_crypto::Provider;
use keyward_keys::{EnvRoot, FileRoot, Keyring, PassphraseRoot, Root as _, RootVersion};

use crate::passphrase::bound;
use crate::world::{V1, V2, World, purpose, root, tenant};

fn parse(text: &[u8]) -> Result<EnvRoot, keyward_base::Error> {
    EnvRoot::parse(&SecretBytes::copy_of(text), &Provider::default())
}

fn of(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    format!("v1:{}", base64(&hex))
}

/// Standard base64 of bytes given in hexadecimal, written here so that nothing of ours tests itself.
fn base64(hex: &str) -> String {
    const SET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let word = three
            .iter()
            .chain([&0, &0])
            .take(3)
            .fold(0_usize, |w, b| w << 8 | usize::from(*b));
        for at in 0..4 {
            let six = word >> (18 - 6 * at) & 63;
            out.push(if at <= three.len() {
                char::from(SET[six])
            } else {
                '='
            });
        }
    }
    out
}

#[test]
fn patterned_and_short_keys_are_refused_with_what_to_do() {
    let good: [u8; 32] =
        std::array::from_fn(|at| ((at * at * 7 + at * 3 + 11) % 256).try_into().unwrap());
    parse(of(&good).as_bytes()).unwrap();
    let mut table: Vec<(&str, Vec<u8>)> = vec![
        ("zeros", vec![0; 32]),
        ("ones", vec![255; 32]),
        ("counting", (0..32).collect()),
        ("counting down", (0..32).rev().collect()),
        (
            "counting by 7",
            (0..32_u8).map(|n| n.wrapping_mul(7)).collect(),
        ),
        (
            "a few values",
            (0..32_u8)
                .map(|n| (n.wrapping_mul(113) >> 4) ^ 0x51)
                .collect(),
        ),
        ("text", b"correct horse battery staple, 32".to_vec()),
        ("hex text", b"0123456789abcdef9876543210fedcba".to_vec()),
        ("two values", (0..32).map(|n| n % 2 * 200).collect()),
        ("31 bytes", good[..31].to_vec()),
        ("33 bytes", [&good[..], &[1]].concat()),
        ("nothing", vec![]),
        ("a pair", [0xa7, 0x31].repeat(16)),
    ];
    for period in 1..=24 {
        let bytes = good.iter().take(period).cycle().take(32).copied();
        table.push(("repeats", bytes.collect()));
    }
    for (what, bytes) in table {
        let e = parse(of(&bytes).as_bytes()).expect_err(what);
        assert_eq!(e.kind(), ErrorKind::Misuse, "{what}");
        let said = e.to_string();
        assert!(
            said.contains("head -c 32 /dev/urandom | base64"),
            "{what}: {said}"
        );
    }
}

#[test]
fn the_form_is_strict() {
    let body = &V1[3..];
    let many: Vec<String> = (1..=17).map(|n| format!("v{n}:{body}")).collect();
    for bad in [
        String::new(),
        "v1:".to_owned(),
        "v1:not/base64!".to_owned(),
        body.to_owned(),
        format!("1:{body}"),
        format!("v0:{body}"),
        format!("v01:{body}"),
        format!("v+1:{body}"),
        format!("v4294967295:{body}"),
        format!("v4294967296:{body}"),
        format!("V1:{body}"),
        format!("{V1},{V1}"),
        format!("{V1},"),
        format!("v1:{body}="),
        format!("v1:{body}x"),
        format!("v1: {body}"),
        many.join(","),
    ] {
        let e = parse(bad.as_bytes()).expect_err(&bad);
        assert_eq!(e.kind(), ErrorKind::Misuse);
        let said = format!("{e} {e:?}");
        assert!(!said.contains(&body[..8]), "no key in an error");
        let mends = said.contains("base64") || said.contains("version");
        assert!(mends, "{bad}: {said}");
    }
    assert!(parse(&[0xff, 0xfe]).is_err());
    let both = parse(format!("{V1},{V2}\n").as_bytes()).unwrap();
    assert_eq!(both.version(), RootVersion::new(2), "the highest wraps");
    assert!(!format!("{both:?}").contains(&body[..8]));
    let unpadded = V1.trim_end_matches('=');
    for good in [
        unpadded.to_owned(),
        format!("{unpadded}\n"),
        format!("{V2}, {V1}"),
        format!("v7:{}", &unpadded[3..]),
        "v1:__8SNFZ4kHfS4fkQpIR1cpE1WbGcYZ6rze8SNFZ4kHc".to_owned(),
    ] {
        parse(good.as_bytes()).unwrap();
    }
}

#[tokio::test]
async fn a_wrapped_key_unwraps_in_its_own_context_alone() {
    let root = root(V1);
    let key = SecretArray::copy_of(&[9; 32]).unwrap();
    let wrapped = root.wrap(&bound("one"), &key).await.unwrap();
    let opened = root.unwrap(&bound("one"), &wrapped).await.unwrap();
    assert_eq!(opened.expose(), &[9; 32]);
    let other = root.unwrap(&bound("two"), &wrapped).await;
    assert_eq!(other.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[test]
fn a_root_file_is_private_regular_and_new() {
    let provider = Provider::default();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root");
    let made = FileRoot::create(&path, &provider).unwrap();
    let mode = |to| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(to)).unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(made.version(), RootVersion::new(1));
    let before = std::fs::read(&path).unwrap();
    let again = FileRoot::create(&path, &provider).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Misuse);
    assert_eq!(std::fs::read(&path).unwrap(), before, "not overwritten");
    for open in [0o640, 0o604, 0o660, 0o620, 0o601, 0o644, 0o777] {
        mode(open);
        let e = FileRoot::open(&path, &provider).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Misuse);
        assert!(e.to_string().contains("chmod 600"), "{e}");
    }
    mode(0o400);
    FileRoot::open(&path, &provider).unwrap();
    mode(0o600);
    for not_a_file in [
        folder.path().to_owned(),
        "/dev/zero".into(),
        folder.path().join("no"),
    ] {
        let e = FileRoot::open(&not_a_file, &provider).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Misuse, "{}", not_a_file.display());
    }
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(FileRoot::create(&link, &provider).is_err());
    std::fs::write(&path, [before, vec![b' '; 5000]].concat()).unwrap();
    assert!(FileRoot::open(&path, &provider).is_err(), "too long");
}

#[tokio::test]
async fn the_ring_moves_to_a_newer_root() {
    let world = World::new();
    let ring = world.create().await;
    let key = ring
        .sealing_key(&purpose(), &tenant("acme"), 0)
        .await
        .unwrap()
        .id();
    let with = |text: &str| Keyring::builder(world.store.clone(), Arc::new(root(text)));
    let wrong = with(V2).open().await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Unavailable);
    assert!(wrong.to_string().contains("v1"), "{wrong}");
    let both = with(&format!("{V2},{V1}")).open().await.unwrap();
    assert_eq!(
        both.admin().rewrap_root().await.unwrap().moved,
        3,
        "the MAC key, the key of the filter and one ring key"
    );
    assert_eq!(
        both.admin().rewrap_root().await.unwrap().moved,
        0,
        "may be repeated"
    );
    let new = with(V2).open().await.unwrap();
    new.opening_key(&purpose(), &tenant("acme"), key)
        .await
        .unwrap();
    assert!(
        with(V1).open().await.is_err(),
        "the old root alone opens nothing"
    );
}

/// Bytes that no rule but the one looked at refuses.
#[test]
fn what_is_plainly_not_random_is_told_to_the_byte() {
    // 20 values, the last of which stands where the first 12 do again, in another order.
    let of_values = |distinct: u8| -> Vec<u8> {
        let spread = |n: u8| n.wrapping_mul(n).wrapping_mul(3).wrapping_add(n ^ 0x5a) | 0x80;
        let mut all: Vec<u8> = Vec::new();
        for n in 0..=255 {
            let value = spread(n);
            if all.len() < usize::from(distinct) && !all.contains(&value) {
                all.push(value);
            }
        }
        let again = all.clone();
        all.extend(again.iter().rev().take(32 - usize::from(distinct)));
        all
    };
    parse(of(&of_values(20)).as_bytes()).unwrap();
    parse(of(&of_values(19)).as_bytes()).unwrap_err();
    let text = b"The quick brown fox jumps over 1";
    parse(of(text).as_bytes()).unwrap_err();
    let mut no_text = text.to_vec();
    no_text[0] = 0x80;
    parse(of(&no_text).as_bytes()).unwrap();
}

#[test]
fn a_root_has_as_many_versions_as_16() {
    let body = &V1[3..];
    let with = |count: u32| {
        let all: Vec<String> = (1..=count).map(|n| format!("v{n}:{body}")).collect();
        parse(all.join(",").as_bytes())
    };
    assert_eq!(with(16).unwrap().version(), RootVersion::new(16));
    assert_eq!(with(17).unwrap_err().kind(), ErrorKind::Misuse);
    let passphrases = |count: u32| {
        let words = || SecretBytes::copy_of(b"gravel orbit tulip magnet");
        let all = (1..=count).map(|n| (RootVersion::new(n), words()));
        PassphraseRoot::with_versions(all, &Provider::default())
    };
    assert_eq!(passphrases(16).unwrap().version(), RootVersion::new(16));
    for count in [0, 17] {
        assert_eq!(passphrases(count).unwrap_err().kind(), ErrorKind::Misuse);
    }
}

#[test]
fn debug_shows_versions_and_places() {
    let root = parse(format!("{V2},{V1}").as_bytes()).unwrap();
    assert_eq!(format!("{root:?}"), "EnvRoot(v2)");
    let words = SecretBytes::copy_of(b"gravel orbit tulip magnet");
    let root = PassphraseRoot::new(words, &Provider::default()).unwrap();
    assert_eq!(format!("{root:?}"), "PassphraseRoot(v1)");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root");
    let root = FileRoot::create(&path, &Provider::default()).unwrap();
    let shown = format!("FileRoot({}, v1)", path.display());
    assert_eq!(format!("{root:?}"), shown);
    let wrapped = keyward_keys::Wrapped {
        version: RootVersion::new(7),
        bytes: vec![0; 104],
    };
    assert_eq!(format!("{wrapped:?}"), "Wrapped(v7, 104 bytes)");
}

/// The draft's name is longer than the file's, and does not fit: that is told, and not that the
/// root is there.
#[test]
fn a_draft_that_cannot_be_made_is_told_as_that() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r".repeat(250));
    let e = FileRoot::create(&path, &Provider::default()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unavailable, "{e}");
    assert!(e.to_string().contains("cannot be written"), "{e}");
}
