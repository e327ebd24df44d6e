//! Supervised workers that fail and are started again.
//!
//! A message whose handler fails is gone; all others, also those that wait while the worker is between two lives, are
//! handled. Each failure is one restart.

use crate::market_spread::random::SplitMix64;
use crate::soak::ledger::{Ledger, Post, Ticket};
use crate::soak::part::{Part, panic_by_design};
use potoroo_runtime::{
    Actor, ActorRef, Context, Fault, Pool, Restart, Strategy, Supervisor, SupervisorMsg, System, Turn,
};
use std::sync::Arc;
use std::time::Duration;

const MEMBERS: usize = 8;

/// Jobs of a round, at most.
const JOBS_MAX: u64 = 20_000;

/// Restarts are remembered for so long, and there are many.
const INTENSITY_PERIOD: Duration = Duration::from_millis(1);

#[derive(Clone, Copy)]
enum Fate {
    Fine,
    Fails,
    Panics,
}

struct Worker(Arc<Ledger>);

impl Actor for Worker {
    type Msg = (Fate, Ticket);

    fn handle(&mut self, (fate, ticket): Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        ticket.handled();
        match fate {
            Fate::Fine => Ok(()),
            Fate::Fails => {
                self.0.injected(1);
                Err(Fault::new("by design"))
            }
            Fate::Panics => {
                self.0.injected(1);
                panic_by_design()
            }
        }
    }
}

pub(super) struct Workers {
    ledger: Arc<Ledger>,
    pool: Pool<Worker>,
    supervisor: ActorRef<Supervisor>,
    posts: Vec<Arc<Post>>,
}

impl Workers {
    pub(super) fn start(system: &System) -> Self {
        let ledger = Ledger::new();
        let mut tree = system.supervise(Strategy::OneForOne.intensity(usize::MAX, INTENSITY_PERIOD));
        let books = ledger.clone();
        let pool = tree.pool("worker", MEMBERS, Restart::Permanent, move |_, _| {
            Ok(Worker(books.clone()))
        });
        let posts = (0..MEMBERS).map(|n| ledger.post(format!("worker {n}"))).collect();
        Self {
            supervisor: tree.start(),
            ledger,
            pool,
            posts,
        }
    }
}

impl Part for Workers {
    fn name(&self) -> &'static str {
        "workers"
    }

    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn module(&self) -> &'static str {
        module_path!()
    }

    fn begin(&mut self, _: &System, mut random: SplitMix64) {
        for _ in 0..random.below(JOBS_MAX) {
            let member = random.below(MEMBERS as u64) as usize;
            let fate = match random.below(200) {
                0 => Fate::Fails,
                1 => Fate::Panics,
                _ => Fate::Fine,
            };
            self.pool.members()[member].tell((fate, self.posts[member].ticket()));
        }
    }

    fn check(&mut self) {
        match self.supervisor.ask(SupervisorMsg::children).wait() {
            Ok(children) => {
                let restarts: u64 = children.iter().map(|child| child.restarts).sum();
                let failures = self.ledger.faults();
                if restarts != failures {
                    self.ledger
                        .complain(format!("{failures} failures made {restarts} restarts"));
                }
            }
            Err(error) => self.ledger.complain(format!("the supervisor does not answer: {error}")),
        }
    }
}
