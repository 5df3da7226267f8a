use crate::outcome;
use object::{FieldSelector, Selector, json, value};

const KEY_RULE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

#[test]
fn query_syntax() {
    let check = |text: &str, expected: &str| assert_eq!(outcome(Selector::parse(text)), expected, "{text}");
    check("", "");
    check("app=web", "app=web");
    check(" app == web , !canary ", "app==web,!canary");
    check("z,a!=b", "a!=b,z");
    check("tier in (front,back,front)", "tier in (back,front)");
    check("x in (foo,,baz),y,z notin ()", "x in (,baz,foo),y,z notin ()");
    check("x in (,a)", "x in (,a)");
    check("in in (in,notin)", "in in (in,notin)");
    check("app=", "app=");
    check("app=,b", "app=,b");
    check("n>5,m<3", "m<3,n>5");
}

#[test]
fn query_syntax_errors() {
    let check =
        |text: &str, expected: &str| assert_eq!(outcome(Selector::parse(text)), format!("error: {expected}"));
    check("app in", "unable to parse requirement: found '' expected: '('");
    check("app in (a", "unable to parse requirement: found '', expected: ',' or ')'");
    check("app in (a,", "unable to parse requirement: found '', expected: ',', or identifier");
    check("app in (=", "unable to parse requirement: found '=', expected: ',', ')' or identifier");
    check("app web", "unable to parse requirement: found 'web', expected: in, notin, =, ==, !=, gt, lt");
    check("app=web x", "found 'x', expected: ',' or 'end of string'");
    check("app=web,", "found '', expected: identifier after ','");
    check("!app=web", "found '=', expected: ',' or 'end of string'");
    check("=web", "found '=', expected: !, identifier, or 'end of string'");
    check("!,a", "unable to parse requirement: found ',', expected: identifier");
    check("a=(", "unable to parse requirement: found '(', expected: identifier");
    check("a-=b", &format!("unable to parse requirement: <nil>: Invalid value: \"a-\": {KEY_RULE}"));
    check("a=-b", &format!("unable to parse requirement: values[0][a]: Invalid value: \"-b\": {VALUE_RULE}"));
    check(
        "n>x",
        "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
    );
    let long = "a".repeat(64);
    check(
        &format!("a={long}"),
        &format!(
            "unable to parse requirement: values[0][a]: Invalid value: {long:?}: must be no more than 63 bytes"
        ),
    );
}

#[test]
fn matching() {
    let labels = value!({"app": "web", "tier": "front", "rank": "7", "empty": ""});
    let check = |text: &str, expected: bool| {
        assert_eq!(Selector::parse(text).expect(text).matches(&labels), expected, "{text}");
    };
    for text in [
        "",
        "app=web",
        "app==web,tier",
        "app!=db",
        "other!=db",
        "app in (db,web)",
        "app notin (db)",
        "other notin (db)",
        "!other",
        "rank>6",
        "rank<8",
        "empty",
        "empty=",
        "empty in ()",
    ] {
        check(text, true);
    }
    for text in [
        "app=db",
        "app=web,tier=back",
        "app!=web",
        "other",
        "other=",
        "app in (db)",
        "app notin (web)",
        "!app",
        "rank>7",
        "rank<7",
        "app>1",
        "other<1",
    ] {
        check(text, false);
    }
    assert!(!Selector::nothing().matches(&labels));
    assert!(Selector::everything().matches(&value!(null)));
    assert_eq!(Selector::parse("app in (web),x").unwrap().exact("app"), Some("web"));
    assert_eq!(Selector::parse("app in (web,db)").unwrap().exact("app"), None);
}

#[test]
fn label_selectors_of_objects() {
    let check = |text: &str, expected: &str| {
        let selector = json::parse(text.as_bytes()).expect(text);
        assert_eq!(outcome(Selector::from_label_selector(&selector)), expected, "{text}");
    };
    check("{}", "");
    check(r#"{"matchLabels": {"b": "2", "a": "1"}}"#, "a=1,b=2");
    check(
        r#"{"matchLabels": {"a": "1"}, "matchExpressions": [
            {"key": "t", "operator": "In", "values": ["y", "x"]}, {"key": "u", "operator": "NotIn", "values": ["z"]},
            {"key": "v", "operator": "Exists"}, {"key": "w", "operator": "DoesNotExist"}]}"#,
        "a=1,t in (x,y),u notin (z),v,!w",
    );
    check(
        r#"{"matchExpressions": [{"key": "t", "operator": "Gt", "values": ["1"]}]}"#,
        r#"error: "Gt" is not a valid label selector operator"#,
    );
    check(
        r#"{"matchExpressions": [{"key": "t", "operator": "In"}]}"#,
        "error: values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty",
    );
    check(
        r#"{"matchExpressions": [{"key": "t", "operator": "Exists", "values": ["a"]}]}"#,
        r#"error: values: Invalid value: ["a"]: values set must be empty for exists and does not exist"#,
    );
    let absent = Selector::from_label_selector(&value!(null)).unwrap();
    assert!(
        absent.is_nothing() && !absent.matches(&value!({"a": "1"})),
        "an absent selector selects nothing"
    );
    assert_eq!(Selector::from_map(&value!({"b": "2", "a": "1"})).to_string(), "a=1,b=2");
}

#[test]
fn field_selectors() {
    let check =
        |text: &str, expected: &str| assert_eq!(outcome(FieldSelector::parse(text)), expected, "{text}");
    check("", "");
    check("spec.nodeName=n1", "spec.nodeName=n1");
    check("status.phase!=Running,metadata.name==a", "metadata.name=a,status.phase!=Running");
    check(r"a=x\,y\=z\\", r"a=x\,y\=z\\");
    check("a=,,b=c,=,!=", "a=,b=c");
    check("a", "error: invalid selector: 'a'; can't understand 'a'");
    check("a=b,c", "error: invalid selector: 'a=b,c'; can't understand 'c'");
    check("a=b=c", "error: invalid field selector: unescaped character in value: 61");
    check(r"a=\b", r"error: invalid field selector: invalid escape sequence: \b");
    check(r"a=b\", r"error: invalid field selector: invalid escape sequence: \");
    let selector = FieldSelector::parse(r"a=x\,y,b!=q").unwrap();
    assert_eq!((selector.exact("a"), selector.exact("b")), (Some("x,y"), None));
    assert!(selector.matches(|field| if field == "a" { "x,y" } else { "" }));
    assert!(!selector.matches(|field| if field == "a" { "x,y" } else { "q" }));
}
