//! Argon2id on memory that is kept: keyward with each kind of instructions that the processor has,
//! the `argon2` crate, and the reference implementation in C built for AVX2 where
//! `KEYWARD_LIBARGON2` names what `libargon2.sh` made. `cargo bench --bench argon2` in this folder.
//!
//! One hash of each after the other, round after round, by the processor time of the thread; all make
//! the same hash. Nobody wipes, but keyward after one pass.
#![allow(clippy::unwrap_used, missing_docs)] // A bench: a panic is the report.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use keyward_benches::{Work, is_smoke, timed};
use keyward_crypto::slow::argon2::{Arena, Argon2, Instructions, Kind};

const PASSWORD: &[u8] = b"correct horse battery staple";
const SALT: &[u8] = b"some salt of 16!";

/// OWASP's rows of equal strength, and the second recommended option of RFC 9106 with one lane.
const ROWS: [(u32, u32); 5] = [
    (19_456, 2),
    (47_104, 1),
    (65_536, 3),
    (12_288, 3),
    (7_168, 5),
];

fn bare(memory: u32, passes: u32) -> impl FnMut() -> [u8; 32] {
    let params = argon2::Params::new(memory, passes, 1, Some(32)).unwrap();
    let mut blocks = vec![argon2::Block::default(); params.block_count()];
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    move || {
        let mut out = [0; 32];
        argon2
            .hash_password_into_with_memory(PASSWORD, SALT, &mut out, &mut blocks)
            .unwrap();
        out
    }
}

fn ours(memory: u32, passes: u32, instructions: Instructions) -> impl FnMut() -> [u8; 32] {
    let mut arena = Arena::with_capacity(memory as usize * 1024).unwrap();
    let argon2 = Argon2::new(Kind::Id, memory, passes, 1).instructions(instructions);
    move || {
        let mut out = [0; 32];
        argon2.hash(PASSWORD, SALT, &mut out, &mut arena).unwrap();
        out
    }
}

/// The reference implementation, in a process of its own that times itself.
struct Reference(Child, BufReader<std::process::ChildStdout>);

impl Reference {
    fn start() -> Option<Self> {
        let program = std::env::var_os("KEYWARD_LIBARGON2")?;
        let mut command = Command::new(program);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Some(Self(child, said))
    }

    fn hash(&mut self, memory: u32, passes: u32) -> (Duration, String) {
        let stdin = self.0.stdin.as_mut().unwrap();
        writeln!(stdin, "{memory} {passes} 1").unwrap();
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        let (time, hash) = line.trim().split_once(' ').unwrap();
        (Duration::from_nanos(time.parse().unwrap()), hash.to_owned())
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let rounds = if is_smoke() { 1 } else { 31 };
    let mut reference = Reference::start();
    if reference.is_none() {
        println!("without the reference implementation: KEYWARD_LIBARGON2 is not set");
    }
    for (memory, passes) in ROWS {
        let wanted = bare(memory, passes)();
        let mut works: Vec<(String, Work<'_>)> = Vec::new();
        if let Some(reference) = &mut reference {
            let (_, hash) = reference.hash(memory, passes);
            assert_eq!(hash, keyward_base::encoding::hex(&wanted));
            let work = move |_| reference.hash(memory, passes).0;
            works.push(("C, AVX2".to_owned(), Box::new(work)));
        }
        let mut theirs = bare(memory, passes);
        let work = timed(move |_| assert_eq!(theirs(), wanted));
        works.push(("argon2 crate".to_owned(), work));
        for instructions in Instructions::all() {
            let mut ours = ours(memory, passes, instructions);
            let work = timed(move |_| assert_eq!(ours(), wanted));
            works.push((format!("keyward, {instructions:?}"), work));
        }
        let mut times = vec![Vec::new(); works.len()];
        for round in 0..=rounds {
            for ((_, work), times) in works.iter_mut().zip(&mut times) {
                let time = work(1).as_secs_f64() * 1e3;
                if round > 0 {
                    times.push(time);
                }
            }
        }
        println!("\nm = {memory} KiB, t = {passes}");
        let first = times[0].clone();
        for ((name, _), times) in works.iter().zip(&mut times) {
            let ratios = times.iter().zip(&first).map(|(time, first)| time / first);
            let ratio = median(&mut ratios.collect::<Vec<_>>());
            println!("  {name:<20} {:>7.2} ms   {ratio:.2}", median(times));
        }
    }
}
