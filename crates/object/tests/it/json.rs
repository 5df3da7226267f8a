use crate::outcome;
use object::json::{self, Limits};
use object::value;

#[test]
fn numbers_stay_exact() {
    let check =
        |text: &str, expected: &str| assert_eq!(outcome(json::parse(text.as_bytes())), expected, "{text}");
    for same in [
        "0",
        "1",
        "-1",
        "1.0",
        "-0.0",
        "0.1",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
        "1e300",
        "5e-324",
        "1.7976931348623157e308",
        "0.30000000000000004",
    ] {
        check(same, same);
    }
    check("1e2", "100.0");
    check("18446744073709551616", "1.8446744073709552e19");
    check("1e400", "error: number out of range at line 1 column 5");
    assert_ne!(json::parse(b"1").unwrap(), json::parse(b"1.0").unwrap());
}

#[test]
fn integers_above_the_largest_i64_stay_exact() {
    let tree = json::parse(b"[9223372036854775807,9223372036854775809]").unwrap();
    assert_eq!(tree, value!([i64::MAX, 9_223_372_036_854_775_809_u64]));
    assert_eq!(tree.to_string(), "[9223372036854775807,9223372036854775809]");
}

#[test]
fn text() {
    let check =
        |text: &str, expected: &str| assert_eq!(outcome(json::parse(text.as_bytes())), expected, "{text}");
    check(r#" {"b": [1, null, true], "a": {}, "c": []} "#, r#"{"a":{},"b":[1,null,true],"c":[]}"#);
    check(r#"{"a": 1, "b": 2, "a": 3}"#, r#"{"a":3,"b":2}"#);
    check(r#""\u0041\u00e9\ud83d\ude00\/\b\f\n\r\t\"\\\u0001é""#, "\"Aé😀/\\b\\f\\n\\r\\t\\\"\\\\\\u0001é\"");
    check("\"<&>\u{2028}\"", "\"<&>\u{2028}\"");
    check("", "error: EOF while parsing a value at line 1 column 0");
    check("{\"a\": 1,\n \"b\" 2}", "error: expected `:` at line 2 column 6");
    check("[1] x", "error: trailing characters at line 1 column 5");
    check(r#""\ud800""#, "error: unexpected end of hex escape at line 1 column 8");
}

#[test]
fn limits() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(json::parse(nested(json::DEPTH_MAX).as_bytes()).is_ok());
    let error = json::parse(nested(json::DEPTH_MAX + 1).as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "nested too deeply at line 1 column 130");
    assert_eq!(error.position(), Some((1, 130)));
    let small = Limits { bytes_max: 4, depth_max: 1 };
    assert_eq!(outcome(json::parse_within(b"[1]", small)), "[1]");
    assert_eq!(
        outcome(json::parse_within(b"[12]x", small)),
        "error: text of 5 bytes is larger than the limit of 4"
    );
    assert_eq!(outcome(json::parse_within(b"[[]]", small)), "error: nested too deeply at line 1 column 3");
}

#[test]
fn pretty() {
    let value = value!({"a": [1, {"b": "c"}], "d": {}, "e": [], "f": null});
    assert_eq!(
        json::to_string_pretty(&value),
        "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"c\"\n    }\n  ],\n  \"d\": {},\n  \"e\": [],\n  \"f\": null\n}"
    );
    assert_eq!(value.to_string().parse::<object::Value>().unwrap(), value);
    assert_eq!(json::to_vec(&value), value.to_string().into_bytes());
}
