//! Rules over crates from the registry: who may reach them, under which licence, from where.
//!
//! `deny.toml` holds the lists and `cargo deny` would judge them too, advisories included; here they hold on every
//! machine, with nothing to install.

use super::house::{outside_world, room};
use super::{Finding, Repo};
use crate::steps;
use std::collections::BTreeSet;
use std::process::Command;

/// The only registry that dependencies may come from.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// No core crate reaches an async runtime, the network, threads or randomness through what it is built with.
pub(super) fn below_the_edges(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in repo.crates() {
        if room(name).is_none_or(|room| room.edge) {
            continue;
        }
        // `cargo tree` of one package resolves the features of that package alone; `cargo metadata` would mix in
        // those that the edges switch on.
        let tree = steps::capture(Command::new(crate::cargo()).current_dir(repo.root()).args([
            "tree",
            "--locked",
            "--package",
            &format!("seaworthy-{name}"),
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]));
        match tree {
            Ok(tree) => findings.extend(reached(name, &tree)),
            Err(failure) => findings.push(Finding::error(format!("crates/{name}"), failure.says)),
        }
    }
    findings
}

/// Gives a finding for each crate of `tree`, one a line, that belongs to the outside world.
fn reached(name: &str, tree: &str) -> Vec<Finding> {
    let packages: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    packages
        .into_iter()
        .filter_map(|package| {
            let why = outside_world(package)?;
            let says = format!(
                "reaches {package} ({why}), which only edges may; `cargo tree -p seaworthy-{name} -e normal -i {package}` \
                 shows the way"
            );
            Some(Finding::error(format!("crates/{name}/Cargo.toml"), says))
        })
        .collect()
}

/// Every package has an allowed licence, comes from the one registry, and is not banned.
pub(super) fn licences_bans_and_sources(repo: &Repo) -> Vec<Finding> {
    let policy = match repo.text("deny.toml").unwrap_or_default().parse::<toml::Table>() {
        Ok(policy) => Policy::read(&policy),
        Err(error) => return vec![Finding::error("deny.toml", format!("is no TOML: {error}"))],
    };
    let metadata = match repo.metadata() {
        Ok(metadata) => metadata,
        Err(failure) => return vec![Finding::error("Cargo.toml", failure.says.clone())],
    };
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    packages.iter().flat_map(|package| policy.judge(package)).collect()
}

/// What `deny.toml` says, as far as it is judged here.
struct Policy {
    licences: BTreeSet<String>,
    exceptions: BTreeSet<(String, String)>,
    banned: BTreeSet<String>,
}

impl Policy {
    fn read(table: &toml::Table) -> Self {
        let list = |section: &str, key: &str| -> Vec<toml::Value> {
            table.get(section).and_then(|section| section.get(key)?.as_array().cloned()).unwrap_or_default()
        };
        let text = |value: &toml::Value| value.as_str().unwrap_or_default().to_owned();
        let named = |value: &toml::Value| value.get("crate").map(text).unwrap_or_default();
        let mut exceptions = BTreeSet::new();
        for exception in list("licenses", "exceptions") {
            let allowed = exception.get("allow").and_then(toml::Value::as_array).cloned().unwrap_or_default();
            exceptions.extend(allowed.iter().map(|licence| (named(&exception), text(licence))));
        }
        // A ban with wrappers allows the crate behind those; the plan of the house judges that more exactly.
        let outright = list("bans", "deny").into_iter().filter(|ban| ban.get("wrappers").is_none());
        Self {
            licences: list("licenses", "allow").iter().map(text).collect(),
            exceptions,
            banned: outright.map(|ban| named(&ban)).collect(),
        }
    }

    fn judge(&self, package: &serde_json::Value) -> Vec<Finding> {
        let name = package["name"].as_str().unwrap_or_default();
        let at = format!("{name} {}", package["version"].as_str().unwrap_or_default());
        let mut findings = Vec::new();
        let allowed = |licence: &str| {
            self.licences.contains(licence)
                || self.exceptions.contains(&(name.to_owned(), licence.to_owned()))
        };
        match package["license"].as_str() {
            Some(expression) if satisfied(expression, &allowed) => {}
            Some(expression) => findings.push(Finding::error(
                at.clone(),
                format!("its licence {expression:?} is not in the list of deny.toml: read it, then add it or do without"),
            )),
            None => findings.push(Finding::error(at.clone(), "names no licence")),
        }
        if package["source"].as_str().is_some_and(|source| source != CRATES_IO) {
            findings.push(Finding::error(at.clone(), "does not come from crates.io, the only source"));
        }
        if self.banned.contains(name) {
            findings.push(Finding::error(at, "is banned by deny.toml, which says why"));
        }
        findings
    }
}

/// Tells whether an SPDX expression can be met with allowed licences.
///
/// `OR` binds weaker than `AND`; the old form with a slash means `OR`.
fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (holds, rest) = any_of(&words, allowed);
    holds && rest.is_empty()
}

fn any_of<'a>(words: &'a [&'a str], allowed: &dyn Fn(&str) -> bool) -> (bool, &'a [&'a str]) {
    let (mut holds, mut rest) = all_of(words, allowed);
    while let ["OR", after @ ..] = rest {
        let (next, left) = all_of(after, allowed);
        holds |= next;
        rest = left;
    }
    (holds, rest)
}

fn all_of<'a>(words: &'a [&'a str], allowed: &dyn Fn(&str) -> bool) -> (bool, &'a [&'a str]) {
    let (mut holds, mut rest) = one(words, allowed);
    while let ["AND", after @ ..] = rest {
        let (next, left) = one(after, allowed);
        holds &= next;
        rest = left;
    }
    (holds, rest)
}

fn one<'a>(words: &'a [&'a str], allowed: &dyn Fn(&str) -> bool) -> (bool, &'a [&'a str]) {
    match words {
        ["(", inside @ ..] => match any_of(inside, allowed) {
            (holds, [")", after @ ..]) => (holds, after),
            _ => (false, &[]),
        },
        [licence, "WITH", exception, after @ ..] => (allowed(&format!("{licence} WITH {exception}")), after),
        // "Or any later version" is met by the version named.
        [licence, after @ ..] => (allowed(licence.trim_end_matches('+')), after),
        [] => (false, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn licence_expressions_are_judged_as_written() {
        let allowed =
            |licence: &str| ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].contains(&licence);
        for (expression, holds) in [
            ("MIT", true),
            ("MIT+", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("MIT AND GPL-3.0", false),
            ("MIT/Apache-2.0", true),
            ("(MIT OR GPL-3.0) AND Apache-2.0", true),
            ("GPL-3.0 AND MIT OR Apache-2.0", true),
            ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
            ("(MIT", false),
            ("", false),
        ] {
            assert_eq!(satisfied(expression, &allowed), holds, "{expression}");
        }
    }

    #[test]
    fn the_outside_world_is_reported_with_the_way_to_it() {
        let findings =
            reached("store", "seaworthy-store v0.1.0\nimbl v7.0.2\ntokio v1.40.0\ntokio v1.40.0\n");
        assert_eq!(findings.len(), 1);
        assert!(findings[0].says.contains("-i tokio"), "{findings:?}");
    }

    #[test]
    fn packages_are_judged_by_licence_source_and_name() {
        let policy = "[licenses]\nallow = [\"MIT\"]\nexceptions = [{ crate = \"m\", allow = [\"MPL-2.0\"] }]\n\
            [bans]\ndeny = [{ crate = \"openssl\" }, { crate = \"kube\", wrappers = [\"x\"] }]\n";
        let judge = |name: &str, licence: &str, source: &str| {
            let package = json!({"name": name, "version": "1.0.0", "license": licence, "source": source});
            let repo = Repo::of(&[("deny.toml", policy)]).resolving_to(json!({"packages": [package]}));
            licences_bans_and_sources(&repo).len()
        };
        assert_eq!(judge("a", "MIT", CRATES_IO), 0);
        assert_eq!(judge("kube", "MIT", CRATES_IO), 0);
        assert_eq!(judge("m", "MPL-2.0", CRATES_IO), 0);
        assert_eq!(judge("a", "MPL-2.0", CRATES_IO), 1);
        assert_eq!(judge("a", "MIT", "git+https://example.com/a"), 1);
        assert_eq!(judge("openssl", "MIT", CRATES_IO), 1);
    }
}
