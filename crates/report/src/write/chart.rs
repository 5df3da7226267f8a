//! The geometry of charts: from series to points, bars, ticks and labels of an inline SVG.
//!
//! Coordinates are user units of a fixed view box; the template only writes them down, so every label is escaped there.

use crate::figure::number;
use crate::{Chart, ChartKind};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 272.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 44.0;
/// Points drawn per series; more than there are pixels would only make the file large.
const POINTS_MAX: usize = 720;
const COLOURS: usize = 6;

/// A chart ready to be written down.
pub(super) struct Drawing {
    pub(super) title: String,
    pub(super) x_label: String,
    pub(super) y_label: String,
    pub(super) x_ticks: Vec<Tick>,
    pub(super) y_ticks: Vec<Tick>,
    pub(super) lines: Vec<Polyline>,
    pub(super) bars: Vec<Bar>,
    pub(super) marks: Vec<MarkLine>,
    pub(super) legend: Vec<Legend>,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) x_middle: f64,
}

pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

/// A vertical line with its label, which stands on the side where there is room.
pub(super) struct MarkLine {
    pub(super) at: f64,
    pub(super) label: String,
    pub(super) shift: f64,
    pub(super) anchor: &'static str,
    /// The height of the label: those of neighbours stand below each other.
    pub(super) line: f64,
}

pub(super) struct Polyline {
    pub(super) class: usize,
    pub(super) points: String,
}

pub(super) struct Bar {
    pub(super) class: usize,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) label: String,
}

pub(super) struct Legend {
    pub(super) class: usize,
    pub(super) name: String,
}

/// Draws a chart; nothing for one without points.
pub(super) fn draw(chart: &Chart) -> Option<Drawing> {
    let points = || chart.series.iter().flat_map(|series| &series.points);
    points().next()?;
    let is_bars = chart.kind == ChartKind::Bar;
    let mut xs: Vec<f64> =
        points().map(|point| point[0]).chain(chart.marks.iter().map(|mark| mark.x)).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    let y_max = points().map(|point| point[1]).fold(0.0, f64::max);
    let y_min = points().map(|point| point[1]).fold(0.0, f64::min);
    let y_step = step(y_max - y_min);
    let y = Scale {
        from: (y_min / y_step).floor() * y_step,
        to: ((y_max / y_step).ceil() * y_step).max(y_step),
        start: HEIGHT - BOTTOM,
        end: TOP,
    };
    let x = Scale { from: xs[0], to: xs[xs.len() - 1], start: LEFT, end: WIDTH - RIGHT };
    let bars = if is_bars { bars(chart, &xs, &y) } else { Vec::new() };
    let x_ticks = if is_bars { slots(&xs) } else { x.ticks() };
    let legend = chart
        .series
        .iter()
        .enumerate()
        .map(|(at, series)| Legend { class: at % COLOURS, name: series.name.clone() });
    Some(Drawing {
        title: chart.title.clone(),
        x_label: chart.x_label.clone(),
        y_label: chart.y_label.clone(),
        lines: if is_bars { Vec::new() } else { lines(chart, &x, &y) },
        bars,
        x_ticks,
        y_ticks: y.ticks(),
        marks: marks(chart, &x),
        legend: legend.collect(),
        left: LEFT,
        right: WIDTH - RIGHT,
        top: TOP,
        bottom: HEIGHT - BOTTOM,
        width: WIDTH,
        height: HEIGHT,
        x_middle: (LEFT + WIDTH - RIGHT) / 2.0,
    })
}

/// Places the marks: a label stands on the side of its line where there is more room, on the first row where it touches
/// no other. Beyond the last row only the line is drawn.
fn marks(chart: &Chart, x: &Scale) -> Vec<MarkLine> {
    const ROWS_MAX: usize = 6;
    /// About as wide as a letter is.
    const LETTER: f64 = 6.6;
    let mut sorted: Vec<&crate::Mark> = chart.marks.iter().collect();
    sorted.sort_by(|a, b| a.x.total_cmp(&b.x));
    let mut rows: Vec<Vec<(f64, f64)>> = vec![Vec::new(); ROWS_MAX];
    let mut marks = Vec::new();
    for mark in sorted {
        let at = x.place(mark.x);
        let is_left = at > (LEFT + WIDTH - RIGHT) / 2.0;
        let width = mark.label.chars().count() as f64 * LETTER + 8.0;
        let (from, to) = if is_left { (at - width, at) } else { (at, at + width) };
        let is_free = |row: &Vec<(f64, f64)>| row.iter().all(|(start, end)| to <= *start || from >= *end);
        let row = rows.iter().position(is_free);
        if let Some(row) = row {
            rows[row].push((from, to));
        }
        marks.push(MarkLine {
            at,
            label: if row.is_some() { mark.label.clone() } else { String::new() },
            shift: if is_left { -4.0 } else { 4.0 },
            anchor: if is_left { "end" } else { "start" },
            line: TOP + 10.0 + row.unwrap_or(0) as f64 * 14.0,
        });
    }
    marks
}

struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Scale {
    fn place(&self, value: f64) -> f64 {
        let span = self.to - self.from;
        let share = if span > 0.0 { (value - self.from) / span } else { 0.5 };
        round(self.start + share * (self.end - self.start))
    }

    fn ticks(&self) -> Vec<Tick> {
        let step = step(self.to - self.from);
        let first = (self.from / step).ceil();
        let count = ((self.to - first * step) / step + 1e-9).floor().max(0.0) as usize;
        let values = (0..=count.min(20)).map(|at| (first + at as f64) * step);
        values.map(|value| Tick { at: self.place(value), label: number(value) }).collect()
    }
}

/// Gives the distance between ticks: 1, 2 or 5 times a power of ten, about five of them over the span.
fn step(span: f64) -> f64 {
    if span <= 0.0 {
        return 1.0;
    }
    let rough = span / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough).unwrap_or(10.0);
    factor * power
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn lines(chart: &Chart, x: &Scale, y: &Scale) -> Vec<Polyline> {
    let mut lines = Vec::new();
    for (at, series) in chart.series.iter().enumerate() {
        let mut text = String::new();
        let mut last_y = None;
        for [px, py] in thin(&series.points) {
            let (px, py) = (x.place(px), y.place(py));
            if let (ChartKind::Step, Some(last_y)) = (chart.kind, last_y) {
                text.push_str(&format!("{px},{last_y} "));
            }
            text.push_str(&format!("{px},{py} "));
            last_y = Some(py);
        }
        lines.push(Polyline { class: at % COLOURS, points: text.trim_end().to_owned() });
    }
    lines
}

/// Keeps the lowest and the highest point of each stretch, so that no peak is lost.
fn thin(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    if points.len() <= POINTS_MAX {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(POINTS_MAX / 2);
    let mut kept = Vec::with_capacity(POINTS_MAX);
    for chunk in points.chunks(stretch) {
        let by_height = |a: &&[f64; 2], b: &&[f64; 2]| a[1].total_cmp(&b[1]);
        let mut pair: Vec<[f64; 2]> = chunk.iter().min_by(by_height).into_iter().copied().collect();
        pair.extend(chunk.iter().max_by(by_height));
        pair.sort_by(|a, b| a[0].total_cmp(&b[0]));
        pair.dedup();
        kept.extend(pair);
    }
    kept
}

fn slot_width(xs: &[f64]) -> f64 {
    (WIDTH - LEFT - RIGHT) / xs.len().max(1) as f64
}

fn slots(xs: &[f64]) -> Vec<Tick> {
    // Labels closer than 40 units would run into each other.
    let every = (40.0 / slot_width(xs)).ceil().max(1.0) as usize;
    let middle = |at: usize| round(LEFT + (at as f64 + 0.5) * slot_width(xs));
    xs.iter()
        .enumerate()
        .step_by(every)
        .map(|(at, value)| Tick { at: middle(at), label: number(*value) })
        .collect()
}

fn bars(chart: &Chart, xs: &[f64], y: &Scale) -> Vec<Bar> {
    let slot = slot_width(xs);
    let width = slot * 0.8 / chart.series.len().max(1) as f64;
    let mut bars = Vec::new();
    for (at, series) in chart.series.iter().enumerate() {
        for [px, py] in &series.points {
            let Some(place) = xs.iter().position(|x| x == px) else { continue };
            let (zero, top) = (y.place(0.0), y.place(*py));
            bars.push(Bar {
                class: at % COLOURS,
                x: round(LEFT + place as f64 * slot + slot * 0.1 + at as f64 * width),
                y: top.min(zero),
                width: round(width),
                height: round((zero - top).abs()),
                label: format!("{}: {}", series.name, number(*py)),
            });
        }
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_holds_until_the_next_point() {
        let chart =
            Chart::new("pods", ChartKind::Step, "min", "pods").series("live", [(0.0, 0.0), (10.0, 100.0)]);
        let drawing = draw(&chart).unwrap();
        assert_eq!(drawing.lines[0].points, "64,228 704,228 704,26");
        assert_eq!(drawing.y_ticks.last().unwrap().label, "100");
    }

    #[test]
    fn thinning_keeps_the_peak() {
        let points: Vec<[f64; 2]> =
            (0..100_000).map(|at| [f64::from(at), if at == 77_777 { 9.0 } else { 1.0 }]).collect();
        let kept = thin(&points);
        assert!(kept.len() <= POINTS_MAX, "{} points", kept.len());
        assert!(kept.contains(&[77_777.0, 9.0]));
    }

    #[test]
    fn labels_of_marks_do_not_touch() {
        let marks = (0..9).map(|at| (f64::from(at), format!("fault {at} begins")));
        let chart =
            Chart::new("pods", ChartKind::Step, "min", "pods").series("live", [(0.0, 0.0), (100.0, 9.0)]);
        let chart = marks.fold(chart, |chart, (at, label)| chart.mark(at, label)).mark(99.0, "ends");
        let drawn = draw(&chart).unwrap().marks;
        let rows: Vec<f64> = drawn.iter().take(6).map(|mark| mark.line).collect();
        assert!(rows.is_sorted_by(|a, b| a < b), "close ones stand below each other: {rows:?}");
        assert_eq!(drawn[9].line, drawn[0].line, "one that is far away stands on the first row");
        assert_eq!((drawn[9].anchor, drawn[0].anchor), ("end", "start"));
        assert_eq!(drawn[7].label, "", "where there is no room the line stands alone");
    }

    #[test]
    fn a_chart_without_points_is_not_drawn() {
        assert!(draw(&Chart::new("empty", ChartKind::Line, "", "").series("none", [])).is_none());
    }
}
