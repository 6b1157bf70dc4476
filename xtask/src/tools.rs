//! What the commands need beside Rust and a C compiler: found, installed, or named.

use std::path::{Path, PathBuf};

use crate::{Outcome, run, workspace};

/// A program from the system's package manager that tests use.
#[derive(Debug)]
pub(crate) struct SystemTool {
    /// The program, and the name that `--without` takes.
    pub(crate) name: &'static str,
    packages: &'static [&'static str],
    /// What must lie there beside the program.
    files: Option<&'static str>,
    why: &'static str,
    /// Whether the tests that need it know how to be left out.
    pub(crate) is_optional: bool,
}

/// What the tests need.
pub(crate) const SYSTEM: [SystemTool; 9] = [
    SystemTool {
        name: "ssh-keygen",
        packages: &["openssh-client"],
        files: None,
        why: "real SSH keys, and the fingerprints they are compared with",
        is_optional: false,
    },
    SystemTool {
        name: "gcore",
        packages: &["gdb"],
        files: None,
        why: "the core dumps that are searched for secrets",
        is_optional: true,
    },
    SystemTool {
        name: "strace",
        packages: &["strace"],
        files: None,
        why: "kills at each system call, and the order of writes and syncs",
        is_optional: true,
    },
    SystemTool {
        name: PYTHON,
        packages: &["python3-venv"],
        files: None,
        why: "the second implementation of the formats",
        is_optional: true,
    },
    SystemTool {
        name: "chromium",
        packages: &["chromium"],
        files: None,
        why: "what a browser makes of cookies, forms and content policies; some 400 MB",
        is_optional: true,
    },
    SystemTool {
        name: "nginx",
        packages: &["nginx-light"],
        files: None,
        why: "what a real proxy sends on of a client's headers",
        is_optional: true,
    },
    SystemTool {
        name: "haproxy",
        packages: &["haproxy"],
        files: None,
        why: "what a real proxy sends on of a client's headers",
        is_optional: true,
    },
    SystemTool {
        name: "caddy",
        packages: &["caddy"],
        files: None,
        why: "what a real proxy sends on of a client's headers",
        is_optional: true,
    },
    SystemTool {
        name: "go",
        packages: &["golang-go", "golang-golang-x-mod-dev"],
        files: Some("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog"),
        why: "what Go's sumdb/note and sumdb/tlog say of the record's proofs; some 450 MB",
        is_optional: true,
    },
];

/// What tests do that takes rights a user may not have: give files to another user, and mount a
/// file system. They fail without, and say so.
pub(crate) const RIGHTS: [&str; 2] = ["owners", "mounts"];

/// Python, as `--without` names it.
pub(crate) const PYTHON: &str = "python3";

/// What the second implementation takes its ciphers from.
const CRYPTOGRAPHY: &str = "48.0.0";

/// Sees to it that `target/tools/python` has what the second implementation needs.
pub(crate) fn python() -> Outcome {
    let folder = workspace::target().join("tools/python");
    let folder = std::path::absolute(folder).map_err(|e| e.to_string())?;
    let python = folder.join("bin").join(PYTHON);
    let asked = "import cryptography; print(cryptography.__version__)";
    let said = python.is_file().then(|| {
        let mut command = run::command(&python, &["-c", asked]);
        run::output(&mut command).unwrap_or_default()
    });
    if said.is_some_and(|version| version.trim() == CRYPTOGRAPHY) {
        return Ok(());
    }
    println!(
        "installing cryptography {CRYPTOGRAPHY} for Python into {}",
        folder.display()
    );
    let left_out = |e| format!("{e}\nor leave its tests out with --without {PYTHON}");
    run::shown(run::command(PYTHON, &["-m", "venv", "--clear"]).arg(&folder)).map_err(|e| {
        left_out(format!(
            "{e}\nPython's venv is missing: install python3-venv"
        ))
    })?;
    let package = format!("cryptography=={CRYPTOGRAPHY}");
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        &package,
    ];
    run::shown(&mut run::command(&python, &install)).map_err(|e| {
        format!(
            "{e}
or leave its tests out with --without {PYTHON}"
        )
    })
}

/// What the loaders of dotenv files run on.
pub(crate) const LOADER_NODE: SystemTool = loader("node", &["nodejs"]);
pub(crate) const LOADER_NPM: SystemTool = loader("npm", &["npm"]);
pub(crate) const LOADER_PYTHON: SystemTool = loader("python3", &["python3-pip"]);

const fn loader(name: &'static str, packages: &'static [&'static str]) -> SystemTool {
    SystemTool {
        name,
        packages,
        files: None,
        why: "the loaders of dotenv files, left out with --without dotenv-loaders",
        is_optional: false,
    }
}

impl SystemTool {
    /// Installs the tool if it is missing, and says so.
    pub(crate) fn provide(&self) -> Outcome {
        if self.is_there() {
            return Ok(());
        }
        let Self {
            name,
            packages,
            why,
            ..
        } = self;
        let listed = packages.join(" ");
        let mut missing = format!("{name} is missing (for {why}): install {listed}");
        if self.is_optional {
            missing.push_str(&format!(", or leave its tests out with --without {name}"));
        }
        if !(run::is_installed("apt-get") && is_root()) {
            return Err(missing);
        }
        println!("installing {listed}, for {why}");
        let apt = |args: &[&str]| {
            run::shown(run::command("apt-get", args).env("DEBIAN_FRONTEND", "noninteractive"))
        };
        let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
        install.extend(*packages);
        apt(&install)
            .or_else(|_| apt(&["update", "-qq"]).and_then(|()| apt(&install)))
            .map_err(|e| format!("{e}\n{missing}"))
    }

    fn is_there(&self) -> bool {
        run::is_installed(self.name) && self.files.is_none_or(|files| Path::new(files).exists())
    }
}

fn is_root() -> bool {
    run::output(&mut run::command("id", &["-u"])).is_ok_and(|id| id.trim() == "0")
}

/// A cargo tool, pinned.
#[derive(Debug)]
pub(crate) struct CargoTool {
    pub(crate) name: &'static str,
    version: &'static str,
}

pub(crate) const DENY: CargoTool = CargoTool {
    name: "cargo-deny",
    version: "0.20.2",
};

pub(crate) const FUZZ: CargoTool = CargoTool {
    name: "cargo-fuzz",
    version: "0.13.2",
};

pub(crate) const MUTANTS: CargoTool = CargoTool {
    name: "cargo-mutants",
    version: "27.1.0",
};

impl CargoTool {
    /// The tool's path, built into `target/tools` where it is missing, with little optimisation:
    /// to build it takes longer than all it does.
    pub(crate) fn provide(&self) -> Outcome<PathBuf> {
        let Self { name, version } = self;
        let folder = workspace::target().join("tools");
        let folder = std::path::absolute(folder).map_err(|e| e.to_string())?;
        let path = folder.join("bin").join(name);
        if self.is_there(&path) {
            return Ok(path);
        }
        println!(
            "installing {name} {version} into {} (some minutes)",
            folder.display()
        );
        let install = [
            "install",
            "--quiet",
            "--locked",
            "--debug",
            name,
            "--version",
            version,
            "--root",
        ];
        run::shown(
            run::cargo(&install)
                .arg(&folder)
                .env("CARGO_TARGET_DIR", folder.join("build"))
                .env("CARGO_PROFILE_DEV_DEBUG", "0")
                .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1"),
        )
        .map_err(|e| format!("{e}\n{name} {version} could not be built"))?;
        Ok(path)
    }

    /// Cargo's own list of what it installed there tells the version.
    fn is_there(&self, path: &Path) -> bool {
        let Some(folder) = path.parent().and_then(Path::parent) else {
            return false;
        };
        let listed = std::fs::read_to_string(folder.join(".crates.toml")).unwrap_or_default();
        path.is_file() && listed.contains(&format!("\"{} {} ", self.name, self.version))
    }
}
