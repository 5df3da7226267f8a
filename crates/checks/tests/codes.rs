//! The list of checks, codes and parameters that people read.

use std::fmt::Write as _;

use checks::{ALL, Setting};

#[test]
fn the_list_of_checks_is_up_to_date() {
    testkit::expect_file(env!("CARGO_MANIFEST_DIR"), "../../docs/CHECKS.md", &document());
}

/// Writes `docs/CHECKS.md`.
fn document() -> String {
    let mut page = String::from(
        "# Checks\n\nWhat `seaworthy check` looks at, what its findings are called, and what can be set. Written by \
         the tests of\n`crates/checks`; `UPDATE_EXPECT=1 cargo test -p seaworthy-checks --test codes` writes it anew.\n",
    );
    for check in ALL {
        // Writing to a string cannot fail.
        let _ =
            write!(page, "\n## {}\n\nLayer {}: {}.\n\n", check.name, check.layer.as_str(), check.description);
        page.push_str("| finding | says |\n|---|---|\n");
        for code in check.codes {
            let _ = writeln!(page, "| `{}` | {} |", code.name, code.meaning);
        }
        page.push_str("\n| parameter | default | means |\n|---|---|---|\n");
        for parameter in check.parameters {
            let default = match parameter.default {
                Setting::Count(count) => count.to_string(),
                Setting::Duration(duration) => span(duration.as_secs()),
            };
            let _ = writeln!(
                page,
                "| `{}.{}` | {default} | {} |",
                check.name, parameter.name, parameter.description
            );
        }
        let _ = write!(page, "\nReads {}.\n", check.reads.join(", "));
    }
    page
}

fn span(seconds: u64) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3_600 == 0 => format!("{}h", s / 3_600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}
