//! kubernetes#107457: a restore of etcd that reuses revisions leaves informers with what is gone; what helps.

use explore::{Keep, library, run};
use property::Outcome;

#[test]
fn only_a_restore_that_raises_the_revision_is_noticed() {
    let file = library::scenario("k8s-107457").expect("the library has it");
    assert_eq!(file.matrix().len(), 4);
    for settings in file.matrix() {
        for seed in 0..3 {
            let result = run(&file, settings, seed, &Keep::default()).unwrap().result;
            assert!(result.findings.is_empty(), "{settings:?}: {:?}", result.findings);
            let verdict = result.verdict("replicas-converge").unwrap();
            let is_noticed = settings.parameters["bump"] != "0";
            let outcome = if is_noticed { Outcome::Held } else { Outcome::Violated };
            assert_eq!(verdict.outcome, outcome, "{settings:?}, seed {seed}: {verdict:?}");
        }
    }
}
