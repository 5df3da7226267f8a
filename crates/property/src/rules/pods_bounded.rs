//! A ReplicaSet has no more live pods than it was asked to have (kubernetes#129795).

use super::{Scope, counted};
use crate::census::Census;
use crate::parameters::Arguments;
use crate::rule::{Change, Explanation, Fact, Judgement, Moment, Rule, Touched};
use crate::subject::Subject;
use object::{ObjectExt, Text, Value};
use std::collections::BTreeMap;

/// What is known of one ReplicaSet.
struct Bound {
    replicas: i64,
    /// The highest number of replicas that its controller may still be working towards: it falls to the desired number
    /// once the controller has observed that, and no more pods are there.
    ceiling: i64,
    /// Creates of its pods whose outcome nobody knows, since the controller last had seen everything.
    unknown: i64,
    /// Whether it ever had pods.
    is_reached: bool,
    observed_generation: i64,
    generation: i64,
    reported: i64,
}

pub(crate) struct PodsBounded {
    scope: Scope,
    slack: i64,
    count_deleting: bool,
    census: Census,
    bounds: BTreeMap<Text, Bound>,
}

impl PodsBounded {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        let count_deleting = arguments.bool("countDeleting");
        Self {
            scope: Scope::new(arguments),
            slack: arguments.int("slack"),
            count_deleting,
            census: Census::new(count_deleting),
            bounds: BTreeMap::new(),
        }
    }

    fn observe_replicaset(&mut self, replicaset: &Value) {
        let Some(uid) = replicaset["metadata"]["uid"].as_text() else { return };
        let replicas = replicaset["spec"]["replicas"].as_i64().unwrap_or(1);
        let bound = self.bounds.entry(uid.clone()).or_insert(Bound {
            replicas,
            ceiling: replicas,
            unknown: 0,
            is_reached: false,
            observed_generation: 0,
            generation: 0,
            reported: 0,
        });
        bound.replicas = replicas;
        bound.ceiling = bound.ceiling.max(replicas);
        bound.generation = replicaset.generation();
        bound.observed_generation = replicaset["status"]["observedGeneration"].int();
        bound.reported = replicaset["status"]["replicas"].int();
        if bound.observed_generation == bound.generation && bound.reported == self.census.of(uid).live {
            bound.unknown = 0;
        }
        self.settle(uid);
    }

    fn settle(&mut self, uid: &str) {
        let live = self.census.of(uid).live;
        let Some(bound) = self.bounds.get_mut(uid) else { return };
        bound.is_reached |= live > 0;
        if live <= bound.replicas && bound.observed_generation >= bound.generation {
            bound.ceiling = bound.replicas;
        }
    }
}

impl Rule for PodsBounded {
    fn reads(&self) -> &'static [&'static str] {
        &["pods", "replicasets.apps"]
    }

    fn forget(&mut self) {
        self.census.forget();
        self.bounds.clear();
    }

    fn observe(&mut self, change: &Change<'_>, touched: &mut Touched) {
        if change.is_of("pods") {
            let mut owners = Touched::default();
            self.census.observe(change, &mut owners);
            for owner in owners.0 {
                self.settle(&owner.uid);
                touched.add(owner);
            }
        } else if change.is_of("replicasets.apps")
            && self.scope.covers(change.object.namespace(), change.object.name())
        {
            match change.present() {
                Some(replicaset) => self.observe_replicaset(replicaset),
                None => {
                    self.bounds.remove(change.object.uid());
                }
            }
            touched.add(Subject::of(change.object));
        }
    }

    fn learn(&mut self, fact: &Fact<'_>, _touched: &mut Touched) {
        let Fact::CreateOutcomeUnknown { resource, object } = fact;
        let owner =
            object.controller_of().filter(|_| &*resource.resource == "pods" && resource.group.is_empty());
        if let Some(bound) = owner.and_then(|owner| self.bounds.get_mut(owner.uid)) {
            bound.unknown += 1;
        }
    }

    fn judge(&self, subject: &Subject, _moment: &Moment<'_>) -> Judgement {
        match self.bounds.get(&subject.uid) {
            Some(bound) if bound.is_reached => {
                let live = self.census.of(&subject.uid).live;
                Judgement::when(live <= bound.ceiling + bound.unknown + self.slack)
            }
            _ => Judgement::Idle,
        }
    }

    fn explain(&self, subject: &Subject, _moment: &Moment<'_>) -> Explanation {
        let Some(bound) = self.bounds.get(&subject.uid) else { return Explanation::default() };
        let live = self.census.of(&subject.uid).live;
        let mut allowed = format!("at most {}", bound.ceiling + bound.unknown + self.slack);
        if bound.unknown > 0 {
            allowed += &format!(", {} of them for creates of unknown outcome", bound.unknown);
        }
        let mut evidence =
            vec![format!("spec.replicas is {}, status.replicas {}", bound.replicas, bound.reported)];
        if bound.ceiling > bound.replicas {
            evidence.push(format!("the controller may still be working towards {} replicas", bound.ceiling));
        }
        if self.count_deleting {
            evidence.push("pods that are being deleted count".to_owned());
        }
        Explanation { observed: counted(live, "live pod"), allowed, evidence }
    }
}
