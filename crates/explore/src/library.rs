//! The scenarios that come with Seaworthy, by the name of their upstream issue.

use crate::scenario::ScenarioFile;

/// The files, by name.
const FILES: &[(&str, &str)] = &[
    ("k8s-107457", include_str!("../../../scenarios/k8s-107457.yaml")),
    ("k8s-120328", include_str!("../../../scenarios/k8s-120328.yaml")),
    ("k8s-121793", include_str!("../../../scenarios/k8s-121793.yaml")),
    ("k8s-129795", include_str!("../../../scenarios/k8s-129795.yaml")),
    ("k8s-129795-missed-add", include_str!("../../../scenarios/k8s-129795-missed-add.yaml")),
    ("k8s-134937", include_str!("../../../scenarios/k8s-134937.yaml")),
    ("control-plane-storm", include_str!("../../../scenarios/control-plane-storm.yaml")),
];

/// Gives the names of all scenarios.
pub fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// Gives a scenario by its name.
///
/// # Panics
/// When the file is wrong, which a test rules out.
pub fn scenario(name: &str) -> Option<ScenarioFile> {
    let (name, text) = FILES.iter().find(|(known, _)| *known == name)?;
    let no_files = |path: &str| Err(format!("{path}: scenarios of the library name no files"));
    let file = ScenarioFile::parse(&format!("scenarios/{name}.yaml"), text, &no_files);
    Some(file.unwrap_or_else(|error| panic!("the library is wrong: {error}")))
}
