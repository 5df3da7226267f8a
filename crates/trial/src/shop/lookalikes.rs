//! What only looks sick in the shop: a tool that cries wolf here is worth nothing.

use super::objects::{self, Pool, of_app};
use super::{LOOK, RELEASES, Shop, minutes};
use crate::act::{Act, Deed};
use controlplane::behaviour::{Behaviour, Course, Span};
use controlplane::kinds;
use object::{ObjectExt, Value, value};
use report::ObjectRef;
use std::rc::Rc;
use std::time::Duration;
use view::View;

/// Tells what looks sick in a view, if anything does.
type Shows = Rc<dyn Fn(&View) -> Option<String>>;

/// Something harmless that looks sick.
#[derive(Clone)]
pub struct Lookalike {
    /// What it is, as in `restarts-long-ago`.
    pub name: &'static str,
    /// The object that no finding may name.
    pub object: ObjectRef,
    /// Why it is harmless.
    pub why: &'static str,
    pub(crate) acts: Vec<Act>,
    /// Tells what it shows that looks sick; nothing if it does not, which would make it no test.
    shows: Shows,
}

impl Lookalike {
    /// Says in a few words what looks sick about it; nothing if it did not come out as planned.
    pub fn shows(&self, view: &View) -> Option<String> {
        (self.shows)(view)
    }
}

type Make = fn(&Shop) -> Lookalike;

/// The lookalikes of every shop.
pub(super) const ALL: [Make; 8] = [
    restarts_long_ago,
    job_tried_again,
    claim_of_finished_job,
    claim_waits,
    scaled_to_zero,
    claim_of_no_replica,
    name_elsewhere,
    newborn,
];

fn object(shop: &Shop, api_version: &str, kind: &str, name: &str) -> ObjectRef {
    ObjectRef::new(api_version, kind, shop.namespace, name)
}

fn lookalike(
    name: &'static str,
    object: ObjectRef,
    why: &'static str,
    acts: Vec<Act>,
    shows: impl Fn(&View) -> Option<String> + 'static,
) -> Lookalike {
    Lookalike { name, object, why, acts, shows: Rc::new(shows) }
}

/// Gives the pods of an app.
fn pods<'a>(view: &'a View, namespace: &'a str, app: &'a str) -> impl Iterator<Item = &'a Value> {
    view.list_in("pods", namespace).filter(move |pod| pod.label("app") == Some(app))
}

fn restarts(pod: &Value) -> i64 {
    pod["status"]["containerStatuses"].items().iter().map(|status| status["restartCount"].int()).sum()
}

fn restarts_long_ago(shop: &Shop) -> Lookalike {
    let (namespace, name) = (shop.namespace, shop.mailer);
    let ends = Course::Exits { after: Span::secs(15, 30), code: 1 };
    let crashes = Behaviour { course: ends, ..Behaviour::default() };
    let deployment = objects::deployment(namespace, name, 1, objects::template(name, Pool::Files));
    let acts = vec![
        Act::at(Duration::ZERO, Deed::Behave { target: of_app(name), behaviour: crashes }),
        Act::at(Duration::from_secs(9), Deed::Create(vec![deployment])),
        Act::at(minutes(13), Deed::Behave { target: of_app(name), behaviour: Behaviour::default() }),
    ];
    lookalike(
        "restarts-long-ago",
        object(shop, "apps/v1", "Deployment", name),
        "what it depends on was away for a while, more than an hour ago",
        acts,
        move |view| {
            let most = pods(view, namespace, name).map(restarts).max()?;
            (most >= 5).then(|| format!("{most} restarts"))
        },
    )
}

fn job_tried_again(shop: &Shop) -> Lookalike {
    let (namespace, name) = (shop.namespace, shop.reindex);
    let ends =
        |code| Behaviour { course: Course::Exits { after: Span::secs(3, 8), code }, ..Behaviour::default() };
    let begins = minutes(20);
    let job = objects::job(namespace, name, 6, objects::template(name, Pool::Files));
    let acts = vec![
        Act::at(Duration::ZERO, Deed::Behave { target: of_app(name), behaviour: ends(1) }),
        Act::at(begins, Deed::Create(vec![job])),
        Act::at(begins + Duration::from_secs(25), Deed::Behave { target: of_app(name), behaviour: ends(0) }),
    ];
    lookalike(
        "job-tried-again",
        object(shop, "batch/v1", "Job", name),
        "the Job was tried again and is complete",
        acts,
        move |view| {
            let failed = pods(view, namespace, name).filter(|pod| pod["status"]["phase"] == "Failed").count();
            (failed > 0).then(|| format!("{failed} failed pods"))
        },
    )
}

fn claim_of_finished_job(shop: &Shop) -> Lookalike {
    let (namespace, name) = (shop.namespace, shop.dump);
    let template = objects::mounting(objects::template(name, Pool::Files), name);
    let made = vec![
        objects::claim(namespace, name, objects::DISK_CLASS),
        objects::job(namespace, name, 2, template),
    ];
    lookalike(
        "claim-of-finished-job",
        object(shop, "v1", "PersistentVolumeClaim", name),
        "the Job that uses it has ended well",
        vec![Act::at(Duration::from_secs(5), Deed::Create(made))],
        move |view| {
            let pod = pods(view, namespace, name).next()?;
            let claim = view.get("persistentvolumeclaims", namespace, name)?;
            let looks = pod["status"]["phase"] == "Succeeded" && claim["status"]["phase"] == "Bound";
            looks.then(|| "bound, and no running pod uses it".to_owned())
        },
    )
}

fn claim_waits(shop: &Shop) -> Lookalike {
    let (namespace, name) = (shop.namespace, shop.scratch);
    let made = objects::claim(namespace, name, objects::DISK_CLASS);
    lookalike(
        "claim-waits",
        object(shop, "v1", "PersistentVolumeClaim", name),
        "its class waits for the first pod that uses it",
        vec![Act::at(Duration::from_secs(6), Deed::Create(vec![made]))],
        move |view| {
            let claim = view.get("persistentvolumeclaims", namespace, name)?;
            (claim["status"]["phase"] == "Pending").then(|| "pending since the beginning".to_owned())
        },
    )
}

fn scaled_to_zero(shop: &Shop) -> Lookalike {
    let (namespace, name) = (shop.namespace, shop.backoffice);
    let made = vec![
        objects::deployment(namespace, name, 0, objects::template(name, Pool::General)),
        objects::service(namespace, name),
    ];
    lookalike(
        "scaled-to-zero",
        object(shop, "apps/v1", "Deployment", name),
        "it was scaled to zero on purpose, and no route leads there",
        vec![Act::at(Duration::from_secs(7), Deed::Create(made))],
        move |view| {
            let deployment = view.get("deployments.apps", namespace, name)?;
            let is_idle = deployment["spec"]["replicas"] == 0 && pods(view, namespace, name).next().is_none();
            is_idle.then(|| "a Service without endpoints".to_owned())
        },
    )
}

/// A StatefulSet whose name begins with another's: names alone do not tell whose claim is whose.
fn claim_of_no_replica(shop: &Shop) -> Lookalike {
    let (namespace, name) = (shop.namespace, format!("{}-archive", shop.database));
    let set = objects::stateful_set(namespace, &name, 1, Pool::Files);
    let none = value!({"spec": {"replicas": 0}});
    let scale = Deed::Patch {
        resource: kinds::STATEFULSETS.clone(),
        namespace: namespace.to_owned(),
        name: name.clone(),
        merge: none,
    };
    let claim = format!("data-{name}-0");
    lookalike(
        "claim-of-no-replica",
        object(shop, "v1", "PersistentVolumeClaim", &claim),
        "its StatefulSet is scaled to zero and will want it again",
        vec![
            Act::at(Duration::from_secs(8), Deed::Create(vec![objects::service(namespace, &name), set])),
            Act::at(RELEASES, scale),
        ],
        move |view| {
            let found = view.get("persistentvolumeclaims", namespace, &claim)?;
            let is_idle =
                found["status"]["phase"] == "Bound" && pods(view, namespace, &name).next().is_none();
            is_idle.then(|| "bound, and no pod uses it".to_owned())
        },
    )
}

fn name_elsewhere(shop: &Shop) -> Lookalike {
    let (namespace, name) = (shop.namespace, shop.erp);
    lookalike(
        "name-elsewhere",
        object(shop, "v1", "Service", name),
        "it stands for a name outside the cluster and has no endpoints by design",
        Vec::new(),
        move |view| {
            let service = view.get("services", namespace, name)?;
            let slices =
                view.with_label("endpointslices.discovery.k8s.io", "kubernetes.io/service-name", name);
            let is_bare = service["spec"]["type"] == "ExternalName" && slices.count() == 0;
            is_bare.then(|| "a route to a Service without endpoints".to_owned())
        },
    )
}

fn newborn(shop: &Shop) -> Lookalike {
    let (namespace, name) = (shop.namespace, shop.newcomer);
    let deployment = objects::deployment(namespace, name, 1, objects::template(name, Pool::General));
    let slow = Behaviour { ready_after: Some(Span::secs(20, 40)), ..Behaviour::default() };
    lookalike(
        "newborn",
        object(shop, "apps/v1", "Deployment", name),
        "it was created seconds ago",
        vec![
            Act::at(Duration::ZERO, Deed::Behave { target: of_app(name), behaviour: slow }),
            Act::at(LOOK, Deed::Create(vec![deployment])),
        ],
        move |view| {
            let pod = pods(view, namespace, name).next()?;
            let is_ready = pod.condition("Ready")["status"] == "True";
            (!is_ready).then(|| "a pod that is not ready".to_owned())
        },
    )
}
