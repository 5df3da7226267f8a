//! The pod garbage collector: removes pods that nobody will ever end (`pkg/controller/podgc/gc_controller.go`).

use super::with_condition;
use crate::constants::{POD_GC_PERIOD, POD_GC_QUARANTINE, POD_GC_THRESHOLD};
use crate::controllers::ControllerContext;
use crate::kinds::{NODES, PODS};
use crate::machinery::{ApiError, Client, DeleteOptions, Lister, is_pod_terminal};
use object::{ObjectExt, Value, value};
use sim::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

struct Collector {
    context: ControllerContext,
    client: Rc<Client>,
    pods: Lister,
    nodes: Lister,
    /// Nodes that our cache does not have, and since when.
    missing: BTreeMap<String, Instant>,
}

pub(in crate::controllers) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    let mut collector = Collector {
        client: context.client("pod-garbage-collector"),
        pods: context.lister(&PODS),
        nodes: context.lister(&NODES),
        missing: BTreeMap::new(),
        context,
    };
    collector.pods.informer().wait_for_sync().await;
    collector.nodes.informer().wait_for_sync().await;
    loop {
        collector.collect().await;
        ctx.sleep(POD_GC_PERIOD).await;
    }
}

impl Collector {
    async fn collect(&mut self) {
        let pods = self.pods.list();
        self.collect_terminated(&pods).await;
        self.collect_orphaned(&pods).await;
        for pod in pods.iter().filter(|pod| pod.is_deleting() && pod["spec"]["nodeName"].str().is_empty()) {
            self.remove(pod, None).await;
        }
    }

    async fn collect_terminated(&self, pods: &[Value]) {
        let mut ended: Vec<&Value> = pods.iter().filter(|pod| is_pod_terminal(pod)).collect();
        if ended.len() <= POD_GC_THRESHOLD {
            return;
        }
        ended.sort_by_key(|pod| (pod["metadata"]["creationTimestamp"].str(), pod.name()));
        for pod in &ended[..ended.len() - POD_GC_THRESHOLD] {
            self.remove(pod, None).await;
        }
    }

    /// Removes pods of nodes that are gone: first our cache must have missed the node for a while, then the API must
    /// say so too (kubernetes#82365).
    async fn collect_orphaned(&mut self, pods: &[Value]) {
        let now = self.context.sim().now();
        let used: BTreeSet<&str> =
            pods.iter().map(|pod| pod["spec"]["nodeName"].str()).filter(|n| !n.is_empty()).collect();
        self.missing.retain(|name, _| used.contains(name.as_str()) && self.nodes.get("", name).is_none());
        for name in used.iter().filter(|name| self.nodes.get("", name).is_none()) {
            self.missing.entry((*name).to_owned()).or_insert(now);
        }
        let due: Vec<String> = self
            .missing
            .iter()
            .filter(|(_, since)| now.since(**since) >= POD_GC_QUARANTINE)
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            let live = self.client.get(&NODES, "", &name).await;
            if live.is_err_and(|error| error.is_not_found()) {
                for pod in pods.iter().filter(|pod| pod["spec"]["nodeName"] == name.as_str()) {
                    self.remove(pod, Some("PodGC: node no longer exists")).await;
                }
            }
        }
    }

    async fn remove(&self, pod: &Value, why: Option<&str>) {
        if let Err(error) = self.try_remove(pod, why).await {
            self.context.sim().trace("pod-gc-failed", &pod.full_name(), || error.to_string());
        }
    }

    async fn try_remove(&self, pod: &Value, why: Option<&str>) -> Result<(), ApiError> {
        if !is_pod_terminal(pod) {
            let mut status = value!({"phase": "Failed"});
            if let Some(message) = why {
                let condition = value!({
                    "type": "DisruptionTarget", "observedGeneration": pod.generation(), "status": "True",
                    "lastProbeTime": null, "lastTransitionTime": self.context.now(), "reason": "DeletionByPodGC",
                    "message": message,
                });
                status.set(&["conditions"], with_condition(&pod["status"]["conditions"], &condition));
            }
            let patch = value!({"metadata": {"uid": pod.uid()}, "status": status});
            self.client.merge_patch(&PODS, pod.namespace(), pod.name(), "status", patch).await?;
        }
        let options = DeleteOptions {
            grace_period_s: Some(0),
            uid: Some(pod.uid().into()),
            ..DeleteOptions::default()
        };
        self.client.delete(&PODS, pod.namespace(), pod.name(), &options).await.map(|_| ())
    }
}
