//! What messages cost: small workloads on the runtime, and the same on a bare loop that no actor runtime can beat.
//!
//! Each workload is one file with a `run`. It sets its actors up, then times from the first message to the last, and
//! checks by a sum that every message was handled once, by the actor it was meant for: a run that lost something
//! panics instead of looking fast. [`ALL`] lists the workloads at the sizes that the benches, the comparison and the
//! tests share, [`suite`] is the same under the names of the program. [`market_spread`] does the same for the stream
//! engine, and [`stream_latency`] asks how long its records take. This crate lacks other runtimes.

pub mod bank;
pub mod big;
pub mod blocked;
pub mod bounded_buffer;
pub mod chameneos;
pub mod counting;
pub mod dictionary;
pub mod fan_in;
pub mod fork_join_create;
pub mod fork_join_throughput;
pub mod hot_paths;
pub mod idle_memory;
pub mod latency;
pub mod limit;
pub mod lives;
pub mod market_spread;
pub mod pairs;
pub mod ping_pong;
pub mod queens;
pub mod queues;
pub mod ring;
pub mod sieve;
pub mod skew;
pub mod stream_latency;
pub mod suite;

mod random;
mod rings;
mod stage;

use potoroo_runtime::System;
use std::time::Duration;

/// What one run did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Messages that were both sent and handled; the workload's own bookkeeping is not counted.
    pub messages: u64,
    /// From just before the first message was sent until the last was handled, without setting up and tidying up.
    pub elapsed: Duration,
    /// A sum over what every actor handled; the run has checked it.
    pub checksum: u64,
}

impl Outcome {
    /// An outcome whose sum is right.
    ///
    /// # Panics
    ///
    /// If it is not.
    fn checked(workload: &str, messages: u64, elapsed: Duration, checksum: u64, expected: u64) -> Self {
        assert_eq!(
            checksum, expected,
            "{workload}: the checksum of {messages} messages is wrong: some were lost, doubled or handled by the wrong \
             actor"
        );
        Self {
            messages,
            elapsed,
            checksum,
        }
    }

    /// Million messages per second.
    pub fn rate_millions(&self) -> f64 {
        self.messages as f64 / self.elapsed.as_secs_f64() / 1e6
    }
}

/// A workload at a fixed shape; how many messages pass is left open.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// What it is called in tables.
    pub name: &'static str,
    /// Runs have this many times fewer messages than those of the lightest workloads, because a message costs more or,
    /// with `counting`, because all of them are in memory at a time.
    pub heavier: u64,
    /// Runs it on a system, with about this many messages.
    pub run: fn(&System, u64) -> Outcome,
    /// Runs it on the bare loop, where there is one, with this many messages.
    pub limit: Option<fn(u64) -> Outcome>,
}

/// How many pairs `pairs` has in [`ALL`], and how many relays `ring` has, and how many tokens.
pub const MANY: u64 = 1_000;

/// The workloads of the benches and the comparison. The number of messages must be a multiple of [`MANY`].
pub const ALL: &[Workload] = &[
    Workload {
        name: "ping_pong",
        heavier: 1,
        run: ping_pong::run,
        limit: Some(limit::ping_pong),
    },
    Workload {
        name: "pairs_1000",
        heavier: 1,
        run: |system, messages| pairs::run(system, MANY, messages / MANY),
        limit: Some(|messages| limit::pairs(MANY, messages / MANY)),
    },
    Workload {
        name: "ring_1000",
        heavier: 1,
        run: |system, messages| ring::run(system, MANY, 1, messages),
        limit: Some(|messages| limit::ring(MANY, 1, messages)),
    },
    Workload {
        name: "fan_in_1",
        heavier: 1,
        run: |system, messages| fan_in::run(system, 1, messages),
        limit: Some(|messages| limit::fan_in(1, messages)),
    },
    Workload {
        name: "fan_in_8",
        heavier: 1,
        run: |system, messages| fan_in::run(system, 8, messages),
        limit: Some(|messages| limit::fan_in(8, messages)),
    },
    Workload {
        name: "counting",
        heavier: 5,
        run: counting::run,
        limit: Some(limit::counting),
    },
    Workload {
        name: "ring_1000_full",
        heavier: 1,
        run: |system, messages| ring::run(system, MANY, MANY, messages / MANY),
        limit: Some(|messages| limit::ring(MANY, MANY, messages / MANY)),
    },
    Workload {
        name: "fork_join_create",
        heavier: 50,
        run: fork_join_create::run,
        limit: None,
    },
    Workload {
        name: "fork_join_throughput_60",
        heavier: 1,
        run: |system, messages| fork_join_throughput::run(system, 60, messages),
        limit: Some(|messages| limit::fork_join_throughput(60, messages)),
    },
    Workload {
        name: "big_120",
        heavier: 2,
        run: |system, messages| big::run(system, 120, messages / 2),
        limit: Some(|messages| limit::big(120, messages / 2)),
    },
    Workload {
        name: "chameneos_100",
        heavier: 2,
        run: |system, messages| chameneos::run(system, 100, (messages / 4) as u32),
        limit: Some(|messages| limit::chameneos(100, (messages / 4) as u32)),
    },
    Workload {
        name: "skew_64_512",
        heavier: 10,
        run: |system, messages| skew::run(system, 64, 512, messages),
        limit: Some(|messages| limit::skew(64, 512, messages)),
    },
    Workload {
        name: "bank_1000",
        heavier: 5,
        run: |system, messages| bank::run(system, 1_000, messages / 4),
        limit: None,
    },
    Workload {
        name: "bounded_buffer_40_40",
        heavier: 2,
        run: |system, messages| bounded_buffer::run(system, 40, 40, messages / 4),
        limit: None,
    },
    Workload {
        name: "dictionary_20",
        heavier: 2,
        run: |system, messages| dictionary::run(system, 20, messages / 2),
        limit: None,
    },
    Workload {
        name: "sieve_10000_100",
        heavier: 20,
        run: |system, messages| repeated(messages, || sieve::run(system, 10_000, 100)),
        limit: None,
    },
    Workload {
        name: "queens_10",
        heavier: 5,
        run: |system, messages| repeated(messages, || queens::run(system, 20, 10)),
        limit: None,
    },
];

/// Repeats a run of fixed size until there are so many messages.
fn repeated(messages: u64, run: impl Fn() -> Outcome) -> Outcome {
    let mut all = run();
    while all.messages < messages {
        let next = run();
        all.messages += next.messages;
        all.elapsed += next.elapsed;
        all.checksum = all.checksum.wrapping_add(next.checksum);
    }
    all
}

/// A system of so many workers, everything else at its default.
///
/// # Panics
///
/// If the machine refuses threads.
pub fn system(workers: usize) -> System {
    System::builder()
        .workers(workers)
        .build()
        .unwrap_or_else(|error| panic!("cannot start a system of {workers} workers: {error}"))
}
