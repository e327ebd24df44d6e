//! The end of a life.
//!
//! Whatever goes wrong in a turn ends the actor and nothing else. Ending goes in this order: stop the children, the last
//! started first, each awaited; refuse messages; hand over what was left; `stopping`; drop the actor, then its arena; tell
//! the parent. Invariants cited: M1 (mailbox/README.md), S4 and S5 (scheduler/README.md).

use super::Actor;
use super::carried::Carried;
use super::cell::{ActorCell, Body, Content, Envelope};
use super::unanswered::Unanswered;
use crate::scheduler::control::{AskError, Control};
use crate::scheduler::exit::ExitReason;
use crate::scheduler::header::{After, Attention, CellRef, Header, Queued};
use crate::scheduler::letters::{self, DeadLetterCause};
use crate::scheduler::worker::Worker;
use std::panic::{AssertUnwindSafe, catch_unwind};

impl<A: Actor> ActorCell<A> {
    /// The end of a turn with which the actor's life ends, now or when its children have ended.
    #[cold]
    #[inline(never)]
    pub(super) fn begin_to_end(&self, worker: &Worker, reason: ExitReason) -> After {
        self.unmute_to_end(worker);
        self.set(Attention::ENDING);
        // SAFETY: M1: called in turns.
        let parent = unsafe { self.with_extras_if_any(|extras| extras.children.last().is_some()) };
        let ended = if parent == Some(true) {
            // SAFETY: as above.
            unsafe { self.with_extras(|extras| extras.ending = Some(reason)) };
            self.go_on_stopping(worker)
        } else {
            // Most actors have no children, and need not remember.
            self.finish(worker, reason)
        };
        self.gone_or_go_on(ended)
    }

    /// The end of a turn of an actor that is ending.
    pub(super) fn gone_or_go_on(&self, ended: bool) -> After {
        if ended {
            // SAFETY: S4: the actor has ended; this is its own count, and the cell is in no queue and on no list.
            unsafe { Header::release(self.as_header()) };
            return After::Gone;
        }
        // While an actor is stopping, its data waits for the end.
        // SAFETY: M1: called at the end of a turn.
        self.header.plain.with_mut(|plain| unsafe {
            let again = (*plain).queued == Queued::Yes && (*plain).attention & Attention::CONTROL != 0;
            if !again && (*plain).queued == Queued::Yes {
                (*plain).queued = Queued::No;
            }
            if again { After::Again } else { After::Idle }
        })
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
            None => {
                // SAFETY: M1: called in turns.
                let reason = unsafe { self.with_extras(|extras| extras.ending.take()) };
                let Some(reason) = reason else {
                    unreachable!("only a stopping actor ends");
                };
                self.finish(worker, reason)
            }
        }
    }

    /// A turn of an actor that waits for its children to end.
    #[cold]
    pub(super) fn turn_while_stopping(&self, worker: &Worker) -> bool {
        while let Some(message) = self.pop_control() {
            match message {
                Control::Adopt(child) => self.adopt(child),
                Control::ChildExited { child, .. } => self.unlink(&child),
                // Timers, answers and sockets are of no interest any more.
                _ => {}
            }
        }
        // SAFETY: M1.
        let stopping = unsafe { self.with_extras_if_any(|extras| extras.ending.is_some()) };
        stopping == Some(true) && self.go_on_stopping(worker)
    }

    /// The end: nothing of the user's can keep this from happening once. Says whether the actor's own count is to be
    /// given up now; a notification that is under way gives it up when it is taken (S4).
    fn finish(&self, worker: &Worker, reason: ExitReason) -> bool {
        // SAFETY: M1. From here on local tells are refused, and after the close remote ones.
        self.header.plain.with_mut(|plain| unsafe {
            (*plain).queued = Queued::Closed;
            (*plain).attention &= !Attention::CONTROL;
        });
        let (left_in_inbox, notification_underway) = self.close_inbox();
        let _stopped = Unanswered::because(AskError::Stopped);
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
        match &self.header.parent {
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
            let mut hand_over = |msg: Carried<A::Msg>| {
                undelivered += 1;
                if let Body::Alive(actor) = body {
                    actor.undelivered(msg.into_msg());
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
                letters::count(&self.header, undelivered, DeadLetterCause::LeftOver);
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
        self.set(Attention::ENDING);
        let _stopped = Unanswered::because(AskError::Stopped);
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
