//! What a chapter shows besides findings: figures, tables and charts.

use serde::{Deserialize, Serialize};

/// One number with its unit and, where there is one, the goal it is measured against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The value; must be finite.
    pub value: f64,
    /// The unit, empty for a plain count.
    #[serde(default)]
    pub unit: String,
    /// The goal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Goal>,
}

impl Figure {
    /// Makes a figure without a goal. A value that is not finite becomes 0, for JSON cannot hold it.
    pub fn new(name: impl Into<String>, value: f64, unit: impl Into<String>) -> Self {
        let value = if value.is_finite() { value } else { 0.0 };
        Self { name: name.into(), value, unit: unit.into(), goal: None }
    }

    /// Sets the goal.
    #[must_use]
    pub fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    /// Tells whether the goal is met; nothing without a goal.
    pub fn is_met(&self) -> Option<bool> {
        self.goal.map(|goal| goal.holds(self.value))
    }
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Goal {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// Exactly this.
    Exactly(f64),
}

impl Goal {
    /// Tells whether a value meets the goal.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= limit,
            Self::AtLeast(limit) => value >= limit,
            Self::Exactly(wanted) => value == wanted,
        }
    }

    /// Gives the sign and the number: `≤ 4`.
    pub fn text(self) -> String {
        match self {
            Self::AtMost(limit) => format!("≤ {}", number(limit)),
            Self::AtLeast(limit) => format!("≥ {}", number(limit)),
            Self::Exactly(wanted) => format!("= {}", number(wanted)),
        }
    }
}

/// A table of text cells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Table {
    /// What the table shows.
    pub title: String,
    /// The head of each column.
    pub columns: Vec<String>,
    /// The rows; each has as many cells as there are columns.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Makes a table without rows.
    pub fn new<'a>(title: impl Into<String>, columns: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            title: title.into(),
            columns: columns.into_iter().map(str::to_owned).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; missing cells become empty, cells beyond the columns are dropped.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        let mut row: Vec<String> = cells.into_iter().map(Into::into).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }

    /// Gives the cells of a row, each with whether its column holds numbers, as told by [`Table::numeric`].
    pub(crate) fn aligned<'a>(&self, row: &'a [String], numeric: &[bool]) -> Vec<(&'a str, bool)> {
        row.iter().map(String::as_str).zip(numeric.iter().copied()).collect()
    }

    /// Tells of each column whether all its cells are numbers, so that it is set flush right.
    pub(crate) fn numeric(&self) -> Vec<bool> {
        (0..self.columns.len()).map(|column| self.is_numeric(column)).collect()
    }

    fn is_numeric(&self, column: usize) -> bool {
        let mut cells =
            self.rows.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty()).peekable();
        let looks_numeric = |cell: &String| {
            let first = cell.trim_start_matches(['-', '+', '≤', '≥', ' ']).chars().next();
            first.is_some_and(|c| c.is_ascii_digit())
                && cell.chars().filter(|c| c.is_alphabetic()).count() <= 3
        };
        cells.peek().is_some() && cells.all(looks_numeric)
    }
}

/// How a chart draws its series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChartKind {
    /// Points joined by straight lines.
    #[default]
    Line,
    /// Each value holds until the next point: counts over time.
    Step,
    /// One bar per point and series.
    Bar,
}

/// Several series over one axis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Chart {
    /// What the chart shows.
    pub title: String,
    /// How it is drawn.
    #[serde(default)]
    pub kind: ChartKind,
    /// Quantity and unit of the horizontal axis.
    #[serde(default)]
    pub x_label: String,
    /// Quantity and unit of the vertical axis.
    #[serde(default)]
    pub y_label: String,
    /// The series.
    pub series: Vec<Series>,
    /// Moments or limits worth a line of their own.
    #[serde(default)]
    pub marks: Vec<Mark>,
}

impl Chart {
    /// Makes a chart without series.
    pub fn new(
        title: impl Into<String>,
        kind: ChartKind,
        x_label: impl Into<String>,
        y_label: impl Into<String>,
    ) -> Self {
        Self {
            title: title.into(),
            kind,
            x_label: x_label.into(),
            y_label: y_label.into(),
            ..Self::default()
        }
    }

    /// Adds a series.
    #[must_use]
    pub fn series(mut self, name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points = points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).map(|(x, y)| [x, y]);
        self.series.push(Series { name: name.into(), points: points.collect() });
        self
    }

    /// Adds a vertical line with a label.
    #[must_use]
    pub fn mark(mut self, x: f64, label: impl Into<String>) -> Self {
        if x.is_finite() {
            self.marks.push(Mark { x, label: label.into() });
        }
        self
    }
}

/// One named line of a chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Series {
    /// What the line shows.
    pub name: String,
    /// Points as `[x, y]`, x ascending.
    pub points: Vec<[f64; 2]>,
}

/// A vertical line of a chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Mark {
    /// Where it stands.
    pub x: f64,
    /// What happened there.
    pub label: String,
}

/// Writes a number for people: no decimals when whole, thousands apart, three significant digits below 100.
pub(crate) fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return grouped(value as i64);
    }
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let text = if digits > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.to_owned()
}

fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::from(if value < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && digits.len() > 4 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let written = [0.0, 300.0, 1234.0, 12345.0, -1_234_567.0, 0.1234, 2.71, 12.25, 1234.5].map(number);
        assert_eq!(written, ["0", "300", "1234", "12,345", "-1,234,567", "0.123", "2.71", "12.2", "1234"]);
    }

    #[test]
    fn a_goal_is_met_or_not() {
        let pods = Figure::new("pods", 300.0, "").goal(Goal::AtMost(100.0));
        assert_eq!(pods.is_met(), Some(false));
        assert_eq!(Figure::new("pods", 100.0, "").goal(Goal::Exactly(100.0)).is_met(), Some(true));
        assert_eq!(Figure::new("pods", f64::NAN, "").value, 0.0);
    }

    #[test]
    fn rows_fit_the_columns() {
        let mut table = Table::new("seeds", ["seed", "verdict"]);
        table.row(["1"]);
        table.row(["2", "held", "superfluous"]);
        assert_eq!(table.rows, [["1", ""], ["2", "held"]]);
        assert_eq!(table.numeric(), [true, false]);
    }
}
