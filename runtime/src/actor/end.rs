//! The end of a life.
//!
//! Whatever goes wrong in a turn ends the actor and nothing else. Ending goes in this order: stop the children, the last
//! started first, each awaited; refuse messages; hand over what was left; `stopping`; drop the actor, then its arena; tell
//! the parent. Of an actor that may live again the mailbox stays open, and it is told about and not handed over: lineage.rs.
//! Invariants cited: M1 (mailbox/README.md), S4 and S5 (scheduler/README.md).

use super::Actor;
use super::carried::Carried;
use super::cell::{ActorCell, Body, Content, Envelope};
use super::unanswered::Unanswered;
use crate::mutant;
use crate::scheduler::control::{AskError, Control};
use crate::scheduler::exit::ExitReason;
use crate::scheduler::header::{After, Attention, CellRef, Header, Queued};
use crate::scheduler::letters::{self, DeadLetterCause};
use crate::scheduler::tie::Tie;
use crate::scheduler::worker::Worker;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs what may drop something of the user's, which may panic: the end of a life goes on.
pub(super) fn guarded(step: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(step));
}

/// A control message that came when the actor had begun to end. Who wanted to hear of the end hears why; the rest is
/// dropped.
fn too_late(message: Control, reason: &ExitReason) {
    match message {
        Control::Tie(Tie::Watch(watch)) => watch.tell(reason.clone()),
        Control::Tie(Tie::Link(link)) => link.tell(reason.clone()),
        _ => {}
    }
}

impl<A: Actor> ActorCell<A> {
    /// The end of a turn with which the actor's life ends, now or when its children have ended.
    #[cold]
    #[inline(never)]
    pub(super) fn begin_to_end(&self, worker: &Worker, reason: ExitReason) -> After {
        self.let_go_to_end(worker);
        self.unmute_to_end(worker);
        self.set(Attention::ENDING);
        // SAFETY: M1: called in turns.
        let parent = unsafe { self.with_extras_if_any(|extras| extras.children.last().is_some()) };
        let ended = if parent == Some(true) && !crate::mutant!("sim_children_outlive_parents") {
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
                let last = if extras.keeps_children() {
                    extras.children.last_unsettled()?
                } else {
                    extras.children.last()?
                };
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
                child.control(match self.keeps_children() {
                    true => Control::Settle,
                    false => Control::Stop(ExitReason::ParentStopped),
                });
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
        // SAFETY: M1: called in turns.
        let queued = self.header.plain.with(|plain| unsafe { (*plain).queued });
        debug_assert_ne!(queued, Queued::Closed, "S2: a cell that has ended is in no queue");
        while let Some(message) = self.pop_control() {
            match message {
                Control::Adopt(child) => self.adopt(child),
                Control::ChildExited { child, .. } => self.unlink(&child),
                Control::Stop(ExitReason::ParentStopped) | Control::Retire => self.live_no_more(),
                Control::Settle => self.settle_while_stopping(),
                Control::ChildSettled { child } => self.child_settled(&child),
                // What follows on the lane is for the next life.
                Control::Restart if self.begin_again(worker) => return false,
                Control::Tie(tie) => drop(self.tied(tie)),
                // What is kept is the cell's, and may be wanted in the next life.
                Control::Keep(keepsake) => self.keep(keepsake),
                Control::LetGo(key) => self.let_go(key),
                // The messages of the next life wait: who sends more than there should be waits as well.
                Control::Muted(waiting) if self.is_paused() => self.let_wait(waiting),
                // Timers, answers and sockets are of no interest any more. An answer is the user's, and so is its
                // destructor.
                other => guarded(|| drop(other)),
            }
        }
        if let Some(reason) = self.retired() {
            // A supervisor's children are still there, between two lives like it.
            // SAFETY: M1: called in turns.
            unsafe { self.with_extras(|extras| extras.ending = Some(reason)) };
        }
        // SAFETY: M1.
        let stopping = unsafe { self.with_extras_if_any(|extras| extras.ending.is_some()) };
        stopping == Some(true) && self.go_on_stopping(worker)
    }

    /// The end: nothing of the user's can keep this from happening once. Says whether the actor's own count is to be
    /// given up now; a notification that is under way gives it up when it is taken (S4).
    fn finish(&self, worker: &Worker, reason: ExitReason) -> bool {
        let is_paused = self.is_paused();
        if !is_paused && self.may_live_again(&reason) {
            self.pause(worker, reason);
            return false;
        }
        // SAFETY: M1. From here on local tells are refused, and after the close remote ones.
        self.header.plain.with_mut(|plain| unsafe {
            (*plain).queued = Queued::Closed;
            (*plain).attention &= !Attention::CONTROL;
        });
        let (left_in_inbox, notification_underway) = if mutant!("end_drains_and_does_not_close") {
            (self.inbox.take_early(), false)
        } else {
            self.close_inbox()
        };
        let _stopped = Unanswered::because(AskError::Stopped);
        let reason = self.farewell(reason, |reason| self.last_calls(worker, reason, left_in_inbox));
        // SAFETY: M1: called in the last turn.
        if unsafe { self.with_extras_if_any(|_| ()) }.is_some() {
            guarded(|| {
                while let Some(message) = self.pop_control() {
                    too_late(message, &reason);
                }
            });
            self.untie(&reason);
        }
        self.drop_all(worker);
        if !is_paused {
            self.count_end(worker, &reason);
        }
        match &self.header.parent {
            Some(parent) => parent.control(Control::ChildExited {
                child: CellRef::new(&self.header),
                reason,
            }),
            // The root has ended, and everybody with it.
            None => worker.shared().end(),
        }
        let is_last = !notification_underway && !mutant!("end_never_gives_its_count_up");
        is_last || mutant!("end_frees_despite_a_notification")
    }

    /// Guards what the user's code gets to do at the end: whatever one step does, the next still happens. A panic in it is
    /// the reason if there is no other.
    pub(super) fn farewell(&self, reason: ExitReason, say: impl FnOnce(&ExitReason)) -> ExitReason {
        match catch_unwind(AssertUnwindSafe(|| say(&reason))) {
            Err(payload) if reason.is_normal() => ExitReason::from_panic(&*payload),
            _ => reason,
        }
    }

    /// Counts the end of a life, and reports a failure.
    pub(super) fn count_end(&self, worker: &Worker, reason: &ExitReason) {
        worker.counters().ended.add(1);
        if !reason.is_normal() {
            worker.counters().failed.add(1);
            worker
                .shared()
                .report_failure(self.header.id, (self.header.table.type_name)(), reason);
        }
    }

    /// What the user's code gets to do at the end of a life that another may follow.
    pub(super) fn say_stopping(&self, worker: &Worker, reason: &ExitReason) {
        let mut ctx = self.context(worker);
        self.body.with_mut(|body| {
            // SAFETY: M1, as in `turn`.
            if let Body::Alive(actor) = unsafe { &mut *body } {
                actor.stopping(reason, &mut ctx);
            }
        });
    }

    /// What the user's code gets to do at the end.
    fn last_calls(&self, worker: &Worker, reason: &ExitReason, left_in_inbox: crate::mailbox::Taken<Envelope<A::Msg>>) {
        let mut ctx = self.context(worker);
        self.body.with_mut(|body| {
            // SAFETY: M1, as in `turn`.
            let body = unsafe { &mut *body };
            let mut undelivered = 0;
            let mut panic = None;
            // A message that makes the hook panic keeps none of the others from it, nor the actor from its last call.
            let mut hand_over = |msg: Carried<A::Msg>| {
                undelivered += 1;
                if let Body::Alive(actor) = body
                    && let Err(payload) = catch_unwind(AssertUnwindSafe(|| actor.undelivered(msg.into_msg())))
                {
                    panic.get_or_insert(payload);
                }
            };
            // SAFETY: M1.
            while let Some(msg) = unsafe { self.pop() } {
                hand_over(msg);
            }
            for envelope in left_in_inbox {
                match envelope.content {
                    Content::Data(_) if crate::mutant!("sim_leftovers_forgotten") => {}
                    Content::Data(msg) => hand_over(msg),
                    Content::Control(message) => too_late(message, reason),
                }
            }
            if undelivered > 0 {
                letters::count(&self.header, undelivered, DeadLetterCause::LeftOver);
            }
            if let Body::Alive(actor) = body {
                actor.stopping(reason, &mut ctx);
            }
            if let Some(payload) = panic {
                resume_unwind(payload);
            }
        });
    }

    /// Drops the actor, then what belongs to it: destructors are the user's code and may panic.
    fn drop_all(&self, worker: &Worker) {
        // The actor goes first, while its arena is entered.
        let ctx = self.context(worker);
        self.drop_body();
        // SAFETY: M1: called in the last turn.
        let queue = unsafe { self.take_queue() };
        guarded(|| drop(queue));
        self.disarm_all(worker);
        // SAFETY: as above.
        if let Some(extras) = unsafe { self.take_extras() } {
            for token in &extras.sockets {
                worker.forget_closed(*token);
            }
            guarded(|| drop(extras));
        }
        drop(ctx);
    }

    /// Drops the actor, or what would have made it.
    pub(super) fn drop_body(&self) {
        // SAFETY: M1; the body is moved out first, so that its destructor cannot find itself borrowed.
        let body = self
            .body
            .with_mut(|body| unsafe { std::mem::replace(&mut *body, Body::Gone) });
        guarded(|| drop(body));
    }

    /// Ends a cell that was never queued: its parent is ending and takes no children any more, or never started it.
    pub(crate) fn abandon(&self) {
        // SAFETY: M1: the cell is claimed or has not been seen by anybody, so that nobody has it as its home.
        self.header
            .plain
            .with_mut(|plain| unsafe { (*plain).queued = Queued::Closed });
        // SAFETY: as above.
        self.set(Attention::ENDING);
        let _stopped = Unanswered::because(AskError::Stopped);
        let (left_in_inbox, _) = self.close_inbox();
        let mut undelivered = 0;
        for left in left_in_inbox {
            undelivered += u64::from(matches!(left.content, Content::Data(_)));
            guarded(|| drop(left));
        }
        if undelivered > 0 {
            letters::count(&self.header, undelivered, DeadLetterCause::LeftOver);
        }
        // SAFETY: as above; the factory is dropped outside the borrow.
        let body = self
            .body
            .with_mut(|body| unsafe { std::mem::replace(&mut *body, Body::Gone) });
        guarded(|| drop(body));
        // SAFETY: as above.
        let extras = unsafe { self.take_extras() };
        guarded(|| drop(extras));
        // SAFETY: the actor's own count; the spawner holds a reference.
        unsafe { Header::release(self.as_header()) };
    }
}
