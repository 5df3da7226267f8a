//! The loop that makes what is like what is wanted (`pkg/controller/volume/attachdetach/reconciler/reconciler.go`).
//!
//! Upstream's loop turns every 100 ms. Here it does so only while a turn could do something, and at the same moments.

use super::Controller;
use super::actual::{Attached, State};
use super::desired::ToAttach;
use super::operations::{Key, Kind};
use crate::constants::{ATTACH_RECONCILE_PERIOD, ATTACH_VERIFY_PERIOD, FORCE_DETACH};
use crate::kinds::NODES;
use crate::machinery::ApiError;
use crate::volumes::may_be_attached_twice;
use object::{ObjectExt, Text, Value, value};
use sim::Instant;
use std::rc::Rc;

const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

fn key_of(volume: &Text, spec: &Value, node: &Text) -> Key {
    Key { volume: volume.clone(), node: may_be_attached_twice(spec).then(|| node.clone()) }
}

impl Controller {
    pub(super) async fn reconcile_for_ever(self: Rc<Self>) {
        let ctx = self.context.sim().clone();
        let mut verified = ctx.now();
        loop {
            self.reconcile().await;
            let ended = ctx.now();
            if ended.since(verified) > ATTACH_VERIFY_PERIOD {
                verified = ended;
                ctx.spawn("verify-attachments", self.clone().verify_attachments());
            }
            self.wait_for_work(verified + ATTACH_VERIFY_PERIOD).await;
            // The turns of a loop that has nothing to do take no time.
            let periods = ctx.now().since(ended).as_nanos() / ATTACH_RECONCILE_PERIOD.as_nanos() + 1;
            let periods = u32::try_from(periods).expect("a run is shorter than years");
            ctx.sleep_until(ended + ATTACH_RECONCILE_PERIOD * periods).await;
        }
    }

    /// Waits until a turn of the loop could do something.
    async fn wait_for_work(&self, verify_at: Instant) {
        let ctx = self.context.sim();
        loop {
            let now = ctx.now();
            let verify = (!self.actual.borrow().is_empty()).then_some(verify_at);
            let due = self.next_due(now).into_iter().chain(verify).min();
            match due {
                Some(due) if due <= now => return,
                // What woke us is looked at in the next round.
                Some(due) => {
                    let _ = ctx.timeout(due.since(now), self.changed.notified()).await;
                }
                None => self.changed.notified().await,
            }
        }
    }

    /// Gives when a turn of the loop may do something although nobody tells of a change.
    fn next_due(&self, now: Instant) -> Option<Instant> {
        if self.actual.borrow().has_due_reports() {
            return Some(now);
        }
        let (held, wanted) = (self.actual.borrow().all(), self.desired.borrow().to_attach());
        let unwanted = held.iter().filter(|a| !self.desired.borrow().wants(&a.volume, &a.node));
        let detaches = unwanted.filter_map(|attached| {
            let key = key_of(&attached.volume, &attached.spec, &attached.node);
            match (self.operations.refused_until(&key, Kind::Detach), attached.detach_requested) {
                // The end of an operation is told.
                _ if self.operations.is_pending(&key) => None,
                (Some(until), _) => Some(until),
                (None, Some(since)) if self.is_held_back(attached) => {
                    // Once the time is over only a change of the node, which is told, brings the detach on.
                    let end = since + FORCE_DETACH;
                    (now <= end).then_some(end)
                }
                (None, _) => Some(now),
            }
        });
        let attaches = wanted.iter().filter_map(|wanted| {
            let key = key_of(&wanted.volume, &wanted.spec, &wanted.node);
            let is_attached = self.actual.borrow().state(&wanted.volume, &wanted.node) == State::Attached;
            let waits_for_another = wanted.is_refusal_told && self.is_elsewhere(wanted);
            if is_attached || waits_for_another || self.operations.is_pending(&key) {
                return None;
            }
            Some(self.operations.refused_until(&key, Kind::Attach).unwrap_or(now))
        });
        detaches.chain(attaches).min()
    }

    /// Tells whether a node still uses a volume and nothing excuses taking it away.
    fn is_held_back(&self, attached: &Attached) -> bool {
        let now = self.context.sim().now();
        let node = self.nodes.get("", &attached.node);
        let is_over = attached.detach_requested.is_some_and(|since| now.since(since) > FORCE_DETACH);
        let is_lost = is_over
            && self.context.force_detach
            && !node.as_ref().is_some_and(|node| node.condition("Ready")["status"] == "True");
        attached.is_in_use && !is_lost && !is_out_of_service(node.as_ref())
    }

    async fn reconcile(self: &Rc<Self>) {
        // Detaches come first, so that what is taken from one node can be attached to another.
        let held = self.actual.borrow().all();
        for attached in held {
            if !self.desired.borrow().wants(&attached.volume, &attached.node) {
                self.detach_if_possible(attached).await;
            }
        }
        let wanted = self.desired.borrow().to_attach();
        for wanted in wanted {
            self.attach_if_possible(&wanted);
        }
        let due = self.actual.borrow().due_reports();
        for node in due {
            // One that could not be written stays due.
            let _ = self.report(&node).await;
        }
    }

    async fn detach_if_possible(self: &Rc<Self>, attached: Attached) {
        let Attached { volume, spec, node, .. } = &attached;
        let key = key_of(volume, spec, node);
        if self.operations.is_pending(&key) || self.operations.refused_until(&key, Kind::Detach).is_some() {
            return;
        }
        let now = self.context.sim().now();
        // An operation may have ended meanwhile (kubernetes#93902).
        let waited = self.actual.borrow_mut().request_detach(volume, node, now);
        let Some(waited) = waited else { return };
        if self.is_held_back(&Attached { detach_requested: Some(now - waited), ..attached.clone() }) {
            return;
        }
        self.actual.borrow_mut().remove_from_report(volume, node);
        if self.report(node).await.is_err() {
            return self.actual.borrow_mut().add_to_report(volume, node);
        }
        let is_over = waited > FORCE_DETACH && self.context.force_detach;
        let is_out_of_service = is_out_of_service(self.nodes.get("", node).as_ref());
        let is_to_be_verified = !is_over && !is_out_of_service;
        let detaching = self.clone().detach(volume.clone(), spec.clone(), node.clone(), is_to_be_verified);
        if !self.operations.start(key, Kind::Detach, detaching) {
            return self.actual.borrow_mut().add_to_report(volume, node);
        }
        if !is_to_be_verified {
            self.context.count("attachdetach_controller_forced_detaches");
            let why = if is_over { "timeout" } else { "out-of-service" };
            self.context.sim().trace("forced-detach", volume, || format!("from {node}: {why}"));
        }
    }

    fn attach_if_possible(self: &Rc<Self>, wanted: &ToAttach) {
        let ToAttach { volume, spec, node, is_refusal_told } = wanted;
        let key = key_of(volume, spec, node);
        if self.operations.is_pending(&key) {
            return;
        }
        if self.actual.borrow().state(volume, node) == State::Attached {
            return self.actual.borrow_mut().reset_detach_request(volume, node);
        }
        if self.is_elsewhere(wanted) {
            if !is_refusal_told {
                self.context.count("multi_attach_errors");
                self.context.sim().trace("multi-attach-error", volume, || format!("wanted on {node}"));
                self.desired.borrow_mut().refusal_told(volume, node);
            }
            return;
        }
        let attaching = self.clone().attach(volume.clone(), spec.clone(), node.clone());
        // What may not be started yet is tried at the next turn.
        self.operations.start(key, Kind::Attach, attaching);
    }

    /// Tells whether a volume that one node only may have is attached to another.
    fn is_elsewhere(&self, wanted: &ToAttach) -> bool {
        !may_be_attached_twice(&wanted.spec) && !self.actual.borrow().nodes_of(&wanted.volume).is_empty()
    }

    /// Writes what a node's status is to say of its volumes, if that is due
    /// (`statusupdater/node_status_updater.go`).
    async fn report(&self, name: &Text) -> Result<(), ApiError> {
        let Some(volumes) = self.actual.borrow_mut().take_report(name) else { return Ok(()) };
        let Some(node) = self.nodes.get("", name) else { return Ok(()) };
        let shown = volumes.iter().map(|volume| value!({"name": volume, "devicePath": ""}));
        let attached = if volumes.is_empty() { Value::Null } else { shown.collect() };
        // The patch is the difference from the cached node; there may be none.
        if node["status"]["volumesAttached"] == attached {
            return Ok(());
        }
        let patch = value!({"status": {"volumesAttached": attached}});
        match self.client.merge_patch(&NODES, "", node.name(), "status", patch).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => {
                self.actual.borrow_mut().report_again(name);
                Err(error)
            }
        }
    }
}

fn is_out_of_service(node: Option<&Value>) -> bool {
    node.is_some_and(|node| node["spec"]["taints"].items().iter().any(|taint| taint["key"] == OUT_OF_SERVICE))
}
