//! One pod to each node: which are missing, which are too many (`pkg/controller/daemon/daemon_controller.go`).

use super::place::{HASH, placement, pod_for};
use super::rolling::max_surge;
use super::{DaemonSetController, Sync, SyncError, oldest_first};
use crate::constants::DAEMONSET_BURST;
use crate::machinery::{ObjectKey, is_pod_ready, slow_start};
use futures_util::future::join_all;
use object::{ObjectExt, Time, Value};
use std::collections::BTreeSet;

/// What is to be done.
#[derive(Default)]
struct Plan {
    nodes: Vec<String>,
    doomed: Vec<Value>,
}

impl DaemonSetController {
    /// Makes what is missing and deletes what is too many.
    pub(super) async fn manage(&self, sync: &Sync<'_>) -> Result<(), SyncError> {
        let by_node = self.pods_by_node(sync.ds, sync.selector, false).await?;
        let now = self.context.now();
        let mut plan = Plan::default();
        for node in sync.nodes {
            self.plan_node(sync, node, by_node.get(node.name()), now, &mut plan);
        }
        // A pod that waits for a node that is gone will never be bound, and nobody else would delete it.
        let known: BTreeSet<&str> = sync.nodes.iter().map(ObjectExt::name).collect();
        let elsewhere = by_node.iter().filter(|(name, _)| !known.contains(name.as_str()));
        let waiting = elsewhere.flat_map(|(_, pods)| pods).filter(|pod| pod["spec"]["nodeName"].is_empty());
        plan.doomed.extend(waiting.cloned());
        self.sync_nodes(sync, &plan.doomed, &plan.nodes).await
    }

    fn plan_node(
        &self,
        sync: &Sync<'_>,
        node: &Value,
        pods: Option<&Vec<Value>>,
        now: Time,
        plan: &mut Plan,
    ) {
        let placement = placement(sync.ds, node);
        let staying = |pod: &&Value| !pod.is_deleting();
        match pods {
            None if placement.should_run => plan.nodes.push(node.name().to_owned()),
            Some(pods) if !placement.may_stay => plan.doomed.extend(pods.iter().filter(staying).cloned()),
            None => {}
            Some(pods) => {
                let mut running = Vec::new();
                for pod in pods.iter().filter(staying) {
                    match pod["status"]["phase"].str() {
                        "Failed" if self.waits_to_delete(sync, node) => {}
                        "Failed" | "Succeeded" => plan.doomed.push(pod.clone()),
                        _ => running.push(pod.clone()),
                    }
                }
                oldest_first(&mut running);
                if max_surge(sync.ds, 1) == 0 {
                    plan.doomed.extend(running.into_iter().skip(1));
                } else if running.is_empty() {
                    if placement.should_run {
                        plan.nodes.push(node.name().to_owned());
                    }
                } else {
                    prune_surge(sync, &running, now, &mut plan.doomed);
                }
            }
        }
    }

    /// Tells whether the failed pod of a node must stay for now, so that kubelet and controller do not chase each
    /// other.
    fn waits_to_delete(&self, sync: &Sync<'_>, node: &Value) -> bool {
        let generation = sync.ds["status"]["observedGeneration"].int();
        let key = format!("{}/{generation}/{}", sync.ds.uid(), node.name());
        let now = self.context.sim().now();
        match self.failed_pods.holding(&key, now) {
            Some(wait) => {
                self.queue.add_after(ObjectKey::of(sync.ds), wait);
                true
            }
            None => {
                self.failed_pods.note(&key, now);
                false
            }
        }
    }

    /// Deletes pods and makes pods for nodes, within the burst.
    pub(super) async fn sync_nodes(
        &self,
        sync: &Sync<'_>,
        doomed: &[Value],
        nodes: &[String],
    ) -> Result<(), SyncError> {
        let key = ObjectKey::of(sync.ds);
        let doomed = &doomed[..doomed.len().min(DAEMONSET_BURST)];
        let count = nodes.len().min(DAEMONSET_BURST);
        let now = self.context.sim().now();
        self.expectations.set_expectations(&key, count as i64, doomed.len() as i64, now);
        let (successes, mut first_error) = slow_start(count, |i| async move {
            match self.control.create(&pod_for(sync.ds, &nodes[i], sync.hash), sync.ds).await {
                // Nothing can be created in a namespace that is going away, and nothing is missing.
                Err(error) if error.is_namespace_terminating() => Ok(()),
                other => other.map(|_| ()),
            }
        })
        .await;
        // What was not tried, or failed, will not be seen either.
        for _ in successes..count {
            self.expectations.creation_observed(&key);
        }
        let results = join_all(doomed.iter().map(|pod| self.control.delete(pod))).await;
        for error in results.into_iter().filter_map(Result::err) {
            self.expectations.deletion_observed(&key);
            if !error.is_not_found() {
                first_error.get_or_insert(error);
            }
        }
        first_error.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// While an update surges, a node keeps one pod of the present template and one of another, the oldest of each; the
/// latter goes when it is not ready any more or the former is available.
fn prune_surge(sync: &Sync<'_>, running: &[Value], now: Time, doomed: &mut Vec<Value>) {
    let (new, old): (Vec<&Value>, Vec<&Value>) =
        running.iter().partition(|pod| pod.label(HASH) == Some(sync.hash));
    doomed.extend(new.iter().skip(1).chain(old.iter().skip(1)).map(|pod| (*pod).clone()));
    if let (Some(new), Some(old)) = (new.first(), old.first())
        && (!is_pod_ready(old) || sync.is_available(new, now))
    {
        doomed.push((*old).clone());
    }
}
