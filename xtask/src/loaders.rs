//! The loaders of dotenv files, which the vault's reading of them is compared with.

use std::path::PathBuf;

use crate::{Outcome, run, tools, workspace};

/// The name that `--without` takes.
pub(crate) const NAME: &str = "dotenv-loaders";

const NPM: &str = "dotenv@18.0.10";
const PYTHON: &str = "python-dotenv==1.2.4";

/// Installs both loaders under `target/tools/loaders` where they are missing, says so, and
/// returns the folder.
pub(crate) fn provide() -> Outcome<PathBuf> {
    let folder = workspace::target().join("tools/loaders");
    let folder = std::path::absolute(folder).map_err(|e| e.to_string())?;
    let mark = folder.join("installed");
    let wanted = format!("{NPM} {PYTHON}\n");
    let is_there = std::fs::read_to_string(&mark).is_ok_and(|found| found == wanted);
    for tool in [tools::LOADER_NODE, tools::LOADER_PYTHON] {
        tool.provide()?;
    }
    if is_there {
        return Ok(folder);
    }
    tools::LOADER_NPM.provide()?;
    println!("installing {NPM} and {PYTHON} into {}", folder.display());
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let missing = |e: String| {
        format!(
            "{e}\n{NPM} and {PYTHON} could not be installed: see that npm and pip reach their registries, or leave their tests out with --without {NAME}"
        )
    };
    let npm = [
        "install",
        "--silent",
        "--no-save",
        "--no-audit",
        "--no-fund",
        NPM,
        "--prefix",
    ];
    run::shown(run::command("npm", &npm).arg(&folder)).map_err(missing)?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--upgrade",
        PYTHON,
        "--target",
    ];
    run::shown(run::command("python3", &pip).arg(folder.join("python"))).map_err(missing)?;
    std::fs::write(mark, wanted).map_err(|e| e.to_string())?;
    Ok(folder)
}
