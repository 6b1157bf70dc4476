//! The layer rule: a crate imports only what stands on a lower number. `docs/architecture.md`
//! says what each layer is.

use crate::Outcome;
use crate::workspace::{self, Package};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    /// May import lower numbers. In tenths: 25 is layer 2.5.
    At(u8),
    /// Not published: may import anything, and is imported by tests only.
    Tool,
}

const LAYERS: [(&str, Layer); 26] = [
    ("keyward-base", Layer::At(0)),
    ("keyward-crypto", Layer::At(10)),
    ("keyward-files", Layer::At(10)),
    ("keyward-redact", Layer::At(10)),
    ("keyward-store", Layer::At(10)),
    ("keyward-find", Layer::At(20)),
    ("keyward-keys", Layer::At(20)),
    ("keyward-sqlite", Layer::At(20)),
    ("keyward-audit", Layer::At(25)),
    ("keyward-approval", Layer::At(30)),
    ("keyward-password", Layer::At(30)),
    ("keyward-session", Layer::At(30)),
    ("keyward-vault", Layer::At(30)),
    ("keyward-webhook", Layer::At(30)),
    ("keyward-http", Layer::At(35)),
    ("keyward-axum", Layer::At(40)),
    ("keyward-embedded", Layer::At(40)),
    ("keyward", Layer::At(50)),
    ("deploydesk", Layer::At(60)),
    ("keyward-cli", Layer::At(60)),
    ("keyward-benches", Layer::Tool),
    ("keyward-coredump", Layer::Tool),
    ("keyward-examples", Layer::Tool),
    ("keyward-fuzz-targets", Layer::Tool),
    ("keyward-testkit", Layer::Tool),
    ("xtask", Layer::Tool),
];

fn layer(name: &str) -> Option<Layer> {
    let found = LAYERS.iter().find(|(known, _)| *known == name);
    found.map(|(_, layer)| *layer)
}

/// Whether a package is part of what users run: not one of the tools.
pub(crate) fn is_shipped(name: &str) -> bool {
    matches!(layer(name), Some(Layer::At(_)))
}

pub(crate) fn check() -> Outcome {
    let packages = workspace::packages()?;
    let wrong: Vec<String> = packages
        .iter()
        .flat_map(|package| faults(package, &packages))
        .collect();
    if wrong.is_empty() {
        println!("{} packages keep to their layers", packages.len());
        return Ok(());
    }
    Err(wrong.join("\n"))
}

fn faults(package: &Package, packages: &[Package]) -> Vec<String> {
    let Some(own) = layer(&package.name) else {
        return vec![format!(
            "{} has no layer: add it to xtask/src/layers.rs",
            package.name
        )];
    };
    let ours = |name: &str| packages.iter().any(|p| p.name == name);
    let dependencies = package.dependencies.iter().filter(|d| ours(&d.name));
    dependencies
        .filter(|dependency| !allowed(own, layer(&dependency.name), dependency.is_dev))
        .map(|dependency| {
            let how = if dependency.is_dev {
                "in its tests "
            } else {
                ""
            };
            format!("{} may not {how}import {}", package.name, dependency.name)
        })
        .collect()
}

/// Tests may also import siblings, which stand in for "any store", and the test helpers.
fn allowed(own: Layer, other: Option<Layer>, is_dev: bool) -> bool {
    match (own, other) {
        (Layer::Tool, Some(_)) => true,
        (Layer::At(own), Some(Layer::At(other))) => other < own || (is_dev && other == own),
        (Layer::At(_), Some(Layer::Tool)) => is_dev,
        (_, None) => false,
    }
}

/// Directory name = package name, but for the folders below, which are named for what they hold.
pub(crate) fn names() -> Outcome {
    const ELSEWHERE: [(&str, &str); 4] = [
        ("keyward-benches", "benches"),
        ("keyward-examples", "examples"),
        ("keyward-fuzz-targets", "targets"),
        ("deploydesk", "app"),
    ];
    for package in workspace::packages()? {
        let folder = package.folder.file_name().and_then(|name| name.to_str());
        let expected = ELSEWHERE
            .iter()
            .find(|(name, _)| *name == package.name)
            .map_or(package.name.as_str(), |(_, folder)| folder);
        if folder != Some(expected) {
            return Err(format!(
                "{} lies in {}, not in a folder named {expected}",
                package.name,
                package.folder.display()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Layer, allowed, layer};

    #[test]
    fn a_layer_imports_lower_numbers_only() {
        assert!(allowed(Layer::At(20), Some(Layer::At(10)), false));
        assert!(!allowed(Layer::At(20), Some(Layer::At(20)), false));
        assert!(!allowed(Layer::At(10), Some(Layer::At(20)), true));
    }

    #[test]
    fn tests_may_import_siblings_and_tools() {
        assert!(allowed(Layer::At(20), Some(Layer::At(20)), true));
        assert!(allowed(Layer::At(20), layer("keyward-testkit"), true));
        assert!(!allowed(Layer::At(20), layer("keyward-testkit"), false));
    }

    #[test]
    fn an_unlisted_crate_is_refused() {
        assert!(!allowed(Layer::At(60), layer("keyward-unheard-of"), true));
    }
}
