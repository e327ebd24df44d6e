//! What messages cost: small workloads on the runtime, and the same on a bare loop that no actor runtime can beat.
//!
//! Each workload is one file with a `run`. It sets its actors up, then times from the first message to the last, and
//! checks by a sum that every message was handled once, by the actor it was meant for: a run that lost something
//! panics instead of looking fast. [`ALL`] lists the workloads at the sizes that the benches, the comparison and the
//! tests share. [`market_spread`] does the same for
//! the stream engine. This crate lacks latency, spawning, memory and other runtimes.

pub mod fan_in;
pub mod limit;
pub mod market_spread;
pub mod pairs;
pub mod ping_pong;
pub mod ring;

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
    /// Runs it on a system, with this many messages.
    pub run: fn(&System, u64) -> Outcome,
    /// Runs it on the bare loop, with this many messages.
    pub limit: fn(u64) -> Outcome,
}

/// How many pairs `pairs` has in [`ALL`], and how many relays `ring` has.
pub const MANY: u64 = 1_000;

/// The workloads of the benches and the comparison. The number of messages must be a multiple of [`MANY`].
pub const ALL: [Workload; 5] = [
    Workload {
        name: "ping_pong",
        run: ping_pong::run,
        limit: limit::ping_pong,
    },
    Workload {
        name: "pairs_1000",
        run: |system, messages| pairs::run(system, MANY, messages / MANY),
        limit: |messages| limit::pairs(MANY, messages / MANY),
    },
    Workload {
        name: "ring_1000",
        run: |system, messages| ring::run(system, MANY, messages),
        limit: |messages| limit::ring(MANY, messages),
    },
    Workload {
        name: "fan_in_1",
        run: |system, messages| fan_in::run(system, 1, messages),
        limit: |messages| limit::fan_in(1, messages),
    },
    Workload {
        name: "fan_in_8",
        run: |system, messages| fan_in::run(system, 8, messages),
        limit: |messages| limit::fan_in(8, messages),
    },
];

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
