//! Rules over Rust code that clippy cannot express: whole modules of std, unfinished work, tests that test nothing.

use super::house::{EDGE_MODULES, room};
use super::rust_text::{closing, find_name, functions, line_of, without_tests};
use super::{Finding, Repo};
use std::collections::{BTreeMap, BTreeSet};

/// Names that make a run depend on something other than its seed, each with what to use instead.
///
/// Clippy bans the same things by what a name resolves to (`clippy.toml`); this list bans modules as a whole.
const AMBIENT: &[(&str, &str)] = &[
    ("HashMap", "use BTreeMap or imbl::OrdMap: a hash map's order differs from run to run"),
    ("HashSet", "use BTreeSet or imbl::OrdSet: a hash set's order differs from run to run"),
    ("RandomState", "write the hash out"),
    ("Instant::now", "ask the clock you were given"),
    ("SystemTime", "ask the clock you were given"),
    ("std::thread", "one run is one thread"),
    ("thread::spawn", "one run is one thread"),
    ("std::fs", "take bytes and return bytes: only edges touch files"),
    ("std::env", "take a parameter: only edges read the environment"),
    ("TcpStream", "take messages: only edges touch the network"),
    ("TcpListener", "take messages: only edges touch the network"),
    ("UdpSocket", "take messages: only edges touch the network"),
    ("ToSocketAddrs", "names are resolved by edges"),
    ("std::process", "only edges start or end processes"),
    ("rand::", "draw from the keyed choices you were given"),
    ("getrandom::", "draw from the keyed choices you were given"),
    ("tokio::", "await the kernel you were given"),
];

/// Modules of std that the list above names, for `use std::{fs, …}`.
const AMBIENT_MODULES: &[&str] = &["thread", "fs", "env", "process"];

/// What core crates ship names nothing ambient. Their tests are left to clippy.
pub(super) fn determinism(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, file) in repo.rust() {
        let mut parts = path.strip_prefix("crates/").unwrap_or_default().split('/');
        let core = parts.next().and_then(room).is_some_and(|room| !room.edge);
        if !core || parts.next() != Some("src") {
            continue;
        }
        let code = without_tests(file.code());
        for (_, thing, _) in EDGE_MODULES.iter().filter(|(module, _, _)| *module == path) {
            if find_name(&code, thing).is_empty() {
                let says = format!("no longer uses {thing}: take its row out of xtask/src/tidy/house.rs");
                findings.push(Finding::error(path, says));
            }
        }
        for (name, instead) in AMBIENT {
            let allowed = EDGE_MODULES.iter().any(|(module, thing, _)| *module == path && thing == name);
            for at in find_name(&code, name).into_iter().filter(|_| !allowed) {
                let place = format!("{path}:{}", line_of(&code, at));
                findings.push(Finding::error(place, format!("{name}: {instead}")));
            }
        }
        for at in find_name(&code, "std::{") {
            let group = &code[at..closing(&code, at + "std::".len())];
            for module in AMBIENT_MODULES.iter().filter(|module| !find_name(group, module).is_empty()) {
                let place = format!("{path}:{}", line_of(&code, at));
                findings.push(Finding::error(place, format!("std::{module}: only edges use it")));
            }
        }
    }
    findings
}

/// Marks of unfinished work, each with what to do instead.
const UNFINISHED: &[(&str, &str)] = &[
    ("todo!", "build it, or leave it out and say so in the docs"),
    ("unimplemented!", "build it, or leave it out and say so in the docs"),
    ("dbg!", "remove it"),
    ("#[ignore", "a test runs or is removed"),
    ("#[allow(", "use #[expect(.., reason = \"..\")], which says so when it is no longer needed"),
    ("#![allow(", "use #![expect(.., reason = \"..\")], which says so when it is no longer needed"),
];

/// Nothing unfinished is committed.
pub(super) fn unfinished(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, file) in repo.rust() {
        for (name, instead) in UNFINISHED {
            for at in find_name(file.code(), name) {
                findings.push(Finding::error(
                    format!("{path}:{}", line_of(file.code(), at)),
                    format!("{name}: {instead}"),
                ));
            }
        }
    }
    findings
}

/// What is shipped says why a value must be there: `expect` with the invariant, or an error.
pub(super) fn unwraps(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, file) in repo.under("crates/", ".rs").filter(|(path, _)| path.contains("/src/")) {
        let code = without_tests(file.code());
        for at in find_name(&code, ".unwrap()") {
            let says = "say in `.expect(\"..\")` why it cannot fail, or give an error";
            findings.push(Finding::error(format!("{path}:{}", line_of(&code, at)), says));
        }
    }
    findings
}

/// Every test asserts something, itself or through a function of its crate that does.
pub(super) fn tests_assert(repo: &Repo) -> Vec<Finding> {
    let mut by_crate: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for (path, file) in repo.rust() {
        let mut parts = path.split('/');
        let owner = if parts.next() == Some("crates") { parts.next().unwrap_or_default() } else { "xtask" };
        by_crate.entry(owner).or_default().push((path, file.code()));
    }
    by_crate.values().flat_map(|files| tests_without_assertion(files)).collect()
}

fn tests_without_assertion(files: &[(&str, &str)]) -> Vec<Finding> {
    let all: Vec<_> = files
        .iter()
        .flat_map(|(path, code)| functions(code).into_iter().map(move |function| (*path, *code, function)))
        .collect();
    let mut asserting: BTreeSet<&str> = all
        .iter()
        .filter(|(_, _, function)| asserts(function.text))
        .map(|(_, _, function)| function.name)
        .collect();
    // A helper that calls an asserting helper asserts; chains longer than a few are nobody's habit.
    for _ in 0..4 {
        let more: Vec<&str> = all
            .iter()
            .filter(|(_, _, function)| calls_any(function.text, &asserting))
            .map(|(_, _, function)| function.name)
            .collect();
        asserting.extend(more);
    }
    all.iter()
        .filter(|(_, _, function)| is_test(function.attributes) && !asserting.contains(function.name))
        .map(|(path, code, function)| {
            let place = format!("{path}:{}", line_of(code, function.at));
            Finding::error(place, format!("the test {} asserts nothing, so it cannot fail", function.name))
        })
        .collect()
}

fn is_test(attributes: &str) -> bool {
    attributes.contains("#[test]") && !attributes.contains("#[should_panic")
}

fn asserts(body: &str) -> bool {
    ["assert", "panic!", "unreachable!", "testkit::", ".expect_err(", ".unwrap_err("]
        .iter()
        .any(|word| body.contains(word))
}

fn calls_any(body: &str, names: &BTreeSet<&str>) -> bool {
    names.iter().any(|name| {
        find_name(body, name).iter().any(|at| {
            let rest = body[at + name.len()..].trim_start_matches('!');
            let is_call = rest.starts_with(['(', ':']);
            is_call && !body[..*at].trim_end().ends_with("fn")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(rule: fn(&Repo) -> Vec<Finding>, path: &str, text: &str) -> usize {
        rule(&Repo::of(&[(path, text)])).len()
    }

    #[test]
    fn ambient_names_are_refused_in_what_core_ships() {
        let core = "crates/store/src/a.rs";
        for (text, findings) in [
            ("use std::collections::HashMap;", 1),
            ("let t = Instant::now();", 1),
            ("use std::{fmt, fs};", 1),
            ("use std::{fmt, sync::Arc};", 0),
            ("use std::net::{IpAddr, TcpStream};", 1),
            ("// HashMap is banned\nlet a = \"std::fs\"; struct MyHashMap;", 0),
            ("#[cfg(test)]\nmod tests { use std::fs; }", 0),
            ("const DIR: &str = env!(\"CARGO_MANIFEST_DIR\");", 0),
        ] {
            assert_eq!(count(determinism, core, text), findings, "{text}");
        }
        let ambient = "use std::collections::HashMap;";
        assert_eq!(count(determinism, "crates/cli/src/a.rs", ambient), 0, "an edge may");
        assert_eq!(count(determinism, "crates/store/tests/a.rs", ambient), 0, "clippy judges tests");
        let (module, thing, _) = EDGE_MODULES[0];
        assert_eq!(count(determinism, module, &format!("use {thing};")), 0, "a module that is an edge");
        assert_eq!(
            count(determinism, module, &format!("use {thing}; {ambient}")),
            1,
            "in this one thing only"
        );
        assert_eq!(count(determinism, module, ""), 1, "which it must use");
    }

    #[test]
    fn an_unwrap_without_a_reason_is_refused_outside_tests() {
        let code =
            "fn a() { b().unwrap(); c().unwrap_or(1); }\n#[cfg(test)]\nmod t { fn d() { b().unwrap(); } }";
        assert_eq!(count(unwraps, "crates/store/src/a.rs", code), 1);
        assert_eq!(count(unwraps, "crates/store/tests/a.rs", code), 0);
    }

    #[test]
    fn unfinished_work_is_refused_wherever_it_stands() {
        for (text, findings) in [
            ("fn a() { todo!() }", 1),
            ("#[ignore = \"slow\"]\n#[test]\nfn a() {}", 1),
            ("#[allow(dead_code)]\nfn a() {}", 1),
            ("// todo!\nlet a = \"dbg!\";", 0),
            ("#[expect(dead_code, reason = \"x\")]\nfn a() {}", 0),
        ] {
            assert_eq!(count(unfinished, "xtask/src/a.rs", text), findings, "{text}");
        }
    }

    #[test]
    fn a_test_must_assert_by_itself_or_through_a_helper() {
        for (text, findings) in [
            ("#[test]\nfn a() { run(); }", 1),
            ("#[test]\nfn a() { assert_eq!(1, 1); }", 0),
            ("#[test]\nfn a() { check(1); }\nfn check(a: u8) { assert!(a > 0); }", 0),
            ("#[test]\nfn a() { far(1); }\nfn far(a: u8) { near(a) }\nfn near(a: u8) { assert!(a > 0); }", 0),
            ("#[test]\n#[should_panic(expected = \"x\")]\nfn a() { run(); }", 0),
            ("fn a() { run(); }", 0),
        ] {
            assert_eq!(count(tests_assert, "crates/store/src/a.rs", text), findings, "{text}");
        }
    }
}
