//! Several lives in one cell: an actor that its supervisor starts again where it was.
//!
//! A restartable cell keeps what makes its actor. When a life ends, the end goes as always (children first, `stopping`,
//! the actor, its arena), but the mailbox stays open: the cell pauses, tells its parent, and waits for the answer. Data
//! waits meanwhile, and what comes over the control lane is answered or dropped. So references stay valid, nothing that was
//! accepted is lost, and no life can begin before the one before it is over: all of it happens in turns of one cell.
//! Whether there is another life, and when, is the parent's decision (`supervision/`). Invariants cited: M1, M2
//! (mailbox/README.md), S4, S5 (scheduler/README.md).

use super::cell::{ActorCell, Birth, Body, Extras};
use super::end::guarded;
use super::factory::Factory;
use super::unanswered::Unanswered;
use super::{Actor, ActorRef, Context};
use crate::mailbox::MailboxLimits;
use crate::mutant;
use crate::scheduler::control::{AskError, Control};
use crate::scheduler::exit::{ExitReason, Fault};
use crate::scheduler::header::{Attention, CellRef, Header};
use crate::scheduler::worker::Worker;
use crate::sync::{Arc, Mutex, lock};
use std::fmt;
use std::ptr::NonNull;
use std::time::Duration;

/// What makes an actor, life after life.
pub(crate) type Maker<A> = Box<dyn FnMut(&mut Context<'_, A>) -> Result<A, Fault> + Send>;

/// What a restartable cell keeps over its lives.
pub(super) struct Lineage<A: Actor> {
    /// Never contended: it is locked in turns of the one cell. If the maker panics it stays here all the same.
    make: Arc<Mutex<Maker<A>>>,
    /// Why the last life ended, as long as the cell waits for the next.
    paused: Option<ExitReason>,
    /// There is no next life.
    last: bool,
    /// The parent is between two lives itself and waits to hear that this cell is.
    settles: bool,
    /// The children stay over the lives, as a supervisor's do: they settle, and do not end.
    keeps_children: bool,
}

impl<A: Actor> Lineage<A> {
    /// What makes one life.
    fn factory(&self) -> Factory<A> {
        let make = self.make.clone();
        Factory::new(move |ctx: &mut Context<'_, A>| (*lock(&make))(ctx))
    }
}

/// A cell that has its references and may be told things, but has not been started.
pub(crate) struct Unlaunched {
    /// The actor's own count (S4) is this one's to start or to abandon.
    cell: NonNull<Header>,
    abandon: unsafe fn(NonNull<Header>),
}

// SAFETY: a claimed cell without a home belongs to whoever holds the claim (M2), which is this; what lies in it is `Send`.
unsafe impl Send for Unlaunched {}

impl Unlaunched {
    /// Makes a cell that waits for its start, to be restarted later. Messages wait in its inbox.
    pub(crate) fn restartable<A: Actor>(parent: CellRef, make: Maker<A>, keeps_children: bool) -> (ActorRef<A>, Self) {
        let lineage = Lineage {
            make: Arc::new(Mutex::new(make)),
            paused: None,
            last: false,
            settles: false,
            keeps_children,
        };
        let cell = ActorCell::create(
            &Birth::Later,
            lineage.factory(),
            Some(parent),
            &MailboxLimits::default(),
        );
        // SAFETY: the actor's own count keeps the cell alive.
        let reference = ActorRef::new(unsafe { cell.as_ref() });
        // SAFETY: M1: nobody else has seen the cell.
        unsafe {
            let cell = cell.as_ref();
            cell.with_extras(|extras| extras.lineage = Some(Box::new(lineage)));
            cell.set(Attention::RESTARTABLE);
        }
        (reference, Self::new(cell))
    }

    /// Makes a cell that waits for its start, for one life.
    pub(crate) fn once<A: Actor>(parent: CellRef, factory: Factory<A>) -> (ActorRef<A>, Self) {
        let cell = ActorCell::create(&Birth::Later, factory, Some(parent), &MailboxLimits::default());
        // SAFETY: the actor's own count keeps the cell alive.
        (ActorRef::new(unsafe { cell.as_ref() }), Self::new(cell))
    }

    fn new<A: Actor>(cell: NonNull<ActorCell<A>>) -> Self {
        unsafe fn abandon<A: Actor>(header: NonNull<Header>) {
            // SAFETY: made below for a cell of this type, whose own count it gives up.
            unsafe { ActorCell::<A>::from_header(header) }.abandon();
        }
        Self {
            cell: cell.cast(),
            abandon: abandon::<A>,
        }
    }

    /// A reference of any kind.
    pub(crate) fn cell_ref(&self) -> CellRef {
        // SAFETY: the actor's own count keeps the cell alive.
        CellRef::new(unsafe { self.cell.as_ref() })
    }

    /// Starts the cell at the worker of some doorbell. Its parent has linked it, or will hear of it before it can hear of
    /// its end.
    pub(crate) fn launch(self, doorbell: &'static crate::scheduler::doorbell::Doorbell) {
        let cell = self.cell;
        std::mem::forget(self);
        // SAFETY: the cell was made claimed, so the duty is ours (M2), and it is alive until its notification is taken
        // (S4).
        unsafe { doorbell.notify(cell) };
    }
}

impl Drop for Unlaunched {
    fn drop(&mut self) {
        // SAFETY: made together; nobody has started the cell.
        unsafe { (self.abandon)(self.cell) };
    }
}

impl fmt::Debug for Unlaunched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unlaunched")
    }
}

impl<A: Actor> Context<'_, A> {
    /// Starts a cell that was made to be this actor's child.
    pub(crate) fn launch(&mut self, child: Unlaunched) {
        if self.cell.has(Attention::ENDING) {
            // It ends before it begins, as with `spawn`.
            return;
        }
        self.cell.adopt(child.cell_ref());
        child.launch(self.worker.doorbell());
    }

    /// A child has not stopped in the time that it was given; no failure is silent.
    pub(crate) fn report_left_over(&self, child: &CellRef, within: Duration) {
        let child = child.header();
        let reason = ExitReason::LeftOver { within };
        let type_name = (child.table.type_name)();
        self.worker.shared().report_failure(child.id, type_name, &reason);
    }

    /// A reference of any kind to this actor.
    pub(crate) fn cell_ref(&self) -> CellRef {
        CellRef::new(&self.cell.header)
    }
}

impl<A: Actor> Extras<A> {
    /// Whether the children outlive the life that is ending.
    pub(super) fn keeps_children(&self) -> bool {
        let keeps = |lineage: &Lineage<A>| lineage.keeps_children && !lineage.last;
        self.lineage.as_deref().is_some_and(keeps) && !matches!(self.ending, Some(ExitReason::ParentStopped))
    }
}

impl<A: Actor> ActorCell<A> {
    pub(super) fn keeps_children(&self) -> bool {
        // SAFETY: M1: called in turns.
        let keeps = unsafe { self.with_extras_if_any(|extras| extras.keeps_children()) };
        keeps == Some(true)
    }

    /// The parent wants this cell to be between two lives; the reason for the end of the present one.
    pub(super) fn settle(&self) -> ExitReason {
        match self.with_lineage(|lineage| lineage.settles = true) {
            Some(()) => ExitReason::Restarting,
            // What cannot live again ends with its parent's life.
            None => ExitReason::ParentStopped,
        }
    }

    /// As [`settle`](Self::settle), of a cell whose life is ending or has ended.
    pub(super) fn settle_while_stopping(&self) {
        if self.is_paused() {
            self.say_settled();
        } else {
            self.with_lineage(|lineage| lineage.settles = true);
        }
    }

    fn say_settled(&self) {
        if let Some(parent) = &self.header.parent {
            let child = CellRef::new(&self.header);
            parent.control(Control::ChildSettled { child });
        }
    }

    /// A child is between two lives.
    pub(super) fn child_settled(&self, child: &CellRef) {
        // SAFETY: M1: called in turns.
        unsafe { self.with_extras(|extras| extras.children.settled(child.as_ptr())) };
    }

    fn with_lineage<R>(&self, f: impl FnOnce(&mut Lineage<A>) -> R) -> Option<R> {
        // SAFETY: M1: called in turns; `f` is of this file and drops nothing of the user's.
        unsafe { self.with_extras_if_any(|extras| extras.lineage.as_mut().map(|lineage| f(lineage))) }.flatten()
    }

    /// Before a birth: the limits of the mailbox are the system's again, until the factory says otherwise.
    pub(super) fn reset_limits(&self, worker: &Worker) {
        if self.has(Attention::RESTARTABLE) {
            self.forget_limits(&worker.tuning().mailbox);
        }
    }

    /// After a birth: the supervisor goes on with the next child.
    pub(super) fn tell_of_birth(&self) {
        if self.with_lineage(|_| ()).is_some()
            && let Some(parent) = &self.header.parent
        {
            let child = CellRef::new(&self.header);
            parent.control(Control::ChildStarted { child });
        }
    }

    /// Whether a life that ends so may be followed by another.
    pub(super) fn may_live_again(&self, reason: &ExitReason) -> bool {
        !matches!(reason, ExitReason::ParentStopped) && self.with_lineage(|lineage| !lineage.last) == Some(true)
    }

    /// Whether the cell is between two lives.
    pub(super) fn is_paused(&self) -> bool {
        self.with_lineage(|lineage| lineage.paused.is_some()) == Some(true)
    }

    /// There is no next life.
    pub(super) fn live_no_more(&self) {
        self.clear(Attention::RESTARTABLE);
        self.with_lineage(|lineage| lineage.last = true);
    }

    /// Why a cell that is between two lives, and is to have no other, has ended.
    pub(super) fn retired(&self) -> Option<ExitReason> {
        self.with_lineage(|lineage| lineage.last.then(|| lineage.paused.clone()))
            .flatten()
            .flatten()
    }

    /// The end of a life that may be followed by another. The children have ended.
    pub(super) fn pause(&self, worker: &Worker, reason: ExitReason) {
        let _restarted = Unanswered::because(AskError::Restarted);
        let reason = self.farewell(reason, |reason| self.say_stopping(worker, reason));
        if mutant!("restart_closes_the_inbox") {
            drop(self.close_inbox());
        }
        if mutant!("restart_drops_what_waits") {
            // SAFETY: M1: called in a turn.
            drop(unsafe { self.take_queue() });
        }
        self.drop_life(worker);
        self.count_end(worker, &reason);
        self.untie(&reason);
        let settles = self.with_lineage(|lineage| {
            lineage.paused = Some(reason.clone());
            std::mem::take(&mut lineage.settles)
        });
        if settles == Some(true) {
            // The parent looks at its children anew when it lives again.
            self.say_settled();
        } else if let Some(parent) = &self.header.parent {
            let child = CellRef::new(&self.header);
            let reason = Box::new(reason);
            parent.control(Control::ChildPaused { child, reason });
        }
    }

    /// Drops the actor, then what belongs to its life. The control lane stays, and with it what concerns the next life.
    fn drop_life(&self, worker: &Worker) {
        // The actor goes first, while its arena is entered.
        let ctx = self.context(worker);
        self.drop_body();
        self.disarm_all(worker);
        // SAFETY: M1: called in a turn.
        if let Some(mut old) = unsafe { self.take_extras() } {
            for token in &old.sockets {
                worker.forget_closed(*token);
            }
            let mut next = Extras::<A> {
                control: std::mem::take(&mut old.control),
                lineage: old.lineage.take(),
                ties: old.ties.take(),
                children: std::mem::take(&mut old.children),
                // Names, groups and who waits for the mailbox are the cell's and not the life's.
                kept: std::mem::take(&mut old.kept),
                pressure: old.pressure.take(),
                ..Extras::default()
            };
            // Emptied and kept: a timer that is due in the next life, or an answer that comes then, finds nothing.
            let timers = old.timers.take_all();
            std::mem::swap(&mut next.timers, &mut old.timers);
            let asks = old.asks.forget_all();
            std::mem::swap(&mut next.asks, &mut old.asks);
            let tasks = old.tasks.forget_all();
            std::mem::swap(&mut next.tasks, &mut old.tasks);
            if let Some(pressure) = &mut next.pressure {
                // The timer of its looks goes with the others.
                pressure.watched = false;
            }
            // Only a supervisor has any left.
            next.children.unsettle();
            // SAFETY: as above; what is replaced is empty.
            unsafe { self.with_extras(|extras| *extras = next) };
            guarded(|| drop(timers));
            guarded(|| drop(asks));
            guarded(|| drop(tasks));
            guarded(|| drop(old));
        }
        drop(ctx);
        self.clear(
            Attention::ARENA
                | Attention::STOP
                | Attention::AGAIN
                | Attention::AGAIN_UNMUTED
                | Attention::PAUSED
                | Attention::PRESSURE,
        );
    }

    /// Begins the next life if the cell is waiting for it: the turn goes on with its birth.
    pub(super) fn begin_again(&self, worker: &Worker) -> bool {
        let next = self.with_lineage(|lineage| lineage.paused.take().map(|reason| (reason, lineage.factory())));
        let Some((_, factory)) = next.flatten() else {
            return false;
        };
        // SAFETY: M1; there is nothing to drop.
        self.body.with_mut(|body| unsafe { *body = Body::Unborn(factory) });
        if crate::mutant!("sim_restart_loses_mail") {
            // SAFETY: M1.
            drop(unsafe { self.take_queue() });
        }
        self.clear(Attention::ENDING);
        self.set(Attention::UNBORN);
        worker.counters().restarts.add(1);
        true
    }
}
