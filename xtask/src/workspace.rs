//! What cargo knows of the workspace.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Outcome, run};

/// The workspace's root folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The folder of build results.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// One package of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) features: Vec<String>,
    pub(crate) has_benches: bool,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One dependency that a package names.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) is_dev: bool,
}

/// All packages of the workspace, by name.
pub(crate) fn packages() -> Outcome<Vec<Package>> {
    packages_of(&root())
}

/// All packages of the workspace at `root`, by name.
pub(crate) fn packages_of(root: &Path) -> Outcome<Vec<Package>> {
    let mut command = run::cargo(&["metadata", "--no-deps", "--locked", "--format-version=1"]);
    let json = run::output(command.current_dir(root))?;
    let metadata: Value = serde_json::from_str(&json).map_err(|e| e.to_string())?;
    let mut packages: Vec<Package> = each(&metadata, "packages").map(package).collect();
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    if packages.is_empty() {
        return Err("cargo metadata names no package".to_owned());
    }
    Ok(packages)
}

fn package(value: &Value) -> Package {
    let manifest = PathBuf::from(text(value, "manifest_path"));
    let features = value.get("features").and_then(Value::as_object);
    Package {
        name: text(value, "name"),
        folder: manifest.parent().map(Path::to_owned).unwrap_or_default(),
        features: features
            .map(|f| f.keys().cloned().collect())
            .unwrap_or_default(),
        has_benches: each(value, "targets")
            .any(|target| each(target, "kind").any(|kind| kind == "bench")),
        dependencies: each(value, "dependencies")
            .map(|dependency| Dependency {
                name: text(dependency, "name"),
                is_dev: text(dependency, "kind") == "dev",
            })
            .collect(),
    }
}

fn each<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text(value: &Value, key: &str) -> String {
    let found = value.get(key).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}

/// The paths of all tracked files, from the root.
pub(crate) fn tracked() -> Outcome<Vec<PathBuf>> {
    let listing = run::output(&mut run::command("git", &["ls-files", "-z"]))?;
    Ok(listing
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .collect())
}
