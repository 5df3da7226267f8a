//! `seaworthy trial`: the main job, on a cluster or on a planned one.

use super::Answer;
use crate::args::EXIT_CODES;
use crate::console::Console;
use crate::failure::Failure;
use crate::output::{Format, Output};
use crate::sources::{SourceArgs, draft};
use checks::Parameters;
use clap::Args;
use report::{Draft, Source};
use std::collections::BTreeSet;
use std::path::PathBuf;
use trial::{ShakedownError, Whose};

/// Validate a cluster, and see how it withstands a failure that nobody tests for.
///
/// With --context, --kubeconfig or --manifests it tries that cluster: it is only read,
/// and what is tried on it is tried on a copy of its objects in the simulator. With
/// none of them it makes a cluster of its own there, lets faults make it sick the way
/// real clusters get sick, and proves that it sees all of that and nothing else.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES, verbatim_doc_comment)]
pub(crate) struct TrialArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// The seed: the same seed, the same cluster, the same report
    #[arg(long, value_name = "N", default_value = "1", help_heading = "Trial")]
    seed: u64,

    /// Leave out a fault of the cluster that is made, by its name; may be given several times
    #[arg(long, value_name = "FAULT", help_heading = "Trial")]
    without: Vec<String>,

    /// Warnings count as findings; of the cluster that is made they always do
    #[arg(long, help_heading = "Trial")]
    strict: bool,

    /// How to write the report to the terminal
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    format: Format,

    /// The folder for report.html, report.json and report.junit.xml
    #[arg(long, short, value_name = "DIR", default_value = "seaworthy-report", help_heading = "Output")]
    output: PathBuf,
}

impl TrialArgs {
    /// Says where the report goes.
    pub(crate) fn output(&self) -> Output {
        Output::to_folder(self.format, &self.output)
    }
}

/// Runs the command.
pub(super) fn run(args: &TrialArgs, console: &Console) -> Result<Answer, Failure> {
    sim::quiet_panics();
    let mut draft = if args.source.is_given() { of_source(args, console)? } else { of_shop(args, console)? };
    draft.strict |= args.strict;
    Ok(Answer::Report(Box::new(draft.conclude())))
}

/// Tries a cluster.
fn of_source(args: &TrialArgs, console: &Console) -> Result<Draft, Failure> {
    if !args.without.is_empty() {
        return Err(Failure::usage("--without: nothing is planted in a cluster that is there")
            .hint("leave out --without, or the source"));
    }
    let loaded = args.source.load(console)?;
    let reads: BTreeSet<&str> = checks::ALL.iter().flat_map(|check| check.reads.iter().copied()).collect();
    let reads: Vec<&str> = reads.into_iter().collect();
    let mut draft = draft("trial", &loaded, &args.source, &reads);
    if loaded.objects == 0 && !loaded.troubles.is_empty() {
        // Nothing of what was given could be used: that is all there is to say.
        draft.unread.clear();
        return Ok(draft);
    }
    let bar = console.progress("trial");
    bar.set_length(2);
    bar.set_message("validating");
    draft.chapters.push(trial::validate(&loaded.view, &Parameters::default()));
    bar.inc(1);
    bar.set_message("simulating");
    draft.chapters.push(trial::withstand(&loaded.view, Whose::Users, args.seed));
    bar.finish_and_clear();
    Ok(draft)
}

/// Tries a cluster that is made for it.
fn of_shop(args: &TrialArgs, console: &Console) -> Result<Draft, Failure> {
    if let Some(option) = args.source.narrows() {
        return Err(Failure::usage(format!("{option} is about a source, and none was given"))
            .hint("name one by --context, --kubeconfig or --manifests"));
    }
    let bar = console.progress("trial");
    bar.set_length(3);
    bar.set_message("running a shop in the simulator");
    let without: BTreeSet<String> = args.without.iter().cloned().collect();
    let shakedown = trial::shakedown(args.seed, &without).map_err(|error| match error {
        ShakedownError::Without { .. } => Failure::usage(format!("--without: {error}")),
        _ => Failure::internal(error.to_string()),
    })?;
    bar.inc(1);
    bar.set_message("validating");
    let mut source = Source::new("simulation", format!("shakedown, seed {}", args.seed));
    source = source.objects(shakedown.view.snapshot().len());
    if let Some(version) = shakedown.view.kubernetes_version() {
        source = source.kubernetes_version(version);
    }
    let mut draft = Draft::new("trial", source);
    draft.strict = true;
    draft.now = Some(shakedown.view.now().rfc3339());
    draft.chapters.push(trial::validate_shakedown(&shakedown));
    bar.inc(1);
    bar.set_message("simulating a failure");
    draft.chapters.push(trial::withstand(&shakedown.view, Whose::Shakedown, args.seed));
    bar.finish_and_clear();
    draft.next = [
        "seaworthy trial --context NAME      # your cluster; it is only read",
        "seaworthy trial --manifests DIR     # or what kubectl get -A -o yaml wrote of it",
        "seaworthy simulate k8s-129795 --seeds 200",
    ]
    .map(str::to_owned)
    .to_vec();
    Ok(draft)
}
