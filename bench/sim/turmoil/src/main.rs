//! turmoil's side of the comparison: at its default tick of 1 ms, with latencies as the others have.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::{TcpListener, TcpStream, UdpSocket};
use turmoil::{Builder, Sim};

const ROUNDS: u64 = 20_000;
const TIMERS: u64 = 1_000;
const TURNS: u64 = 60;
const IDLE_SECONDS: u64 = 60;

fn main() {
    report("connection ping-pong", 2 * ROUNDS, connection_ping_pong);
    report("datagram ping-pong", 2 * ROUNDS, datagram_ping_pong);
    report("1,000 timers", TIMERS * TURNS, timers);
    report("idle, 10 processes", IDLE_SECONDS, idle);
}

/// Prints a line for the runner: case, operations, seconds, events (not counted here), virtual seconds.
fn report(case: &str, operations: u64, run: fn() -> Duration) {
    let started = Instant::now();
    let elapsed = run();
    let seconds = started.elapsed().as_secs_f64();
    println!("{case}\t{operations}\t{seconds}\t0\t{}", elapsed.as_secs_f64());
}

fn even() -> Sim<'static> {
    Builder::new()
        .rng_seed(1)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(2))
        .simulation_duration(Duration::from_secs(100_000))
        .build()
}

fn finish(mut sim: Sim<'static>) -> Duration {
    sim.run().expect("the run succeeds");
    sim.elapsed()
}

fn connection_ping_pong() -> Duration {
    let mut sim = even();
    sim.host("server", || async {
        let listener = TcpListener::bind("0.0.0.0:9000").await?;
        let (mut stream, _) = listener.accept().await?;
        while let Ok(number) = stream.read_u64().await {
            stream.write_u64(number + 1).await?;
        }
        Ok(())
    });
    sim.client("client", async {
        let mut stream = TcpStream::connect("server:9000").await?;
        let mut number = 0;
        while number < ROUNDS {
            stream.write_u64(number).await?;
            number = stream.read_u64().await?;
        }
        Ok(())
    });
    finish(sim)
}

fn datagram_ping_pong() -> Duration {
    let mut sim = even();
    sim.host("server", || async {
        let socket = UdpSocket::bind("0.0.0.0:9000").await?;
        let mut buffer = [0; 8];
        loop {
            let (_, from) = socket.recv_from(&mut buffer).await?;
            let number = u64::from_be_bytes(buffer) + 1;
            socket.send_to(&number.to_be_bytes(), from).await?;
        }
    });
    sim.client("client", async {
        let socket = UdpSocket::bind("0.0.0.0:9001").await?;
        let mut buffer = [0; 8];
        let mut number = 0u64;
        while number < ROUNDS {
            socket.send_to(&number.to_be_bytes(), "server:9000").await?;
            socket.recv_from(&mut buffer).await?;
            number = u64::from_be_bytes(buffer);
        }
        Ok(())
    });
    finish(sim)
}

fn timers() -> Duration {
    let mut sim = even();
    sim.client("timers", async {
        let timer = |number| async move {
            for _ in 0..TURNS {
                tokio::time::sleep(Duration::from_micros(1_000_000 + number)).await;
            }
        };
        let tasks: Vec<_> = (0..TIMERS).map(|number| tokio::spawn(timer(number))).collect();
        for task in tasks {
            task.await?;
        }
        Ok(())
    });
    finish(sim)
}

fn idle() -> Duration {
    let mut sim = even();
    for number in 0..9 {
        sim.host(format!("idle-{number}"), || async {
            loop {
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
        });
    }
    sim.client("clock", async {
        tokio::time::sleep(Duration::from_secs(IDLE_SECONDS)).await;
        Ok(())
    });
    finish(sim)
}
