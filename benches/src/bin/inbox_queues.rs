//! Prints what a message costs in the runtime's inbox and in Vyukov's queue.
//!
//! `cargo run --release -p potoroo-benches --bin inbox_queues [-- --quick]`. About 15 s. Each cell is the median of runs
//! that alternate between the columns. The inbox also decides which push must notify; `vyukov, notifying` does the same
//! with a flag, `vyukov` alone does not.

use potoroo_benches::queues::{BATCH, Notifying, Queue, Vyukov, alone, crossing};
use potoroo_runtime::mailbox::Inbox;
use std::time::Duration;

/// How often each cell is measured.
const RUNS: usize = 5;

/// Messages of one run.
const MESSAGES: u64 = 20_000 * BATCH;

/// As above, to see whether everything works.
const QUICK_MESSAGES: u64 = 100 * BATCH;

/// A measurement of so many messages.
type Measure = fn(u64) -> Duration;

/// The same on all columns.
struct Row {
    name: &'static str,
    columns: [Measure; 3],
}

fn row(name: &'static str, columns: [Measure; 3]) -> Row {
    Row { name, columns }
}

/// So many producers, on each column.
fn crossings<const PRODUCERS: u64>(name: &'static str) -> Row {
    fn of<Q: Queue, const PRODUCERS: u64>(messages: u64) -> Duration {
        crossing::<Q>(PRODUCERS, messages)
    }
    row(
        name,
        [
            of::<Inbox<u64>, PRODUCERS>,
            of::<Vyukov, PRODUCERS>,
            of::<Notifying, PRODUCERS>,
        ],
    )
}

fn main() {
    let quick = std::env::args().any(|word| word == "--quick");
    let messages = if quick { QUICK_MESSAGES } else { MESSAGES };
    let rows = [
        row("one thread", [alone::<Inbox<u64>>, alone::<Vyukov>, alone::<Notifying>]),
        crossings::<1>("1 producer"),
        crossings::<2>("2 producers"),
        crossings::<8>("8 producers"),
    ];
    println!("ns per message, pushed and taken: median of {RUNS} runs of {messages} (lowest–highest).\n");
    println!(
        "| {:11} | {:19} | {:19} | {:19} |",
        "", "inbox", "vyukov", "vyukov, notifying"
    );
    println!("|---|---|---|---|");
    for row in rows {
        let mut took = [(); 3].map(|()| Vec::new());
        for run in 1..=RUNS {
            eprintln!("{}: run {run} of {RUNS}", row.name);
            for (measure, took) in row.columns.iter().zip(&mut took) {
                took.push(measure(messages).as_nanos() as f64 / messages as f64);
            }
        }
        let [inbox, vyukov, notifying] = took.map(|mut took| {
            took.sort_by(f64::total_cmp);
            format!("{:.1} ({:.1}–{:.1})", took[RUNS / 2], took[0], took[RUNS - 1])
        });
        println!("| {:11} | {inbox:19} | {vyukov:19} | {notifying:19} |", row.name);
    }
}
