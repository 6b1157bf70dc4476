//! After a seal, an open, a rotation and the drop of the keyring, a release build holds no piece
//! of any key or secret in memory. The same search finds what is planted, and what is held while
//! the keyring lives.

// Tests: a panic is the report.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

#[path = "memory/depth.rs"]
mod depth;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use base64ct::{Base64, Encoding as _};
use keyward_base::encoding::{base64url, hex};
use keyward_coredump::image::{Kind, segments};
use keyward_coredump::records::Secrets;
use keyward_coredump::shapes;
use keyward_crypto::Provider;
use keyward_sqlite::SqliteStore;
use keyward_store::{Collection, Record, Records as _, Scan};
use keyward_testkit::Needles;
use keyward_testkit::tools::{cargo, without};

#[test]
fn nothing_is_left_by_the_default_provider() {
    nothing_is_left("default", "midstate");
}

#[test]
fn nothing_is_left_by_ring() {
    nothing_is_left("ring", "key");
}

#[test]
fn nothing_is_left_by_rustcrypto() {
    nothing_is_left("rustcrypto", "midstate");
}

/// `kept` is the form in which that provider keeps a key while it is in use.
fn nothing_is_left(provider: &str, kept: &str) {
    if without("gcore") {
        println!("SKIPPED: no core dump is searched (--without gcore)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let planted = Planted::write(folder.path());
    let mut child = Stages::start(folder.path(), provider);

    child.reach("sealed");
    let mut secrets = Secrets::default();
    collect(&mut secrets, folder.path());
    child.go_on("alive");
    collect(&mut secrets, folder.path());
    let blocks = blocks_of_log_ins(folder.path());
    let mut needles = Needles::new();
    let mut leak = Vec::new();
    let of_keys = secrets
        .pieces
        .iter()
        .map(|(of, (what, bytes))| (format!("{of}: {what}"), bytes));
    let of_values = planted
        .0
        .iter()
        .chain(&blocks)
        .map(|(name, bytes)| (format!("secret: {name}"), bytes));
    let mut names = BTreeMap::new();
    for (name, bytes) in of_keys.chain(of_values) {
        needles.add(&name, bytes).unwrap();
        leak.extend_from_slice(bytes);
        leak.push(0);
        *names.entry(name).or_insert(0) += 1;
    }
    println!("{provider}: looking for {names:?}");

    // Control: the keys that an open keyring must hold are seen, in the form they are held in.
    let alive = child.search(folder.path(), "alive", &needles);
    let keys = ["ring key", "tenant key", "MAC key"].map(|of| format!("{of}: {kept}"));
    for name in keys.into_iter().chain(["signing key: seed".to_owned()]) {
        assert!(
            alive.memory.contains_key(&name),
            "{name} is in use and not found: {alive:?}"
        );
    }

    child.go_on("dropped");
    let dropped = child.search(folder.path(), "dropped", &needles);
    println!(
        "{provider}: in registers after the drop: {:?}",
        dropped.registers
    );
    assert!(
        dropped.memory.is_empty(),
        "left in memory: {:?}, at {:#?}",
        dropped.memory,
        dropped.places
    );

    // Control: of each sort, what is planted is found.
    std::fs::write(folder.path().join("leak"), &leak).unwrap();
    child.go_on("leaked");
    let leaked = child.search(folder.path(), "leaked", &needles);
    for name in names.keys() {
        assert!(
            leaked.memory.contains_key(name),
            "{name} was planted and not found"
        );
    }
    child.end();
}

/// A redactor that lives holds no piece of a secret as it is, nor in hexadecimal, base64 or UTF-16,
/// nor escaped.
#[test]
fn nothing_of_a_secret_is_plain_in_a_redactor() {
    if without("gcore") {
        println!("SKIPPED: no core dump is searched (--without gcore)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut seed = [0; 32];
    Provider::default().fill(&mut seed).unwrap();
    std::fs::write(folder.path().join("seed"), seed).unwrap();
    let mut needles = Needles::new();
    for number in 0..shapes::COUNT {
        let (value, runs) = shapes::secret(&seed, number);
        let mut armoured = Vec::new();
        for (at, len) in &runs {
            let run = &value.expose()[*at..at + len];
            let text = std::str::from_utf8(run).unwrap();
            needles.add_text(&number.to_string(), text).unwrap();
            armoured.extend_from_slice(run);
        }
        if runs.len() == 3 {
            let inside = Base64::decode_vec(std::str::from_utf8(&armoured).unwrap()).unwrap();
            needles.add(&format!("{number} inside"), &inside).unwrap();
        }
    }
    let mut child = Stages::start(folder.path(), "masked");
    child.reach("masking");
    let found = child.search(folder.path(), "masking", &needles);
    assert!(
        found.memory.is_empty(),
        "left in memory: {:?}, at {:#?}",
        found.memory,
        found.places
    );

    // Control: one that is planted is found.
    let (planted, runs) = shapes::secret(&seed, 5);
    let (at, len) = runs[0];
    std::fs::write(folder.path().join("leak"), &planted.expose()[at..at + len]).unwrap();
    child.go_on("leaked");
    let leaked = child.search(folder.path(), "leaked", &needles);
    assert!(leaked.memory.contains_key("5"), "planted and not found");
    child.end();
}

/// After hashing, verifying, being turned away and hanging up, a door that lives on holds no piece of
/// a password, nor of the first block of the memory that a hash worked in; nor when it is dropped.
#[test]
fn nothing_is_left_of_passwords() {
    if without("gcore") {
        println!("SKIPPED: no core dump is searched (--without gcore)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut needles = Needles::new();
    let mut leak = Vec::new();
    let mut plant = |needles: &mut Needles, name: &str, bytes: &[u8]| {
        needles.add(name, bytes).unwrap();
        leak.extend_from_slice(bytes);
        leak.push(0);
    };
    let names = [
        "hashed",
        "wrong",
        "once",
        "waited",
        "hung-up",
        "turned-away",
        "imported",
    ];
    let passwords = names.map(|name| {
        let mut random = [0; 24];
        Provider::default().fill(&mut random).unwrap();
        let password = base64url(&random);
        std::fs::write(folder.path().join(name), &password).unwrap();
        plant(&mut needles, name, password.as_bytes());
        password
    });
    let mut child = Stages::start(folder.path(), "passwords");
    child.reach("settled");
    let told = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let stored = told("stored");
    let salt = stored.split('$').nth(4).unwrap();
    let (once, memory) = keyward_coredump::passwords::ONE_PASS;
    let block = |of: usize, salt, memory, passes| {
        first_block(passwords[of].as_bytes(), salt, memory, passes).0
    };
    for (name, block) in [
        ("block of hashed", block_of(&passwords[0], &stored)),
        ("block of wrong", block(1, salt, 7_168, 5)),
        ("block of waited", block(3, salt, 7_168, 5)),
        ("block of once", block(2, once, memory, 1)),
        (
            "block around",
            block_around(&told("weak"), &told("wrapped")),
        ),
    ] {
        plant(&mut needles, name, &block);
    }
    let settled = child.search(folder.path(), "settled", &needles);
    println!("in registers: {:?}", settled.registers);
    assert!(
        settled.memory.is_empty(),
        "left in memory: {:?}, at {:#?}",
        settled.memory,
        settled.places
    );
    child.go_on("dropped");
    let dropped = child.search(folder.path(), "dropped", &needles);
    assert!(
        dropped.memory.is_empty(),
        "left in memory: {:?}, at {:#?}",
        dropped.memory,
        dropped.places
    );
    // Control: of each sort, what is planted is found.
    std::fs::write(folder.path().join("leak"), &leak).unwrap();
    child.go_on("leaked");
    let leaked = child.search(folder.path(), "leaked", &needles);
    assert_eq!(leaked.memory.len(), 12, "{:?}", leaked.memory.keys());
    child.end();
}

/// The first bytes of the memory that Argon2id with one lane leaves, and its hash.
fn first_block(of: &[u8], salt: &str, memory: u32, passes: u32) -> (Vec<u8>, [u8; 32]) {
    let salt = base64ct::Base64Unpadded::decode_vec(salt).unwrap();
    let params = argon2::Params::new(memory, passes, 1, Some(32)).unwrap();
    let mut blocks = vec![argon2::Block::default(); params.block_count()];
    let mut hash = [0; 32];
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password_into_with_memory(of, &salt, &mut hash, &mut blocks)
        .unwrap();
    let words: &[u64] = blocks[0].as_ref();
    let first = words[..8].iter().flat_map(|word| word.to_le_bytes());
    (first.collect(), hash)
}

/// The same of a string that was stored: it is the hash of that.
fn block_of(of: impl AsRef<[u8]>, stored: &str) -> Vec<u8> {
    let parts: Vec<_> = stored.split('$').collect();
    assert_eq!(parts[1..4], ["argon2id", "v=19", "m=7168,t=5,p=1"]);
    let (block, hash) = first_block(of.as_ref(), parts[4], 7_168, 5);
    let stored = base64ct::Base64Unpadded::decode_vec(parts[5]).unwrap();
    assert_eq!(stored, hash, "another hash than was made");
    block
}

/// The same of the hash around one of bcrypt's. Written from `docs/formats/wrapped-hash.md`.
fn block_around(weak: &str, wrapped: &str) -> Vec<u8> {
    let digest = base64ct::Base64Bcrypt::decode_vec(&weak[29..]).unwrap();
    let wrapped = wrapped.strip_prefix("{wrap1}").unwrap();
    let (outer, inside) = wrapped.split_at(wrapped.find('{').unwrap());
    let len = u64::try_from(inside.len()).unwrap().to_be_bytes();
    let parts = [b"keyward wrapped hash 1\n", &len[..], inside.as_bytes()];
    let input: Vec<u8> = parts
        .into_iter()
        .flatten()
        .chain(&digest)
        .copied()
        .collect();
    block_of(input, outer)
}

/// What hashes left first in their memory when somebody logged in under a pepper.
fn blocks_of_log_ins(folder: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let told = |name| std::fs::read_to_string(folder.join(name)).unwrap();
    let block = |password, stored| block_of(told(password), &told(stored));
    let around = block_around(&told("import-weak"), &told("import-wrapped"));
    vec![
        ("block of a log-in", block("login", "login-stored")),
        ("block around an import", around),
        ("block of an import", block("import", "import-stored")),
    ]
}

/// The credentials that the child reads, and what of them is secret.
struct Planted(Vec<(&'static str, Vec<u8>)>);

impl Planted {
    fn write(folder: &Path) -> Self {
        let random = |len: usize| {
            let mut bytes = vec![0; len];
            Provider::default().fill(&mut bytes).unwrap();
            bytes
        };
        let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
        let (api_key, access, refresh) = (
            base64url(&random(30)),
            base64url(&random(30)),
            base64url(&random(30)),
        );
        put("api-key", api_key.as_bytes());
        put(
            "oauth-token",
            format!(
                r#"{{"access_token":"{access}","refresh_token":"{refresh}","expires_in":3600}}"#
            )
            .as_bytes(),
        );
        let (plain, quoted) = (hex(&random(24)), base64url(&random(24)));
        put(
            "env",
            format!("PLAIN={plain}\nexport QUOTED=\"{quoted}\"\n").as_bytes(),
        );
        let long = random(40_000); // Three chunks.
        put("opaque", &long);
        let [login, import, mistyped] = ["login", "import", "mistyped"].map(|name| {
            let password = base64url(&random(24));
            put(name, password.as_bytes());
            password
        });
        let ssh = ssh_key(folder, "ssh-key");
        let (damaged_ssh, damaged_token, damaged_variable) = (
            ssh_key(folder, "damaged-ssh-key"),
            base64url(&random(30)),
            base64url(&random(24)),
        );
        let key = std::fs::read_to_string(folder.join("damaged-ssh-key")).unwrap();
        let (body, end) = key.split_at(key.find("\n-----END").unwrap());
        put("damaged-ssh-key", format!("{body}!{end}").as_bytes());
        // An escape, so that it is decoded, and a character at its end that no token has.
        put(
            "damaged-oauth-token",
            format!(r#"{{"access_token":"\u0041{damaged_token}\u0007"}}"#).as_bytes(),
        );
        // The wrong alphabet is noticed at a letter near the end, the damage at the last but one.
        let (root, damaged_root) = (root_of(random(32)), root_of(random(32)));
        let text = base64url(&damaged_root);
        for (name, text) in [
            ("url-root", format!("v1:{}\n", base64url(&root))),
            (
                "damaged-root",
                format!("v1:{}!{}\n", &text[..41], &text[42..]),
            ),
        ] {
            put(name, text.as_bytes());
            let only_ours = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(folder.join(name), only_ours).unwrap();
        }
        put(
            "damaged-env",
            format!("A=\"{damaged_variable}\r\nB=1\r\n").as_bytes(),
        );
        Self(vec![
            ("api-key", api_key.into_bytes()),
            ("access token", access.into_bytes()),
            ("refresh token", refresh.into_bytes()),
            ("variable", plain.into_bytes()),
            ("quoted variable", quoted.into_bytes()),
            ("first chunk", long[..64].to_vec()),
            ("second chunk", long[20_000..20_064].to_vec()),
            ("last chunk", long[39_936..].to_vec()),
            ("SSH key", ssh),
            ("damaged SSH key", damaged_ssh),
            ("damaged token", damaged_token.into_bytes()),
            ("damaged variable", damaged_variable.into_bytes()),
            ("root in base64url", root),
            ("damaged root", damaged_root),
            ("password of a log-in", login.into_bytes()),
            ("password of an import", import.into_bytes()),
            ("mistyped password", mistyped.into_bytes()),
        ])
    }
}

/// A root whose base64 in the URL's alphabet has a letter of that alphabet alone near its end.
fn root_of(mut random: Vec<u8>) -> Vec<u8> {
    random[27..30].copy_from_slice(&[0xff, 0xef, 0xbe]);
    assert!(base64url(&random)[36..40].contains('-'));
    random
}

/// A fresh Ed25519 key; returns its seed, which follows a length of 64 in the private part.
fn ssh_key(folder: &Path, name: &str) -> Vec<u8> {
    let path = folder.join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
        .arg(&path)
        .status();
    assert!(
        made.is_ok_and(|s| s.success()),
        "ssh-keygen: install the package openssh-client"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let bytes = Base64::decode_vec(&body).unwrap();
    let at = bytes.windows(4).position(|w| w == [0, 0, 0, 64]).unwrap();
    bytes[at + 4..at + 36].to_vec()
}

fn collect(secrets: &mut Secrets, folder: &Path) {
    let home = folder.join("home");
    let root = std::fs::read_to_string(home.join("root")).unwrap();
    let root = Base64::decode_vec(root.trim().strip_prefix("v1:").unwrap()).unwrap();
    let keys = records(&home.join("keys.db"));
    let of = |name: &str| -> Vec<Record> {
        let found = keys
            .iter()
            .filter(|record| record.key.collection.as_str() == name);
        found.cloned().collect()
    };
    let ring = of("keyring");
    let rows = records(&home.join("data.db"));
    let rows: Vec<Record> = rows
        .into_iter()
        .filter(|r| matches!(r.key.collection.as_str(), "vault" | "credential/users"))
        .collect();
    assert_eq!((ring.len(), rows.len()), (1, 7));
    let root = root.as_slice().try_into().unwrap();
    secrets.collect(root, &ring[0].data, &of("tenant-keys"), &rows);
}

fn records(path: &Path) -> Vec<Record> {
    let store = Arc::new(SqliteStore::open(path).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let scan = |name| Scan::of(Collection::named(name));
    ["keyring", "tenant-keys", "vault", "credential/users"]
        .into_iter()
        .flat_map(|name| runtime.block_on(store.scan(scan(name))).unwrap().items)
        .collect()
}

/// The child, stage by stage.
struct Stages {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

/// How many pieces of each sort were found.
#[derive(Debug)]
struct Found {
    memory: BTreeMap<String, usize>,
    registers: BTreeMap<String, usize>,
    /// The first places in memory: address, and the start of its segment.
    places: Vec<String>,
}

impl Stages {
    fn start(folder: &Path, provider: &str) -> Self {
        let mut child = Command::new(build())
            .args([folder.join("home"), folder.to_owned(), provider.into()])
            .env_remove("KEYWARD_ROOT")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    fn reach(&mut self, stage: &str) {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), stage, "the child stopped");
    }

    fn go_on(&mut self, stage: &str) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        self.reach(stage);
    }

    fn search(&self, folder: &Path, name: &str, needles: &Needles) -> Found {
        let pid = self.child.id();
        let made = Command::new("gcore")
            .args(["-a", "-o"])
            .arg(folder.join(name))
            .arg(pid.to_string())
            .stdin(Stdio::null())
            .output()
            .expect("gcore: install the package gdb, or run with --without gcore");
        let path = folder.join(format!("{name}.{pid}"));
        let core = std::fs::read(&path)
            .unwrap_or_else(|_| panic!("no core dump: {}", String::from_utf8_lossy(&made.stderr)));
        std::fs::remove_file(path).unwrap();
        let mut found = Found {
            memory: BTreeMap::new(),
            registers: BTreeMap::new(),
            places: Vec::new(),
        };
        for segment in segments(&core).expect("a core dump") {
            let into = match segment.kind {
                Kind::Memory => &mut found.memory,
                _ => &mut found.registers,
            };
            for finding in needles.find(segment.bytes) {
                if segment.kind == Kind::Memory && found.places.len() < 400 {
                    let (from, len) = (segment.address, segment.bytes.len());
                    let name = &finding.secret;
                    let at = finding.at;
                    found
                        .places
                        .push(format!("{name} at {from:#x} + {at:#x} of {len:#x}"));
                }
                *into.entry(finding.secret).or_insert(0) += 1;
            }
        }
        found
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child as users get it: a release build, in the target folder of this test.
fn build() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let target = here.ancestors().nth(3).unwrap();
    let args = [
        "build",
        "--quiet",
        "--release",
        "--locked",
        "-p",
        "keyward-coredump",
    ];
    let built = cargo(&args).arg("--target-dir").arg(target).status();
    assert!(built.unwrap().success(), "the release build failed");
    target.join("release/keyward-coredump-child")
}
