//! Rules over the text of files, whatever their language.

use super::{Finding, Repo};

/// Above this many lines a file is probably two things.
const LINES_TO_REVIEW: usize = 600;
/// Above this many lines a file is refused, unless a program wrote it.
const LINES_MAX: usize = 1_000;

/// Source files stay short enough to be read in one go.
pub(super) fn sizes(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, file) in repo.files() {
        if !matches!(extension(path), "rs" | "go" | "js" | "css" | "py" | "sh") || is_generated(&file.text) {
            continue;
        }
        let lines = file.text.lines().count();
        if lines > LINES_MAX {
            let says =
                format!("{lines} lines, {LINES_MAX} are the most: split it by what its parts are about");
            findings.push(Finding::error(path, says));
        } else if lines > LINES_TO_REVIEW {
            let says = format!("{lines} lines, over {LINES_TO_REVIEW}: is it two things?");
            findings.push(Finding::warning(path, says));
        }
    }
    findings
}

/// Tells whether a program wrote this text: it says so in its first lines.
fn is_generated(text: &str) -> bool {
    text.lines().take(5).any(|line| line.contains(concat!("@gen", "erated")))
}

fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// Folders that exist on one machine only. Recorded data may speak of folders in containers, so for it only the
/// second list counts; here they are written in two parts, or this file would break its own rule.
const MACHINE_FOLDERS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/fa", "rm/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
const MACHINE_FOLDERS_IN_DATA: &[&str] = &[
    concat!("/fa", "rm/"),
    concat!("/wo", "rk/main"),
    concat!("/wo", "rk/sha", "red"),
    concat!("/tmp/s", "w/"),
];
/// Paths into notes that are not part of the repository.
const PRIVATE_NOTES: &[&str] = &[
    concat!("sha", "red/reference"),
    concat!("sha", "red/data"),
    concat!("sha", "red/design"),
    concat!("sha", "red/tools"),
];

/// No file speaks of a folder of the machine it was written on.
pub(super) fn machine_paths(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, file) in repo.files() {
        let mut needles = MACHINE_FOLDERS_IN_DATA.to_vec();
        if !is_data(path) {
            needles.extend(MACHINE_FOLDERS);
            needles.extend(PRIVATE_NOTES);
        }
        for (number, line) in file.text.lines().enumerate() {
            if let Some(needle) = needles.iter().find(|needle| stands_alone(line, needle)) {
                let says = format!("speaks of {needle}, which exists on one machine only");
                findings.push(Finding::error(format!("{path}:{}", number + 1), says));
            }
        }
    }
    findings
}

fn is_data(path: &str) -> bool {
    let kept_as_data = ["/fixtures/", "/data/", "scenarios/", "catalog/"];
    matches!(extension(path), "json" | "jsonl" | "yaml" | "yml")
        || kept_as_data.iter().any(|folder| path.contains(folder))
}

/// Tells whether `line` has `needle` where it does not continue a longer path, host or word.
fn stands_alone(line: &str, needle: &str) -> bool {
    line.match_indices(needle).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !needle.starts_with('/') || !before.is_some_and(|c| c.is_alphanumeric() || "_.-~}".contains(c))
    })
}

/// Settings that send a build to somebody's own mirror.
const MIRRORS: &[&str] = &[
    concat!("replace", "-with"),
    concat!("[regis", "tries"),
    concat!("sparse", "+http"),
    concat!("GOPROXY", "=http"),
    concat!("index", "-url"),
];

/// Builds name no registry but the public ones, which every tool knows by itself.
pub(super) fn registry_hosts(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, file) in repo.files() {
        let builds = matches!(extension(path), "toml" | "sh" | "lock" | "mod" | "mk" | "cfg")
            || path.starts_with(".ci/")
            || path.starts_with(".cargo/")
            || path
                .rsplit('/')
                .next()
                .is_some_and(|name| name.starts_with("Dockerfile") || name == "Makefile");
        if !builds {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            if let Some(mirror) = MIRRORS.iter().find(|mirror| line.contains(**mirror)) {
                let says = format!("{mirror:?} names a mirror: that belongs into a machine's own settings");
                findings.push(Finding::error(format!("{path}:{}", number + 1), says));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_reported_longer_ones_refused_and_generated_ones_left_alone() {
        let lines = |count: usize| "x\n".repeat(count);
        let generated = format!("// {}\n{}", concat!("@gen", "erated"), lines(5_000));
        let repo = Repo::of(&[
            ("a.rs", &lines(600)),
            ("b.rs", &lines(601)),
            ("c.rs", &lines(1_001)),
            ("d.rs", &generated),
            ("e.json", &lines(9_000)),
        ]);
        let found: Vec<(String, bool)> =
            sizes(&repo).into_iter().map(|finding| (finding.at, finding.warns)).collect();
        assert_eq!(found, [("b.rs".to_owned(), true), ("c.rs".to_owned(), false)]);
    }

    #[test]
    fn machine_folders_are_found_in_text_but_not_inside_urls_or_containers() {
        let at = |path: &str, text: &str| machine_paths(&Repo::of(&[(path, text)])).len();
        let (work, root) = (MACHINE_FOLDERS[0], MACHINE_FOLDERS[2]);
        assert_eq!(at("a.md", &format!("see {work}x")), 1);
        assert_eq!(at("a.md", &format!("`{root}x`")), 1);
        assert_eq!(at("a.md", &format!("https://example.com{work}x and ${{HOME}}{root}x")), 0);
        assert_eq!(at("tests/data/pod.yaml", &format!("mountPath: {root}.docker")), 0);
        assert_eq!(at("tests/data/pod.yaml", MACHINE_FOLDERS_IN_DATA[1]), 1);
        assert_eq!(at("a.rs", &format!("// ../{}/x.md", PRIVATE_NOTES[0])), 1);
    }

    #[test]
    fn mirrors_are_found_where_builds_are_described() {
        let at = |path: &str| registry_hosts(&Repo::of(&[(path, MIRRORS[0])])).len();
        assert_eq!((at(".cargo/config.toml"), at(".ci/run"), at("docs/a.md")), (1, 1, 0));
    }
}
