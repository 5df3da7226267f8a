//! kubernetes#121793: nodes that are well and called silent, and what keeps them from it.

use explore::{Keep, library, run};
use property::Outcome;

#[test]
fn only_a_manager_that_reads_leases_from_the_api_leaves_nodes_that_are_well_alone() {
    let file = library::scenario("k8s-121793").expect("the library has it");
    assert_eq!(file.matrix().len(), 4);
    for settings in file.matrix() {
        for seed in 0..3 {
            let result = run(&file, settings, seed, &Keep::default()).unwrap().result;
            assert!(result.findings.is_empty(), "{settings:?}, seed {seed}: {:?}", result.findings);
            let verdict = result.verdict("silent-nodes-have-old-leases").unwrap();
            let is_guarded = settings.gates["NodeControllerLeaseCircuitBreaker"];
            let outcome = if is_guarded { Outcome::Held } else { Outcome::Violated };
            assert_eq!(verdict.outcome, outcome, "{settings:?}, seed {seed}: {verdict:?}");
        }
    }
}
