//! `cargo xtask guards`: takes each guard of the reference service out in turn, and sees whether the
//! table of its routes notices.
//!
//! What is taken out stands in `examples/app/tests/guards.tsv`: a name, a file, a text that is in it
//! once, and what stands there instead. The code is a commit, laid out in a folder of its own, with
//! build results of its own, so that the work tree is not touched.

use std::fs;
use std::path::Path;

use crate::mutants::tree::Tree;
use crate::{Outcome, run, workspace};

/// The test that asks all of the table. Another of its file looks for the guards' texts, and would notice
/// each that is taken out, whatever the table does.
const ASKS: &str = "each_route_answers_each_as_the_table_says";

const TABLE: &str = "examples/app/tests/guards.tsv";

/// A guard, and how it is taken out.
#[derive(Debug)]
struct Guard {
    name: String,
    file: String,
    text: String,
    instead: String,
}

pub(crate) fn run(args: &[String]) -> Outcome {
    let mut commit = "HEAD".to_owned();
    let mut names = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--at" => commit = args.next().cloned().ok_or("--at needs a value")?,
            name => names.push(name.to_owned()),
        }
    }
    let folder = std::path::absolute(workspace::target().join("guards"));
    let folder = folder.map_err(|e| e.to_string())?;
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let tree = Tree::lay(&folder, &commit)?;
    let guards = guards(&tree.root)?;
    if let Some(name) = names
        .iter()
        .find(|name| guards.iter().all(|g| g.name != **name))
    {
        return Err(format!("{TABLE} has no guard {name}"));
    }
    if !passes(&tree.root, &folder, true)? {
        return Err("the table does not hold with all guards in their place".to_owned());
    }
    let wanted = |guard: &&Guard| names.is_empty() || names.contains(&guard.name);
    let mut unseen = Vec::new();
    for guard in guards.iter().filter(wanted) {
        match seen(guard, &tree.root, &folder)? {
            true => println!("{}: seen", guard.name),
            false => {
                println!("{}: NOT SEEN", guard.name);
                unseen.push(guard.name.as_str());
            }
        }
    }
    match unseen.as_slice() {
        [] => Ok(()),
        unseen => Err(format!(
            "the table does not notice without: {}",
            unseen.join(", ")
        )),
    }
}

/// The rows of the table.
fn guards(root: &Path) -> Outcome<Vec<Guard>> {
    let path = root.join(TABLE);
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let row = |line: &str| {
        let [name, file, text, instead] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("{TABLE}: four cells: {line}"));
        };
        let lines = |cell: &str| cell.replace("\\n", "\n");
        Ok(Guard {
            name: name.to_owned(),
            file: file.to_owned(),
            text: lines(text),
            instead: lines(instead),
        })
    };
    lines.map(row).collect()
}

/// Whether the tests fail without it. What does not compile proves nothing.
fn seen(guard: &Guard, root: &Path, folder: &Path) -> Outcome<bool> {
    let path = root.join(&guard.file);
    let whole = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    if whole.matches(&guard.text).count() != 1 {
        return Err(format!(
            "{}: its text is not once in {}",
            guard.name, guard.file
        ));
    }
    let without = whole.replace(&guard.text, &guard.instead);
    let put = |text: &str| fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()));
    put(&without)?;
    let passes = passes(root, folder, false);
    put(&whole)?;
    Ok(!passes?)
}

/// Whether the test of the table passes. One that does not run is no pass.
fn passes(root: &Path, folder: &Path, shown: bool) -> Outcome<bool> {
    let args = ["test", "--locked", "-p", "deploydesk", "--test", "routes"];
    let command = |more: &[&str]| {
        let mut command = run::cargo(&args);
        command.args(more).current_dir(root);
        command.env("CARGO_TARGET_DIR", folder.join("target"));
        command.env("RUST_BACKTRACE", "0");
        command
    };
    run::shown(&mut command(&["--no-run", "--quiet"]))?;
    let out = command(&["--", "--exact", ASKS]).output();
    let out = out.map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&out.stdout);
    if !said.contains(&format!("test {ASKS} ... ")) {
        return Err(format!("{ASKS} did not run"));
    }
    if shown && !out.status.success() {
        print!("{said}");
    }
    Ok(out.status.success())
}
