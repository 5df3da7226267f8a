//! Strategies reorder what happens at the same instant, and so find races that arrival order hides.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use sim::sync::Notify;
use sim::{Config, Outcome, Strategy};

use crate::common::{self, log, log_of, run};

/// Two tasks that read, yield, and write back: an increment is lost only if one reads between the other's read and
/// write, and both are woken in the same order each time.
fn counted(seed: u64, strategy: Strategy) -> u64 {
    let mut sim = common::sim(Config { strategy, ..Config::with_seed(seed) });
    sim.spawn_process("racer", |ctx| async move {
        let counter = Rc::new(RefCell::new(0));
        let write = Notify::new();
        let (inner, shared, written) = (ctx.clone(), counter.clone(), write.clone());
        let late = ctx.spawn("late", async move {
            written.notified().await;
            // Under arrival order the early task has always written by now.
            inner.yield_now().await;
            let seen = *shared.borrow();
            *shared.borrow_mut() = seen + 1;
        });
        let (inner, shared) = (ctx.clone(), counter.clone());
        let early = ctx.spawn("early", async move {
            write.notify_one();
            let seen = *shared.borrow();
            inner.yield_now().await;
            *shared.borrow_mut() = seen + 1;
        });
        early.await.expect("not aborted");
        late.await.expect("not aborted");
        log(&ctx, &counter.borrow().to_string());
    });
    run(&mut sim);
    log_of(&sim)[0].parse().expect("a number")
}

#[test]
fn a_race_that_no_arrival_order_shows_is_found_by_random_and_priority_schedules() {
    for seed in 0..1000 {
        assert_eq!(counted(seed, Strategy::Fifo), 2, "seed {seed}");
    }
    let found = |strategy| (0..100).filter(|seed| counted(*seed, strategy) == 1).count();
    let random = found(Strategy::Random);
    assert!((5..80).contains(&random), "{random} of 100 seeds found it");
    let priority = found(Strategy::Priority { change_points: 2, horizon_events: 20 });
    assert!((5..80).contains(&priority), "{priority} of 100 seeds found it");
}

#[test]
fn every_order_of_four_tasks_woken_together_occurs() {
    let order = |seed, strategy| {
        let mut sim = common::sim(Config { strategy, ..Config::with_seed(seed) });
        sim.spawn_process("main", |ctx| async move {
            let handles: Vec<_> = ["a", "b", "c", "d"]
                .into_iter()
                .map(|name| {
                    let inner = ctx.clone();
                    ctx.spawn(name, async move {
                        inner.sleep(Duration::from_secs(1)).await;
                        log(&inner, name);
                    })
                })
                .collect();
            for handle in handles {
                handle.await.expect("not aborted");
            }
        });
        run(&mut sim);
        log_of(&sim).concat()
    };
    let orders = |strategy| (0..500).map(|seed| order(seed, strategy)).collect::<BTreeSet<_>>();
    assert_eq!(orders(Strategy::Fifo), BTreeSet::from(["abcd".to_owned()]));
    assert_eq!(orders(Strategy::Random).len(), 24);
    assert_eq!(orders(Strategy::Priority { change_points: 0, horizon_events: 1 }).len(), 24);
}

/// A task is starved for thirty turns of another: uniform draws give each turn an even chance, priorities do not.
#[test]
fn priorities_find_what_needs_a_task_to_be_starved() {
    let starved = |seed, strategy| {
        let mut sim = common::sim(Config { strategy, ..Config::with_seed(seed) });
        sim.spawn_process("main", |ctx| async move {
            let done = Rc::new(RefCell::new(false));
            let (inner, flag) = (ctx.clone(), done.clone());
            let slow = ctx.spawn("slow", async move {
                inner.yield_now().await;
                *flag.borrow_mut() = true;
            });
            let inner = ctx.clone();
            let spinning = ctx.spawn("spinning", async move {
                for _ in 0..30 {
                    inner.yield_now().await;
                }
                log(&inner, if *done.borrow() { "in time" } else { "starved" });
            });
            spinning.await.expect("not aborted");
            slow.await.expect("not aborted");
        });
        run(&mut sim);
        log_of(&sim)[0] == "starved"
    };
    let found = |strategy| (0..200).filter(|seed| starved(*seed, strategy)).count();
    assert_eq!(found(Strategy::Fifo), 0);
    let (random, priority) =
        (found(Strategy::Random), found(Strategy::Priority { change_points: 1, horizon_events: 100 }));
    assert!(priority > 20 && priority > 4 * random, "priority {priority}, random {random} of 200");
}

#[test]
fn combinators_that_wrap_wakers_work() {
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Context, Poll, Wake, Waker};

    /// What `FuturesUnordered` does: hands its children wakers of its own that count and pass on.
    struct Counting(AtomicU32, Waker);
    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
            self.1.wake_by_ref();
        }
    }
    let mut sim = common::sim(Config::default());
    sim.spawn_process("main", |ctx| async move {
        let mut sleep = pin!(ctx.sleep(Duration::from_secs(1)));
        let mut counting = None;
        poll_fn(|cx| {
            let wrapped =
                counting.get_or_insert_with(|| Arc::new(Counting(AtomicU32::new(0), cx.waker().clone())));
            let waker = Waker::from(Arc::clone(wrapped));
            sleep.as_mut().poll(&mut Context::from_waker(&waker))
        })
        .await;
        let woken = counting.map_or(0, |counting| counting.0.load(Ordering::Relaxed));
        log(&ctx, &format!("woken {woken} time through the wrapper"));
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Ready(())
        })
        .await;
    });
    assert_eq!(run(&mut sim), Outcome::Quiescent);
    assert_eq!(log_of(&sim), ["woken 1 time through the wrapper"]);
}
