//! `seaworthy simulate`: a scenario over many seeds.

mod chapter;
mod charts;
mod words;

use super::Answer;
use super::scenario::{Changes, read};
use crate::args::EXIT_CODES;
use crate::console::Console;
use crate::failure::Failure;
use crate::output::{Format, OutputArgs};
use chapter::{Told, replay};
use clap::Args;
use explore::{Campaign, CampaignResult, Keep, RunResult, ScenarioFile, Settings};
use property::Outcome;
use report::{Draft, Report, Source};
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

/// Run a scenario over many seeds and say what held and what did not.
///
/// A run is a function of the scenario, the seed and what is changed here: the same
/// three give the same run, and the same trace hash, on any machine.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES, verbatim_doc_comment)]
pub(crate) struct SimulateArgs {
    /// The scenario: a file, or the name of one that comes with Seaworthy
    #[arg(value_name = "FILE")]
    file: String,

    /// How many seeds, or which: 200 is 1..201, and A..B is from A up to but without B
    #[arg(long, value_name = "N|A..B", default_value = "20", value_parser = seeds)]
    seeds: Range<u64>,

    #[command(flatten)]
    changes: Changes,

    /// How many runs at once; by default as many as there are cores
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// End at the first violation
    #[arg(long)]
    stop_at_violation: bool,

    #[command(flatten)]
    pub output: OutputArgs,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| format!("{text:?} is no number"));
    let range = match text.split_once("..") {
        Some((from, to)) => number(from)?..number(to)?,
        None => 1..number(text)?.saturating_add(1),
    };
    if range.is_empty() { Err("there is no seed in it".to_owned()) } else { Ok(range) }
}

/// Runs the command.
pub(super) fn run(args: &SimulateArgs, console: &Console) -> Result<Answer, Failure> {
    let format = args.output.format();
    let file = read(&args.file)?;
    let settings = args.changes.settings()?;
    let jobs = match args.jobs {
        Some(jobs) => jobs,
        None => std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
    };
    let campaign = Campaign {
        file: &file,
        settings,
        seeds: args.seeds.clone(),
        jobs,
        stop_at_violation: args.stop_at_violation,
    };
    let bar = console.progress(file.name());
    bar.set_length(args.seeds.end - args.seeds.start);
    sim::quiet_panics();
    let started = Instant::now();
    let result = campaign
        .run(&|_: &RunResult| bar.inc(1))
        .map_err(|error| Failure::usage(error.to_string()).hint("seaworthy simulate --help"))?;
    bar.finish_and_clear();
    let code = u8::from(result.violated().next().is_some() || !result.findings.is_empty());
    let own = Path::new(&args.file).exists().then_some(args.file.as_str());
    match format {
        Format::Json => {
            let json = serde_json::to_string_pretty(&result)
                .map_err(|error| Failure::internal(error.to_string()))?;
            Ok(Answer::Rendered { text: json + "\n", code })
        }
        Format::Text => {
            let text = describe(file.title(), own, &result, started.elapsed().as_secs_f64());
            Ok(Answer::Rendered { text, code })
        }
        Format::Junit | Format::Html => {
            let report = report(&file, own, &campaign.settings, &result)?;
            assert_eq!(report.verdict.exit_code, code, "text and report must judge alike");
            Ok(Answer::Report(Box::new(report)))
        }
    }
}

/// Makes the report of a campaign, with the course of its most telling run: the first that violates, else the first.
fn report(
    file: &ScenarioFile,
    own: Option<&str>,
    settings: &Settings,
    result: &CampaignResult,
) -> Result<Report, Failure> {
    let refused = |error: explore::RunError| Failure::usage(error.to_string());
    let scenario = file.resolve(settings).map_err(|error| Failure::usage(error.to_string()))?;
    let mut chapter = Told { scenario: &scenario, settings, file: own, result }.chapter();
    let telling = result.violated().next().or(result.runs.first());
    if let Some(telling) = telling {
        let run = explore::run(file, settings, telling.seed, &Keep::default()).map_err(refused)?;
        chapter.charts.extend(charts::over_time(&run));
    }
    chapter.charts.extend(charts::by_seed(&scenario, result));
    let source = Source::new("simulation", file.name()).kubernetes_version(format!("v{}", scenario.version));
    let mut draft = Draft::new("simulate", source);
    draft.chapters.push(chapter);
    draft.next.extend(result.violated().next().map(|run| replay(run, own)));
    Ok(draft.conclude())
}

/// Writes what people want to know of a campaign.
fn describe(title: &str, own: Option<&str>, result: &CampaignResult, wall_s: f64) -> String {
    let mut out = String::new();
    let runs = result.runs.len();
    let violated = result.violated().count();
    let hours = result.virtual_time().as_secs_f64() / 3600.0;
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}: {title}", result.scenario);
    let _ = writeln!(
        out,
        "{runs} runs, {violated} with a violation; {hours:.1} virtual hours in {wall_s:.1} s, {:.1} runs/s\n",
        runs as f64 / wall_s.max(0.001)
    );
    let Some(first) = result.runs.first() else { return out };
    let _ = writeln!(out, "properties");
    for verdict in &first.verdicts {
        let all = || result.runs.iter().filter_map(|run| run.verdict(&verdict.property));
        let count = |outcome: Outcome| all().filter(|v| v.outcome == outcome).count();
        let evaluations: u64 = all().map(|v| v.evaluations).sum();
        let _ = writeln!(
            out,
            "  {:<28} held {:>5}  violated {:>5}  never reached {:>5}  {evaluations} evaluations",
            verdict.property,
            count(Outcome::Held),
            count(Outcome::Violated),
            count(Outcome::NeverReached),
        );
    }
    let _ = writeln!(out, "\nfigures");
    for figure in &first.figures {
        if let Some((least, most)) = result.range(&figure.name) {
            let range = if least == most { format!("{least}") } else { format!("{least} to {most}") };
            let _ = writeln!(out, "  {:<28} {range}", figure.name);
        }
    }
    if let Some(run) = result.violated().next() {
        let _ = writeln!(out, "\nfirst violation: seed {}", run.seed);
        for verdict in run.verdicts.iter().filter(|v| v.outcome == Outcome::Violated) {
            if let Some(violation) = &verdict.violation {
                let _ = writeln!(
                    out,
                    "  {} at {:.1} s, revision {}: {}: {}, allowed {}",
                    verdict.property,
                    violation.at.as_secs_f64(),
                    violation.revision,
                    violation.object,
                    violation.observed,
                    violation.allowed
                );
            }
        }
        let _ = writeln!(out, "  replay it: {}", replay(run, own));
    }
    for finding in &result.findings {
        let _ = writeln!(out, "\n{}: {}", finding.subject, finding.message);
    }
    out
}
