//! Keeps `docs/report.schema.json` true: what is written is described, what is described is written.

mod common;

use std::collections::BTreeSet;

use report::{
    Chart, ChartKind, Draft, Figure, Goal, Outcome, Problem, ProblemKind, Source, Standing, Verdict,
};
use serde_json::Value;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../docs/report.schema.json")).unwrap()
}

/// Walks a value beside its schema and collects what does not fit and which properties were seen.
struct Walk<'a> {
    schema: &'a Value,
    faults: Vec<String>,
    seen: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    fn over(schema: &'a Value, value: &Value) -> Self {
        let mut walk = Self { schema, faults: Vec::new(), seen: BTreeSet::new() };
        walk.visit(schema, value, "");
        walk
    }

    fn visit(&mut self, rule: &'a Value, value: &Value, place: &str) {
        const KNOWN: [&str; 13] = [
            "$schema",
            "$ref",
            "$defs",
            "title",
            "description",
            "type",
            "properties",
            "required",
            "items",
            "enum",
            "pattern",
            "minimum",
            "maximum",
        ];
        for keyword in rule.as_object().unwrap().keys() {
            assert!(KNOWN.contains(&keyword.as_str()), "this walk does not know the keyword {keyword}");
        }
        if let Some(name) = rule["$ref"].as_str().map(|r| r.strip_prefix("#/$defs/").unwrap()) {
            let target = &self.schema["$defs"][name];
            return self.visit(target, value, place);
        }
        let fits = match rule["type"].as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            other => panic!("this walk does not know the type {other}"),
        };
        let listed = rule["enum"].as_array().is_none_or(|allowed| allowed.contains(value));
        let in_range = rule["minimum"].as_i64().is_none_or(|low| value.as_i64().is_some_and(|v| v >= low))
            && rule["maximum"].as_i64().is_none_or(|high| value.as_i64().is_some_and(|v| v <= high));
        let shaped =
            rule["pattern"].as_str().is_none_or(|pattern| matches(pattern, value.as_str().unwrap_or("")));
        if !(fits && listed && in_range && shaped) {
            self.faults.push(format!("{place}: {value} does not fit {rule}"));
        }
        for (at, item) in value.as_array().into_iter().flatten().enumerate() {
            self.visit(&rule["items"], item, &format!("{place}/{at}"));
        }
        self.properties(rule, value, place);
    }

    fn properties(&mut self, rule: &'a Value, value: &Value, place: &str) {
        let Some(fields) = value.as_object() else { return };
        for required in rule["required"].as_array().into_iter().flatten() {
            if !fields.contains_key(required.as_str().unwrap()) {
                self.faults.push(format!("{place}: {required} is required"));
            }
        }
        for (name, field) in fields {
            match rule["properties"].get(name) {
                Some(rule_of_field) => {
                    self.seen.insert(format!("{}.{name}", rule["description"].as_str().unwrap()));
                    self.visit(rule_of_field, field, &format!("{place}/{name}"));
                }
                None => self.faults.push(format!("{place}/{name} is not described")),
            }
        }
    }
}

/// The three patterns the schema uses.
fn matches(pattern: &str, text: &str) -> bool {
    let lower_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    match pattern {
        r"^1\.[0-9]+$" => text.strip_prefix("1.").is_some_and(|rest| rest.parse::<u32>().is_ok()),
        "^[0-9a-f]{16}$" => text.len() == 16 && text.chars().all(lower_hex),
        "^[A-Z][A-Z0-9_]*$" => {
            text.starts_with(|c: char| c.is_ascii_uppercase())
                && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        }
        other => panic!("this walk does not know the pattern {other}"),
    }
}

/// Several reports that together use every field and every enumerated word.
fn samples() -> Vec<Value> {
    let mut whole = serde_json::to_value(common::whole()).unwrap();
    // Only a chapter that does not apply carries its reason.
    whole["chapters"][0]["skipped"] = "because".into();
    let mut draft = Draft::new("check", Source::new("manifests", "here"));
    for kind in [ProblemKind::Usage, ProblemKind::CouldNotLook, ProblemKind::Internal] {
        draft.problems.push(Problem::new(kind, "trouble"));
    }
    let mut chapter = report::Chapter::new("figures", "Figures");
    for goal in [Goal::AtMost(1.0), Goal::AtLeast(1.0), Goal::Exactly(1.0)] {
        chapter.figures.push(Figure::new("figure", 1.0, "").goal(goal));
    }
    for kind in [ChartKind::Line, ChartKind::Step, ChartKind::Bar] {
        chapter.charts.push(Chart::new("chart", kind, "", ""));
    }
    draft.chapters.push(chapter);
    vec![whole, serde_json::to_value(draft.conclude()).unwrap()]
}

#[test]
fn everything_written_is_described() {
    let schema = schema();
    for sample in samples() {
        assert_eq!(Walk::over(&schema, &sample).faults, Vec::<String>::new());
    }
}

#[test]
fn everything_described_is_written() {
    let schema = schema();
    let seen: BTreeSet<String> =
        samples().iter().flat_map(|sample| Walk::over(&schema, sample).seen).collect();
    let mut described = BTreeSet::new();
    for definition in schema["$defs"].as_object().unwrap().values() {
        for name in definition["properties"].as_object().into_iter().flat_map(|p| p.keys()) {
            described.insert(format!("{}.{name}", definition["description"].as_str().unwrap()));
        }
    }
    assert_eq!(described.difference(&seen).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn enumerated_words_are_the_models() {
    let schema = schema();
    let listed = |rule: &Value| serde_json::from_value::<BTreeSet<String>>(rule["enum"].clone()).unwrap();
    let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<String>>();
    let defs = &schema["$defs"];
    assert_eq!(listed(&defs["outcome"]), words(&Outcome::WORST_FIRST.map(Outcome::as_str)));
    assert_eq!(
        listed(&defs["judgement"]["properties"]["result"]),
        words(&Verdict::BY_PRECEDENCE.map(Verdict::as_str))
    );
    let standings = [Standing::Counted, Standing::Expected, Standing::Baseline, Standing::Waived];
    assert_eq!(listed(&defs["finding"]["properties"]["standing"]), words(&standings.map(Standing::as_str)));
}

#[test]
fn the_walk_sees_what_does_not_fit() {
    let schema = schema();
    let mut sample = samples().remove(0);
    sample["surprise"] = true.into();
    sample["verdict"]["exit_code"] = 5.into();
    sample["chapters"][0]["outcome"] = "great".into();
    sample.as_object_mut().unwrap().remove("tool");
    assert_eq!(Walk::over(&schema, &sample).faults.len(), 4);
}
