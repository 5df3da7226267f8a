//! Steps of a longer command: a header before each, its duration after it, and a stop at the first failure.

use crate::Failure;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs steps one after another and remembers how long each took.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// Runs one step under a header.
    pub(crate) fn step(
        &mut self,
        title: &'static str,
        work: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        println!("\n==> {title}");
        let started = Instant::now();
        let outcome = work();
        let took = started.elapsed();
        self.done.push((title, took));
        let word = if outcome.is_ok() { "done" } else { "FAILED" };
        println!("<== {title}: {word} in {:.1} s", took.as_secs_f64());
        outcome
    }

    /// Prints the time of every step and their sum.
    pub(crate) fn print_times(&self) {
        println!();
        for (title, took) in &self.done {
            println!("{:>8.1} s  {title}", took.as_secs_f64());
        }
        let total: Duration = self.done.iter().map(|(_, took)| *took).sum();
        println!("{:>8.1} s  in all", total.as_secs_f64());
    }
}

/// Runs a program with its output on the terminal; on failure says what to do about it.
pub(crate) fn run(command: &mut Command, mend: &str) -> Result<(), Failure> {
    let shown = show(command);
    println!("    {shown}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("`{shown}` ended with {status}"), mend)),
        Err(error) => Err(Failure::new(format!("`{shown}` could not be started: {error}"), mend)),
    }
}

/// Runs a program and gives what it wrote to its standard output.
pub(crate) fn capture(command: &mut Command) -> Result<String, Failure> {
    let shown = show(command);
    let output = command
        .output()
        .map_err(|error| Failure::new(format!("`{shown}` could not be started: {error}"), ""))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(format!("`{shown}` ended with {}: {}", output.status, stderr.trim()), ""));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::new(format!("`{shown}` wrote something that is no UTF-8"), ""))
}

/// Gives a command as a person would type it.
pub(crate) fn show(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    words.join(" ")
}
