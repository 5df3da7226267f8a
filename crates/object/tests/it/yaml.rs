use object::yaml::{self, Limits};
use object::{Value, value};

/// Reads a text and writes its documents as JSON, one a line.
fn read(text: &str) -> String {
    match yaml::parse_all(text) {
        Ok(values) => values.iter().map(Value::to_string).collect::<Vec<_>>().join("\n"),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn scalars_as_kubernetes_reads_them() {
    let check = |text: &str, expected: &str| {
        assert_eq!(read(&format!("[{text}]")), format!("[{expected}]"), "{text}");
    };
    check("yes, Yes, YES, on, y, Y, true, True", "true,true,true,true,true,true,true,true");
    check("no, No, NO, off, n, N, false, FALSE", "false,false,false,false,false,false,false,false");
    check("yEs, tRUE, oN, 'yes', \"no\"", r#""yEs","tRUE","oN","yes","no""#);
    check("null, ~, Null, nULL, 'null'", r#"null,null,null,"nULL","null""#);
    check("0644, 0o17, 0x1F, 0b101, -017, 1_000", "420,15,31,5,-15,1000");
    check("089, 08, 0x, 0xg", r#"89,8,"0x","0xg""#);
    check(
        "9223372036854775807, 18446744073709551615, 18446744073709551616",
        "9223372036854775807,18446744073709551615,1.8446744073709552e19",
    );
    check("1.0, 1e3, 1.5, .5, 5., -0.0, 1e400, +1, -1", r#"1,1000,1.5,0.5,5,0,"1e400",1,-1"#);
    check(
        "2026-01-01, 2026-01-01T00:00:00Z, 1:30, 1.2.3, 10.0.0.1/8",
        r#""2026-01-01","2026-01-01T00:00:00Z","1:30","1.2.3","10.0.0.1/8""#,
    );
    check("!!str 1, !!int '5', !!float 1.5, !custom 7, ! 8", r#""1",5,1.5,"7","8""#);
    check("!!binary aGVsbG8=, !!binary aGVsbG8h, !!binary aGVsbA==", r#""hello","hello!","hell""#);
    check("=, <<, inf, nan", r#""=","<<","inf","nan""#);
}

#[test]
fn keys() {
    let check = |text: &str, expected: &str| assert_eq!(read(text), expected, "{text}");
    check("on: 1\n80: 2\n0x10: 3\n1.5: 4\n'on': 5", r#"{"1.5":4,"16":3,"80":2,"on":5,"true":1}"#);
    check(
        "1e7: 1\n0.5: 2\n-1.5e-9: 3\n1234567.5: 4",
        r#"{"-1.5e-09":3,"0.5":2,"1.2345675e+06":4,"1e+07":1}"#,
    );
    check("a: 1\na: 2", r#"{"a":2}"#);
    check("~: 1", "error: unsupported map key: null at line 1 column 1");
    check("? [a]\n: 1", "error: unsupported map key: a list at line 1 column 3");
}

#[test]
fn documents_and_structure() {
    let check = |text: &str, expected: &str| assert_eq!(read(text), expected, "{text}");
    check("", "");
    check("# nothing\n---\n---\n...\n", "");
    check("a: 1\n---\nb: 2\n---\n# nothing\n---\n[c]\n", "{\"a\":1}\n{\"b\":2}\n[\"c\"]");
    check("\u{feff}a:\n- b\n- c: d\n  e:\n", r#"{"a":["b",{"c":"d","e":null}]}"#);
    check("{\"a\": [1, {\"b\": null}], \"c\": \"\\u00e9\\n\"}", r#"{"a":[1,{"b":null}],"c":"é\n"}"#);
    check("a: |\n  x\n  y\nb: >-\n  x\n  y\nc: |+\n  z\n\n", r#"{"a":"x\ny\n","b":"x y","c":"z\n\n"}"#);
    let documents = yaml::parse_documents("# c\na: 1\n---\n\nb: 2\n", Limits::default()).unwrap();
    assert_eq!(documents.iter().map(|document| document.line).collect::<Vec<_>>(), [2, 5]);
    assert_eq!(yaml::parse("a: 1\n---\n").unwrap(), value!({"a": 1}));
    assert_eq!(
        yaml::parse("a: 1\n---\nb: 2\n").unwrap_err().to_string(),
        "a second document where one was expected at line 3 column 1"
    );
}

#[test]
fn anchors_and_merges() {
    let check = |text: &str, expected: &str| assert_eq!(read(text), expected, "{text}");
    check("a: &x {b: 1}\nc: *x", r#"{"a":{"b":1},"c":{"b":1}}"#);
    check("a: &x {b: 1, c: 1}\nd:\n  <<: *x\n  c: 2", r#"{"a":{"b":1,"c":1},"d":{"b":1,"c":2}}"#);
    check("<<: [{a: 1}, {a: 2, b: 2}]\nc: 3", r#"{"a":1,"b":2,"c":3}"#);
    check("'<<': {a: 1}", r#"{"<<":{"a":1}}"#);
    check("<<: 1", "error: map merge requires map or sequence of maps as the value at line 1 column 5");
    check("a: &x [*x]", "error: an anchor's value contains itself at line 1 column 8");
    assert!(read("a: *x").contains("line 1 column 4"), "{}", read("a: *x"));
    assert!(read("a: &x 1\n---\nb: *x").contains("line 3 column 4"), "anchors end with their document");
    let bomb: String = (1..=30).map(|n| format!("a{n}: &a{n} [*a{}, *a{}]\n", n - 1, n - 1)).collect();
    let bomb = read(&format!("a0: &a0 [x, x]\n{bomb}"));
    assert!(bomb.starts_with("error: more nodes than the limit of 33554432 at line "), "{bomb:.100}");
    let shared = yaml::parse("a: &x {b: [1]}\nc: *x").unwrap();
    assert!(shared["a"].same(&shared["c"]), "an alias costs nothing");
}

#[test]
fn errors_say_where() {
    let check = |text: &str, expected: &str| assert_eq!(read(text), format!("error: {expected}"), "{text}");
    check("x: 1\na: [1,\nb: }", "mismatched bracket '[' closed by '}' at line 2 column 4");
    check("a: b: c", "mapping values are not allowed in this context at line 1 column 5");
    check("a:\n  b: .inf", "unsupported value .inf at line 2 column 6");
    check("a: !!int x", "cannot decode `x` as a !!int at line 1 column 10");
    check("a: !!binary eA=", "!!binary value contains invalid base64 data at line 1 column 13");
    check("a: !!omap x", "tag !!omap is not supported at line 1 column 11");
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(read(&nested(yaml::DEPTH_MAX)), nested(yaml::DEPTH_MAX));
    check(&nested(yaml::DEPTH_MAX + 1), "nested too deeply at line 1 column 129");
    let small = Limits { bytes_max: 9, depth_max: 1, nodes_max: 3 };
    let within =
        |text: &str| yaml::parse_documents(text, small).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(within("[1, 2]"), Ok(()));
    assert_eq!(within("[1, 2, 3]"), Err("more nodes than the limit of 3 at line 1 column 8".to_owned()));
    assert_eq!(
        within("[1, 2,    3]"),
        Err("text of 12 bytes is larger than the limit of 9 at line 1 column 1".to_owned())
    );
}

#[test]
fn writing() {
    let value = value!({
        "apiVersion": "v1", "data": {"on": "yes", "n": "1", "t": "2026-01-01", "script": "#!/bin/sh\necho\n", "cut": "a\nb"},
        "list": ["--flag=x", "- x", "a: b", "", "a #b", "~", {"k": [[1, 2], {}], "z": null}, []],
        "numbers": [1, 1.5, (u64::MAX)], "odd": " lead\n", "time": "12:30", "url": "http://a:80/#b", "wild": "*",
    });
    let text = yaml::to_string(&value);
    let expected = r#"apiVersion: v1
data:
  cut: |-
    a
    b
  "n": "1"
  "on": "yes"
  script: |
    #!/bin/sh
    echo
  t: "2026-01-01"
list:
- --flag=x
- "- x"
- "a: b"
- ""
- "a #b"
- "~"
- k:
  - - 1
    - 2
  - {}
  z: null
- []
numbers:
- 1
- 1.5
- 18446744073709551615
odd: " lead\n"
time: "12:30"
url: http://a:80/#b
wild: "*"
"#;
    assert_eq!(text, expected);
    assert_eq!(yaml::parse(&text).unwrap(), value);
    assert_eq!(yaml::to_string_all([&value!({"a": 1}), &value!("x")]), "---\na: 1\n---\nx\n");
}
