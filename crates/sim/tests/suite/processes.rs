//! Processes crash, pause, restart, exit; their clocks go wrong.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use sim::{Aborted, Config, CrashKind, Ctx, Instant, Outcome};

use crate::common::{self, log, log_of, run, secs};

/// Counts how many of it live, so that tests see state dropped.
struct Witness(Rc<Cell<u32>>);

impl Witness {
    fn new(alive: &Rc<Cell<u32>>) -> Self {
        alive.set(alive.get() + 1);
        Witness(alive.clone())
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A process that holds a witness across each kind of await.
async fn busy(ctx: Ctx, alive: Rc<Cell<u32>>) {
    let _witness = Witness::new(&alive);
    let (_sender, mut receiver) = sim::sync::channel::<u32>("never", 1);
    let held = Witness::new(&alive);
    ctx.spawn("receives", async move {
        let _held = held;
        receiver.recv().await;
    });
    let (inner, held) = (ctx.clone(), Witness::new(&alive));
    ctx.spawn("connected", async move {
        let _held = held;
        let connection = inner.connect("peer", "in").await.expect("listens");
        connection.recv().await.expect("never");
    });
    let held = Witness::new(&alive);
    let nested = ctx.clone();
    ctx.spawn("nests", async move {
        let kept = held;
        let inner = nested.spawn("inner", async move {
            let _kept = kept;
            pending::<()>().await;
        });
        inner.await.expect("never");
    });
    for turn in 0..u64::MAX {
        let _short = Witness::new(&alive);
        ctx.sleep(Duration::from_micros(turn % 700)).await;
        ctx.yield_now().await;
    }
}

#[test]
fn a_crash_at_any_moment_drops_all_state_and_a_restart_begins_anew() {
    for moment in 0..200u64 {
        let mut sim = common::sim(Config::with_seed(moment));
        let alive = Rc::new(Cell::new(0));
        sim.spawn_process("peer", |ctx| async move {
            let listener = ctx.listen("in");
            let mut connections = Vec::new();
            loop {
                connections.push(listener.accept().await);
            }
        });
        let counted = alive.clone();
        let busy = sim.spawn_process("busy", move |ctx| busy(ctx, counted.clone()));
        let at = Instant::from_nanos(moment * 37_000);
        assert_eq!(sim.run_until(at), Outcome::TimeReached);
        let kind = if moment % 2 == 0 { CrashKind::Process } else { CrashKind::Machine };
        sim.crash(busy, kind);
        assert_eq!(alive.get(), 0, "crash at {at}");
        assert!(!sim.is_running(busy));
        sim.restart(busy, secs(1));
        sim.run_until(at + secs(2));
        assert_eq!(sim.incarnation(busy), 2);
        assert_ne!(alive.get(), 0);
        drop(sim);
        assert_eq!(alive.get(), 0, "the end of a simulation drops everything");
    }
}

#[test]
fn a_process_may_crash_itself_and_goes_no_further_than_its_next_await() {
    let mut sim = common::sim(Config::default());
    let id = sim.spawn_process("suicidal", |ctx| async move {
        ctx.control().crash(ctx.process(), CrashKind::Process);
        log(&ctx, "before the await");
        ctx.sleep(secs(1)).await;
        log(&ctx, "after the await");
    });
    run(&mut sim);
    assert_eq!(log_of(&sim), ["before the await"]);
    assert!(!sim.is_running(id));
}

#[test]
fn a_process_exits_with_its_main_task_or_by_its_own_decision() {
    let mut sim = common::sim(Config::default());
    let returns = sim.spawn_process("returns", |ctx| async move {
        let inner = ctx.clone();
        ctx.spawn("left-behind", async move {
            inner.sleep(secs(10)).await;
            log(&inner, "not reached");
        });
        ctx.sleep(secs(1)).await;
    });
    let decides = sim.spawn_process("decides", |ctx| async move {
        let inner = ctx.clone();
        ctx.spawn("watchdog", async move {
            inner.sleep(secs(2)).await;
            inner.exit("lost the lease").await;
        });
        ctx.sleep(secs(10)).await;
        log(&ctx, "not reached");
    });
    run(&mut sim);
    assert_eq!(sim.now(), Instant::from_secs(2));
    assert!(log_of(&sim).is_empty());
    assert_eq!(sim.exit_reason(returns).as_deref(), Some("main returned"));
    assert_eq!(sim.exit_reason(decides).as_deref(), Some("lost the lease"));
}

#[test]
fn a_supervised_process_comes_back_after_exits_and_crashes_but_not_with_its_machine() {
    let mut sim = common::sim(Config::default());
    let id = sim.spawn_process("leader", |ctx| async move {
        log(&ctx, &format!("started at {}", ctx.now().as_secs_f64()));
        ctx.sleep(secs(10)).await;
        ctx.exit("lost the lease").await;
    });
    sim.supervise(id, Some(secs(1)));
    sim.at(Instant::from_secs(15), move |control| control.crash(id, CrashKind::Process));
    sim.at(Instant::from_secs(17), move |control| control.crash(id, CrashKind::Machine));
    run(&mut sim);
    assert_eq!(log_of(&sim), ["started at 0", "started at 11", "started at 16"]);
}

#[test]
fn a_paused_process_does_nothing_and_its_due_timers_fire_when_it_resumes() {
    let mut sim = common::sim(Config::default());
    let id = sim.spawn_process("ticker", |ctx| async move {
        for _ in 0..4 {
            ctx.sleep(secs(10)).await;
            log(&ctx, &format!("tick at {}", ctx.now().as_secs_f64()));
        }
    });
    sim.at(Instant::from_secs(15), move |control| control.pause(id));
    sim.at(Instant::from_secs(47), move |control| control.resume(id));
    run(&mut sim);
    assert_eq!(log_of(&sim), ["tick at 10", "tick at 47", "tick at 57", "tick at 67"]);
    assert_eq!(sim.parkings(id), 1, "the tick at 20 was kept from happening");
}

#[test]
fn a_paused_process_can_be_crashed_and_starts_unpaused() {
    let mut sim = common::sim(Config::default());
    let id = sim.spawn_process("ticker", |ctx| async move {
        ctx.sleep(secs(1)).await;
        log(&ctx, &format!("incarnation {}", ctx.incarnation()));
    });
    sim.pause(id);
    sim.run_until(Instant::from_secs(5));
    sim.restart(id, secs(1));
    run(&mut sim);
    assert_eq!(log_of(&sim), ["incarnation 2"]);
    assert!(!sim.is_paused(id));
}

#[test]
fn wall_clocks_drift_and_jump_apart_and_survive_a_restart() {
    let epoch = 1_000_000_000_000_000_000;
    let mut sim = common::sim(Config { epoch_unix_ns: epoch, ..Config::default() });
    let idle = |ctx: Ctx| async move {
        log(&ctx, &format!("{} {}", ctx.process_name(), ctx.wall()));
        ctx.sleep(Duration::MAX).await;
    };
    let right = sim.spawn_process("right", idle);
    let wrong = sim.spawn_process("wrong", idle);
    sim.set_drift_ppm(wrong, 100);
    sim.run_until(Instant::from_secs(1000));
    assert_eq!(sim.wall(right), epoch + 1_000_000_000_000);
    assert_eq!(sim.wall(wrong), epoch + 1_000_100_000_000);
    sim.jump_wall(wrong, -3_600_000_000_000);
    sim.set_drift_ppm(wrong, 0);
    sim.restart(wrong, secs(1));
    sim.run_until(Instant::from_secs(1001));
    assert_eq!(log_of(&sim)[2], format!("wrong {}", epoch + 1_001_100_000_000 - 3_600_000_000_000));
}

#[test]
fn a_task_is_awaited_and_aborted_through_its_handle() {
    let mut sim = common::sim(Config::default());
    sim.spawn_process("main", |ctx| async move {
        let inner = ctx.clone();
        let answer = ctx.spawn("answer", async move {
            inner.sleep(secs(1)).await;
            42
        });
        assert_eq!(answer.await, Ok(42));
        let endless = ctx.spawn("endless", pending::<()>());
        endless.abort();
        assert!(endless.is_finished());
        assert_eq!(endless.await, Err(Aborted));
        let elapsed = ctx.timeout(secs(1), pending::<()>()).await;
        assert!(elapsed.is_err());
        assert_eq!(ctx.timeout(secs(1), async { 7 }).await, Ok(7));
        log(&ctx, &format!("done at {}", ctx.now()));
    });
    run(&mut sim);
    assert_eq!(log_of(&sim), ["done at 2.000000000s"]);
}

#[test]
fn destructors_may_use_the_context_while_their_process_dies() {
    struct Farewell(Ctx);
    impl Drop for Farewell {
        fn drop(&mut self) {
            assert!(!self.0.is_alive());
            let inner = self.0.clone();
            let handle = self.0.spawn("too late", async move { log(&inner, "not reached") });
            assert!(handle.is_finished());
            self.0.trace("farewell", "dropped", String::new);
            log(&self.0, "dropped");
        }
    }
    let mut sim = common::sim(Config::default());
    let id = sim.spawn_process("main", |ctx| async move {
        let _farewell = Farewell(ctx.clone());
        ctx.sleep(Duration::MAX).await;
    });
    sim.run_until(Instant::from_secs(1));
    sim.crash(id, CrashKind::Process);
    run(&mut sim);
    assert_eq!(log_of(&sim), ["dropped"]);
}

#[test]
fn cancelled_timers_neither_fire_nor_pile_up_nor_move_time() {
    let mut config = Config::default();
    config.limits.pending_max = 2000;
    let mut sim = common::sim(config);
    sim.spawn_process("main", |ctx| async move {
        for _ in 0..100_000 {
            let quick = ctx.timeout(secs(3600), ctx.sleep(Duration::from_micros(1))).await;
            assert!(quick.is_ok());
        }
    });
    assert_eq!(run(&mut sim), Outcome::Quiescent);
    assert_eq!(sim.now(), Instant::from_nanos(100_000_000));
}
