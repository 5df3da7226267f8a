//! The primitives of one process, in order of arrival and safe against futures dropped half-way.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use sim::sync::{self, Latch, Notify, Semaphore, TryRecvError, TrySendError, channel, oneshot, unbounded};
use sim::{Config, Ctx, Strategy};

use crate::common::{self, log, log_of, run, secs};

/// Runs one process and gives its log. First come, first served is checked without the strategy's reordering.
fn logged<F, Fut>(process: F) -> Vec<String>
where
    F: Fn(Ctx) -> Fut + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let mut sim = common::sim(Config { strategy: Strategy::Fifo, ..Config::default() });
    sim.spawn_process("main", process);
    run(&mut sim);
    log_of(&sim)
}

#[test]
fn a_bounded_channel_holds_senders_back_and_keeps_order() {
    let log = logged(|ctx| async move {
        let (sender, mut receiver) = channel::<u32>("numbers", 2);
        let inner = ctx.clone();
        ctx.spawn("sender", async move {
            for number in 0..5 {
                sender.send(number).await.expect("received");
                log(&inner, &format!("sent {number} at {}", inner.now().as_secs_f64()));
            }
        });
        ctx.sleep(secs(1)).await;
        while let Some(number) = receiver.recv().await {
            log(&ctx, &format!("got {number}"));
            ctx.sleep(secs(1)).await;
        }
        log(&ctx, "closed");
    });
    assert_eq!(
        log,
        [
            "sent 0 at 0",
            "sent 1 at 0",
            "got 0",
            "sent 2 at 1",
            "got 1",
            "sent 3 at 2",
            "got 2",
            "sent 4 at 3",
            "got 3",
            "got 4",
            "closed"
        ]
    );
}

#[test]
fn channels_tell_full_empty_and_closed_apart() {
    let (sender, mut receiver) = channel::<u32>("numbers", 1);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(sender.try_send(1), Ok(()));
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!((sender.len(), receiver.len()), (1, 1));
    receiver.close();
    assert_eq!(sender.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));

    let (sender, mut receiver) = unbounded::<u32>("limited", 3);
    let another = sender.clone();
    assert!((0..3).all(|number| another.send(number).is_ok()));
    assert_eq!(sender.send(3), Err(TrySendError::Full(3)));
    drop((sender, another));
    assert_eq!([receiver.try_recv(), receiver.try_recv(), receiver.try_recv()], [Ok(0), Ok(1), Ok(2)]);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    let (sender, receiver) = unbounded::<Rc<()>>("dropped", 3);
    let value = Rc::new(());
    assert!(sender.send(value.clone()).is_ok());
    drop(receiver);
    assert_eq!(Rc::strong_count(&value), 1, "values nobody receives are dropped");
}

#[test]
fn a_semaphore_serves_in_order_even_a_large_request() {
    let log = logged(|ctx| async move {
        let semaphore = Semaphore::named(2, "slots");
        for (name, count) in [("one", 2), ("large", 2), ("small", 1)] {
            let (inner, semaphore) = (ctx.clone(), semaphore.clone());
            ctx.spawn(name, async move {
                let _permit = semaphore.acquire_many(count).await.expect("open");
                log(&inner, &format!("{name} at {}", inner.now().as_secs_f64()));
                inner.sleep(secs(1)).await;
            });
        }
        ctx.sleep(secs(10)).await;
        assert_eq!(semaphore.available(), 2);
        semaphore.close();
        assert!(semaphore.acquire().await.is_err());
    });
    assert_eq!(log, ["one at 0", "large at 1", "small at 2"]);
}

#[test]
fn a_request_dropped_half_way_passes_its_turn_on() {
    let log = logged(|ctx| async move {
        let semaphore = Semaphore::new(1);
        let first = semaphore.acquire().await.expect("open");
        let (inner, asked) = (ctx.clone(), semaphore.clone());
        let impatient = ctx.spawn("impatient", async move {
            let permit = inner.timeout(secs(1), asked.acquire()).await;
            assert!(permit.is_err());
        });
        let (inner, asked) = (ctx.clone(), semaphore.clone());
        ctx.spawn("patient", async move {
            let _permit = asked.acquire().await.expect("open");
            log(&inner, &format!("patient at {}", inner.now().as_secs_f64()));
        });
        impatient.await.expect("not aborted");
        ctx.sleep(secs(1)).await;
        drop(first);
        ctx.sleep(secs(1)).await;
        assert_eq!(semaphore.available(), 1);
    });
    assert_eq!(log, ["patient at 2"]);
}

#[test]
fn a_notification_is_kept_passed_on_and_broadcast() {
    let log = logged(|ctx| async move {
        let notify = Notify::new();
        notify.notify_one();
        notify.notify_one();
        notify.notified().await;
        assert!(ctx.timeout(secs(1), notify.notified()).await.is_err(), "only one is kept");
        for name in ["a", "b", "c"] {
            let (inner, notify) = (ctx.clone(), notify.clone());
            ctx.spawn(name, async move {
                notify.notified().await;
                log(&inner, name);
            });
        }
        ctx.sleep(secs(1)).await;
        notify.notify_one();
        ctx.sleep(secs(1)).await;
        log(&ctx, "all");
        notify.notify_all();
        ctx.sleep(secs(1)).await;
        assert!(ctx.timeout(secs(1), notify.notified()).await.is_err(), "a broadcast is not kept");
    });
    assert_eq!(log, ["a", "all", "b", "c"]);
}

#[test]
fn a_notified_future_that_is_dropped_passes_the_notification_on() {
    let log = logged(|ctx| async move {
        let notify = Notify::new();
        let waiter = |name: &'static str| {
            let (inner, notify) = (ctx.clone(), notify.clone());
            ctx.spawn(name, async move {
                notify.notified().await;
                log(&inner, name);
            })
        };
        let (first, _second) = (waiter("first"), waiter("second"));
        ctx.sleep(secs(1)).await;
        notify.notify_one();
        first.abort();
        ctx.sleep(secs(1)).await;
    });
    assert_eq!(log, ["second"]);
}

#[test]
fn a_oneshot_carries_one_value_or_the_senders_end() {
    let log = logged(|ctx| async move {
        let (sender, receiver) = oneshot::channel();
        let inner = ctx.clone();
        ctx.spawn("answers", async move {
            inner.sleep(secs(1)).await;
            sender.send(7).expect("wanted");
        });
        assert_eq!(receiver.await, Ok(7));
        let (sender, receiver) = oneshot::channel::<u32>();
        drop(sender);
        assert_eq!(receiver.await, Err(oneshot::Dropped));
        let (mut sender, receiver) = oneshot::channel::<u32>();
        let inner = ctx.clone();
        let cancelled = ctx.spawn("cancelled", async move {
            sender.closed().await;
            log(&inner, &format!("nobody wants it at {}", inner.now().as_secs_f64()));
            assert_eq!(sender.send(1), Err(1));
        });
        assert!(ctx.timeout(secs(1), receiver).await.is_err());
        cancelled.await.expect("not aborted");
    });
    assert_eq!(log, ["nobody wants it at 2"]);
}

#[test]
fn a_latch_releases_all_who_wait_and_stays_set() {
    let released = Rc::new(Cell::new(0));
    let count = released.clone();
    logged(move |ctx| {
        let count = count.clone();
        async move {
            let latch = Latch::named("stop");
            for _ in 0..3 {
                let (latch, count) = (latch.clone(), count.clone());
                ctx.spawn("waits", async move {
                    latch.wait().await;
                    count.set(count.get() + 1);
                });
            }
            ctx.sleep(Duration::from_secs(1)).await;
            assert_eq!(count.get(), 0);
            latch.set();
            latch.wait().await;
            ctx.yield_now().await;
            assert!(latch.is_set());
            ctx.sleep(Duration::from_secs(1)).await;
        }
    });
    assert_eq!(released.get(), 3);
}

#[test]
fn the_primitives_work_without_a_simulation() {
    let (sender, mut receiver) = sync::channel("plain", 1);
    sender.try_send("value").expect("room");
    assert_eq!(receiver.try_recv(), Ok("value"));
}
