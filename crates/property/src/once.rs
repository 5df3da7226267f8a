//! A rule judged once, over one view: a check.

use crate::rule::{Change, Explanation, Judgement, Moment, Rule, Touched};
use crate::subject::Subject;
use std::time::Duration;
use store::EventKind;
use view::{Unread, View};

/// What one look says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Once {
    /// How many subjects the rule applied to.
    pub applied: usize,
    /// Where it is broken, and why.
    pub broken: Vec<Broken>,
}

/// One subject that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The subject.
    pub subject: Subject,
    /// What was seen.
    pub observed: String,
    /// What is allowed.
    pub allowed: String,
    /// What else is known.
    pub evidence: Vec<String>,
}

/// Why a rule could not be judged; never to be taken for a pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotJudged {
    /// The rule needs the course of events.
    #[error("the rule needs the course of events, not one look")]
    NeedsHistory,
    /// A resource that it needs could not be read.
    #[error(transparent)]
    Unread(Unread),
}

/// Judges a rule over everything in a view.
///
/// # Errors
/// [`NotJudged`] when one look cannot tell.
pub fn judge_once(rule: &mut dyn Rule, view: &View) -> Result<Once, NotJudged> {
    if rule.needs_history() {
        return Err(NotJudged::NeedsHistory);
    }
    for resource in rule.reads() {
        let unread = if *resource == "*" { view.unread().first() } else { view.readable(*resource).err() };
        unread.map_or(Ok(()), |unread| Err(NotJudged::Unread(unread.clone())))?;
    }
    let moment = Moment { at: Duration::ZERO, view };
    let mut once = Once::default();
    for subject in take_in(rule, view) {
        match rule.judge(&subject, &moment) {
            Judgement::Idle => {}
            Judgement::Holds => once.applied += 1,
            Judgement::Broken => {
                once.applied += 1;
                let Explanation { observed, allowed, evidence } = rule.explain(&subject, &moment);
                once.broken.push(Broken { subject, observed, allowed, evidence });
            }
        }
    }
    Ok(once)
}

/// Lets a rule begin with what is there, and gives every subject.
pub(crate) fn take_in(rule: &mut dyn Rule, view: &View) -> impl Iterator<Item = Subject> + use<> {
    rule.forget();
    let mut touched = Touched::default();
    for (resource, object) in view.snapshot().iter() {
        let change = Change {
            at: Duration::ZERO,
            revision: view.snapshot().revision(),
            kind: EventKind::Created,
            initial: true,
            resource,
            object,
            previous: None,
            writer: "",
            after: view,
        };
        rule.observe(&change, &mut touched);
    }
    touched.0.into_iter()
}
