//! The rule: which subjects a change touches, and whether one subject is as it should be.

use crate::subject::Subject;
use object::{GroupResource, ObjectExt, Value};
use std::collections::BTreeSet;
use std::time::Duration;
use store::EventKind;
use view::View;

/// One change of one object.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// When, since the run began; zero for what was there from the beginning.
    pub at: Duration,
    /// The revision of the commit.
    pub revision: u64,
    /// What happened. What was there from the beginning comes as created.
    pub kind: EventKind,
    /// Whether the object was there from the beginning, so that nobody wrote it.
    pub initial: bool,
    /// The object's resource.
    pub resource: &'a GroupResource,
    /// The object after the change; of a deletion the last state.
    pub object: &'a Value,
    /// The object before the change.
    pub previous: Option<&'a Value>,
    /// The user agent of whoever wrote; empty when unknown.
    pub writer: &'a str,
    /// Everything, just after the commit.
    pub after: &'a View,
}

impl<'a> Change<'a> {
    /// Tells whether the object is of a resource, such as `pods` or `replicasets.apps`.
    pub fn is_of(&self, resource: &str) -> bool {
        let (name, group) = resource.split_once('.').unwrap_or((resource, ""));
        *self.resource.resource == *name && *self.resource.group == *group
    }

    /// Gives the object as it is now; nothing after its deletion.
    pub fn present(&self) -> Option<&'a Value> {
        (self.kind != EventKind::Deleted).then_some(self.object)
    }

    /// Tells whether the desired state changed: the object is new, or its generation went up.
    pub fn is_spec_change(&self) -> bool {
        match (self.kind, self.previous) {
            (EventKind::Created, _) => true,
            (EventKind::Updated, Some(previous)) => self.object.generation() > previous.generation(),
            _ => false,
        }
    }
}

/// Something a rule may need to know that no view shows.
#[derive(Clone, Copy, Debug)]
pub enum Fact<'a> {
    /// Someone asked for an object to be created and does not know whether it was.
    CreateOutcomeUnknown {
        /// The resource.
        resource: &'a GroupResource,
        /// The object as it was to be created.
        object: &'a Value,
    },
}

/// The subjects that a change touches.
#[derive(Debug, Default)]
pub struct Touched(pub(crate) BTreeSet<Subject>);

impl Touched {
    /// Adds a subject.
    pub fn add(&mut self, subject: Subject) {
        self.0.insert(subject);
    }

    /// Adds several subjects.
    pub fn extend(&mut self, subjects: impl IntoIterator<Item = Subject>) {
        self.0.extend(subjects);
    }
}

/// When and over what a rule is judged.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// When, since the run began.
    pub at: Duration,
    /// Everything there is.
    pub view: &'a View,
}

/// What a rule says about one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The rule does not apply: its condition does not hold, or the subject is gone.
    Idle,
    /// All is well.
    Holds,
    /// The rule is broken.
    Broken,
}

impl Judgement {
    /// Gives [`Judgement::Holds`] or [`Judgement::Broken`].
    pub fn when(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Broken }
    }
}

/// Why a rule says what it says, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// What was seen, such as `200 live pods`.
    pub observed: String,
    /// What is allowed, such as `at most 100`.
    pub allowed: String,
    /// What else is known, one sentence each.
    pub evidence: Vec<String>,
}

/// The most evidence an explanation carries.
pub(crate) const EVIDENCE_MAX: usize = 8;

/// A rule: it follows changes, knows which subjects each one touches, and judges one subject at a time.
///
/// A rule keeps what it needs to judge cheaply, such as counts; a run begins with [`Rule::forget`], followed by all
/// objects that are there, as created.
pub trait Rule {
    /// Gives the resources that the rule looks at, `*` for all: where one could not be read, the rule cannot be judged.
    fn reads(&self) -> &'static [&'static str];

    /// Tells whether the rule needs the course of events, so that one look at a cluster cannot judge it.
    fn needs_history(&self) -> bool {
        false
    }

    /// Tells whether time alone changes what the rule says.
    fn changes_with_time(&self) -> bool {
        false
    }

    /// Forgets everything.
    fn forget(&mut self);

    /// Takes in one change and names the subjects it touches.
    fn observe(&mut self, change: &Change<'_>, touched: &mut Touched);

    /// Takes in a fact and names the subjects it touches.
    fn learn(&mut self, _fact: &Fact<'_>, _touched: &mut Touched) {}

    /// Judges one subject.
    fn judge(&self, subject: &Subject, moment: &Moment<'_>) -> Judgement;

    /// Says since when a subject for which the rule holds has been well, where the rule knows better than the first
    /// judgement that found it so.
    fn held_since(&self, _subject: &Subject) -> Option<Duration> {
        None
    }

    /// Says why the rule judges a subject as it does; asked only when somebody wants to read it.
    fn explain(&self, subject: &Subject, moment: &Moment<'_>) -> Explanation;
}
