//! Following a run: after each commit, each property judges what the commit touches.

use crate::kind::Kind;
use crate::library::Property;
use crate::once::take_in;
use crate::rule::{Change, Fact, Judgement, Moment, Touched};
use crate::subject::Subject;
use crate::verdict::{Outcome, Verdict, Violation};
use object::Time;
use std::collections::BTreeSet;
use std::time::Duration;
use store::{Event, Snapshot};
use view::View;

/// One commit, as a run reports it.
#[derive(Clone, Copy, Debug)]
pub struct Commit<'a> {
    /// When, since the run began.
    pub at: Duration,
    /// The wall clock at that moment.
    pub now: Time,
    /// The user agent of whoever wrote.
    pub writer: &'a str,
    /// What changed.
    pub events: &'a [Event],
    /// Everything, just after.
    pub after: &'a Snapshot,
}

/// How far an `eventually` has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The faults have not stopped yet.
    Waiting,
    /// The faults stopped at this time.
    Recovering(Duration),
    /// The deadline has passed.
    Decided,
}

struct Tracked {
    property: Property,
    evaluations: u64,
    reached: u64,
    broken_count: u64,
    /// The subjects that break the rule at present.
    broken: BTreeSet<Subject>,
    /// Since when there are none.
    whole_since: Duration,
    progress: Progress,
    recovered_after: Option<Duration>,
    happened: bool,
    violation: Option<Violation>,
}

/// Follows a run and judges properties.
pub struct Monitor {
    tracked: Vec<Tracked>,
    /// The state after the last commit.
    last: Option<View>,
}

impl Monitor {
    /// Makes a monitor.
    pub fn new(properties: impl IntoIterator<Item = Property>) -> Self {
        let tracked = properties.into_iter().map(Tracked::new).collect();
        Self { tracked, last: None }
    }

    /// Begins with the state that a run starts from.
    pub fn begin(&mut self, view: &View) {
        self.begin_anew(Duration::ZERO, view);
    }

    /// Begins anew with another state in the middle of a run, as after a restore of etcd that no commit tells of.
    ///
    /// What was violated stays so; what rules remember of the course of events is gone.
    pub fn begin_anew(&mut self, at: Duration, view: &View) {
        let moment = Moment { at, view };
        for tracked in &mut self.tracked {
            let subjects: BTreeSet<Subject> = take_in(tracked.property.rule_mut(), view).collect();
            if !tracked.broken.is_empty() {
                tracked.broken.clear();
                tracked.whole_since = at;
            }
            tracked.judge(subjects, &moment);
        }
        self.last = Some(view.clone());
    }

    /// Takes in a commit.
    pub fn commit(&mut self, commit: &Commit<'_>) {
        let after = View::new(commit.after.clone(), commit.now);
        let moment = Moment { at: commit.at, view: &after };
        for tracked in &mut self.tracked {
            if let Some(before) = &self.last {
                tracked.decide_before(commit.at, before);
            }
            let mut touched = Touched::default();
            for event in commit.events {
                tracked.property.rule_mut().observe(&change(commit, event, &after), &mut touched);
            }
            tracked.judge(touched.0, &moment);
        }
        self.last = Some(after);
    }

    /// Takes in a fact.
    pub fn learn(&mut self, at: Duration, fact: &Fact<'_>) {
        let Some(view) = &self.last else { return };
        let moment = Moment { at, view };
        for tracked in &mut self.tracked {
            let mut touched = Touched::default();
            tracked.property.rule_mut().learn(fact, &mut touched);
            tracked.judge(touched.0, &moment);
        }
    }

    /// Says that the last fault has ended: from here on runs the time of every `eventually`.
    pub fn faults_stopped(&mut self, at: Duration) {
        for tracked in &mut self.tracked {
            tracked.progress = Progress::Recovering(at);
        }
    }

    /// Gives the next deadline of an `eventually`, at which [`Monitor::pass_time`] wants to be called.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.tracked.iter().filter_map(Tracked::deadline).min()
    }

    /// Judges what time alone changes, and every `eventually` whose deadline has come.
    pub fn pass_time(&mut self, at: Duration, view: &View) {
        for tracked in &mut self.tracked {
            tracked.pass_time(&Moment { at, view });
        }
    }

    /// Tells whether a property was violated so far.
    pub fn is_violated(&self) -> bool {
        self.tracked.iter().any(|tracked| tracked.violation.is_some())
    }

    /// Ends the run and gives a verdict on each property, in the order in which they were given.
    pub fn finish(mut self, at: Duration, view: &View) -> Vec<Verdict> {
        self.pass_time(at, view);
        self.tracked.into_iter().map(|tracked| tracked.conclude(at)).collect()
    }
}

fn change<'a>(commit: &Commit<'a>, event: &'a Event, after: &'a View) -> Change<'a> {
    Change {
        at: commit.at,
        revision: event.revision,
        kind: event.kind,
        initial: false,
        resource: &event.resource,
        object: &event.object,
        previous: event.previous.as_ref(),
        writer: commit.writer,
        after,
    }
}

impl Tracked {
    fn new(property: Property) -> Self {
        Self {
            property,
            evaluations: 0,
            reached: 0,
            broken_count: 0,
            broken: BTreeSet::new(),
            whole_since: Duration::ZERO,
            progress: Progress::Waiting,
            recovered_after: None,
            happened: false,
            violation: None,
        }
    }

    fn deadline(&self) -> Option<Duration> {
        match (self.property.kind(), self.progress) {
            (Kind::Eventually { within }, Progress::Recovering(since)) => Some(since + within),
            _ => None,
        }
    }

    fn judge(&mut self, subjects: BTreeSet<Subject>, moment: &Moment<'_>) {
        for subject in subjects {
            self.evaluations += 1;
            let judgement = self.property.rule().judge(&subject, moment);
            self.reached += u64::from(judgement != Judgement::Idle);
            self.broken_count += u64::from(judgement == Judgement::Broken);
            match (self.property.kind(), judgement) {
                (Kind::Always, Judgement::Broken) | (Kind::Never, Judgement::Holds) => {
                    self.violate(&subject, moment);
                }
                (Kind::Sometimes, Judgement::Holds) => self.happened = true,
                (Kind::Eventually { .. }, judgement) => self.follow(subject, judgement, moment.at),
                _ => {}
            }
        }
    }

    /// Keeps the set of what is broken at present, and since when it is empty.
    fn follow(&mut self, subject: Subject, judgement: Judgement, at: Duration) {
        if judgement == Judgement::Broken {
            self.broken.insert(subject);
        } else if self.broken.remove(&subject) && self.broken.is_empty() {
            self.whole_since = self.property.rule().held_since(&subject).unwrap_or(at);
        }
    }

    /// Keeps the first violation.
    fn violate(&mut self, subject: &Subject, moment: &Moment<'_>) {
        if self.violation.is_some() {
            return;
        }
        let explanation = self.property.rule().explain(subject, moment);
        let more = self.broken.len().saturating_sub(1);
        let mut evidence = explanation.evidence;
        if more > 0 {
            evidence.push(format!("{more} more break the rule at this moment"));
        }
        self.violation = Some(Violation {
            at: moment.at,
            revision: moment.view.snapshot().revision(),
            object: subject.clone(),
            observed: explanation.observed,
            allowed: explanation.allowed,
            evidence,
        });
    }

    /// Decides an `eventually` whose deadline has passed when a commit arrives, on the state before that.
    fn decide_before(&mut self, at: Duration, before: &View) {
        if let Some(deadline) = self.deadline().filter(|deadline| *deadline < at) {
            self.decide(&Moment { at: deadline, view: before });
        }
    }

    fn pass_time(&mut self, moment: &Moment<'_>) {
        match self.deadline() {
            Some(deadline) if deadline <= moment.at => {
                self.decide(&Moment { at: deadline, view: moment.view });
            }
            _ => self.judge_by_time(moment),
        }
    }

    fn judge_by_time(&mut self, moment: &Moment<'_>) {
        if self.property.rule().changes_with_time() {
            self.judge(BTreeSet::from([Subject::cluster()]), moment);
        }
    }

    fn decide(&mut self, moment: &Moment<'_>) {
        self.judge_by_time(moment);
        let Progress::Recovering(since) = self.progress else { return };
        self.progress = Progress::Decided;
        match self.broken.first().cloned() {
            Some(subject) => self.violate(&subject, moment),
            None => self.recovered_after = Some(self.whole_since.saturating_sub(since)),
        }
    }

    fn conclude(self, at: Duration) -> Verdict {
        let is_open =
            matches!(self.property.kind(), Kind::Eventually { .. }) && self.progress != Progress::Decided;
        let outcome = match self.property.kind() {
            _ if self.violation.is_some() => Outcome::Violated,
            _ if self.reached == 0 => Outcome::NeverReached,
            Kind::Sometimes if !self.happened => Outcome::DidNotHappen,
            _ if is_open => Outcome::Undecided,
            _ => Outcome::Held,
        };
        debug_assert!(self.violation.as_ref().is_none_or(|violation| violation.at <= at), "from the future");
        Verdict {
            property: self.property.name().to_owned(),
            kind: self.property.kind().name(),
            outcome,
            evaluations: self.evaluations,
            reached: self.reached,
            broken: self.broken_count,
            recovered_after: self.recovered_after.filter(|_| outcome == Outcome::Held),
            violation: self.violation,
        }
    }
}
