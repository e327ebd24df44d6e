//! What a recorded run tells of the scheduler: counters, distributions, the longest turns, cycles.
//!
//! It exists so that the same figures go into the table and into the JSON object. It computes nothing that the runtime
//! has not measured; what the runtime does not have is left out and not zero.

use super::report::align;
use crate::human::count;
use crate::latency::human_ns;
use potoroo_runtime::observe::{Distribution, Figures, WorkerStats};
use potoroo_runtime::sys::perf::ProcessorCounters;
use potoroo_runtime::{ShutdownReport, SystemStats};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};
use std::io;

/// How many actor types the table names.
const TYPES_SHOWN: usize = 10;

/// How wide the longest bar of the histogram is.
const BAR_WIDTH: u64 = 40;

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

impl fmt::Display for Profile {
    /// Tables for people, without a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write_workers(&mut text);
        text.push_str("\n\n");
        self.write_spreads(&mut text);
        if self.queue_delay_ns.count > 0 {
            text.push_str("\n\nHow long runnable actors waited for their turn\n");
            self.write_histogram(&mut text);
        }
        text.push_str("\n\nLongest turns by actor type\n");
        self.write_types(&mut text);
        text.push_str("\n\n");
        self.write_processor(&mut text);
        f.write_str(&text)
    }
}

impl Profile {
    fn write_workers(&self, text: &mut String) {
        let head = [
            "worker",
            "turns",
            "handled",
            "sent here",
            "sent away",
            "local",
            "received",
            "exports",
            "steals",
            "drifts",
            "parks",
            "wakes",
            "timers",
            "mailbox",
        ];
        let mut rows = vec![head.map(str::to_owned)];
        let named = self
            .workers
            .iter()
            .enumerate()
            .map(|(at, worker)| (at.to_string(), worker));
        for (name, worker) in named.chain([("all".to_owned(), &self.total)]) {
            rows.push([
                name,
                count(worker.turns),
                count(worker.handled),
                count(worker.sent_local),
                count(worker.sent_remote),
                format!("{:.2} %", 100.0 * worker.locality_ratio),
                count(worker.received_remote),
                count(worker.exports),
                count(worker.steals),
                count(worker.drifts),
                count(worker.parks),
                count(worker.wakes),
                count(worker.timers),
                match worker.mailbox_max {
                    0 => "≤ 32".to_owned(),
                    most => count(most),
                },
            ]);
        }
        align(&rows, text);
    }

    fn write_spreads(&self, text: &mut String) {
        let mut rows = vec![["", "count", "mean", "p50", "p90", "p99", "p99.9", "max"].map(str::to_owned)];
        let ns: fn(u64) -> String = human_ns;
        let spreads = [
            ("turn", &self.turn_ns, ns),
            ("messages of a turn", &self.batch, count),
            ("wait for a turn", &self.queue_delay_ns, ns),
            ("ring to running", &self.wake_ns, ns),
            ("sleep", &self.sleep_ns, ns),
        ];
        for (name, spread, show) in spreads {
            if spread.count > 0 {
                let mean = spread.mean.round() as u64;
                let [p50, p90, p99, p99_9, max] =
                    [spread.p50, spread.p90, spread.p99, spread.p99_9, spread.max].map(show);
                rows.push([
                    name.to_owned(),
                    count(spread.count),
                    show(mean),
                    p50,
                    p90,
                    p99,
                    p99_9,
                    max,
                ]);
            }
        }
        align(&rows, text);
    }

    fn write_histogram(&self, text: &mut String) {
        let most = self
            .queue_delay_histogram
            .iter()
            .map(|(_, count)| *count)
            .max()
            .unwrap_or(0);
        let shown = self.queue_delay_histogram.iter().skip_while(|(_, count)| *count == 0);
        let rows: Vec<_> = shown
            .map(|&(bound, waited)| {
                let share = 100.0 * waited as f64 / self.queue_delay_ns.count as f64;
                let label = format!("up to {}", human_ns(bound));
                [label, count(waited), format!("{share:.2} %"), bar(waited, most)]
            })
            .collect();
        let mut table = String::new();
        align(&rows, &mut table);
        let lines: Vec<_> = table.lines().map(str::trim_end).collect();
        text.push_str(&lines.join("\n"));
    }

    fn write_types(&self, text: &mut String) {
        let mut rows = vec![["type", "longest", "mean", "turns", "messages", "spawned", "ended"].map(str::to_owned)];
        for of_type in self.types.iter().take(TYPES_SHOWN) {
            rows.push([
                short(&of_type.name),
                human_ns(of_type.longest_ns),
                human_ns(of_type.total_ns / of_type.turns.max(1)),
                count(of_type.turns),
                count(of_type.messages),
                count(of_type.spawned),
                count(of_type.ended),
            ]);
        }
        align(&rows, text);
        if let Some(more) = self.types.len().checked_sub(TYPES_SHOWN).filter(|more| *more > 0) {
            let _ = write!(text, "\nand {more} more");
        }
    }

    fn write_processor(&self, text: &mut String) {
        let _ = match &self.processor {
            Processor::Counted { cycles, instructions } => {
                let handled = self.total.handled.max(1) as f64;
                write!(
                    text,
                    "{} cycles and {} instructions in user mode: {:.2} instructions a cycle; {:.1} cycles and {:.1} \
                     instructions a message",
                    count(*cycles),
                    count(*instructions),
                    *instructions as f64 / (*cycles).max(1) as f64,
                    *cycles as f64 / handled,
                    *instructions as f64 / handled,
                )
            }
            Processor::NotAvailable { not_available } => {
                write!(text, "Cycles and instructions: not available: {not_available}")
            }
        };
    }
}

/// A bar of so much of the longest, at least a sliver if there is anything. Filled up, since cells stand to the right.
fn bar(value: u64, most: u64) -> String {
    let length = (u128::from(value) * u128::from(BAR_WIDTH)).div_ceil(u128::from(most.max(1))) as usize;
    format!("{:<width$}", "█".repeat(length), width = BAR_WIDTH as usize)
}

/// A type's name without the paths: `Outer<Inner>` for `a::b::Outer<c::Inner>`.
pub(super) fn short(name: &str) -> String {
    let mut short = String::new();
    let mut segment = 0;
    let mut rest = name.chars().peekable();
    while let Some(character) = rest.next() {
        if character == ':' && rest.next_if_eq(&':').is_some() {
            short.truncate(segment);
        } else {
            short.push(character);
            if !(character.is_alphanumeric() || "_{}#".contains(character)) {
                segment = short.len();
            }
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_types_lose_their_paths() {
        for (name, expected) in [
            ("Relay", "Relay"),
            ("a::b::Relay", "Relay"),
            ("a::Outer<b::c::Inner, (d::E, u8)>", "Outer<Inner, (E, u8)>"),
            ("a::f::{{closure}}", "{{closure}}"),
        ] {
            assert_eq!(short(name), expected);
        }
    }

    #[test]
    fn bars_are_as_long_as_their_share_and_never_nothing_for_something() {
        let length = |value, most| bar(value, most).trim_end().chars().count();
        assert_eq!(
            [length(0, 9), length(1, 1_000_000), length(1, 2), length(9, 9)],
            [0, 1, 20, 40]
        );
        assert_eq!(length(u64::MAX, u64::MAX), 40);
    }

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
