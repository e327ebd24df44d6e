//! The same workloads on a bare loop: one queue of `(target, message)`, actors in a `Vec`, handlers in one `match`.
//!
//! No runtime can be faster on one thread: there is no mailbox, no turn, no allocation, no second thread, nothing to
//! spawn or to stop. What a runtime's message costs beyond this is what the runtime adds. Deliberately nothing here is
//! useful for anything else.

mod savina;
mod scattered;
mod stage;

pub use savina::{chameneos, counting, fork_join_throughput};
pub use scattered::{big, skew};

use crate::rings::Shape;
use crate::{Outcome, fan_in};
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Instant;

#[derive(Clone, Copy)]
enum Msg {
    Token(u64),
    Inc(u64),
    NextBurst,
}

enum Actor {
    Relay { next: u32, sum: u64, weight: u64 },
    Counter { sum: u64 },
    Producer { counter: u32, numbers: Range<u64> },
}

/// The actors and the messages between them.
struct Loop {
    actors: Vec<Actor>,
    queue: VecDeque<(u32, Msg)>,
}

impl Loop {
    /// Handles messages until none is left.
    fn run(&mut self) {
        while let Some((target, msg)) = self.queue.pop_front() {
            match (&mut self.actors[target as usize], msg) {
                (Actor::Relay { next, sum, .. }, Msg::Token(left)) => {
                    *sum = sum.wrapping_add(left);
                    if left > 0 {
                        self.queue.push_back((*next, Msg::Token(left - 1)));
                    }
                }
                (Actor::Counter { sum }, Msg::Inc(n)) => *sum = sum.wrapping_add(n),
                (Actor::Producer { counter, numbers }, Msg::NextBurst) => {
                    for n in fan_in::next_burst(numbers) {
                        self.queue.push_back((*counter, Msg::Inc(n)));
                    }
                    if !numbers.is_empty() {
                        self.queue.push_back((target, Msg::NextBurst));
                    }
                }
                _ => unreachable!("each workload sends its own messages"),
            }
        }
    }

    /// What all actors have handled.
    fn checksum(&self) -> u64 {
        self.actors.iter().fold(0, |all, actor| {
            all.wrapping_add(match actor {
                Actor::Relay { sum, weight, .. } => sum.wrapping_mul(*weight),
                Actor::Counter { sum } => *sum,
                Actor::Producer { .. } => 0,
            })
        })
    }

    /// Times the run.
    fn perform(mut self, workload: &str, messages: u64, expected: u64, begin: impl FnOnce(&mut Self)) -> Outcome {
        assert!(messages > 0, "{workload}: a run needs messages");
        let begun = Instant::now();
        begin(&mut self);
        self.run();
        let elapsed = begun.elapsed();
        Outcome::checked(workload, messages, elapsed, self.checksum(), expected)
    }
}

fn rings(workload: &str, shape: Shape) -> Outcome {
    let (rings, relays) = (shape.rings as u32, shape.relays as u32);
    let actors = (0..rings)
        .flat_map(|ring| {
            (0..relays).map(move |relay| Actor::Relay {
                next: ring * relays + (relay + 1) % relays,
                sum: 0,
                weight: u64::from(ring * relays + relay + 1),
            })
        })
        .collect();
    let ready = Loop {
        actors,
        queue: VecDeque::new(),
    };
    ready.perform(workload, shape.messages(), shape.checksum(), |ready| {
        for ring in 0..rings {
            for token in 0..shape.tokens as u32 {
                ready
                    .queue
                    .push_back((ring * relays + token, Msg::Token(shape.hops - 1)));
            }
        }
    })
}

/// As [`ping_pong::run`](crate::ping_pong::run).
///
/// # Panics
///
/// If there are no messages.
pub fn ping_pong(messages: u64) -> Outcome {
    let shape = Shape {
        rings: 1,
        relays: 2,
        tokens: 1,
        hops: messages,
    };
    rings("ping_pong on the bare loop", shape)
}

/// As [`pairs::run`](crate::pairs::run).
///
/// # Panics
///
/// If there are no messages.
pub fn pairs(pairs: u64, hops: u64) -> Outcome {
    let shape = Shape {
        rings: pairs,
        relays: 2,
        tokens: 1,
        hops,
    };
    rings("pairs on the bare loop", shape)
}

/// As [`ring::run`](crate::ring::run).
///
/// # Panics
///
/// If there are no messages.
pub fn ring(relays: u64, tokens: u64, hops: u64) -> Outcome {
    let shape = Shape {
        rings: 1,
        relays,
        tokens,
        hops,
    };
    rings("ring on the bare loop", shape)
}

/// As [`fan_in::run`].
///
/// # Panics
///
/// If there are no messages.
pub fn fan_in(producers: u64, messages: u64) -> Outcome {
    let counter = producers as u32;
    let actors = (0..producers)
        .map(|producer| Actor::Producer {
            counter,
            numbers: fan_in::share(producer, producers, messages),
        })
        .chain([Actor::Counter { sum: 0 }])
        .collect();
    let ready = Loop {
        actors,
        queue: VecDeque::new(),
    };
    ready.perform(
        "fan_in on the bare loop",
        messages,
        fan_in::checksum(messages),
        |ready| {
            for producer in 0..counter {
                ready.queue.push_back((producer, Msg::NextBurst));
            }
        },
    )
}
