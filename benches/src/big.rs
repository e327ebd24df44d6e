//! The `big` benchmark of the Erlang suite, also in Savina: everybody talks to everybody.
//!
//! Each actor keeps one ping under way to a random other actor and sends the next when the pong is back; all answer
//! pings meanwhile. Pings and pongs are counted as messages. Whom an actor pings depends only on its own number, so the
//! sums can be worked out without running it.

use crate::random::Random;
use crate::stage::{self, Cast, Ledger, Play};
use crate::{Outcome, fan_in};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, System, Turn};
use std::sync::Arc;

enum Msg {
    /// Setting up: the others, and oneself.
    Peers(Arc<Vec<ActorRef<Peer>>>),
    Begin,
    Ping {
        from: u32,
        number: u64,
    },
    Pong(u64),
}

const _: () = assert!(size_of::<Msg>() == 16, "a small enum with a u64");

struct Peer {
    index: u64,
    peers: Arc<Vec<ActorRef<Peer>>>,
    random: Random,
    pings: u64,
    /// Pings that got their pongs.
    answered: u64,
    sum: u64,
    ledger: Arc<Ledger>,
}

impl Actor for Peer {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Ping { from, number } => {
                self.sum = self.sum.wrapping_add(number);
                self.peers[from as usize].tell(Msg::Pong(number));
            }
            Msg::Pong(number) => {
                self.sum = self.sum.wrapping_add(number);
                self.answered += 1;
                if self.answered == self.pings {
                    self.ledger.part_finished();
                } else {
                    self.ping();
                }
            }
            Msg::Begin => self.ping(),
            Msg::Peers(peers) => {
                self.peers = peers;
                self.ledger.ready();
            }
        }
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        self.ledger.add(self.sum.wrapping_mul(self.index + 1));
        // The peers would keep each other's memory alive.
        self.peers = Arc::default();
    }
}

impl Peer {
    fn ping(&mut self) {
        let target = other(&mut self.random, self.index, self.peers.len() as u64);
        self.peers[target as usize].tell(Msg::Ping {
            from: self.index as u32,
            number: self.answered,
        });
    }
}

/// One of `actors`, but not `index`.
pub(crate) fn other(random: &mut Random, index: u64, actors: u64) -> u64 {
    let target = random.below(actors - 1);
    target + u64::from(target >= index)
}

/// A ping's number counts for whom it was sent to, and again for whom it came back to, each times its number from 1.
pub(crate) fn checksum(actors: u64, pings: u64) -> u64 {
    let mut checksum = 0_u64;
    for index in 0..actors {
        let mut random = Random::new(index);
        let own = fan_in::share(index, actors, pings);
        for number in 0..own.end - own.start {
            let weights = other(&mut random, index, actors) + 1 + index + 1;
            checksum = checksum.wrapping_add(number.wrapping_mul(weights));
        }
    }
    checksum
}

/// Runs `actors` that send `pings` together.
///
/// # Panics
///
/// If a message is lost, if there are less than two actors, or fewer pings than actors.
pub fn run(system: &System, actors: u64, pings: u64) -> Outcome {
    assert!(actors > 1 && pings >= actors, "big: an actor without a ping");
    let play = Play {
        workload: "big",
        cast: Cast {
            children: actors,
            parts: actors,
        },
        messages: 2 * pings,
        expected: checksum(actors, pings),
    };
    stage::perform(system, &play, move |ctx, ledger| {
        let peers: Vec<ActorRef<Peer>> = (0..actors)
            .map(|index| {
                let ledger = ledger.clone();
                let own = fan_in::share(index, actors, pings);
                ctx.spawn(move |_| {
                    Ok(Peer {
                        index,
                        peers: Arc::default(),
                        random: Random::new(index),
                        pings: own.end - own.start,
                        answered: 0,
                        sum: 0,
                        ledger,
                    })
                })
            })
            .collect();
        let peers = Arc::new(peers);
        peers.iter().for_each(|peer| peer.tell(Msg::Peers(peers.clone())));
        Box::new(move || peers.iter().for_each(|peer| peer.tell(Msg::Begin)))
    })
}
