//! What programs see of the network and of each other's deaths.

use std::time::Duration;

use crate::common::{self, log_of, run, secs};
use sim::{Closed, Config, ConnectError, CrashKind, Instant, LinkConfig, Outcome, Sim};

const MS: Duration = Duration::from_millis(1);

/// A process that accepts connections and logs, with its time in milliseconds, whatever happens on them.
fn sink(sim: &Sim) -> sim::ProcessId {
    sim.spawn_process("sink", |ctx| async move {
        let listener = ctx.listen("in");
        loop {
            let connection = listener.accept().await;
            let inner = ctx.clone();
            ctx.spawn("session", async move {
                loop {
                    match connection.recv().await {
                        Ok(message) => common::log(&inner, &format!("got {}", message.take::<u32>())),
                        Err(closed) => return common::log(&inner, &closed.to_string()),
                    }
                }
            });
        }
    })
}

#[test]
fn messages_of_a_connection_arrive_in_order_under_every_seed() {
    for seed in 0..50 {
        let mut sim = common::sim(Config::with_seed(seed));
        sink(&sim);
        sim.set_default_link(LinkConfig {
            drop_ppm: 200_000,
            ..LinkConfig::latency(Duration::ZERO, 50 * MS)
        });
        sim.spawn_process("source", |ctx| async move {
            let connection = ctx.connect("sink", "in").await.expect("connected");
            for number in 0..100u32 {
                connection.send(number, "number").expect("open");
                ctx.sleep(ctx.choose_duration("pause", "source", Duration::ZERO, 5 * MS)).await;
            }
        });
        assert_eq!(run(&mut sim), Outcome::Quiescent);
        let mut expected: Vec<String> = (0..100).map(|number| format!("got {number}")).collect();
        expected.push("connection closed by peer".into());
        assert_eq!(log_of(&sim), expected, "seed {seed}");
    }
}

#[test]
fn connecting_fails_as_the_other_side_is() {
    let mut sim = common::sim(Config::with_seed(3));
    sim.spawn_process("nobody-listens", |ctx| async move { ctx.sleep(Duration::MAX).await });
    let down = sim.spawn_process("machine-down", |ctx| async move { ctx.sleep(Duration::MAX).await });
    sim.crash(down, CrashKind::Machine);
    let cut = sim.spawn_process("cut-off", |ctx| async move {
        let _listener = ctx.listen("in");
        ctx.sleep(Duration::MAX).await;
    });
    let client = sim.spawn_process("client", |ctx| async move {
        let attempt = async |to: &str| ctx.connect(to, "in").await.err();
        assert_eq!(attempt("unheard-of").await, Some(ConnectError::UnknownHost));
        assert_eq!(attempt("nobody-listens").await, Some(ConnectError::Refused));
        assert!(ctx.now() < Instant::from_nanos(10_000_000), "refusals take a round trip");
        let started = ctx.now();
        assert_eq!(attempt("machine-down").await, Some(ConnectError::TimedOut));
        assert_eq!(ctx.now() - started, secs(127));
        assert_eq!(attempt("cut-off").await, Some(ConnectError::TimedOut));
        common::log(&ctx, "done");
    });
    sim.partition(cut, client);
    assert_eq!(run(&mut sim), Outcome::Quiescent);
    assert_eq!(log_of(&sim), ["done"]);
}

#[test]
fn a_process_crash_is_told_and_a_machine_crash_is_not() {
    let heard = |kind: CrashKind| {
        let mut sim = common::sim(Config::with_seed(5));
        sink(&sim);
        let source = sim.spawn_process("source", |ctx| async move {
            let connection = ctx.connect("sink", "in").await.expect("connected");
            connection.send(1u32, "one").expect("open");
            ctx.sleep(Duration::MAX).await;
        });
        sim.at(Instant::from_secs(10), move |control| control.crash(source, kind));
        sim.run_until(Instant::from_secs(1000));
        log_of(&sim)
    };
    assert_eq!(heard(CrashKind::Process), ["got 1", "connection closed by peer"]);
    assert_eq!(heard(CrashKind::Machine), ["got 1"]);
}

#[test]
fn a_dead_machine_is_noticed_by_timeout_and_resets_after_its_restart() {
    let mut sim = common::sim(Config::with_seed(5));
    let sink = sink(&sim);
    sim.spawn_process("source", |ctx| async move {
        let connection = ctx.connect("sink", "in").await.expect("connected");
        ctx.sleep(secs(20)).await;
        assert_eq!(connection.send(1u32, "into the void"), Ok(()));
        let answer = ctx.timeout(secs(30), connection.recv()).await;
        assert!(answer.is_err(), "nothing is heard of a dead machine");
        let after_restart = connection.recv().await.err();
        common::log(&ctx, &format!("{:?} at {}", after_restart, ctx.now().as_nanos() / 1_000_000_000));
    });
    sim.at(Instant::from_secs(10), move |control| control.crash(sink, CrashKind::Machine));
    sim.at(Instant::from_secs(100), move |control| control.restart(sink, Duration::ZERO));
    run(&mut sim);
    assert_eq!(log_of(&sim), [format!("{:?} at 100", Some(Closed::Reset))]);
}

#[test]
fn a_one_way_partition_holds_messages_and_tells_nobody() {
    let mut sim = common::sim(Config::with_seed(5));
    let sink = sink(&sim);
    let source = sim.spawn_process("source", |ctx| async move {
        let connection = ctx.connect("sink", "in").await.expect("connected");
        for number in 0..10u32 {
            connection.send(number, "number").expect("open");
            ctx.sleep(secs(1)).await;
        }
        ctx.sleep(Duration::MAX).await;
    });
    sim.at(Instant::from_nanos(2_500_000_000), move |control| control.partition(source, sink));
    sim.run_until(Instant::from_secs(60));
    assert_eq!(log_of(&sim), ["got 0", "got 1", "got 2"]);
    let (there, back) = (sim.traffic(source, sink), sim.traffic(sink, source));
    assert_eq!((there.blocked, back.blocked), (7, 0), "what the cut kept back is counted");
    assert!(there.sent >= 4, "a handshake and three messages went over it: {there:?}");
    sim.heal(source, sink);
    sim.run_until(Instant::from_secs(61));
    let all: Vec<String> = (0..10).map(|number| format!("got {number}")).collect();
    assert_eq!(log_of(&sim), all);
}

#[test]
fn the_other_direction_of_a_one_way_partition_still_works() {
    let mut sim = common::sim(Config::with_seed(5));
    let sink = sink(&sim);
    let source = sim.spawn_process("source", |ctx| async move {
        let connection = ctx.connect("sink", "in").await.expect("connected");
        ctx.sleep(secs(10)).await;
        connection.send(7u32, "seven").expect("open");
        ctx.sleep(Duration::MAX).await;
    });
    sim.at(Instant::from_secs(5), move |control| control.partition(sink, source));
    sim.run_until(Instant::from_secs(60));
    assert_eq!(log_of(&sim), ["got 7"]);
}

#[test]
fn broken_connections_are_reset_at_both_ends() {
    let mut sim = common::sim(Config::with_seed(5));
    let sink = sink(&sim);
    let source = sim.spawn_process("source", |ctx| async move {
        let connection = ctx.connect("sink", "in").await.expect("connected");
        let end = connection.recv().await.err();
        common::log(&ctx, &format!("source {end:?}"));
    });
    sim.run_until(Instant::from_secs(1));
    sim.break_connections(source, sink);
    sim.run_until(Instant::from_secs(2));
    let mut log = log_of(&sim);
    log.sort();
    assert_eq!(log, ["connection reset", "source Some(Reset)"]);
}

#[test]
fn send_wait_waits_for_the_receiver_and_is_released_by_it() {
    let mut sim = common::sim(Config::with_seed(5));
    let slow = sim.spawn_process("slow", |ctx| async move {
        let listener = ctx.listen("in");
        let connection = listener.accept().await;
        ctx.sleep(secs(100)).await;
        while connection.recv().await.is_ok() {
            ctx.sleep(secs(1)).await;
        }
    });
    sim.spawn_process("fast", |ctx| async move {
        let connection = ctx.connect("slow", "in").await.expect("connected");
        for number in 0..70u32 {
            connection.send_wait(number, "number").await.expect("open");
            if number == 63 {
                assert!(ctx.now() < Instant::from_secs(1), "the window is not used up yet");
            }
        }
        common::log(&ctx, &format!("sent at {}", ctx.now().as_nanos() / 1_000_000_000));
    });
    run(&mut sim);
    assert_eq!(log_of(&sim), ["sent at 105"]);
    assert!(!sim.is_running(slow));
}

#[test]
fn datagrams_get_lost_doubled_and_cut_off() {
    let received = |link: LinkConfig, cut: bool| {
        let mut sim = common::sim(Config::with_seed(11));
        sim.set_default_link(link);
        let sink = sim.spawn_process("sink", |ctx| async move {
            let socket = ctx.bind("in");
            loop {
                let (_, message) = socket.recv().await;
                common::log(&ctx, &message.take::<u32>().to_string());
            }
        });
        let source = sim.spawn_process("source", |ctx| async move {
            for number in 0..1000u32 {
                ctx.send_datagram("sink", "in", number, "number");
                ctx.sleep(MS).await;
            }
        });
        if cut {
            sim.partition(source, sink);
        }
        run(&mut sim);
        log_of(&sim)
    };
    let even = LinkConfig::latency(MS, MS);
    assert_eq!(received(even, false).len(), 1000);
    assert_eq!(received(even, true).len(), 0);
    let lossy = received(LinkConfig { drop_ppm: 100_000, ..even }, false).len();
    assert!((850..950).contains(&lossy), "{lossy} of 1000 arrived at 10 % loss");
    let doubling = received(LinkConfig { duplicate_ppm: 100_000, ..even }, false).len();
    assert!((1050..1150).contains(&doubling), "{doubling} of 1000 arrived at 10 % duplication");
    let shuffled = received(LinkConfig::latency(Duration::ZERO, 10 * MS), false);
    let in_order: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    assert_eq!(shuffled.len(), 1000);
    assert_ne!(shuffled, in_order, "datagrams overtake each other");
}

#[test]
fn a_held_link_releases_datagrams_too() {
    let mut sim = common::sim(Config::with_seed(11));
    let sink = sim.spawn_process("sink", |ctx| async move {
        let socket = ctx.bind("in");
        loop {
            let (from, message) = socket.recv().await;
            common::log(&ctx, &format!("{} from {}", message.take::<u32>(), ctx.control().name(from)));
        }
    });
    let source = sim.spawn_process("source", |ctx| async move {
        ctx.send_datagram("sink", "in", 1u32, "one");
        ctx.sleep(Duration::MAX).await;
    });
    sim.hold(source, sink);
    sim.run_until(Instant::from_secs(50));
    assert_eq!(log_of(&sim).len(), 0);
    sim.release(source, sink);
    sim.run_until(Instant::from_secs(51));
    assert_eq!(log_of(&sim), ["1 from source"]);
}

#[test]
fn a_paused_process_is_connected_to_and_answers_when_it_resumes() {
    let mut sim = common::sim(Config::with_seed(5));
    let sink = sink(&sim);
    sim.run_until(Instant::from_secs(1));
    sim.pause(sink);
    sim.spawn_process("source", |ctx| async move {
        let connection = ctx.connect("sink", "in").await.expect("its machine accepts");
        connection.send(1u32, "one").expect("open");
        ctx.sleep(Duration::MAX).await;
    });
    sim.run_until(Instant::from_secs(60));
    assert_eq!(log_of(&sim).len(), 0);
    sim.resume(sink);
    sim.run_until(Instant::from_secs(61));
    assert_eq!(log_of(&sim), ["got 1"]);
}
