//! The comparison of a recording with our runs, by the recording's rules.

use crate::canonical::Final;
use crate::mask::Mask;
use object::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What one run of ours gave.
pub struct Run {
    pub answers: Vec<(String, String, u16)>,
    pub late: Vec<String>,
    pub counts: BTreeMap<String, BTreeMap<&'static str, u64>>,
    pub pods_per_node: BTreeMap<String, u64>,
    pub state: Final,
    /// Why the run ended early, if it did.
    pub broken: Option<String>,
}

/// Our runs together: what they agree on, and on which paths they do not.
pub struct Merged {
    runs: Vec<Run>,
    flat: BTreeMap<String, Value>,
    varies: BTreeSet<String>,
}

const KINDS: [&str; 3] = ["ADDED", "MODIFIED", "DELETED"];

fn flatten(value: &Value, path: &str, out: &mut BTreeMap<String, Value>) {
    match value {
        Value::Map(map) if !map.is_empty() => {
            for (key, inner) in map.iter() {
                flatten(inner, &format!("{path}/{}", key.as_str().replace('/', "~1")), out);
            }
        }
        Value::List(list) if !list.is_empty() => {
            for (i, inner) in list.iter().enumerate() {
                flatten(inner, &format!("{path}/{i}"), out);
            }
        }
        leaf => {
            out.insert(path.to_owned(), leaf.clone());
        }
    }
}

fn flat_state(state: &Final) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    for (resource, objects) in state {
        if objects.is_empty() {
            out.insert(format!("/{resource}"), Value::map());
        }
        for (name, object) in objects {
            flatten(object, &format!("/{resource}/{}", name.replace('/', "~1")), &mut out);
        }
    }
    out
}

impl Merged {
    pub fn of(runs: Vec<Run>) -> Self {
        let flats: Vec<_> = runs.iter().map(|run| flat_state(&run.state)).collect();
        let paths: BTreeSet<String> = flats.iter().flat_map(|flat| flat.keys().cloned()).collect();
        let varies =
            paths.into_iter().filter(|p| flats.iter().any(|f| f.get(p) != flats[0].get(p))).collect();
        let flat = flats.into_iter().next().expect("at least one run");
        Self { runs, flat, varies }
    }

    fn count(&self, resource: &str, kind: &str) -> (u64, u64) {
        let of = |run: &Run| run.counts.get(resource).and_then(|c| c.get(kind)).copied().unwrap_or(0);
        let all: Vec<u64> = self.runs.iter().map(of).collect();
        (all.iter().copied().min().unwrap_or(0), all.iter().copied().max().unwrap_or(0))
    }
}

/// How one scenario compares.
pub struct Outcome {
    pub name: String,
    fields: usize,
    differing: Vec<(String, String, String)>,
    answers: Vec<String>,
    placement: bool,
    writes: Vec<String>,
    late: Vec<String>,
    broken: Vec<String>,
}

impl Outcome {
    pub fn is_whole(&self) -> bool {
        self.differing.is_empty()
            && self.answers.is_empty()
            && self.placement
            && self.writes.is_empty()
            && self.late.is_empty()
            && self.broken.is_empty()
    }

    pub fn line(&self) -> String {
        let mut notes = Vec::new();
        if !self.answers.is_empty() {
            notes.push("answers differ".to_owned());
        }
        if !self.placement {
            notes.push("placement differs".to_owned());
        }
        if !self.writes.is_empty() {
            notes.push(format!("writes out of range: {}", self.writes.join("; ")));
        }
        if !self.late.is_empty() {
            notes.push(format!("late: {}", self.late.join("; ")));
        }
        notes.extend(self.broken.iter().cloned());
        let verdict = if self.is_whole() { "whole" } else { "     " };
        format!(
            "{:<32} {verdict}  fields {:>5}, differing {:>4}  {}",
            self.name,
            self.fields,
            self.differing.len(),
            notes.join("; ")
        )
    }

    pub fn details(&self) -> String {
        let mut lines: Vec<String> = self
            .differing
            .iter()
            .take(60)
            .map(|(path, real, ours)| format!("      {path}\n         real {real}\n         ours {ours}"))
            .collect();
        lines.extend(self.answers.iter().map(|answer| format!("      {answer}")));
        lines.join("\n")
    }
}

fn shape(spread: &BTreeMap<String, u64>) -> (u64, Vec<u64>) {
    let mut counts: Vec<u64> = spread.iter().filter(|(node, _)| !node.is_empty()).map(|(_, n)| *n).collect();
    counts.sort_unstable();
    (spread.get("").copied().unwrap_or(0), counts)
}

pub fn compare(name: &str, real: &Value, ours: &Merged, mask: &mut Mask) -> Outcome {
    let mut expected = BTreeMap::new();
    flatten(&real["final"], "", &mut expected);
    let mut varies: BTreeSet<String> = real["varies"].items().iter().map(|p| p.str().to_owned()).collect();
    varies.extend(ours.varies.iter().cloned());
    let paths: BTreeSet<&String> =
        expected.keys().chain(ours.flat.keys()).filter(|p| !varies.contains(*p)).collect();
    let shown = |value: Option<&Value>| value.map_or("∅".to_owned(), object::json::to_string);
    let mut differing = Vec::new();
    for path in &paths {
        let (a, b) = (expected.get(*path), ours.flat.get(*path));
        if a != b && !mask.covers(path) {
            differing.push(((*path).clone(), shown(a), shown(b)));
        }
    }
    let mut writes = Vec::new();
    for (resource, kinds) in real["counts"].entries() {
        for kind in KINDS {
            let range = &kinds[kind];
            let (least, most) = (range[0].int() as f64, range[1].int() as f64);
            let (our_least, our_most) = ours.count(resource.as_str(), kind);
            if our_most as f64 > 1.5 * most + 2.0 || (our_least as f64) < least / 1.5 - 2.0 {
                writes.push(format!("{resource} {kind} {our_least}..{our_most}, real {least}..{most}"));
            }
        }
    }
    let wanted: Vec<(String, String, u16)> = real["answers"]
        .items()
        .iter()
        .map(|a| (a[0].str().to_owned(), a[1].str().to_owned(), u16::try_from(a[2].int()).expect("a status")))
        .collect();
    let mut answers = Vec::new();
    for run in &ours.runs {
        for (want, got) in wanted.iter().zip(&run.answers) {
            if want != got {
                answers.push(format!("{} {} -> {}, real {}", got.0, got.1, got.2, want.2));
            }
        }
        if wanted.len() != run.answers.len() {
            answers.push(format!("{} answers, real {}", run.answers.len(), wanted.len()));
        }
    }
    let real_shapes: BTreeSet<(u64, Vec<u64>)> = real["pods_per_node"]
        .items()
        .iter()
        .map(|spread| {
            shape(&spread.entries().map(|(k, v)| (k.to_string(), v.int().unsigned_abs())).collect())
        })
        .collect();
    let placement = ours.runs.iter().all(|run| real_shapes.contains(&shape(&run.pods_per_node)));
    let late: BTreeSet<String> = ours.runs.iter().flat_map(|run| run.late.clone()).collect();
    let broken: BTreeSet<String> = ours.runs.iter().filter_map(|run| run.broken.clone()).collect();
    Outcome {
        name: name.to_owned(),
        fields: paths.len(),
        differing,
        answers,
        placement,
        writes,
        late: late.into_iter().collect(),
        broken: broken.into_iter().collect(),
    }
}
