//! Many who tell one that is slower than they are, and one whose mailbox is small and refuses.
//!
//! The slow one has a low mark, so its senders are muted most of the time; what one of them sends must come in order all the
//! same. What the other refuses must be a dead letter, each time.

use crate::market_spread::random::SplitMix64;
use crate::soak::ledger::{Ledger, Post, Ticket};
use crate::soak::part::Part;
use potoroo_runtime::{Actor, ActorRef, Context, MailboxLimits, Overflow, System, Turn};
use std::hint::black_box;
use std::sync::Arc;

const SOURCES: usize = 8;

/// Messages of one source in a round, at most.
const MESSAGES_MAX: u64 = 4_000;

/// How many a source tells before it gives way.
const BURST: u64 = 10;

/// How much the slow one does for each.
const WORK: u64 = 200;

const SOFT: usize = 64;
const HARD: usize = 32;

struct Number {
    source: usize,
    number: u64,
    ticket: Ticket,
}

/// Slower than those who tell it something.
struct Slow {
    ledger: Arc<Ledger>,
    last: [u64; SOURCES],
    /// Whether there is to be no gap.
    takes_all: bool,
}

impl Actor for Slow {
    type Msg = Number;

    fn handle(&mut self, msg: Number, _: &mut Context<'_, Self>) -> Turn {
        black_box((0..WORK).map(black_box).sum::<u64>());
        let last = &mut self.last[msg.source];
        let in_order = match self.takes_all {
            true => msg.number == *last + 1,
            false => msg.number > *last,
        };
        if !in_order {
            self.ledger.complain(format!(
                "number {} of source {} came after {last}",
                msg.number, msg.source
            ));
        }
        *last = msg.number;
        msg.ticket.handled();
        Ok(())
    }
}

struct Source {
    index: usize,
    to: [(ActorRef<Slow>, Arc<Post>); 2],
    me: Arc<Post>,
    number: u64,
}

impl Actor for Source {
    /// How many are left.
    type Msg = (u64, Ticket);

    fn handle(&mut self, (left, ticket): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        let burst = left.min(BURST);
        for _ in 0..burst {
            self.number += 1;
            for (to, post) in &self.to {
                to.tell(Number {
                    source: self.index,
                    number: self.number,
                    ticket: post.ticket(),
                });
            }
        }
        if left > burst {
            ctx.me().tell((left - burst, self.me.ticket()));
        }
        ticket.handled();
        Ok(())
    }
}

pub(super) struct Floods {
    ledger: Arc<Ledger>,
    sources: Vec<(ActorRef<Source>, Arc<Post>)>,
}

impl Floods {
    pub(super) fn start(system: &System) -> Self {
        let ledger = Ledger::new();
        let receiver = |takes_all: bool| {
            let books = ledger.clone();
            let limits = match takes_all {
                true => MailboxLimits::default().soft_messages(SOFT),
                false => MailboxLimits::default().hard(HARD, Overflow::Reject),
            };
            let slow = system.spawn(move |ctx: &mut Context<'_, Slow>| {
                ctx.limit_mailbox(limits);
                Ok(Slow {
                    ledger: books,
                    last: [0; SOURCES],
                    takes_all,
                })
            });
            let name = if takes_all {
                "the slow one"
            } else {
                "the one that refuses"
            };
            (slow, ledger.post(name))
        };
        let to = [receiver(true), receiver(false)];
        let sources = (0..SOURCES).map(|index| {
            let (to, post) = (to.clone(), ledger.post(format!("source {index}")));
            let me = post.clone();
            let source = system.spawn(move |_| {
                Ok(Source {
                    index,
                    to,
                    me,
                    number: 0,
                })
            });
            (source, post)
        });
        let sources = sources.collect();
        Self { ledger, sources }
    }
}

impl Part for Floods {
    fn name(&self) -> &'static str {
        "floods"
    }

    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn module(&self) -> &'static str {
        module_path!()
    }

    fn begin(&mut self, _: &System, mut random: SplitMix64) {
        for (source, post) in &self.sources {
            self.ledger.injected(1);
            source.tell((random.below(MESSAGES_MAX), post.ticket()));
        }
    }
}
