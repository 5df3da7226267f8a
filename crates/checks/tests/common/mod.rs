//! Views to look at, and findings as lines of text.

use std::path::{Path, PathBuf};

use checks::Parameters;
use object::Value;
use report::{CheckResult, Finding};
use view::View;

/// The folder of the fixtures.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Every object of the recorded cluster.
pub fn harbor_objects() -> Vec<Value> {
    let folder = fixtures().join("harbor");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "json"));
    files.sort();
    files.iter().map(|path| object::json::parse(&std::fs::read(path).unwrap()).unwrap()).collect()
}

/// The recorded cluster at its own "now".
pub fn harbor() -> View {
    let objects = harbor_objects();
    let now = view::newest_time(&objects).unwrap();
    View::from_objects(objects, now)
}

/// Runs all checks.
pub fn run(view: &View) -> Vec<CheckResult> {
    checks::run_all(view, None, &Parameters::default(), &[])
}

/// Writes a finding as `fail CODE Kind namespace/name`.
pub fn brief(finding: &Finding) -> String {
    format!("{} {} {}", finding.outcome, finding.code, finding.object)
}
