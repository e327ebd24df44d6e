//! The suite as the program `potoroo bench` names it: every workload under one name, at one size, with one kind of answer.
//!
//! It exists so that the names that users type stand beside the workloads they mean. Besides the message workloads of
//! [`ALL`] it has the wake-up latency and the memory of idle actors. It lacks the variants that only the comparison
//! needs.

use crate::{ALL, MANY, Workload, fan_in, idle_memory, latency};
use potoroo_runtime::System;
use std::time::{Duration, Instant};

/// Messages of one run of the lightest workloads.
const MESSAGES: u64 = 10_000 * MANY;

/// Messages of one run of `wake-up`, each of which has to wait for the worker to fall asleep.
const SAMPLES: u64 = 1_000;

/// Actors of one run of `idle-actors`.
const ACTORS: u64 = 1_000_000;

/// The most messages of one run: workloads count them in 32 bits.
pub const MESSAGES_MAX: u64 = u32::MAX as u64;

/// One benchmark of the suite.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// What users call it.
    pub name: &'static str,
    /// What it does, in a few words.
    pub about: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// The workload of [`ALL`] with this name.
    Messages(&'static str),
    WakeUp,
    IdleActors,
}

/// What one run found.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Messages that were sent and handled.
    pub messages: u64,
    /// How long that took.
    pub elapsed: Duration,
    /// A sum over what was handled, which the run has checked.
    pub checksum: u64,
    /// What only some benchmarks measure.
    pub extra: Extra,
}

/// What only some benchmarks measure.
#[derive(Clone, Copy, Debug)]
pub enum Extra {
    /// Nothing.
    None,
    /// From a tell outside to the handler of an idle actor.
    WakeUp {
        /// Half of them took no longer.
        p50: Duration,
        /// 99 % took no longer.
        p99: Duration,
        /// None took longer.
        max: Duration,
    },
    /// Bytes of each idle actor.
    IdleActors {
        /// When all have begun.
        begun: f64,
        /// When each has handled a message.
        used: f64,
    },
}

/// Every benchmark.
pub const SUITE: &[Bench] = &[
    messages("ping-pong", "ping_pong", "1 pair of actors, 1 token"),
    messages("pairs", "pairs_1000", "1,000 pairs, a token each"),
    messages("ring", "ring_1000", "1,000 actors in a ring, 1 token"),
    messages("ring-full", "ring_1000_full", "1,000 actors in a ring, 1,000 tokens"),
    messages("counting", "counting", "all numbers sent in one handler to one counter"),
    messages("fan-in", "fan_in_8", "8 producers, 1 counter"),
    messages("fork-join-create", "fork_join_create", "an actor for each message"),
    messages(
        "fork-join-throughput",
        "fork_join_throughput_60",
        "1 sender, 60 receivers",
    ),
    messages("big", "big_120", "120 actors that ping each other at random"),
    messages("chameneos", "chameneos_100", "100 creatures meet through one mall"),
    messages(
        "skewed",
        "skew_64_512",
        "uneven work: 64 actors, 512 tokens, the first actor gets 21 %",
    ),
    messages("bank", "bank_1000", "transfers between 1,000 accounts"),
    messages(
        "bounded-buffer",
        "bounded_buffer_40_40",
        "40 producers, 40 consumers, room for 50",
    ),
    messages("dictionary", "dictionary_20", "20 workers ask one dictionary"),
    messages(
        "sieve",
        "sieve_10000_100",
        "a chain of filters finds the primes below 10,000",
    ),
    messages("n-queens", "queens_10", "1 master, 20 workers, 10 queens"),
    Bench {
        name: "wake-up",
        about: "from a tell outside to the handler of an idle actor",
        kind: Kind::WakeUp,
    },
    Bench {
        name: "idle-actors",
        about: "bytes of an actor that waits; messages are actors here",
        kind: Kind::IdleActors,
    },
];

const fn messages(name: &'static str, workload: &'static str, about: &'static str) -> Bench {
    Bench {
        name,
        about,
        kind: Kind::Messages(workload),
    }
}

/// The benchmark of this name.
pub fn find(name: &str) -> Option<&'static Bench> {
    SUITE.iter().find(|bench| bench.name == name)
}

fn workload(name: &str) -> &'static Workload {
    let found = ALL.iter().find(|workload| workload.name == name);
    found.unwrap_or_else(|| unreachable!("the suite names the workload {name}, which is none"))
}

impl Bench {
    /// How many messages a run has unless somebody says otherwise: about a second's worth.
    pub fn messages_by_default(&self) -> u64 {
        match self.kind {
            Kind::Messages(name) => MESSAGES / workload(name).heavier,
            Kind::WakeUp => SAMPLES,
            Kind::IdleActors => ACTORS,
        }
    }

    /// Whether a run needs a process of its own, because memory that an earlier one has freed would be used again.
    pub fn needs_its_own_process(&self) -> bool {
        matches!(self.kind, Kind::IdleActors)
    }

    /// Runs it once with about this many messages, at most [`MESSAGES_MAX`].
    ///
    /// # Panics
    ///
    /// If a message is lost, an actor fails or a sum is wrong.
    pub fn run(&self, system: &System, messages: u64) -> Measured {
        let messages = messages.min(MESSAGES_MAX);
        match self.kind {
            Kind::Messages(name) => {
                let outcome = (workload(name).run)(system, messages.max(MANY) / MANY * MANY);
                Measured {
                    messages: outcome.messages,
                    elapsed: outcome.elapsed,
                    checksum: outcome.checksum,
                    extra: Extra::None,
                }
            }
            Kind::WakeUp => {
                let samples = messages.max(1) as u32;
                let since = Instant::now();
                let took = latency::run(system, samples);
                Measured {
                    messages: u64::from(samples),
                    elapsed: since.elapsed(),
                    // The actor has seen each number once, in order.
                    checksum: fan_in::checksum(u64::from(samples)),
                    extra: Extra::WakeUp {
                        p50: latency::percentile(&took, 50),
                        p99: latency::percentile(&took, 99),
                        max: latency::percentile(&took, 100),
                    },
                }
            }
            Kind::IdleActors => {
                let idle = idle_memory::run(system, messages.max(1));
                Measured {
                    messages: idle.actors,
                    elapsed: idle.creation,
                    checksum: fan_in::checksum(idle.actors),
                    extra: Extra::IdleActors {
                        begun: idle.bytes_begun,
                        used: idle.bytes_used,
                    },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_and_runs() {
        for (at, bench) in SUITE.iter().enumerate() {
            assert_eq!(SUITE.iter().position(|other| other.name == bench.name), Some(at));
            assert!(bench.messages_by_default() >= SAMPLES, "{}", bench.name);
            let measured = bench.run(&crate::system(1), 20);
            assert!(measured.messages >= 20, "{}: {measured:?}", bench.name);
        }
    }
}
