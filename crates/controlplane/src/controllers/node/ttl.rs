//! The node TTL controller: tells kubelets how long they may cache secrets, by the size of the cluster
//! (`pkg/controller/ttl/ttl_controller.go`).

use crate::controllers::ControllerContext;
use crate::kinds::NODES;
use crate::machinery::{Notification, WorkQueue, run_workers};
use object::{ObjectExt, value};
use std::rc::Rc;

const ANNOTATION: &str = "node.alpha.kubernetes.io/ttl";
/// From how many nodes on, down to how many, and the seconds that then hold.
const STEPS: [(usize, usize, u32); 5] =
    [(0, 100, 0), (90, 500, 15), (450, 1000, 30), (900, 2000, 60), (1800, 10_000, 300)];

pub(in crate::controllers) async fn run(context: ControllerContext) {
    let client = context.client("ttl-controller");
    let nodes = context.lister(&NODES);
    let queue = WorkQueue::new(context.sim(), "ttl");
    let adding = queue.clone();
    nodes.informer().handle(move |notification| {
        if !matches!(notification, Notification::Delete(_)) {
            adding.add(notification.object().name().to_owned());
        }
    });
    nodes.informer().wait_for_sync().await;
    let step = Rc::new(std::cell::Cell::new(0_usize));
    run_workers(context.sim(), &queue, 1, move |name: String| {
        let (client, nodes, step) = (client.clone(), nodes.clone(), step.clone());
        async move {
            // The bounds overlap, so that a cluster at an edge does not go back and forth.
            let count = nodes.len();
            while count > STEPS[step.get()].1 && step.get() + 1 < STEPS.len() {
                step.set(step.get() + 1);
            }
            while count < STEPS[step.get()].0 && step.get() > 0 {
                step.set(step.get() - 1);
            }
            let wanted = STEPS[step.get()].2.to_string();
            let Some(node) = nodes.get("", &name) else { return Ok(()) };
            if node.annotation(ANNOTATION) == Some(&wanted) {
                return Ok(());
            }
            let patch = value!({"metadata": {"annotations": {ANNOTATION: wanted}}});
            client.merge_patch(&NODES, "", &name, "", patch).await.map(|_| ())
        }
    });
    std::future::pending::<()>().await;
}
