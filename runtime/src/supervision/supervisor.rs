//! The supervisor: an actor that has nothing to do but look after its children.
//!
//! What it knows of them is in a tree that outlives its own lives, so that a supervisor which its own supervisor restarts
//! goes on with the same cells, and references to its children stay valid. What to do next is the roster's to say, and what
//! it is told is messages.rs. It lacks any way to interrupt a handler: a child is stopped between two messages.

use super::backoff::Backoff;
use super::messages::{ChildError, ChildInfo, Msg, SupervisorMsg};
use super::roster::{ChildState, Ended, Restart, Roster, Step};
use super::window::Window;
use crate::actor::{Actor, ActorId, ActorRef, Context, ExitReason, Factory, Reply, Signal, TimerId, Turn, Unlaunched};
use crate::scheduler::control::Control;
use crate::scheduler::header::CellRef;
use crate::sync::{Arc, Mutex, lock};
use crate::sys::clock::{self, Time};
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

/// An actor that starts, stops and restarts its children. Made by [`Context::supervise`] or
/// [`System::supervise`](crate::System::supervise); it ends with whoever started it, abnormally when its children fail too
/// often, or when it is told to [`stop`](ActorRef::stop).
pub struct Supervisor(Arc<Mutex<Tree>>);

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
    /// It was added while the supervisor ran.
    is_late: bool,
    /// Those who have asked that it be stopped, and want to hear of it.
    stoppers: Vec<Reply<Result<(), ChildError>>>,
}

/// The children, and the rules for them.
pub(super) struct Tree {
    roster: Roster,
    children: Vec<Child>,
    by_id: HashMap<ActorId, usize>,
    window: Window,
    backoff: Backoff,
    alarm: Option<TimerId>,
    /// How long a child may take to stop, unless something else is said of it.
    stop_within: Duration,
    /// The supervisor is about to end because its children failed too often.
    escalates: bool,
}

impl Tree {
    pub(super) fn new(roster: Roster, window: Window, backoff: Backoff, stop_within: Duration) -> Self {
        Self {
            roster,
            children: Vec::new(),
            by_id: HashMap::new(),
            window,
            backoff,
            alarm: None,
            stop_within,
            escalates: false,
        }
    }

    /// Adds a child, to be started after those before it; `stop_within` is what it is given instead of what all are.
    pub(super) fn add(
        &mut self,
        name: String,
        restart: Restart,
        stop_within: Option<Duration>,
        is_late: bool,
        unlaunched: Unlaunched,
    ) {
        self.roster.add(restart, stop_within.unwrap_or(self.stop_within));
        let cell = unlaunched.cell_ref();
        self.by_id.insert(cell.header().id, self.children.len());
        self.children.push(Child {
            name,
            cell,
            unlaunched: Some(unlaunched),
            restarts: 0,
            failures: 0,
            up_at: Time::ZERO,
            is_late,
            stoppers: Vec::new(),
        });
    }

    /// The child of this name.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.children.iter().position(|child| child.name == name)
    }

    pub(super) fn set_stop_within(&mut self, index: usize, stop_within: Duration) {
        self.roster.set_stop_within(index, stop_within);
    }

    /// Takes a child off the list that lives no more; what is left of it goes outside.
    fn remove(&mut self, index: usize) -> Child {
        self.roster.remove(index);
        let child = self.children.remove(index);
        self.by_id.remove(&child.cell.header().id);
        for at in self.by_id.values_mut() {
            *at -= usize::from(*at > index);
        }
        child
    }

    /// Begins to stop a child for good, or until somebody wants it again; says whether that is done.
    fn stop(&mut self, index: usize) -> bool {
        self.roster.unwant(index);
        matches!(self.roster.state(index), ChildState::Stopped | ChildState::Retired)
    }

    /// Wants a child again that was stopped.
    fn restart_child(&mut self, name: &str) -> Result<(), ChildError> {
        let index = self.find(name).ok_or(ChildError::Unknown)?;
        match self.roster.state(index) {
            ChildState::Stopped => {
                self.roster.want(index);
                Ok(())
            }
            ChildState::Retired => Err(ChildError::Ended),
            _ => Err(ChildError::Running),
        }
    }

    /// Forgets a child that was stopped or has ended.
    fn delete_child(&mut self, name: &str) -> Result<Child, ChildError> {
        let index = self.find(name).ok_or(ChildError::Unknown)?;
        match self.roster.state(index) {
            ChildState::Stopped | ChildState::Retired => Ok(self.remove(index)),
            _ => Err(ChildError::Running),
        }
    }

    /// A life of the supervisor begins: none of the children is alive.
    fn begin(&mut self) {
        self.roster.begin_anew();
        self.window.clear();
        self.alarm = None;
        self.escalates = false;
        for child in &mut self.children {
            child.failures = 0;
            // Who asked the life before hears that it is over.
            child.stoppers.clear();
        }
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
                Step::LeaveOver(index) => {
                    let within = self.roster.stop_within(index);
                    let child = &mut self.children[index];
                    ctx.report_left_over(&child.cell, within);
                    for reply in child.stoppers.drain(..) {
                        reply.send(Err(ChildError::LeftOver(within)));
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
        let ended = self.roster.ended(index, reason.is_normal());
        for reply in self.children[index].stoppers.drain(..) {
            reply.send(Ok(()));
        }
        match ended {
            Ended::AsTold => {}
            Ended::Retire => {
                let child = &self.children[index];
                child.cell.control(Control::Retire);
                // Whoever adds temporary children all the time does not want a list of all there were.
                if child.is_late && self.roster.is_temporary(index) {
                    self.remove(index);
                }
            }
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
            Msg::Start(late) => {
                let accepted = match tree.find(&late.name) {
                    Some(_) => Err(ChildError::NameTaken),
                    None => Ok(ctx.cell_ref()),
                };
                // It makes the cell and answers, and runs nothing of the user's.
                if let Some(unlaunched) = (late.make)(accepted) {
                    tree.add(late.name, late.restart, late.stop_within, true, unlaunched);
                    tree.advance(ctx);
                }
            }
            Msg::Stop(name, reply) => match tree.find(&name) {
                None => reply.send(Err(ChildError::Unknown)),
                Some(index) if tree.stop(index) => reply.send(Ok(())),
                Some(index) if tree.roster.state(index) == ChildState::LeftOver => {
                    reply.send(Err(ChildError::LeftOver(tree.roster.stop_within(index))));
                }
                Some(index) => {
                    tree.children[index].stoppers.push(reply);
                    tree.advance(ctx);
                }
            },
            Msg::Restart(name, reply) => {
                let outcome = tree.restart_child(&name);
                tree.advance(ctx);
                reply.send(outcome);
            }
            Msg::Delete(name, reply) => {
                let deleted = tree.delete_child(&name);
                drop(tree);
                let deleted = deleted.map(|child| {
                    // A cell that was started is between two lives; one that was not goes with what would have started it.
                    child.cell.control(Control::Retire);
                });
                reply.send(deleted);
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
        Unlaunched::once(
            parent,
            Factory::new(move |ctx: &mut Context<'_, Supervisor>| Ok(Supervisor::begin(&tree, ctx))),
        )
    }
}
