//! What goes wrong in the shop: faults that make it sick the way real clusters get sick, and what must be found.

use super::objects::{self, Pool, container, of_app};
use super::{Expected, PLATFORM, RELEASES, Shop, minutes};
use crate::act::{Act, Deed};
use controlplane::behaviour::{Behaviour, Course, Span, Target};
use controlplane::{NodeConfig, kinds};
use object::{GroupVersionResource, Value, value};
use std::time::Duration;

/// A fault with the findings that it must lead to.
#[derive(Clone, Debug)]
pub struct Defect {
    /// Its name, by which it is left out.
    pub name: &'static str,
    /// What happened, in one sentence.
    pub story: String,
    /// What must be found.
    pub expected: Vec<Expected>,
    pub(crate) acts: Vec<Act>,
}

/// What makes a defect in a shop.
type Make = fn(&Shop) -> Defect;

/// The faults that every shop has.
pub(super) const ALWAYS: [Make; 3] = [memory_leak, node_replaced, readiness_lost];

/// The faults of which each shop has some.
pub(super) const SOMETIMES: [Make; 8] = [
    image_misspelt,
    crash_loop,
    request_too_large,
    driver_removed,
    service_deleted,
    port_renamed,
    node_lost,
    job_fails,
];

fn patch(resource: &GroupVersionResource, namespace: &str, name: &str, merge: Value) -> Deed {
    Deed::Patch { resource: resource.clone(), namespace: namespace.into(), name: name.into(), merge }
}

fn delete(resource: &GroupVersionResource, namespace: &str, name: &str) -> Deed {
    Deed::Delete { resource: resource.clone(), namespace: namespace.into(), name: name.into() }
}

/// Releases a version of a Deployment.
fn release(namespace: &str, name: &str, container: Value) -> Deed {
    let merge = value!({"spec": {"template": {"spec": {"containers": [container]}}}});
    patch(&kinds::DEPLOYMENTS, namespace, name, merge)
}

fn of_image(name: &str, version: &str) -> Target {
    Target { image: objects::image(name, version).into(), ..Target::default() }
}

fn behave(target: Target, behaviour: Behaviour) -> Deed {
    Deed::Behave { target, behaviour }
}

/// A release leaks memory: killed again and again, and between kills it runs and is ready.
fn memory_leak(shop: &Shop) -> Defect {
    let name = shop.cart;
    let leaks =
        Behaviour { course: Course::OomKilled { after: Span::secs(88, 104) }, ..Behaviour::default() };
    Defect {
        name: "memory-leak",
        story: format!(
            "{name} 1.1.0 leaks: its container is OOM-killed every few minutes, and shown Running"
        ),
        expected: vec![Expected::of_deployment("POD_OOM_KILLED", shop, name)],
        acts: vec![
            Act::at(Duration::ZERO, behave(of_image(name, "1.1.0"), leaks)),
            Act::at(RELEASES, release(shop.namespace, name, container(name, "1.1.0"))),
        ],
    }
}

/// A node is replaced, and with it went the disk of one replica.
fn node_replaced(shop: &Shop) -> Defect {
    let pod = format!("{}-{}", shop.database, shop.replica_lost);
    let claim = format!("data-{pod}");
    let next = NodeConfig { labels: Pool::Data.labels(), ..shop.machine("data-new") };
    Defect {
        name: "node-replaced",
        story: format!("the node of {pod} was replaced; claim {claim} lies on the old one's disk"),
        expected: vec![Expected {
            code: "VOLUME_NODE_GONE",
            kind: "PersistentVolumeClaim",
            namespace: shop.namespace.to_owned(),
            name: claim,
        }],
        acts: vec![Act::at(
            minutes(16),
            Deed::ReplaceMachine { namespace: shop.namespace.into(), pod, next },
        )],
    }
}

/// A controller's upgrade rolls out a configuration with which pods never become ready.
fn readiness_lost(shop: &Shop) -> Defect {
    let (name, controller) = (shop.checkout, shop.controller);
    let never = Behaviour { ready_after: None, ..Behaviour::default() };
    let restart = value!({"spec": {"template": {"metadata": {"annotations": {
        "sessions.example.com/config-version": "2"}}}}});
    Defect {
        name: "readiness-lost",
        story: format!(
            "{controller} was upgraded to 2.0.0 and restarted {name}, whose pods have not been ready since"
        ),
        expected: vec![
            Expected::of_deployment("POD_NOT_READY", shop, name),
            Expected::of_service("ROUTE_NO_ENDPOINTS", shop, name),
        ],
        acts: vec![
            Act::at(RELEASES + minutes(2), release(PLATFORM, controller, container(controller, "2.0.0"))),
            Act::at(RELEASES + minutes(3), behave(of_app(name), never)),
            Act::at(RELEASES + minutes(3), patch(&kinds::DEPLOYMENTS, shop.namespace, name, restart)),
        ],
    }
}

fn image_misspelt(shop: &Shop) -> Defect {
    let (name, version) = (shop.promotions, "1.1.O");
    let missing = Behaviour { image_missing: true, ..Behaviour::default() };
    Defect {
        name: "image-misspelt",
        story: format!(
            "{name} was released as {version}, with the letter O for a zero: there is no such image"
        ),
        expected: vec![Expected::of_deployment("POD_IMAGE_PULL", shop, name)],
        acts: vec![
            Act::at(Duration::ZERO, behave(of_image(name, version), missing)),
            Act::at(RELEASES + minutes(4), release(shop.namespace, name, container(name, version))),
        ],
    }
}

fn crash_loop(shop: &Shop) -> Defect {
    let name = shop.search;
    let ends = Course::Exits { after: Span::secs(1, 4), code: 1 };
    let crashes = Behaviour { course: ends, ready_after: None, ..Behaviour::default() };
    Defect {
        name: "crash-loop",
        story: format!("{name} 1.1.0 ends seconds after its start"),
        expected: vec![Expected::of_deployment("POD_CRASH_LOOP", shop, name)],
        acts: vec![
            Act::at(Duration::ZERO, behave(of_image(name, "1.1.0"), crashes)),
            Act::at(RELEASES + minutes(5), release(shop.namespace, name, container(name, "1.1.0"))),
        ],
    }
}

fn request_too_large(shop: &Shop) -> Defect {
    let name = shop.recommender;
    let asks = container(name, "1.1.0").with(&["resources", "requests", "cpu"], "64");
    Defect {
        name: "request-too-large",
        story: format!("{name} 1.1.0 asks for 64 CPUs, which no node has"),
        expected: vec![Expected::of_deployment("POD_UNSCHEDULABLE", shop, name)],
        acts: vec![Act::at(RELEASES + minutes(6), release(shop.namespace, name, asks))],
    }
}

fn driver_removed(shop: &Shop) -> Defect {
    let driver = objects::ARCHIVE_DRIVER;
    Defect {
        name: "driver-removed",
        story: format!("driver {driver} was removed before claim {} was made", shop.exporter),
        expected: vec![Expected {
            code: "CLAIM_DRIVER_MISSING",
            kind: "StorageClass",
            namespace: String::new(),
            name: objects::ARCHIVE_CLASS.to_owned(),
        }],
        acts: vec![Act::at(minutes(18), delete(&kinds::CSIDRIVERS, "", driver))],
    }
}

fn service_deleted(shop: &Shop) -> Defect {
    let name = shop.returns;
    Defect {
        name: "service-deleted",
        story: format!("Service {name} was deleted, and its route was not"),
        expected: vec![Expected::of_service("ROUTE_SERVICE_MISSING", shop, name)],
        acts: vec![Act::at(RELEASES + minutes(7), delete(&kinds::SERVICES, shop.namespace, name))],
    }
}

fn port_renamed(shop: &Shop) -> Defect {
    let name = shop.api;
    let ports = value!({"spec": {"ports": [{"name": "web", "port": 80, "targetPort": "http"}]}});
    Defect {
        name: "port-renamed",
        story: format!("the port of Service {name} was renamed to web, and its route still says http"),
        expected: vec![Expected::of_service("ROUTE_PORT_MISSING", shop, name)],
        acts: vec![Act::at(RELEASES + minutes(8), patch(&kinds::SERVICES, shop.namespace, name, ports))],
    }
}

fn node_lost(shop: &Shop) -> Defect {
    let node = shop.node_lost.clone();
    Defect {
        name: "node-lost",
        story: format!("the machine of node {node} died and nobody brought it back"),
        expected: vec![Expected {
            code: "POD_NODE_LOST",
            kind: "Node",
            namespace: String::new(),
            name: node.clone(),
        }],
        acts: vec![Act::at(minutes(14), Deed::LoseMachine { node })],
    }
}

fn job_fails(shop: &Shop) -> Defect {
    let name = shop.import;
    let fails =
        Behaviour { course: Course::Exits { after: Span::secs(2, 6), code: 2 }, ..Behaviour::default() };
    Defect {
        name: "job-fails",
        story: format!("what Job {name} reads is gone: it failed as often as it may be tried again"),
        expected: vec![Expected {
            code: "POD_JOB_FAILED",
            kind: "Job",
            namespace: shop.namespace.to_owned(),
            name: name.to_owned(),
        }],
        acts: vec![Act::at(minutes(19), behave(of_app(name), fails))],
    }
}
