//! How a check looks: every read is counted, and what could not be read is recorded as an error of the check.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use object::{Time, Value};
use report::{CheckResult, Finding, Looked};
use view::{Unread, View};

use crate::words::listed;
use crate::{Check, Parameter, Parameters, Setting};

/// Notes kept per check; more would bury the rest of a report.
const NOTES_MAX: usize = 50;

/// What asking for one object gives.
pub(crate) enum Lookup<'a> {
    /// It is there.
    Found(&'a Value),
    /// It was looked for and is not there.
    Absent,
    /// It could not be looked for; the error is recorded.
    Unknown,
}

/// A resource that could not be read, and what stays unknown without it.
#[derive(Default)]
struct Gap {
    /// The namespaces in which it could not be read; none for everywhere.
    namespaces: BTreeSet<String>,
    /// What stays unknown; empty if the check is about the resource itself.
    questions: BTreeSet<String>,
}

impl Gap {
    fn is_everywhere(&self) -> bool {
        self.namespaces.is_empty()
    }

    /// Tells it in one line, however many objects it concerns.
    fn text(&self, resource: &str, reason: &str) -> String {
        let namespaces: Vec<&str> = self.namespaces.iter().map(String::as_str).collect();
        let place = match namespaces.as_slice() {
            [] => String::new(),
            [one] => format!(" in namespace {one}"),
            many => format!(" in namespaces {}", listed(many)),
        };
        let unknown = match self.questions.first() {
            None => String::new(),
            Some(first) if self.questions.len() == 1 => format!("; {first}"),
            Some(first) => format!("; {first}, and {} more like it", self.questions.len() - 1),
        };
        format!("{resource}{place} could not be read: {reason}{unknown}")
    }
}

/// The eyes and the notebook of one run of a check.
pub(crate) struct Look<'a> {
    view: &'a View,
    previous: Option<&'a View>,
    parameters: &'a Parameters,
    check: &'static str,
    looked_at: BTreeMap<&'static str, usize>,
    errors: BTreeSet<String>,
    gaps: BTreeMap<(String, String), Gap>,
    notes: Vec<String>,
    findings: Vec<Finding>,
    skipped: Option<String>,
}

impl<'a> Look<'a> {
    pub(crate) fn new(
        check: &Check,
        view: &'a View,
        previous: Option<&'a View>,
        parameters: &'a Parameters,
    ) -> Self {
        Self {
            view,
            previous,
            parameters,
            check: check.name,
            looked_at: BTreeMap::new(),
            errors: BTreeSet::new(),
            gaps: BTreeMap::new(),
            notes: Vec::new(),
            findings: Vec::new(),
            skipped: None,
        }
    }

    /// The view itself, for what is good to know but decides nothing: reading it records no error.
    pub(crate) fn view(&self) -> &'a View {
        self.view
    }

    /// The view of an earlier moment, if there is one.
    pub(crate) fn previous(&self) -> Option<&'a View> {
        self.previous
    }

    pub(crate) fn now(&self) -> Time {
        self.view.now()
    }

    /// How long ago it was; zero for what lies ahead.
    pub(crate) fn since(&self, time: Time) -> Duration {
        self.now().since(time)
    }

    pub(crate) fn duration(&self, parameter: &Parameter) -> Duration {
        match self.parameters.get(self.check, parameter) {
            Setting::Duration(duration) => duration,
            Setting::Count(seconds) => Duration::from_secs(seconds),
        }
    }

    pub(crate) fn count(&self, parameter: &Parameter) -> u64 {
        match self.parameters.get(self.check, parameter) {
            Setting::Count(count) => count,
            Setting::Duration(duration) => duration.as_secs(),
        }
    }

    /// Lists what the check is about. What could not be read is an error, even if the rest could.
    pub(crate) fn subjects(&mut self, resource: &'static str) -> Vec<&'a Value> {
        for unread in self.view.unread() {
            if unread.resource.to_string() == resource {
                miss(&mut self.gaps, unread);
            }
        }
        let objects: Vec<&Value> = self.view.list(resource).collect();
        self.looked_at.insert(resource, objects.len());
        objects
    }

    /// Lists of what lies in no namespace only what concerns what was looked at, which `concerns` tells of each.
    ///
    /// Who looks at one namespace asks for what is wrong with it, not with volumes of others.
    pub(crate) fn beside_of(
        &mut self,
        resource: &'static str,
        concerns: impl Fn(&str, &Value) -> bool,
    ) -> Vec<&'a Value> {
        let mut objects = self.beside(resource);
        if let Some(namespace) = self.view.namespace() {
            objects.retain(|object| concerns(namespace, object));
            self.looked_at.insert(resource, objects.len());
        }
        objects
    }

    /// Lists what the check reads beside; only what is missing where it is needed becomes an error, by [`Look::knows`].
    pub(crate) fn beside(&mut self, resource: &'static str) -> Vec<&'a Value> {
        let objects: Vec<&Value> = self.view.list(resource).collect();
        self.looked_at.insert(resource, objects.len());
        objects
    }

    /// Asks for one object on whose existence a judgement hangs; `so` says what stays unknown without it.
    pub(crate) fn get(
        &mut self,
        resource: &str,
        namespace: &str,
        name: &str,
        so: impl FnOnce() -> String,
    ) -> Lookup<'a> {
        match self.view.get(resource, namespace, name) {
            Some(object) => Lookup::Found(object),
            None if self.knows(resource, namespace, so) => Lookup::Absent,
            None => Lookup::Unknown,
        }
    }

    /// Tells whether what is not listed of a resource in a namespace does not exist; if not, records what stays unknown.
    pub(crate) fn knows(&mut self, resource: &str, namespace: &str, so: impl FnOnce() -> String) -> bool {
        let readable = if namespace.is_empty() {
            self.view.readable(resource)
        } else {
            self.view.readable_in(resource, namespace)
        };
        let Err(unread) = readable else { return true };
        miss(&mut self.gaps, unread).questions.insert(so());
        false
    }

    /// Tells whether a node that is not listed does not exist. Where there is no node at all, none were given.
    pub(crate) fn lacks_node(&self, name: &str) -> bool {
        let view = self.view;
        view.count("nodes") > 0 && view.readable("nodes").is_ok() && view.get("nodes", "", name).is_none()
    }

    /// Records something that could not be told.
    pub(crate) fn error(&mut self, error: String) {
        self.errors.insert(error);
    }

    /// Records something that looks wrong and is not, with the reason.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    pub(crate) fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Says that there is nothing to look at, unless the reason is that it could not be read.
    pub(crate) fn skip(&mut self, reason: &str) {
        if self.errors.is_empty() && self.gaps.is_empty() {
            self.skipped = Some(reason.to_owned());
        }
    }

    pub(crate) fn finish(mut self, check: &Check) -> CheckResult {
        if self.notes.len() > NOTES_MAX {
            let more = self.notes.len() - NOTES_MAX;
            self.notes.truncate(NOTES_MAX);
            self.notes.push(format!("and {more} more"));
        }
        let gaps = self.gaps.iter().map(|((resource, reason), gap)| gap.text(resource, reason));
        self.errors.extend(gaps.collect::<Vec<String>>());
        let mut result = CheckResult::new(check.name, check.layer.as_str(), check.description)
            .with_looked_at(self.looked_at.into_iter().map(|(resource, count)| Looked::new(resource, count)))
            .with_errors(self.errors)
            .with_notes(self.notes)
            .with_findings(self.findings);
        if let Some(reason) = self.skipped {
            result = result.with_skipped(reason);
        }
        result
    }
}

/// Records a gap, or finds it; one that is everywhere is in no namespace in particular.
fn miss<'g>(gaps: &'g mut BTreeMap<(String, String), Gap>, unread: &Unread) -> &'g mut Gap {
    let key = (unread.resource.to_string(), unread.reason.to_string());
    let is_new = !gaps.contains_key(&key);
    let gap = gaps.entry(key).or_default();
    match &unread.namespace {
        None => gap.namespaces.clear(),
        Some(namespace) if is_new || !gap.is_everywhere() => _ = gap.namespaces.insert(namespace.to_string()),
        Some(_) => {}
    }
    gap
}
