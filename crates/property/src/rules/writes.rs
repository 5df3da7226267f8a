//! Controllers write no more than a multiple of its size for each change of a workload: amplification.

use super::{Scope, counted};
use crate::parameters::Arguments;
use crate::rule::{Change, Explanation, Judgement, Moment, Rule, Touched};
use crate::subject::Subject;
use object::{ObjectExt, Text, Value};
use std::collections::BTreeMap;

/// What is known of one workload.
#[derive(Default)]
struct Account {
    changes: i64,
    /// The sum of the workload's sizes over its changes.
    size: i64,
    writes: i64,
}

pub(crate) struct WritesBounded {
    scope: Scope,
    factor: f64,
    base: i64,
    writer: String,
    accounts: BTreeMap<Text, Account>,
}

/// Gives the size of a workload, if it is one whose pods it manages itself.
fn size(change: &Change<'_>, object: &Value) -> Option<i64> {
    let spec = &object["spec"];
    match () {
        () if change.is_of("replicasets.apps") || change.is_of("statefulsets.apps") => {
            Some(spec["replicas"].as_i64().unwrap_or(1))
        }
        () if change.is_of("daemonsets.apps") => Some(object["status"]["desiredNumberScheduled"].int()),
        () if change.is_of("jobs.batch") => {
            let parallelism = spec["parallelism"].as_i64().unwrap_or(1);
            Some(spec["completions"].as_i64().unwrap_or(parallelism))
        }
        () => None,
    }
}

impl WritesBounded {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self {
            scope: Scope::new(arguments),
            factor: arguments.number("factor"),
            base: arguments.int("base"),
            writer: arguments.text("writer"),
            accounts: BTreeMap::new(),
        }
    }

    fn observe_workload(&mut self, change: &Change<'_>, now: i64, touched: &mut Touched) {
        let subject = Subject::of(change.object);
        if change.present().is_none() {
            self.accounts.remove(&subject.uid);
            touched.add(subject);
            return;
        }
        let before = change.previous.and_then(|previous| size(change, previous)).unwrap_or(now);
        let account = self.accounts.entry(subject.uid.clone()).or_default();
        if change.is_spec_change() {
            account.changes += 1;
            account.size += now.max(before);
        } else if now > before {
            // A DaemonSet grows with its nodes, a change of which nobody tells its spec.
            account.size += now - before;
        }
        if !change.initial && change.writer.starts_with(&self.writer) {
            account.writes += 1;
        }
        touched.add(subject);
    }

    fn allowed(&self, account: &Account) -> i64 {
        (self.factor * account.size as f64).ceil() as i64 + self.base * account.changes
    }
}

impl Rule for WritesBounded {
    fn reads(&self) -> &'static [&'static str] {
        &["pods", "daemonsets.apps", "jobs.batch", "replicasets.apps", "statefulsets.apps"]
    }

    fn needs_history(&self) -> bool {
        true
    }

    fn forget(&mut self) {
        self.accounts.clear();
    }

    fn observe(&mut self, change: &Change<'_>, touched: &mut Touched) {
        if let Some(now) = size(change, change.object) {
            if self.scope.covers(change.object.namespace(), change.object.name()) {
                self.observe_workload(change, now, touched);
            }
        } else if change.is_of("pods") && !change.initial && change.writer.starts_with(&self.writer) {
            let owner = Subject::controller_of(change.object);
            let account = owner.as_ref().and_then(|owner| self.accounts.get_mut(&owner.uid));
            if let (Some(account), Some(owner)) = (account, owner) {
                account.writes += 1;
                touched.add(owner);
            }
        }
    }

    fn judge(&self, subject: &Subject, _moment: &Moment<'_>) -> Judgement {
        match self.accounts.get(&subject.uid) {
            Some(account) if account.writes > 0 => Judgement::when(account.writes <= self.allowed(account)),
            _ => Judgement::Idle,
        }
    }

    fn explain(&self, subject: &Subject, _moment: &Moment<'_>) -> Explanation {
        let Some(account) = self.accounts.get(&subject.uid) else { return Explanation::default() };
        Explanation {
            observed: format!("{} by {}*", counted(account.writes, "write"), self.writer),
            allowed: format!("at most {}", self.allowed(account)),
            evidence: vec![format!(
                "{} of a workload with {} in all",
                counted(account.changes, "change"),
                counted(account.size, "replica")
            )],
        }
    }
}
