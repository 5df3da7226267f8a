//! A control plane in trouble of every kind that loses no data comes to rest, whatever the seed.

use explore::{FindingKind, Keep, Settings, library, run};
use std::collections::BTreeSet;

#[test]
fn everything_is_as_it_was_asked_for_when_the_storm_is_over() {
    let file = library::scenario("control-plane-storm").expect("the library has it");
    let mut kinds = BTreeSet::new();
    for seed in 0..12 {
        let result = run(&file, &Settings::default(), seed, &Keep::default()).unwrap().result;
        assert!(!result.is_violated(), "seed {seed}: {:?}", result.verdicts);
        let bad: Vec<_> =
            result.findings.iter().filter(|finding| finding.kind != FindingKind::NeverFired).collect();
        assert!(bad.is_empty(), "seed {seed}: {bad:?}");
        kinds.extend(result.faults.iter().filter(|fault| fault.fired > 0).map(|fault| fault.kind));
    }
    let wanted = ["closeWatch", "lagCache", "loseLeadership", "slowEtcd", "stallEtcd"];
    assert_eq!(kinds, BTreeSet::from(wanted), "each kind mattered in some run");
}
