//! `cargo xtask fuzz`, and whether there are seeds to begin with.

use crate::{Outcome, run, tools, workspace};

pub(crate) fn run(args: &[String]) -> Outcome {
    let Some(target) = args.first() else {
        println!("targets: {}", targets()?.join(" "));
        return Ok(());
    };
    let seconds = args.get(1).map_or("60", String::as_str);
    if seconds.parse::<u32>().is_err() {
        return Err(format!("{seconds} is no number of seconds"));
    }
    if !targets()?.contains(target) {
        return Err(format!("no target {target}: {}", targets()?.join(" ")));
    }
    let toolchains = run::output(&mut run::command("rustup", &["toolchain", "list"]))?;
    if !toolchains.contains("nightly") {
        return Err("fuzzing needs the nightly toolchain: rustup toolchain install nightly".into());
    }
    let tool = tools::FUZZ.provide()?;
    run::shown(
        run::command(tool, &["run", target, "--"])
            .env("RUSTUP_TOOLCHAIN", "nightly")
            .arg(format!("-max_total_time={seconds}"))
            .arg("-print_final_stats=1"),
    )
}

/// The names of the targets: one file each.
fn targets() -> Outcome<Vec<String>> {
    let folder = workspace::root().join("fuzz/fuzz_targets");
    let listing = std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut names: Vec<String> = listing
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// That every target has seeds. The test `replay` of the targets runs each over its own.
pub(crate) fn seeds() -> Outcome {
    for target in targets()? {
        let corpus = workspace::root().join("fuzz/corpus").join(&target);
        if std::fs::read_dir(&corpus).map_or(0, Iterator::count) == 0 {
            return Err(format!("{} holds no seeds", corpus.display()));
        }
    }
    Ok(())
}
