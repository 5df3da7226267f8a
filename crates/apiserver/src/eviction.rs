//! Evicting pods within their disruption budgets.
//!
//! Upstream: `pkg/registry/core/pod/storage/eviction.go`.

use crate::call::{Call, commit_refusal};
use crate::driver::{CommitError, Driver, ReadAt};
use crate::kinds::{pod_is_finished, pod_is_ready, set_pod_condition};
use crate::options::Options;
use crate::response::Response;
use crate::status::{OPTIMISTIC_LOCK, Refusal};
use object::{GroupResource, ObjectExt, Selector, Text, Time, Value, value};
use std::time::Duration;
use store::{Precondition, Transaction};

/// How often an eviction is tried anew when it loses against another write.
const ATTEMPTS_MAX: usize = 20;

/// How long it waits in between. Upstream adds up to a tenth of jitter, which changes nothing here.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The most evicted pods that a budget's controller may have left to notice.
const DISRUPTED_PODS_MAX: usize = 2_000;

/// What a budget says to an eviction.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// The pod may go, and the budget is charged.
    Charge,
    /// The pod may go and does not count, provided it is still as it was.
    Free,
    /// The pod stays.
    Refuse(Refusal),
}

impl<D: Driver> Call<'_, D> {
    /// Evicts the pod that the request names.
    pub async fn evict(&self) -> Result<Response, Refusal> {
        let eviction = self.body()?;
        let name = &*self.request.name;
        if eviction.name() != name {
            return Err(Refusal::bad_request("name in URL does not match name in Eviction object"));
        }
        self.check_namespace(name, &self.storage).await?;
        let mut options = Options::default();
        options.read_delete_body(&eviction["deleteOptions"]);
        options.dry_run.extend(self.request.options.dry_run.iter().cloned());
        let asked_revision = options.preconditions.resource_version.is_some();
        let Some(pod) = self.evict_uncounted(name, &options, asked_revision).await? else {
            return Ok(Response::success(201));
        };
        let budgets = self.budgets_of(&pod).await?;
        let pinned = match &budgets[..] {
            [] => false,
            [budget] => self.ask_budget(&pod, budget, options.is_dry_run()).await?,
            _ => {
                let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
                return Err(Refusal::new(500, "", message));
            }
        };
        let mut pinned_options = options.clone();
        if pinned && !asked_revision {
            pinned_options.preconditions.resource_version = revision_of(&pod);
        }
        match self.delete_evicted(name, &pinned_options).await {
            Err(refusal) if refusal.is_conflict() && pinned && !asked_revision => {
                Err(being_processed(budgets.first().map_or("", |budget| budget.name())))
            }
            Err(refusal) => Err(refusal),
            Ok(()) => Ok(Response::success(201)),
        }
    }

    /// Deletes the pod if no budget protects one like it; gives the pod if one may.
    async fn evict_uncounted(
        &self,
        name: &str,
        options: &Options,
        asked_revision: bool,
    ) -> Result<Option<Value>, Refusal> {
        for attempt in 1..=ATTEMPTS_MAX {
            let pod = self.read_present(ReadAt::Latest).await?;
            if !is_unprotected(&pod) {
                return Ok(Some(pod));
            }
            let mut options = options.clone();
            // A pending pod may become ready in the meantime, and would then be protected.
            let may_become_ready = !pod_is_finished(&pod) && !pod.is_deleting();
            if may_become_ready && !asked_revision {
                options.preconditions.resource_version = revision_of(&pod);
            }
            match self.delete_evicted(name, &options).await {
                Ok(()) => return Ok(None),
                Err(refusal) if refusal.is_conflict() && !asked_revision && attempt < ATTEMPTS_MAX => {
                    self.driver.sleep(RETRY_AFTER).await;
                }
                Err(refusal) => return Err(refusal),
            }
        }
        unreachable!("the last attempt returns")
    }

    /// Marks the pod as disrupted and deletes it.
    async fn delete_evicted(&self, name: &str, options: &Options) -> Result<(), Refusal> {
        let mut options = options.clone();
        if !options.is_dry_run() {
            let now = self.driver.now();
            let marked = self.change(None, |old| {
                self.check_preconditions(old, &options.preconditions)?;
                let mut new = old.clone();
                let condition = value!({
                    "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
                    "message": "Eviction API: evicting",
                });
                set_pod_condition(&mut new, condition, now);
                Ok(new)
            });
            let marked = marked.await?;
            if options.preconditions.resource_version.is_some() {
                options.preconditions.resource_version = revision_of(&marked);
            }
        }
        self.delete_named(name, &options).await.map(drop)
    }

    /// Gives the budgets that select a pod.
    async fn budgets_of(&self, pod: &Value) -> Result<Vec<Value>, Refusal> {
        let resource = budgets();
        let snapshot = self.list_other(&resource, ReadAt::Latest).await?;
        let selects = |budget: &&Value| {
            let selector = Selector::from_label_selector(&budget["spec"]["selector"]);
            // An empty selector selects every pod in policy/v1; an absent one selects none.
            selector.is_ok_and(|selector| selector.matches(pod.labels()))
        };
        Ok(snapshot.list(&resource, Some(pod.namespace())).filter(selects).cloned().collect())
    }

    /// Asks the budget whether the pod may go, and charges it; gives whether the pod must not have changed since.
    async fn ask_budget(&self, pod: &Value, budget: &Value, dry_run: bool) -> Result<bool, Refusal> {
        let mut budget = budget.clone();
        for attempt in 1..=ATTEMPTS_MAX {
            match verdict(pod, &budget) {
                Verdict::Free => return Ok(true),
                Verdict::Refuse(refusal) => return Err(refusal),
                Verdict::Charge if dry_run => return Ok(false),
                Verdict::Charge => {}
            }
            let charged = charged(&budget, pod.name(), self.driver.now());
            let transaction =
                Transaction::put(&budgets(), charged).when(Precondition::revision(budget.revision()));
            match self.driver.commit(transaction).await {
                Ok(_) => return Ok(false),
                Err(CommitError::Conflict(conflict)) => {
                    let absent = || Refusal::not_found(&budgets(), budget.name());
                    let current = conflict.current.ok_or_else(absent)?;
                    if attempt < ATTEMPTS_MAX {
                        self.driver.sleep(RETRY_AFTER).await;
                        let (namespace, name) = (current.namespace(), current.name());
                        budget = self
                            .read_other(&budgets(), namespace, name, ReadAt::Latest)
                            .await?
                            .ok_or_else(|| Refusal::not_found(&budgets(), name))?;
                    }
                }
                Err(error) => return Err(commit_refusal(error)),
            }
        }
        Err(Refusal::conflict(&budgets(), budget.name(), OPTIMISTIC_LOCK))
    }
}

fn budgets() -> GroupResource {
    GroupResource::new("policy", "poddisruptionbudgets")
}

fn revision_of(object: &Value) -> Option<Text> {
    object["metadata"]["resourceVersion"].as_text().cloned()
}

/// Tells whether a pod is no loss: it has ended, has not started, or is on its way out.
fn is_unprotected(pod: &Value) -> bool {
    pod_is_finished(pod) || pod["status"]["phase"] == "Pending" || pod.is_deleting()
}

fn being_processed(budget: &str) -> Refusal {
    Refusal::budget_exhausted(
        &format!("The disruption budget {budget} is still being processed by the server."),
        10,
    )
}

/// Judges the eviction of a pod that exactly one budget selects.
pub(crate) fn verdict(pod: &Value, budget: &Value) -> Verdict {
    let status = &budget["status"];
    let (healthy, desired) = (status["currentHealthy"].int(), status["desiredHealthy"].int());
    if !pod_is_ready(pod) {
        let always = budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow";
        if always || (healthy >= desired && desired > 0) {
            return Verdict::Free;
        }
    }
    if status["observedGeneration"].int() < budget.generation() {
        return Verdict::Refuse(being_processed(budget.name()));
    }
    let forbidden = |why: &str| {
        Verdict::Refuse(Refusal::forbidden(
            &GroupResource::new("policy", "poddisruptionbudget"),
            budget.name(),
            why,
        ))
    };
    let allowed = status["disruptionsAllowed"].int();
    if allowed < 0 {
        return forbidden("pdb disruptions allowed is negative");
    }
    if status["disruptedPods"].entries().count() > DISRUPTED_PODS_MAX {
        return forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller");
    }
    if allowed > 0 {
        return Verdict::Charge;
    }
    Verdict::Refuse(Refusal::budget_exhausted(&why_exhausted(budget, healthy, desired), 0))
}

fn why_exhausted(budget: &Value, healthy: i64, desired: i64) -> String {
    let name = budget.name();
    let condition = budget.condition("DisruptionAllowed");
    if condition["status"] == "False" && condition["reason"] == "SyncFailed" {
        let why = condition["message"].str();
        return format!(
            "The disruption budget {name} does not allow evicting pods currently because it failed sync: {why}"
        );
    }
    if healthy <= desired {
        return format!(
            "The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
        );
    }
    format!("The disruption budget {name} does not allow evicting pods currently")
}

/// Gives the budget after a pod was let go: one disruption less, and a note of the pod until it is seen to be gone.
pub(crate) fn charged(budget: &Value, pod: &str, now: Time) -> Value {
    let mut charged = budget.clone();
    let left = budget["status"]["disruptionsAllowed"].int() - 1;
    charged.set(&["status", "disruptionsAllowed"], left);
    charged.set(&["status", "disruptedPods", pod], now);
    if left == 0 {
        set_allowed_condition(&mut charged, now);
    }
    charged
}

/// Says in the budget's conditions that nothing more is allowed.
///
/// Upstream: `pdbhelper.UpdateDisruptionAllowedCondition`.
fn set_allowed_condition(budget: &mut Value, now: Time) {
    let mut condition = value!({
        "type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods", "message": "",
        "observedGeneration": budget["status"]["observedGeneration"].clone(), "lastTransitionTime": now,
    });
    let conditions = budget["status"]["conditions"].items();
    let place = conditions.iter().position(|found| found["type"] == "DisruptionAllowed");
    let Some(place) = place else {
        budget.push(&["status", "conditions"], condition);
        return;
    };
    if conditions[place]["status"] == condition["status"] {
        condition.set(&["lastTransitionTime"], &conditions[place]["lastTransitionTime"]);
    }
    if let Some(conditions) = budget.slot(&["status", "conditions"]).items_mut() {
        conditions[place] = condition;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(ready: bool) -> Value {
        let status = if ready { "True" } else { "False" };
        value!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": status}]}})
    }

    fn budget(status: Value) -> Value {
        value!({"metadata": {"name": "b", "generation": 2}, "spec": {}, "status": status})
    }

    fn check(pod: Value, budget: Value, expected: &str) {
        let found = match verdict(&pod, &budget) {
            Verdict::Charge => "charge".to_owned(),
            Verdict::Free => "free".to_owned(),
            Verdict::Refuse(refusal) => {
                let status = refusal.to_status();
                let cause = status["details"]["causes"][0]["message"].str();
                let after = status["details"]["retryAfterSeconds"].int();
                let shown = if cause.is_empty() { status["message"].str() } else { cause };
                format!("{} after {after}: {shown}", refusal.code())
            }
        };
        assert_eq!(found, expected, "{budget:?}");
    }

    #[test]
    fn budgets_judge_evictions() {
        let seen = |healthy: i64, desired: i64, allowed: i64| {
            budget(value!({
                "observedGeneration": 2, "currentHealthy": healthy, "desiredHealthy": desired,
                "disruptionsAllowed": allowed,
            }))
        };
        check(pod(true), seen(3, 2, 1), "charge");
        check(
            pod(true),
            seen(2, 2, 0),
            "429 after 0: The disruption budget b needs 2 healthy pods and has 2 currently",
        );
        check(
            pod(true),
            seen(0, 2, 0),
            "429 after 0: The disruption budget b needs 2 healthy pods and has 0 currently",
        );
        check(
            pod(true),
            seen(3, 2, 0),
            "429 after 0: The disruption budget b does not allow evicting pods currently",
        );
        check(
            pod(true),
            seen(3, 2, -1),
            "403 after 0: poddisruptionbudget.policy \"b\" is forbidden: pdb disruptions allowed is negative",
        );
        // A pod that is not ready goes freely as long as enough others are.
        check(pod(false), seen(2, 2, 0), "free");
        check(
            pod(false),
            seen(0, 0, 0),
            "429 after 0: The disruption budget b needs 0 healthy pods and has 0 currently",
        );
        check(
            pod(false),
            seen(1, 2, 0),
            "429 after 0: The disruption budget b needs 2 healthy pods and has 1 currently",
        );
        check(pod(false), seen(1, 2, 1), "charge");
        let always = seen(1, 2, 0).with(&["spec", "unhealthyPodEvictionPolicy"], "AlwaysAllow");
        check(pod(false), always.clone(), "free");
        check(
            pod(true),
            always,
            "429 after 0: The disruption budget b needs 2 healthy pods and has 1 currently",
        );
        let unseen = seen(3, 2, 1).with(&["status", "observedGeneration"], 1);
        check(
            pod(true),
            unseen,
            "429 after 10: The disruption budget b is still being processed by the server.",
        );
        let failed = value!([{"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "x"}]);
        check(
            pod(true),
            seen(3, 2, 0).with(&["status", "conditions"], failed),
            "429 after 0: The disruption budget b does not allow evicting pods currently because it failed sync: x",
        );
        let mut full = seen(9, 2, 7);
        for at in 0..=DISRUPTED_PODS_MAX {
            full.set(&["status", "disruptedPods", &format!("p{at}")], "2026-01-01T00:00:00Z");
        }
        check(
            pod(true),
            full,
            "403 after 0: poddisruptionbudget.policy \"b\" is forbidden: DisruptedPods map too big - too many evictions \
             not confirmed by PDB controller",
        );
    }

    #[test]
    fn an_eviction_charges_the_budget() {
        let now = Time::from_unix_seconds(7);
        let before = budget(value!({"observedGeneration": 2, "disruptionsAllowed": 2}));
        let once = charged(&before, "p1", now);
        assert_eq!(once["status"]["disruptionsAllowed"], 1);
        assert_eq!(once["status"]["disruptedPods"], value!({"p1": now}));
        assert!(once["status"]["conditions"].is_null());
        let twice = charged(&once, "p2", now);
        assert_eq!(twice["status"]["disruptionsAllowed"], 0);
        assert_eq!(twice["status"]["disruptedPods"].entries().count(), 2);
        assert_eq!(twice.condition("DisruptionAllowed")["reason"], "InsufficientPods");
    }
}
