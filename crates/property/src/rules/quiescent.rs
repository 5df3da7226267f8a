//! Nothing is written any more but heartbeats.

use crate::parameters::Arguments;
use crate::rule::{Change, EVIDENCE_MAX, Explanation, Judgement, Moment, Rule, Touched};
use crate::subject::Subject;
use object::{ObjectExt, Value};
use std::collections::VecDeque;
use std::time::Duration;
use store::EventKind;

/// Resources that are written for ever in a healthy cluster.
const HEARTBEATS: &[&str] = &["leases.coordination.k8s.io", "events", "events.events.k8s.io"];

pub(crate) struct Quiescent {
    quiet: Duration,
    ignored: Vec<String>,
    last: Option<Duration>,
    writes: u64,
    latest: VecDeque<String>,
}

impl Quiescent {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        let ignored = HEARTBEATS.iter().map(|name| (*name).to_owned()).chain(arguments.texts("ignore"));
        Self {
            quiet: arguments.duration("for"),
            ignored: ignored.collect(),
            last: None,
            writes: 0,
            latest: VecDeque::new(),
        }
    }
}

/// Tells whether a kubelet only said that its node is still there.
fn is_node_heartbeat(change: &Change<'_>) -> bool {
    let (true, EventKind::Updated, Some(previous)) = (change.is_of("nodes"), change.kind, change.previous)
    else {
        return false;
    };
    let without_times = |node: &Value| {
        let mut node = node.clone();
        node.remove(&["metadata", "resourceVersion"]);
        node.remove(&["metadata", "managedFields"]);
        let conditions = node["status"]["conditions"].items().iter().cloned().map(|mut condition| {
            condition.remove(&["lastHeartbeatTime"]);
            condition
        });
        let conditions: Value = conditions.collect();
        node.set(&["status", "conditions"], conditions);
        node
    };
    without_times(previous) == without_times(change.object)
}

impl Rule for Quiescent {
    fn reads(&self) -> &'static [&'static str] {
        &["*"]
    }

    fn needs_history(&self) -> bool {
        true
    }

    fn changes_with_time(&self) -> bool {
        true
    }

    fn forget(&mut self) {
        self.last = None;
        self.writes = 0;
        self.latest.clear();
    }

    fn observe(&mut self, change: &Change<'_>, touched: &mut Touched) {
        let is_ignored = self.ignored.iter().any(|resource| change.is_of(resource));
        if change.initial || is_ignored || is_node_heartbeat(change) {
            return;
        }
        self.last = Some(change.at);
        self.writes += 1;
        if self.latest.len() == EVIDENCE_MAX {
            self.latest.pop_front();
        }
        let seconds = change.at.as_secs_f64();
        self.latest.push_back(format!(
            "{seconds:.1} s: {:?} {} {} by {}",
            change.kind,
            change.resource,
            change.object.full_name(),
            change.writer
        ));
        touched.add(Subject::cluster());
    }

    fn judge(&self, _subject: &Subject, moment: &Moment<'_>) -> Judgement {
        match self.last {
            Some(last) => Judgement::when(moment.at.saturating_sub(last) >= self.quiet),
            None => Judgement::Idle,
        }
    }

    fn held_since(&self, _subject: &Subject) -> Option<Duration> {
        self.last
    }

    fn explain(&self, _subject: &Subject, moment: &Moment<'_>) -> Explanation {
        let ago = moment.at.saturating_sub(self.last.unwrap_or_default());
        Explanation {
            observed: format!("the last of {} writes {:.1} s ago", self.writes, ago.as_secs_f64()),
            allowed: format!("no write for {} s", self.quiet.as_secs_f64()),
            evidence: self.latest.iter().cloned().collect(),
        }
    }
}
