//! kubernetes#120328: who may write to a volume that was taken by force, and what keeps it from being taken.

use explore::{Keep, library, run};
use property::Outcome;

#[test]
fn only_without_force_does_one_node_write_at_a_time() {
    let file = library::scenario("k8s-120328").expect("the library has it");
    assert_eq!(file.matrix().len(), 2);
    for settings in file.matrix() {
        let is_forced = settings.parameters["forceDetach"] == "true";
        for seed in 0..3 {
            let result = run(&file, settings, seed, &Keep::default()).unwrap().result;
            assert!(result.findings.is_empty(), "{settings:?}: {:?}", result.findings);
            let forced = if is_forced { 1.0 } else { 0.0 };
            assert_eq!(result.figure("forcedDetaches"), Some(forced), "{settings:?}, seed {seed}");
            let verdict = result.verdict("one-node-per-volume").unwrap();
            let outcome = if is_forced { Outcome::Violated } else { Outcome::Held };
            assert_eq!(verdict.outcome, outcome, "{settings:?}, seed {seed}: {verdict:?}");
            if let Some(violation) = &verdict.violation {
                assert_eq!(violation.observed, "2 nodes may write");
                assert!(
                    (660..680).contains(&violation.at.as_secs()),
                    "six minutes after five: {violation:?}"
                );
            }
        }
    }
}
