//! Other projects' work beside ours: the message workloads of `benches` on other actor runtimes of Rust, and streams on another
//! stream engine ([`stream`]), each side by side in one table.
//!
//! The actors are written once ([`role`]), and so are the workloads ([`workload`]); a peer is one file of [`peer`] that
//! wraps the actors in what its runtime calls an actor. Each run has a runtime of its own and checks a sum: a run that
//! lost a message panics instead of looking fast. It lacks latency, memory, payloads, sockets, and whatever the peers
//! offer beyond messages: supervision, priorities, back-pressure.

pub mod chart;
pub mod measure;
pub mod peer;
pub mod report;
pub mod role;
pub mod stream;
pub mod workload;

mod ledger;
mod picture;

pub use peer::Peer;
pub use workload::Workload;

use std::time::Duration;

/// The allocator of all that is measured.
pub const ALLOCATOR: &str = if cfg!(feature = "mimalloc") {
    "mimalloc"
} else {
    "the system's allocator"
};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What one run did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Messages that were both sent and handled; the workload's own bookkeeping is not counted.
    pub messages: u64,
    /// From just before the first message was sent until the last was handled.
    pub elapsed: Duration,
    /// A sum over what every actor handled; the run has checked it.
    pub checksum: u64,
}

impl Outcome {
    /// Million messages per second.
    pub fn rate_millions(&self) -> f64 {
        self.messages as f64 / self.elapsed.as_secs_f64() / 1e6
    }
}
