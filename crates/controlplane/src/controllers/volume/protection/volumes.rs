//! A volume stays as long as it is bound.

use super::{may_lose, needs, with_finalizer, without_finalizer};
use crate::controllers::ControllerContext;
use crate::kinds::VOLUMES;
use crate::machinery::{ApiError, Client, Notification, WorkQueue, run_workers};
use object::{ObjectExt, Value};

const FINALIZER: &str = "kubernetes.io/pv-protection";

/// Runs the controller.
pub(in crate::controllers) async fn run(context: ControllerContext) {
    let client = context.client("pv-protection-controller");
    let volumes = context.lister(&VOLUMES);
    let queue = WorkQueue::new(context.sim(), "pv-protection");
    let adding = queue.clone();
    volumes.informer().handle(move |notification| {
        let volume = notification.object();
        let is_there = !matches!(notification, Notification::Delete(_));
        if is_there && (needs(volume, FINALIZER) || may_lose(volume, FINALIZER)) {
            adding.add(volume.name().to_owned());
        }
    });
    volumes.informer().wait_for_sync().await;
    run_workers(context.sim(), &queue, 1, move |name: String| {
        let (client, volume) = (client.clone(), volumes.get("", &name));
        async move {
            match volume {
                Some(volume) => protect(&client, &volume).await,
                None => Ok(()),
            }
        }
    });
    std::future::pending::<()>().await;
}

async fn protect(client: &Client, volume: &Value) -> Result<(), ApiError> {
    let next = if may_lose(volume, FINALIZER) && volume["status"]["phase"] != "Bound" {
        without_finalizer(volume, FINALIZER)
    } else if needs(volume, FINALIZER) {
        with_finalizer(volume, FINALIZER)
    } else {
        return Ok(());
    };
    match client.update(&VOLUMES, &next).await {
        Err(error) if error.is_not_found() => Ok(()),
        other => other.map(|_| ()),
    }
}
