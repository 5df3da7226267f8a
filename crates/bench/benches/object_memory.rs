//! What 150,000 pods of 300 templates weigh, held in different ways.
//!
//! `cargo bench -p seaworthy-bench --bench object_memory`. The other representations are weighed on a tenth of the
//! pods, because all of them would need more than ten gigabytes.

#![expect(clippy::print_stdout, reason = "a bench talks to the terminal")]

use bench::{POD_COUNT, pod_json};
use k8s_openapi::api::core::v1::Pod;
use object::{Pool, Value, json};
use peak_alloc::PeakAlloc;
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const NAMES: [&str; 5] =
    ["tree, equal subtrees shared", "tree as parsed", "JSON text", "serde_json::Value", "k8s-openapi Pod"];

/// Weighs every representation in a process of its own, or memory freed by one would be taken for the next.
fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().position(|argument| argument == "--only") {
        Some(at) => weigh_one(&arguments[at + 1]),
        // Cargo asks a test runner for its tests with this flag; there are none.
        None if arguments.iter().any(|argument| argument == "--list") => {}
        None => {
            println!("{:<30} {:>8} {:>12} {:>14}", "", "pods", "bytes a pod", "resident a pod");
            for name in NAMES {
                let own = std::env::current_exe().expect("this program has a path");
                let status = std::process::Command::new(own).args(["--only", name]).status();
                assert!(status.is_ok_and(|status| status.success()), "{name} could not be weighed");
            }
        }
    }
}

fn weigh_one(name: &str) {
    match NAMES.iter().position(|other| *other == name).expect("a name of the table") {
        0 => {
            let mut pool = Pool::default();
            weigh(name, POD_COUNT, |number| pool.share(&parse(number)));
        }
        1 => weigh(name, POD_COUNT / 10, parse),
        2 => weigh(name, POD_COUNT / 10, pod_json),
        3 => weigh(name, POD_COUNT / 10, |number| {
            serde_json::from_str::<serde_json::Value>(&pod_json(number)).expect("it is JSON")
        }),
        _ => weigh(name, POD_COUNT / 10, |number| {
            serde_json::from_str::<Pod>(&pod_json(number)).expect("it is a pod")
        }),
    }
}

fn parse(number: usize) -> Value {
    json::parse(pod_json(number).as_bytes()).expect("it is JSON")
}

/// Makes pods, and prints what they weigh by the allocator's count and by the operating system's.
fn weigh<T>(name: &str, count: usize, mut make: impl FnMut(usize) -> T) {
    // Warms up whatever is made once, such as tables of keys.
    drop(make(0));
    let (bytes, resident) = (ALLOCATOR.current_usage(), resident_bytes());
    let pods: Vec<T> = (0..count).map(&mut make).collect();
    let (bytes, resident) = (ALLOCATOR.current_usage() - bytes, resident_bytes().saturating_sub(resident));
    println!("{name:<30} {count:>8} {:>12} {:>14}", bytes / count, resident / count);
    drop(black_box(pods));
}

/// Gives the resident memory of this process, 0 where the operating system does not say.
fn resident_bytes() -> usize {
    const PAGE_BYTES: usize = 4096;
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * PAGE_BYTES
}
