//! Masking beside `stream_replace_all` of `aho-corasick` over the same forms, and beside a copy of
//! the same buffer.
//!
//! 64 MiB of log in pieces of 64 KiB; in one line of a thousand there is a secret in one of its
//! forms. Then texts of who would make masking slow, chosen together with the secrets; and what a
//! registration costs.
// Benches: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

use std::hint::black_box;
use std::io::{Read, Write, sink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keyward_base::{Result, SecretBytes};
use keyward_benches::{Bar, compare_long, finish, is_smoke, is_wanted};
use keyward_redact::danger::forms;
use keyward_redact::{Name, Redactor};
use rand::TryRng as _;

const PIECE: usize = 64 * 1024;

fn len(full: usize) -> usize {
    if is_smoke() { full / 256 } else { full }
}

/// The operating system's randomness, for the redactor.
fn random(bytes: &mut [u8]) -> Result<()> {
    rand::rngs::SysRng.try_fill_bytes(bytes).unwrap();
    Ok(())
}

/// Numbers that are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn letters(&mut self, len: usize) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..len)
            .map(|_| char::from(LETTERS[self.below(LETTERS.len())]))
            .collect()
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// Secrets of real shapes; of each ten one is short, if asked for.
fn secrets(count: usize, with_short: bool) -> Vec<String> {
    let mut numbers = Numbers(1);
    let secret = |n: usize| match n % 20 {
        7 | 17 if with_short => {
            let len = 8 + numbers.below(8);
            numbers.letters(len)
        }
        0 => {
            let payload = format!(
                r#"{{"sub":"{n}","iat":1764150000,"jti":"{}"}}"#,
                numbers.next()
            );
            let (payload, mac) = (URL_SAFE_NO_PAD.encode(payload), numbers.bytes(32));
            let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
            format!("{head}.{payload}.{}", URL_SAFE_NO_PAD.encode(mac))
        }
        10 => {
            let mut key =
                b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
            key.extend(numbers.bytes(32));
            let body = STANDARD.encode(key);
            format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
        }
        n if n % 3 == 0 => format!("ghp_{}", numbers.letters(36)),
        n if n % 3 == 1 => format!("sk_live_{}", numbers.letters(24)),
        _ => STANDARD.encode(numbers.bytes(32)),
    };
    (0..count).map(secret).collect()
}

fn needles(secrets: &[String]) -> Vec<SecretBytes> {
    secrets
        .iter()
        .flat_map(|secret| forms(secret.as_bytes()))
        .collect()
}

fn redactor(secrets: &[String]) -> Redactor {
    let redactor = Redactor::new(random).unwrap();
    for (n, secret) in secrets.iter().enumerate() {
        let name = Name::new(&format!("secret {n}")).unwrap();
        redactor.add(&name, secret.as_bytes()).unwrap();
    }
    redactor
}

/// Lines of a service, in one of a thousand a form of a secret.
fn log(len: usize, needles: &[SecretBytes]) -> Vec<u8> {
    let mut numbers = Numbers(2);
    let mut text = Vec::with_capacity(len + 4096);
    while text.len() < len {
        let (at, took) = (numbers.next(), numbers.below(4000));
        write!(
            text,
            "2026-11-26T10:{:02}:{:02}.{:03}Z INFO request{{method=GET path=/v1/accounts/{}/items id={:016x}}}: finished in {took} ms, status={} bytes={}",
            at % 60, (at >> 8) % 60, (at >> 16) % 1000, at % 100_000, numbers.next(),
            [200, 201, 304, 404][(at % 4) as usize], numbers.below(100_000),
        )
        .unwrap();
        if numbers.below(1000) == 0 {
            text.extend_from_slice(b" token=");
            text.extend_from_slice(needles[numbers.below(needles.len())].expose());
        }
        text.push(b'\n');
    }
    text.truncate(len);
    text
}

/// Gives at most a piece at once, as a pipe does.
struct Pieces<'a>(&'a [u8]);

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let len = into.len().min(PIECE);
        self.0.read(&mut into[..len])
    }
}

fn build(needles: &[SecretBytes], prefilter: bool) -> AhoCorasick {
    let needles = needles.iter().map(SecretBytes::expose);
    AhoCorasickBuilder::new()
        .prefilter(prefilter)
        .build(needles)
        .unwrap()
}

fn theirs(automaton: &AhoCorasick, text: &[u8]) {
    let masks = vec!["•••"; automaton.patterns_len()];
    automaton
        .try_stream_replace_all(Pieces(text), sink(), &masks)
        .unwrap();
}

fn ours(redactor: &Redactor, text: &[u8], flush: bool) {
    let mut stream = redactor.stream(sink());
    for piece in text.chunks(PIECE) {
        stream.write_all(piece).unwrap();
        if flush {
            stream.flush().unwrap();
        }
    }
    stream.finish().unwrap();
}

/// Resident bytes of this process, as the system counts them.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

fn speed(title: &str, count: usize, with_short: bool) {
    if !is_wanted(title) {
        return;
    }
    let count = if is_smoke() { count.min(50) } else { count };
    let secrets = secrets(count, with_short);
    let before = resident();
    let redactor = redactor(&secrets);
    let grown = resident().saturating_sub(before);
    let needles = needles(&secrets);
    let text = log(len(64 << 20), &needles);
    let automaton = build(&needles, true);
    let counts = redactor.counts();
    println!(
        "\n{count} secrets: {} needles of {} bytes; at most {} bytes held back; {} needles in automata; {} bytes of memory for each secret, {} for the automaton of aho-corasick",
        counts.needles,
        counts.bytes,
        redactor.most_held(),
        counts.in_automata,
        grown / count as u64,
        automaton.memory_usage() / count,
    );
    assert!(
        counts.needles.abs_diff(needles.len()) < 10 + needles.len() / 100,
        "{}",
        needles.len()
    );
    let mut copy = vec![0; text.len()];
    let rounds = if count > 1000 { 5 } else { 9 };
    compare_long(
        title,
        rounds,
        |_| (),
        &mut [
            ("stream_replace_all", Box::new(|| theirs(&automaton, &text))),
            ("keyward", Box::new(|| ours(&redactor, &text, false))),
            (
                "keyward, a flush after each piece",
                Box::new(|| ours(&redactor, &text, true)),
            ),
            (
                "a copy",
                Box::new(|| {
                    copy.copy_from_slice(black_box(&text));
                    black_box(&copy);
                }),
            ),
        ],
    );
}

/// Who writes the log chooses the secrets too.
fn hostile(title: &str, secrets: &[String], text: &dyn Fn(usize) -> Vec<u8>) {
    if !is_wanted(title) {
        return;
    }
    let redactor = redactor(secrets);
    let automaton = build(&needles(secrets), false);
    for (size, text) in [
        ("1 MiB", text(1 << 20)),
        ("4 MiB", text(4 << 20)),
        ("64 MiB", text(len(64 << 20))),
    ] {
        let title = format!("{title}, {size}");
        compare_long(
            &title,
            if size == "64 MiB" { 3 } else { 9 },
            |_| (),
            &mut [
                ("stream_replace_all", Box::new(|| theirs(&automaton, &text))),
                ("keyward", Box::new(|| ours(&redactor, &text, false))),
                (
                    "keyward, a flush after each piece",
                    Box::new(|| ours(&redactor, &text, true)),
                ),
            ],
        );
    }
}

fn repeated(piece: &[u8], len: usize) -> Vec<u8> {
    piece.iter().copied().cycle().take(len).collect()
}

fn all_hostile() {
    let chain: Vec<String> = (8..=2000).map(|len| "a".repeat(len)).collect();
    hostile(CHAIN, &chain, &|len| vec![b'a'; len]);
    let ended: Vec<String> = (8..=2000)
        .map(|len| format!("{}z", "a".repeat(len)))
        .collect();
    hostile(ENDED, &ended, &|len| vec![b'a'; len]);
    let prefixed: Vec<String> = (0..2000).map(|n| format!("sk_live_{n:08}")).collect();
    hostile(PREFIX, &prefixed, &|len| repeated(b"sk_live_", len));
    let real = secrets(1000, true);
    let misses: Vec<u8> = real
        .iter()
        .flat_map(|secret| secret.as_bytes()[..secret.len() - 1].to_vec())
        .collect();
    hostile(MISSES, &real, &|len| repeated(&misses, len));
    let joined = real.concat();
    hostile(JOINED, &real, &|len| repeated(joined.as_bytes(), len));
    let broken: Vec<u8> = needles(&real)
        .iter()
        .flat_map(|needle| needle.expose().to_vec())
        .flat_map(|byte| [byte, b'\n'])
        .collect();
    hostile(BROKEN, &real, &|len| repeated(&broken, len));
    let turned: Vec<String> = (0..16)
        .map(|n| format!("{}{}", &"abcdefghijklmnop"[n..], &"abcdefghijklmnop"[..n]))
        .collect();
    let turned: Vec<String> = turned.iter().map(|value| value[..12].to_owned()).collect();
    hostile(TURNED, &turned, &|len| repeated(b"abcdefghijklmnop", len));
    // Parts of one long value, each shifted by a byte: every gram is in many of them.
    let long = Numbers(3).letters(3000);
    let few: Vec<String> = (0..31).map(|n| long[n..n + 2000].to_owned()).collect();
    hostile(FEW, &few, &|len| repeated(&long.as_bytes()[..2030], len));
    let parts: Vec<String> = (0..1000).map(|n| long[n..n + 2000].to_owned()).collect();
    hostile(PARTS, &parts, &|len| {
        repeated(&long.as_bytes()[..2999], len)
    });
}

/// What a registration costs beside 10,000 secrets, while two streams are written.
fn registration() {
    if !is_wanted(REGISTRATION) {
        return;
    }
    let count = if is_smoke() { 100 } else { 10_000 };
    let known = secrets(count + count / 10, true);
    let (known, new) = known.split_at(count);
    let redactor = redactor(known);
    let text = log(len(16 << 20), &needles(&known[..10]));
    let done = AtomicBool::new(false);
    let mut times = Vec::new();
    let mut again = Vec::new();
    let mut forget = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                ours(&redactor, &text, true);
            }
        });
        for (n, secret) in new.iter().enumerate() {
            let name = Name::new(&format!("new {n}")).unwrap();
            for times in [&mut times, &mut again] {
                let start = Instant::now();
                redactor.add(&name, secret.as_bytes()).unwrap();
                times.push(start.elapsed());
            }
            // So that registrations meet the stream at all places.
            std::thread::sleep(std::time::Duration::from_micros(500));
        }
        for n in 0..new.len() {
            let name = Name::new(&format!("new {n}")).unwrap();
            let start = Instant::now();
            assert!(redactor.forget(&name));
            forget.push(start.elapsed());
        }
        done.store(true, Ordering::Relaxed);
    });
    println!("\n{REGISTRATION}: median and worst");
    for (what, times) in [
        ("a new one", &mut times),
        ("one that is known", &mut again),
        ("forgetting one", &mut forget),
    ] {
        times.sort();
        println!(
            "  {what:<20} {:>10.1?} {:>10.1?}",
            times[times.len() / 2],
            times[times.len() - 1]
        );
    }
}

const CHAIN: &str = "a, 8 to 2,000 times, over a";
const ENDED: &str = "az to a...az of 2,000, over a";
const PREFIX: &str = "a shared beginning, repeated";
const MISSES: &str = "secrets without their last byte";
const JOINED: &str = "secrets end to end";
const BROKEN: &str = "all forms, a line ending after every byte";
const FEW: &str = "31 parts of a long value, over it";
const PARTS: &str = "parts of a long value, over it";
const TURNED: &str = "all turns of 16 bytes, 12 of them each";
const REGISTRATION: &str = "registration beside 10,000 secrets, a stream running";

const BARS: &[Bar] = &[
    ("10 secrets", "keyward", 0.1),
    ("1,000 secrets", "keyward", 0.1),
    ("10,000 secrets", "keyward", 0.1),
    ("1 secret, short", "keyward", 0.5),
    ("10 secrets, a tenth short", "keyward", 0.5),
    ("1,000 secrets, a tenth short", "keyward", 0.5),
    ("10,000 secrets, a tenth short", "keyward", 0.5),
];

fn main() {
    speed("1 secret", 1, false);
    speed("10 secrets", 10, false);
    speed("1,000 secrets", 1000, false);
    speed("10,000 secrets", 10_000, false);
    speed("10 secrets, a tenth short", 10, true);
    speed("1,000 secrets, a tenth short", 1000, true);
    speed("10,000 secrets, a tenth short", 10_000, true);
    all_hostile();
    registration();
    finish("redact", BARS);
}
