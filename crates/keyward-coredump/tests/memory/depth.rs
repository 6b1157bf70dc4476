//! Of the stack at least twice as much is overwritten as an operation was seen to reach, in every
//! code path of the libraries that can be forced on this processor.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use keyward_testkit::tools::without;

/// More rounds than there are ways to clear flags; the debugger ends the program after those.
const ROUNDS: &str = "400";

#[derive(Default)]
struct Measured {
    depth: usize,
    overwritten: usize,
    left: usize,
    times: usize,
}

#[test]
fn twice_the_depth_is_overwritten() {
    if without("gcore") || !cfg!(target_arch = "x86_64") {
        println!("SKIPPED: no depth is measured (--without gcore, or another processor)");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/memory/depth.py");
    let run = Command::new("gdb")
        .args(["-nx", "-q", "-batch", "-x"])
        .arg(script)
        .arg("--args")
        .arg(super::build().with_file_name("keyward-coredump-depths"))
        .arg(ROUNDS)
        .stdin(Stdio::null())
        .output()
        .expect("gdb: install the package gdb, or run with --without gcore");
    let said = String::from_utf8_lossy(&run.stdout);
    let mut all: BTreeMap<&str, Measured> = BTreeMap::new();
    for line in said.lines().filter(|line| line.starts_with("DEPTH|")) {
        let [_, name, depth, overwritten, left] = line.split('|').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let number = |text: &str| text.parse::<usize>().unwrap();
        let (depth, overwritten) = (number(depth), number(overwritten));
        assert!(depth > 100, "{line}: the paint was gone before");
        let most = all.entry(name).or_default();
        most.depth = most.depth.max(depth);
        most.overwritten = overwritten;
        most.left = most.left.max(number(left));
        most.times += 1;
    }
    let told = said.lines().find(|line| line.starts_with("FLAGS"));
    println!("{}", told.unwrap_or(&said));
    for (name, most) in &all {
        let Measured {
            depth,
            overwritten,
            left,
            times,
        } = most;
        println!("{name:<36} {depth:>6} of {overwritten:>6}, {left} left, {times} times");
    }
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(all.len() > 80 && run.status.success(), "{said}{errors}");
    for (name, most) in all {
        assert!(most.times > 10, "{name}: {} code paths", most.times);
        assert!(
            most.depth * 2 <= most.overwritten,
            "{name} reaches {} bytes, and {} are overwritten: measure, and raise its constant",
            most.depth,
            most.overwritten
        );
        assert_eq!(most.left, 0, "{name}: bytes between are not overwritten");
    }
}
