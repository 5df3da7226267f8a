//! Rules that keep the documents true: what exists is described, what is described exists.

use super::rust_text::functions;
use super::{Finding, Repo};
use std::collections::BTreeSet;

const ARCHITECTURE: &str = "docs/ARCHITECTURE.md";

/// The code map has one section for each crate that exists, with its invariant, and none for another.
pub(super) fn architecture(repo: &Repo) -> Vec<Finding> {
    let text = repo.text(ARCHITECTURE).unwrap_or_default();
    let sections: Vec<(&str, &str)> = text.split("\n### ").skip(1).filter_map(crate_section).collect();
    let described: BTreeSet<&str> = sections.iter().map(|(name, _)| *name).collect();
    let existing: BTreeSet<&str> = repo.crates().into_iter().collect();
    let mut findings = Vec::new();
    for name in existing.difference(&described) {
        let says = format!("has no section \"### `{name}`\" for the crate of that name");
        findings.push(Finding::error(ARCHITECTURE, says));
    }
    for name in described.difference(&existing) {
        findings.push(Finding::error(
            ARCHITECTURE,
            format!("describes `{name}`, which does not exist under crates/"),
        ));
    }
    for (name, body) in sections {
        if !body.contains("**Invariant") {
            findings.push(Finding::error(
                ARCHITECTURE,
                format!("the section of `{name}` names no **Invariant**"),
            ));
        }
    }
    findings
}

/// Takes a section whose heading begins with a name in backticks apart; other sections are prose.
fn crate_section(section: &str) -> Option<(&str, &str)> {
    let (name, body) = section.strip_prefix('`')?.split_once('`')?;
    let body = body.split("\n## ").next().unwrap_or(body);
    (!name.contains('/')).then_some((name, body))
}

/// A link to a file of the repository leads to one.
pub(super) fn links(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, file) in repo.under("", ".md") {
        for (number, line) in file.text.lines().enumerate() {
            for target in link_targets(line) {
                let resolved = resolve(path, target);
                let folder = format!("{resolved}/");
                let exists = repo.files().contains_key(&resolved)
                    || resolved.is_empty()
                    || repo.files().keys().any(|known| known.starts_with(&folder));
                if !exists {
                    findings.push(Finding::error(
                        format!("{path}:{}", number + 1),
                        format!("links to {target}, which is not there"),
                    ));
                }
            }
        }
    }
    findings
}

/// Gives the targets of inline links that point into the repository, without their anchors.
fn link_targets(line: &str) -> Vec<&str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets
        .map(|(target, _)| target.split('#').next().unwrap_or(target))
        .filter(|target| !target.is_empty() && !target.contains(':') && !target.contains(' '))
        .collect()
}

/// Gives the path from the root of what `target` means in the file `from`.
fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// Every scenario is named in a document, so that who looks for a failure mode finds it.
pub(super) fn scenarios(repo: &Repo) -> Vec<Finding> {
    let documents: String = repo.under("", ".md").map(|(_, file)| file.text.as_str()).collect();
    repo.under("scenarios/", ".yaml")
        .filter_map(|(path, _)| {
            let name = path.rsplit('/').next()?.strip_suffix(".yaml")?;
            let named = documents.match_indices(name).any(|(at, _)| {
                let after = documents[at + name.len()..].chars().next();
                !after.is_some_and(|c| c.is_alphanumeric() || c == '-')
            });
            let says = format!("no document names {name}: say what it shows in scenarios/README.md");
            (!named).then(|| Finding::error(path, says))
        })
        .collect()
}

/// The documents whose every row names what proves it.
const PROVEN: &[&str] = &["docs/DETERMINISM.md", "docs/DIVERGENCE.md"];

/// Each row of the tables in [`PROVEN`] has an own first cell and names tests or files that exist in its last.
pub(super) fn proofs(repo: &Repo) -> Vec<Finding> {
    let tests: BTreeSet<&str> = repo.rust().flat_map(|(_, file)| test_names(file.code())).collect();
    let mut findings = Vec::new();
    for document in PROVEN {
        let mut seen = BTreeSet::new();
        for (number, cells) in table_rows(repo.text(document).unwrap_or_default()) {
            let mut fault =
                |says: String| findings.push(Finding::error(format!("{document}:{number}"), says));
            let (Some(first), Some(last)) = (cells.first(), cells.last()) else { continue };
            if !seen.insert(first.clone()) {
                fault(format!("the row {first:?} is there twice"));
            }
            let proofs: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
            if proofs.is_empty() {
                fault(format!("the row {first:?} names no test or file that proves it"));
            }
            for proof in proofs {
                let test = proof.rsplit("::").next().unwrap_or(proof);
                if !tests.contains(test) && !repo.files().contains_key(proof) {
                    fault(format!("{proof} is neither a test nor a committed file"));
                }
            }
        }
    }
    findings
}

fn test_names(code: &str) -> impl Iterator<Item = &str> {
    functions(code)
        .into_iter()
        .filter(|function| function.attributes.contains("#[test]"))
        .map(|function| function.name)
}

/// Gives the rows of all tables with their line numbers, without headings.
fn table_rows(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut rows = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        let Some(cells) = line.strip_prefix('|').and_then(|rest| rest.trim_end().strip_suffix('|')) else {
            inside = false;
            continue;
        };
        if cells.starts_with("---") {
            inside = true;
        } else if inside {
            // A bar inside a cell is written `\|`.
            let cells = cells.replace("\\|", "\u{1}");
            rows.push((number + 1, cells.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect()));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: (&str, &str) = ("crates/store/Cargo.toml", "");

    #[test]
    fn the_code_map_has_exactly_the_crates_that_exist() {
        let map = |text: &str| architecture(&Repo::of(&[MANIFEST, (ARCHITECTURE, text)])).len();
        assert_eq!(map("# A\n\n### `store`\n\n**Invariant.** x\n"), 0);
        assert_eq!(map("# A\n\n### `store`\n\nnothing\n"), 1, "no invariant");
        assert_eq!(map("# A\n\n### The store\n"), 1, "not described");
        assert_eq!(
            map("# A\n\n### `store`\n\n**Invariant.**\n\n### `cellar`\n\n**Invariant.**\n"),
            1,
            "not there"
        );
    }

    #[test]
    fn links_lead_somewhere() {
        let link = |text: &str| links(&Repo::of(&[MANIFEST, ("README.md", "x"), ("docs/a.md", text)])).len();
        assert_eq!(link("[x](../README.md#top) [y](../crates/store) [z](https://example.com) [s](#here)"), 0);
        assert_eq!(link("[x](README.md)"), 1);
    }

    #[test]
    fn rows_name_proofs_that_exist_and_no_row_is_there_twice() {
        let rows = |rows: &str| {
            let text =
                format!("| Source | Control | Proved by |\n|---|---|---|\n{rows}\n| not | a | table |");
            let code = "#[test]\nfn it_holds() { assert!(true); }\nfn helper() {}";
            proofs(&Repo::of(&[("docs/DETERMINISM.md", &text), ("crates/a/src/b.rs", code), ("c.toml", "")]))
                .len()
        };
        assert_eq!(rows("| a | x | `it_holds`, `c.toml` |\n| b \\| c | x | `a::it_holds` |\n"), 0);
        assert_eq!(rows("| a | x | it_holds |\n"), 1, "no proof is named");
        assert_eq!(rows("| a | x | `helper` |\n"), 1, "a function that is no test");
        assert_eq!(rows("| a | x | `it_holds` |\n| a | y | `it_holds` |\n"), 1, "twice");
    }

    #[test]
    fn scenarios_are_named_whole() {
        let named = |text: &str| {
            scenarios(&Repo::of(&[("scenarios/k8s-1.yaml", ""), ("scenarios/README.md", text)])).len()
        };
        assert_eq!((named("`k8s-1` shows"), named("k8s-12, k8s-1-twin")), (0, 1));
    }
}
