//! The command line, as a whole.

use crate::commands::Command;
use crate::console::ColorChoice;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser};
use std::ffi::OsString;
use std::process::ExitCode;

/// What exit codes mean, for the end of every help text.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  proven: everything asked for was looked at and is right; warnings may stand
  1  something is wrong: a finding, or a property that does not hold
  2  the command line or a file it names was not understood
  3  something could not be looked at; unknown is never a pass
  4  a fault of seaworthy itself
Where several hold, 4 counts before 2, 2 before 1, 1 before 3; everything is printed.";

/// Proves that a Kubernetes cluster is well, before, during and after every change.
#[derive(Debug, Parser)]
#[command(name = "seaworthy", version, about, after_help = EXIT_CODES)]
#[command(disable_help_subcommand = true, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// When to use colours; NO_COLOR is respected
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    pub color: ColorChoice,

    /// Show no progress, and with --output no summary
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Show the evidence of every finding, why it matters, and what was judged harmless
    #[arg(long, short, global = true)]
    pub verbose: bool,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Reads the command line; what is no command has been answered, and its exit code is given.
pub(crate) fn parse() -> Result<Cli, ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let color = match ColorChoice::asked_for(&arguments) {
        ColorChoice::Auto => clap::ColorChoice::Auto,
        ColorChoice::Always => clap::ColorChoice::Always,
        ColorChoice::Never => clap::ColorChoice::Never,
    };
    let parsed = Cli::command().color(color).try_get_matches_from(arguments);
    parsed.and_then(|matches| Cli::from_arg_matches(&matches)).map_err(|error| {
        // A reader that has gone away needs no help text.
        drop(error.print());
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
            _ => ExitCode::from(report::Verdict::Usage.exit_code()),
        }
    })
}
