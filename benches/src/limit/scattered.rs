//! Workloads whose messages go to actors drawn at random, on the bare loop.

use super::stage::{Queue, Stage, perform};
use crate::random::Random;
use crate::skew::Zipf;
use crate::{Outcome, big as big_actors, fan_in, skew as skewed};

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
