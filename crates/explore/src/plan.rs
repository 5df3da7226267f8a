//! From fault plans to faults: what is open is drawn by keyed choices, so that leaving one fault out, or fixing one of
//! its values, leaves all others as they were.

use crate::scenario::{Draw, FaultKind, FaultPlan, Plan, fault};
use std::collections::BTreeSet;
use std::time::Duration;

/// One fault of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedFault {
    /// The name; of a drawn one, the name of its plan and its number.
    pub name: String,
    /// The name of its plan.
    pub plan: String,
    /// When it begins.
    pub at: Duration,
    /// When it ends; what happens once ends when it begins.
    pub until: Duration,
    /// What goes wrong.
    pub kind: FaultKind,
}

/// Chooses a number below its last argument, for a site in the code and an entity.
pub(crate) type Choose<'a> = &'a dyn Fn(&'static str, &str, u64) -> u64;

/// Gives the faults of a run, in the order of their plans; those that begin when faults stop, or are to be left out, are
/// not among them. A plan's name leaves out all of its faults.
pub(crate) fn draw(
    plans: &[FaultPlan],
    without: &BTreeSet<String>,
    faults_stop: Duration,
    choose: Choose<'_>,
) -> Vec<PlannedFault> {
    let mut faults = Vec::new();
    for plan in plans {
        match &plan.plan {
            Plan::Fixed { at, lasting, kind } => {
                let end = lasting.map_or(faults_stop, |lasting| *at + lasting);
                faults.push(fault(plan, plan.name.clone(), *at, end, kind.clone()));
            }
            Plan::Drawn(draw) => faults.extend(draw_faults(plan, draw, choose)),
        }
    }
    faults.retain(|fault| {
        fault.at < faults_stop && !without.contains(&fault.name) && !without.contains(&fault.plan)
    });
    for fault in &mut faults {
        fault.until = if fault.kind.is_momentary() { fault.at } else { fault.until.min(faults_stop) };
    }
    faults
}

fn fault(plan: &FaultPlan, name: String, at: Duration, until: Duration, kind: FaultKind) -> PlannedFault {
    PlannedFault { name, plan: plan.name.clone(), at, until, kind }
}

fn draw_faults(plan: &FaultPlan, draw: &Draw, choose: Choose<'_>) -> Vec<PlannedFault> {
    let (least, most) = draw.count;
    let count = least + choose("fault-count", &plan.name, most - least + 1);
    let faults = (0..count).map(|number| {
        // The number keys the choices, so that another count leaves those before it alone.
        let name = format!("{}/{number}", plan.name);
        let at = between("fault-at", &name, draw.between, choose);
        let lasting = between("fault-for", &name, draw.lasting, choose);
        let alternative = weighted(draw, choose("fault-kind", &name, total_weight(draw)));
        let mut pick = |path: &str, n: u64| choose("fault-value", &format!("{name} {path}"), n);
        let kind =
            fault::read_drawn(draw, alternative, &mut pick).expect("every value was tried when it was read");
        fault(plan, name, at, at + lasting, kind)
    });
    faults.collect()
}

/// Draws a duration in whole milliseconds.
fn between(
    site: &'static str,
    name: &str,
    (least, most): (Duration, Duration),
    choose: Choose<'_>,
) -> Duration {
    let span_ms = u64::try_from(most.saturating_sub(least).as_millis()).unwrap_or(u64::MAX - 1);
    least + Duration::from_millis(choose(site, name, span_ms + 1))
}

fn total_weight(draw: &Draw) -> u64 {
    draw.of.iter().map(|alternative| alternative.weight).sum()
}

fn weighted(draw: &Draw, mut at: u64) -> &crate::scenario::Alternative {
    for alternative in &draw.of {
        match at.checked_sub(alternative.weight) {
            Some(rest) => at = rest,
            None => return alternative,
        }
    }
    unreachable!("the choice lies below the sum of the weights")
}
