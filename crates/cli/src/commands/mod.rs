//! The commands. Each is a module: its arguments, and a `run` that gives what to write.
//!
//! To add one, make its module, give it a variant of [`Command`] and an arm in [`Command::run`] and
//! [`Command::output`]; errors, panics, formats, colours and exit codes are taken care of here.

mod check;
mod replay;
mod scenario;
mod simulate;
mod trial;

use crate::args::Cli;
use crate::console::Console;
use crate::failure::Failure;
use crate::output::{Output, complain, print};
use crate::panics::guard;
use clap::Subcommand;
use report::{Draft, Report, Source};
use std::process::ExitCode;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Trial(trial::TrialArgs),
    Check(check::CheckArgs),
    Simulate(simulate::SimulateArgs),
    Replay(replay::ReplayArgs),
}

/// What a command gives.
pub(crate) enum Answer {
    /// A report, whose verdict is the exit code.
    Report(Box<Report>),
    /// A text that proves nothing, such as a list of checks.
    Text(String),
    /// A result in the form that was asked for, and the exit code that it means.
    Rendered { text: String, code: u8 },
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Self::Trial(_) => "trial",
            Self::Check(_) => "check",
            Self::Simulate(_) => "simulate",
            Self::Replay(_) => "replay",
        }
    }

    fn output(&self) -> Output {
        match self {
            Self::Trial(args) => args.output(),
            Self::Check(args) => args.output.output(),
            Self::Simulate(args) => args.output.output(),
            Self::Replay(args) => args.output.output(),
        }
    }

    fn run(&self, console: &Console) -> Result<Answer, Failure> {
        match self {
            Self::Trial(args) => trial::run(args, console),
            Self::Check(args) => check::run(args, console),
            Self::Simulate(args) => simulate::run(args, console),
            Self::Replay(args) => replay::run(args, console),
        }
    }
}

/// Runs the command and writes what it gives; what fails is written in the same form.
pub(crate) fn run(cli: &Cli) -> ExitCode {
    let (mut console, command) = (Console::new(cli), &cli.command);
    let output = command.output();
    console.shows_progress &= output.allows_progress();
    let (answer, said) = match guard(|| command.run(&console)) {
        Ok(answer) => (answer, false),
        Err(failure) => {
            tell(&failure, &console);
            (Answer::Report(Box::new(failed(command.name(), &failure))), true)
        }
    };
    let (written, code) = match &answer {
        Answer::Text(text) => (print(text), 0),
        Answer::Rendered { text, code } => (guard(|| output.write_text(text, &console)), *code),
        // People have just been told; programs read it in the report.
        Answer::Report(report) if said && output.is_for_people() => {
            (guard(|| output.keep(report, &console)), report.verdict.exit_code)
        }
        Answer::Report(report) => (guard(|| output.write(report, &console)), report.verdict.exit_code),
    };
    let Err(failure) = written else { return ExitCode::from(code) };
    tell(&failure, &console);
    let could_not_write = failed(command.name(), &failure).verdict.exit_code;
    ExitCode::from(worse(code, could_not_write))
}

/// Makes a report of a failure.
fn failed(command: &str, failure: &Failure) -> Report {
    let mut draft = Draft::new(command, Source::default());
    draft.problems.push(failure.problem());
    draft.conclude()
}

/// Says on the standard error what failed.
fn tell(failure: &Failure, console: &Console) {
    let paint = |style: &str, text: &str| {
        if console.colours_errors() { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    };
    complain(&format!("{} {}", paint("1;31", "error:"), failure.message));
    for hint in &failure.hints {
        complain(&format!("{} {hint}", paint("1;36", " hint:")));
    }
}

/// Gives the exit code that counts before the other.
fn worse(one: u8, other: u8) -> u8 {
    let by_precedence = report::Verdict::BY_PRECEDENCE.map(report::Verdict::exit_code);
    by_precedence.into_iter().find(|code| *code == one || *code == other).unwrap_or(one)
}
