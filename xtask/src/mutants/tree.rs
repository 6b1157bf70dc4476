//! A commit, laid out in a folder of its own, and the prints of its packages.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::{Outcome, layers, run, workspace};

#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    /// The first digits of the commit's id.
    pub(super) commit: String,
}

/// A package whose mutants are tested.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    /// Names the code that its tests depend on: a result belongs to a print.
    pub(super) print: String,
}

impl Tree {
    /// Brings `folder/tree` to `commit`. Files that did not change keep their times, so that the
    /// next build is a short one; what a killed run left mutated is put back.
    pub(crate) fn lay(folder: &Path, commit: &str) -> Outcome<Self> {
        let rev = format!("{commit}^{{commit}}");
        let id = run::output(&mut run::command("git", &["rev-parse", "--verify", &rev]))?;
        let id = id.trim().to_owned();
        let root = folder.join("tree");
        if !root.join(".git").exists() {
            let mut clone = run::command("git", &["clone", "--quiet", "--shared", "--no-checkout"]);
            run::shown(clone.arg(workspace::root()).arg(&root))?;
        }
        let git = |args: &[&str]| run::shown(run::command("git", args).current_dir(&root));
        git(&["checkout", "--quiet", "--force", "--detach", &id])?;
        git(&["clean", "--quiet", "--force", "-d"])?;
        let commit = id.get(..12).unwrap_or(&id).to_owned();
        Ok(Self { root, commit })
    }

    /// The packages that others may depend on; of them, those of `names`, if there are any.
    pub(super) fn packages(&self, names: &[String]) -> Outcome<Vec<Package>> {
        let all = workspace::packages_of(&self.root)?;
        let tested = |name: &str| layers::is_shipped(name);
        if let Some(name) = names.iter().find(|name| !tested(name)) {
            return Err(format!("{name} is no package whose mutants are tested"));
        }
        let wanted =
            |name: &str| tested(name) && (names.is_empty() || names.iter().any(|n| n == name));
        let wanted = all.iter().filter(|package| wanted(&package.name));
        wanted
            .map(|package| {
                Ok(Package {
                    name: package.name.clone(),
                    print: self.print(&package.name, &all)?,
                })
            })
            .collect()
    }

    /// One id for the code of `name`, of all packages of the workspace it depends on, and for the
    /// versions of all others.
    fn print(&self, name: &str, all: &[workspace::Package]) -> Outcome<String> {
        let mut paths = vec!["Cargo.toml".to_owned(), "Cargo.lock".to_owned()];
        for package in all
            .iter()
            .filter(|p| closure(name, all).contains(p.name.as_str()))
        {
            let folder = package
                .folder
                .strip_prefix(&self.root)
                .unwrap_or(&package.folder);
            paths.push(folder.display().to_string());
        }
        let revs: Vec<String> = paths.iter().map(|path| format!("HEAD:{path}")).collect();
        let mut command = run::command("git", &["rev-parse"]);
        let ids = run::output(command.args(revs).current_dir(&self.root))?;
        Ok(joined(&ids))
    }
}

/// `name` and every package of the workspace that it needs, its tests included.
fn closure<'a>(name: &'a str, all: &'a [workspace::Package]) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open = vec![name];
    while let Some(next) = open.pop() {
        let package = all.iter().find(|package| package.name == next);
        if let Some(package) = package.filter(|_| found.insert(next)) {
            open.extend(package.dependencies.iter().map(|d| d.name.as_str()));
        }
    }
    found
}

/// The first 12 digits of each id: enough to tell the trees of one repository apart.
fn joined(ids: &str) -> String {
    let short: Vec<&str> = ids.lines().map(|id| id.get(..12).unwrap_or(id)).collect();
    short.join("-")
}

#[cfg(test)]
mod tests {
    use super::closure;
    use crate::workspace::{Dependency, Package};

    fn package(name: &str, needs: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            folder: name.into(),
            features: Vec::new(),
            has_benches: false,
            dependencies: needs
                .iter()
                .map(|name| Dependency {
                    name: (*name).to_owned(),
                    is_dev: false,
                })
                .collect(),
        }
    }

    #[test]
    fn a_print_covers_all_that_a_package_needs() {
        let all = [
            package("base", &[]),
            package("crypto", &["base", "ring"]),
            package("keys", &["crypto"]),
            package("axum", &["base"]),
        ];
        let names: Vec<&str> = closure("keys", &all).into_iter().collect();
        assert_eq!(names, ["base", "crypto", "keys"]);
    }
}
