//! The programs beside this file, over many cases in one process each: what they say of each is
//! what we say. The one in Python was written from `docs/formats/audit.md`; in the one in Go, the
//! packages `sumdb/note` and `sumdb/tlog` decide.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use keyward_audit::tree::verify;
use keyward_audit::{Checkpoint, Entry, Others, Proof, VerifierKey, export};
use keyward_base::encoding::{from_hex, hex};
use keyward_testkit::tools::without;

use crate::trees::provider;

/// What a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Checkpoint,
    /// The text of an entry: JSON, which no package of Go's judges.
    Entry,
    Export,
    /// Lines of two sizes, each with its root, and of the hashes of a consistency proof.
    Growth,
    Key,
    Proof,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Entry => "entry",
            Self::Export => "export",
            Self::Growth => "growth",
            Self::Key => "key",
            Self::Proof => "proof",
        }
    }
}

/// A file of a kind, and what it is checked against.
#[derive(Clone, Debug)]
struct Case {
    kind: Kind,
    keys: Vec<VerifierKey>,
    /// Of a proof.
    leaf: Vec<u8>,
}

impl Case {
    fn ours(&self, file: &[u8]) -> bool {
        let (provider, keys) = (provider(), &self.keys[..]);
        if self.kind == Kind::Export {
            return export::check(&provider, keys, file, |_, _, _| ()).is_ok();
        }
        let Ok(text) = std::str::from_utf8(file) else {
            return false;
        };
        match self.kind {
            Kind::Checkpoint => Checkpoint::open(text, keys, Others::Refused).is_ok(),
            Kind::Entry => Entry::parse(text).is_ok(),
            Kind::Growth => {
                let lines: Vec<&str> = text.split('\n').collect();
                let root = |at: usize| from_hex::<32>(lines[at]).unwrap();
                let size = |at: usize| lines[at].parse().unwrap();
                let proof: Vec<_> = (4..lines.len()).map(root).collect();
                let (old, new) = ((size(0), &root(1)), (size(2), &root(3)));
                verify::consistency(&provider, old, new, &proof).is_ok()
            }
            Kind::Key => VerifierKey::parse(&provider, text).is_ok(),
            Kind::Proof => Proof::parse(text)
                .and_then(|proof| proof.check(&provider, keys, Others::Refused, &self.leaf))
                .is_ok(),
            Kind::Export => unreachable!(),
        }
    }
}

/// Cases, and what we say of each.
#[derive(Default)]
pub(crate) struct Cases {
    lines: String,
    ours: Vec<bool>,
    last: Option<(Case, Vec<u8>)>,
}

impl Cases {
    /// Adds one; says what we say of it.
    pub(crate) fn add(
        &mut self,
        kind: Kind,
        keys: &[VerifierKey],
        file: &[u8],
        leaf: &[u8],
    ) -> bool {
        let case = Case {
            kind,
            keys: keys.to_vec(),
            leaf: leaf.to_vec(),
        };
        let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let (names, leaf) = (names.join(" "), hex(leaf));
        let file_hex = hex(file);
        let word = kind.word();
        writeln!(self.lines, "case\t{word}\t{names}\t{file_hex}\t{leaf}").unwrap();
        self.ours.push(case.ours(file));
        self.last = Some((case, file.to_vec()));
        *self.ours.last().unwrap()
    }

    /// Adds the last one with each of its bits flipped, and with each of its ends cut off. Each of
    /// them we refuse.
    pub(crate) fn add_damaged(&mut self) {
        let (case, file) = self.last.clone().unwrap();
        for bit in 0..file.len() * 8 {
            let mut other = file.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!case.ours(&other), "{case:?}: bit {bit}");
            writeln!(self.lines, "flip\t{bit}").unwrap();
        }
        for len in 0..file.len() {
            assert!(!case.ours(&file[..len]), "{case:?}: cut at {len}");
            writeln!(self.lines, "cut\t{len}").unwrap();
        }
        self.ours.resize(self.ours.len() + file.len() * 9, false);
    }

    /// Adds those of `other`.
    pub(crate) fn append(&mut self, other: Self) {
        self.lines.push_str(&other.lines);
        self.ours.extend(other.ours);
        self.last = other.last;
    }

    /// Asks the others.
    pub(crate) fn compare(self) {
        let python = (!without("python3")).then(|| ("python3", python()));
        let go = (!without("go")).then(|| ("go", go()));
        for tool in ["python3", "go"].into_iter().filter(|tool| without(tool)) {
            println!("SKIPPED: --without {tool}");
        }
        thread::scope(|scope| {
            for (name, command) in python.into_iter().chain(go) {
                let cases = &self;
                scope.spawn(move || cases.compare_with(name, command));
            }
        });
    }

    fn compare_with(&self, name: &str, mut command: Command) {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child
            .unwrap_or_else(|e| panic!("`cargo xtask test` installs {name}, or --without it: {e}"));
        let mut to = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let answers: Vec<String> = thread::scope(|scope| {
            scope.spawn(move || to.write_all(self.lines.as_bytes()).unwrap());
            answers.lines().map(Result::unwrap).collect()
        });
        assert!(child.wait().unwrap().success(), "{name}");
        assert_eq!(answers.len(), self.ours.len(), "{name}");
        let mut last = "";
        for ((line, ours), theirs) in self.lines.lines().zip(&self.ours).zip(&answers) {
            if line.starts_with("case") {
                last = line;
            }
            let ours = if *ours { "1" } else { "0" };
            let is_judged = theirs != "-" && !(name == "go" && last.contains("\tentry\t"));
            assert!(
                !is_judged || ours == theirs,
                "{name} says {theirs}, we {ours}: {line} of {}",
                readable(last)
            );
        }
    }
}

/// A case as it may be read.
fn readable(line: &str) -> String {
    let words: Vec<&str> = line.split('\t').collect();
    let bytes = (0..words[3].len() / 2).map(|i| words[3].get(i * 2..i * 2 + 2).unwrap());
    let bytes: Vec<u8> = bytes.map(|b| u8::from_str_radix(b, 16).unwrap()).collect();
    let file = String::from_utf8_lossy(&bytes);
    format!("{} {} {} {file}", words[1], words[2], words[4])
}

fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/formats")
        .join(name)
}

/// Where cargo builds: the folder above that of tests' own files.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn python() -> Command {
    let python = target().join("tools/python/bin/python3");
    assert!(
        python.exists(),
        "`cargo xtask test` installs what this needs, or leaves it out: --without python3"
    );
    let mut command = Command::new(python);
    command.arg("-B").arg(beside("verify.py")).arg("batch");
    command
}

/// Built with the packages that the system has: without the network.
fn go() -> Command {
    let mut command = Command::new("go");
    command
        .arg("run")
        .arg(beside("verify.go"))
        .env("GO111MODULE", "off")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go"))
        .env("GOFLAGS", "");
    command
}
