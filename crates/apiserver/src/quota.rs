//! Resource quotas: a new object is charged to every quota of its namespace that counts it.
//!
//! Upstream: `k8s.io/apiserver/pkg/admission/plugin/resourcequota`. What is used is read from the quota's status, which
//! its controller computes anew from time to time by the same rules: what is public here is for it.

mod evaluate;

pub use evaluate::{Usage, amounts, counts, in_scope, is_alive, is_terminating, usage_of};

use crate::call::{Call, commit_refusal};
use crate::driver::{CommitError, Driver, ReadAt};
use crate::status::Refusal;
use object::{GroupResource, ObjectExt, Quantity, Value};
use std::collections::BTreeMap;
use store::{Precondition, Transaction};

/// How often a charge is computed anew because another write came first, as upstream.
const ATTEMPTS_MAX: usize = 3;

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
        let usage = usage_of(&self.storage, object, self.driver.now());
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
        if !in_scope(quota, &self.storage, object) {
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
        // What is stated for the pod as a whole need not be stated for each container.
        if is_pod && object["spec"]["resources"].is_empty() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use object::value;

    #[test]
    fn containers_must_state_what_is_counted() {
        let pod = value!({"spec": {"containers": [
            {"name": "a", "resources": {"requests": {"cpu": "1"}}}, {"name": "b"},
        ]}});
        let hard = amounts(&value!({"requests.cpu": "4", "limits.memory": "1Gi", "pods": "9"}));
        assert_eq!(lacking_amounts(&pod, &hard), "limits.memory for: a,b; requests.cpu for: b");
    }
}
