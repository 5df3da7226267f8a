//! `seaworthy check`: the layer checks on any source.

mod catalogue;

use super::Answer;
use crate::args::EXIT_CODES;
use crate::console::Console;
use crate::failure::Failure;
use crate::output::OutputArgs;
use crate::sources::{SourceArgs, draft};
use checks::{Check, Layer, Parameters};
use clap::{Args, ValueEnum};
use report::{Chapter, Draft, Problem, ProblemKind};
use source::{Loaded, Options, Trouble};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Look at a cluster, or at files from one, and say what is wrong.
///
/// Without a source it looks at the cluster that kubectl would talk to, with list
/// rights alone. What could not be read is an error of the checks that need it,
/// never a pass. Of files, a kind of which nothing was given counts as unread, for
/// it may only not have been exported; an empty List says that there is none.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES, verbatim_doc_comment)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub source: SourceArgs,

    /// Run only these checks, separated by commas: see --list
    #[arg(long, value_name = "CHECK", value_delimiter = ',', help_heading = "Checks")]
    only: Vec<String>,

    /// Run only the checks of these layers, separated by commas
    #[arg(long, value_name = "LAYER", value_delimiter = ',', help_heading = "Checks")]
    layer: Vec<LayerName>,

    /// Set what a check goes by, as in pod-health.restarts-fail=5; may be given several times
    #[arg(long, value_name = "CHECK.KEY=VALUE", help_heading = "Checks")]
    param: Vec<String>,

    /// Manifests of an earlier moment, between which and now restarts are counted
    #[arg(long, value_name = "PATH", help_heading = "Checks")]
    previous: Option<PathBuf>,

    /// Warnings count as findings
    #[arg(long, help_heading = "Checks")]
    strict: bool,

    /// List the checks with what they read and what can be set, and look at nothing
    #[arg(long, help_heading = "Checks")]
    list: bool,

    #[command(flatten)]
    pub output: OutputArgs,
}

/// A layer's name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LayerName {
    Compute,
    Storage,
    Networking,
    Dependencies,
    Accelerators,
}

impl LayerName {
    fn layer(self) -> Layer {
        match self {
            Self::Compute => Layer::Compute,
            Self::Storage => Layer::Storage,
            Self::Networking => Layer::Networking,
            Self::Dependencies => Layer::Dependencies,
            Self::Accelerators => Layer::Accelerators,
        }
    }
}

/// Runs the command.
pub(super) fn run(args: &CheckArgs, console: &Console) -> Result<Answer, Failure> {
    let wanted = wanted(&args.only, &args.layer)?;
    let parameters = parameters(&args.param)?;
    if args.list {
        return Ok(Answer::Text(catalogue::list(&wanted, args.output.format())?));
    }
    let loaded = args.source.load(console)?;
    let previous = args.previous.as_deref().map(|path| previous(path, &args.source)).transpose()?;

    let reads: BTreeSet<&str> = wanted.iter().flat_map(|check| check.reads.iter().copied()).collect();
    let reads: Vec<&str> = reads.into_iter().collect();
    let mut draft = draft("check", &loaded, &args.source, &reads);
    draft.strict = args.strict;
    if let Some(previous) = &previous {
        compare(&mut draft, previous);
    }
    if loaded.objects == 0 && !loaded.troubles.is_empty() {
        // Nothing of what was given could be used: that is all there is to say.
        draft.unread.clear();
        return Ok(Answer::Report(Box::new(draft.conclude())));
    }
    let names: Vec<&str> = wanted.iter().map(|check| check.name).collect();
    let earlier = previous.as_ref().map(|loaded| &loaded.view);
    let results = checks::run_all(&loaded.view, earlier, &parameters, &names);
    draft.chapters.push(Chapter::of_checks("check", "Layer checks", results));
    Ok(Answer::Report(Box::new(draft.conclude())))
}

/// Says what the report compares with, and what of it could not be read.
fn compare(draft: &mut Draft, previous: &Loaded) {
    let (objects, then) = (previous.objects, previous.view.now().rfc3339());
    draft.notes.push(format!("compared with {objects} objects as of {then}"));
    let said = |trouble: &Trouble| format!("in what was given by --previous: {trouble}");
    let problems =
        previous.troubles.iter().map(|trouble| Problem::new(ProblemKind::CouldNotLook, said(trouble)));
    draft.problems.extend(problems);
}

/// Chooses the checks; a name that does not exist must not be a check that finds nothing.
fn wanted(only: &[String], layers: &[LayerName]) -> Result<Vec<&'static Check>, Failure> {
    let names: Vec<&str> = checks::ALL.iter().map(|check| check.name).collect();
    for name in only {
        if checks::find(name).is_none() {
            let known = format!("the checks are {}", names.join(", "));
            return Err(Failure::usage(format!("there is no check {name}")).hint(known));
        }
    }
    let in_layer =
        |check: &&Check| layers.is_empty() || layers.iter().any(|layer| layer.layer() == check.layer);
    let named = |check: &&Check| only.is_empty() || only.iter().any(|name| name == check.name);
    let wanted: Vec<&Check> = checks::ALL.iter().filter(in_layer).filter(named).collect();
    if wanted.is_empty() {
        let known = checks::ALL.iter().map(|check| format!("{} is in {}", check.name, check.layer.as_str()));
        let known: Vec<String> = known.collect();
        return Err(Failure::usage("no check is of this layer and name").hint(known.join(", ")));
    }
    Ok(wanted)
}

fn parameters(settings: &[String]) -> Result<Parameters, Failure> {
    let mut parameters = Parameters::default();
    for setting in settings {
        let (name, value) = setting.split_once('=').ok_or_else(|| {
            Failure::usage(format!("--param {setting}: no value"))
                .hint("write CHECK.KEY=VALUE; seaworthy check --list shows the keys")
        })?;
        parameters.set(name, value).map_err(|error| {
            Failure::usage(format!("--param: {error}")).hint("seaworthy check --list shows what can be set")
        })?;
    }
    Ok(parameters)
}

fn previous(path: &Path, source: &SourceArgs) -> Result<Loaded, Failure> {
    let options = Options { namespace: source.namespace(), ..Options::default() };
    Ok(source::read_path(path, &options)?)
}
