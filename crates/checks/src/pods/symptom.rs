//! What one pod shows, and how pods that show the same become one finding.

use std::collections::BTreeMap;

use object::{ObjectExt, Time, Value};
use report::{Evidence, Finding, ObjectRef, Outcome};

use crate::words::plural;

/// What one pod shows.
pub(super) struct Symptom<'a> {
    pub(super) pod: &'a Value,
    pub(super) code: &'static str,
    pub(super) outcome: Outcome,
    /// The workload or node at which pods alike are gathered.
    pub(super) owner: ObjectRef,
    /// What of the owner it is about, as in `container app`; empty for the pod as a whole.
    pub(super) subject: String,
    pub(super) title: String,
    pub(super) since: Option<Time>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) why: String,
    pub(super) remedy: Vec<String>,
}

impl<'a> Symptom<'a> {
    pub(super) fn new(
        pod: &'a Value,
        code: &'static str,
        outcome: Outcome,
        owner: &ObjectRef,
        title: String,
    ) -> Self {
        Self {
            pod,
            code,
            outcome,
            owner: owner.clone(),
            subject: String::new(),
            title,
            since: None,
            evidence: Vec::new(),
            why: String::new(),
            remedy: Vec::new(),
        }
    }

    pub(super) fn subject(mut self, subject: String) -> Self {
        self.subject = subject;
        self
    }

    pub(super) fn since(mut self, since: Option<Time>) -> Self {
        self.since = since;
        self
    }

    pub(super) fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    pub(super) fn because(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    pub(super) fn remedy(mut self, step: impl Into<String>) -> Self {
        self.remedy.push(step.into());
        self
    }

    /// Adds `kubectl VERB` with the pod's namespace: `command("describe pod", "")`.
    pub(super) fn command(self, verb: &str, arguments: &str) -> Self {
        let (namespace, name) = (self.pod.namespace(), self.pod.name());
        self.remedy(format!("kubectl -n {namespace} {verb} {name}{arguments}"))
    }
}

/// Makes one finding of all pods of an owner that show the same; the worst of them, then the first, speaks for all.
pub(super) fn group(symptoms: Vec<Symptom<'_>>) -> Vec<Finding> {
    let mut groups: BTreeMap<(ObjectRef, &'static str, String), Vec<Symptom<'_>>> = BTreeMap::new();
    for symptom in symptoms {
        let key = (symptom.owner.clone(), symptom.code, symptom.subject.clone());
        groups.entry(key).or_default().push(symptom);
    }
    groups.into_values().filter_map(finding).collect()
}

fn finding(mut group: Vec<Symptom<'_>>) -> Option<Finding> {
    group.sort_by(|a, b| b.outcome.cmp(&a.outcome).then_with(|| a.pod.name().cmp(b.pod.name())));
    let count = group.len() as u64;
    let mut pods: Vec<ObjectRef> = group.iter().map(|symptom| ObjectRef::of(symptom.pod)).collect();
    pods.sort();
    let since = group.iter().filter_map(|symptom| symptom.since).min();
    let spokesman = group.into_iter().next()?;
    let alike = if count > 1 { format!(" ({} alike)", plural(count, "pod")) } else { String::new() };
    let title = format!("{}{alike}", spokesman.title);
    let object = ObjectRef::of(spokesman.pod);
    let owner = spokesman.owner;
    let parts = [owner.kind.as_str(), &owner.namespace, &owner.name, &spokesman.subject];
    let mut finding = Finding::new(spokesman.code, spokesman.outcome, object, title)
        .about(parts)
        .because(spokesman.why)
        .affecting(pods)
        .owned_by(owner.clone());
    if let Some(since) = since {
        finding = finding.since(since.rfc3339());
    }
    finding.evidence = spokesman.evidence;
    finding.remedy = spokesman.remedy;
    Some(finding)
}
