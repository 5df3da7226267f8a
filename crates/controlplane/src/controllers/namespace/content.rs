//! Deleting what a namespace holds (`pkg/controller/namespace/deletion/namespaced_resources_deleter.go`).

use super::conditions::{Findings, Remaining};
use super::{NamespaceController, NamespaceError};
use crate::constants::NAMESPACE_FINALIZER_ESTIMATE_S;
use crate::controllers::discovery;
use crate::kinds::{NAMESPACES, PODS};
use crate::machinery::{ApiError, DeleteOptions, ListScope, is_pod_terminal};
use apiserver::Request;
use object::{GroupVersionResource, ObjectExt, Time, Value};
use schema::{Resource, Verb};
use std::collections::BTreeMap;

/// What became of the objects of one resource.
#[derive(Default)]
struct Deletion {
    /// Seconds until what is left is gone, as far as can be told.
    estimate_s: u64,
    left: usize,
    by_finalizer: BTreeMap<String, usize>,
}

/// A round of deletion over all resources.
#[derive(Default)]
struct Round {
    estimate_s: u64,
    /// What was done wrong, as the caller is told.
    errors: Vec<String>,
    findings: Findings,
    remaining: Remaining,
}

impl Round {
    fn take_in(&mut self, resource: &GroupVersionResource, deletion: Deletion) {
        self.estimate_s = self.estimate_s.max(deletion.estimate_s);
        if deletion.left > 0 {
            self.remaining.by_resource.insert(resource.clone(), deletion.left);
            for (finalizer, count) in deletion.by_finalizer {
                *self.remaining.by_finalizer.entry(finalizer).or_default() += count;
            }
        }
    }
}

impl NamespaceController {
    /// Deletes what a namespace holds, and gives how many seconds it will take until the rest is gone; zero when
    /// nothing is left. The findings are shown in the namespace's status.
    pub(super) async fn delete_content(&self, namespace: &mut Value) -> Result<u64, NamespaceError> {
        let mut round = Round::default();
        let pods_first = self.context.gates.enabled("OrderedNamespaceDeletion");
        if pods_first {
            let (deletion, error) = self.delete_all(&PODS, Verb::ALL.as_slice(), namespace).await;
            round.take_in(&PODS, deletion);
            if let Some(error) = error {
                let name = namespace.name();
                round.errors.push(format!("failed to delete pods for namespace: {name}, err: {error}"));
                round.findings.errors.push(error);
            }
            if !round.remaining.by_resource.is_empty() {
                return self.end(namespace, round).await;
            }
        }
        for resource in self.resources(namespace.name()) {
            let name = resource.group_version_resource();
            if pods_first && name == *PODS {
                continue;
            }
            let verbs: Vec<Verb> = resource.verbs.iter().collect();
            let (deletion, error) = self.delete_all(&name, &verbs, namespace).await;
            round.take_in(&name, deletion);
            if let Some(error) = error {
                round.errors.push(error.clone());
                round.findings.errors.push(error);
            }
        }
        round.findings.remaining = Some(std::mem::take(&mut round.remaining));
        self.end(namespace, round).await
    }

    /// Gives the resources that can be deleted, in the order that chance gives them: upstream walks through a map.
    fn resources(&self, namespace: &str) -> Vec<&'static Resource> {
        let mut ordered = discovery::preferred(self.context.schema, &[Verb::Delete]);
        ordered.retain(|resource| resource.namespaced);
        for end in (1..ordered.len()).rev() {
            let other = self.context.sim().choose("namespace-resources", namespace, end as u64 + 1);
            ordered.swap(end, usize::try_from(other).expect("it is at most a few dozen"));
        }
        ordered
    }

    async fn end(&self, namespace: &mut Value, round: Round) -> Result<u64, NamespaceError> {
        if round.findings.show_in(namespace, self.context.now())
            && let Err(error) = self.client.update_status(&NAMESPACES, namespace).await
        {
            // The next round shows it.
            let name = namespace.name().to_owned();
            self.context.sim().trace("status-failed", "namespace", || format!("{name}: {error}"));
        }
        if round.errors.is_empty() {
            Ok(round.estimate_s)
        } else {
            Err(NamespaceError::Content(round.errors))
        }
    }

    /// Deletes the objects of one resource, and looks at what is left of them.
    async fn delete_all(
        &self,
        resource: &GroupVersionResource,
        verbs: &[Verb],
        namespace: &Value,
    ) -> (Deletion, Option<String>) {
        let name = namespace.name();
        let mut deletion = Deletion::default();
        match self.estimate_s(resource, namespace).await {
            Ok(estimate_s) => deletion.estimate_s = estimate_s,
            Err(error) => return (deletion, Some(error.to_string())),
        }
        if let Err(error) = self.request_deletion(resource, verbs, name).await {
            return (deletion, Some(error.to_string()));
        }
        if !verbs.contains(&Verb::List) {
            return (deletion, None);
        }
        let left = match self.list(resource, name).await {
            Ok(left) => left,
            Err(error) => return (deletion, Some(error.to_string())),
        };
        if left.is_empty() {
            return (Deletion::default(), None);
        }
        deletion.left = left.len();
        for finalizer in left.iter().flat_map(|object| object["metadata"]["finalizers"].items()) {
            *deletion.by_finalizer.entry(finalizer.str().to_owned()).or_default() += 1;
        }
        if deletion.estimate_s > 0 {
            return (deletion, None);
        }
        if !deletion.by_finalizer.is_empty() {
            deletion.estimate_s = NAMESPACE_FINALIZER_ESTIMATE_S;
            return (deletion, None);
        }
        let GroupVersionResource { group, version, resource } = resource;
        let error = format!(
            "unexpected items still remain in namespace: {name} for gvr: {group}/{version}, Resource={resource}"
        );
        (deletion, Some(error))
    }

    async fn request_deletion(
        &self,
        resource: &GroupVersionResource,
        verbs: &[Verb],
        namespace: &str,
    ) -> Result<(), ApiError> {
        if verbs.contains(&Verb::DeleteCollection) {
            let request = Request::delete_collection(resource, namespace)
                .with(|options| options.propagation_policy = Some("Background".into()));
            match self.content_client.request(request).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_not_found() || error.code() == 405 => {}
                Err(error) => return Err(error),
            }
        }
        if !verbs.contains(&Verb::List) {
            return Ok(());
        }
        let options = DeleteOptions { propagation: Some("Background"), ..DeleteOptions::default() };
        for object in self.list(resource, namespace).await? {
            match self.content_client.delete(resource, namespace, object.name(), &options).await {
                Err(error) if !error.is_not_found() && error.code() != 405 => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    async fn list(&self, resource: &GroupVersionResource, namespace: &str) -> Result<Vec<Value>, ApiError> {
        let scope = ListScope { namespace: namespace.into(), ..ListScope::default() };
        match self.content_client.list_newest(resource, &scope).await {
            Err(error) if error.is_not_found() || error.code() == 405 => Ok(Vec::new()),
            other => other.map(|listed| listed.items),
        }
    }

    /// Gives how many seconds the objects of a resource may take to end: pods have a grace, which counts from the
    /// namespace's deletion.
    async fn estimate_s(&self, resource: &GroupVersionResource, namespace: &Value) -> Result<u64, ApiError> {
        if resource.group_resource() != PODS.group_resource() {
            return Ok(0);
        }
        let scope = ListScope { namespace: namespace.name().into(), ..ListScope::default() };
        let pods = self.client.list_newest(&PODS, &scope).await?.items;
        let graces = pods
            .iter()
            .filter(|pod| !is_pod_terminal(pod))
            .map(|pod| u64::try_from(pod["spec"]["terminationGracePeriodSeconds"].int()).unwrap_or(0));
        let longest_s = graces.max().unwrap_or(0);
        let deleted = Time::parse(namespace["metadata"]["deletionTimestamp"].str());
        let since = deleted.map(|deleted| self.context.now().since(deleted)).unwrap_or_default();
        Ok(if since.as_secs() >= longest_s { 0 } else { longest_s })
    }
}
