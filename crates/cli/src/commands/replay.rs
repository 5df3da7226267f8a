//! `seaworthy replay`: one run again, proven to be the same.

use super::Answer;
use super::scenario::read;
use crate::args::EXIT_CODES;
use crate::console::Console;
use crate::failure::Failure;
use crate::output::{Format, OutputArgs};
use clap::Args;
use explore::{Key, ReplayError, TraceFilter, replay};
use sim::TraceLevel;
use std::fmt::Write as _;

/// Run one run again, prove that it is the same, and show what happened.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ReplayArgs {
    /// The run's key, as simulate prints it
    #[arg(value_name = "KEY")]
    key: String,

    /// The scenario's file, if it is not one that comes with Seaworthy
    #[arg(long, value_name = "FILE")]
    file: Option<String>,

    /// Print the trace
    #[arg(long, help_heading = "Trace")]
    trace: bool,

    /// Only of processes whose names begin like this
    #[arg(long, value_name = "PROCESS", requires = "trace", help_heading = "Trace")]
    process: Option<String>,

    /// Only what names this object
    #[arg(long, value_name = "OBJECT", requires = "trace", help_heading = "Trace")]
    object: Option<String>,

    /// Only entries of this kind, such as commit or send
    #[arg(long, value_name = "KIND", requires = "trace", help_heading = "Trace")]
    kind: Option<String>,

    #[command(flatten)]
    pub output: OutputArgs,
}

/// Runs the command.
pub(super) fn run(args: &ReplayArgs, _console: &Console) -> Result<Answer, Failure> {
    let format = args.output.format();
    if !matches!(format, Format::Text | Format::Json) {
        let message = "a replay is written as text or as JSON";
        return Err(Failure::usage(message).hint("give --format text or --format json"));
    }
    let key = Key::parse(&args.key)
        .map_err(|error| Failure::usage(error.to_string()).hint("simulate prints the keys of its runs"))?;
    let file = read(args.file.as_deref().unwrap_or(&key.scenario))?;
    let level = if args.trace { TraceLevel::Events } else { TraceLevel::Off };
    sim::quiet_panics();
    let again = replay(&file, &key, level).map_err(|error| match error {
        // The same key must give the same run: if it does not, that is our fault and nobody else's.
        ReplayError::Diverged(_) => Failure::internal(error.to_string()),
        _ => Failure::usage(error.to_string()),
    })?;
    let code = u8::from(again.result.is_violated());
    if format == Format::Json {
        let json =
            serde_json::to_string_pretty(&again.result).map_err(|e| Failure::internal(e.to_string()))?;
        return Ok(Answer::Rendered { text: json + "\n", code });
    }
    let mut text = String::new();
    if args.trace {
        let filter = TraceFilter {
            process: args.process.clone(),
            object: args.object.clone(),
            kind: args.kind.clone(),
        };
        for entry in again.trace.entries().filter(|entry| filter.shows(entry)) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{entry}");
        }
    }
    let proof = if key.trace_hash.is_some() { "as the key says" } else { "twice" };
    let _ = writeln!(
        text,
        "{}: the same run, trace hash {:016x} {proof}; {:.0} virtual seconds, {} events, {} commits",
        key.scenario,
        again.result.trace_hash,
        again.result.virtual_time.as_secs_f64(),
        again.result.events,
        again.result.commits
    );
    for verdict in &again.result.verdicts {
        let _ = writeln!(text, "  {:<28} {:?}", verdict.property, verdict.outcome);
    }
    for figure in &again.result.figures {
        let value = figure.value.map_or("nothing to measure".to_owned(), |value| value.to_string());
        let _ = writeln!(text, "  {:<28} {value}", figure.name);
    }
    Ok(Answer::Rendered { text, code })
}
