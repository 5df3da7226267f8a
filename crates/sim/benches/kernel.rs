//! What the kernel costs per event, small and at the size of a large cluster. `cargo xtask bench-sim` compares it with
//! other simulators.

use std::time::Duration;

use divan::Bencher;
use divan::counter::ItemsCount;
use sim::sync::channel;
use sim::{Config, CrashKind, Instant, Sim, Strategy, TraceLevel};

fn main() {
    divan::main();
}

/// Runs a prepared simulation to its end; a second run of it counts the events.
fn bench(bencher: Bencher<'_, '_>, prepare: impl Fn() -> Sim + Sync) {
    let mut counted = prepare();
    counted.run_until(Instant::from_secs(60));
    bencher.counter(ItemsCount::new(counted.events())).with_inputs(&prepare).bench_local_values(|mut sim| {
        sim.run_until(Instant::from_secs(60));
        sim
    });
}

/// Clients that each ask one server once a second and wait for its answer.
fn fan_in(config: Config, clients: u32) -> Sim {
    let sim = Sim::new(config);
    sim.spawn_process("server", |ctx| async move {
        let listener = ctx.listen("api");
        loop {
            let connection = listener.accept().await;
            ctx.spawn("session", async move {
                while let Ok(request) = connection.recv().await {
                    if connection.send(request.take::<u64>() + 1, "answer").is_err() {
                        return;
                    }
                }
            });
        }
    });
    for number in 0..clients {
        sim.spawn_process(&format!("client-{number}"), |ctx| async move {
            let connection = ctx.connect("server", "api").await.expect("listens");
            for request in 0..u64::MAX {
                connection.send(request, "request").expect("open");
                connection.recv().await.expect("open");
                ctx.sleep(Duration::from_secs(1)).await;
            }
        });
    }
    sim
}

#[divan::bench(sample_count = 5, args = [10, 1000, 5000])]
fn requests_from_clients(bencher: Bencher<'_, '_>, clients: u32) {
    bench(bencher, || fan_in(Config::with_seed(1), clients));
}

#[divan::bench(sample_count = 5, args = [Strategy::Fifo, Strategy::Random, Strategy::Priority { change_points: 3, horizon_events: 200_000 }])]
fn strategies(bencher: Bencher<'_, '_>, strategy: Strategy) {
    bench(bencher, || fan_in(Config { strategy, ..Config::with_seed(1) }, 1000));
}

#[divan::bench(sample_count = 5, args = [TraceLevel::Off, TraceLevel::Events, TraceLevel::Steps])]
fn tracing(bencher: Bencher<'_, '_>, keep_trace: TraceLevel) {
    bench(bencher, || fan_in(Config { keep_trace, ..Config::with_seed(1) }, 1000));
}

#[divan::bench(sample_count = 5, args = [10, 1000, 100_000])]
fn timers(bencher: Bencher<'_, '_>, tasks: u64) {
    bench(bencher, || {
        let sim = Sim::new(Config::with_seed(1));
        sim.spawn_process("timers", move |ctx| async move {
            for number in 0..tasks {
                let inner = ctx.clone();
                ctx.spawn("timer", async move {
                    loop {
                        inner.sleep(Duration::from_micros(10_000_000 + number)).await;
                    }
                });
            }
            std::future::pending::<()>().await;
        });
        sim
    });
}

#[divan::bench(sample_count = 5)]
fn a_channel_between_two_tasks(bencher: Bencher<'_, '_>) {
    bench(bencher, || {
        let sim = Sim::new(Config::with_seed(1));
        sim.spawn_process("main", |ctx| async move {
            let (sender, mut receiver) = channel("numbers", 16);
            ctx.spawn("sender", async move {
                for number in 0..100_000u64 {
                    sender.send(number).await.expect("received");
                }
            });
            while receiver.recv().await.is_some() {}
        });
        sim
    });
}

#[divan::bench(sample_count = 5)]
fn crash_and_restart_of_a_process_with_a_thousand_tasks(bencher: Bencher<'_, '_>) {
    bench(bencher, || {
        let sim = Sim::new(Config::with_seed(1));
        let process = sim.spawn_process("fragile", |ctx| async move {
            for _ in 0..1000 {
                let inner = ctx.clone();
                ctx.spawn("task", async move { inner.sleep(Duration::from_secs(3600)).await });
            }
            std::future::pending::<()>().await;
        });
        for second in 1..60 {
            sim.at(Instant::from_secs(second), move |control| {
                control.crash(process, CrashKind::Machine);
                control.restart(process, Duration::ZERO);
            });
        }
        sim
    });
}
