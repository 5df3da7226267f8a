//! What went wrong is said with task, seed and reason.

use std::time::Duration;

use sim::sync::{Notify, channel};
use sim::{Config, Instant, Limit, Outcome};

use crate::common::{self, log, log_of, secs};

#[test]
fn a_panic_names_task_seed_time_and_place() {
    let mut sim = common::sim(Config::with_seed(17));
    sim.spawn_process("kubelet-3", |ctx| async move {
        let inner = ctx.clone();
        ctx.spawn("sync", async move {
            inner.sleep(secs(5)).await;
            panic!("no node {}", 3);
        });
        ctx.sleep(secs(100)).await;
    });
    let outcome = sim.run();
    let Outcome::Panicked { task, seed, at, message } = &outcome else { panic!("{outcome}") };
    assert_eq!((task.as_str(), *seed, *at), ("kubelet-3#1/sync", 17, Instant::from_secs(5)));
    assert!(message.starts_with("no node 3 (") && message.contains("diagnosis.rs:"), "{message}");
    assert!(outcome.is_finding() && outcome.is_final());
    assert_eq!(sim.run(), outcome, "the run cannot go on");
}

#[test]
fn a_panic_in_the_scenario_is_told_apart() {
    let mut sim = common::sim(Config::default());
    sim.at(Instant::from_secs(1), |_| panic!("bad script"));
    let outcome = sim.run();
    assert!(
        outcome.to_string().starts_with("task scenario panicked at 1.000000000s under seed 0"),
        "{outcome}"
    );
}

#[test]
fn a_deadlock_lists_every_task_with_what_it_waits_for() {
    let mut sim = common::sim(Config::with_seed(2));
    sim.spawn_process("server", |ctx| async move {
        let listener = ctx.listen("api");
        let connection = listener.accept().await;
        let notify = Notify::named("cache synced");
        notify.notified().await;
        connection.send((), "never").expect("open");
    });
    sim.spawn_process("client", |ctx| async move {
        let (_sender, mut receiver) = channel::<()>("events", 1);
        ctx.spawn("handler", async move { receiver.recv().await });
        let connection = ctx.connect("server", "api").await.expect("listens");
        connection.recv().await.expect("never");
        log(&ctx, "finished");
    });
    let outcome = sim.run_while(|control| !control.world::<common::Log>().contains("finished"));
    let Outcome::Deadlock { waiting, seed } = &outcome else { panic!("{outcome}") };
    assert_eq!(*seed, 2);
    let lines: Vec<String> = waiting.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "client#1 waits for a message from server on api",
            "client#1/handler waits for a value from channel events",
            "server#1 waits for a notification cache synced",
        ]
    );
}

#[test]
fn run_while_ends_when_its_condition_does() {
    let mut sim = common::sim(Config::default());
    sim.spawn_process("main", |ctx| async move {
        for turn in 0..10 {
            ctx.sleep(secs(1)).await;
            log(&ctx, &turn.to_string());
        }
    });
    assert_eq!(sim.run_while(|control| !control.world::<common::Log>().contains("3")), Outcome::ConditionMet);
    assert_eq!(sim.now(), Instant::from_secs(4));
    sim.after(secs(2), |control| control.stop());
    assert_eq!(sim.run(), Outcome::Stopped);
    assert_eq!(sim.now(), Instant::from_secs(6));
    assert_eq!(sim.run(), Outcome::Quiescent);
    assert_eq!(log_of(&sim).len(), 10);
}

#[test]
fn a_livelock_names_the_hottest_task() {
    let mut config = Config::with_seed(4);
    config.limits.events_per_instant_max = 1000;
    let mut sim = common::sim(config);
    sim.spawn_process("innocent", |ctx| async move {
        for _ in 0..10 {
            ctx.yield_now().await;
        }
        ctx.sleep(Duration::MAX).await;
    });
    sim.spawn_process("spinner", |ctx| async move {
        let inner = ctx.clone();
        ctx.spawn("hot", async move {
            loop {
                inner.yield_now().await;
            }
        });
        ctx.sleep(Duration::MAX).await;
    });
    let outcome = sim.run();
    let Outcome::Livelock { task, polls, seed, at } = &outcome else { panic!("{outcome}") };
    assert_eq!((task.as_str(), *seed, *at), ("spinner#1/hot", 4, Instant::START));
    assert!(*polls > 900, "{polls}");
}

/// Runs a process until a limit ends it, and says which.
fn limited<F, Fut>(set: impl FnOnce(&mut sim::Limits), process: F) -> Limit
where
    F: Fn(sim::Ctx) -> Fut + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let mut config = Config::default();
    set(&mut config.limits);
    let mut sim = common::sim(config);
    sim.spawn_process("peer", |ctx| async move {
        let listener = ctx.listen("in");
        let mut kept = Vec::new();
        loop {
            kept.push(listener.accept().await);
        }
    });
    sim.spawn_process("greedy", process);
    let outcome = sim.run();
    match outcome {
        Outcome::LimitReached { which, .. } => which,
        other => panic!("{other}"),
    }
}

#[test]
fn every_limit_ends_the_run_with_its_name() {
    let forever = |ctx: sim::Ctx| async move {
        loop {
            ctx.sleep(secs(1)).await;
        }
    };
    assert_eq!(limited(|limits| limits.time_max = secs(100), forever), Limit::VirtualTime);
    assert_eq!(limited(|limits| limits.events_max = 100, forever), Limit::Events);
    let spawns = |ctx: sim::Ctx| async move {
        for _ in 0..100 {
            let inner = ctx.clone();
            ctx.spawn("sleeper", async move { inner.sleep(secs(1)).await });
        }
        ctx.sleep(secs(2)).await;
    };
    assert_eq!(limited(|limits| limits.tasks_max = 50, spawns), Limit::Tasks);
    assert_eq!(limited(|limits| limits.ready_max = 50, spawns), Limit::ReadyQueue);
    assert_eq!(limited(|limits| limits.pending_max = 50, spawns), Limit::PendingEvents);
    let connects = |ctx: sim::Ctx| async move {
        let mut kept = Vec::new();
        for _ in 0..20 {
            kept.push(ctx.connect("peer", "in").await.expect("listens"));
        }
    };
    assert_eq!(limited(|limits| limits.connections_max = 10, connects), Limit::Connections);
    let sends = |ctx: sim::Ctx| async move {
        let connection = ctx.connect("peer", "in").await.expect("listens");
        for number in 0..20u32 {
            connection.send(number, "number").expect("open");
        }
    };
    assert_eq!(limited(|limits| limits.messages_per_connection = 10, sends), Limit::MessagesPerConnection);
    let chooses = |ctx: sim::Ctx| async move {
        for number in 0..20 {
            ctx.choose("site", &format!("entity-{number}"), 2);
        }
    };
    assert_eq!(limited(|limits| limits.choice_keys_max = 10, chooses), Limit::ChoiceKeys);
}

#[test]
fn names_of_tasks_are_stable_paths_that_stay_short() {
    let mut sim = common::sim(Config::default());
    sim.spawn_process("main", |ctx| async move {
        fn chain(ctx: sim::Ctx, depth: u32) {
            let inner = ctx.clone();
            ctx.spawn("link", async move {
                inner.sleep(secs(1)).await;
                if depth > 0 {
                    chain(inner.clone(), depth - 1);
                } else {
                    std::future::pending::<()>().await;
                }
            });
        }
        for _ in 0..2 {
            ctx.spawn("worker", std::future::pending::<()>());
        }
        chain(ctx.clone(), 100);
        ctx.sleep(Duration::MAX).await;
    });
    sim.run();
    let names: Vec<String> = sim.waiting_tasks().into_iter().map(|waiting| waiting.task).collect();
    assert_eq!(names.len(), 4);
    assert_eq!(
        (names[0].as_str(), names[2].as_str(), names[3].as_str()),
        ("main#1", "main#1/worker", "main#1/worker~2")
    );
    assert!(names[1].starts_with("main#1/link/link/") && names[1].len() < 120, "{}", names[1]);
}
