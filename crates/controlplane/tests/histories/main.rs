//! The models against the real controllers: 35 recorded scenarios of Kubernetes 1.36.3, each played over five seeds
//! with the same kubelets, and compared by the recording's own rules.
//!
//! `SEAWORTHY_HISTORIES=name,name cargo test -p seaworthy-controlplane --test histories -- --nocapture` plays some and
//! shows every difference.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test reads its fixtures, chooses among them by the environment, and shows its table"
)]

mod canonical;
mod compare;
mod mask;
mod names;
mod play;

use compare::{Merged, Outcome};
use mask::Mask;
use object::Value;
use std::path::{Path, PathBuf};

/// The seeds over which each scenario is played.
const SEEDS: std::ops::Range<u64> = 1..6;

/// The scenarios that do not hold yet; `docs/DIVERGENCE.md` says why for each.
const NOT_WHOLE: &[&str] = &[];
const OWN_NOT_WHOLE: &[&str] = &[];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn recordings(folder: &str) -> Vec<(String, Value)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(fixtures().join(folder))
        .expect("the recordings are there")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.file_stem().and_then(|s| s.to_str()).expect("a plain name").to_owned();
            let bytes = std::fs::read(&path).expect("a readable recording");
            (name, object::json::parse(&bytes).expect("a recording is JSON"))
        })
        .collect()
}

fn play_all(folder: &str, mask: &mut Mask) -> Vec<Outcome> {
    let wanted = std::env::var("SEAWORTHY_HISTORIES").ok();
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|list| list.split(',').any(|one| one == name));
    let mut outcomes = Vec::new();
    for (name, real) in recordings(folder) {
        if !is_wanted(&name) {
            continue;
        }
        let runs: Vec<_> = SEEDS.map(|seed| play::run(&real["scenario"], seed)).collect();
        let outcome = compare::compare(&name, &real, &Merged::of(runs), mask);
        println!("{}", outcome.line());
        if wanted.is_some() {
            println!("{}", outcome.details());
        }
        outcomes.push(outcome);
    }
    outcomes
}

#[test]
fn the_models_end_where_the_real_controllers_end() {
    let mut mask = Mask::read(&fixtures().join("histories.mask"));
    let outcomes = play_all("histories", &mut mask);
    let whole = outcomes.iter().filter(|outcome| outcome.is_whole()).count();
    println!("{whole} of {} scenarios whole", outcomes.len());
    if std::env::var_os("SEAWORTHY_HISTORIES").is_some() {
        return;
    }
    let failing: Vec<&str> = outcomes.iter().filter(|o| !o.is_whole()).map(|o| o.name.as_str()).collect();
    assert_eq!(failing, NOT_WHOLE, "the scenarios that do not hold changed");
    assert_eq!(mask.unused(), Vec::<String>::new(), "a mask entry that masks nothing must go");
}

#[test]
fn the_models_end_where_the_real_controllers_end_in_scenarios_recorded_after_they_were_written() {
    let mut mask = Mask::read(&fixtures().join("histories.mask"));
    let outcomes = play_all("own-histories", &mut mask);
    let failing: Vec<&str> = outcomes.iter().filter(|o| !o.is_whole()).map(|o| o.name.as_str()).collect();
    assert_eq!(failing, OWN_NOT_WHOLE, "the scenarios that do not hold changed");
}
