//! Turns, and the end of a life.
//!
//! A turn makes the actor if it is its first, handles control messages before data, between two data messages, and ends
//! after a bounded batch. Whatever goes wrong in it, a fault or a panic, ends the actor and nothing else. Ending goes in
//! this order: stop the children, the last started first, each awaited; refuse messages; hand over what was left;
//! `stopping`; drop the actor, then its arena; tell the parent.

use super::actor_ref::count_dead_letters;
use super::cell::{ActorCell, Body, Content, Envelope, Phase};
use super::timers::Due;
use super::{Actor, Context, Signal, Turn};
use crate::scheduler::control::{AskError, Control};
use crate::scheduler::exit::ExitReason;
use crate::scheduler::header::{CellRef, Header, Queued};
use crate::scheduler::worker::Worker;
use crate::sys::clock;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many messages are handled between two looks at the clock within a turn.
const MESSAGES_PER_CLOCK_READ: u32 = 32;

impl<A: Actor> ActorCell<A> {
    fn context<'t>(&'t self, worker: &'t Worker) -> Context<'t, A> {
        // SAFETY: M1: contexts are made in turns, on the home.
        let entered = unsafe { self.with_extras_if_any(|extras| extras.arena.clone()) }
            .flatten()
            .and_then(|arena| arena.enter());
        Context {
            cell: self,
            worker,
            entered,
            stop: false,
            again: false,
        }
    }

    /// Gives the actor a turn. `worker` is the home and nobody else runs this cell (S1, S2).
    #[inline]
    pub(super) fn run(&self, worker: &Worker) {
        // SAFETY: M1.
        let running = self.phase.with(|phase| unsafe { matches!(*phase, Phase::Running) });
        let release = if running {
            let end = match catch_unwind(AssertUnwindSafe(|| self.turn(worker))) {
                Ok(end) => end,
                Err(payload) => Some(ExitReason::from_panic(&*payload)),
            };
            end.is_some_and(|reason| {
                self.begin_to_stop(reason);
                self.go_on_stopping(worker)
            })
        } else {
            self.turn_while_stopping(worker)
        };
        if release {
            // SAFETY: S4: the actor has ended; this is its own count, and the cell is in no queue and on no list.
            unsafe { Header::release(self.as_header()) };
        } else {
            self.requeue(worker);
        }
    }

    /// Puts the cell back into the run queue if something waits, or lets it rest.
    #[inline]
    fn requeue(&self, worker: &Worker) {
        // SAFETY: M1.
        let running = self.phase.with(|phase| unsafe { matches!(*phase, Phase::Running) });
        // SAFETY: M1. While an actor is stopping, its data waits for the end.
        let data_waits = running && unsafe { self.queue_len() } > 0;
        // SAFETY: M1.
        let again = self.header.plain.with_mut(|plain| unsafe {
            let again = (*plain).queued == Queued::Yes && ((*plain).control_waits || data_waits);
            if !again && (*plain).queued == Queued::Yes {
                (*plain).queued = Queued::No;
            }
            again
        });
        if again {
            worker.enqueue(self.as_header());
        }
    }

    /// One turn of a running actor; a reason if it is to end.
    #[inline]
    fn turn(&self, worker: &Worker) -> Option<ExitReason> {
        let mut ctx = self.context(worker);
        self.body.with_mut(|body| {
            // SAFETY: M1, and nothing in a turn reaches the body but through this borrow: contexts do not lead to it.
            let body = unsafe { &mut *body };
            if !matches!(body, Body::Alive(_))
                && let Err(fault) = Self::be_born(body, &mut ctx)
            {
                return Some(ExitReason::FactoryFailed(fault));
            }
            let Body::Alive(actor) = body else {
                unreachable!("born above");
            };
            self.batch(actor, &mut ctx)
        })
    }

    /// Makes the actor. Out of the way, so that the batch stands in a turn once.
    #[cold]
    fn be_born(body: &mut Body<A>, ctx: &mut Context<'_, A>) -> Turn {
        let Body::Unborn(factory) = std::mem::replace(body, Body::Gone) else {
            unreachable!("a running actor has a body");
        };
        ctx.worker.counters().spawned.add(1);
        *body = Body::Alive(factory(ctx)?);
        Ok(())
    }

    /// A bounded batch of messages.
    #[inline]
    fn batch(&self, actor: &mut A, ctx: &mut Context<'_, A>) -> Option<ExitReason> {
        let worker = ctx.worker;
        let tuning = worker.tuning();
        // What is told during the turn waits for the next one, so that an actor that tells itself to go on lets others in.
        // SAFETY: M1: this is a turn of the home.
        let waiting = u32::try_from(unsafe { self.queue_len() }).unwrap_or(u32::MAX);
        let mut left = tuning.turn_messages_max.min(waiting);
        let mut until = None;
        if ctx.stop {
            return ctx.finish_stop();
        }
        loop {
            if self.control_waits()
                && let Some(end) = self.handle_control(actor, ctx)
            {
                return Some(end);
            }
            if left == 0 {
                break;
            }
            // SAFETY: M1: this is a turn of the home.
            let Some(msg) = (unsafe { self.pop() }) else { break };
            worker.counters().handled.add(1);
            if let Err(fault) = actor.handle(msg, ctx) {
                return Some(ExitReason::Faulted(fault));
            }
            if ctx.stop {
                return ctx.finish_stop();
            }
            left -= 1;
            if left > 0 && left.is_multiple_of(MESSAGES_PER_CLOCK_READ) {
                let now = clock::now();
                if now >= *until.get_or_insert_with(|| now + tuning.turn_time_max) {
                    break;
                }
            }
        }
        if let Err(fault) = actor.turn_end(ctx) {
            return Some(ExitReason::Faulted(fault));
        }
        if ctx.stop {
            return ctx.finish_stop();
        }
        ctx.keep_promise_to_run_again();
        None
    }

    #[inline(always)]
    fn control_waits(&self) -> bool {
        // SAFETY: M1: called in turns.
        self.header.plain.with(|plain| unsafe { (*plain).control_waits })
    }

    fn pop_control(&self) -> Option<Control> {
        // SAFETY: M1: called in turns.
        let message = unsafe { self.with_extras_if_any(|extras| extras.control.pop_front()) }.flatten();
        if message.is_none() {
            // SAFETY: M1.
            self.header
                .plain
                .with_mut(|plain| unsafe { (*plain).control_waits = false });
        }
        message
    }

    /// Handles the control lane until it is empty; a reason if the actor is to end.
    #[cold]
    fn handle_control(&self, actor: &mut A, ctx: &mut Context<'_, A>) -> Option<ExitReason> {
        while let Some(message) = self.pop_control() {
            let outcome = match message {
                Control::Stop(reason) => return Some(reason),
                Control::Adopt(child) => {
                    self.adopt(child);
                    Ok(())
                }
                Control::ChildExited { child, reason } => {
                    let id = child.header().id;
                    self.unlink(&child);
                    actor.signal(Signal::ChildExited { id, reason }, ctx)
                }
                Control::Timer { slot, generation } => match ctx.timer_due(slot, generation) {
                    Due::Message(msg) => {
                        ctx.worker.counters().handled.add(1);
                        actor.handle(msg, ctx)
                    }
                    Due::AskSweep => ctx.sweep_asks().into_iter().try_for_each(|(slot, generation)| {
                        self.answer(actor, ctx, slot, generation, Err(AskError::TimedOut))
                    }),
                    Due::Cancelled => Ok(()),
                },
                Control::Reply {
                    slot,
                    generation,
                    value,
                } => self.answer(actor, ctx, slot, generation, value),
                Control::Ready { socket, readiness } => actor.signal(Signal::Ready { socket, readiness }, ctx),
                Control::RunAgain => actor.signal(Signal::RunAgain, ctx),
            };
            if let Err(fault) = outcome {
                return Some(ExitReason::Faulted(fault));
            }
            if ctx.stop {
                return ctx.finish_stop();
            }
        }
        None
    }

    /// Continues a pending ask.
    fn answer(
        &self,
        actor: &mut A,
        ctx: &mut Context<'_, A>,
        slot: u32,
        generation: u32,
        value: crate::scheduler::control::ReplyValue,
    ) -> Turn {
        // SAFETY: M1: this is a turn of the home.
        match unsafe { self.with_extras(|extras| extras.asks.answered(slot, generation)) } {
            Some(continuation) => continuation(actor, value, ctx),
            // Too late: the ask has timed out.
            None => Ok(()),
        }
    }

    fn adopt(&self, child: CellRef) {
        // SAFETY: M1 and S5: this is a turn of the parent.
        unsafe { self.with_extras(|extras| extras.children.link(child)) };
    }

    fn unlink(&self, child: &CellRef) {
        // SAFETY: M1 and S5; a child reports its end once, to the parent that linked it.
        unsafe { self.with_extras(|extras| extras.children.unlink(child.as_ptr())) };
    }

    fn begin_to_stop(&self, reason: ExitReason) {
        // SAFETY: M1: called in turns.
        self.phase.with_mut(|phase| unsafe { *phase = Phase::Stopping(reason) });
    }

    /// Stops the youngest child, or ends if there is none. Says whether the actor has ended and its own count is to be
    /// given up.
    fn go_on_stopping(&self, worker: &Worker) -> bool {
        // SAFETY: M1 and S5: called in turns of the parent.
        let child = unsafe {
            self.with_extras_if_any(|extras| {
                let last = extras.children.last()?;
                if extras.children.told_to_stop.is_some() {
                    // One after the other: the one that was told has not answered yet.
                    return Some(None);
                }
                extras.children.told_to_stop = Some(last.as_ptr());
                Some(Some(last))
            })
        };
        match child.flatten() {
            Some(Some(child)) => {
                child.control(Control::Stop(ExitReason::ParentStopped));
                false
            }
            Some(None) => false,
            None => self.finish(worker),
        }
    }

    /// A turn of an actor that waits for its children to end.
    #[cold]
    fn turn_while_stopping(&self, worker: &Worker) -> bool {
        while let Some(message) = self.pop_control() {
            match message {
                Control::Adopt(child) => self.adopt(child),
                Control::ChildExited { child, .. } => self.unlink(&child),
                // Timers, answers and sockets are of no interest any more.
                _ => {}
            }
        }
        // SAFETY: M1.
        let stopping = self.phase.with(|phase| unsafe { matches!(*phase, Phase::Stopping(_)) });
        stopping && self.go_on_stopping(worker)
    }

    /// The end: nothing of the user's can keep this from happening once. Says whether the actor's own count is to be
    /// given up now; a notification that is under way gives it up when it is taken (S4).
    fn finish(&self, worker: &Worker) -> bool {
        // SAFETY: M1: called in the last turn.
        let phase = self
            .phase
            .with_mut(|phase| unsafe { std::mem::replace(&mut *phase, Phase::Ended) });
        let Phase::Stopping(reason) = phase else {
            unreachable!("only a stopping actor ends");
        };
        // SAFETY: M1. From here on local tells are refused, and after the close remote ones.
        self.header.plain.with_mut(|plain| unsafe {
            (*plain).queued = Queued::Closed;
            (*plain).control_waits = false;
        });
        let (left_in_inbox, notification_underway) = self.close_inbox();
        // Each step is guarded by itself: whatever one does, the next still happens.
        let reason = match catch_unwind(AssertUnwindSafe(|| self.last_calls(worker, &reason, left_in_inbox))) {
            Err(payload) if reason.is_normal() => ExitReason::from_panic(&*payload),
            _ => reason,
        };
        self.drop_all(worker);
        worker.counters().ended.add(1);
        if !reason.is_normal() {
            worker.counters().failed.add(1);
            worker
                .shared()
                .report_failure(self.header.id, (self.header.table.type_name)(), &reason);
        }
        match &self.parent {
            Some(parent) => parent.control(Control::ChildExited {
                child: CellRef::new(&self.header),
                reason,
            }),
            // The root has ended, and everybody with it.
            None => worker.shared().end(),
        }
        !notification_underway
    }

    /// What the user's code gets to do at the end.
    fn last_calls(&self, worker: &Worker, reason: &ExitReason, left_in_inbox: crate::mailbox::Taken<Envelope<A::Msg>>) {
        let mut ctx = self.context(worker);
        self.body.with_mut(|body| {
            // SAFETY: M1, as in `turn`.
            let body = unsafe { &mut *body };
            let mut undelivered = 0;
            let mut hand_over = |msg| {
                undelivered += 1;
                if let Body::Alive(actor) = body {
                    actor.undelivered(msg);
                }
            };
            // SAFETY: M1.
            while let Some(msg) = unsafe { self.pop() } {
                hand_over(msg);
            }
            for envelope in left_in_inbox {
                if let Content::Data(msg) = envelope.content {
                    hand_over(msg);
                }
            }
            if undelivered > 0 {
                count_dead_letters(undelivered);
            }
            if let Body::Alive(actor) = body {
                actor.stopping(reason, &mut ctx);
            }
        });
    }

    /// Drops the actor, then what belongs to it: destructors are the user's code and may panic.
    fn drop_all(&self, worker: &Worker) {
        // The actor goes first, while its arena is entered.
        let ctx = self.context(worker);
        // SAFETY: M1; the body is moved out first, so that its destructor cannot find itself borrowed.
        let body = self
            .body
            .with_mut(|body| unsafe { std::mem::replace(&mut *body, Body::Gone) });
        let _ = catch_unwind(AssertUnwindSafe(|| drop(body)));
        // SAFETY: M1: called in the last turn.
        let queue = unsafe { self.take_queue() };
        let _ = catch_unwind(AssertUnwindSafe(|| drop(queue)));
        // SAFETY: as above.
        if let Some(extras) = unsafe { self.take_extras() } {
            for token in &extras.sockets {
                worker.forget_closed(*token);
            }
            let _ = catch_unwind(AssertUnwindSafe(|| drop(extras)));
        }
        drop(ctx);
    }

    /// Ends a cell that was never queued: its parent is ending and takes no children any more.
    pub(crate) fn abandon(&self) {
        // SAFETY: M1: nobody else has seen this cell.
        self.header
            .plain
            .with_mut(|plain| unsafe { (*plain).queued = Queued::Closed });
        // SAFETY: as above.
        self.phase.with_mut(|phase| unsafe { *phase = Phase::Ended });
        let _ = self.close_inbox();
        // SAFETY: as above; the factory is dropped outside the borrow.
        let body = self
            .body
            .with_mut(|body| unsafe { std::mem::replace(&mut *body, Body::Gone) });
        drop(body);
        // SAFETY: the actor's own count; the spawner holds a reference.
        unsafe { Header::release(self.as_header()) };
    }
}
