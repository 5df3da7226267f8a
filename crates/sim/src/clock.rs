//! Wall clocks: what a process believes the time of day to be.

use crate::time::Instant;

/// A wall clock that drifts and jumps. It belongs to the machine: a restart of the process keeps it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    /// A moment at which the reading was known; between changes the clock runs evenly from there.
    known_at: Instant,
    reading_ns: i64,
    drift_ppm: i64,
}

impl WallClock {
    pub(crate) fn new(epoch_unix_ns: i64) -> Self {
        WallClock { known_at: Instant::START, reading_ns: epoch_unix_ns, drift_ppm: 0 }
    }

    pub(crate) fn read(&self, now: Instant) -> i64 {
        let elapsed = i128::from(now.as_nanos()) - i128::from(self.known_at.as_nanos());
        let drift = elapsed * i128::from(self.drift_ppm) / 1_000_000;
        let reading = i128::from(self.reading_ns) + elapsed + drift;
        reading.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }

    /// Changes the drift without a jump.
    pub(crate) fn set_drift(&mut self, now: Instant, drift_ppm: i64) {
        *self = WallClock { known_at: now, reading_ns: self.read(now), drift_ppm };
    }

    pub(crate) fn jump(&mut self, by_ns: i64) {
        self.reading_ns = self.reading_ns.saturating_add(by_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_drifts_evenly_and_jumps_at_once() {
        let mut clock = WallClock::new(1_000);
        assert_eq!(clock.read(Instant::from_nanos(500)), 1_500);
        clock.set_drift(Instant::from_secs(1), 100);
        assert_eq!(clock.read(Instant::from_secs(1)), 1_000_001_000);
        assert_eq!(clock.read(Instant::from_secs(11)), 11_000_001_000 + 1_000_000);
        clock.jump(-5_000_000_000);
        assert_eq!(clock.read(Instant::from_secs(11)), 6_001_001_000);
        clock.set_drift(Instant::from_secs(11), -100);
        assert_eq!(clock.read(Instant::from_secs(21)), 16_001_001_000 - 1_000_000);
    }
}
