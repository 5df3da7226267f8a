//! `cargo xtask tidy`: the rules of the house that neither the compiler nor clippy knows.
//!
//! Every rule is a function from the committed files to findings; it reads no file by itself, so that its test can
//! hand it a tree of three lines. A new rule is a function in one of the modules below and a row of [`RULES`].

mod code;
mod dependencies;
mod docs;
mod house;
mod manifests;
mod repo;
mod rust_text;
mod text;

use crate::{Failure, root};
use repo::Repo;

/// Something that breaks a rule, or a warning that something is about to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The file, with its line where one is known.
    at: String,
    /// What is wrong and what is wanted instead.
    says: String,
    /// Whether it only warns.
    warns: bool,
}

impl Finding {
    fn error(at: impl Into<String>, says: impl Into<String>) -> Self {
        Self { at: at.into(), says: says.into(), warns: false }
    }

    fn warning(at: impl Into<String>, says: impl Into<String>) -> Self {
        Self { at: at.into(), says: says.into(), warns: true }
    }
}

type Rule = (&'static str, fn(&Repo) -> Vec<Finding>);

/// Every rule with the name under which its findings are printed.
const RULES: &[Rule] = &[
    ("directions", manifests::directions),
    ("manifests", manifests::inheritance),
    ("edges", manifests::edge_settings),
    ("dependencies", dependencies::below_the_edges),
    ("licences", dependencies::licences_bans_and_sources),
    ("tables", generated_tables),
    ("sizes", text::sizes),
    ("machine-paths", text::machine_paths),
    ("registry-hosts", text::registry_hosts),
    ("determinism", code::determinism),
    ("unfinished", code::unfinished),
    ("unwraps", code::unwraps),
    ("assertions", code::tests_assert),
    ("architecture", docs::architecture),
    ("links", docs::links),
    ("proofs", docs::proofs),
    ("scenarios", docs::scenarios),
];

/// Generated tables are what the generator wrote, as far as that shows without its sources.
fn generated_tables(repo: &Repo) -> Vec<Finding> {
    let faults = crate::codegen::check_contents(repo.root());
    faults.into_iter().map(|fault| Finding::error("crates/schema/tables", fault)).collect()
}

/// Prints what breaks a rule and fails if anything does.
pub(crate) fn run(_arguments: &[String]) -> Result<(), Failure> {
    let repo = Repo::open(&root())?;
    let mut errors = 0;
    for (rule, findings) in inspect(&repo) {
        for finding in findings {
            let word = if finding.warns { "warning" } else { "error" };
            println!("{word}[{rule}] {}: {}", finding.at, finding.says);
            errors += usize::from(!finding.warns);
        }
    }
    if errors > 0 {
        return Err(Failure::new(
            format!("{errors} findings"),
            "each finding says what is wanted; docs/HACKING.md why",
        ));
    }
    println!("    {} rules over {} files hold", RULES.len(), repo.files().len());
    Ok(())
}

/// Gives the sorted findings of every rule that has some.
fn inspect(repo: &Repo) -> Vec<(&'static str, Vec<Finding>)> {
    let mut all = Vec::new();
    for (name, rule) in RULES {
        let mut findings = rule(repo);
        if !findings.is_empty() {
            findings.sort();
            all.push((*name, findings));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The committed tree keeps every rule: `cargo test` says so too, not only the command.
    #[test]
    fn the_tree_is_tidy() {
        let repo = Repo::open(&root()).expect("the tree is readable");
        let broken: Vec<String> = inspect(&repo)
            .iter()
            .flat_map(|(rule, findings)| findings.iter().map(move |finding| (rule, finding)))
            .filter(|(_, finding)| !finding.warns)
            .map(|(rule, finding)| format!("[{rule}] {}: {}", finding.at, finding.says))
            .collect();
        assert!(broken.is_empty(), "not tidy:\n{}", broken.join("\n"));
    }
}
