//! Counts the instructions of the hot paths under callgrind, through gungraun.
//!
//! Times on a shared machine find factors; counts find per cents. Run it through the program `instructions`, which
//! divides by the messages and compares with the budget; gungraun's own comparison, with the run before, knows no
//! difference of two sizes.
//!
//! All threads are counted, from the first function of each. What the worker does because time has passed
//! (`Worker::look_around`: clock, sockets, timers) is left out: under valgrind a turn takes fifty times as long, so it
//! does so more often per message than it does in truth, and not equally often each time. Callgrind runs one thread at
//! a time, so this says nothing about contention.

#![expect(missing_docs, reason = "gungraun's macros make items without")]

use gungraun::{Callgrind, EntryPoint, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use potoroo_benches::hot_paths::{self, LARGE, SMALL};

/// Where collecting is switched on, by the first function of a thread, and off, during what is left out.
const SWITCHES: [&str; 2] = [
    "--toggle-collect=*::__rust_begin_short_backtrace*",
    "--toggle-collect=*::Worker::look_around*",
];

#[library_benchmark]
#[bench::small(SMALL)]
#[bench::large(LARGE)]
fn local_turn(messages: u64) {
    hot_paths::local_turn(messages);
}

#[library_benchmark]
#[bench::small(SMALL)]
#[bench::large(LARGE)]
fn local_burst(messages: u64) {
    hot_paths::local_burst(messages);
}

#[library_benchmark]
#[bench::small(SMALL)]
#[bench::large(LARGE)]
fn remote(messages: u64) {
    hot_paths::remote(messages);
}

#[library_benchmark]
#[bench::small(SMALL)]
#[bench::large(LARGE)]
fn spawn_and_stop(lives: u64) {
    hot_paths::spawn_and_stop(lives);
}

#[library_benchmark]
#[bench::small(SMALL)]
#[bench::large(LARGE)]
fn ask(asks: u64) {
    hot_paths::ask(asks);
}

library_benchmark_group!(
    name = per_message,
    benchmarks = [local_turn, local_burst, remote, spawn_and_stop, ask]
);

main!(
    config = LibraryBenchmarkConfig::default()
        .tool(Callgrind::with_args(["--cache-sim=no"].into_iter().chain(SWITCHES)).entry_point(EntryPoint::None)),
    library_benchmark_groups = per_message
);
