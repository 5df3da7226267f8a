//! The workshop's own commands: `cargo xtask COMMAND`.
//!
//! Each command is one module and one row of [`COMMANDS`]. The workshop builds, checks and measures the product; it
//! must never become part of it, so nothing under `crates/` depends on it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "these are commands: they talk to the terminal"
)]

mod bench;
mod codegen;
mod steps;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

/// One command of the workshop.
struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<(), Failure>,
}

/// What made a command fail, and what a person should do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What went wrong, in one sentence.
    pub says: String,
    /// The command or the edit that mends it; empty where the output above already says so.
    pub mend: String,
}

impl Failure {
    /// Says what went wrong and how to mend it.
    pub(crate) fn new(says: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { says: says.into(), mend: mend.into() }
    }
}

/// Every command, in the order in which the help shows them.
const COMMANDS: &[Command] = &[
    Command { name: "test", about: "format, lints, tidy and all tests: what CI runs", run: test::run },
    Command {
        name: "tidy",
        about: "the rules of the house that no compiler knows (docs/HACKING.md)",
        run: tidy::run,
    },
    Command {
        name: "codegen",
        about: "the tables of crates/schema, made anew from upstream (needs Go)",
        run: codegen,
    },
    Command { name: "bench", about: "all benches, or those of the crates named", run: bench::run },
    Command {
        name: "bench-sim",
        about: "the kernel beside turmoil and madsim: one table",
        run: bench::run_sim,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        print_help();
        return ExitCode::from(2);
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print_help();
        return ExitCode::SUCCESS;
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("xtask: there is no command {name:?}");
        print_help();
        return ExitCode::from(2);
    };
    match (command.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask {name}: {}", failure.says);
            if !failure.mend.is_empty() {
                eprintln!("  to mend it: {}", failure.mend);
            }
            ExitCode::FAILURE
        }
    }
}

fn codegen(arguments: &[String]) -> Result<(), Failure> {
    let said = codegen::run(&root(), arguments).map_err(|error| Failure::new(error, ""))?;
    print!("{said}");
    Ok(())
}

fn print_help() {
    println!("usage: cargo xtask COMMAND\n");
    for command in COMMANDS {
        println!("  {:8} {}", command.name, command.about);
    }
}

/// Gives the root of the working tree this binary was built from.
pub(crate) fn root() -> PathBuf {
    let own = PathBuf::from(
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()),
    );
    own.parent().map_or(own.clone(), PathBuf::from)
}

/// Gives the cargo that started this process, or the one on the path.
pub(crate) fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
