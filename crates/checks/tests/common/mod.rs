//! Views to look at, and findings as lines of text.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use checks::Parameters;
use object::Value;
use report::{CheckResult, Finding};
use view::View;

/// Every object of the recorded cluster.
#[expect(clippy::disallowed_methods, reason = "a test may read its fixtures; the order is set here")]
pub fn harbor_objects() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/harbor");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_json = |path: &PathBuf| path.extension().is_some_and(|end| end == "json");
    let files: BTreeSet<PathBuf> = files.filter(is_json).collect();
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
