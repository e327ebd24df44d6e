//! Prints how long it takes to the handler of an idle actor: from a thread outside, on 1 and 2 workers, and from an actor
//! on another worker.
//!
//! `cargo run --release -p potoroo-benches --bin latency [-- --quick]`. About 10 s. Each run has a system of its own; runs
//! alternate between the columns. It lacks load: under load the question is another one.

use potoroo_benches::latency::{percentile, run, run_between_workers};
use potoroo_benches::system;
use std::time::Duration;

/// How often each column is measured.
const RUNS: usize = 3;

/// Messages of one run.
const SAMPLES: u32 = 1_000;

/// As above, to see whether everything works.
const QUICK_SAMPLES: u32 = 20;

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn main() {
    let quick = std::env::args().any(|word| word == "--quick");
    let samples = if quick { QUICK_SAMPLES } else { SAMPLES };
    let mut rows: [(&str, &dyn Fn() -> Vec<Duration>, Vec<Duration>); 3] = [
        ("a thread, 1 worker", &|| run(&system(1), samples), Vec::new()),
        ("a thread, 2 workers", &|| run(&system(2), samples), Vec::new()),
        (
            "another worker",
            &|| run_between_workers(&system(2), samples),
            Vec::new(),
        ),
    ];
    for round in 1..=RUNS {
        for (from, measure, took) in &mut rows {
            eprintln!("round {round} of {RUNS}: from {from}");
            took.extend(measure());
        }
    }
    println!("Microseconds from a tell to the handler of an idle actor; {RUNS} runs of {samples}.\n");
    println!("| from                |    p50 |    p99 |     max |");
    println!("|---|---|---|---|");
    for (from, _, took) in &mut rows {
        took.sort_unstable();
        let [median, p99, max] = [50, 99, 100].map(|percent| micros(percentile(took, percent)));
        println!("| {from:19} | {median:6.1} | {p99:6.1} | {max:7.1} |");
    }
}
