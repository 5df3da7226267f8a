//! The number of live pods lies within bounds.

use super::counted;
use crate::parameters::Arguments;
use crate::pods::is_live;
use crate::rule::{Change, Explanation, Judgement, Moment, Rule, Touched};
use crate::subject::Subject;
use object::{ObjectExt, Value};

pub(crate) struct PodCount {
    namespace: String,
    owner_kind: String,
    owner_name: String,
    at_least: i64,
    at_most: i64,
    count_deleting: bool,
    count: i64,
}

impl PodCount {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self {
            namespace: arguments.text("namespace"),
            owner_kind: arguments.text("ownerKind"),
            owner_name: arguments.text("ownerName"),
            at_least: arguments.int("atLeast"),
            at_most: arguments.int("atMost"),
            count_deleting: arguments.bool("countDeleting"),
            count: 0,
        }
    }

    fn counts(&self, pod: &Value) -> bool {
        let is_any_owner = self.owner_kind.is_empty() && self.owner_name.is_empty();
        let is_owned = || {
            pod.controller_of().is_some_and(|owner| {
                (self.owner_kind.is_empty() || self.owner_kind == owner.kind)
                    && (self.owner_name.is_empty() || self.owner_name == owner.name)
            })
        };
        (self.namespace.is_empty() || self.namespace == pod.namespace())
            && is_live(pod, self.count_deleting)
            && (is_any_owner || is_owned())
    }
}

impl Rule for PodCount {
    fn reads(&self) -> &'static [&'static str] {
        &["pods"]
    }

    fn forget(&mut self) {
        self.count = 0;
    }

    fn observe(&mut self, change: &Change<'_>, touched: &mut Touched) {
        if change.initial {
            // A cluster without a single pod has a count, too.
            touched.add(Subject::cluster());
        }
        if !change.is_of("pods") {
            return;
        }
        let before = change.previous.is_some_and(|pod| self.counts(pod));
        let after = change.present().is_some_and(|pod| self.counts(pod));
        if before != after {
            self.count += if after { 1 } else { -1 };
            touched.add(Subject::cluster());
        }
    }

    fn judge(&self, _subject: &Subject, _moment: &Moment<'_>) -> Judgement {
        Judgement::when((self.at_least..=self.at_most).contains(&self.count))
    }

    fn explain(&self, _subject: &Subject, _moment: &Moment<'_>) -> Explanation {
        Explanation {
            observed: counted(self.count, "live pod"),
            allowed: format!("{} to {}", self.at_least, self.at_most),
            evidence: Vec::new(),
        }
    }
}
