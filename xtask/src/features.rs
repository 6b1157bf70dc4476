//! Each feature alone, none at all, and all together.

use crate::workspace::{self, Package};
use crate::{Outcome, run};

pub(crate) fn check() -> Outcome {
    run::shown(&mut run::cargo(&[
        "check",
        "--quiet",
        "--workspace",
        "--all-features",
    ]))?;
    for package in workspace::packages()? {
        if !package.features.is_empty() {
            alone(&package)?;
        }
    }
    Ok(())
}

fn alone(package: &Package) -> Outcome {
    let base = [
        "check",
        "--quiet",
        "-p",
        &package.name,
        "--no-default-features",
    ];
    println!("{}: no feature", package.name);
    run::shown(&mut run::cargo(&base))?;
    for feature in package.features.iter().filter(|f| *f != "default") {
        println!("{}: {feature}", package.name);
        run::shown(run::cargo(&base).args(["--features", feature]))?;
    }
    Ok(())
}
