//! What objects use, and which quotas count them (`pkg/quota/v1/evaluator/core`).

use object::{GroupResource, ObjectExt, Quantity, Time, Value, value};
use std::collections::BTreeMap;
use std::time::Duration;

/// Amounts by the names that a quota knows them by.
pub type Usage = BTreeMap<String, Quantity>;

/// Reads a map of amounts; what is no amount is left out.
pub fn amounts(map: &Value) -> Usage {
    map.entries()
        .filter_map(|(name, text)| Some((name.as_str().to_owned(), Quantity::of(text).ok()?)))
        .collect()
}

fn units(number: i64) -> Quantity {
    Quantity::from_units(number, object::Format::DecimalSi)
}

/// What a quota counts of running pods, beside what begins with a prefix.
const OF_PODS: [&str; 10] = [
    "pods",
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];
const OF_SERVICES: [&str; 3] = ["services", "services.nodeports", "services.loadbalancers"];
const OF_CLAIMS: [&str; 2] = ["persistentvolumeclaims", "requests.storage"];
const OF_CLASS: &str = ".storageclass.storage.k8s.io/";
const OF_DEVICE_CLASS: &str = "deviceclass.resource.kubernetes.io/";
/// The resources whose number has a name of its own, from before all could be counted.
const COUNTED: [&str; 4] = ["configmaps", "secrets", "replicationcontrollers", "resourcequotas"];

/// Tells whether a resource is neither one of Kubernetes's own nor already prefixed (`IsExtendedResourceName`).
fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/") && !name.starts_with("requests.")
}

/// Tells whether objects of a resource use what a quota counts under `name` (`MatchingResources`).
pub fn counts(resource: &GroupResource, name: &str) -> bool {
    if name.strip_prefix("count/").is_some_and(|counted| counted == resource.to_string()) {
        return true;
    }
    if !resource.group.is_empty() {
        return false;
    }
    match &*resource.resource {
        "pods" => {
            let of_requests = name.strip_prefix("requests.");
            OF_PODS.contains(&name)
                || of_requests.unwrap_or(name).starts_with("hugepages-")
                || of_requests.is_some_and(|plain| is_extended(plain) || plain.starts_with(OF_DEVICE_CLASS))
        }
        "services" => OF_SERVICES.contains(&name),
        "persistentvolumeclaims" => {
            let of_class = name.split_once(OF_CLASS).map(|(_, plain)| plain);
            OF_CLAIMS.contains(&of_class.unwrap_or(name))
        }
        plural => COUNTED.contains(&plural) && plural == name,
    }
}

/// Tells whether a pod uses anything: it has not ended, nor is it still there past the grace of its deletion
/// (`QuotaV1Pod`).
pub fn is_alive(pod: &Value, now: Time) -> bool {
    if matches!(pod["status"]["phase"].str(), "Failed" | "Succeeded") {
        return false;
    }
    let metadata = &pod["metadata"];
    let grace = metadata["deletionGracePeriodSeconds"].as_i64();
    let (Ok(deleted), Some(grace)) = (Time::parse(metadata["deletionTimestamp"].str()), grace) else {
        return true;
    };
    now <= deleted + Duration::from_secs(grace.unsigned_abs())
}

/// Tells whether a pod's life is limited (`IsTerminating`).
pub fn is_terminating(pod: &Value) -> bool {
    pod["spec"]["activeDeadlineSeconds"].as_i64().is_some_and(|seconds| seconds >= 0)
}

/// Gives what an object uses, under every name that a quota may count.
pub fn usage_of(resource: &GroupResource, object: &Value, now: Time) -> Usage {
    let mut usage = Usage::new();
    usage.insert(format!("count/{resource}"), units(1));
    match (&*resource.group, &*resource.resource) {
        ("", "pods") if is_alive(object, now) => add_pod(&mut usage, object),
        ("", "persistentvolumeclaims") => add_claim(&mut usage, object),
        ("", "services") => add_service(&mut usage, object),
        ("", plural) if COUNTED.contains(&plural) => {
            usage.insert(plural.to_owned(), units(1));
        }
        _ => {}
    }
    usage
}

fn add_pod(usage: &mut Usage, pod: &Value) {
    usage.insert("pods".to_owned(), units(1));
    for (name, amount) in pod_amounts(pod, "requests") {
        let is_plain = matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage");
        let is_known = is_plain || name.starts_with("hugepages-");
        if is_known || is_extended(&name) || name.starts_with(OF_DEVICE_CLASS) {
            usage.insert(format!("requests.{name}"), amount);
        }
        if is_known {
            usage.insert(name, amount);
        }
    }
    for (name, amount) in pod_amounts(pod, "limits") {
        if matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") {
            usage.insert(format!("limits.{name}"), amount);
        }
    }
}

fn add_claim(usage: &mut Usage, claim: &Value) {
    let class = claim
        .annotation("volume.beta.kubernetes.io/storage-class")
        .unwrap_or_else(|| claim["spec"]["storageClassName"].str());
    let mut add = |name: &str, amount: Quantity| {
        usage.insert(name.to_owned(), amount);
        if !class.is_empty() {
            usage.insert(format!("{class}{OF_CLASS}{name}"), amount);
        }
    };
    add("persistentvolumeclaims", units(1));
    let asked = &claim["spec"]["resources"]["requests"]["storage"];
    if asked.is_null() {
        return;
    }
    // A volume that was expanded further than the claim asks for now is charged as it is.
    let allocated = Quantity::of(&claim["status"]["allocatedResources"]["storage"]).unwrap_or(Quantity::ZERO);
    let storage = Quantity::of(asked).unwrap_or(Quantity::ZERO).max(allocated);
    let is_whole = storage.nano_value() % 1_000_000_000 == 0;
    let rounded = if is_whole { storage } else { Quantity::from_units(storage.value(), storage.format()) };
    add("requests.storage", rounded);
}

fn add_service(usage: &mut Usage, service: &Value) {
    let spec = &service["spec"];
    let ports = spec["ports"].items();
    let numbered = || ports.iter().filter(|port| port["nodePort"].int() != 0).count();
    let (on_nodes, balancers) = match spec["type"].str() {
        "NodePort" => (ports.len(), 0),
        "LoadBalancer" if spec["allocateLoadBalancerNodePorts"].as_bool() == Some(false) => (numbered(), 1),
        "LoadBalancer" => (ports.len(), 1),
        _ => (0, 0),
    };
    usage.insert("services".to_owned(), units(1));
    usage.insert("services.nodeports".to_owned(), units(i64::try_from(on_nodes).unwrap_or(i64::MAX)));
    usage.insert("services.loadbalancers".to_owned(), units(balancers));
}

/// Gives what a pod requests, or is limited to: the sum of its containers, or the largest of those that run before;
/// what is stated for the pod as a whole stands instead.
fn pod_amounts(pod: &Value, list: &str) -> Usage {
    let of = |container: &Value| amounts(&container["resources"][list]);
    let mut total = Usage::new();
    for container in pod["spec"]["containers"].items() {
        for (name, amount) in of(container) {
            let sum = total.entry(name).or_insert(Quantity::ZERO);
            *sum += amount;
        }
    }
    let mut beside = Usage::new();
    for container in pod["spec"]["initContainers"].items() {
        let stays = container["restartPolicy"] == "Always";
        for (name, amount) in of(container) {
            let before = *beside.get(&name).unwrap_or(&Quantity::ZERO);
            let needed = before + amount;
            if stays {
                beside.insert(name.clone(), needed);
                let sum = total.entry(name).or_insert(Quantity::ZERO);
                *sum += amount;
            } else {
                let most = total.entry(name).or_insert(Quantity::ZERO);
                *most = if needed > *most { needed } else { *most };
            }
        }
    }
    for (name, amount) in amounts(&pod["spec"]["resources"][list]) {
        if matches!(name.as_str(), "cpu" | "memory") || name.starts_with("hugepages-") {
            total.insert(name, amount);
        }
    }
    for (name, amount) in amounts(&pod["spec"]["overhead"]) {
        if let Some(sum) = total.get_mut(&name) {
            *sum += amount;
        }
    }
    total
}

/// Tells whether a quota counts an object like this one, as far as its scopes go; scopes are about pods, and about
/// claims with an attributes class.
pub fn in_scope(quota: &Value, resource: &GroupResource, object: &Value) -> bool {
    let plain = quota["spec"]["scopes"]
        .items()
        .iter()
        .map(|scope| value!({"scopeName": scope.clone(), "operator": "Exists"}));
    let selected = quota["spec"]["scopeSelector"]["matchExpressions"].items().iter().cloned();
    let matches = match (&*resource.group, &*resource.resource) {
        ("", "pods") => matches_pod,
        ("", "persistentvolumeclaims") => matches_claim,
        _ => |_: &Value, _: &Value| false,
    };
    plain.chain(selected).all(|scope| matches(&scope, object))
}

fn matches_pod(scope: &Value, pod: &Value) -> bool {
    let spec = &pod["spec"];
    match scope["scopeName"].str() {
        "Terminating" => is_terminating(pod),
        "NotTerminating" => !is_terminating(pod),
        "BestEffort" => pod["status"]["qosClass"] == "BestEffort",
        "NotBestEffort" => pod["status"]["qosClass"] != "BestEffort",
        "CrossNamespacePodAffinity" => has_cross_namespace_affinity(spec),
        "PriorityClass" => {
            let class = spec["priorityClassName"].str();
            if class.is_empty() { matches_names(scope, &[]) } else { matches_names(scope, &[class]) }
        }
        _ => false,
    }
}

fn matches_claim(scope: &Value, claim: &Value) -> bool {
    if scope["scopeName"] != "VolumeAttributesClass" {
        return false;
    }
    let status = &claim["status"];
    let names = [
        claim["spec"]["volumeAttributesClassName"].str(),
        status["currentVolumeAttributesClassName"].str(),
        status["modifyVolumeStatus"]["targetVolumeAttributesClassName"].str(),
    ];
    let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
    matches_names(scope, &names)
}

/// Tells whether a scope's selector chooses one of the names that an object has, or that it has none.
fn matches_names(scope: &Value, names: &[&str]) -> bool {
    let is_listed = |name: &&str| scope["values"].items().iter().any(|listed| *listed == *name);
    match scope["operator"].str() {
        "In" => names.iter().any(is_listed),
        "NotIn" => names.is_empty() || names.iter().any(|name| !is_listed(name)),
        "DoesNotExist" => names.is_empty(),
        _ => !names.is_empty(),
    }
}

fn has_cross_namespace_affinity(spec: &Value) -> bool {
    let crosses = |term: &Value| !term["namespaces"].is_empty() || !term["namespaceSelector"].is_null();
    ["podAffinity", "podAntiAffinity"].iter().any(|kind| {
        let affinity = &spec["affinity"][*kind];
        let required = affinity["requiredDuringSchedulingIgnoredDuringExecution"].items().iter();
        let preferred = affinity["preferredDuringSchedulingIgnoredDuringExecution"].items().iter();
        required.clone().any(crosses) || preferred.clone().any(|term| crosses(&term["podAffinityTerm"]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pod: Value, list: &str, expected: &str) {
        let found: Vec<String> =
            pod_amounts(&pod, list).iter().map(|(name, amount)| format!("{name}={amount}")).collect();
        assert_eq!(found.join(","), expected, "{pod:?}");
    }

    fn core(plural: &str) -> GroupResource {
        GroupResource::new("", plural)
    }

    #[test]
    fn a_pod_uses_what_its_containers_need_at_once() {
        let needs = |cpu: &str| value!({"name": "c", "resources": {"requests": {"cpu": cpu}}});
        check(value!({"spec": {"containers": [needs("100m"), needs("200m")]}}), "requests", "cpu=300m");
        check(
            value!({"spec": {"containers": [needs("100m")], "initContainers": [needs("1")]}}),
            "requests",
            "cpu=1",
        );
        let sidecar = needs("50m").with(&["restartPolicy"], "Always");
        check(
            value!({"spec": {"containers": [needs("100m")], "initContainers": [sidecar, needs("10m")]}}),
            "requests",
            "cpu=150m",
        );
        check(
            value!({"spec": {"containers": [needs("100m")], "overhead": {"cpu": "5m", "memory": "1Mi"}}}),
            "requests",
            "cpu=105m",
        );
    }

    #[test]
    fn scopes_choose_pods() {
        let quota = |scope: &str| value!({"spec": {"scopes": [scope]}});
        let pod = value!({"spec": {"activeDeadlineSeconds": 5}, "status": {"qosClass": "Burstable"}});
        for (scope, expected) in
            [("Terminating", true), ("NotTerminating", false), ("BestEffort", false), ("NotBestEffort", true)]
        {
            assert_eq!(in_scope(&quota(scope), &core("pods"), &pod), expected, "{scope}");
        }
        assert!(
            in_scope(&value!({"spec": {}}), &core("secrets"), &value!({})),
            "a quota without scopes counts everything"
        );
        assert!(!in_scope(&quota("NotTerminating"), &core("secrets"), &value!({})), "scopes are about pods");
    }

    #[test]
    fn each_name_is_counted_by_one_resource_at_most() {
        let resources = ["pods", "services", "persistentvolumeclaims", "configmaps", "events"];
        for (name, expected) in [
            ("requests.cpu", "pods"),
            ("cpu", "pods"),
            ("count/pods", "pods"),
            ("hugepages-2Mi", "pods"),
            ("requests.hugepages-2Mi", "pods"),
            ("requests.example.com/gpu", "pods"),
            ("limits.example.com/gpu", ""),
            ("example.com/gpu", ""),
            ("services.nodeports", "services"),
            ("requests.storage", "persistentvolumeclaims"),
            ("gold.storageclass.storage.k8s.io/requests.storage", "persistentvolumeclaims"),
            // See quota-device-claims in docs/DIVERGENCE.md.
            ("gold.deviceclass.resource.k8s.io/devices", ""),
            ("configmaps", "configmaps"),
            ("events", ""),
            ("count/events", "events"),
        ] {
            let found: Vec<&str> =
                resources.into_iter().filter(|plural| counts(&core(plural), name)).collect();
            assert_eq!(found.join(","), expected, "{name}");
        }
        assert!(counts(&GroupResource::new("apps", "deployments"), "count/deployments.apps"));
    }

    #[test]
    fn what_has_ended_is_only_counted() {
        let now = Time::from_unix_seconds(1_000);
        let used = |pod: Value| usage_of(&core("pods"), &pod, now).into_keys().collect::<Vec<_>>().join(",");
        assert_eq!(used(value!({"spec": {}})), "count/pods,pods");
        assert_eq!(used(value!({"spec": {}, "status": {"phase": "Failed"}})), "count/pods");
        let deleted = |seconds_ago: i64| {
            value!({"metadata": {
                "deletionTimestamp": Time::from_unix_seconds(1_000 - seconds_ago), "deletionGracePeriodSeconds": 30,
            }})
        };
        assert_eq!(used(deleted(30)), "count/pods,pods", "it may still run");
        assert_eq!(used(deleted(31)), "count/pods", "its node is lost");
    }
}
