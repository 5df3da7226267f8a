//! Deciding whether an object goes with its owners, and letting go of those of a deleted owner
//! (`pkg/controller/garbagecollector/garbagecollector.go`).

use super::graph::{Identity, Node};
use super::{FOREGROUND, GarbageCollector, GcError, ORPHAN};
use crate::controllers::discovery;
use futures_util::future::join_all;
use object::{ObjectExt, OwnerReference, Value};

/// The owners of an object, by what became of them.
#[derive(Default)]
struct Owners {
    /// How many are there.
    solid: usize,
    /// Uids of owners that are not.
    dangling: Vec<String>,
    /// Uids of owners that wait for their dependents to be deleted.
    waiting: Vec<String>,
}

impl GarbageCollector {
    /// Looks at a node that may have to go (`attemptToDeleteWorker`).
    pub(super) async fn attempt_to_delete(&self, node: Node) -> Result<(), GcError> {
        if !node.is_observed() {
            // The node may have been shown or removed since it was put into the queue.
            let known = self.builder.graph.get(&node.identity().uid);
            if known.is_none_or(|known| known.is_observed()) {
                return Ok(());
            }
        }
        match self.attempt_to_delete_item(&node).await {
            // The graph's builder goes on from here.
            Err(GcError::Absent) => Ok(()),
            // Trying again would change nothing.
            Err(GcError::NamespacedOwner) => Ok(()),
            // One that was created and deleted while the watch was broken would stay virtual for ever
            // (kubernetes#56121).
            Ok(()) if !node.is_observed() => Err(GcError::NotObserved),
            other => other,
        }
    }

    /// Deletes an object if it is still the one of this uid and none of its owners is there.
    async fn attempt_to_delete_item(&self, node: &Node) -> Result<(), GcError> {
        if node.is_being_deleted() && !node.is_deleting_dependents() {
            return Ok(());
        }
        let latest = match self.get_object(node.identity()).await {
            Err(GcError::Api(error)) if error.is_not_found() => return self.found_absent(node),
            other => other?,
        };
        if latest.uid() != &*node.identity().uid {
            return self.found_absent(node);
        }
        if node.is_deleting_dependents() {
            return self.process_deleting_dependents(node).await;
        }
        if latest.owners().next().is_none() {
            return Ok(());
        }
        let owners = self.classify(node, &latest).await?;
        if owners.solid > 0 {
            let gone: Vec<&str> = owners.dangling.iter().chain(&owners.waiting).map(String::as_str).collect();
            return if gone.is_empty() { Ok(()) } else { self.remove_owners(node, &gone).await };
        }
        let propagation = if !owners.waiting.is_empty() && node.has_dependents() {
            // Two objects that each wait for the other would wait for ever.
            if node.dependents().iter().any(Node::is_deleting_dependents) {
                self.unblock_owners(node).await?;
            }
            "Foreground"
        } else if latest.has_finalizer(ORPHAN) {
            "Orphan"
        } else if latest.has_finalizer(FOREGROUND) {
            "Foreground"
        } else {
            "Background"
        };
        match self.delete_object(node.identity(), &latest, propagation).await {
            Err(GcError::Api(error)) if error.is_not_found() => self.found_absent(node),
            other => other,
        }
    }

    fn found_absent(&self, node: &Node) -> Result<(), GcError> {
        self.builder.enqueue_virtual_delete(node.identity());
        Err(GcError::Absent)
    }

    async fn process_deleting_dependents(&self, node: &Node) -> Result<(), GcError> {
        let blocking = node.blocking_dependents();
        if blocking.is_empty() {
            return self.remove_finalizer(node, FOREGROUND).await;
        }
        for dependent in blocking.into_iter().filter(|dependent| !dependent.is_deleting_dependents()) {
            self.builder.attempt_to_delete.add(dependent);
        }
        Ok(())
    }

    async fn classify(&self, node: &Node, latest: &Value) -> Result<Owners, GcError> {
        let mut owners = Owners::default();
        for reference in latest.owners() {
            match self.find_owner(&reference, node).await? {
                None => owners.dangling.push(reference.uid.to_owned()),
                Some(owner) if owner.is_deleting() && owner.has_finalizer(FOREGROUND) => {
                    owners.waiting.push(reference.uid.to_owned());
                }
                Some(_) => owners.solid += 1,
            }
        }
        Ok(owners)
    }

    /// Gives the owner that a reference names, none if there is no such object of that uid (`isDangling`). The API is
    /// asked, since our caches may be old; only absence is remembered.
    async fn find_owner(
        &self,
        reference: &OwnerReference<'_>,
        node: &Node,
    ) -> Result<Option<Value>, GcError> {
        let namespace = &*node.identity().namespace;
        let absent = &self.builder.absent_owners;
        if absent.has(&Identity::of_owner(reference, ""))
            || absent.has(&Identity::of_owner(reference, namespace))
        {
            return Ok(None);
        }
        let Some((resource, namespaced)) =
            discovery::mapping(self.context.schema, reference.api_version, reference.kind)
        else {
            return Err(GcError::Mapping {
                api_version: reference.api_version.into(),
                kind: reference.kind.into(),
            });
        };
        if namespace.is_empty() && namespaced {
            return Err(GcError::NamespacedOwner);
        }
        let namespace = if namespaced { namespace } else { "" };
        match self.client.get(&resource, namespace, reference.name).await {
            Ok(owner) if owner.uid() == reference.uid => Ok(Some(owner)),
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => {
                absent.add(Identity::of_owner(reference, namespace));
                Ok(None)
            }
        }
    }

    /// Lets the dependents of a deleted owner go, and then the owner (`attemptToOrphanWorker`).
    pub(super) async fn attempt_to_orphan(&self, owner: Node) -> Result<(), GcError> {
        let uid = owner.identity().uid.clone();
        let (dependents, uids) = (owner.dependents(), [&*uid]);
        let removals = dependents.iter().map(|dependent| self.remove_owners(dependent, &uids));
        let mut failed = None;
        for outcome in join_all(removals).await {
            match outcome {
                Err(GcError::Api(error)) if error.is_not_found() => {}
                Err(error) => failed = Some(error),
                Ok(()) => {}
            }
        }
        match failed {
            Some(error) => Err(error),
            None => self.remove_finalizer(&owner, ORPHAN).await,
        }
    }
}
