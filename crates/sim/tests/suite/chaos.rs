//! Whatever faults come in whatever order: what a connection delivers is a prefix of what was sent, the kernel never
//! loses its way, and when the faults end everybody gets through.

use std::time::Duration;

use sim::{Config, Control, CrashKind, Ctx, Instant, LinkConfig, Outcome, ProcessId, Sim, Strategy};

use crate::common::{self, Log, log, log_of};

const CLIENTS: usize = 3;
const FAULTS: u64 = 60;
const MS: Duration = Duration::from_millis(1);

async fn server(ctx: Ctx) {
    let listener = ctx.listen("in");
    loop {
        let connection = listener.accept().await;
        let inner = ctx.clone();
        ctx.spawn("session", async move {
            let mut expected = 0u32;
            while let Ok(message) = connection.recv().await {
                let number = message.take::<u32>();
                assert_eq!(number, expected, "a connection lost, doubled or reordered a message");
                expected += 1;
                if connection.send_wait(number, "echo").await.is_err() {
                    return;
                }
                inner.sleep(inner.choose_duration("work", "session", Duration::ZERO, 3 * MS)).await;
            }
        });
    }
}

async fn client(ctx: Ctx) {
    let name = ctx.process_name();
    loop {
        if let Ok(Ok(connection)) = ctx.timeout(Duration::from_secs(2), ctx.connect("server", "in")).await {
            for number in 0..20u32 {
                if connection.send(number, "number").is_err() {
                    break;
                }
            }
            for number in 0..20u32 {
                let Ok(Ok(answer)) = ctx.timeout(Duration::from_secs(1), connection.recv()).await else {
                    break;
                };
                assert_eq!(answer.take::<u32>(), number, "answers in order");
                if number == 19 && ctx.now() > Instant::from_secs(60) {
                    log(&ctx, &name);
                    return;
                }
            }
        }
        ctx.sleep(ctx.choose_duration("back-off", &name, MS, 200 * MS)).await;
    }
}

/// One fault, drawn.
fn fault(control: &Control, processes: &[ProcessId]) {
    let draw = |what: &str, n: usize| control.choose("fault", what, n as u64) as usize;
    let one = processes[draw("one", processes.len())];
    let other = processes[draw("other", processes.len())];
    let latency = LinkConfig {
        drop_ppm: draw("drop", 300_000) as u32,
        ..LinkConfig::latency(Duration::ZERO, MS * draw("latency", 100) as u32)
    };
    match draw("kind", 12) {
        0 => control.crash(one, CrashKind::Process),
        1 => control.crash(one, CrashKind::Machine),
        2 | 3 => control.restart(one, MS * draw("down", 1000) as u32),
        4 => control.pause(one),
        5 => control.resume(one),
        6 => control.partition(one, other),
        7 => control.heal(one, other),
        8 => control.hold(one, other),
        9 => control.release(one, other),
        10 => drop(control.break_connections(one, other)),
        _ => control.set_link(one, other, latency),
    }
}

/// Undoes every fault, so that liveness can be asked for.
fn calm(control: &Control, processes: &[ProcessId]) {
    for one in processes {
        control.resume(*one);
        if !control.is_running(*one) {
            control.restart(*one, Duration::ZERO);
        }
        for other in processes {
            control.heal(*one, *other);
            control.release(*one, *other);
            control.set_link(*one, *other, LinkConfig::default());
        }
    }
}

fn storm(config: Config) -> (Sim, Outcome) {
    let mut sim = common::sim(config);
    let mut processes = vec![sim.spawn_process("server", server)];
    for number in 0..CLIENTS {
        processes.push(sim.spawn_process(&format!("client-{number}"), client));
    }
    for number in 0..FAULTS {
        let processes = processes.clone();
        let at = Duration::from_millis(sim.choose("fault", "when", 50_000));
        sim.at(Instant::START + at + Duration::from_nanos(number), move |control| fault(control, &processes));
    }
    sim.at(Instant::from_secs(51), move |control| calm(control, &processes));
    let done = |control: &Control| control.world::<Log>().len() >= CLIENTS;
    let outcome = sim.run_while(|control| !done(control) && control.now() < Instant::from_secs(600));
    (sim, outcome)
}

#[test]
fn connections_deliver_prefixes_under_any_faults_and_everybody_gets_through_afterwards() {
    for seed in 0..60 {
        let strategy = match seed % 3 {
            0 => Strategy::Random,
            1 => Strategy::Fifo,
            _ => Strategy::Priority { change_points: 5, horizon_events: 20_000 },
        };
        let (sim, outcome) = storm(Config { strategy, ..Config::with_seed(seed) });
        assert_eq!(outcome, Outcome::ConditionMet, "seed {seed}");
        let mut through = log_of(&sim);
        through.sort();
        assert_eq!(through, ["client-0", "client-1", "client-2"], "seed {seed}");
        assert!(sim.now() < Instant::from_secs(120), "seed {seed} took until {}", sim.now());
    }
}

#[test]
fn a_storm_is_as_deterministic_as_calm_weather() {
    for seed in 0..10 {
        let hash = || storm(Config::with_seed(seed)).0.trace_hash();
        assert_eq!(hash(), hash(), "seed {seed}");
    }
}
