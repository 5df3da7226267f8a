//! The list of checks, and how they are run together.

use std::collections::BTreeSet;

use report::{CheckResult, Finding, ObjectRef};
use view::View;

use crate::look::Look;
use crate::{Parameter, Parameters, pods, routes, volumes};

/// The layer of a cluster that a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Layer {
    /// Nodes and workloads.
    Compute,
    /// Claims, volumes, attachments.
    Storage,
    /// Services, routes, policies, names.
    Networking,
    /// What the cluster needs from outside.
    Dependencies,
    /// GPUs and other devices.
    Accelerators,
}

impl Layer {
    /// Gives the layer as reports write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Storage => "storage",
            Self::Networking => "networking",
            Self::Dependencies => "dependencies",
            Self::Accelerators => "accelerators",
        }
    }
}

/// A code that findings of a check carry, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The code, which lasts.
    pub name: &'static str,
    /// What it says, in a few words.
    pub meaning: &'static str,
}

impl Code {
    pub(crate) const fn new(name: &'static str, meaning: &'static str) -> Self {
        Self { name, meaning }
    }
}

/// One check: what it is called, what it needs, and how it looks.
pub struct Check {
    /// The stable name, as in `pod-health`.
    pub name: &'static str,
    /// The layer it looks at.
    pub layer: Layer,
    /// What it proves, in one sentence.
    pub description: &'static str,
    /// What can be set.
    pub parameters: &'static [Parameter],
    /// The resources it reads; a source that offers all of them gives it the whole picture.
    pub reads: &'static [&'static str],
    /// Every code its findings carry.
    pub codes: &'static [Code],
    pub(crate) look: fn(&mut Look<'_>),
}

impl Check {
    /// Looks at a view. With the view of an earlier moment, rates are counted instead of inferred.
    pub fn run(&self, view: &View, previous: Option<&View>, parameters: &Parameters) -> CheckResult {
        let mut look = Look::new(self, view, previous, parameters);
        (self.look)(&mut look);
        look.finish(self)
    }
}

/// Every check, in the order in which they are run and shown.
pub const ALL: &[Check] = &[pods::CHECK, volumes::CHECK, routes::CHECK];

/// Finds a check by name.
pub fn find(name: &str) -> Option<&'static Check> {
    ALL.iter().find(|check| check.name == name)
}

/// Runs every check that `wanted` names by name or layer, all of them if it is empty.
///
/// What one check explains, another does not report again: a pod that waits for its volume is told of once, by the
/// check that knows why.
pub fn run_all(
    view: &View,
    previous: Option<&View>,
    parameters: &Parameters,
    wanted: &[&str],
) -> Vec<CheckResult> {
    let is_wanted = |check: &&Check| {
        wanted.is_empty() || wanted.iter().any(|w| *w == check.name || *w == check.layer.as_str())
    };
    let mut results: Vec<CheckResult> =
        ALL.iter().filter(is_wanted).map(|check| check.run(view, previous, parameters)).collect();
    let explained: BTreeSet<ObjectRef> = results
        .iter()
        .filter(|result| result.name == volumes::CHECK.name)
        .flat_map(|result| &result.findings)
        .flat_map(|finding| finding.affected.iter().filter(|object| object.kind == "Pod").cloned())
        .collect();
    for result in results.iter_mut().filter(|result| result.name == pods::CHECK.name) {
        leave_to_volumes(result, &explained);
    }
    results
}

fn leave_to_volumes(result: &mut CheckResult, explained: &BTreeSet<ObjectRef>) {
    let is_explained = |finding: &Finding| {
        pods::WAITS_FOR_VOLUME.contains(&finding.code.as_str())
            && !finding.affected.is_empty()
            && finding.affected.iter().all(|pod| explained.contains(pod))
    };
    let (left, kept): (Vec<Finding>, Vec<Finding>) = result.findings.drain(..).partition(is_explained);
    result.findings = kept;
    let told = left
        .iter()
        .map(|finding| format!("{}: {}; {} says why", finding.object, finding.title, volumes::CHECK.name));
    result.notes.extend(told);
    result.judge();
}
