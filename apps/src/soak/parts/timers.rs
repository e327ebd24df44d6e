//! Timers: each fires once and not too early, or was cancelled.

use crate::market_spread::random::SplitMix64;
use crate::soak::ledger::{Ledger, Post, Ticket};
use crate::soak::part::Part;
use potoroo_runtime::{Actor, ActorRef, Context, System, TimerId, Turn};
use std::sync::Arc;
use std::time::{Duration, Instant};

const CLOCKS: usize = 8;

/// Timers of one clock in a round, at most.
const TIMERS_MAX: u64 = 1_000;

/// The latest that they are due.
const LATEST_MICROSECONDS: u64 = 50_000;

enum Msg {
    Set(u64, SplitMix64, Ticket),
    Due(Instant, Ticket),
}

struct Clock {
    ledger: Arc<Ledger>,
    post: Arc<Post>,
    /// Those that may be cancelled.
    set: Vec<TimerId>,
}

impl Actor for Clock {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Set(timers, mut random, ticket) => {
                self.set.clear();
                for _ in 0..timers {
                    let delay = Duration::from_micros(random.below(LATEST_MICROSECONDS));
                    let due = Msg::Due(Instant::now() + delay, self.post.ticket());
                    let timer = ctx.after(delay, due);
                    if random.below(4) == 0 {
                        self.set.push(timer);
                    }
                }
                ticket.handled();
            }
            Msg::Due(due, ticket) => {
                let now = Instant::now();
                if now < due {
                    self.ledger.complain(format!("a timer fired {:?} too early", due - now));
                }
                // Meanwhile some of the others have fired, and some have not.
                if let Some(timer) = self.set.pop() {
                    self.ledger.injected(1);
                    if ctx.cancel(timer) {
                        self.ledger.cancelled(1);
                    }
                }
                ticket.handled();
            }
        }
        Ok(())
    }
}

pub(super) struct Timers {
    ledger: Arc<Ledger>,
    clocks: Vec<(ActorRef<Clock>, Arc<Post>)>,
}

impl Timers {
    pub(super) fn start(system: &System) -> Self {
        let ledger = Ledger::new();
        let clocks = (0..CLOCKS).map(|n| {
            let post = ledger.post(format!("clock {n}"));
            let clock = Clock {
                ledger: ledger.clone(),
                post: post.clone(),
                set: Vec::new(),
            };
            (system.spawn(move |_| Ok(clock)), post)
        });
        let clocks = clocks.collect();
        Self { ledger, clocks }
    }
}

impl Part for Timers {
    fn name(&self) -> &'static str {
        "timers"
    }

    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn module(&self) -> &'static str {
        module_path!()
    }

    fn begin(&mut self, _: &System, mut random: SplitMix64) {
        for (clock, post) in &self.clocks {
            let timers = random.below(TIMERS_MAX);
            let purpose = SplitMix64::new(random.next_u64());
            clock.tell(Msg::Set(timers, purpose, post.ticket()));
        }
    }
}
