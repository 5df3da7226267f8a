//! A claim stays as long as a pod that has a node uses it.
//!
//! The informer alone cannot tell that no such pod is left (kubernetes#76703): before the finalizer goes, the API is
//! asked for the pods, once for all claims of a namespace that are looked at together.

use super::{may_lose, needs, with_finalizer, without_finalizer};
use crate::controllers::ControllerContext;
use crate::kinds::{CLAIMS, PODS};
use crate::machinery::{
    ApiError, Client, ListScope, Lister, Notification, ObjectKey, WorkQueue, is_pod_terminal,
};
use crate::scheduler::claim_names;
use object::{ObjectExt, Text, Value};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

const FINALIZER: &str = "kubernetes.io/pvc-protection";

struct Protection {
    context: ControllerContext,
    client: Rc<Client>,
    claims: Lister,
    pods: Lister,
    queue: Rc<WorkQueue<ObjectKey>>,
    /// Claims that were taken from the queue and wait to be looked at, by namespace.
    batches: RefCell<BTreeMap<Text, Vec<ObjectKey>>>,
    namespaces: Rc<WorkQueue<String>>,
}

/// Runs the controller.
pub(in crate::controllers) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    let protection = Rc::new(Protection {
        client: context.client("pvc-protection-controller"),
        claims: context.lister(&CLAIMS),
        pods: context.lister(&PODS),
        queue: WorkQueue::new(&ctx, "pvc-protection"),
        batches: RefCell::default(),
        namespaces: WorkQueue::new(&ctx, "pvc-protection-namespaces"),
        context,
    });
    let handler = protection.clone();
    protection.claims.informer().handle(move |n| handler.claim_changed(n));
    let handler = protection.clone();
    protection.pods.informer().handle(move |n| handler.pod_changed(n));
    protection.claims.informer().wait_for_sync().await;
    protection.pods.informer().wait_for_sync().await;
    ctx.spawn("pvc-protection", protection.clone().gather());
    loop {
        let namespace = protection.namespaces.get().await;
        protection.process_namespace(&namespace).await;
        protection.namespaces.done(&namespace);
    }
}

/// Tells whether a pod will never use anything again (`podIsShutDown`).
fn is_shut_down(pod: &Value) -> bool {
    pod.is_deleting() && pod["metadata"]["deletionGracePeriodSeconds"] == 0
}

/// Tells whether a pod uses a claim. One without a node does not: no kubelet will start it once the claim is being
/// deleted.
fn uses(pod: &Value, claim: &Value) -> bool {
    if pod["spec"]["nodeName"].str().is_empty() || pod.namespace() != claim.namespace() {
        return false;
    }
    pod["spec"]["volumes"].items().iter().any(|volume| {
        let is_named = volume["persistentVolumeClaim"]["claimName"] == claim.name();
        let is_its_own = || {
            !volume["ephemeral"].is_null()
                && !is_shut_down(pod)
                && claim.name() == format!("{}-{}", pod.name(), volume["name"].str())
                && claim.controller_of().is_some_and(|owner| owner.uid == pod.uid())
        };
        is_named || is_its_own()
    })
}

impl Protection {
    // ----- handlers -----

    fn claim_changed(&self, notification: &Notification) {
        let claim = notification.object();
        let is_there = !matches!(notification, Notification::Delete(_));
        if is_there && (needs(claim, FINALIZER) || may_lose(claim, FINALIZER)) {
            self.queue.add(ObjectKey::of(claim));
        }
    }

    fn pod_changed(&self, notification: &Notification) {
        match notification {
            Notification::Add(pod) => self.enqueue_claims(pod, false),
            Notification::Delete(pod) => self.enqueue_claims(pod, true),
            Notification::Update(old, new) => {
                // A deletion and a creation may be shown as one change (kubernetes#80475).
                if old.uid() != new.uid() {
                    self.enqueue_claims(old, true);
                }
                self.enqueue_claims(new, false);
            }
        }
    }

    /// Looks at a pod's claims, unless the pod goes on using them.
    fn enqueue_claims(&self, pod: &Value, is_gone: bool) {
        let has_node = !pod["spec"]["nodeName"].str().is_empty();
        if !is_gone && has_node && !is_pod_terminal(pod) && !is_shut_down(pod) {
            return;
        }
        for name in claim_names(pod) {
            self.queue.add(ObjectKey::new(pod.namespace(), &name));
        }
    }

    // ----- work -----

    async fn gather(self: Rc<Self>) {
        loop {
            let key = self.queue.get().await;
            self.batches.borrow_mut().entry(key.namespace.clone()).or_default().push(key.clone());
            self.namespaces.add(key.namespace.to_string());
        }
    }

    async fn process_namespace(&self, namespace: &str) {
        let batch = self.batches.borrow_mut().remove(namespace).unwrap_or_default();
        let mut live: Option<Vec<Value>> = None;
        for key in batch {
            match self.process(&key, &mut live).await {
                Ok(()) => self.queue.forget(&key),
                Err(error) => {
                    let ctx = self.context.sim();
                    ctx.trace("sync-failed", "pvc-protection", || format!("{key}: {error}"));
                    self.queue.add_rate_limited(key.clone());
                }
            }
            self.queue.done(&key);
        }
    }

    async fn process(&self, key: &ObjectKey, live: &mut Option<Vec<Value>>) -> Result<(), ApiError> {
        let Some(claim) = self.claims.get_key(key) else { return Ok(()) };
        if may_lose(&claim, FINALIZER) {
            return if self.is_used(&claim, live).await? {
                Ok(())
            } else {
                self.write(&without_finalizer(&claim, FINALIZER)).await
            };
        }
        if needs(&claim, FINALIZER) {
            return self.write(&with_finalizer(&claim, FINALIZER)).await;
        }
        Ok(())
    }

    async fn is_used(&self, claim: &Value, live: &mut Option<Vec<Value>>) -> Result<bool, ApiError> {
        if self.pods.list_in(claim.namespace()).iter().any(|pod| uses(pod, claim)) {
            return Ok(true);
        }
        if live.is_none() {
            let scope = ListScope { namespace: claim.namespace().into(), ..ListScope::default() };
            *live = Some(self.client.list_newest(&PODS, &scope).await?.items);
        }
        Ok(live.iter().flatten().any(|pod| uses(pod, claim)))
    }

    async fn write(&self, claim: &Value) -> Result<(), ApiError> {
        match self.client.update(&CLAIMS, claim).await {
            Err(error) if error.is_not_found() => Ok(()),
            other => other.map(|_| ()),
        }
    }
}
