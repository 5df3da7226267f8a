//! The same configuration gives the same run: in this process, in a fresh one, in debug and in release builds.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a fresh process is this test program, started again and told by a variable to print"
)]

use std::env;
use std::process::Command;

use sim::{Config, Strategy, Trace, TraceLevel};

use crate::voyage::{sailed, seeded};

/// The trace hashes of the voyage under seeds 0 to 3, computed once. They are equal in debug and release builds and on
/// all platforms; `cargo test` and `cargo test --release` both compare with them. A change of the kernel that changes
/// what happens in a run changes them, and every stored run with them, so it must be meant: then put in here what the
/// failing test prints.
const HASHES: [u64; 4] =
    [0x2c19_0f54_a583_75bd, 0x2d0d_3006_6c56_ebc4, 0xe02c_69f6_4416_89cf, 0x5c8b_c55f_273e_08da];

fn hashes() -> Vec<u64> {
    (0..4).map(|seed| seeded(seed, TraceLevel::Off).trace_hash()).collect()
}

#[test]
fn the_same_seed_gives_the_same_hash_in_the_same_process() {
    let first = hashes();
    assert_eq!(first, hashes());
    assert!((1..4).all(|at| first[at] != first[0]), "seeds differ: {first:x?}");
}

#[test]
fn debug_and_release_builds_agree_with_the_committed_hashes() {
    let found = hashes();
    assert_eq!(found, HASHES, "found {found:#018x?}");
}

#[test]
fn the_same_seed_gives_the_same_hash_in_fresh_processes() {
    const ASKED: &str = "SIM_PRINT_VOYAGE_HASHES";
    if env::var_os(ASKED).is_some() {
        println!("hashes {:x?}", hashes());
        return;
    }
    let fresh = || {
        let binary = env::current_exe().expect("this test is a program");
        let name = "determinism::the_same_seed_gives_the_same_hash_in_fresh_processes";
        let output = Command::new(binary)
            .args(["--exact", name, "--nocapture"])
            .env(ASKED, "1")
            .output()
            .expect("runs");
        let text = String::from_utf8(output.stdout).expect("text");
        let at = text.find("hashes [").unwrap_or_else(|| panic!("no hashes in {text}"));
        text[at..].lines().next().expect("a line").to_owned()
    };
    let expected = format!("hashes {:x?}", hashes());
    assert_eq!(fresh(), expected);
    assert_eq!(fresh(), expected);
}

#[test]
fn keeping_the_trace_does_not_change_the_run() {
    let off = seeded(1, TraceLevel::Off);
    for level in [TraceLevel::Events, TraceLevel::Steps] {
        let kept = seeded(1, level);
        assert_eq!(kept.trace_hash(), off.trace_hash(), "{level:?}");
        assert_eq!(kept.events(), off.events(), "{level:?}");
        assert_ne!(kept.trace().entries().len(), 0);
    }
    assert_eq!(off.trace().entries().len(), 0);
    let recorded = sailed(Config { record_internal: true, ..Config::with_seed(1) });
    assert_eq!(recorded.trace_hash(), off.trace_hash());
}

#[test]
fn every_strategy_is_deterministic() {
    let strategies =
        [Strategy::Fifo, Strategy::Random, Strategy::Priority { change_points: 3, horizon_events: 10_000 }];
    let hash = |strategy| sailed(Config { strategy, ..Config::with_seed(5) }).trace_hash();
    let found = strategies.map(hash);
    assert_eq!(found, strategies.map(hash));
    assert!(found[0] != found[1] && found[1] != found[2], "the strategies differ: {found:x?}");
}

#[test]
fn the_first_divergence_of_two_runs_is_shown_with_both_contexts() {
    let traced = |overrides| {
        sailed(Config { keep_trace: TraceLevel::Steps, overrides, ..Config::with_seed(1) }).trace()
    };
    let plain = traced(vec![]);
    assert!(Trace::first_divergence(&plain, &traced(vec![])).is_none());

    let sim = seeded(1, TraceLevel::Off);
    let choice = sim.choices().into_iter().filter(|choice| choice.site == "work").nth(20).expect("works");
    let mut replaced = choice.to_override();
    replaced.value = (replaced.value + 1_000_000) % choice.n;
    let changed = traced(vec![replaced]);
    let divergence = Trace::first_divergence(&plain, &changed).expect("they differ");
    assert!(divergence.exact);
    let at = |entries: &[sim::Entry]| {
        entries.iter().find(|entry| entry.seq == divergence.seq_before).expect("in the context").to_string()
    };
    assert!(at(&divergence.left).contains("choose work session"), "{divergence}");
    assert_ne!(at(&divergence.left), at(&divergence.right));
    assert!(divergence.to_string().contains("the runs part at event"), "{divergence}");
}

#[test]
fn a_divergence_older_than_what_was_kept_is_bracketed() {
    let short = |seed| {
        let mut config = Config { keep_trace: TraceLevel::Events, ..Config::with_seed(seed) };
        config.limits.trace_entries_max = 10;
        sailed(config).trace()
    };
    let divergence = Trace::first_divergence(&short(1), &short(2)).expect("they differ");
    assert!(!divergence.exact);
    assert!(divergence.to_string().contains("between events 0 and"), "{divergence}");
    assert!(divergence.left.len() <= 10);
}
