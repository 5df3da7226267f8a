//! Choices are keyed: taking one out of a run, or replacing it, leaves all others as they were.

use std::time::Duration;

use proptest::prelude::*;
use sim::{Choice, Config, Override, Sim};

use crate::common;

const ENTITIES: [&str; 4] = ["node-a", "node-b", "node-c", "node-d"];

/// Four entities that draw by turns, as often as told, and what each drew.
fn drawn(config: Config, counts: [u64; 4]) -> Vec<Vec<u64>> {
    let sim = Sim::new(config);
    let mut values = vec![Vec::new(); 4];
    for turn in 0..counts.into_iter().max().unwrap_or(0) {
        for (at, entity) in ENTITIES.into_iter().enumerate().filter(|(at, _)| turn < counts[*at]) {
            values[at].push(sim.choose("fault", entity, 1 << 40));
        }
    }
    values
}

proptest! {
    #[test]
    fn one_entitys_choices_do_not_depend_on_how_often_others_draw(
        seed in any::<u64>(), few in 0..20u64, many in 0..20u64,
    ) {
        let with_few = drawn(Config::with_seed(seed), [10, few, 10, 0]);
        let with_many = drawn(Config::with_seed(seed), [10, many, 10, 5]);
        prop_assert_eq!(&with_few[0], &with_many[0]);
        prop_assert_eq!(&with_few[2], &with_many[2]);
    }

    #[test]
    fn an_override_changes_exactly_its_choice(seed in any::<u64>(), at in 0..4usize, occurrence in 0..10u64) {
        let free = drawn(Config::with_seed(seed), [10; 4]);
        let overrides = vec![Override::new("fault", ENTITIES[at], occurrence, 7)];
        let replaced = drawn(Config { overrides, ..Config::with_seed(seed) }, [10; 4]);
        let mut expected = free;
        expected[at][usize::try_from(occurrence).expect("small")] = 7;
        prop_assert_eq!(replaced, expected);
    }

    #[test]
    fn a_choice_is_in_its_range(seed in any::<u64>(), n in 1..u64::MAX) {
        let sim = Sim::new(Config { overrides: vec![Override::new("a", "b", 1, u64::MAX)], ..Config::with_seed(seed) });
        prop_assert!(sim.choose("a", "b", n) < n);
        prop_assert_eq!(sim.choose("a", "b", n), n - 1);
    }
}

#[test]
fn sites_and_entities_and_seeds_draw_apart() {
    let first = |seed, site: &'static str, entity: &str| {
        Sim::new(Config::with_seed(seed)).choose(site, entity, u64::MAX)
    };
    let values =
        [first(1, "a", "b"), first(2, "a", "b"), first(1, "a", "c"), first(1, "b", "b"), first(1, "b", "a")];
    for (at, value) in values.iter().enumerate() {
        assert!(!values[..at].contains(value), "{values:?}");
    }
}

#[test]
fn a_run_can_be_repeated_from_its_recorded_choices_under_another_seed() {
    let run = |config: Config| {
        let mut sim = common::sim(config);
        sim.spawn_process("gambler", |ctx| async move {
            for _ in 0..20 {
                ctx.sleep(ctx.choose_duration("pause", "gambler", Duration::ZERO, Duration::from_secs(9)))
                    .await;
                let heads = ctx.choose("coin", "gambler", 2) == 1;
                let luck = ctx.choose_f64("luck", "gambler");
                common::log(&ctx, &format!("{heads} {luck} {}", ctx.now()));
            }
        });
        common::run(&mut sim);
        (common::log_of(&sim), sim.choices())
    };
    let (log, choices) = run(Config::with_seed(1));
    assert_eq!(choices.len(), 60);
    let overrides = choices.iter().map(Choice::to_override).collect();
    let (again, replayed) = run(Config { overrides, ..Config::with_seed(2) });
    assert_eq!(log, again);
    assert!(replayed.iter().all(|choice| choice.overridden));
    assert_ne!(log, run(Config::with_seed(2)).0);
}

#[test]
fn the_record_of_choices_is_bounded_and_says_what_it_left_out() {
    let mut config = Config::default();
    config.limits.choices_recorded_max = 5;
    let sim = Sim::new(config);
    for _ in 0..8 {
        sim.choose("a", "b", 2);
    }
    assert_eq!(sim.choices().len(), 5);
    assert_eq!(sim.choices_unrecorded(), 3);
}

#[test]
fn the_kernels_own_draws_are_recorded_on_request_and_can_be_overridden() {
    let arrival = |config: Config| {
        let mut sim = common::sim(config);
        sim.spawn_process("server", |ctx| async move {
            let listener = ctx.listen("in");
            let connection = listener.accept().await;
            while connection.recv().await.is_ok() {
                common::log(&ctx, &ctx.now().as_nanos().to_string());
            }
        });
        sim.spawn_process("client", |ctx| async move {
            let connection = ctx.connect("server", "in").await.expect("listens");
            ctx.sleep(Duration::from_secs(1)).await;
            connection.send((), "hello").expect("open");
            ctx.sleep(Duration::from_secs(1)).await;
        });
        common::run(&mut sim);
        (common::log_of(&sim), sim.choices())
    };
    let (free, choices) = arrival(Config { record_internal: true, ..Config::with_seed(1) });
    assert!(
        choices.iter().any(|choice| choice.site == "schedule" && choice.entity == "client#1"),
        "{choices:#?}"
    );
    let entity = "client->server in~0";
    let mut latencies = choices.iter().filter(|choice| choice.site == "latency" && choice.entity == entity);
    let hello = latencies.nth(1).expect("the message after the handshake");
    let mut overridden = hello.to_override();
    overridden.value = 0;
    let (fast, _) = arrival(Config { overrides: vec![overridden], ..Config::with_seed(1) });
    let nanos = |log: &[String]| log[0].parse::<u64>().expect("a number");
    assert_eq!(nanos(&free) - nanos(&fast), hello.value, "the latency is now the link's least");
}
