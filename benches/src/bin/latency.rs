//! Prints how long it takes from a thread outside to the handler of an idle actor, on 1 and 2 workers.
//!
//! `cargo run --release -p potoroo-benches --bin latency [-- --quick]`. About 7 s. Each run has a system of its own; runs
//! alternate between the columns. It lacks load: under load the question is another one.

use potoroo_benches::latency::{percentile, run};
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
    let mut columns = [1_usize, 2].map(|workers| (workers, Vec::new()));
    for round in 1..=RUNS {
        for (workers, took) in &mut columns {
            eprintln!("round {round} of {RUNS}: workers: {workers}");
            took.extend(run(&system(*workers), samples));
        }
    }
    println!("Microseconds from a tell outside to the handler of an idle actor; {RUNS} runs of {samples}.\n");
    println!("| workers |    p50 |    p99 |     max |");
    println!("|---|---|---|---|");
    for (workers, took) in &mut columns {
        took.sort_unstable();
        let [median, p99, max] = [50, 99, 100].map(|percent| micros(percentile(took, percent)));
        println!("| {workers:7} | {median:6.1} | {p99:6.1} | {max:7.1} |");
    }
}
