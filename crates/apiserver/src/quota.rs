//! Resource quotas: a new object is charged to every quota of its namespace that counts it.
//!
//! Upstream: `k8s.io/apiserver/pkg/admission/plugin/resourcequota` and `pkg/quota/v1/evaluator/core`. What is used is
//! read from the quota's status, which its controller computes anew from time to time.

use crate::call::{Call, commit_refusal};
use crate::driver::{CommitError, Driver, ReadAt};
use crate::status::Refusal;
use object::{GroupResource, ObjectExt, Quantity, Value, value};
use std::collections::BTreeMap;
use store::{Precondition, Transaction};

/// How often a charge is computed anew because another write came first, as upstream.
const ATTEMPTS_MAX: usize = 3;

/// Amounts of named resources.
type Usage = BTreeMap<String, Quantity>;

impl<D: Driver> Call<'_, D> {
    /// Charges a new object to the quotas of its namespace, or refuses it.
    pub async fn charge_quota(&self, object: &Value) -> Result<(), Refusal> {
        let quotas = GroupResource::new("", "resourcequotas");
        if !self.resource.namespaced {
            return Ok(());
        }
        let held = self.list_other(&quotas, ReadAt::Any).await?;
        if held.list(&quotas, Some(object.namespace())).next().is_none() {
            return Ok(());
        }
        let usage = usage_of(&self.storage, object);
        for attempt in 1..=ATTEMPTS_MAX {
            let present = self.list_other(&quotas, ReadAt::Latest).await?;
            let mut charged = Vec::new();
            for quota in present.list(&quotas, Some(object.namespace())) {
                charged.extend(self.charged(quota, object, &usage)?);
            }
            match self.store_charges(&quotas, charged).await? {
                true => return Ok(()),
                false if attempt == ATTEMPTS_MAX => break,
                false => {}
            }
        }
        Err(Refusal::conflict(&quotas, object.name(), crate::status::OPTIMISTIC_LOCK))
    }

    /// Gives the quota after it was charged, `None` if it does not count the object.
    fn charged(&self, quota: &Value, object: &Value, usage: &Usage) -> Result<Option<Value>, Refusal> {
        let is_pod = self.storage.group.is_empty() && &*self.storage.resource == "pods";
        if !in_scope(quota, object, is_pod) {
            return Ok(None);
        }
        let hard = amounts(&quota["status"]["hard"]);
        let used = amounts(&quota["status"]["used"]);
        let counted: Usage = usage
            .iter()
            .filter(|(name, _)| hard.contains_key(*name))
            .map(|(name, amount)| (name.clone(), *amount))
            .collect();
        let refuse = |why: String| Err(Refusal::forbidden(&self.storage, object.name(), &why));
        if is_pod {
            let lacking = lacking_amounts(object, &hard);
            if !lacking.is_empty() {
                return refuse(format!("failed quota: {}: must specify {lacking}", quota.name()));
            }
        }
        if counted.is_empty() {
            return Ok(None);
        }
        let unknown: Vec<&str> =
            counted.keys().filter(|name| !used.contains_key(*name)).map(String::as_str).collect();
        if !unknown.is_empty() {
            let list = unknown.join(",");
            return refuse(format!("status unknown for quota: {}, resources: {list}", quota.name()));
        }
        let zero = Quantity::ZERO;
        let sum = |name: &String, amount: &Quantity| *used.get(name).unwrap_or(&zero) + *amount;
        let exceeds = |name: &String, amount: &Quantity| {
            amount.nano_value() > 0 && hard.get(name).is_some_and(|hard| sum(name, amount) > *hard)
        };
        let exceeded: Vec<&String> =
            counted.iter().filter(|(name, amount)| exceeds(name, amount)).map(|(name, _)| name).collect();
        if !exceeded.is_empty() {
            let listed = |amounts: &Usage| {
                let one = |name: &&String| format!("{name}={}", amounts.get(*name).unwrap_or(&zero));
                exceeded.iter().map(one).collect::<Vec<_>>().join(",")
            };
            return refuse(format!(
                "exceeded quota: {}, requested: {}, used: {}, limited: {}",
                quota.name(),
                listed(&counted),
                listed(&used),
                listed(&hard)
            ));
        }
        let mut charged = quota.clone();
        for (name, amount) in &counted {
            charged.set(&["status", "used", name], sum(name, amount).to_string());
        }
        Ok((charged != *quota).then_some(charged))
    }

    /// Stores what was charged; gives whether nothing came first.
    async fn store_charges(&self, quotas: &GroupResource, charged: Vec<Value>) -> Result<bool, Refusal> {
        for quota in charged {
            let precondition = Precondition::revision(quota.revision());
            match self.driver.commit(Transaction::put(quotas, quota).when(precondition)).await {
                Ok(_) => {}
                Err(CommitError::Conflict(_)) => return Ok(false),
                Err(error) => return Err(commit_refusal(error)),
            }
        }
        Ok(true)
    }
}

fn amounts(map: &Value) -> Usage {
    map.entries()
        .filter_map(|(name, text)| Some((name.as_str().to_owned(), Quantity::of(text).ok()?)))
        .collect()
}

fn units(number: i64) -> Quantity {
    Quantity::from_units(number, object::Format::DecimalSi)
}

/// Gives what an object uses, under every name that a quota may count.
fn usage_of(resource: &GroupResource, object: &Value) -> Usage {
    let mut usage = Usage::new();
    usage.insert(format!("count/{resource}"), units(1));
    match (&*resource.group, &*resource.resource) {
        ("", "pods") => {
            usage.insert("pods".to_owned(), units(1));
            for (list, plain) in [("requests", true), ("limits", false)] {
                for (name, amount) in pod_amounts(object, list) {
                    usage.insert(format!("{list}.{name}"), amount);
                    if plain {
                        usage.insert(name, amount);
                    }
                }
            }
        }
        ("", "persistentvolumeclaims") => {
            usage.insert("persistentvolumeclaims".to_owned(), units(1));
            let storage =
                Quantity::of(&object["spec"]["resources"]["requests"]["storage"]).unwrap_or(Quantity::ZERO);
            usage.insert("requests.storage".to_owned(), storage);
            let class = object["spec"]["storageClassName"].str();
            if !class.is_empty() {
                let of_class = format!("{class}.storageclass.storage.k8s.io");
                usage.insert(format!("{of_class}/requests.storage"), storage);
                usage.insert(format!("{of_class}/persistentvolumeclaims"), units(1));
            }
        }
        ("", "services") => {
            usage.insert("services".to_owned(), units(1));
            let kind = object["spec"]["type"].str();
            let ports = i64::try_from(object["spec"]["ports"].items().len()).unwrap_or(i64::MAX);
            let on_nodes = matches!(kind, "NodePort" | "LoadBalancer");
            usage.insert("services.nodeports".to_owned(), units(if on_nodes { ports } else { 0 }));
            usage.insert("services.loadbalancers".to_owned(), units(i64::from(kind == "LoadBalancer")));
        }
        ("", name @ ("configmaps" | "secrets" | "replicationcontrollers" | "resourcequotas")) => {
            usage.insert(name.to_owned(), units(1));
        }
        _ => {}
    }
    usage
}

/// Gives what a pod requests, or is limited to: the sum of its containers, or the largest of those that run before.
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
    for (name, amount) in amounts(&pod["spec"]["overhead"]) {
        if let Some(sum) = total.get_mut(&name) {
            *sum += amount;
        }
    }
    total
}

/// Names the amounts that a quota counts and a container does not state.
fn lacking_amounts(pod: &Value, hard: &Usage) -> String {
    let mut lacking: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for name in hard.keys() {
        let (list, amount) = match name.split_once('.') {
            Some((list @ ("requests" | "limits"), amount)) => (list, amount),
            None if matches!(name.as_str(), "cpu" | "memory") => ("requests", name.as_str()),
            _ => continue,
        };
        if !matches!(amount, "cpu" | "memory") {
            continue;
        }
        let containers = [&pod["spec"]["initContainers"], &pod["spec"]["containers"]];
        for container in containers.iter().flat_map(|list| list.items()) {
            if container["resources"][list][amount].is_null() {
                lacking.entry(name.clone()).or_default().push(container["name"].str());
            }
        }
    }
    let texts = lacking.into_iter().map(|(name, containers)| format!("{name} for: {}", containers.join(",")));
    texts.collect::<Vec<_>>().join("; ")
}

/// Tells whether a quota counts objects like this one.
fn in_scope(quota: &Value, object: &Value, is_pod: bool) -> bool {
    let plain = quota["spec"]["scopes"]
        .items()
        .iter()
        .map(|scope| value!({"scopeName": scope.clone(), "operator": "Exists"}));
    let selected = quota["spec"]["scopeSelector"]["matchExpressions"].items().iter().cloned();
    plain.chain(selected).all(|scope| is_pod && matches_scope(&scope, object))
}

fn matches_scope(scope: &Value, pod: &Value) -> bool {
    let spec = &pod["spec"];
    match scope["scopeName"].str() {
        "Terminating" => spec["activeDeadlineSeconds"].as_i64().is_some(),
        "NotTerminating" => spec["activeDeadlineSeconds"].is_null(),
        "BestEffort" => pod["status"]["qosClass"] == "BestEffort",
        "NotBestEffort" => pod["status"]["qosClass"] != "BestEffort",
        "PriorityClass" => {
            let class = spec["priorityClassName"].str();
            let listed = scope["values"].items().iter().any(|name| *name == class);
            match scope["operator"].str() {
                "In" => listed,
                "NotIn" => !listed,
                "DoesNotExist" => class.is_empty(),
                _ => !class.is_empty(),
            }
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pod: Value, list: &str, expected: &str) {
        let found: Vec<String> =
            pod_amounts(&pod, list).iter().map(|(name, amount)| format!("{name}={amount}")).collect();
        assert_eq!(found.join(","), expected, "{pod:?}");
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
    fn containers_must_state_what_is_counted() {
        let pod = value!({"spec": {"containers": [
            {"name": "a", "resources": {"requests": {"cpu": "1"}}}, {"name": "b"},
        ]}});
        let hard = amounts(&value!({"requests.cpu": "4", "limits.memory": "1Gi", "pods": "9"}));
        assert_eq!(lacking_amounts(&pod, &hard), "limits.memory for: a,b; requests.cpu for: b");
    }

    #[test]
    fn scopes_choose_pods() {
        let quota = |scope: &str| value!({"spec": {"scopes": [scope]}});
        let pod = value!({"spec": {"activeDeadlineSeconds": 5}, "status": {"qosClass": "Burstable"}});
        for (scope, expected) in
            [("Terminating", true), ("NotTerminating", false), ("BestEffort", false), ("NotBestEffort", true)]
        {
            assert_eq!(in_scope(&quota(scope), &pod, true), expected, "{scope}");
        }
        assert!(
            in_scope(&value!({"spec": {}}), &value!({}), false),
            "a quota without scopes counts everything"
        );
        assert!(!in_scope(&quota("NotTerminating"), &value!({}), false), "scopes are about pods");
    }
}
