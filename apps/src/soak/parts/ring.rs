//! Rings and pairs: messages that go round, on one worker and across.
//!
//! Half of the nodes stay where they began and half may be moved, so that hand-offs, steals and drifts happen all the time.

use crate::market_spread::random::SplitMix64;
use crate::soak::ledger::{Ledger, Post, Ticket};
use crate::soak::part::Part;
use potoroo_runtime::{Actor, ActorRef, Context, System, Turn};
use std::sync::Arc;

/// The nodes of each ring; two are a pair that plays ping-pong.
const RINGS: [usize; 4] = [2, 2, 16, 64];

/// How often a token is passed on in a round, at most.
const HOPS_MAX: u64 = 10_000;

/// How many tokens go round in each ring, at most.
const TOKENS_MAX: u64 = 8;

enum Msg {
    /// Who comes next.
    Next(ActorRef<Node>, Arc<Post>),
    Token(u64, Ticket),
}

#[derive(Default)]
struct Node(Option<(ActorRef<Node>, Arc<Post>)>);

impl Actor for Node {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Next(next, post) => self.0 = Some((next, post)),
            Msg::Token(hops, ticket) => {
                if hops > 0
                    && let Some((next, post)) = &self.0
                {
                    next.tell(Msg::Token(hops - 1, post.ticket()));
                }
                ticket.handled();
            }
        }
        Ok(())
    }
}

pub(super) struct Rings {
    ledger: Arc<Ledger>,
    /// A node of each.
    entrances: Vec<(ActorRef<Node>, Arc<Post>)>,
}

impl Rings {
    pub(super) fn start(system: &System) -> Self {
        let ledger = Ledger::new();
        let entrances = (0..).zip(RINGS).map(|(ring, nodes)| {
            let nodes: Vec<_> = (0..nodes)
                .map(|n| {
                    let node = if n % 2 == 0 {
                        system.spawn_on((n / 2) % system.workers(), |_| Ok(Node::default()))
                    } else {
                        system.spawn(|_| Ok(Node::default()))
                    };
                    (node, ledger.post(format!("node {n} of ring {ring}")))
                })
                .collect();
            for (n, (node, _)) in nodes.iter().enumerate() {
                let (next, post) = &nodes[(n + 1) % nodes.len()];
                node.tell(Msg::Next(next.clone(), post.clone()));
            }
            nodes[0].clone()
        });
        let entrances = entrances.collect();
        Self { ledger, entrances }
    }
}

impl Part for Rings {
    fn name(&self) -> &'static str {
        "rings"
    }

    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn module(&self) -> &'static str {
        module_path!()
    }

    fn begin(&mut self, _: &System, mut random: SplitMix64) {
        for (node, post) in &self.entrances {
            for _ in 0..=random.below(TOKENS_MAX) {
                node.tell(Msg::Token(random.below(HOPS_MAX), post.ticket()));
            }
        }
    }
}
