//! What is done to a simulated cluster, and when: by its users through the API, or by fate to machines and programs.
//!
//! Nothing here writes a status: what an act leads to is up to controllers and kubelets.

use controlplane::behaviour::{Behaviour, Target};
use controlplane::machinery::{Client, DeleteOptions, persist};
use controlplane::{Cluster, NodeConfig};
use object::{GroupVersionResource, ObjectExt, Value};
use schema::Schema;
use sim::{CrashKind, Ctx};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// How long a user tries again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Something that is done.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    /// When, since the cluster began.
    pub(crate) at: Duration,
    /// What.
    pub(crate) deed: Deed,
}

/// What can be done.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    /// A user creates objects.
    Create(Vec<Value>),
    /// A user changes an object.
    Patch { resource: GroupVersionResource, namespace: String, name: String, merge: Value },
    /// A user deletes an object.
    Delete { resource: GroupVersionResource, namespace: String, name: String },
    /// From now on, programs that are started do this.
    Behave { target: Target, behaviour: Behaviour },
    /// The machine of a node dies and stays dead.
    LoseMachine { node: String },
    /// The machine that a pod is on dies; its Node is deleted, and another machine takes its place.
    ReplaceMachine { namespace: String, pod: String, next: NodeConfig },
}

impl Act {
    /// Lets something be done at a time.
    pub(crate) fn at(at: Duration, deed: Deed) -> Self {
        Self { at, deed }
    }
}

/// Does acts, and remembers what went wrong.
pub(crate) struct Stagehand {
    failures: Rc<RefCell<Vec<String>>>,
    users: usize,
}

impl Stagehand {
    pub(crate) fn new() -> Self {
        Self { failures: Rc::default(), users: 0 }
    }

    /// Gives what could not be done.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.failures.borrow().clone()
    }

    /// Does something now.
    pub(crate) fn act(&mut self, cluster: &mut Cluster, schema: &Schema, deed: &Deed) {
        match deed {
            Deed::Create(objects) => {
                let places = objects.iter().map(|object| (resource_of(schema, object), object.clone()));
                let placed: Rc<[_]> = places.collect();
                self.user(cluster, move |ctx, client| create(ctx, client, placed.clone()));
            }
            Deed::Patch { resource, namespace, name, merge } => {
                let order = Rc::new((resource.clone(), namespace.clone(), name.clone(), merge.clone()));
                self.user(cluster, move |ctx, client| patch(ctx, client, order.clone()));
            }
            Deed::Delete { resource, namespace, name } => {
                let order = Rc::new((resource.clone(), namespace.clone(), name.clone()));
                self.user(cluster, move |ctx, client| delete(ctx, client, order.clone()));
            }
            Deed::Behave { target, behaviour } => {
                cluster.world.behaviours.borrow_mut().add(target.clone(), behaviour.clone());
            }
            Deed::LoseMachine { node } => self.lose(cluster, node),
            Deed::ReplaceMachine { namespace, pod, next } => {
                let state = cluster.world.snapshot();
                let Some(pod) = state.get("pods", namespace, pod) else {
                    self.failures.borrow_mut().push(format!("there is no Pod {namespace}/{pod}"));
                    return;
                };
                let node = pod["spec"]["nodeName"].str().to_owned();
                self.lose(cluster, &node);
                let resource = controlplane::kinds::NODES.clone();
                let gone = Deed::Delete { resource, namespace: String::new(), name: node };
                self.act(cluster, schema, &gone);
                cluster.add_node(next.clone());
            }
        }
    }

    fn lose(&self, cluster: &Cluster, node: &str) {
        let control = cluster.sim.control();
        match control.find(&format!("kubelet-{node}")) {
            Some(kubelet) => control.crash(kubelet, CrashKind::Machine),
            None => self.failures.borrow_mut().push(format!("there is no machine {node}")),
        }
    }

    /// Starts a user that does one thing.
    fn user<Fut>(&mut self, cluster: &mut Cluster, errand: impl Fn(Ctx, Rc<Client>) -> Fut + 'static)
    where
        Fut: Future<Output = Result<(), String>> + 'static,
    {
        self.users += 1;
        let failures = self.failures.clone();
        cluster.user(&format!("kubectl-{}", self.users), move |ctx, client| {
            let (errand, failures) = (errand(ctx, client), failures.clone());
            async move {
                if let Err(failure) = errand.await {
                    failures.borrow_mut().push(failure);
                }
            }
        });
    }
}

/// Finds the resource of an object.
///
/// # Panics
/// If there is none: the shop's objects are our own.
fn resource_of(schema: &Schema, object: &Value) -> GroupVersionResource {
    let (group, version) = schema::split_api_version(object.api_version());
    let resource = schema.resource_for_kind(group, version, object.kind());
    resource.unwrap_or_else(|| panic!("no kind {}", object.kind())).group_version_resource()
}

async fn create(
    ctx: Ctx,
    client: Rc<Client>,
    objects: Rc<[(GroupVersionResource, Value)]>,
) -> Result<(), String> {
    for (resource, object) in objects.iter() {
        let made = persist(&ctx, PATIENCE, async || client.create(resource, object).await).await;
        made.map_err(|error| format!("{} {}: {error}", object.kind(), object.full_name()))?;
    }
    Ok(())
}

async fn patch(
    ctx: Ctx,
    client: Rc<Client>,
    order: Rc<(GroupVersionResource, String, String, Value)>,
) -> Result<(), String> {
    let (resource, namespace, name, merge) = &*order;
    let done = persist(&ctx, PATIENCE, async || {
        client.merge_patch(resource, namespace, name, "", merge.clone()).await
    })
    .await;
    done.map(|_| ()).map_err(|error| format!("{resource} {namespace}/{name}: {error}"))
}

async fn delete(
    ctx: Ctx,
    client: Rc<Client>,
    order: Rc<(GroupVersionResource, String, String)>,
) -> Result<(), String> {
    let (resource, namespace, name) = &*order;
    let options = DeleteOptions::default();
    let done =
        persist(&ctx, PATIENCE, async || client.delete(resource, namespace, name, &options).await).await;
    done.map(|_| ()).map_err(|error| format!("{resource} {namespace}/{name}: {error}"))
}
