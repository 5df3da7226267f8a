//! Attach/detach: has volumes attached to the nodes whose pods use them, and detached from the others
//! (`pkg/controller/volume/attachdetach`).
//!
//! Handlers keep what is wanted, operations keep what is; a loop compares the two. What a CSI driver attaches is asked
//! for by a VolumeAttachment, which the driver's attacher carries out. Of nodes it knows what their statuses say.

mod actual;
mod csi;
mod desired;
mod operations;
mod reconcile;

use crate::constants::{ATTACH_LIST_PODS_PERIOD, ATTACH_POPULATE_PERIOD};
use crate::controllers::ControllerContext;
use crate::kinds::{ATTACHMENTS, CLAIMS, CSIDRIVERS, CSINODES, NODES, PODS, VOLUMES};
use crate::machinery::{Client, Lister, Notification, ObjectKey, WorkQueue, is_pod_terminal, run_workers};
use crate::scheduler::claim_names;
use crate::volumes::{needs_attach, unique_name};
use actual::{ActualState, State};
use desired::DesiredState;
use object::{ObjectExt, Text, Value};
use operations::Operations;
use sim::sync::Notify;
use std::cell::RefCell;
use std::rc::Rc;

/// On a node: its volumes are attached by this controller (`volumeutil.ControllerManagedAttachAnnotation`).
pub(crate) const MANAGED: &str = "volumes.kubernetes.io/controller-managed-attach-detach";

struct Controller {
    context: ControllerContext,
    client: Rc<Client>,
    pods: Lister,
    nodes: Lister,
    claims: Lister,
    volumes: Lister,
    drivers: Lister,
    attachments: Lister,
    desired: RefCell<DesiredState>,
    actual: RefCell<ActualState>,
    operations: Rc<Operations>,
    /// Something changed that the reconciler may have to act on.
    changed: Notify,
}

/// Runs the controller.
pub(in crate::controllers) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    let controller = Rc::new(Controller {
        client: context.client("attachdetach-controller"),
        pods: context.lister(&PODS),
        nodes: context.lister(&NODES),
        claims: context.lister(&CLAIMS),
        volumes: context.lister(&VOLUMES),
        drivers: context.lister(&CSIDRIVERS),
        attachments: context.lister(&ATTACHMENTS),
        desired: RefCell::default(),
        actual: RefCell::default(),
        operations: Operations::new(&ctx),
        changed: Notify::named("attach-detach"),
        context,
    });
    let handler = controller.clone();
    controller.pods.informer().handle(move |n| handler.pod_changed(n));
    let handler = controller.clone();
    controller.nodes.informer().handle(move |n| handler.node_changed(n));
    let queue = WorkQueue::new(&ctx, "pvcs");
    let adding = queue.clone();
    controller.claims.informer().handle(move |notification| {
        if !matches!(notification, Notification::Delete(_)) {
            adding.add(ObjectKey::of(notification.object()));
        }
    });
    let csi_nodes = controller.context.lister(&CSINODES);
    let all = [
        &controller.pods,
        &controller.nodes,
        &controller.claims,
        &controller.volumes,
        &csi_nodes,
        &controller.drivers,
        &controller.attachments,
    ];
    for lister in all {
        lister.informer().wait_for_sync().await;
    }
    controller.populate_actual();
    controller.populate_desired();
    ctx.spawn("reconciler", controller.clone().reconcile_for_ever());
    ctx.spawn("populator", controller.clone().populate_for_ever());
    run_workers(&ctx, &queue, 1, move |key| {
        controller.claim_changed(&key);
        std::future::ready(Ok::<(), String>(()))
    });
    std::future::pending::<()>().await;
}

fn names(list: &Value) -> impl Iterator<Item = Text> {
    list.items().iter().map(|name| Text::from(name.str()))
}

impl Controller {
    // ----- what is wanted -----

    fn pod_changed(&self, notification: &Notification) {
        let pod = notification.object();
        let is_gone = matches!(notification, Notification::Delete(_));
        self.process_pod(pod, !is_gone && !is_pod_terminal(pod));
        self.changed.notify_one();
    }

    /// Wants the volumes of a pod that has a node, or no longer wants them (`ProcessPodVolumes`).
    fn process_pod(&self, pod: &Value, is_wanted: bool) {
        let node: Text = pod["spec"]["nodeName"].str().into();
        if node.is_empty() || !self.desired.borrow().has_node(&node) {
            return;
        }
        for volume in self.volumes_of(pod) {
            let Some(name) = self.attachable_name(&volume) else { continue };
            let mut desired = self.desired.borrow_mut();
            if is_wanted {
                desired.add(pod, &name, &volume, &node);
            } else {
                desired.remove(pod.uid(), &name, &node);
            }
        }
    }

    /// Gives the volumes of a pod's bound claims, as far as the caches show them.
    fn volumes_of(&self, pod: &Value) -> Vec<Value> {
        let find = |name: String| {
            let claim = self.claims.get(pod.namespace(), &name)?;
            if claim["status"]["phase"] != "Bound" {
                return None;
            }
            let volume = self.volumes.get("", claim["spec"]["volumeName"].str())?;
            (volume["spec"]["claimRef"]["uid"] == claim.uid()).then_some(volume)
        };
        claim_names(pod).into_iter().filter_map(find).collect()
    }

    /// Gives the name of a volume that has to be attached before it is used.
    fn attachable_name(&self, volume: &Value) -> Option<Text> {
        let driver = self.drivers.get("", volume["spec"]["csi"]["driver"].str());
        unique_name(volume).filter(|_| needs_attach(driver.as_ref()))
    }

    /// Looks again at the pods of a claim that may have been bound meanwhile.
    fn claim_changed(&self, key: &ObjectKey) {
        let Some(claim) = self.claims.get_key(key) else { return };
        if claim["status"]["phase"] != "Bound" || claim["spec"]["volumeName"].str().is_empty() {
            return;
        }
        for pod in self.pods.list_in(&key.namespace) {
            if !is_pod_terminal(&pod) && claim_names(&pod).iter().any(|name| **name == *key.name) {
                self.process_pod(&pod, true);
            }
        }
        self.changed.notify_one();
    }

    fn node_changed(&self, notification: &Notification) {
        let node = notification.object();
        let name: Text = node.name().into();
        let is_gone = matches!(notification, Notification::Delete(_));
        if is_gone {
            self.desired.borrow_mut().remove_node(&name);
        } else {
            self.manage(node);
        }
        let mut actual = self.actual.borrow_mut();
        actual.set_in_use(&name, names(&node["status"]["volumesInUse"]));
        if matches!(notification, Notification::Add(_)) {
            // Whoever made the node anew may have lost what its status said.
            actual.report_again(&name);
        }
        self.changed.notify_one();
    }

    fn manage(&self, node: &Value) {
        if node.annotation(MANAGED).is_some() {
            self.desired.borrow_mut().add_node(&node.name().into());
        }
    }

    // ----- at the start -----

    /// Takes over what nodes' statuses and attachments say is attached.
    fn populate_actual(&self) {
        for node in self.nodes.list() {
            let name: Text = node.name().into();
            for attached in node["status"]["volumesAttached"].items() {
                // Which volume it is becomes known with the pod that uses it; without one it is only detached.
                let volume: Text = attached["name"].str().into();
                self.actual.borrow_mut().mark(&volume, &Value::Null, &name, true);
            }
            self.actual.borrow_mut().set_in_use(&name, names(&node["status"]["volumesInUse"]));
            self.manage(&node);
        }
        for attachment in self.attachments.list() {
            let node: Text = attachment["spec"]["nodeName"].str().into();
            let volume = attachment["spec"]["source"]["persistentVolumeName"].str();
            let Some(volume) = self.volumes.get("", volume) else { continue };
            let Some(name) = self.attachable_name(&volume) else { continue };
            // One that no status shows is left from before: it is attached once more, or detached.
            if self.actual.borrow().state(&name, &node) == State::Detached {
                self.actual.borrow_mut().mark(&name, &volume, &node, false);
            }
        }
    }

    fn populate_desired(&self) {
        for pod in self.pods.list() {
            self.process_pod(&pod, !is_pod_terminal(&pod));
            let node: Text = pod["spec"]["nodeName"].str().into();
            for volume in self.volumes_of(&pod) {
                let Some(name) = self.attachable_name(&volume) else { continue };
                if self.actual.borrow().state(&name, &node) == State::Attached {
                    self.actual.borrow_mut().mark(&name, &volume, &node, true);
                }
            }
        }
    }

    // ----- what handlers may have missed -----

    /// Drops pods that are gone every minute, and looks at all pods every three
    /// (`populator/desired_state_of_world_populator.go`).
    async fn populate_for_ever(self: Rc<Self>) {
        let ctx = self.context.sim().clone();
        let mut listed = None;
        loop {
            self.drop_pods_that_are_gone();
            if listed.is_none_or(|at| ctx.now().since(at) >= ATTACH_LIST_PODS_PERIOD) {
                listed = Some(ctx.now());
                for pod in self.pods.list().iter().filter(|pod| !is_pod_terminal(pod)) {
                    self.process_pod(pod, true);
                }
            }
            self.changed.notify_one();
            ctx.sleep(ATTACH_POPULATE_PERIOD).await;
        }
    }

    fn drop_pods_that_are_gone(&self) {
        let uses = self.desired.borrow().uses();
        for used in uses {
            let present = self.pods.get(used.pod.namespace(), used.pod.name());
            let is_there = present.is_some_and(|pod| pod.uid() == used.pod.uid() && !is_pod_terminal(&pod));
            if !is_there || !needs_attach(self.driver_of(&used.volume).as_ref()) {
                self.desired.borrow_mut().remove(used.pod.uid(), &used.volume, &used.node);
            }
        }
    }
}
