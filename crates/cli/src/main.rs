//! The `seaworthy` binary: the only place that prints, reads the environment and ends the process.
//!
//! A run goes one way: arguments ([`args`]) → one command ([`commands`]) → one report → written once ([`output`]) →
//! exit code. Whatever goes wrong becomes a [`failure::Failure`] and ends in the same report, so that `--format json`
//! never yields anything but JSON.
//!
//! This crate must never judge: what is wrong with a cluster is the business of the crates it calls.

mod args;
mod commands;
mod console;
mod failure;
mod output;
mod panics;
mod sources;

use std::process::ExitCode;

fn main() -> ExitCode {
    panics::install();
    match args::parse() {
        Ok(cli) => commands::run(&cli),
        Err(code) => code,
    }
}
