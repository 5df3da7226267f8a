//! The persistent volume binder (`pkg/controller/volume/persistentvolume`).
//!
//! One worker for claims and one for volumes. Beside the informers' stores it keeps the newest version of each object
//! that it saw or wrote, so that it never acts on an older one. What fails is tried again at the next change, or at the
//! latest when everything is looked at anew.

mod claims;
mod matching;
mod newest;
mod operations;
mod reclaim;
mod volumes;
mod writes;

use crate::constants::VOLUME_RESYNC;
use crate::controllers::ControllerContext;
use crate::kinds::{CLAIMS, STORAGECLASSES, VOLUMES};
use crate::machinery::{ApiError, Client, Lister, ObjectKey, WorkQueue};
use newest::Newest;
use operations::Operations;
use std::rc::Rc;

#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error(transparent)]
    Api(#[from] ApiError),
    /// Somebody took the mark of a finished binding away.
    #[error("claim {claim} is bound to volume {volume}, which is claimed by {holder}")]
    Misbound { claim: String, volume: String, holder: String },
}

struct Binder {
    context: ControllerContext,
    client: Rc<Client>,
    claims: Lister,
    volumes: Lister,
    classes: Lister,
    known_claims: Newest,
    known_volumes: Newest,
    claim_queue: Rc<WorkQueue<ObjectKey>>,
    volume_queue: Rc<WorkQueue<ObjectKey>>,
    operations: Rc<Operations>,
}

/// Runs the controller.
pub(in crate::controllers) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    let binder = Rc::new(Binder {
        client: context.client("persistent-volume-binder"),
        claims: context.lister(&CLAIMS),
        volumes: context.lister(&VOLUMES),
        classes: context.lister(&STORAGECLASSES),
        known_claims: Newest::default(),
        known_volumes: Newest::default(),
        claim_queue: WorkQueue::new(&ctx, "claims"),
        volume_queue: WorkQueue::new(&ctx, "volumes"),
        operations: Operations::new(&ctx),
        context,
    });
    let queue = binder.claim_queue.clone();
    binder.claims.informer().handle(move |n| queue.add(ObjectKey::of(n.object())));
    let queue = binder.volume_queue.clone();
    binder.volumes.informer().handle(move |n| queue.add(ObjectKey::of(n.object())));
    for lister in [&binder.claims, &binder.volumes, &binder.classes] {
        lister.informer().wait_for_sync().await;
    }
    binder.known_claims.fill(&binder.claims.list());
    binder.known_volumes.fill(&binder.volumes.list());
    ctx.spawn("volume-worker", binder.clone().work_on_volumes());
    ctx.spawn("claim-worker", binder.clone().work_on_claims());
    loop {
        binder.look_at_everything();
        ctx.sleep(VOLUME_RESYNC).await;
    }
}

impl Binder {
    fn look_at_everything(&self) {
        for claim in self.claims.list() {
            self.claim_queue.add(ObjectKey::of(&claim));
        }
        for volume in self.volumes.list() {
            self.volume_queue.add(ObjectKey::of(&volume));
        }
    }

    async fn work_on_claims(self: Rc<Self>) {
        loop {
            let key = self.claim_queue.get().await;
            self.tell(&key, self.process_claim(&key).await);
            self.claim_queue.done(&key);
        }
    }

    async fn work_on_volumes(self: Rc<Self>) {
        loop {
            let key = self.volume_queue.get().await;
            self.tell(&key, self.process_volume(&key).await);
            self.volume_queue.done(&key);
        }
    }

    fn tell(&self, key: &ObjectKey, outcome: Result<(), SyncError>) {
        if let Err(error) = outcome {
            self.context.sim().trace("sync-failed", "persistentvolume-binder", || format!("{key}: {error}"));
        }
    }

    async fn process_claim(self: &Rc<Self>, key: &ObjectKey) -> Result<(), SyncError> {
        match self.claims.get_key(key) {
            Some(claim) if self.known_claims.put(&claim) => self.sync_claim(&claim).await,
            Some(_) => Ok(()),
            None => {
                if let Some(claim) = self.known_claims.remove(key) {
                    self.claim_deleted(&claim);
                }
                Ok(())
            }
        }
    }

    async fn process_volume(self: &Rc<Self>, key: &ObjectKey) -> Result<(), SyncError> {
        match self.volumes.get_key(key) {
            Some(volume) if self.known_volumes.put(&volume) => self.sync_volume(volume).await,
            Some(_) => Ok(()),
            None => {
                if let Some(volume) = self.known_volumes.remove(key) {
                    self.volume_deleted(&volume);
                }
                Ok(())
            }
        }
    }
}
