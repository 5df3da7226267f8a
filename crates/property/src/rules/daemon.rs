//! A DaemonSet has one live pod on a node (kubernetes#134937 speaks of duplicates that a stale cache caused).

use super::{Scope, counted};
use crate::parameters::Arguments;
use crate::pods::{is_live, target_node};
use crate::rule::{Change, EVIDENCE_MAX, Explanation, Judgement, Moment, Rule, Touched};
use crate::subject::Subject;
use object::{ObjectExt, Text, Value};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct OneDaemonPodPerNode {
    scope: Scope,
    count_deleting: bool,
    /// The live pods of each DaemonSet and node.
    pods: BTreeMap<Subject, BTreeSet<Text>>,
    /// DaemonSets that may surge.
    surging: BTreeSet<Text>,
}

impl OneDaemonPodPerNode {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self {
            scope: Scope::new(arguments),
            count_deleting: arguments.bool("countDeleting"),
            pods: BTreeMap::new(),
            surging: BTreeSet::new(),
        }
    }

    /// Gives the place that a pod takes.
    fn place(&self, pod: &Value) -> Option<Subject> {
        let owner = Subject::controller_of(pod).filter(|owner| &*owner.kind == "DaemonSet")?;
        let is_counted =
            is_live(pod, self.count_deleting) && self.scope.covers(&owner.namespace, &owner.name);
        let node = target_node(pod).filter(|_| is_counted)?;
        Some(owner.part(&format!("node {node}")))
    }

    fn allowed(&self, subject: &Subject) -> usize {
        if self.surging.contains(&subject.uid) { 2 } else { 1 }
    }
}

/// Tells whether a DaemonSet may start a pod's successor before the pod is gone.
fn may_surge(daemonset: &Value) -> bool {
    let surge = &daemonset["spec"]["updateStrategy"]["rollingUpdate"]["maxSurge"];
    !(surge.is_null() || *surge == 0 || *surge == "0" || *surge == "0%")
}

impl Rule for OneDaemonPodPerNode {
    fn reads(&self) -> &'static [&'static str] {
        &["pods", "daemonsets.apps"]
    }

    fn forget(&mut self) {
        self.pods.clear();
        self.surging.clear();
    }

    fn observe(&mut self, change: &Change<'_>, touched: &mut Touched) {
        if change.is_of("daemonsets.apps") {
            let uid: Text = change.object.uid().into();
            if change.present().is_some_and(may_surge) {
                self.surging.insert(uid);
            } else {
                self.surging.remove(&uid);
            }
        }
        if !change.is_of("pods") {
            return;
        }
        let before = change.previous.and_then(|pod| self.place(pod));
        let after = change.present().and_then(|pod| self.place(pod));
        if before == after {
            return;
        }
        let name = || Text::from(change.object.name());
        if let Some(place) = before {
            let pods = self.pods.entry(place.clone()).or_default();
            pods.remove(change.object.name());
            if pods.is_empty() {
                self.pods.remove(&place);
            }
            touched.add(place);
        }
        if let Some(place) = after {
            self.pods.entry(place.clone()).or_default().insert(name());
            touched.add(place);
        }
    }

    fn judge(&self, subject: &Subject, _moment: &Moment<'_>) -> Judgement {
        match self.pods.get(subject) {
            Some(pods) => Judgement::when(pods.len() <= self.allowed(subject)),
            None => Judgement::Idle,
        }
    }

    fn explain(&self, subject: &Subject, _moment: &Moment<'_>) -> Explanation {
        let pods = self.pods.get(subject);
        let count = pods.map_or(0, |pods| i64::try_from(pods.len()).unwrap_or(i64::MAX));
        Explanation {
            observed: counted(count, "live pod"),
            allowed: format!("at most {}", self.allowed(subject)),
            evidence: pods.into_iter().flatten().take(EVIDENCE_MAX).map(|pod| format!("pod {pod}")).collect(),
        }
    }
}
