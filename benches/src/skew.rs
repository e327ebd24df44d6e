//! Work that is spread unevenly: tokens go from actor to actor, and some actors are asked far more often than others.
//!
//! A hop is [`ROUNDS`] rounds of dependent arithmetic, about 200 ns, and then a send to an actor drawn from a Zipf
//! distribution with exponent 1 (of 64 actors the first gets 21 %). The number of tokens stays the same: there is no
//! generator. The arithmetic makes the number that draws the next actor, so it cannot be left out, and a token's way
//! depends on nothing but the token. Ideal on n workers: n times the rate, as long as no actor has more than an n-th of
//! the work.

use crate::random::Random;
use crate::stage::{self, Cast, Ledger, Play};
use crate::{Outcome, fan_in};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, System, Turn};
use std::sync::Arc;

/// Rounds of work per hop.
pub const ROUNDS: u32 = 110;

/// A one-to-one function of 64 bits that takes [`ROUNDS`] times a shift, an exclusive or and a multiplication, each of
/// which needs the one before.
pub(crate) fn work(mut state: u64) -> u64 {
    for _ in 0..ROUNDS {
        state ^= state >> 29;
        state = state.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    state
}

/// Draws actors; the first most often.
pub(crate) struct Zipf {
    /// Up to which number it is the actor of this index.
    edges: Vec<u64>,
}

impl Zipf {
    pub(crate) fn new(actors: u64) -> Self {
        let all: f64 = (1..=actors).map(|rank| 1.0 / rank as f64).sum();
        let mut so_far = 0.0;
        let edges = (1..=actors)
            .map(|rank| {
                so_far += 1.0 / rank as f64;
                // The last edge is the maximum: the cast saturates, and rounding below it is made up for in `draw`.
                (so_far / all * u64::MAX as f64) as u64
            })
            .collect();
        Self { edges }
    }

    pub(crate) fn draw(&self, number: u64) -> usize {
        self.edges
            .partition_point(|edge| *edge < number)
            .min(self.edges.len() - 1)
    }
}

/// What all actors know.
struct Map {
    hops: Vec<ActorRef<Hop>>,
    zipf: Arc<Zipf>,
}

enum Msg {
    /// Setting up: the others, and oneself.
    Map(Arc<Map>),
    Token {
        /// Hops that follow this one.
        left: u32,
        state: u64,
    },
}

const _: () = assert!(size_of::<Msg>() == 16, "a small enum with a u64");

struct Hop {
    map: Option<Arc<Map>>,
    sum: u64,
    weight: u64,
    ledger: Arc<Ledger>,
}

impl Actor for Hop {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Token { left, state } => {
                let state = work(state);
                self.sum = self.sum.wrapping_add(state);
                match &self.map {
                    Some(map) if left > 0 => map.hops[map.zipf.draw(state)].tell(Msg::Token { left: left - 1, state }),
                    _ => self.ledger.part_finished(),
                }
            }
            Msg::Map(map) => {
                self.map = Some(map);
                self.ledger.ready();
            }
        }
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        self.ledger.add(self.sum.wrapping_mul(self.weight));
        // The actors would keep each other's memory alive.
        self.map = None;
    }
}

/// What a token starts with, and how many hops it makes.
pub(crate) fn token(token: u64, tokens: u64, messages: u64) -> (u64, u32) {
    let hops = fan_in::share(token, tokens, messages);
    (Random::new(token).next(), (hops.end - hops.start) as u32)
}

/// Follows each token alone: what it is after each hop, times the number of the actor there, from 1.
pub(crate) fn checksum(zipf: &Zipf, tokens: u64, messages: u64) -> u64 {
    let mut checksum = 0_u64;
    for number in 0..tokens {
        let (mut state, hops) = token(number, tokens, messages);
        for _ in 0..hops {
            let weight = zipf.draw(state) as u64 + 1;
            state = work(state);
            checksum = checksum.wrapping_add(state.wrapping_mul(weight));
        }
    }
    checksum
}

/// Runs `actors` and `tokens` that make `messages` hops together.
///
/// # Panics
///
/// If a message is lost, if there are no actors, or fewer messages than tokens.
pub fn run(system: &System, actors: u64, tokens: u64, messages: u64) -> Outcome {
    assert!(
        actors > 0 && tokens > 0 && messages >= tokens,
        "skew: a token without a hop"
    );
    let zipf = Arc::new(Zipf::new(actors));
    let play = Play {
        workload: "skew",
        cast: Cast {
            children: actors,
            parts: tokens,
        },
        messages,
        expected: checksum(&zipf, tokens, messages),
    };
    stage::perform(system, &play, move |ctx, ledger| {
        let hops: Vec<ActorRef<Hop>> = (0..actors)
            .map(|index| {
                let ledger = ledger.clone();
                ctx.spawn(move |_| {
                    Ok(Hop {
                        map: None,
                        sum: 0,
                        weight: index + 1,
                        ledger,
                    })
                })
            })
            .collect();
        let map = Arc::new(Map { hops, zipf });
        map.hops.iter().for_each(|hop| hop.tell(Msg::Map(map.clone())));
        Box::new(move || {
            for number in 0..tokens {
                let (state, hops) = token(number, tokens, messages);
                map.hops[map.zipf.draw(state)].tell(Msg::Token { left: hops - 1, state });
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_64_actors_gets_a_fifth() {
        let zipf = Zipf::new(64);
        let mut random = Random::new(1);
        let mut drawn = [0_u32; 64];
        for _ in 0..100_000 {
            drawn[zipf.draw(random.next())] += 1;
        }
        assert!((20_500..21_700).contains(&drawn[0]), "{drawn:?}");
        assert!((9_900..11_200).contains(&drawn[1]), "{drawn:?}");
        assert!((200..500).contains(&drawn[63]), "{drawn:?}");
        assert_eq!((zipf.draw(0), zipf.draw(u64::MAX)), (0, 63));
    }
}
