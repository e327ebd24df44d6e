//! Prints what the stream engine does with Market Spread in one process, beside the bare loop.
//!
//! `cargo run --release -p potoroo-benches --bin streams [-- --quick]`. Medians of runs that alternate between the
//! columns. The full size checks its results against the published value.

use potoroo_benches::market_spread::{EXPECTED, MESSAGES, Run, limit, run};
use potoroo_benches::system;

/// How often each column is measured.
const RUNS: usize = 5;

/// Messages of a run that only shows that everything works.
const QUICK_MESSAGES: u64 = 200_000;

fn main() {
    let quick = std::env::args().any(|word| word == "--quick");
    let messages = if quick { QUICK_MESSAGES } else { MESSAGES };
    let expected = if quick { limit(messages).results } else { EXPECTED };
    let columns: [(&str, &dyn Fn() -> Run); 3] = [
        ("bare loop", &|| limit(messages)),
        ("1 worker", &|| run(&system(1), messages)),
        ("2 workers", &|| run(&system(2), messages)),
    ];
    let mut rates = vec![Vec::new(); columns.len()];
    for round in 1..=RUNS {
        for ((name, measure), rates) in columns.iter().zip(&mut rates) {
            eprintln!("round {round} of {RUNS}: {name}");
            let run = measure();
            assert_eq!(run.results, expected, "{name}: the results are wrong");
            rates.push(messages as f64 / run.elapsed.as_secs_f64() / 1e6);
        }
    }
    println!("Market Spread, {messages} messages, million messages/s: median (lowest to highest) of {RUNS}");
    for ((name, _), mut rates) in columns.iter().zip(rates) {
        rates.sort_by(f64::total_cmp);
        println!(
            "{name:<10} {:>7.2} ({:.2} to {:.2})",
            rates[RUNS / 2],
            rates[0],
            rates[RUNS - 1]
        );
    }
    println!("results {}, checksum {:#x}", expected.0, expected.1);
}
