//! What a recorded run tells of the scheduler: counters, distributions, the longest turns, cycles.
//!
//! It exists so that the same figures go into the table and into the JSON object. It computes nothing that the runtime
//! has not measured; what the runtime does not have is left out and not zero.

use potoroo_runtime::observe::{Distribution, Figures, WorkerStats};
use potoroo_runtime::sys::perf::ProcessorCounters;
use potoroo_runtime::{ShutdownReport, SystemStats};
use serde::{Deserialize, Serialize};
use std::io;

/// What a recorded run tells of the scheduler.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The counters of all workers together.
    pub total: Counters,
    /// The counters of each worker.
    pub workers: Vec<Counters>,
    /// How long turns took, in ns.
    pub turn_ns: Spread,
    /// Messages that turns handled.
    pub batch: Spread,
    /// How long runnable actors waited for their turn, in ns.
    pub queue_delay_ns: Spread,
    /// How many waited up to so many ns and more than half of that.
    pub queue_delay_histogram: Vec<(u64, u64)>,
    /// From another thread's ring until the worker ran, in ns.
    pub wake_ns: Spread,
    /// How long sleeps were, in ns.
    pub sleep_ns: Spread,
    /// The actor types, the one with the longest turn first.
    pub types: Vec<ActorType>,
    /// Cycles and instructions of the run, with setting up and tidying up.
    pub processor: Processor,
}

/// The counters of one worker, or of all.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    pub sent_local: u64,
    pub sent_remote: u64,
    pub received_remote: u64,
    pub locality_ratio: f64,
    pub handled: u64,
    pub turns: u64,
    pub exports: u64,
    pub steals: u64,
    pub drifts: u64,
    pub parks: u64,
    pub wakes: u64,
    pub timers: u64,
    pub socket_events: u64,
    pub mailbox_max: u64,
}

/// A distribution in a few numbers, to two digits; all zero when there were none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub count: u64,
    pub mean: f64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p99_9: u64,
    pub max: u64,
}

/// The turns of one actor type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorType {
    /// Its name in Rust.
    pub name: String,
    /// Actors started.
    pub spawned: u64,
    /// Actors ended.
    pub ended: u64,
    /// Turns.
    pub turns: u64,
    /// Messages handled.
    pub messages: u64,
    /// All turns together.
    pub total_ns: u64,
    /// The longest of them.
    pub longest_ns: u64,
}

/// Cycles and instructions, or why there are none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Processor {
    /// They were counted, in user mode.
    Counted { cycles: u64, instructions: u64 },
    /// They were not.
    NotAvailable {
        /// Why.
        not_available: String,
    },
}

impl Processor {
    /// What the counters have counted, if they could be had.
    pub(super) fn read(counters: &io::Result<ProcessorCounters>) -> Self {
        let counted = match counters {
            Ok(counters) => counters.read().map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match counted {
            Ok(counted) => Self::Counted {
                cycles: counted.cycles,
                instructions: counted.instructions,
            },
            Err(not_available) => Self::NotAvailable { not_available },
        }
    }
}

impl From<&WorkerStats> for Counters {
    fn from(stats: &WorkerStats) -> Self {
        Self {
            sent_local: stats.sent_local,
            sent_remote: stats.sent_remote,
            received_remote: stats.received_remote,
            locality_ratio: stats.locality_ratio(),
            handled: stats.handled,
            turns: stats.turns,
            exports: stats.exports,
            steals: stats.steals,
            drifts: stats.drifts,
            parks: stats.parks,
            wakes: stats.wakes,
            timers: stats.timers,
            socket_events: stats.socket_events,
            mailbox_max: stats.mailbox_max,
        }
    }
}

impl From<&Distribution> for Spread {
    fn from(values: &Distribution) -> Self {
        Self {
            count: values.count(),
            mean: values.mean(),
            p50: values.quantile(0.5),
            p90: values.quantile(0.9),
            p99: values.quantile(0.99),
            p99_9: values.quantile(0.999),
            max: values.max(),
        }
    }
}

impl Profile {
    /// The profile of a recorded run; none if it was not recorded.
    pub(super) fn of(report: &ShutdownReport, processor: Processor) -> Option<Self> {
        let figures = report.recording.as_ref()?.total();
        Some(Self::from_parts(&report.stats, &figures, processor))
    }

    fn from_parts(stats: &SystemStats, figures: &Figures, processor: Processor) -> Self {
        let types = figures.types.iter().map(|of_type| ActorType {
            name: of_type.name.to_owned(),
            spawned: of_type.spawned,
            ended: of_type.ended,
            turns: of_type.turns,
            messages: of_type.messages,
            total_ns: of_type.total.as_nanos() as u64,
            longest_ns: of_type.longest.as_nanos() as u64,
        });
        Self {
            total: (&stats.total()).into(),
            workers: stats.workers.iter().map(Into::into).collect(),
            turn_ns: (&figures.turn_ns).into(),
            batch: (&figures.batch).into(),
            queue_delay_ns: (&figures.queue_delay_ns).into(),
            queue_delay_histogram: figures.queue_delay_ns.doublings(),
            wake_ns: (&figures.wake_ns).into(),
            sleep_ns: (&figures.sleep_ns).into(),
            types: types.collect(),
            processor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_run_has_all_parts_and_comes_back_from_json() {
        let system = potoroo_runtime::System::builder().workers(2).record(0).build().unwrap();
        potoroo_benches::ping_pong::run(&system, 1000);
        let missing = Processor::NotAvailable {
            not_available: "no reason".to_owned(),
        };
        let profile = Profile::of(&system.shutdown(), missing).unwrap();
        assert_eq!(profile.workers.len(), 2);
        assert!(profile.total.handled > 1000, "{profile:?}");
        let text = profile.to_string();
        for part in [
            "\nall ",
            "\nmessages of a turn ",
            "\nwait for a turn ",
            "\nup to ",
            "\nRelay ",
            "\nCycles and instructions: not available: no reason",
        ] {
            assert!(text.contains(part), "no {part} in\n{text}");
        }
        let json = serde_json::to_string(&profile).unwrap();
        let back: Profile = serde_json::from_str(&json).unwrap();
        assert_eq!(back.types, profile.types);
        assert_eq!(back.queue_delay_histogram, profile.queue_delay_histogram);
        assert_eq!(back.processor, profile.processor);
    }
}
