//! Charts of a campaign: one run over its virtual time, and figures that differ from seed to seed.

use explore::{CampaignResult, Run, Scenario};
use report::{Chart, ChartKind};
use std::collections::BTreeSet;

/// Beyond so many runs a figure is drawn as a line: bars would be thinner than a pixel.
const BARS_MAX: usize = 60;

/// This many figures are drawn over the seeds.
const BY_SEED_MAX: usize = 4;

/// This many beginnings and ends of faults are marked; more would hide the curves.
const MARKS_MAX: usize = 6;

/// Draws how the live pods of one run went up and down, with the faults that caused it. Nothing if it counts none.
pub(super) fn over_time(run: &Run) -> Option<Chart> {
    let end = run.result.virtual_time.as_secs_f64() / 60.0;
    let title = format!("Seed {} over virtual time", run.result.seed);
    let mut chart = Chart::new(title, ChartKind::Step, "minutes", "live pods");
    let mut drawn: BTreeSet<String> = BTreeSet::new();
    for course in &run.courses {
        let mut points: Vec<(f64, f64)> =
            course.points.iter().map(|(at, value)| (at.as_secs_f64() / 60.0, *value)).collect();
        points.extend(points.last().map(|(_, value)| (end, *value)));
        // Two figures of the same pods, such as their most and their last number, have one course.
        if drawn.insert(format!("{points:?}")) {
            chart = chart.series(&course.figure, points);
        }
    }
    if chart.series.is_empty() {
        return None;
    }
    for fault in run.result.faults.iter().take(MARKS_MAX / 2) {
        let minute = |time: std::time::Duration| time.as_secs_f64() / 60.0;
        // One that was drawn says by its name only from which plan.
        let kind = if fault.name == fault.plan { String::new() } else { format!(" ({})", fault.kind) };
        chart = chart.mark(minute(fault.at), format!("{}{kind} begins", fault.name));
        if fault.until > fault.at && fault.until <= run.result.virtual_time {
            chart = chart.mark(minute(fault.until), format!("{} ends", fault.name));
        }
    }
    Some(chart)
}

/// Draws the figures that are not the same in all runs.
pub(super) fn by_seed(scenario: &Scenario, result: &CampaignResult) -> Vec<Chart> {
    let differs = |name: &str| result.range(name).is_some_and(|(least, most)| least < most);
    let figures = scenario.figures.iter().map(|spec| spec.name.as_str()).filter(|name| differs(name));
    let kind = if result.runs.len() <= BARS_MAX { ChartKind::Bar } else { ChartKind::Line };
    let chart = |name: &str| {
        let points = result.runs.iter().filter_map(|run| Some((run.seed as f64, run.figure(name)?)));
        Chart::new(format!("{name} by seed"), kind, "seed", name).series(name, points)
    };
    figures.take(BY_SEED_MAX).map(chart).collect()
}
