//! The bare loop for workloads whose messages and actors have types of their own.

use crate::chameneos::Colour;
use crate::random::Random;
use crate::skew::Zipf;
use crate::{Outcome, big as big_actors, fan_in, fork_join_throughput as throughput, skew as skewed};
use std::collections::VecDeque;
use std::time::Instant;

/// Messages on their way: to whom, and what.
type Queue<M> = VecDeque<(u32, M)>;

/// The actors of one workload.
trait Stage {
    type Msg: Copy;

    fn handle(&mut self, target: u32, msg: Self::Msg, queue: &mut Queue<Self::Msg>);

    /// What all actors have handled.
    fn checksum(&self) -> u64;
}

/// Handles messages until none is left, and times it.
fn perform<S: Stage>(
    workload: &str,
    mut stage: S,
    messages: u64,
    expected: u64,
    begin: impl FnOnce(&mut Queue<S::Msg>),
) -> Outcome {
    assert!(messages > 0, "{workload}: a run needs messages");
    let mut queue = Queue::new();
    let begun = Instant::now();
    begin(&mut queue);
    while let Some((target, msg)) = queue.pop_front() {
        stage.handle(target, msg, &mut queue);
    }
    let elapsed = begun.elapsed();
    Outcome::checked(workload, messages, elapsed, stage.checksum(), expected)
}

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
enum BigMsg {
    Begin,
    Ping { from: u32, number: u64 },
    Pong(u64),
}

struct Peer {
    random: Random,
    pings: u64,
    answered: u64,
    sum: u64,
}

struct Peers(Vec<Peer>);

impl Peers {
    fn ping(&mut self, index: u32, queue: &mut Queue<BigMsg>) {
        let actors = self.0.len() as u64;
        let peer = &mut self.0[index as usize];
        let target = big_actors::other(&mut peer.random, u64::from(index), actors);
        let ping = BigMsg::Ping {
            from: index,
            number: peer.answered,
        };
        queue.push_back((target as u32, ping));
    }
}

impl Stage for Peers {
    type Msg = BigMsg;

    fn handle(&mut self, target: u32, msg: BigMsg, queue: &mut Queue<BigMsg>) {
        let peer = &mut self.0[target as usize];
        match msg {
            BigMsg::Ping { from, number } => {
                peer.sum = peer.sum.wrapping_add(number);
                queue.push_back((from, BigMsg::Pong(number)));
            }
            BigMsg::Pong(number) => {
                peer.sum = peer.sum.wrapping_add(number);
                peer.answered += 1;
                if peer.answered < peer.pings {
                    self.ping(target, queue);
                }
            }
            BigMsg::Begin => self.ping(target, queue),
        }
    }

    fn checksum(&self) -> u64 {
        (1..)
            .zip(&self.0)
            .fold(0, |all, (weight, peer)| all.wrapping_add(peer.sum.wrapping_mul(weight)))
    }
}

/// As [`big::run`](big_actors::run).
///
/// # Panics
///
/// If there are less than two actors, or fewer pings than actors.
pub fn big(actors: u64, pings: u64) -> Outcome {
    assert!(actors > 1 && pings >= actors, "big: an actor without a ping");
    let peers = (0..actors)
        .map(|index| {
            let own = fan_in::share(index, actors, pings);
            Peer {
                random: Random::new(index),
                pings: own.end - own.start,
                answered: 0,
                sum: 0,
            }
        })
        .collect();
    let expected = big_actors::checksum(actors, pings);
    perform("big on the bare loop", Peers(peers), 2 * pings, expected, |queue| {
        queue.extend((0..actors as u32).map(|index| (index, BigMsg::Begin)));
    })
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

#[derive(Clone, Copy)]
struct Token {
    left: u32,
    state: u64,
}

struct Hops {
    sums: Vec<u64>,
    zipf: Zipf,
}

impl Stage for Hops {
    type Msg = Token;

    fn handle(&mut self, target: u32, Token { left, state }: Token, queue: &mut Queue<Token>) {
        let state = skewed::work(state);
        let sum = &mut self.sums[target as usize];
        *sum = sum.wrapping_add(state);
        if left > 0 {
            let left = left - 1;
            queue.push_back((self.zipf.draw(state) as u32, Token { left, state }));
        }
    }

    fn checksum(&self) -> u64 {
        (1..)
            .zip(&self.sums)
            .fold(0, |all, (weight, sum)| all.wrapping_add(sum.wrapping_mul(weight)))
    }
}

/// As [`skew::run`](skewed::run): the bare work, with the same draws.
///
/// # Panics
///
/// If there are no actors, or fewer messages than tokens.
pub fn skew(actors: u64, tokens: u64, messages: u64) -> Outcome {
    assert!(
        actors > 0 && tokens > 0 && messages >= tokens,
        "skew: a token without a hop"
    );
    let stage = Hops {
        sums: vec![0; actors as usize],
        zipf: Zipf::new(actors),
    };
    let expected = skewed::checksum(&stage.zipf, tokens, messages);
    let first: Vec<_> = (0..tokens)
        .map(|number| {
            let (state, hops) = skewed::token(number, tokens, messages);
            (stage.zipf.draw(state) as u32, Token { left: hops - 1, state })
        })
        .collect();
    perform("skew on the bare loop", stage, messages, expected, |queue| {
        queue.extend(first);
    })
}
