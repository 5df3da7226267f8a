use crate::outcome;
use object::{Value, from_value, json, to_value, value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fixture {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replicas: Option<i32>,
    #[serde(default)]
    ratio: f64,
    #[serde(default)]
    big: u64,
    #[serde(default)]
    by_port: BTreeMap<u16, bool>,
    #[serde(default)]
    steps: Vec<Step>,
    #[serde(default)]
    free: Value,
    #[serde(default)]
    pair: (u8, char),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Step {
    Wait,
    Sleep(u32),
    Move(i8, i8),
    Create { kind: String },
}

#[test]
fn typed_structs_convert_both_ways() {
    let text = r#"{"big":18446744073709551615,"byPort":{"80":true},"free":{"a":[1,1.0,null]},"name":"x","pair":[1,"é"],"ratio":1.5,"replicas":3,"steps":["wait",{"sleep":5},{"move":[1,-1]},{"create":{"kind":"Pod"}}]}"#;
    let tree = json::parse(text.as_bytes()).unwrap();
    let fixture: Fixture = from_value(&tree).unwrap();
    assert_eq!(fixture.steps[3], Step::Create { kind: "Pod".to_owned() });
    assert_eq!(fixture.by_port, BTreeMap::from([(80, true)]));
    assert_eq!(to_value(&fixture).unwrap(), tree);
    assert_eq!(to_value(&tree).unwrap(), tree);
    assert_eq!(from_value::<Value>(&tree).unwrap(), tree);
    assert_eq!(serde_json::to_string(&tree).unwrap(), text);
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), tree);
    let borrowed: &str = from_value(&tree["name"]).unwrap();
    assert_eq!(borrowed, "x");
}

#[test]
fn errors_name_the_path() {
    let check = |tree: Value, expected: &str| {
        let outcome = outcome(from_value::<Fixture>(&tree).map(|fixture| fixture.name));
        assert_eq!(outcome, expected);
    };
    check(value!({}), "error: missing field `name`");
    check(value!({"name": 1}), "error: name: invalid type: integer `1`, expected a string");
    check(
        value!({"name": "x", "replicas": 1.5}),
        "error: replicas: invalid type: floating point `1.5`, expected i32",
    );
    check(
        value!({"name": "x", "steps": [{"create": {"kind": 7}}]}),
        "error: steps[0].create.kind: invalid type: integer `7`, expected a string",
    );
    check(
        value!({"name": "x", "steps": ["wait", {"move": [1, 2, 3]}]}),
        "error: steps[1].move: invalid length 3, expected fewer items",
    );
    check(
        value!({"name": "x", "steps": [{"sleep": 1, "wait": 1}]}),
        "error: steps[0]: invalid type: map, expected a variant",
    );
    check(
        value!({"name": "x", "steps": ["sleep"]}),
        "error: steps[0]: invalid type: unit variant, expected a variant with content",
    );
    check(
        value!({"name": "x", "nmae": 1}),
        "error: unknown field `nmae`, expected one of `name`, `replicas`, `ratio`, `big`, `byPort`, `steps`, `free`, `pair`",
    );
    let keys = BTreeMap::from([(vec![1], 2)]);
    assert_eq!(outcome(to_value(&keys)), "error: a map's key must be a string, a number or a boolean");
    assert_eq!(
        outcome(to_value(&[i128::MAX])),
        format!("error: [0]: number {} does not fit 64 bits", i128::MAX)
    );
}
