//! The supervisor: an actor that has nothing to do but look after its children.
//!
//! What it knows of them is in a tree that outlives its own lives, so that a supervisor which its own supervisor restarts
//! goes on with the same cells, and references to its children stay valid. What to do next is the roster's to say. It
//! lacks any way to interrupt a handler: a child is stopped between two messages.

use super::backoff::Backoff;
use super::roster::{ChildState, Ended, Restart, Roster, Step};
use super::window::Window;
use crate::actor::{Actor, ActorId, ActorRef, Context, ExitReason, Reply, Signal, TimerId, Turn, Unlaunched};
use crate::scheduler::control::Control;
use crate::scheduler::header::CellRef;
use crate::sync::{Arc, Mutex, lock};
use crate::sys::clock::{self, Time};
use std::collections::HashMap;
use std::fmt;

/// An actor that starts, stops and restarts its children. Made by [`Context::supervise`] or
/// [`System::supervise`](crate::System::supervise); it ends with whoever started it, abnormally when its children fail too
/// often, or when it is told to [`stop`](ActorRef::stop).
pub struct Supervisor(Arc<Mutex<Tree>>);

/// What a supervisor can be told.
pub struct SupervisorMsg(Msg);

enum Msg {
    /// A pause before a restart may be over.
    Due,
    Children(Reply<Vec<ChildInfo>>),
}

impl SupervisorMsg {
    /// Asks what the children are doing.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, Turn};
    /// # struct Parser; impl Actor for Parser { type Msg = (); fn handle(&mut self, _: (), _: &mut Context<'_, Self>) -> Turn { Ok(()) } }
    /// use potoroo_runtime::{Restart, Strategy, SupervisorMsg, System};
    ///
    /// let system = System::new()?;
    /// let mut tree = system.supervise(Strategy::OneForOne);
    /// tree.child("parser", Restart::Permanent, |_| Ok(Parser));
    /// let supervisor = tree.start();
    /// let children = supervisor.ask(SupervisorMsg::children).wait()?;
    /// assert_eq!((children[0].name.as_str(), children[0].restarts), ("parser", 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn children(reply: Reply<Vec<ChildInfo>>) -> Self {
        Self(Msg::Children(reply))
    }
}

impl fmt::Debug for SupervisorMsg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Msg::Due => "Due",
            Msg::Children(_) => "Children",
        })
    }
}

/// What a supervisor knows of one child.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildInfo {
    /// The name it was given.
    pub name: String,
    /// The actor.
    pub id: ActorId,
    /// What it is doing.
    pub state: ChildState,
    /// How often it has been started again.
    pub restarts: u64,
}

/// One child, over all its lives.
struct Child {
    name: String,
    cell: CellRef,
    /// Until its first start.
    unlaunched: Option<Unlaunched>,
    restarts: u64,
    /// Restarts in a row, without a calm time between them.
    failures: u32,
    up_at: Time,
}

/// The children, and the rules for them.
pub(super) struct Tree {
    roster: Roster,
    children: Vec<Child>,
    by_id: HashMap<ActorId, usize>,
    window: Window,
    backoff: Backoff,
    alarm: Option<TimerId>,
    /// The supervisor is about to end because its children failed too often.
    escalates: bool,
}

impl Tree {
    pub(super) fn new(roster: Roster, window: Window, backoff: Backoff) -> Self {
        Self {
            roster,
            children: Vec::new(),
            by_id: HashMap::new(),
            window,
            backoff,
            alarm: None,
            escalates: false,
        }
    }

    /// Adds a child, to be started after those before it.
    pub(super) fn add(&mut self, name: String, restart: Restart, unlaunched: Unlaunched) {
        self.roster.add(restart);
        let cell = unlaunched.cell_ref();
        self.by_id.insert(cell.header().id, self.children.len());
        self.children.push(Child {
            name,
            cell,
            unlaunched: Some(unlaunched),
            restarts: 0,
            failures: 0,
            up_at: Time::ZERO,
        });
    }

    /// A life of the supervisor begins: none of the children is alive.
    fn begin(&mut self) {
        self.roster.begin_anew();
        self.window.clear();
        self.alarm = None;
        self.escalates = false;
        self.children.iter_mut().for_each(|child| child.failures = 0);
    }

    /// Does what is to be done now.
    fn advance(&mut self, ctx: &mut Context<'_, Supervisor>) {
        if self.escalates {
            return;
        }
        loop {
            let now = clock::now();
            match self.roster.next(now) {
                Step::Stop(index) => {
                    let stop = Control::Stop(ExitReason::Restarting);
                    self.children[index].cell.control(stop);
                }
                Step::Start(index) => {
                    let child = &mut self.children[index];
                    match child.unlaunched.take() {
                        Some(unlaunched) => ctx.launch(unlaunched),
                        None => {
                            child.restarts += 1;
                            child.cell.control(Control::Restart);
                        }
                    }
                }
                Step::Wait(due) => {
                    if let Some(alarm) = self.alarm.take() {
                        ctx.cancel(alarm);
                    }
                    self.alarm = Some(ctx.after(due.since(now), SupervisorMsg(Msg::Due)));
                    return;
                }
                Step::Nothing => return,
            }
        }
    }

    fn started(&mut self, index: usize) {
        self.roster.started(index);
        self.children[index].up_at = clock::now();
    }

    /// A child has come to the end of a life.
    fn paused(&mut self, index: usize, reason: ExitReason, ctx: &mut Context<'_, Supervisor>) {
        let was_up = self.roster.was_up(index);
        match self.roster.ended(index, reason.is_normal()) {
            Ended::AsTold => {}
            Ended::Retire => self.children[index].cell.control(Control::Retire),
            Ended::Restart => {
                let now = clock::now();
                let child = &mut self.children[index];
                if !self.window.allows(now) {
                    self.escalates = true;
                    let reason = ExitReason::RestartLimit {
                        child: child.cell.header().id,
                        reason: reason.into(),
                    };
                    ctx.cell_ref().control(Control::Stop(reason));
                    return;
                }
                let calm = self.window.period().max(self.backoff.max());
                if was_up && now.since(child.up_at) > calm {
                    child.failures = 0;
                }
                let random = mix(now.as_ns() ^ u64::from(child.cell.header().id.low()).rotate_left(32));
                let delay = self.backoff.delay(child.failures, random);
                child.failures += 1;
                self.roster.restart(index, (!delay.is_zero()).then(|| now + delay));
            }
        }
    }
}

/// Spreads the bits of a number over all of it (SplitMix64).
fn mix(seed: u64) -> u64 {
    let x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Supervisor {
    /// A life of a supervisor, with the children it has had before.
    pub(super) fn begin(tree: &Arc<Mutex<Tree>>, ctx: &mut Context<'_, Self>) -> Self {
        let mut held = lock(tree);
        held.begin();
        held.advance(ctx);
        drop(held);
        Self(tree.clone())
    }
}

impl Actor for Supervisor {
    type Msg = SupervisorMsg;

    fn handle(&mut self, msg: SupervisorMsg, ctx: &mut Context<'_, Self>) -> Turn {
        let mut tree = lock(&self.0);
        match msg.0 {
            Msg::Due => {
                tree.alarm = None;
                tree.advance(ctx);
            }
            Msg::Children(reply) => {
                let info = |(index, child): (usize, &Child)| ChildInfo {
                    name: child.name.clone(),
                    id: child.cell.header().id,
                    state: tree.roster.state(index),
                    restarts: child.restarts,
                };
                let children = tree.children.iter().enumerate().map(info).collect();
                drop(tree);
                reply.send(children);
            }
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        let mut tree = lock(&self.0);
        let index = |tree: &Tree, id| tree.by_id.get(&id).copied();
        match signal {
            Signal::ChildStarted { id } => {
                if let Some(index) = index(&tree, id) {
                    tree.started(index);
                }
            }
            Signal::ChildPaused { id, reason } => {
                if let Some(index) = index(&tree, id) {
                    tree.paused(index, reason, ctx);
                }
            }
            _ => return Ok(()),
        }
        tree.advance(ctx);
        Ok(())
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Supervisor")
    }
}

/// A supervisor in the making.
pub(super) fn unlaunched(
    parent: CellRef,
    tree: Arc<Mutex<Tree>>,
    restartable: bool,
) -> (ActorRef<Supervisor>, Unlaunched) {
    if restartable {
        let make = move |ctx: &mut Context<'_, Supervisor>| Ok(Supervisor::begin(&tree, ctx));
        Unlaunched::restartable(parent, Box::new(make), true)
    } else {
        Unlaunched::once(parent, Box::new(move |ctx| Ok(Supervisor::begin(&tree, ctx))))
    }
}
