//! `cargo xtask bench [CRATE..]`: the benches of the crates named, or of every crate that has some.

use crate::{Failure, cargo, root, steps};
use std::path::Path;
use std::process::Command;

/// Runs benches crate by crate, so that the output says whose figures follow.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let crates = crates_with_benches(&root())?;
    if let Some(unknown) = arguments.iter().find(|name| !crates.contains(name)) {
        return Err(Failure::new(
            format!("the crate {unknown:?} has no benches"),
            format!("name one of: {}", crates.join(", ")),
        ));
    }
    let chosen = if arguments.is_empty() { crates.as_slice() } else { arguments };
    for name in chosen {
        println!("\n==> benches of {name}");
        let package = format!("seaworthy-{name}");
        let mut command = Command::new(cargo());
        command.current_dir(root()).args(["bench", "--locked", "--benches", "--package", &package]);
        steps::run(&mut command, "")?;
    }
    Ok(())
}

/// Measures the deterministic kernel beside other simulators. They are a workspace of their own, because what they
/// depend on must not reach the product's lock file.
pub(crate) fn run_sim(_arguments: &[String]) -> Result<(), Failure> {
    let mut command = Command::new(cargo());
    command.current_dir(root()).args([
        "run",
        "--release",
        "--locked",
        "--manifest-path",
        "bench/sim/Cargo.toml",
    ]);
    steps::run(&mut command, "")
}

/// Gives the folders under `crates/` that have a folder `benches/`, sorted.
fn crates_with_benches(root: &Path) -> Result<Vec<String>, Failure> {
    let unreadable = |error| Failure::new(format!("crates/ could not be read: {error}"), "");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root.join("crates")).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.path().join("benches").is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_only_crates_with_benches() {
        for name in crates_with_benches(&root()).expect("the tree is readable") {
            assert!(root().join("crates").join(&name).join("benches").is_dir(), "{name}");
        }
        let failure = run(&["no-such-crate".into()]).expect_err("there is no such crate");
        assert!(failure.says.contains("no-such-crate"), "{failure:?}");
    }
}
