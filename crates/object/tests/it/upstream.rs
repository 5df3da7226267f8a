//! Answers of upstream's own Go code, recorded; `tests/fixtures/upstream.tsv` says from where.

use crate::outcome;
use object::{
    FieldSelector, GoDuration, Quantity, Selector, Time, Value, from_value, int_or_percent, json,
    try_int_or_percent, yaml,
};

const RECORDED: &str = include_str!("../fixtures/upstream.tsv");

#[test]
fn every_recorded_answer_is_given() {
    let mut count = 0;
    for line in RECORDED.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [kind, inputs, expected] = columns[..] else { panic!("not three columns: {line}") };
        let inputs = json::parse(inputs.as_bytes()).expect(line);
        let inputs: Vec<&str> = from_value(&inputs).expect(line);
        let expected = json::parse(expected.as_bytes()).expect(line);
        assert_eq!(answer(kind, &inputs), expected.str(), "{line}");
        count += 1;
    }
    assert!(count > 500, "only {count} answers were compared");
}

fn answer(kind: &str, inputs: &[&str]) -> String {
    let text = inputs[0];
    match kind {
        "quantity" => outcome(Quantity::parse(text).map(|quantity| {
            let stored = Quantity::stored_form(text).expect("it was parsed");
            format!("{quantity} {stored} {} {}", quantity.value(), quantity.milli_value())
        })),
        "sum" => match (Quantity::parse(text), Quantity::parse(inputs[1])) {
            (Ok(a), Ok(b)) => format!("{} {} {}", a + b, a - b, a.cmp(&b) as i8),
            _ => "error".to_owned(),
        },
        "labels" => outcome(Selector::parse(text)),
        "fields" => outcome(FieldSelector::parse(text)),
        "selector" => outcome(Selector::from_label_selector(&text.parse().expect("it is JSON"))),
        "duration" => outcome(GoDuration::parse(text)),
        "time" => Time::parse(text).map_or("error".to_owned(), |time| {
            format!("\"{}\" \"{}\"", time.rfc3339(), time.rfc3339_micros())
        }),
        "yaml" => yaml::parse(text).map_or("error".to_owned(), |value| value.to_string()),
        "percent" => {
            let value = text.parse::<i32>().map_or_else(|_| Value::from(text), Value::from);
            let up = try_int_or_percent(&value, 7, true);
            outcome(up.map(|up| format!("{} {up}", int_or_percent(&value, 7, false))))
        }
        other => panic!("no such kind: {other}"),
    }
}
