//! A StatefulSet's pod is not replaced before the old one is known to have stopped.
//!
//! The API server cannot hold two pods of one name, but a node can run the containers of a pod that the API server has
//! forgotten. A pod that was removed while, by its last status, its containers ran on a node that still exists may run
//! there still; its successor is then the second of one identity (kubernetes#59848).

use super::Scope;
use crate::parameters::Arguments;
use crate::pods::is_terminal;
use crate::rule::{Change, Explanation, Judgement, Moment, Rule, Touched};
use crate::subject::Subject;
use object::{ObjectExt, Text, Value};
use std::collections::BTreeMap;

/// What takes an identity: a pod that is there, and those removed while they may have run, by uid with their nodes.
#[derive(Default)]
struct Identity {
    present: Option<Text>,
    forgotten: BTreeMap<Text, Text>,
}

pub(crate) struct OnePodPerIdentity {
    scope: Scope,
    identities: BTreeMap<Subject, Identity>,
}

impl OnePodPerIdentity {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self { scope: Scope::new(arguments), identities: BTreeMap::new() }
    }

    /// Gives the identity that a pod has: its StatefulSet by name, for one that is made anew takes over its pods'
    /// names.
    fn identity(&self, pod: &Value) -> Option<Subject> {
        let owner = Subject::controller_of(pod).filter(|owner| &*owner.kind == "StatefulSet")?;
        let covered = self.scope.covers(&owner.namespace, &owner.name);
        covered.then(|| Subject { uid: Text::from(""), ..owner }.part(&format!("pod {}", pod.name())))
    }

    fn node_gone(&mut self, node: &str, touched: &mut Touched) {
        for (subject, identity) in &mut self.identities {
            let before = identity.forgotten.len();
            identity.forgotten.retain(|_, ran_on| **ran_on != *node);
            if identity.forgotten.len() < before {
                touched.add(subject.clone());
            }
        }
    }
}

/// Gives the node on which the containers of a removed pod may still run.
fn may_run_on<'a>(pod: &'a Value, change: &Change<'_>) -> Option<&'a Text> {
    let node = pod["spec"]["nodeName"].as_text()?;
    let ran =
        pod["status"]["containerStatuses"].items().iter().any(|status| !status["state"]["running"].is_null());
    let machine = change.after.get("nodes", "", node)?;
    let taints = machine["spec"]["taints"].items();
    let is_fenced = taints.iter().any(|taint| taint["key"] == "node.kubernetes.io/out-of-service");
    (ran && !is_terminal(pod) && !is_fenced).then_some(node)
}

impl Rule for OnePodPerIdentity {
    fn reads(&self) -> &'static [&'static str] {
        &["pods", "nodes"]
    }

    fn needs_history(&self) -> bool {
        true
    }

    fn forget(&mut self) {
        self.identities.clear();
    }

    fn observe(&mut self, change: &Change<'_>, touched: &mut Touched) {
        if change.is_of("nodes") && change.present().is_none() {
            self.node_gone(change.object.name(), touched);
        }
        if !change.is_of("pods") {
            return;
        }
        let Some(subject) = self.identity(change.object) else { return };
        let identity = self.identities.entry(subject.clone()).or_default();
        match change.present() {
            Some(pod) => {
                if identity.present.as_deref() != Some(pod.uid()) {
                    identity.present = Some(pod.uid().into());
                    touched.add(subject);
                }
            }
            None => {
                identity.present = None;
                if let Some(node) = may_run_on(change.previous.unwrap_or(change.object), change) {
                    identity.forgotten.insert(change.object.uid().into(), node.clone());
                }
                touched.add(subject);
            }
        }
    }

    fn judge(&self, subject: &Subject, _moment: &Moment<'_>) -> Judgement {
        match self.identities.get(subject) {
            Some(Identity { present: Some(_), forgotten }) => Judgement::when(forgotten.is_empty()),
            _ => Judgement::Idle,
        }
    }

    fn explain(&self, subject: &Subject, _moment: &Moment<'_>) -> Explanation {
        let Some(identity) = self.identities.get(subject) else { return Explanation::default() };
        let describe = |(uid, node): (&Text, &Text)| {
            format!("pod {uid} was removed while its containers ran on node {node}, which still exists")
        };
        Explanation {
            observed: format!("{} pods may run under one identity", identity.forgotten.len() + 1),
            allowed: "at most 1".to_owned(),
            evidence: identity.forgotten.iter().map(describe).collect(),
        }
    }
}
