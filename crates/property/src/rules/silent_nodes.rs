//! A node is called silent only when it is: when its lease, as the API server holds it, has not been renewed for a while.
//!
//! Whoever judges nodes by a cache that stands still calls those silent that are well (kubernetes#121793).

use super::Scope;
use crate::parameters::Arguments;
use crate::rule::{Change, Explanation, Judgement, Moment, Rule, Touched};
use crate::subject::Subject;
use object::{ObjectExt, Time, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// The namespace of nodes' leases.
const LEASES: &str = "kube-node-lease";

pub(crate) struct SilentNodes {
    scope: Scope,
    grace: Duration,
    /// Of each node that was called silent, how old its lease was then.
    lease_ages: BTreeMap<Subject, Duration>,
}

impl SilentNodes {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self { scope: Scope::new(arguments), grace: arguments.duration("grace"), lease_ages: BTreeMap::new() }
    }
}

fn is_silent(node: &Value) -> bool {
    node.condition("Ready")["status"] == "Unknown"
}

/// Gives how long ago a node renewed its lease; nothing when it has none.
fn lease_age(change: &Change<'_>) -> Option<Duration> {
    let lease = change.after.get("leases.coordination.k8s.io", LEASES, change.object.name())?;
    let renewed = Time::parse(lease["spec"]["renewTime"].str()).ok()?;
    Some(change.after.now() - renewed)
}

impl Rule for SilentNodes {
    fn reads(&self) -> &'static [&'static str] {
        &["leases.coordination.k8s.io", "nodes"]
    }

    fn needs_history(&self) -> bool {
        true
    }

    fn forget(&mut self) {
        self.lease_ages.clear();
    }

    fn observe(&mut self, change: &Change<'_>, touched: &mut Touched) {
        if !change.is_of("nodes") || !self.scope.covers("", change.object.name()) {
            return;
        }
        let subject = Subject::of(change.object);
        match change.present().filter(|node| is_silent(node)) {
            Some(_) if change.initial || change.previous.is_some_and(is_silent) => {}
            // A node that never had a lease is judged by nothing else.
            Some(_) => {
                if let Some(age) = lease_age(change) {
                    self.lease_ages.insert(subject.clone(), age);
                    touched.add(subject);
                }
            }
            None => {
                self.lease_ages.remove(&subject);
                touched.add(subject);
            }
        }
    }

    fn judge(&self, subject: &Subject, moment: &Moment<'_>) -> Judgement {
        match self.lease_ages.get(subject) {
            Some(age) => Judgement::when(*age >= self.grace),
            None if moment.view.get("nodes", "", &subject.name).is_some() => Judgement::Holds,
            None => Judgement::Idle,
        }
    }

    fn explain(&self, subject: &Subject, _moment: &Moment<'_>) -> Explanation {
        let age = self.lease_ages.get(subject).copied().unwrap_or_default();
        Explanation {
            observed: format!("called silent {} s after it renewed its lease", age.as_secs()),
            allowed: format!("after {} s at the earliest", self.grace.as_secs()),
            evidence: Vec::new(),
        }
    }
}
