//! Questions that are answered at once, too late, or never.
//!
//! Every question must be settled exactly once: by its answer, by its time, or because the request was dropped.

use crate::market_spread::random::SplitMix64;
use crate::soak::ledger::{Ledger, Open, Post, Ticket};
use crate::soak::part::Part;
use potoroo_runtime::{Actor, ActorRef, AskError, Context, Reply, Signal, System, Turn};
use std::sync::Arc;
use std::time::Duration;

const ASKERS: usize = 8;
const ANSWERERS: usize = 4;

/// Questions of one asker in a round, at most.
const QUESTIONS_MAX: u64 = 1_500;

/// How many of them are under way at the same time.
const AT_ONCE: u64 = 8;

/// How long a question waits.
const WITHIN: Duration = Duration::from_millis(5);

/// When late answers come: some in time, some not.
const LATE_MICROSECONDS: u64 = 10_000;

struct Question {
    number: u64,
    reply: Reply<u64>,
    ticket: Ticket,
}

struct Answerer {
    ledger: Arc<Ledger>,
    random: SplitMix64,
    kept: Vec<(u64, Reply<u64>)>,
}

impl Actor for Answerer {
    type Msg = Question;

    fn handle(&mut self, msg: Question, ctx: &mut Context<'_, Self>) -> Turn {
        msg.ticket.handled();
        match self.random.below(64) {
            0 => {
                self.ledger.injected(1);
                drop(msg.reply);
            }
            1 => {
                self.ledger.injected(1);
                self.kept.push((msg.number, msg.reply));
                ctx.signal_after(Duration::from_micros(self.random.below(LATE_MICROSECONDS)));
            }
            _ => msg.reply.send(msg.number + 1),
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        if let Signal::Timer(_) = signal {
            for (number, reply) in self.kept.drain(..) {
                reply.send(number + 1);
            }
        }
        Ok(())
    }
}

struct Asker {
    ledger: Arc<Ledger>,
    answerers: Vec<(ActorRef<Answerer>, Arc<Post>)>,
    random: SplitMix64,
}

impl Asker {
    /// Asks, and goes on with the next when that is settled.
    fn ask(&mut self, left: u64, open: Open, ctx: &mut Context<'_, Self>) {
        let Some(left) = left.checked_sub(1) else {
            drop(open);
            return;
        };
        let number = self.random.next_u64() >> 1;
        let answerer = self.random.below(ANSWERERS as u64) as usize;
        let (to, post) = &self.answerers[answerer];
        let ticket = post.ticket();
        ctx.ask(to, |reply| Question { number, reply, ticket })
            .within(WITHIN)
            .then(move |this, answer, ctx| {
                this.ledger.did(1);
                match answer {
                    Ok(answer) if answer == number + 1 => {}
                    Err(AskError::TimedOut | AskError::Dropped) => {}
                    other => this.ledger.complain(format!("{number} was answered by {other:?}")),
                }
                this.ask(left, open, ctx);
                Ok(())
            });
    }
}

impl Actor for Asker {
    type Msg = (u64, Vec<Open>, Ticket);

    fn handle(&mut self, (questions, open, ticket): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        ticket.handled();
        for open in open {
            self.ask(questions / AT_ONCE, open, ctx);
        }
        Ok(())
    }
}

pub(super) struct Asks {
    ledger: Arc<Ledger>,
    askers: Vec<(ActorRef<Asker>, Arc<Post>)>,
}

impl Asks {
    pub(super) fn start(system: &System) -> Self {
        let ledger = Ledger::new();
        let answerers: Vec<_> = (0..ANSWERERS)
            .map(|n| {
                let answerer = Answerer {
                    ledger: ledger.clone(),
                    random: SplitMix64::new(n as u64),
                    kept: Vec::new(),
                };
                let answerer = system.spawn_on(n % system.workers(), move |_| Ok(answerer));
                (answerer, ledger.post(format!("answerer {n}")))
            })
            .collect();
        let askers = (0..ASKERS).map(|n| {
            let asker = Asker {
                ledger: ledger.clone(),
                answerers: answerers.clone(),
                random: SplitMix64::new((ANSWERERS + n) as u64),
            };
            (system.spawn(move |_| Ok(asker)), ledger.post(format!("asker {n}")))
        });
        let askers = askers.collect();
        Self { ledger, askers }
    }
}

impl Part for Asks {
    fn name(&self) -> &'static str {
        "asks"
    }

    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn module(&self) -> &'static str {
        module_path!()
    }

    fn begin(&mut self, _: &System, mut random: SplitMix64) {
        for (asker, post) in &self.askers {
            let open = (0..AT_ONCE).map(|_| self.ledger.open()).collect();
            asker.tell((random.below(QUESTIONS_MAX), open, post.ticket()));
        }
    }
}
