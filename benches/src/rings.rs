//! Rings of relays: the common form of `ping_pong` (one ring of two), `pairs` (many of two) and `ring` (one of many).
//!
//! Tokens go round each ring and lose one with every hop; who gets one at zero keeps it. A relay does nothing but
//! add the token to its sum, so what is measured is the runtime. It lacks any payload beyond the number.

use crate::Outcome;
use crate::stage::{self, Cast, Ledger, Play};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, Fault, System, Turn};
use std::sync::Arc;

/// How many of what.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) rings: u64,
    /// In each ring.
    pub(crate) relays: u64,
    /// In each ring, the first at the first relay, the second at the second, and so on; at most one per relay.
    pub(crate) tokens: u64,
    /// Of each token.
    pub(crate) hops: u64,
}

impl Shape {
    /// Messages of all rings.
    pub(crate) fn messages(self) -> u64 {
        self.rings * self.tokens * self.hops
    }

    /// What the sums must come to: each relay's tokens (`hops - 1` goes to where the token begins, and so on), times the
    /// relay's weight, which is its number among all, from 1.
    pub(crate) fn checksum(self) -> u64 {
        let mut checksum = 0_u64;
        for steps in 0..self.relays.min(self.hops) {
            let first = self.hops - 1 - steps;
            let rounds = first / self.relays;
            // first + (first - relays) + … : rounds + 1 terms.
            let sum = u128::from(rounds + 1) * u128::from(first)
                - u128::from(self.relays) * u128::from(rounds) * u128::from(rounds + 1) / 2;
            for ring in 0..self.rings {
                for token in 0..self.tokens {
                    let weight = ring * self.relays + (token + steps) % self.relays + 1;
                    checksum = checksum.wrapping_add((sum as u64).wrapping_mul(weight));
                }
            }
        }
        checksum
    }
}

enum Msg {
    /// Setting up: whom to send to.
    Next(ActorRef<Relay>),
    Token(u64),
}

const _: () = assert!(size_of::<Msg>() == 16, "a small enum with a u64");

struct Relay {
    next: Option<ActorRef<Relay>>,
    sum: u64,
    weight: u64,
    ledger: Arc<Ledger>,
}

impl Actor for Relay {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Token(left) => {
                self.sum = self.sum.wrapping_add(left);
                if left == 0 {
                    self.ledger.part_finished();
                } else {
                    self.next()?.tell(Msg::Token(left - 1));
                }
            }
            Msg::Next(next) => {
                self.next = Some(next);
                self.ledger.ready();
            }
        }
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        self.ledger.add(self.sum.wrapping_mul(self.weight));
        // The ring would keep its own memory alive.
        self.next = None;
    }
}

impl Relay {
    fn next(&self) -> Result<&ActorRef<Self>, Fault> {
        self.next
            .as_ref()
            .ok_or_else(|| Fault::new("a token came before the ring was closed"))
    }
}

/// Runs the rings.
pub(crate) fn run(workload: &'static str, system: &System, shape: Shape) -> Outcome {
    assert!(shape.rings > 0 && shape.relays > 0, "{workload}: no relays");
    assert!(
        shape.tokens <= shape.relays,
        "{workload}: a relay has one token to begin with"
    );
    let play = Play {
        workload,
        cast: Cast {
            children: shape.rings * shape.relays,
            parts: shape.rings * shape.tokens,
        },
        messages: shape.messages(),
        expected: shape.checksum(),
    };
    stage::perform(system, &play, move |ctx, ledger| {
        let mut firsts = Vec::new();
        for ring in 0..shape.rings {
            let relays: Vec<ActorRef<Relay>> = (0..shape.relays)
                .map(|relay| {
                    let ledger = ledger.clone();
                    ctx.spawn(move |_| {
                        Ok(Relay {
                            next: None,
                            sum: 0,
                            weight: ring * shape.relays + relay + 1,
                            ledger,
                        })
                    })
                })
                .collect();
            for (relay, next) in relays.iter().zip(relays.iter().cycle().skip(1)) {
                relay.tell(Msg::Next(next.clone()));
            }
            firsts.extend(relays.into_iter().take(shape.tokens as usize));
        }
        Box::new(move || firsts.iter().for_each(|first| first.tell(Msg::Token(shape.hops - 1))))
    })
}
