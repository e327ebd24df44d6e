//! Workloads of the Savina suite on the bare loop, each with messages and actors of its own.

use super::stage::{Queue, Stage, perform};
use crate::chameneos::Colour;
use crate::{Outcome, fan_in, fork_join_throughput as throughput};

#[derive(Clone, Copy)]
enum Count {
    Go,
    Inc(u64),
    Retrieve,
    Total(u64),
}

enum Counting {
    Producer { messages: u64, total: u64 },
    Counter { sum: u64 },
}

/// Who is who in [`counting`].
const PRODUCER: u32 = 0;
const COUNTER: u32 = 1;

impl Stage for [Counting; 2] {
    type Msg = Count;

    fn handle(&mut self, target: u32, msg: Count, queue: &mut Queue<Count>) {
        match (&mut self[target as usize], msg) {
            (Counting::Producer { messages, .. }, Count::Go) => {
                for n in 0..*messages {
                    queue.push_back((COUNTER, Count::Inc(n)));
                }
                queue.push_back((COUNTER, Count::Retrieve));
            }
            (Counting::Counter { sum }, Count::Inc(n)) => *sum = sum.wrapping_add(n),
            (Counting::Counter { sum }, Count::Retrieve) => queue.push_back((PRODUCER, Count::Total(*sum))),
            (Counting::Producer { total, .. }, Count::Total(sum)) => *total = sum,
            _ => unreachable!("the producer counts nothing and the counter produces nothing"),
        }
    }

    fn checksum(&self) -> u64 {
        match self[PRODUCER as usize] {
            Counting::Producer { total, .. } => total,
            Counting::Counter { sum } => sum,
        }
    }
}

/// As [`counting::run`](crate::counting::run).
///
/// # Panics
///
/// If there are no messages.
pub fn counting(messages: u64) -> Outcome {
    let stage = [Counting::Producer { messages, total: 0 }, Counting::Counter { sum: 0 }];
    let expected = fan_in::checksum(messages);
    perform("counting on the bare loop", stage, messages, expected, |queue| {
        queue.push_back((PRODUCER, Count::Go));
    })
}

#[derive(Clone, Copy)]
enum Job {
    Work(u64),
    NextBurst,
}

enum Forker {
    Worker {
        sum: u64,
        weight: u64,
    },
    Distributor {
        workers: u32,
        next: u32,
        sent: u64,
        messages: u64,
    },
}

struct Forkers(Vec<Forker>);

impl Stage for Forkers {
    type Msg = Job;

    fn handle(&mut self, target: u32, msg: Job, queue: &mut Queue<Job>) {
        match (&mut self.0[target as usize], msg) {
            (Forker::Worker { sum, .. }, Job::Work(n)) => *sum = sum.wrapping_add(n),
            (
                Forker::Distributor {
                    workers,
                    next,
                    sent,
                    messages,
                },
                Job::NextBurst,
            ) => {
                let end = (*messages).min(*sent + throughput::BURST);
                while *sent < end {
                    queue.push_back((*next, Job::Work(*sent)));
                    *sent += 1;
                    *next += 1;
                    if next == workers {
                        *next = 0;
                    }
                }
                if *sent < *messages {
                    queue.push_back((target, Job::NextBurst));
                }
            }
            _ => unreachable!("a worker has no bursts and a distributor does not work"),
        }
    }

    fn checksum(&self) -> u64 {
        self.0.iter().fold(0, |all, actor| match actor {
            Forker::Worker { sum, weight } => all.wrapping_add(sum.wrapping_mul(*weight)),
            Forker::Distributor { .. } => all,
        })
    }
}

/// As [`fork_join_throughput::run`](throughput::run).
///
/// # Panics
///
/// If there are no messages.
pub fn fork_join_throughput(workers: u64, messages: u64) -> Outcome {
    let distributor = workers as u32;
    let actors = (1..=workers)
        .map(|weight| Forker::Worker { sum: 0, weight })
        .chain([Forker::Distributor {
            workers: distributor,
            next: 0,
            sent: 0,
            messages,
        }])
        .collect();
    let expected = throughput::checksum(workers, messages);
    perform(
        "fork_join_throughput on the bare loop",
        Forkers(actors),
        messages,
        expected,
        |queue| queue.push_back((distributor, Job::NextBurst)),
    )
}

#[derive(Clone, Copy)]
enum MallMsg {
    Begin,
    Ask {
        creature: u32,
        colour: Colour,
    },
    Meet {
        meeting: u32,
        creature: u32,
        colour: Colour,
    },
    Change {
        meeting: u32,
        colour: Colour,
    },
}

enum Visitor {
    Mall {
        waiting: Option<u32>,
        met: u32,
        meetings: u32,
    },
    Creature {
        colour: Colour,
        sum: u64,
    },
}

struct Visitors(Vec<Visitor>);

/// The mall is the first actor.
const MALL: u32 = 0;

impl Stage for Visitors {
    type Msg = MallMsg;

    fn handle(&mut self, target: u32, msg: MallMsg, queue: &mut Queue<MallMsg>) {
        let ask = |colour| {
            let creature = target;
            (MALL, MallMsg::Ask { creature, colour })
        };
        match (&mut self.0[target as usize], msg) {
            (Visitor::Mall { waiting, met, meetings }, MallMsg::Ask { creature, colour }) => {
                if met == meetings {
                    return;
                }
                if let Some(first) = waiting.take() {
                    let meeting = *met;
                    let meet = MallMsg::Meet {
                        meeting,
                        creature,
                        colour,
                    };
                    queue.push_back((first, meet));
                    *met += 1;
                } else {
                    *waiting = Some(creature);
                }
            }
            (
                Visitor::Creature { colour: own, sum },
                MallMsg::Meet {
                    meeting,
                    creature,
                    colour,
                },
            ) => {
                *own = own.meets(colour);
                *sum += u64::from(meeting);
                queue.push_back((creature, MallMsg::Change { meeting, colour: *own }));
                queue.push_back(ask(*own));
            }
            (Visitor::Creature { colour: own, sum }, MallMsg::Change { meeting, colour }) => {
                *own = colour;
                *sum += u64::from(meeting);
                queue.push_back(ask(colour));
            }
            (Visitor::Creature { colour, .. }, MallMsg::Begin) => queue.push_back(ask(*colour)),
            _ => unreachable!("the mall meets nobody, and nobody asks a creature"),
        }
    }

    fn checksum(&self) -> u64 {
        self.0.iter().fold(0, |all, actor| match actor {
            Visitor::Creature { sum, .. } => all.wrapping_add(*sum),
            Visitor::Mall { .. } => all,
        })
    }
}

/// As [`chameneos::run`](crate::chameneos::run).
///
/// # Panics
///
/// If there are less than two creatures, or no meetings.
pub fn chameneos(creatures: u32, meetings: u32) -> Outcome {
    assert!(creatures > 1 && meetings > 0, "chameneos: nobody meets");
    let visitors = [Visitor::Mall {
        waiting: None,
        met: 0,
        meetings,
    }]
    .into_iter()
    .chain((0..creatures).map(|index| Visitor::Creature {
        colour: Colour::of(index),
        sum: 0,
    }))
    .collect();
    let expected = u64::from(meetings) * u64::from(meetings - 1);
    let messages = 4 * u64::from(meetings);
    perform(
        "chameneos on the bare loop",
        Visitors(visitors),
        messages,
        expected,
        |queue| queue.extend((1..=creatures).map(|creature| (creature, MallMsg::Begin))),
    )
}
