//! Words for what a simulation is told with.

use explore::{PropertySpec, Settings};
use property::Kind;
use std::time::Duration;

/// Says what a property demands, and when.
pub(super) fn demand(property: &PropertySpec) -> String {
    let summary = property::definition(&property.rule).map_or("", |definition| definition.summary);
    let when = match property.kind {
        Kind::Always => "after every commit".to_owned(),
        Kind::Eventually { within } => format!("within {} after the faults stop", minutes(within)),
        Kind::Sometimes => "at least once".to_owned(),
        Kind::Never => "after no commit".to_owned(),
    };
    format!("{when}: {summary}")
}

/// Says what was changed about the scenario, a word each.
pub(super) fn changes(settings: &Settings) -> Vec<String> {
    let gates = settings.gates.iter().map(|(name, on)| format!("gate {name}={on}"));
    let parameters = settings.parameters.iter().map(|(name, value)| format!("{name}={value}"));
    let without = settings.without.iter().map(|name| format!("without fault {name}"));
    gates.chain(parameters).chain(without).collect()
}

/// Says how long: `4.2 s`, `12 min 5 s`.
pub(super) fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, _) if time.subsec_millis() > 0 => format!("{:.1} s", time.as_secs_f64()),
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// Says how many of how many runs: `all 20 runs`, `3 of 20 runs`.
pub(super) fn share(count: usize, runs: usize) -> String {
    match (count, runs) {
        (1, 1) => "the one run".to_owned(),
        (count, runs) if count == runs => format!("all {runs} runs"),
        (count, runs) => format!("{count} of {runs} runs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_shares_read_well() {
        let said = [(0, 4200), (59, 0), (60, 0), (310, 9)]
            .map(|(s, ms)| minutes(Duration::from_secs(s) + Duration::from_millis(ms)));
        assert_eq!(said, ["4.2 s", "59 s", "1 min", "5 min 10 s"]);
        assert_eq!([share(1, 1), share(3, 3), share(1, 20)], ["the one run", "all 3 runs", "1 of 20 runs"]);
    }
}
