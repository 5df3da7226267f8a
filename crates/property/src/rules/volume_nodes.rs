//! A volume that one node may have at a time is not given to another while the first may still write.
//!
//! A node has a volume from when its attachment says so until the attachment is gone and the node's status no longer
//! shows the volume in use: a volume that was taken away by force may still be written to by a node that nobody reaches
//! (kubernetes#120328). A node that is gone, or that somebody vouches for by the out-of-service taint, writes nothing.

use super::Scope;
use crate::parameters::Arguments;
use crate::rule::{Change, Explanation, Judgement, Moment, Rule, Touched};
use crate::subject::Subject;
use object::{ObjectExt, Text, Value};
use std::collections::{BTreeMap, BTreeSet};
use view::View;

const ATTACHMENTS: &str = "volumeattachments.storage.k8s.io";
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

pub(crate) struct OneNodePerVolume {
    scope: Scope,
    /// The nodes that have each volume.
    nodes: BTreeMap<Subject, BTreeSet<Text>>,
}

impl OneNodePerVolume {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self { scope: Scope::new(arguments), nodes: BTreeMap::new() }
    }

    /// Gives the volume of an attachment, if one node may have it at a time.
    fn volume<'a>(&self, attachment: &Value, view: &'a View) -> Option<&'a Value> {
        let name = attachment["spec"]["source"]["persistentVolumeName"].str();
        let volume = view.get("persistentvolumes", "", name)?;
        let modes = volume["spec"]["accessModes"].items();
        let is_single = !modes.is_empty() && modes.iter().all(|mode| mode.str().starts_with("ReadWriteOnce"));
        (is_single && self.scope.covers("", name)).then_some(volume)
    }

    /// Lets go of what a node no longer has.
    fn review(&mut self, node: &str, view: &View, touched: &mut Touched) {
        for (subject, nodes) in &mut self.nodes {
            if nodes.contains(node) && !may_write(&subject.name, node, view) {
                nodes.remove(node);
                touched.add(subject.clone());
            }
        }
    }
}

/// Tells whether a node that had a volume may still write to it.
fn may_write(volume: &str, node: &str, view: &View) -> bool {
    let Some(machine) = view.get("nodes", "", node) else { return false };
    if machine["spec"]["taints"].items().iter().any(|taint| taint["key"] == OUT_OF_SERVICE) {
        return false;
    }
    let is_attached = view.list(ATTACHMENTS).any(|attachment| {
        attachment["spec"]["nodeName"] == node
            && attachment["spec"]["source"]["persistentVolumeName"] == volume
            && attachment["status"]["attached"].bool()
    });
    let in_use = || {
        let source = &view.get("persistentvolumes", "", volume)?["spec"]["csi"];
        let name = format!("kubernetes.io/csi/{}^{}", source["driver"].str(), source["volumeHandle"].str());
        Some(machine["status"]["volumesInUse"].items().iter().any(|used| *used == name.as_str()))
    };
    is_attached || in_use().unwrap_or(false)
}

impl Rule for OneNodePerVolume {
    fn reads(&self) -> &'static [&'static str] {
        &[ATTACHMENTS, "nodes", "persistentvolumes"]
    }

    fn needs_history(&self) -> bool {
        true
    }

    fn forget(&mut self) {
        self.nodes.clear();
    }

    fn observe(&mut self, change: &Change<'_>, touched: &mut Touched) {
        if change.is_of("nodes") {
            return self.review(change.object.name(), change.after, touched);
        }
        if !change.is_of(ATTACHMENTS) {
            return;
        }
        let node = Text::from(change.object["spec"]["nodeName"].str());
        if change.present().is_some_and(|attachment| attachment["status"]["attached"].bool()) {
            let Some(volume) = self.volume(change.object, change.after) else { return };
            let subject = Subject::of(volume);
            if self.nodes.entry(subject.clone()).or_default().insert(node) {
                touched.add(subject);
            }
        } else {
            self.review(&node, change.after, touched);
        }
    }

    fn judge(&self, subject: &Subject, _moment: &Moment<'_>) -> Judgement {
        match self.nodes.get(subject) {
            Some(nodes) if !nodes.is_empty() => Judgement::when(nodes.len() == 1),
            _ => Judgement::Idle,
        }
    }

    fn explain(&self, subject: &Subject, moment: &Moment<'_>) -> Explanation {
        let nodes = self.nodes.get(subject).into_iter().flatten();
        let describe = |node: &Text| {
            let machine = moment.view.get("nodes", "", node);
            let ready = machine.map_or("", |machine| machine.condition("Ready")["status"].str());
            format!("node {node} may write to it; its condition Ready is {ready:?}")
        };
        let evidence: Vec<String> = nodes.map(describe).collect();
        Explanation {
            observed: format!("{} nodes may write", evidence.len()),
            allowed: "at most 1".to_owned(),
            evidence,
        }
    }
}
