//! Short lives: actors that are started, told something, and end in every way there is.
//!
//! The parents must hear of each end. What is told to those that have ended, or end before they have handled it, must be a
//! dead letter.

use crate::market_spread::random::SplitMix64;
use crate::soak::ledger::{Ledger, Open, Post, Ticket};
use crate::soak::part::{Part, panic_by_design};
use potoroo_runtime::{Actor, ActorId, ActorRef, Context, Fault, Signal, System, Turn};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const PARENTS: usize = 4;

/// Lives of one parent's children in a round, at most.
const LIVES_MAX: u64 = 1_500;

/// How many of a parent's children live at the same time.
const AT_ONCE: u64 = 32;

/// What is told to a child, at most.
const MESSAGES_MAX: u64 = 6;

enum ChildMsg {
    Work(Ticket),
    Stop(Ticket),
    Fail(Ticket),
    Panic(Ticket),
    /// Stop when a timer says so.
    Later(Ticket),
    /// Have a child of its own, and end with it.
    Beget(Ticket, Arc<Post>),
}

struct Child;

impl Actor for Child {
    type Msg = ChildMsg;

    fn handle(&mut self, msg: ChildMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            ChildMsg::Work(ticket) => ticket.handled(),
            ChildMsg::Stop(ticket) => {
                ticket.handled();
                ctx.stop();
            }
            ChildMsg::Fail(ticket) => {
                ticket.handled();
                return Err(Fault::new("by design"));
            }
            ChildMsg::Panic(ticket) => {
                ticket.handled();
                panic_by_design();
            }
            ChildMsg::Later(ticket) => {
                ticket.handled();
                ctx.signal_after(Duration::from_micros(500));
            }
            ChildMsg::Beget(ticket, post) => {
                ticket.handled();
                ctx.spawn(|_| Ok(Self)).tell(ChildMsg::Work(post.ticket()));
            }
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        if let Signal::Timer(_) = signal {
            ctx.stop();
        }
        Ok(())
    }
}

struct Parent {
    ledger: Arc<Ledger>,
    children: Arc<Post>,
    random: SplitMix64,
    left: u64,
    /// The children that live.
    open: HashMap<ActorId, Open>,
}

impl Parent {
    fn bear(&mut self, ctx: &mut Context<'_, Self>) {
        let Some(left) = self.left.checked_sub(1) else {
            return;
        };
        self.left = left;
        let random = &mut self.random;
        let child = match random.below(2) {
            0 => ctx.spawn(|_| Ok(Child)),
            _ => {
                let worker = random.below(ctx.workers() as u64) as usize;
                ctx.spawn_on(worker, |_| Ok(Child))
            }
        };
        self.ledger.did(1);
        self.open.insert(child.id(), self.ledger.open());
        let ticket = || self.children.ticket();
        for _ in 0..random.below(MESSAGES_MAX) {
            child.tell(ChildMsg::Work(ticket()));
        }
        self.ledger.injected(1);
        match random.below(6) {
            0 => child.stop(),
            1 => child.tell(ChildMsg::Stop(ticket())),
            2 => child.tell(ChildMsg::Fail(ticket())),
            3 => child.tell(ChildMsg::Panic(ticket())),
            4 => child.tell(ChildMsg::Later(ticket())),
            _ => {
                child.tell(ChildMsg::Beget(ticket(), self.children.clone()));
                child.tell(ChildMsg::Stop(ticket()));
            }
        }
        // Some of these come too late.
        for _ in 0..random.below(MESSAGES_MAX) {
            child.tell(ChildMsg::Work(ticket()));
        }
    }
}

impl Actor for Parent {
    type Msg = (u64, SplitMix64, Ticket);

    fn handle(&mut self, (lives, random, ticket): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        ticket.handled();
        (self.left, self.random) = (lives, random);
        for _ in 0..AT_ONCE {
            self.bear(ctx);
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        if let Signal::ChildExited { id, .. } = signal {
            if self.open.remove(&id).is_none() {
                self.ledger
                    .complain(format!("the end of {id} was told twice, or it was no child"));
            }
            self.bear(ctx);
        }
        Ok(())
    }
}

pub(super) struct Churn {
    ledger: Arc<Ledger>,
    parents: Vec<(ActorRef<Parent>, Arc<Post>)>,
}

impl Churn {
    pub(super) fn start(system: &System) -> Self {
        let ledger = Ledger::new();
        let parents = (0..PARENTS).map(|n| {
            let parent = Parent {
                ledger: ledger.clone(),
                children: ledger.post(format!("the children of parent {n}")),
                random: SplitMix64::new(0),
                left: 0,
                open: HashMap::new(),
            };
            (system.spawn(move |_| Ok(parent)), ledger.post(format!("parent {n}")))
        });
        let parents = parents.collect();
        Self { ledger, parents }
    }
}

impl Part for Churn {
    fn name(&self) -> &'static str {
        "lives"
    }

    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn module(&self) -> &'static str {
        module_path!()
    }

    fn begin(&mut self, _: &System, mut random: SplitMix64) {
        for (parent, post) in &self.parents {
            let lives = random.below(LIVES_MAX);
            let purpose = SplitMix64::new(random.next_u64());
            parent.tell((lives, purpose, post.ticket()));
        }
    }
}
