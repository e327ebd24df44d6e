//! The workloads: who takes part, who knows whom, which messages begin it, and what the sums must come to.
//!
//! They are those of `benches` (the same rules, the same sums), and two more that Savina's users know: `big` and
//! `create`. A workload lacks any knowledge of runtimes.

use crate::role::{Chance, Msg, Role};
use std::fmt;
use std::ops::Range;

/// Actors of `big`.
const CHATTERS: u64 = 120;

/// Pairs of `pairs_1000` and relays of `ring_1000`.
const MANY: u64 = 1_000;

/// A workload; how many messages pass is left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Workload {
    /// One pair, one token.
    PingPong,
    /// 1,000 pairs, one token each.
    #[value(name = "pairs_1000")]
    Pairs1000,
    /// 1,000 in a ring, one token.
    #[value(name = "ring_1000")]
    Ring1000,
    /// One producer, one counter.
    #[value(name = "fan_in_1")]
    FanIn1,
    /// Eight producers, one counter.
    #[value(name = "fan_in_8")]
    FanIn8,
    /// 120 actors that ping random others.
    Big,
    /// One actor makes many that get one message each.
    Create,
}

impl Workload {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 7] = [
        Self::PingPong,
        Self::Pairs1000,
        Self::Ring1000,
        Self::FanIn1,
        Self::FanIn8,
        Self::Big,
        Self::Create,
    ];

    /// What it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::PingPong => "ping_pong",
            Self::Pairs1000 => "pairs_1000",
            Self::Ring1000 => "ring_1000",
            Self::FanIn1 => "fan_in_1",
            Self::FanIn8 => "fan_in_8",
            Self::Big => "big",
            Self::Create => "create",
        }
    }

    /// The number of messages must be a multiple of this.
    pub fn granule(self) -> u64 {
        match self {
            Self::Pairs1000 => MANY,
            Self::Big => 2 * CHATTERS,
            Self::PingPong | Self::Ring1000 | Self::FanIn1 | Self::FanIn8 | Self::Create => 1,
        }
    }

    /// Of these messages, at least one granule.
    pub fn rounded(self, messages: u64) -> u64 {
        (messages / self.granule()).max(1) * self.granule()
    }

    /// How it is played with so many messages.
    pub(crate) fn plan<A>(self, messages: u64) -> Plan<A> {
        assert!(
            messages > 0 && messages.is_multiple_of(self.granule()),
            "{self}: {messages} messages do not divide evenly"
        );
        match self {
            Self::PingPong => rings(1, 2, messages),
            Self::Pairs1000 => rings(MANY, 2, messages / MANY),
            Self::Ring1000 => rings(1, MANY, messages),
            Self::FanIn1 => fan_in(1, messages),
            Self::FanIn8 => fan_in(8, messages),
            Self::Big => big(messages / (2 * CHATTERS)),
            Self::Create => create(messages),
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A workload at a size.
pub(crate) struct Plan<A> {
    /// Neighbours stand side by side, so that a runtime that places actors by hand can cut the cast into pieces.
    pub(crate) cast: Vec<Role<A>>,
    /// So many neighbours must not be torn apart by a placement by hand.
    pub(crate) together: usize,
    /// Whom each of the cast knows, by their places in it.
    pub(crate) friends: Vec<Vec<usize>>,
    /// Who gets which first message.
    pub(crate) first: Vec<(usize, Msg)>,
    /// How often `part_finished` is called.
    pub(crate) parts: u64,
    /// What the sums must come to.
    pub(crate) checksum: u64,
}

/// `rings` rings of `relays` relays, each with a token that makes `hops` hops.
fn rings<A>(rings: u64, relays: u64, hops: u64) -> Plan<A> {
    let places = || (0..rings).flat_map(|ring| (0..relays).map(move |relay| (ring, relay)));
    Plan {
        cast: places()
            .map(|(ring, relay)| Role::Relay {
                next: None,
                sum: 0,
                weight: ring * relays + relay + 1,
            })
            .collect(),
        together: if relays == 2 { 2 } else { 1 },
        friends: places()
            .map(|(ring, relay)| vec![(ring * relays + (relay + 1) % relays) as usize])
            .collect(),
        first: (0..rings)
            .map(|ring| ((ring * relays) as usize, Msg::Token(hops - 1)))
            .collect(),
        parts: rings,
        checksum: rings_checksum(rings, relays, hops),
    }
}

/// Each relay's tokens (`hops - 1` goes to the first relay, and so on), times the relay's weight.
fn rings_checksum(rings: u64, relays: u64, hops: u64) -> u64 {
    let mut checksum = 0_u64;
    for relay in 0..relays.min(hops) {
        let first = hops - 1 - relay;
        let rounds = first / relays;
        // first + (first - relays) + … : rounds + 1 terms.
        let sum = u128::from(rounds + 1) * u128::from(first)
            - u128::from(relays) * u128::from(rounds) * u128::from(rounds + 1) / 2;
        for ring in 0..rings {
            let weight = ring * relays + relay + 1;
            checksum = checksum.wrapping_add((sum as u64).wrapping_mul(weight));
        }
    }
    checksum
}

/// `producers` that send each number below `messages` once.
fn fan_in<A>(producers: u64, messages: u64) -> Plan<A> {
    let edge = |producer: u64| (u128::from(messages) * u128::from(producer) / u128::from(producers)) as u64;
    let share = |producer: u64| -> Range<u64> { edge(producer)..edge(producer + 1) };
    let counter = producers as usize;
    Plan {
        cast: (0..producers)
            .map(|producer| Role::Producer {
                counter: None,
                numbers: share(producer),
            })
            .chain([Role::Counter { left: messages, sum: 0 }])
            .collect(),
        together: 1,
        friends: (0..producers).map(|_| vec![counter]).chain([Vec::new()]).collect(),
        first: (0..counter).map(|producer| (producer, Msg::NextBurst)).collect(),
        parts: 1,
        checksum: sum_below(messages),
    }
}

/// Each chatter pings `pings` times.
fn big<A>(pings: u64) -> Plan<A> {
    let mut checksum = 0_u64;
    for me in 0..CHATTERS {
        let mut chance = Chance::new(me, CHATTERS);
        for _ in 0..pings {
            checksum = checksum.wrapping_add((me + 1).wrapping_mul(chance.next() + 1));
        }
    }
    let chatters = CHATTERS as usize;
    Plan {
        cast: (0..CHATTERS)
            .map(|me| Role::Chatter {
                others: Vec::new(),
                chance: Chance::new(me, CHATTERS),
                left: pings,
                sum: 0,
            })
            .collect(),
        together: 1,
        friends: (0..chatters).map(|_| (0..chatters).collect()).collect(),
        first: (0..chatters).map(|me| (me, Msg::NextBurst)).collect(),
        parts: CHATTERS,
        checksum,
    }
}

/// One root that makes `leaves`.
fn create<A>(leaves: u64) -> Plan<A> {
    Plan {
        cast: vec![Role::Root { numbers: 0..leaves }],
        together: 1,
        friends: vec![Vec::new()],
        first: vec![(0, Msg::NextBurst)],
        parts: leaves,
        checksum: sum_below(leaves),
    }
}

fn sum_below(end: u64) -> u64 {
    (u128::from(end) * u128::from(end - 1) / 2) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_rings_is_what_playing_them_gives() {
        for (rings, relays, hops) in [(1, 2, 5), (20, 2, 101), (3, 7, 1), (3, 7, 1000)] {
            let mut played = 0;
            for ring in 0..rings {
                for hop in 0..hops {
                    played += (hops - 1 - hop) * (ring * relays + hop % relays + 1);
                }
            }
            assert_eq!(rings_checksum(rings, relays, hops), played);
        }
    }

    #[test]
    fn nobody_pings_oneself() {
        for me in 0..CHATTERS {
            let mut chance = Chance::new(me, CHATTERS);
            assert!((0..1000).all(|_| {
                let other = chance.next();
                other != me && other < CHATTERS
            }));
        }
    }
}
