//! Deleting objects: preconditions, grace, finalizers, dependents.
//!
//! Upstream: `rest.BeforeDelete` and `Store.Delete` of `k8s.io/apiserver`, and the namespaces' own `Delete`.

use crate::call::{Call, commit_refusal};
use crate::driver::{CommitError, Driver, ReadAt};
use crate::kinds::pod_is_finished;
use crate::meta::{FOREGROUND, ORPHAN};
use crate::options::{Options, Preconditions};
use crate::response::{Body, Response};
use crate::status::{OPTIMISTIC_LOCK, Refusal};
use crate::traits::Dependents;
use object::{GroupResource, ObjectExt, Time, Value, value};
use std::time::Duration;
use store::{Op, Precondition, Transaction, Unmet};

/// How often a deletion is computed anew because another write came first.
const ATTEMPTS_MAX: usize = 1_000;

/// What came of a deletion.
pub(crate) struct Deleted {
    /// The object as it was last.
    pub object: Value,
    /// Whether it is gone, or only marked.
    pub gone: bool,
}

/// What a deletion does to a stored object.
enum Step {
    /// It is stored with these marks, and ends later.
    Mark(Value),
    /// It is stored with these marks and then removed.
    MarkAndRemove(Value),
    /// It is removed.
    Remove,
    /// Its deletion is under way and is not hastened.
    Pending,
}

impl<D: Driver> Call<'_, D> {
    /// Answers with what came of the deletion.
    pub async fn delete(&self) -> Result<Response, Refusal> {
        let options = &self.request.options;
        let deleted = self.delete_named(&self.request.name, options).await?;
        let code = if !deleted.gone && options.orphan_dependents == Some(false) { 202 } else { 200 };
        let mut response = Response::object(code, self.deletion_body(deleted));
        response.warnings.extend(self.orphan_warning(options));
        Ok(response)
    }

    /// Most kinds answer with a Status once the object is gone.
    fn deletion_body(&self, deleted: Deleted) -> Value {
        if !deleted.gone || self.traits.returns_deleted {
            return self.shown(deleted.object);
        }
        let mut details = value!({"name": deleted.object.name(), "kind": &self.storage.resource});
        details.set_or_omit(&["group"], &self.storage.group);
        details.set_or_omit(&["uid"], deleted.object.uid());
        value!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
    }

    fn orphan_warning(&self, options: &Options) -> Option<String> {
        let silent = options.propagation_policy.is_none() && options.orphan_dependents.is_none();
        let is_job = (&*self.storage.group, &*self.storage.resource) == ("batch", "jobs");
        (silent && is_job).then(|| {
            "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove \
             them or set propagationPolicy=Orphan to suppress this warning"
                .to_owned()
        })
    }

    /// Answers with the list of all objects that were deleted.
    pub async fn delete_collection(&self) -> Result<Response, Refusal> {
        let list = self.listed().await?;
        for object in &list.items {
            match self.delete_in(object.namespace(), object.name(), &self.request.options).await {
                Ok(_) => {}
                Err(refusal) if refusal.code() == 404 => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(Response {
            code: 200,
            body: Body::List(Box::new(list)),
            warnings: Vec::new(),
            retry_after_s: None,
        })
    }

    /// Deletes the object of a name in the request's namespace.
    pub async fn delete_named(&self, name: &str, options: &Options) -> Result<Deleted, Refusal> {
        self.delete_in(&self.request.namespace, name, options).await
    }

    async fn delete_in(&self, namespace: &str, name: &str, options: &Options) -> Result<Deleted, Refusal> {
        self.check_deletable(name)?;
        let absent = || Refusal::not_found(&self.storage, name);
        let read = self.read_other(&self.storage, namespace, name, ReadAt::Latest).await?;
        let mut object = read.ok_or_else(absent)?;
        let mut preconditions = options.preconditions.clone();
        if self.is_namespaces() && preconditions.uid.is_none() {
            preconditions.uid = object["metadata"]["uid"].as_text().cloned();
        }
        for _ in 0..ATTEMPTS_MAX {
            self.check_preconditions(&object, &preconditions)?;
            let step = self.deletion_step(&object, options);
            if options.is_dry_run() {
                return Ok(match step {
                    Step::Mark(marked) => Deleted { object: marked, gone: false },
                    Step::MarkAndRemove(marked) => Deleted { object: marked, gone: true },
                    Step::Remove => Deleted { object, gone: true },
                    Step::Pending => Deleted { object, gone: false },
                });
            }
            let outcome = match step {
                Step::Pending => return Ok(Deleted { object, gone: false }),
                Step::Remove => return self.remove(object, &preconditions, false).await,
                Step::Mark(marked) => self.mark(&object, marked).await?.map(|object| (object, false)),
                Step::MarkAndRemove(marked) => self.mark(&object, marked).await?.map(|object| (object, true)),
            };
            match outcome {
                Ok((marked, false)) => return Ok(Deleted { object: marked, gone: false }),
                Ok((marked, true)) => {
                    if preconditions.resource_version.is_some() {
                        // The mark was our own write.
                        preconditions.resource_version =
                            marked["metadata"]["resourceVersion"].as_text().cloned();
                    }
                    return self.remove(marked, &preconditions, true).await;
                }
                Err(current) => object = current.ok_or_else(absent)?,
            }
        }
        Err(Refusal::conflict(&self.storage, name, OPTIMISTIC_LOCK))
    }

    fn is_namespaces(&self) -> bool {
        self.storage.group.is_empty() && &*self.storage.resource == "namespaces"
    }

    /// The namespaces that the cluster needs stay.
    fn check_deletable(&self, name: &str) -> Result<(), Refusal> {
        if self.is_namespaces() && matches!(name, "default" | "kube-system" | "kube-public") {
            return Err(Refusal::forbidden(&self.storage, name, "this namespace may not be deleted"));
        }
        Ok(())
    }

    /// Checks what a deletion asks of the object.
    pub fn check_preconditions(&self, object: &Value, preconditions: &Preconditions) -> Result<(), Refusal> {
        if self.is_namespaces() {
            return self.check_namespace_preconditions(object, preconditions);
        }
        // Here the kind stands where the resource belongs: so it does upstream.
        let kind =
            || GroupResource { group: self.storage.group.clone(), resource: self.resource.kind.clone() };
        if let Some(uid) = preconditions.uid.as_ref().filter(|uid| ***uid != *object.uid()) {
            let why = format!(
                "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been \
                 deleted and then recreated",
                object.uid()
            );
            return Err(Refusal::conflict(&kind(), object.name(), &why));
        }
        let recorded = object["metadata"]["resourceVersion"].str();
        if let Some(asked) = preconditions.resource_version.as_ref().filter(|asked| ***asked != *recorded) {
            let why = format!(
                "the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion in record \
                 ({recorded}). The object might have been modified"
            );
            return Err(Refusal::conflict(&kind(), object.name(), &why));
        }
        Ok(())
    }

    /// Namespaces have a deletion of their own, with words of its own.
    fn check_namespace_preconditions(&self, object: &Value, asked: &Preconditions) -> Result<(), Refusal> {
        let recorded = object["metadata"]["resourceVersion"].str();
        for (name, asked, found) in
            [("UID", &asked.uid, object.uid()), ("ResourceVersion", &asked.resource_version, recorded)]
        {
            if let Some(asked) = asked.as_ref().filter(|asked| ***asked != *found) {
                let why = format!(
                    "Precondition failed: {name} in precondition: {asked}, {name} in object meta: {found}"
                );
                return Err(Refusal::conflict(&self.storage, object.name(), &why));
            }
        }
        Ok(())
    }

    /// Decides what to do with the object as it is stored.
    fn deletion_step(&self, object: &Value, options: &Options) -> Step {
        let now = self.driver.now();
        if self.is_namespaces() {
            return self.namespace_step(object, options, now);
        }
        let is_pod = self.storage.group.is_empty() && &*self.storage.resource == "pods";
        let finalizers = self.finalizers_for(object, options);
        let grace = if is_pod { Grace::of(object, options, now) } else { Grace::Unknown };
        match grace {
            Grace::Pending => Step::Pending,
            Grace::Set { seconds, deadline } => {
                let mut marked = object.clone();
                set_finalizers(&mut marked, finalizers);
                if !object.is_deleting() && object.generation() > 0 {
                    marked.set(&["metadata", "generation"], object.generation() + 1);
                }
                marked.set(&["metadata", "deletionTimestamp"], deadline);
                marked.set(&["metadata", "deletionGracePeriodSeconds"], seconds);
                if seconds == 0 && marked["metadata"]["finalizers"].is_empty() {
                    Step::MarkAndRemove(marked)
                } else {
                    Step::Mark(marked)
                }
            }
            Grace::Unknown => {
                let mut marked = object.clone();
                set_finalizers(&mut marked, finalizers);
                if marked["metadata"]["finalizers"].is_empty() {
                    return Step::Remove;
                }
                mark_as_deleting(&mut marked, now);
                if marked == *object { Step::Pending } else { Step::Mark(marked) }
            }
        }
    }

    /// A namespace is emptied by its controller before it goes.
    fn namespace_step(&self, object: &Value, options: &Options, now: Time) -> Step {
        if object.is_deleting() {
            return if object["spec"]["finalizers"].is_empty() {
                let mut marked = object.clone();
                set_finalizers(&mut marked, self.finalizers_for(object, options));
                if marked["metadata"]["finalizers"].is_empty() { Step::Remove } else { Step::Pending }
            } else {
                Step::Pending
            };
        }
        let mut marked = object.clone();
        set_finalizers(&mut marked, self.finalizers_for(object, options));
        marked.set(&["metadata", "deletionTimestamp"], now);
        marked.set(&["status", "phase"], "Terminating");
        Step::Mark(marked)
    }

    /// Gives the finalizers that an object has once its deletion began: those that say what becomes of its
    /// dependents are added or taken away.
    fn finalizers_for(&self, object: &Value, options: &Options) -> Vec<Value> {
        let has = |name: &str| object.has_finalizer(name);
        let known = self.traits.dependents != Dependents::None;
        let default = self.traits.dependents == Dependents::Orphan;
        let (orphan, foreground) = match (options.orphan_dependents, options.propagation_policy.as_deref()) {
            _ if !known => (false, false),
            (Some(orphan), _) => (orphan, false),
            (_, Some("Orphan")) => (true, false),
            (_, Some("Foreground")) => (false, true),
            (_, Some(_)) => (false, false),
            _ if has(ORPHAN) => (true, false),
            _ if has(FOREGROUND) => (false, true),
            _ => (default, false),
        };
        let others = object["metadata"]["finalizers"].items().iter();
        let mut finalizers: Vec<Value> =
            others.filter(|name| !matches!(name.str(), ORPHAN | FOREGROUND)).cloned().collect();
        finalizers.extend(orphan.then(|| ORPHAN.into()));
        finalizers.extend(foreground.then(|| FOREGROUND.into()));
        finalizers
    }

    /// Stores the marks of a deletion; gives what is stored instead if another write came first.
    async fn mark(&self, object: &Value, marked: Value) -> Result<Result<Value, Option<Value>>, Refusal> {
        let transaction =
            Transaction::put(&self.storage, marked).when(Precondition::revision(object.revision()));
        match self.driver.commit(transaction).await {
            Ok(committed) => Ok(Ok(committed.object)),
            Err(CommitError::Conflict(conflict)) => Ok(Err(conflict.current)),
            Err(error) => Err(commit_refusal(error)),
        }
    }

    /// Removes the object; `marked` if it carries our mark, when nobody minds if another one removed it first.
    async fn remove(
        &self,
        object: Value,
        preconditions: &Preconditions,
        marked: bool,
    ) -> Result<Deleted, Refusal> {
        let revision = preconditions.resource_version.as_ref().and_then(|text| text.parse().ok());
        let precondition = Precondition { exists: Some(true), revision, uid: preconditions.uid.clone() };
        let transaction = Transaction {
            resource: self.storage.clone(),
            namespace: object.namespace().into(),
            name: object.name().into(),
            op: Op::Delete { final_object: None },
            precondition,
        };
        match self.driver.commit(transaction).await {
            Ok(committed) => Ok(Deleted { object: committed.object, gone: true }),
            Err(CommitError::Conflict(conflict)) => match conflict.unmet {
                Unmet::NotFound if marked => Ok(Deleted { object, gone: true }),
                Unmet::NotFound => Err(Refusal::not_found(&self.storage, object.name())),
                _ => {
                    let current = conflict.current.unwrap_or_default();
                    let refused = self.check_preconditions(&current, preconditions);
                    Err(refused
                        .err()
                        .unwrap_or_else(|| Refusal::conflict(&self.storage, object.name(), OPTIMISTIC_LOCK)))
                }
            },
            Err(error) => Err(commit_refusal(error)),
        }
    }
}

fn set_finalizers(object: &mut Value, finalizers: Vec<Value>) {
    if object["metadata"]["finalizers"].items() == finalizers {
        return;
    }
    object.set_or_omit(&["metadata", "finalizers"], Value::from(finalizers));
}

/// Marks an object whose kind knows no grace: it ends when its last finalizer goes.
fn mark_as_deleting(object: &mut Value, now: Time) {
    let metadata = &object["metadata"];
    let first = metadata["deletionGracePeriodSeconds"].is_null();
    let generation = object.generation();
    let sooner = Time::parse(metadata["deletionTimestamp"].str()).is_ok_and(|set| set <= now);
    if first && generation > 0 {
        object.set(&["metadata", "generation"], generation + 1);
    }
    if !sooner {
        object.set(&["metadata", "deletionTimestamp"], now);
    }
    if object["metadata"]["deletionGracePeriodSeconds"] != 0 {
        object.set(&["metadata", "deletionGracePeriodSeconds"], 0);
    }
}

/// How long a pod may take to end.
#[derive(Debug, PartialEq, Eq)]
enum Grace {
    /// There is nothing to wait for any more: the pod can be removed.
    Unknown,
    /// The deletion under way is not hastened.
    Pending,
    /// The pod has this long from when its deletion began.
    Set { seconds: i64, deadline: Time },
}

impl Grace {
    /// Decides the grace of a pod. A deletion under way can only be hastened.
    fn of(pod: &Value, options: &Options, now: Time) -> Self {
        let asked = options.grace_period_seconds.map(|seconds| if seconds < 0 { 1 } else { seconds });
        if pod.is_deleting() {
            let running = pod["metadata"]["deletionGracePeriodSeconds"].int();
            if running == 0 {
                return Self::Unknown;
            }
            let Some(seconds) = asked.filter(|asked| *asked < running) else { return Self::Pending };
            let Ok(deadline) = Time::parse(pod["metadata"]["deletionTimestamp"].str()) else {
                return Self::Unknown;
            };
            let deadline = deadline - seconds_long(running) + seconds_long(seconds);
            return Self::Set { seconds, deadline };
        }
        let own = pod["spec"]["terminationGracePeriodSeconds"].int();
        let seconds = if pod["spec"]["nodeName"].is_empty() || pod_is_finished(pod) {
            0
        } else {
            match asked.unwrap_or(own) {
                negative if negative < 0 => 1,
                seconds => seconds,
            }
        };
        Self::Set { seconds, deadline: now + seconds_long(seconds) }
    }
}

fn seconds_long(seconds: i64) -> Duration {
    Duration::from_secs(seconds.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000;

    fn check(pod: Value, asked: Option<i64>, expected: Option<(i64, i64)>) {
        let options = Options { grace_period_seconds: asked, ..Options::default() };
        let found = Grace::of(&pod, &options, Time::from_unix_seconds(NOW));
        let expected = expected.map_or(Grace::Pending, |(seconds, deadline)| Grace::Set {
            seconds,
            deadline: Time::from_unix_seconds(deadline),
        });
        assert_eq!(found, expected, "{pod:?} asked {asked:?}");
    }

    fn pod(node: &str, phase: &str, own: i64) -> Value {
        value!({
            "metadata": {}, "status": {"phase": phase},
            "spec": {"nodeName": node, "terminationGracePeriodSeconds": own},
        })
    }

    fn deleting(seconds: i64, deadline: i64) -> Value {
        pod("n", "Running", 30)
            .with(&["metadata", "deletionTimestamp"], Time::from_unix_seconds(deadline))
            .with(&["metadata", "deletionGracePeriodSeconds"], seconds)
    }

    #[test]
    fn the_grace_of_a_pod() {
        check(pod("n", "Running", 30), None, Some((30, NOW + 30)));
        check(pod("n", "Running", 30), Some(5), Some((5, NOW + 5)));
        check(pod("n", "Running", 30), Some(90), Some((90, NOW + 90)));
        check(pod("n", "Running", 30), Some(0), Some((0, NOW)));
        check(pod("n", "Running", 30), Some(-7), Some((1, NOW + 1)));
        check(pod("n", "Running", -1), None, Some((1, NOW + 1)));
        check(pod("", "Pending", 30), Some(20), Some((0, NOW)));
        check(pod("n", "Succeeded", 30), None, Some((0, NOW)));
        check(pod("n", "Failed", 30), Some(9), Some((0, NOW)));
    }

    #[test]
    fn a_deletion_under_way_is_only_hastened() {
        check(deleting(30, NOW + 20), None, None);
        check(deleting(30, NOW + 20), Some(30), None);
        check(deleting(30, NOW + 20), Some(60), None);
        // It began 10 s ago, so 5 s of grace ended 5 s ago.
        check(deleting(30, NOW + 20), Some(5), Some((5, NOW - 5)));
        check(deleting(30, NOW + 20), Some(0), Some((0, NOW - 10)));
        let options = Options::default();
        assert_eq!(Grace::of(&deleting(0, NOW), &options, Time::from_unix_seconds(NOW)), Grace::Unknown);
    }
}
