//! madsim's side of the comparison. It simulates only if everything is built with `--cfg madsim`.

#[cfg(madsim)]
fn main() {
    simulated::main();
}

#[cfg(not(madsim))]
fn main() {
    eprintln!("built without --cfg madsim: nothing would be simulated");
    std::process::exit(2);
}

#[cfg(madsim)]
mod simulated {
    use std::future::Future;
    use std::net::SocketAddr;
    use std::time::{Duration, Instant};

    use madsim::net::{Endpoint, NetSim};
    use madsim::runtime::Runtime;

    const ROUNDS: u64 = 200_000;
    const TIMERS: u64 = 1_000;
    const TURNS: u64 = 500;
    const IDLE_SECONDS: u64 = 1_000_000;

    pub fn main() {
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

    fn even() -> Runtime {
        Runtime::with_seed_and_config(1, madsim::Config::default())
    }

    /// Runs the main future and gives the virtual time that passed.
    fn finish(runtime: Runtime, main: impl Future<Output = ()>) -> Duration {
        runtime.block_on(async {
            let started = madsim::time::Instant::now();
            NetSim::current().update_config(|config| {
                config.send_latency = Duration::from_millis(1)..Duration::from_millis(2);
            });
            main.await;
            started.elapsed()
        })
    }

    fn addresses() -> (SocketAddr, SocketAddr) {
        ("10.0.0.1:1".parse().expect("an address"), "10.0.0.2:1".parse().expect("an address"))
    }

    fn connection_ping_pong() -> Duration {
        let (server, client) = addresses();
        let runtime = even();
        let node = runtime.create_node().ip(server.ip()).build();
        node.spawn(async move {
            let endpoint = Endpoint::bind(server).await.expect("bound");
            let (sender, mut receiver, _) = endpoint.accept1().await.expect("accepted");
            while let Ok(message) = receiver.recv().await {
                let number = *message.downcast::<u64>().expect("a number");
                if sender.send(Box::new(number + 1)).await.is_err() {
                    break;
                }
            }
        });
        let node = runtime.create_node().ip(client.ip()).build();
        let pings = node.spawn(async move {
            madsim::time::sleep(Duration::from_secs(1)).await;
            let endpoint = Endpoint::bind(client).await.expect("bound");
            let (sender, mut receiver) = endpoint.connect1(server).await.expect("connected");
            let mut number = 0u64;
            while number < ROUNDS {
                sender.send(Box::new(number)).await.expect("open");
                let message = receiver.recv().await.expect("open");
                number = *message.downcast().expect("a number");
            }
        });
        finish(runtime, async move { pings.await.expect("finished") })
    }

    fn datagram_ping_pong() -> Duration {
        let (server, client) = addresses();
        let runtime = even();
        let node = runtime.create_node().ip(server.ip()).build();
        node.spawn(async move {
            let endpoint = Endpoint::bind(server).await.expect("bound");
            loop {
                let (message, from) = endpoint.recv_from_raw(1).await.expect("received");
                let number = *message.downcast::<u64>().expect("a number");
                endpoint.send_to_raw(from, 1, Box::new(number + 1)).await.expect("sent");
            }
        });
        let node = runtime.create_node().ip(client.ip()).build();
        let pings = node.spawn(async move {
            madsim::time::sleep(Duration::from_secs(1)).await;
            let endpoint = Endpoint::bind(client).await.expect("bound");
            let mut number = 0u64;
            while number < ROUNDS {
                endpoint.send_to_raw(server, 1, Box::new(number)).await.expect("sent");
                let (message, _) = endpoint.recv_from_raw(1).await.expect("received");
                number = *message.downcast().expect("a number");
            }
        });
        finish(runtime, async move { pings.await.expect("finished") })
    }

    fn timers() -> Duration {
        let runtime = even();
        let node = runtime.create_node().build();
        let timers = node.spawn(async move {
            let timer = |number| async move {
                for _ in 0..TURNS {
                    madsim::time::sleep(Duration::from_micros(1_000_000 + number)).await;
                }
            };
            let tasks: Vec<_> = (0..TIMERS).map(|number| madsim::task::spawn(timer(number))).collect();
            for task in tasks {
                task.await.expect("finished");
            }
        });
        finish(runtime, async move { timers.await.expect("finished") })
    }

    fn idle() -> Duration {
        let runtime = even();
        for _ in 0..10 {
            let node = runtime.create_node().build();
            node.spawn(async {
                loop {
                    madsim::time::sleep(Duration::from_secs(10)).await;
                }
            });
        }
        finish(runtime, async { madsim::time::sleep(Duration::from_secs(IDLE_SECONDS)).await })
    }
}
