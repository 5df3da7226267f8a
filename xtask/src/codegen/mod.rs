//! Makes the tables of `crates/schema` from the Go module `k8s.io/kubernetes`.
//!
//! Only this command needs Go. The tables are committed; each carries what it was made from and a digest of its own
//! content, so that [`check_contents`] finds a hand-edited or outdated table on a machine without Go, and
//! `cargo xtask codegen --check` with Go makes them anew and compares byte for byte.

mod enums;
mod gotext;
mod releases;
mod resources;
mod served;
mod table;
mod types;

use std::fs;
use std::path::{Path, PathBuf};

use releases::Release;

/// The generator's version: raised with every change that alters a table, which makes committed tables outdated.
const GENERATOR: u32 = 1;

/// The releases the tables hold, oldest first: the newest patch of each minor that the Go module proxy had.
///
/// Each with the sum by which Go's checksum database knows the module: the digest of all that the tables are made from.
const MODULES: [Module; 5] = [
    Module { minor: 33, version: "v1.33.5", sum: "h1:uf0/5VVQodYf61FudCbwtWjg5ApQcKKA7mwanTLjxyw=" },
    Module { minor: 34, version: "v1.34.4", sum: "h1:Yy6R4QB8C9kJPp25GFqEvX5XQwY5qzKeqD0Xx6oAcmk=" },
    Module { minor: 35, version: "v1.35.4", sum: "h1:o/8dBC/pHVpYoGV4OAIytAlNPZbdYVTXJHoYvXC4qzM=" },
    Module { minor: 36, version: "v1.36.3", sum: "h1:qDQdoMiluAE2Eab6Fa52YV+WjiGz9mZFFoagEA6cI+o=" },
    Module { minor: 37, version: "v1.37.0", sum: "h1:TDSD+Izz9inqs7SmtJCAu7L5/DuYW9hAZ3GBdF6Ddkw=" },
];

/// One version of the Go module `k8s.io/kubernetes`.
struct Module {
    /// The minor version, 36 for 1.36.
    minor: u8,
    version: &'static str,
    sum: &'static str,
}

/// The tables' names below the folder of [`tables_dir`].
const TABLES: [&str; 2] = ["resources.txt", "types.txt"];

/// What a step of this command gives, or why it could not.
type Outcome<T> = Result<T, String>;

/// Runs `cargo xtask codegen [--check | --digests]` in the workspace at `root`.
///
/// Without an option it writes the tables; `--check` compares and changes nothing. Both need Go and, the first time,
/// the network. `--digests` needs neither: it tells whether the committed tables are what the generator wrote.
pub fn run(root: &Path, arguments: &[String]) -> Outcome<String> {
    let check = match arguments {
        [] => false,
        [only] if only == "--check" => true,
        [only] if only == "--digests" => {
            let faults = check_contents(root);
            return if faults.is_empty() { Ok(String::new()) } else { Err(faults.join("\n")) };
        }
        _ => return Err("usage: cargo xtask codegen [--check | --digests]".to_owned()),
    };
    let releases = MODULES.iter().map(Release::fetch).collect::<Outcome<Vec<_>>>()?;
    let contents = [resources::table(&releases)?, types::table(&releases)?];
    let mut said = String::new();
    for (name, content) in TABLES.iter().zip(contents) {
        let path = tables_dir(root).join(name);
        if check {
            let committed =
                fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            if committed != content {
                return Err(format!("{name} is not what codegen makes; run cargo xtask codegen"));
            }
        } else {
            fs::write(&path, &content).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        let verb = if check { "is fresh" } else { "written" };
        said.push_str(&format!("{name} {verb}, {} bytes\n", content.len()));
    }
    Ok(said)
}

/// Tells what is wrong with the committed tables, as far as can be seen without Go: a missing table, one made by
/// another generator or from other modules, one edited by hand.
pub fn check_contents(root: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    for name in TABLES {
        match fs::read_to_string(tables_dir(root).join(name)) {
            Ok(text) => faults.extend(table::fault(&text).map(|fault| format!("{name}: {fault}"))),
            Err(error) => faults.push(format!("{name}: {error}")),
        }
    }
    faults
}

fn tables_dir(root: &Path) -> PathBuf {
    root.join("crates/schema/tables")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_tables_are_what_the_generator_wrote() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
        assert_eq!(check_contents(root), Vec::<String>::new());
    }
}
