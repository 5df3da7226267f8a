//! A run that touches everything: the subject of the tests of determinism.

use std::time::Duration;

use sim::sync::{Notify, channel};
use sim::{Config, CrashKind, Ctx, Instant, LinkConfig, Sim, TraceLevel};

const MS: Duration = Duration::from_millis(1);

/// Three clients that reconnect, a server that is crashed, paused and cut off, datagrams, timers, races.
pub fn voyage(config: Config) -> Sim {
    let sim = crate::common::sim(config);
    sim.set_default_link(LinkConfig {
        drop_ppm: 10_000,
        duplicate_ppm: 10_000,
        ..LinkConfig::latency(MS, 5 * MS)
    });
    let server = sim.spawn_process("server", server);
    for number in 0..3 {
        sim.spawn_process(&format!("client-{number}"), client);
    }
    let client = sim.find("client-1").expect("spawned");
    sim.at(Instant::from_secs(5), move |control| {
        control.crash(server, CrashKind::Process);
        control.restart(server, Duration::from_secs(1));
    });
    sim.at(Instant::from_secs(10), move |control| control.pause(server));
    sim.at(Instant::from_secs(12), move |control| control.resume(server));
    sim.at(Instant::from_secs(15), move |control| control.partition(client, server));
    sim.at(Instant::from_secs(18), move |control| control.heal(client, server));
    sim.at(Instant::from_secs(20), move |control| {
        control.crash(server, CrashKind::Machine);
        control.set_drift_ppm(client, 200);
    });
    sim.at(Instant::from_secs(22), move |control| control.restart(server, Duration::ZERO));
    sim
}

/// Runs the voyage for half a virtual minute.
pub fn sailed(config: Config) -> Sim {
    let mut sim = voyage(config);
    sim.run_until(Instant::from_secs(30));
    sim
}

/// The same with defaults and a seed, traced or not.
pub fn seeded(seed: u64, keep_trace: TraceLevel) -> Sim {
    sailed(Config { keep_trace, ..Config::with_seed(seed) })
}

async fn server(ctx: Ctx) {
    let listener = ctx.listen("work");
    let beats = ctx.bind("beat");
    let (done, mut finished) = channel::<u64>("finished", 4);
    let changed = Notify::named("changed");
    let inner = ctx.clone();
    ctx.spawn("beats", async move {
        loop {
            let (from, message) = beats.recv().await;
            inner.trace("beat", &inner.control().name(from), || message.take::<u64>().to_string());
        }
    });
    let (inner, waiting) = (ctx.clone(), changed.clone());
    ctx.spawn("tally", async move {
        let mut total = 0;
        while let Some(work) = finished.recv().await {
            total += work;
            inner.trace("tally", "work", || total.to_string());
            waiting.notify_all();
        }
    });
    loop {
        let connection = listener.accept().await;
        let (inner, done, changed) = (ctx.clone(), done.clone(), changed.clone());
        ctx.spawn("session", async move {
            while let Ok(message) = connection.recv().await {
                let work: u64 = message.take();
                inner.sleep(inner.choose_duration("work", "session", MS, 20 * MS)).await;
                if done.send(work).await.is_err() {
                    return;
                }
                changed.notified().await;
                if connection.send(work + 1, "done").is_err() {
                    return;
                }
            }
        });
    }
}

async fn client(ctx: Ctx) {
    let name = ctx.process_name();
    loop {
        ctx.sleep(ctx.choose_duration("back-off", &name, 10 * MS, 100 * MS)).await;
        let Ok(Ok(connection)) = ctx.timeout(Duration::from_secs(1), ctx.connect("server", "work")).await
        else {
            continue;
        };
        for work in 0..50u64 {
            ctx.send_datagram("server", "beat", work, "beat");
            if connection.send(work, "work").is_err() {
                break;
            }
            match ctx.timeout(Duration::from_secs(2), connection.recv()).await {
                Ok(Ok(answer)) => {
                    ctx.trace("answer", &name, || format!("{} at {}", answer.take::<u64>(), ctx.wall()));
                }
                _ => break,
            }
        }
    }
}
