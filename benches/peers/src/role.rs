//! What the actors do: written once, for every runtime, so that only the runtimes differ.
//!
//! A [`Player`] is the inside of an actor, and each runtime wraps it in a shell of its own that passes messages in and
//! offers [`Io`]. Its handler is a `match` on the role and the message, the same for all, the bare loop included. An
//! actor written for one runtime alone could save that branch.

use crate::ledger::Ledger;
use std::ops::ControlFlow::{self, Break, Continue};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// How many messages a producer sends between two messages to itself.
pub(crate) const BURST: u64 = 128;

/// The one message type: a small enum with a `u64`, and nothing in it that would have to be dropped.
#[derive(Clone, Copy, Debug)]
pub enum Msg {
    /// Pass it on, less one; or just add it.
    Token(u64),
    /// From whom.
    Ping(u64),
    /// The answer.
    Pong,
    /// To oneself: go on.
    NextBurst,
    /// Setting up: your place in the cast, by which the wiring says whom to send to.
    Meet(u64),
    /// Clearing up.
    Stop,
}

const _: () = assert!(size_of::<Msg>() == 16, "a small enum with a u64");

/// Who knows whom, by places in the cast. Actors copy their part of it when they are set up.
#[derive(Debug)]
pub(crate) struct Wiring<A> {
    /// All of the cast.
    pub(crate) addresses: Vec<A>,
    /// The places of each one's friends.
    pub(crate) friends: Vec<Vec<usize>>,
}

/// Filled in when the cast has been made.
pub(crate) type Wires<A> = Arc<OnceLock<Wiring<A>>>;

/// An address that can be stored and sent to without cloning it.
pub trait Address: Clone + Send + Sync + 'static {
    /// Sends without waiting.
    fn send(&self, msg: Msg);
}

/// What a runtime offers to an actor while it handles a message.
pub trait Io<A> {
    /// Sends without waiting.
    fn send(&mut self, to: &A, msg: Msg);
    /// Sends [`Msg::NextBurst`] to itself, so that others get a turn before.
    fn again(&mut self);
    /// A new actor.
    fn spawn(&mut self, player: Player<A>) -> A;
}

/// What an actor is for.
#[derive(Debug)]
pub(crate) enum Role<A> {
    /// Adds the token and passes it on.
    Relay { next: Option<A>, sum: u64, weight: u64 },
    /// Adds what it gets.
    Counter { left: u64, sum: u64 },
    /// Sends its numbers in bursts.
    Producer { counter: Option<A>, numbers: Range<u64> },
    /// Pings a random other, waits for the pong, and answers the others meanwhile.
    Chatter {
        others: Vec<A>,
        chance: Chance,
        left: u64,
        sum: u64,
    },
    /// Makes leaves, in bursts, and sends its number to each.
    Root { numbers: Range<u64> },
    /// Adds one number and ends.
    Leaf,
    /// Has been stopped.
    Done,
}

/// The inside of an actor.
#[derive(Debug)]
pub struct Player<A> {
    role: Role<A>,
    ledger: Arc<Ledger>,
    /// Until it has met its friends.
    wires: Option<Wires<A>>,
}

impl<A: Clone> Player<A> {
    pub(crate) fn new(role: Role<A>, ledger: Arc<Ledger>, wires: Wires<A>) -> Self {
        Self {
            role,
            ledger,
            wires: Some(wires),
        }
    }

    /// Handles one message; `Break` means that the actor ends.
    ///
    /// # Panics
    ///
    /// If the message is not for this role.
    #[inline(always)]
    pub fn handle(&mut self, msg: Msg, io: &mut impl Io<A>) -> ControlFlow<()> {
        match (&mut self.role, msg) {
            (Role::Relay { next, sum, .. }, Msg::Token(left)) => {
                *sum = sum.wrapping_add(left);
                match next {
                    _ if left == 0 => self.ledger.part_finished(),
                    Some(next) => io.send(next, Msg::Token(left - 1)),
                    None => panic!("a token came before the ring was closed"),
                }
            }
            (Role::Counter { left, sum }, Msg::Token(number)) => {
                *sum = sum.wrapping_add(number);
                *left -= 1;
                if *left == 0 {
                    self.ledger.part_finished();
                }
            }
            (Role::Producer { counter, numbers }, Msg::NextBurst) => {
                let Some(counter) = counter else {
                    panic!("a burst came before the counter was known");
                };
                for number in next_burst(numbers) {
                    io.send(counter, Msg::Token(number));
                }
                if !numbers.is_empty() {
                    io.again();
                }
            }
            (
                Role::Chatter {
                    others, chance, sum, ..
                },
                Msg::Ping(from),
            ) => {
                *sum = sum.wrapping_add((from + 1).wrapping_mul(chance.me + 1));
                io.send(&others[from as usize], Msg::Pong);
            }
            (
                Role::Chatter {
                    others, chance, left, ..
                },
                Msg::Pong,
            ) => {
                *left -= 1;
                if *left == 0 {
                    self.ledger.part_finished();
                } else {
                    io.send(&others[chance.next() as usize], Msg::Ping(chance.me));
                }
            }
            (Role::Chatter { others, chance, .. }, Msg::NextBurst) => {
                io.send(&others[chance.next() as usize], Msg::Ping(chance.me));
            }
            (_, msg) => return self.handle_seldom(msg, io),
        }
        Continue(())
    }

    /// What is not sent again and again: kept apart, so that it does not weigh on what is.
    #[inline(never)]
    fn handle_seldom(&mut self, msg: Msg, io: &mut impl Io<A>) -> ControlFlow<()> {
        match (&mut self.role, msg) {
            (Role::Root { numbers }, Msg::NextBurst) => {
                for number in next_burst(numbers) {
                    let leaf = io.spawn(Self {
                        role: Role::Leaf,
                        ledger: self.ledger.clone(),
                        wires: None,
                    });
                    io.send(&leaf, Msg::Token(number));
                }
                if !numbers.is_empty() {
                    io.again();
                }
                Continue(())
            }
            (Role::Leaf, Msg::Token(number)) => {
                self.ledger.add(number);
                self.ledger.part_finished();
                Break(())
            }
            (role, Msg::Meet(place)) => {
                let wires = self.wires.take();
                let wiring = wires.as_ref().and_then(|wires| wires.get());
                let Wiring { addresses, friends } = wiring.expect("the wiring is there before it is spoken of");
                let friends = friends[place as usize].iter();
                role.meet(friends.map(|&friend| addresses[friend].clone()).collect());
                self.ledger.ready();
                Continue(())
            }
            (role, Msg::Stop) => {
                self.ledger.add(role.sum());
                // Actors that know each other in a ring would keep each other's memory alive.
                *role = Role::Done;
                self.ledger.gone();
                Break(())
            }
            (_, Msg::Token(_) | Msg::Ping(_) | Msg::Pong | Msg::NextBurst) => panic!("a message for another role"),
        }
    }
}

impl<A> Role<A> {
    fn meet(&mut self, friends: Vec<A>) {
        match self {
            Self::Relay { next: friend, .. } | Self::Producer { counter: friend, .. } => {
                *friend = friends.into_iter().next();
            }
            Self::Chatter { others, .. } => *others = friends,
            Self::Counter { .. } | Self::Root { .. } | Self::Leaf | Self::Done => {}
        }
    }

    fn sum(&self) -> u64 {
        match self {
            Self::Relay { sum, weight, .. } => sum.wrapping_mul(*weight),
            Self::Counter { sum, .. } | Self::Chatter { sum, .. } => *sum,
            Self::Producer { .. } | Self::Root { .. } | Self::Leaf | Self::Done => 0,
        }
    }
}

/// Takes one burst off the numbers.
fn next_burst(numbers: &mut Range<u64>) -> Range<u64> {
    let burst = numbers.start..numbers.end.min(numbers.start + BURST);
    numbers.start = burst.end;
    burst
}

/// Whom a chatter pings: xorshift64*, seeded by the chatter's number, so that a run can be replayed.
#[derive(Clone, Debug)]
pub(crate) struct Chance {
    me: u64,
    among: u64,
    state: u64,
}

impl Chance {
    pub(crate) fn new(me: u64, among: u64) -> Self {
        Self {
            me,
            among,
            state: (me + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15),
        }
    }

    /// Anyone but oneself.
    pub(crate) fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let random = self.state.wrapping_mul(0x2545_F491_4F6C_DD1D);
        let other = ((u128::from(random) * u128::from(self.among - 1)) >> 64) as u64;
        other + u64::from(other >= self.me)
    }
}
