use crate::{apply, outcome};
use object::{Pointer, Pool, Value, diff, json, value};

#[test]
fn patches_and_lines() {
    let check = |old: &str, new: &str, patch: &str, lines: &str| {
        let (old, new) = (json::parse(old.as_bytes()).expect(old), json::parse(new.as_bytes()).expect(new));
        let made = diff::json_patch(&old, &new);
        assert_eq!(made.to_string(), patch);
        assert_eq!(diff::readable(&old, &new).trim_end(), lines);
        assert_eq!(apply(&old, &made), new);
    };
    check("{}", "{}", "[]", "");
    check("1", "1.0", r#"[{"op":"replace","path":"","value":1.0}]"#, "(whole): 1 → 1.0");
    check(
        r#"{"spec":{"replicas":2},"status":{"a":1}}"#,
        r#"{"metadata":{"labels":{"app.io/x":"y~"}},"spec":{"replicas":3},"status":{}}"#,
        r#"[{"op":"add","path":"/metadata","value":{"labels":{"app.io/x":"y~"}}},{"op":"replace","path":"/spec/replicas","value":3},{"op":"remove","path":"/status/a"}]"#,
        "+ metadata: {\"labels\":{\"app.io/x\":\"y~\"}}\nspec.replicas: 2 → 3\n- status.a: 1",
    );
    check(
        r#"{"labels":{"app.io/x":"1"}}"#,
        r#"{"labels":{"a~b":"2","app.io/x":"3"}}"#,
        r#"[{"op":"replace","path":"/labels/app.io~1x","value":"3"},{"op":"add","path":"/labels/a~0b","value":"2"}]"#,
        "labels[\"app.io/x\"]: \"1\" → \"3\"\n+ labels[\"a~b\"]: \"2\"",
    );
    check(
        r#"["a","b","c"]"#,
        r#"["b","c","d"]"#,
        r#"[{"op":"remove","path":"/0"},{"op":"add","path":"/2","value":"d"}]"#,
        "- [0]: \"a\"\n+ [2]: \"d\"",
    );
    check(
        r#"["a","x"]"#,
        r#"["a","y"]"#,
        r#"[{"op":"replace","path":"/1","value":"y"}]"#,
        "[1]: \"x\" → \"y\"",
    );
    check(
        r#"{"c":[{"type":"Ready","status":"True"},{"type":"Old","status":"True"}]}"#,
        r#"{"c":[{"type":"New","status":"True"},{"type":"Ready","status":"False"}]}"#,
        r#"[{"op":"add","path":"/c/0","value":{"status":"True","type":"New"}},{"op":"replace","path":"/c/1/status","value":"False"},{"op":"remove","path":"/c/2"}]"#,
        "+ c[type=New]: {\"status\":\"True\",\"type\":\"New\"}\nc[type=Ready].status: \"True\" → \"False\"\n- c[type=Old]: {\"status\":\"True\",\"type\":\"Old\"}",
    );
    check(
        r#"[{"name":"a","v":1}]"#,
        r#"[{"name":"b","v":1}]"#,
        r#"[{"op":"remove","path":"/0"},{"op":"add","path":"/0","value":{"name":"b","v":1}}]"#,
        "- [name=a]: {\"name\":\"a\",\"v\":1}\n+ [name=b]: {\"name\":\"b\",\"v\":1}",
    );
    check(
        "[[1,2],[3]]",
        "[[1,4],[3],[]]",
        r#"[{"op":"replace","path":"/0/1","value":4},{"op":"add","path":"/2","value":[]}]"#,
        "[0][1]: 2 → 4\n+ [2]: []",
    );
}

#[test]
fn long_lists_and_long_values() {
    let old: Value = (0..200).map(|n: i64| value!([n])).collect();
    let new: Value = (0..200).map(|n: i64| value!([(n + 1)])).collect();
    assert_eq!(apply(&old, &diff::json_patch(&old, &new)), new);
    let line = diff::readable(&value!({"a": ""}), &value!({"a": ("é".repeat(500))}));
    assert_eq!(line, format!("a: \"\" → \"{}…\n", "é".repeat(119)));
}

#[test]
fn pointers() {
    let tree = value!({"a/b": {"m~n": [10, {"": true}]}, "": 1});
    let check = |pointer: &str, expected: &str| {
        let found = Pointer::parse(pointer).map(|pointer| {
            assert_eq!(pointer.to_string(), *pointer.to_string());
            pointer.get(&tree).map_or("(none)".to_owned(), Value::to_string)
        });
        assert_eq!(outcome(found), expected, "{pointer}");
    };
    check("", &tree.to_string());
    check("/", "1");
    check("/a~1b/m~0n/0", "10");
    check("/a~1b/m~0n/1/", "true");
    check("/a~1b/m~0n/2", "(none)");
    check("/a~1b/m~0n/-", "(none)");
    check("/a~1b/m~0n/00", "(none)");
    check("/a~1b/m~0n/+1", "(none)");
    check("/a~1b/m~0n/0/x", "(none)");
    check("a", "error: pointer \"a\" does not begin with a slash");
    check("/a~2", "error: pointer \"/a~2\" has a tilde that is followed by neither 0 nor 1");
    check("/a~", "error: pointer \"/a~\" has a tilde that is followed by neither 0 nor 1");
    assert_eq!(Pointer::parse("/x~1y/0").unwrap().to_string(), "/x~1y/0");
    assert_eq!(tree.pointer("/a~1b/m~0n/0"), Some(&value!(10)));
    let pointer = Pointer::parse("/a/b").unwrap();
    assert!(
        Pointer::parse("/a").unwrap().is_prefix_of(&pointer)
            && !Pointer::parse("/a/b/c").unwrap().is_prefix_of(&pointer)
    );
    assert_eq!(pointer.split_last().unwrap(), (Pointer::parse("/a").unwrap(), "b"));
}

#[test]
fn pools_share_what_is_equal() {
    let pod = |name: &str| {
        json::parse(
            format!(r#"{{"metadata":{{"name":"{name}"}},"spec":{{"x":["long enough"],"y":1}}}}"#).as_bytes(),
        )
        .unwrap()
    };
    let mut pool = Pool::default();
    let (a, b) = (pool.share(&pod("a")), pool.share(&pod("b")));
    assert_eq!((&a, &b), (&pod("a"), &pod("b")), "sharing changes nothing");
    assert!(a["spec"].same(&b["spec"]) && !a["metadata"].same(&b["metadata"]));
    assert!(pool.share(&pod("a")).same(&a), "a whole equal tree is shared as well");

    let mut small = Pool::new(64);
    let first = small.share(&pod("x"));
    for n in 0..100 {
        assert!(
            small.share(&pod(&format!("n{n}")))["spec"].same(&first["spec"]),
            "what is met often is remembered"
        );
        assert!(small.len() <= 64 + 16, "{}", small.len());
    }
}

#[test]
fn new_versions_share_with_old_ones() {
    let old = json::parse(br#"{"a":{"b":[1,{"c":2}]},"d":{"e":1},"f":["x","y"]}"#).unwrap();
    let sent = json::parse(br#"{"a":{"b":[1,{"c":2}]},"d":{"e":2},"f":["x","y","z"]}"#).unwrap();
    let new = sent.clone().shared_with(&old);
    assert_eq!(new, sent);
    assert!(new["a"].same(&old["a"]) && !new["d"].same(&old["d"]));
    let again = json::parse(old.to_string().as_bytes()).unwrap();
    assert!(!again.same(&old) && again.shared_with(&old).same(&old));
}
