//! The test programs of the workspace: built by cargo, then run several at a time, so that a
//! program that waits (for a disk, a lock, a child) leaves no processor idle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;

use serde_json::Value;

use crate::{Outcome, run};

/// Programs that take longest, as they build others: started first, so that none is left over at
/// the end. By the name of their file.
const LONG: [&str; 3] = ["memory", "readme", "home"];

/// A test program, or the doc tests.
#[derive(Debug)]
enum Job {
    Program(Program),
    Doc,
}

#[derive(Debug, PartialEq, Eq)]
struct Program {
    /// The package's name.
    crate_name: String,
    /// The target's name.
    name: String,
    /// Its source, relative to its package.
    source: String,
    /// The folder of its package, in which cargo would run it too.
    package: PathBuf,
    path: PathBuf,
}

/// The sums of the `test result:` lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl Count {
    /// What one `test result:` line says.
    fn of(line: &str) -> Option<Self> {
        let result = line.strip_prefix("test result: ")?;
        let number = |what: &str| {
            let before = result.split(what).next().unwrap_or_default();
            let word = before.split_whitespace().next_back().unwrap_or_default();
            word.parse::<u64>().unwrap_or(0)
        };
        Some(Self {
            passed: number(" passed"),
            failed: number(" failed"),
            ignored: number(" ignored"),
        })
    }

    fn add(&mut self, other: Self) {
        self.passed = self.passed.saturating_add(other.passed);
        self.failed = self.failed.saturating_add(other.failed);
        self.ignored = self.ignored.saturating_add(other.ignored);
    }
}

/// What came of all programs.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) count: Count,
    /// The programs that failed, or that did not end as a test program does.
    pub(crate) failed: Vec<String>,
}

/// Builds everything and runs it with `variables` in the environment.
pub(crate) fn run(variables: &[(&str, String)]) -> Outcome<Results> {
    let mut programs = build()?;
    if programs.is_empty() {
        return Err("cargo built no test program".to_owned());
    }
    programs.sort_by_key(|program| !LONG.contains(&program.name.as_str()));
    let mut jobs: VecDeque<Job> = programs.into_iter().map(Job::Program).collect();
    jobs.push_back(Job::Doc);
    let jobs = Mutex::new(jobs);
    let results = Mutex::new(Results::default());
    let at_once = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while let Some(job) = next(&jobs) {
                    println!("    Starting {}", job.title());
                    let outcome = job.command(variables).output();
                    report(&job, outcome, &mut lock(&results));
                }
            });
        }
    });
    let results = results.into_inner();
    Ok(results.unwrap_or_else(std::sync::PoisonError::into_inner))
}

fn next(jobs: &Mutex<VecDeque<Job>>) -> Option<Job> {
    lock(jobs).pop_front()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The tests of the workspace that are not ignored, by package and name of their file: those that
/// [`run()`] runs.
pub(crate) fn tests() -> Outcome<BTreeMap<(String, String), BTreeSet<String>>> {
    let mut known = BTreeMap::new();
    for program in build()? {
        let ignored = program.listed(&["--ignored"])?;
        let all = program.listed(&[])?;
        let runs = all.difference(&ignored).cloned().collect();
        known.insert((program.crate_name, program.name), runs);
    }
    Ok(known)
}

impl Program {
    fn listed(&self, more: &[&str]) -> Outcome<BTreeSet<String>> {
        let mut command = Command::new(&self.path);
        command.current_dir(&self.package).arg("--list").args(more);
        let listing = run::output(&mut command)?;
        let names = listing
            .lines()
            .filter_map(|line| line.strip_suffix(": test"));
        Ok(names.map(str::to_owned).collect())
    }
}

/// The test programs of the workspace, freshly built.
fn build() -> Outcome<Vec<Program>> {
    let mut command = run::cargo(&[
        "test",
        "--workspace",
        "--locked",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]);
    let messages = run::output(&mut command)?;
    Ok(messages.lines().filter_map(program).collect())
}

/// The program that a message of cargo's names, if it is a test.
fn program(message: &str) -> Option<Program> {
    let message: Value = serde_json::from_str(message).ok()?;
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
    if message.pointer("/profile/test") != Some(&Value::Bool(true)) {
        return None;
    }
    let package = Path::new(text("/manifest_path")?).parent()?;
    let source = Path::new(text("/target/src_path")?);
    Some(Program {
        crate_name: package_name(text("/package_id")?)?.to_owned(),
        name: text("/target/name")?.to_owned(),
        source: source
            .strip_prefix(package)
            .unwrap_or(source)
            .display()
            .to_string(),
        package: package.to_owned(),
        path: PathBuf::from(text("/executable")?),
    })
}

/// The name in a package id, such as `path+file:///w/crates/a#0.1.0` or
/// `path+file:///w/examples/app#a@0.1.0`.
fn package_name(id: &str) -> Option<&str> {
    let (path, rest) = id.split_once('#')?;
    match rest.split_once('@') {
        Some((name, _)) => Some(name),
        None => path.rsplit('/').next(),
    }
}

impl Job {
    fn title(&self) -> String {
        match self {
            Self::Program(program) => {
                let package = program.package.file_name().unwrap_or_default();
                format!("{}/{}", package.to_string_lossy(), program.source)
            }
            Self::Doc => "doc tests".to_owned(),
        }
    }

    fn command(&self, variables: &[(&str, String)]) -> Command {
        let mut command = match self {
            Self::Program(program) => {
                let mut command = Command::new(&program.path);
                command
                    .current_dir(&program.package)
                    .env("CARGO_MANIFEST_DIR", &program.package)
                    .env("KEYWARD_BUILT", "1")
                    .stdin(Stdio::null());
                command
            }
            Self::Doc => {
                run::cargo(&["test", "--workspace", "--locked", "--no-fail-fast", "--doc"])
            }
        };
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// What it counted. A test program counts in its last line; one that it starts, and whose
    /// output is among its own, does not count. The doc tests have several such lines.
    fn count(&self, said: &str) -> Option<Count> {
        let mut counts = said.lines().filter_map(Count::of);
        match self {
            Self::Program(_) => counts.next_back(),
            Self::Doc => counts.fold(None, |sum: Option<Count>, count| {
                let mut sum = sum.unwrap_or_default();
                sum.add(count);
                Some(sum)
            }),
        }
    }
}

/// Shows what a job said, in one piece, and takes its numbers.
fn report(job: &Job, outcome: std::io::Result<Output>, results: &mut Results) {
    let title = job.title();
    println!("\n     Running {title}");
    let output = match outcome {
        Ok(output) => output,
        Err(error) => {
            println!("{title} did not start: {error}");
            results.failed.push(title);
            return;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{}{said}", String::from_utf8_lossy(&output.stderr));
    let count = job.count(&said);
    results.count.add(count.unwrap_or_default());
    if !output.status.success() || count.is_none() {
        println!("{title} ended with {}", output.status);
        results.failed.push(title);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Count, Job, Program, program};

    const CHILD: &str =
        "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out";
    const LAST: &str = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured";

    fn named(name: &str) -> Program {
        Program {
            crate_name: "a".to_owned(),
            name: name.to_owned(),
            source: format!("tests/{name}.rs"),
            package: PathBuf::from("/w/crates/a"),
            path: PathBuf::from("/w/target/debug/deps/x-1"),
        }
    }

    #[test]
    fn a_program_counts_once_and_doc_tests_are_summed() {
        let said = format!("running 15 tests\n{CHILD}\nnoise\n{LAST}\n\n");
        let (passed, failed, ignored) = (12, 2, 1);
        let last = Count {
            passed,
            failed,
            ignored,
        };
        assert_eq!(Job::Program(named("x")).count(&said), Some(last));
        let passed = 13;
        assert_eq!(Job::Doc.count(&said), Some(Count { passed, ..last }));
        assert_eq!(Job::Doc.count("running"), None);
    }

    #[test]
    fn tests_are_told_from_what_else_was_built() {
        let message = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"path+file:///w/crates/a#0.1.0","manifest_path":"/w/crates/a/Cargo.toml","target":{{"name":"x","src_path":"/w/crates/a/tests/x.rs"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let path = r#""/w/target/debug/deps/x-1""#;
        assert_eq!(program(&message(true, path)), Some(named("x")));
        assert_eq!(program(&message(false, path)), None);
        assert_eq!(program(&message(true, "null")), None);
        assert_eq!(program(r#"{"reason":"build-finished"}"#), None);
    }
}
