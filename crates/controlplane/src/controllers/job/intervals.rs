//! Sets of completion indexes as a Job's status writes them: `0-3,5,7,8` (`pkg/controller/job/indexed_job_utils.go`).

use std::fmt;

/// A set of indexes, as ranges in ascending order that do not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Intervals(Vec<(i64, i64)>);

impl Intervals {
    /// Reads what a status or a success policy says, as far as it lies below `end`; what cannot be read is passed over.
    pub(super) fn parse(text: &str, end: i64) -> Self {
        let mut found = Self::default();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (Ok(first), Ok(last)) = (first.parse::<i64>(), last.parse::<i64>()) else { continue };
            if first >= end {
                break;
            }
            found.append((first, last.min(end - 1)));
        }
        found
    }

    /// Appends a range that does not begin before the last one.
    fn append(&mut self, (first, last): (i64, i64)) {
        match self.0.last_mut() {
            Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
            _ => self.0.push((first, last)),
        }
    }

    /// Gives the union of two sets.
    #[must_use]
    pub(super) fn union(&self, other: &Self) -> Self {
        let mut ranges: Vec<(i64, i64)> = self.0.iter().chain(&other.0).copied().collect();
        ranges.sort_unstable();
        let mut both = Self::default();
        for range in ranges {
            both.append(range);
        }
        both
    }

    /// Gives the number of indexes.
    pub(super) fn total(&self) -> i64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Tells whether an index is in the set.
    pub(super) fn has(&self, index: i64) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&index))
    }

    /// Tells whether there are no indexes.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the number of indexes that are in both sets.
    pub(super) fn overlap(&self, other: &Self) -> i64 {
        let with = |a: &(i64, i64)| -> i64 {
            other.0.iter().map(|b| (a.1.min(b.1) - a.0.max(b.0) + 1).max(0)).sum()
        };
        self.0.iter().map(with).sum()
    }

    /// Gives the first `count` indexes below `end` that are not in the set.
    pub(super) fn missing(&self, count: usize, end: i64) -> Vec<i64> {
        let mut found = Vec::new();
        let mut candidate = 0;
        for (first, last) in self.0.iter().copied().chain([(end, end)]) {
            let gap = candidate..first.min(end);
            found.extend(gap.take(count - found.len()));
            candidate = candidate.max(last + 1);
        }
        found
    }
}

impl FromIterator<i64> for Intervals {
    fn from_iter<I: IntoIterator<Item = i64>>(indexes: I) -> Self {
        let mut sorted: Vec<i64> = indexes.into_iter().collect();
        sorted.sort_unstable();
        let mut set = Self::default();
        for index in sorted {
            set.append((index, index));
        }
        set
    }
}

impl fmt::Display for Intervals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                1 => write!(f, "{comma}{first},{last}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(indexes: &[i64], text: &str) {
        let set: Intervals = indexes.iter().copied().collect();
        assert_eq!(set.to_string(), text);
        assert_eq!(Intervals::parse(text, 100), set);
        assert_eq!(set.total(), indexes.len() as i64);
    }

    #[test]
    fn indexes_are_written_as_a_status_shows_them() {
        check(&[], "");
        check(&[4], "4");
        check(&[1, 0], "0,1");
        check(&[0, 1, 2, 5, 7, 8, 10, 11, 12], "0-2,5,7,8,10-12");
    }

    #[test]
    fn what_lies_beyond_the_completions_is_not_read() {
        assert_eq!(Intervals::parse("0-2,5-9,12", 7).to_string(), "0-2,5,6");
        assert_eq!(Intervals::parse("1,x,3", 7).to_string(), "1,3");
    }

    #[test]
    fn the_next_indexes_are_those_that_are_missing() {
        let set = Intervals::parse("0,1,4-6", 10);
        assert_eq!(set.missing(3, 10), [2, 3, 7]);
        assert_eq!(set.missing(10, 8), [2, 3, 7]);
        assert_eq!(set.missing(0, 8), [] as [i64; 0]);
        assert_eq!(Intervals::default().missing(2, 5), [0, 1]);
        assert_eq!(set.union(&Intervals::parse("2,3,8", 10)).to_string(), "0-6,8");
        assert_eq!(set.overlap(&Intervals::parse("1-5", 10)), 3);
        assert!(set.has(5) && !set.has(3));
    }
}
