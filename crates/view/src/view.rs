//! The view itself.

use crate::collect::{Problem, collect};
use crate::plurals::Plurals;
use crate::unread::Unread;
use object::{GroupResource, ObjectExt, Selector, Text, Time, Value};
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use store::{IndexBy, Indexes, ResourceName, Snapshot};

/// All objects at one moment, and what could not be read.
///
/// Resources are named `"pods"`, `"deployments.apps"`, or by a [`GroupResource`]. Lists come in the order in which an
/// API server gives them, by the text `namespace/name`. Cloning costs two reference counts.
#[derive(Clone, Debug)]
pub struct View {
    snapshot: Snapshot,
    now: Time,
    about: Arc<About>,
}

/// What is known of a view beside its objects.
#[derive(Clone, Debug, Default)]
struct About {
    unread: Vec<Unread>,
    problems: Vec<Problem>,
    source: String,
    kubernetes_version: Option<Text>,
    namespace: Option<Text>,
}

static NOTHING: LazyLock<Arc<About>> = LazyLock::new(Arc::default);
static INVOLVED_UID: LazyLock<IndexBy> = LazyLock::new(|| IndexBy::field(&["involvedObject", "uid"]));
static REGARDING_UID: LazyLock<IndexBy> = LazyLock::new(|| IndexBy::field(&["regarding", "uid"]));

impl View {
    /// Looks at a snapshot; costs two reference counts.
    pub fn new(snapshot: Snapshot, now: Time) -> Self {
        Self { snapshot, now, about: NOTHING.clone() }
    }

    /// Gathers objects, or Lists of them, with their resources guessed from their kinds: see [`Plurals`].
    ///
    /// What is no object, and what comes twice, is told by [`View::problems`].
    pub fn from_objects(objects: impl IntoIterator<Item = Value>, now: Time) -> Self {
        Self::from_objects_with(objects, now, Plurals::new())
    }

    /// Gathers objects as [`View::from_objects`] does, with what is known about kinds and resources.
    pub fn from_objects_with(objects: impl IntoIterator<Item = Value>, now: Time, plurals: Plurals) -> Self {
        let (snapshot, problems) = collect(objects, plurals, &Indexes::kubernetes());
        Self { snapshot, now, about: Arc::new(About { problems, ..About::default() }) }
    }

    /// Adds something that could not be read.
    #[must_use]
    pub fn with_unread(mut self, unread: Unread) -> Self {
        Arc::make_mut(&mut self.about).unread.push(unread);
        self
    }

    /// Adds those of `resources` of which there are no objects as unread, for sources that hold only what they were
    /// given: of a folder without a single Secret nobody knows whether the cluster had any.
    #[must_use]
    pub fn with_absent_unread<'a>(self, resources: impl IntoIterator<Item = &'a str>, reason: &str) -> Self {
        let unknown = |view: &Self, resource| view.count(resource) == 0 && view.readable(resource).is_ok();
        resources.into_iter().fold(self, |view, resource| {
            if unknown(&view, resource) {
                view.with_unread(Unread::new(resource, None, reason))
            } else {
                view
            }
        })
    }

    /// Says in a few words where the objects came from.
    #[must_use]
    pub fn with_source(mut self, source: &str) -> Self {
        source.clone_into(&mut Arc::make_mut(&mut self.about).source);
        self
    }

    /// Says which version of Kubernetes the objects came from, such as `v1.36.3`.
    #[must_use]
    pub fn with_kubernetes_version(mut self, version: &str) -> Self {
        Arc::make_mut(&mut self.about).kubernetes_version = Some(version.into());
        self
    }

    /// Says that of all namespaces only this one was looked at, beside what lies in none.
    #[must_use]
    pub fn with_namespace(mut self, namespace: &str) -> Self {
        Arc::make_mut(&mut self.about).namespace = Some(namespace.into());
        self
    }

    /// Moves "now".
    #[must_use]
    pub fn at(self, now: Time) -> Self {
        Self { now, ..self }
    }

    /// Gives the moment at which everything is judged.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Gives the snapshot, for questions that are not asked often enough to have a method here.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Says in a few words where the objects came from, `""` when nobody said.
    pub fn source(&self) -> &str {
        &self.about.source
    }

    /// Gives the version of Kubernetes, if known.
    pub fn kubernetes_version(&self) -> Option<&str> {
        self.about.kubernetes_version.as_deref()
    }

    /// Gives the one namespace that was looked at; nothing where the whole cluster was.
    pub fn namespace(&self) -> Option<&str> {
        self.about.namespace.as_deref()
    }

    /// Gives everything that could not be read.
    pub fn unread(&self) -> &[Unread] {
        &self.about.unread
    }

    /// Gives what was amiss in the objects this view was made of.
    pub fn problems(&self) -> &[Problem] {
        &self.about.problems
    }

    /// Tells whether a resource could be read everywhere, so that what is not listed does not exist.
    ///
    /// # Errors
    /// The first record of where it could not be read.
    pub fn readable<'a>(&self, resource: impl Into<ResourceName<'a>>) -> Result<(), &Unread> {
        let resource = resource.into();
        let found = self.unread().iter().find(|unread| ResourceName::from(&unread.resource) == resource);
        found.map_or(Ok(()), Err)
    }

    /// Tells whether a resource could be read in one namespace.
    ///
    /// # Errors
    /// The record that it could not be read there, or anywhere.
    pub fn readable_in<'a>(
        &self,
        resource: impl Into<ResourceName<'a>>,
        namespace: &str,
    ) -> Result<(), &Unread> {
        let resource = resource.into();
        let found = self.unread().iter().find(|unread| {
            let here = unread.namespace.as_deref().is_none_or(|unread| unread == namespace);
            here && ResourceName::from(&unread.resource) == resource
        });
        found.map_or(Ok(()), Err)
    }

    /// Gives one object; `namespace` is empty for a cluster-scoped one.
    pub fn get<'a>(
        &self,
        resource: impl Into<ResourceName<'a>>,
        namespace: &str,
        name: &str,
    ) -> Option<&Value> {
        self.snapshot.get(resource, namespace, name)
    }

    /// Gives the objects of a resource.
    pub fn list<'a>(&self, resource: impl Into<ResourceName<'a>>) -> impl Iterator<Item = &Value> {
        self.snapshot.list(resource, None)
    }

    /// Gives the objects of a resource in one namespace.
    pub fn list_in<'a>(
        &self,
        resource: impl Into<ResourceName<'a>>,
        namespace: &str,
    ) -> impl Iterator<Item = &Value> {
        self.snapshot.list(resource, Some(namespace))
    }

    /// Counts the objects of a resource.
    pub fn count<'a>(&self, resource: impl Into<ResourceName<'a>>) -> usize {
        self.snapshot.count(resource)
    }

    /// Gives the resources of which there are objects.
    pub fn resources(&self) -> impl Iterator<Item = &GroupResource> {
        self.snapshot.resources()
    }

    /// Gives the objects that name `uid` among their owners, with their resources.
    pub fn owned_by<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = (&'a GroupResource, &'a Value)> {
        self.snapshot.owned_by(uid)
    }

    /// Gives the pods bound to a node.
    pub fn pods_on_node<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a Value> {
        self.snapshot.on_node(node)
    }

    /// Gives the pods of a namespace whose labels a selector matches.
    pub fn pods_matching<'a>(
        &'a self,
        namespace: &str,
        selector: &'a Selector,
    ) -> impl Iterator<Item = &'a Value> {
        self.list_in("pods", namespace).filter(|pod| selector.matches(pod.labels()))
    }

    /// Gives the objects of a resource with a label of this value.
    pub fn with_label<'a>(
        &'a self,
        resource: impl Into<ResourceName<'a>>,
        key: &str,
        value: &'a str,
    ) -> impl Iterator<Item = &'a Value> {
        self.snapshot.with_label(resource, key, value)
    }

    /// Gives the events about the object with this uid, in both forms in which a cluster serves them, each once.
    pub fn events_about<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = &'a Value> {
        let core = self.snapshot.find("events", &INVOLVED_UID, uid, None);
        let seen: BTreeSet<&str> = core.map(ObjectExt::uid).filter(|uid| !uid.is_empty()).collect();
        let core = self.snapshot.find("events", &INVOLVED_UID, uid, None);
        let newer = self.snapshot.find("events.events.k8s.io", &REGARDING_UID, uid, None);
        core.chain(newer.filter(move |event| !seen.contains(event.uid())))
    }

    /// Gives how long ago an object was created, zero when it does not say.
    pub fn age(&self, object: &Value) -> Duration {
        let created = Time::parse(object["metadata"]["creationTimestamp"].str());
        created.map_or(Duration::ZERO, |created| self.now.since(created))
    }
}
