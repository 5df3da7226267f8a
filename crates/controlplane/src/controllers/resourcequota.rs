//! The resource quota controller (`pkg/controller/resourcequota`): what the quotas of a namespace limit, and what of it
//! is used.
//!
//! The API server charges new objects to a quota's status. This controller says what is limited, computes what is used
//! from what its informers show, and does so again when something goes: if they are old, so is the usage, and more is
//! admitted than the quota allows.

mod usage;

use super::{ControllerContext, discovery};
use crate::constants::{QUOTA_RESYNC, QUOTA_WORKERS};
use crate::kinds::QUOTAS;
use crate::machinery::{
    ApiError, Client, Lister, Notification, ObjectKey, PENDING_MAX, WorkQueue, run_workers,
};
use apiserver::quota::{amounts, counts};
use object::{GroupResource, ObjectExt, Text, Value, value};
use schema::Verb;
use sim::sync::{Receiver, UnboundedSender, unbounded};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Something went, or became less: quotas of this namespace that count this resource are computed anew.
struct Replenishment {
    resource: GroupResource,
    namespace: Text,
}

struct QuotaController {
    context: ControllerContext,
    client: Rc<Client>,
    quotas: Lister,
    monitors: BTreeMap<GroupResource, Lister>,
    queue: Rc<WorkQueue<ObjectKey>>,
    /// Quotas that say nothing yet come first: as long as they do, nothing is admitted.
    priority_queue: Rc<WorkQueue<ObjectKey>>,
}

/// Runs the controller.
pub(super) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    context.informers_started().await;
    let (changes, replenishments) = unbounded("resource-changes", PENDING_MAX);
    let monitors = watch_quotable(&context, &changes);
    let controller = Rc::new(QuotaController {
        client: context.client("resourcequota-controller"),
        quotas: context.lister(&QUOTAS),
        monitors,
        queue: WorkQueue::new(&ctx, "resourcequota_primary"),
        priority_queue: WorkQueue::new(&ctx, "resourcequota_priority"),
        context,
    });
    let handler = controller.clone();
    controller.quotas.informer().handle(move |n| handler.quota_changed(n));
    ctx.spawn("replenish", controller.clone().replenish(replenishments));
    controller.quotas.informer().wait_for_sync().await;
    for monitor in controller.monitors.values() {
        monitor.informer().wait_for_sync().await;
    }
    for queue in [&controller.queue, &controller.priority_queue] {
        let syncing = controller.clone();
        run_workers(&ctx, queue, QUOTA_WORKERS, move |key| {
            let controller = syncing.clone();
            async move { controller.sync(key).await }
        });
    }
    loop {
        for quota in controller.quotas.list() {
            controller.queue.add(ObjectKey::of(&quota));
        }
        ctx.sleep(QUOTA_RESYNC).await;
    }
}

/// Watches all that can be counted (`GetQuotableResources`, `DefaultIgnoredResources`).
fn watch_quotable(
    context: &ControllerContext,
    changes: &UnboundedSender<Replenishment>,
) -> BTreeMap<GroupResource, Lister> {
    let verbs = [Verb::Create, Verb::List, Verb::Watch, Verb::Delete];
    let mut monitors = BTreeMap::new();
    for resource in discovery::preferred(context.schema, &verbs) {
        if !resource.namespaced || &*resource.plural == "events" {
            continue;
        }
        let lister = context.lister(&resource.group_version_resource());
        let (name, changes, context) = (resource.group_resource(), changes.clone(), context.clone());
        let handled = name.clone();
        lister.informer().handle(move |notification| {
            let matters = match notification {
                Notification::Add(_) => false,
                Notification::Update(old, new) => usage::may_fall(&handled, old, new, context.now()),
                Notification::Delete(_) => true,
            };
            if matters {
                let namespace = notification.object().namespace().into();
                let sent = changes.send(Replenishment { resource: handled.clone(), namespace });
                assert!(sent.is_ok(), "the quota controller is too far behind");
            }
        });
        monitors.insert(name, lister);
    }
    monitors
}

impl QuotaController {
    fn quota_changed(&self, notification: &Notification) {
        match notification {
            Notification::Add(quota) => self.add(quota),
            // The status is written by this controller and by admission, and is no reason to compute it.
            Notification::Update(old, new) if is_same(&old["spec"]["hard"], &new["spec"]["hard"]) => {}
            Notification::Update(_, quota) => self.add(quota),
            Notification::Delete(quota) => self.queue.add(ObjectKey::of(quota)),
        }
    }

    fn add(&self, quota: &Value) {
        let is_unsaid = !is_same(&quota["spec"]["hard"], &quota["status"]["hard"]);
        let mut limited = quota["status"]["hard"].entries();
        let is_unknown = limited.any(|(name, _)| {
            let used = &quota["status"]["used"][name.as_str()];
            used.is_null() && self.monitors.keys().any(|resource| counts(resource, name.as_str()))
        });
        let queue = if is_unsaid || is_unknown { &self.priority_queue } else { &self.queue };
        queue.add(ObjectKey::of(quota));
    }

    async fn replenish(self: Rc<Self>, mut replenishments: Receiver<Replenishment>) {
        while let Some(Replenishment { resource, namespace }) = replenishments.recv().await {
            for quota in self.quotas.list_in(&namespace) {
                let mut limited = quota["status"]["hard"].entries();
                if limited.any(|(name, _)| counts(&resource, name.as_str())) {
                    self.queue.add(ObjectKey::of(&quota));
                }
            }
        }
    }

    /// Says what a quota limits and what of it is used, if that differs from what its status says.
    async fn sync(&self, key: ObjectKey) -> Result<(), ApiError> {
        let Some(quota) = self.quotas.get_key(&key) else { return Ok(()) };
        let (hard, status) = (&quota["spec"]["hard"], &quota["status"]);
        let mut used = amounts(&status["used"]);
        used.extend(usage::compute(&quota, &self.monitors, self.context.now()));
        used.retain(|name, _| !hard[name.as_str()].is_null());
        let is_dirty = status["hard"].is_null()
            || status["used"].is_null()
            || !is_same(hard, &status["hard"])
            || used != amounts(&status["used"]);
        if !is_dirty {
            return Ok(());
        }
        let mut shown = value!({});
        for (name, amount) in used {
            shown.set(&[name.as_str()], amount.to_string());
        }
        let mut next = quota.clone();
        next.set(&["status"], value!({"hard": hard, "used": shown}));
        self.client.update_status(&QUOTAS, &next).await.map(|_| ())
    }
}

/// Tells whether two maps hold the same amounts, however they are written.
fn is_same(one: &Value, other: &Value) -> bool {
    amounts(one) == amounts(other)
}
