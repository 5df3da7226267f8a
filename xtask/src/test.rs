//! `cargo xtask test`: everything that must hold before a change lands, and all that CI runs.

use crate::steps::{self, Steps};
use crate::{Failure, cargo, root, tidy};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// Components of the toolchain that the steps below call, each with the cargo command that shows it is there.
const COMPONENTS: &[(&str, &str)] = &[("rustfmt", "fmt"), ("clippy", "clippy")];

/// The tests that are run once more with full optimisation, which must not change what happens in a run.
const IN_RELEASE: [&str; 7] =
    ["test", "--release", "--locked", "--package", "seaworthy-sim", "--tests", "determinism::"];

/// Runs the whole suite; further arguments go to `cargo test`.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let mut steps = Steps::default();
    let mut summary = Summary::default();
    let outcome = steps
        .step("tools", install_components)
        .and_then(|()| steps.step("format", || format(cargo_here(&["fmt", "--all", "--check"]))))
        .and_then(|()| steps.step("tidy", || tidy::run(&[])))
        .and_then(|()| steps.step("lints", lints))
        .and_then(|()| steps.step("documentation", documentation))
        .and_then(|()| steps.step("tests", || tests(&all_tests(arguments), &mut summary)))
        .and_then(|()| {
            // These tests were counted above: the sum tells how many there are, not how often they ran.
            steps.step("determinism in release builds", || tests(&IN_RELEASE, &mut Summary::default()))
        });
    summary.print();
    steps.print_times();
    outcome
}

fn cargo_here(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo());
    command.current_dir(root()).args(arguments);
    command
}

fn install_components() -> Result<(), Failure> {
    for (component, subcommand) in COMPONENTS {
        let present =
            cargo_here(&[subcommand, "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        if present.is_ok_and(|status| status.success()) {
            println!("    {component} is there");
            continue;
        }
        let mend = format!("install the component {component} of your Rust toolchain");
        steps::run(Command::new("rustup").args(["component", "add", component]), &mend)?;
    }
    Ok(())
}

fn format(mut command: Command) -> Result<(), Failure> {
    steps::run(&mut command, "cargo fmt --all")
}

fn lints() -> Result<(), Failure> {
    let mut command =
        cargo_here(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]);
    steps::run(
        &mut command,
        "read the lints above; `cargo clippy --fix --workspace --all-targets` mends the simple ones",
    )
}

/// Builds the documentation of every crate, so that no link in it leads nowhere.
fn documentation() -> Result<(), Failure> {
    let mut command = cargo_here(&["doc", "--workspace", "--no-deps", "--locked"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    steps::run(&mut command, "mend the links named above")
}

fn all_tests(arguments: &[String]) -> Vec<&str> {
    let mut all = vec!["test", "--workspace", "--locked", "--no-fail-fast"];
    all.extend(arguments.iter().map(String::as_str));
    all
}

/// Runs tests, passing their output on as it comes and counting what the runners report.
fn tests(arguments: &[&str], summary: &mut Summary) -> Result<(), Failure> {
    let mut command = cargo_here(arguments);
    command.stdout(Stdio::piped());
    let shown = steps::show(&command);
    println!("    {shown}");
    let failed = |error: &std::io::Error| Failure::new(format!("`{shown}` could not be run: {error}"), "");
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    let output = child.stdout.take().expect("the output was asked for as a pipe");
    let mut terminal = std::io::stdout().lock();
    for line in BufReader::new(output).split(b'\n') {
        let line = line.map_err(|error| failed(&error))?;
        let line = String::from_utf8_lossy(&line);
        summary.read(&line);
        writeln!(terminal, "{line}").map_err(|error| failed(&error))?;
    }
    drop(terminal);
    let status = child.wait().map_err(|error| failed(&error))?;
    if !status.success() {
        return Err(Failure::new(
            "some tests failed; they are named above",
            "cargo test -p CRATE NAME runs one of them",
        ));
    }
    if summary.passed == 0 {
        return Err(Failure::new("not one test ran", "give a filter that some test matches"));
    }
    Ok(())
}

/// What the test runners reported, summed over all of them.
#[derive(Default, Debug, PartialEq)]
struct Summary {
    suites: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
    filtered: u64,
    failures: Vec<String>,
}

impl Summary {
    /// Reads one line of a runner's output.
    fn read(&mut self, line: &str) {
        if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.failures.push(name.to_owned());
        }
        let Some(counts) = line.strip_prefix("test result: ") else { return };
        self.suites += 1;
        for part in counts.split(['.', ';']) {
            let Some((number, word)) = part.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                "filtered out" => self.filtered += number,
                _ => {}
            }
        }
    }

    /// Prints the sum in the words of the runner, so that who reads only the end of a log knows how it went.
    fn print(&self) {
        if self.suites == 0 {
            return;
        }
        println!();
        for name in &self.failures {
            println!("failed: {name}");
        }
        let word = if self.failed == 0 { "ok" } else { "FAILED" };
        println!(
            "test result: {word}. {} passed; {} failed; {} ignored; {} filtered out; {} suites",
            self.passed, self.failed, self.ignored, self.filtered, self.suites
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_what_the_runners_report() {
        let mut summary = Summary::default();
        for line in [
            "running 2 tests",
            "test a::b ... ok",
            "test a::c ... FAILED",
            "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.21s",
            "test result: ok. 40 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 11.05s",
        ] {
            summary.read(line);
        }
        let expected = Summary {
            suites: 2,
            passed: 41,
            failed: 1,
            ignored: 2,
            filtered: 3,
            failures: vec!["a::c".into()],
        };
        assert_eq!(summary, expected);
    }
}
