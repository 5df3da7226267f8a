//! A rolling update: pods of old revisions go within the unavailability, or new ones come within the surge
//! (`pkg/controller/daemon/update.go`).

use super::place::{is_updated, placement};
use super::{ByNode, DaemonSetController, Sync, SyncError};
use crate::machinery::is_pod_available;
use object::{ObjectExt, Time, Value, int_or_percent};
use std::collections::BTreeMap;

fn rolling(ds: &Value) -> Option<&Value> {
    let strategy = &ds["spec"]["updateStrategy"];
    (strategy["type"] == "RollingUpdate").then_some(&strategy["rollingUpdate"])
}

/// Gives how many nodes may have a pod too many, out of `nodes`.
pub(super) fn max_surge(ds: &Value, nodes: i64) -> i64 {
    rolling(ds).map_or(0, |r| int_or_percent(&r["maxSurge"], nodes, true))
}

fn max_unavailable(ds: &Value, nodes: i64) -> i64 {
    rolling(ds).map_or(0, |r| int_or_percent(&r["maxUnavailable"], nodes, true))
}

/// The pods of a node that are not going: of the present template, and of another.
struct OnNode<'a> {
    new: Option<&'a Value>,
    old: Option<&'a Value>,
}

/// Gives the pods of a node, none when there are more than one of a sort: the next sync prunes those first.
fn on_node<'a>(ds: &Value, pods: &'a [Value], hash: &str) -> Option<OnNode<'a>> {
    let mut found = OnNode { new: None, old: None };
    for pod in pods.iter().filter(|pod| !pod.is_deleting()) {
        let slot = if is_updated(pod, ds, hash) { &mut found.new } else { &mut found.old };
        if slot.replace(pod).is_some() {
            return None;
        }
    }
    Some(found)
}

impl DaemonSetController {
    pub(super) async fn roll(&self, sync: &Sync<'_>) -> Result<(), SyncError> {
        let mut by_node = self.pods_by_node(sync.ds, sync.selector, false).await?;
        let wanted: Vec<&Value> =
            sync.nodes.iter().filter(|node| placement(sync.ds, node).should_run).collect();
        for node in &wanted {
            by_node.entry(node.name().to_owned()).or_default();
        }
        let count = wanted.len() as i64;
        let (surge, mut unavailable) = (max_surge(sync.ds, count), max_unavailable(sync.ds, count));
        if count > 0 && surge == 0 && unavailable == 0 {
            // Neither would let the update go on at all.
            unavailable = 1;
        }
        let now = self.context.now();
        if surge == 0 {
            let doomed = pods_to_replace(sync, &by_node, unavailable, now);
            return self.sync_nodes(sync, &doomed, &[]).await;
        }
        let (doomed, nodes) = self.surge(sync, &by_node, surge, count, now);
        self.sync_nodes(sync, &doomed, &nodes).await
    }

    /// Chooses the pods that go and the nodes that get a second pod.
    fn surge(
        &self,
        sync: &Sync<'_>,
        by_node: &ByNode,
        max_surge: i64,
        wanted: i64,
        now: Time,
    ) -> (Vec<Value>, Vec<String>) {
        let known: BTreeMap<&str, &Value> = sync.nodes.iter().map(|node| (node.name(), node)).collect();
        let should_run = |name: &str| known.get(name).is_some_and(|node| placement(sync.ds, node).should_run);
        let is_available = |pod: &Value| sync.is_available(pod, now);
        let (mut doomed, mut leaving) = (Vec::new(), Vec::new());
        let (mut needed, mut candidates) = (Vec::new(), Vec::new());
        let (mut surging, mut available) = (0, 0);
        for (name, pods) in by_node {
            let Some(OnNode { new, old }) = on_node(sync.ds, pods, sync.hash) else {
                surging += 1;
                continue;
            };
            available += i64::from(old.or(new).is_some_and(is_available));
            match (old, new) {
                (None, _) => {}
                (Some(old), None) if !is_available(old) => {
                    if should_run(name) {
                        needed.push(name.clone());
                    } else {
                        doomed.push(old.clone());
                    }
                }
                (Some(old), None) => {
                    if !should_run(name) {
                        leaving.push(old.clone());
                    } else if surging < max_surge {
                        candidates.push(name.clone());
                    }
                }
                (Some(_), Some(new)) if !is_available(new) => surging += 1,
                (Some(old), Some(_)) => doomed.push(old.clone()),
            }
        }
        // A pod on a node that should have none goes only once enough others are available.
        doomed.extend(leaving.into_iter().take(usize::try_from(available - wanted).unwrap_or(0)));
        let room = usize::try_from(max_surge - surging).unwrap_or(0);
        needed.extend(candidates.into_iter().take(room));
        (doomed, needed)
    }
}

/// Chooses the old pods that go: those that are not available anyway, and as many others as may be missing.
fn pods_to_replace(sync: &Sync<'_>, by_node: &ByNode, max_unavailable: i64, now: Time) -> Vec<Value> {
    let is_available = |pod: &Value| sync.is_available(pod, now);
    let mut unavailable = 0;
    let (mut doomed, mut candidates) = (Vec::new(), Vec::new());
    for pods in by_node.values() {
        match on_node(sync.ds, pods, sync.hash) {
            Some(OnNode { new: Some(new), old: None }) => unavailable += i64::from(!is_available(new)),
            Some(OnNode { new: None, old: Some(old) }) if !is_available(old) => {
                doomed.push(old.clone());
                unavailable += 1;
            }
            Some(OnNode { new: None, old: Some(old) }) => {
                if unavailable < max_unavailable {
                    candidates.push(old.clone());
                }
            }
            // Too many or none: the other half of the sync sees to it.
            _ => unavailable += 1,
        }
    }
    doomed.extend(candidates.into_iter().take(usize::try_from(max_unavailable - unavailable).unwrap_or(0)));
    doomed
}

impl Sync<'_> {
    pub(super) fn is_available(&self, pod: &Value, now: Time) -> bool {
        is_pod_available(pod, self.ds["spec"]["minReadySeconds"].int(), now)
    }
}
