//! Measures the kernel beside turmoil and madsim and prints one table.
//!
//! `cargo run --release --manifest-path bench/sim/Cargo.toml`, or `cargo xtask bench-sim`. Each simulator runs the same
//! four cases in a program of its own, as often as it can in about a second; the best of three runs counts. They differ
//! in what they do for a message: madsim and the kernel move a value, turmoil's streams carry bytes as a socket does.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const RUNS: usize = 3;
const SIMULATORS: [Simulator; 3] = [
    Simulator { name: "seaworthy", flags: None },
    Simulator { name: "madsim", flags: Some("--cfg madsim") },
    Simulator { name: "turmoil", flags: None },
];

struct Simulator {
    name: &'static str,
    /// Flags for the compiler, which need a target folder of their own.
    flags: Option<&'static str>,
}

/// Operations per second by case, in the order in which the cases ran.
type Rates = Vec<(String, f64)>;

fn main() -> ExitCode {
    match measure_all() {
        Ok(all) => {
            print_table(&all);
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("bench-sim: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all() -> Result<Vec<Rates>, String> {
    let programs: Vec<PathBuf> = SIMULATORS.iter().map(build).collect::<Result<_, _>>()?;
    programs.iter().map(|program| measure(program)).collect()
}

/// Builds a simulator's side and gives its program.
fn build(simulator: &Simulator) -> Result<PathBuf, String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| here.join("target"), PathBuf::from);
    let target = if simulator.flags.is_some() { target.join(simulator.name) } else { target };
    let package = format!("bench-sim-{}", simulator.name);
    eprintln!("building {package}");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(here).args(["build", "--quiet", "--release", "--locked", "--package", &package]);
    cargo.env("CARGO_TARGET_DIR", &target);
    if let Some(flags) = simulator.flags {
        cargo.env("RUSTFLAGS", flags);
    }
    match cargo.status() {
        Ok(status) if status.success() => Ok(target.join("release").join(package)),
        Ok(status) => Err(format!("{package} does not build: {status}")),
        Err(error) => Err(format!("cargo could not be started: {error}")),
    }
}

/// Runs a program several times and keeps the best rate of each case.
fn measure(program: &Path) -> Result<Rates, String> {
    eprintln!("running {}", program.display());
    let mut order = Vec::new();
    let mut best = BTreeMap::new();
    for _ in 0..RUNS {
        let output =
            Command::new(program).output().map_err(|error| format!("{}: {error}", program.display()))?;
        if !output.status.success() {
            return Err(format!("{}: {}", program.display(), String::from_utf8_lossy(&output.stderr)));
        }
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let (case, rate) =
                parse(line).ok_or_else(|| format!("{}: odd line {line:?}", program.display()))?;
            let known = best.entry(case.clone()).or_insert_with(|| {
                order.push(case);
                0.0
            });
            *known = rate.max(*known);
        }
    }
    Ok(order.into_iter().map(|case| (case.clone(), best[&case])).collect())
}

/// Reads `case, operations, seconds`.
fn parse(line: &str) -> Option<(String, f64)> {
    let mut fields = line.split('\t');
    let (case, operations, seconds) = (fields.next()?, fields.next()?, fields.next()?);
    Some((case.to_owned(), operations.parse::<f64>().ok()? / seconds.parse::<f64>().ok()?))
}

fn print_table(all: &[Rates]) {
    let units = ["messages/s", "messages/s", "wake-ups/s", "virtual s/s"];
    print!("{:<24} {:<12}", "", "");
    SIMULATORS.iter().for_each(|simulator| print!("{:>14}", simulator.name));
    println!("   ahead of the next best");
    for (row, (case, own)) in all[0].iter().enumerate() {
        print!("{case:<24} {:<12}", units.get(row).unwrap_or(&""));
        all.iter().for_each(|rates| print!("{:>14}", grouped(rates[row].1)));
        let rival = all[1..].iter().map(|rates| rates[row].1).fold(0.0, f64::max);
        println!("   {:.1} times", own / rival);
    }
}

/// Writes a number with its thousands apart.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
