//! Taint eviction: pods leave nodes with NoExecute taints, at once or when their toleration runs out
//! (`pkg/controller/tainteviction`).

use super::disrupt;
use crate::controllers::ControllerContext;
use crate::kinds::{NODES, PODS};
use crate::machinery::{Client, Lister, Notification, ObjectKey};
use crate::scheduler::tolerates;
use object::{ObjectExt, Value};
use sim::Instant;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// How often a deletion that fails is tried again (`timed_workers`, `retries`).
const TRIES_MAX: u32 = 5;
const RETRY_PAUSE: Duration = Duration::from_millis(10);

struct Planned {
    uid: String,
    since: Instant,
    due: Instant,
}

struct Evictor {
    context: ControllerContext,
    client: Rc<Client>,
    pods: Lister,
    nodes: Lister,
    planned: RefCell<BTreeMap<ObjectKey, Planned>>,
}

pub(in crate::controllers) async fn run(context: ControllerContext) {
    let evictor = Rc::new(Evictor {
        client: context.client("taint-eviction-controller"),
        pods: context.lister(&PODS),
        nodes: context.lister(&NODES),
        planned: RefCell::default(),
        context,
    });
    let handler = evictor.clone();
    evictor.pods.informer().handle(move |notification| handler.pod_changed(notification));
    let handler = evictor.clone();
    evictor.nodes.informer().handle(move |notification| handler.node_changed(notification));
    std::future::pending::<()>().await;
}

fn no_execute(node: &Value) -> Vec<Value> {
    node["spec"]["taints"].items().iter().filter(|taint| taint["effect"] == "NoExecute").cloned().collect()
}

impl Evictor {
    fn pod_changed(self: &Rc<Self>, notification: &Notification) {
        let pod = notification.object();
        if matches!(notification, Notification::Delete(_)) {
            self.planned.borrow_mut().remove(&ObjectKey::of(pod));
            return;
        }
        if let Notification::Update(old, new) = notification
            && old["spec"]["tolerations"] == new["spec"]["tolerations"]
            && old["spec"]["nodeName"] == new["spec"]["nodeName"]
        {
            return;
        }
        if let Some(node) = self.nodes.get("", pod["spec"]["nodeName"].str()) {
            self.consider(pod, &no_execute(&node));
        }
    }

    fn node_changed(self: &Rc<Self>, notification: &Notification) {
        let node = notification.object();
        if let Notification::Update(old, new) = notification
            && no_execute(old) == no_execute(new)
        {
            return;
        }
        let taints =
            if matches!(notification, Notification::Delete(_)) { Vec::new() } else { no_execute(node) };
        for pod in self.pods.on_node(node.name()) {
            self.consider(&pod, &taints);
        }
    }

    /// Plans, keeps or cancels a pod's eviction.
    fn consider(self: &Rc<Self>, pod: &Value, taints: &[Value]) {
        let key = ObjectKey::of(pod);
        if taints.is_empty() {
            self.planned.borrow_mut().remove(&key);
            return;
        }
        let now = self.context.sim().now();
        let tolerations = pod["spec"]["tolerations"].items();
        let used: Option<Vec<&Value>> =
            taints.iter().map(|taint| tolerations.iter().find(|t| tolerates(t, taint))).collect();
        let due = match used {
            None => now,
            Some(used) => {
                let limits = used.iter().filter_map(|t| t["tolerationSeconds"].as_i64());
                let Some(shortest) = limits.min() else {
                    self.planned.borrow_mut().remove(&key);
                    return;
                };
                now + Duration::from_secs(u64::try_from(shortest).unwrap_or(0))
            }
        };
        let before = self.planned.borrow().get(&key).map(|p| (p.uid == pod.uid(), p.since, p.due));
        let since = match before {
            // What was planned stays, unless the pod now has to go sooner.
            Some((true, _, planned)) if planned <= due => return,
            Some((true, since, _)) => since,
            _ => now,
        };
        self.planned.borrow_mut().insert(key.clone(), Planned { uid: pod.uid().to_owned(), since, due });
        let evictor = self.clone();
        self.context.sim().spawn("evict", async move { evictor.evict(key, due).await });
    }

    async fn evict(self: Rc<Self>, key: ObjectKey, due: Instant) {
        let ctx = self.context.sim();
        ctx.sleep_until(due).await;
        if self.planned.borrow().get(&key).is_none_or(|planned| planned.due != due) {
            return;
        }
        for _ in 0..TRIES_MAX {
            let Some(pod) = self.pods.get_key(&key) else { return };
            let why = ("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint");
            match disrupt(&self.client, &pod, why, self.context.now()).await {
                Ok(()) => return,
                Err(error) if error.is_not_found() => return,
                Err(_) => ctx.sleep(RETRY_PAUSE).await,
            }
        }
    }
}
