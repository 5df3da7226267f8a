//! The kernel's side of the comparison.

use std::time::{Duration, Instant};

use sim::{Config, Ctx, LinkConfig, Sim};

const ROUNDS: u64 = 1_000_000;
const TIMERS: u64 = 1_000;
const TURNS: u64 = 2_000;
const IDLE_SECONDS: u64 = 2_000_000;

fn main() {
    report("connection ping-pong", 2 * ROUNDS, connection_ping_pong);
    report("datagram ping-pong", 2 * ROUNDS, datagram_ping_pong);
    report("1,000 timers", TIMERS * TURNS, timers);
    report("idle, 10 processes", IDLE_SECONDS, idle);
}

/// Prints a line for the runner: case, operations, seconds, events, virtual seconds.
fn report(case: &str, operations: u64, run: fn() -> Sim) {
    let started = Instant::now();
    let sim = run();
    let seconds = started.elapsed().as_secs_f64();
    println!("{case}\t{operations}\t{seconds}\t{}\t{}", sim.events(), sim.now().as_secs_f64());
}

fn even() -> Sim {
    let sim = Sim::new(Config::with_seed(1));
    sim.set_default_link(LinkConfig::latency(Duration::from_millis(1), Duration::from_millis(2)));
    sim
}

fn connection_ping_pong() -> Sim {
    let mut sim = even();
    sim.spawn_process("server", |ctx| async move {
        let connection = ctx.listen("echo").accept().await;
        while let Ok(message) = connection.recv().await {
            let number: u64 = message.take();
            if connection.send(number + 1, "echo").is_err() {
                break;
            }
        }
    });
    sim.spawn_process("client", |ctx| async move {
        let connection = ctx.connect("server", "echo").await.expect("listens");
        let mut number = 0u64;
        while number < ROUNDS {
            connection.send(number, "ping").expect("open");
            number = connection.recv().await.expect("open").take();
        }
    });
    sim.run();
    sim
}

fn datagram_ping_pong() -> Sim {
    let mut sim = even();
    sim.spawn_process("server", |ctx| async move {
        let socket = ctx.bind("echo");
        loop {
            let (from, message) = socket.recv().await;
            ctx.send_datagram(from, "echo", message.take::<u64>() + 1, "echo");
        }
    });
    sim.spawn_process("client", |ctx| async move {
        let socket = ctx.bind("echo");
        let mut number = 0u64;
        while number < ROUNDS {
            ctx.send_datagram("server", "echo", number, "ping");
            number = socket.recv().await.1.take();
        }
    });
    sim.run();
    sim
}

fn timers() -> Sim {
    let mut sim = even();
    sim.spawn_process("timers", |ctx| async move {
        let mut tasks = Vec::new();
        for number in 0..TIMERS {
            let inner = ctx.clone();
            tasks.push(ctx.spawn("timer", async move {
                for _ in 0..TURNS {
                    inner.sleep(Duration::from_micros(1_000_000 + number)).await;
                }
            }));
        }
        for task in tasks {
            task.await.expect("not aborted");
        }
    });
    sim.run();
    sim
}

fn idle() -> Sim {
    async fn heartbeat(ctx: Ctx) {
        loop {
            ctx.sleep(Duration::from_secs(10)).await;
        }
    }
    let mut sim = even();
    for number in 0..10 {
        sim.spawn_process(&format!("idle-{number}"), heartbeat);
    }
    sim.run_until(sim::Instant::from_secs(IDLE_SECONDS));
    sim
}
