//! Sending: how a message, or something for the control lane, gets from here into a cell.
//!
//! Within a core it is plain memory; across cores it is gathered until the turn ends (outgoing.rs), or pushed at once where
//! it cannot wait. Invariants cited: M1 to M3 (mailbox/README.md), S2 and S7 (scheduler/README.md).

use super::Actor;
use super::cell::{ActorCell, Content, Envelope};
use crate::mailbox::{Pushed, Refused};
use crate::scheduler::control::Control;
use crate::scheduler::desk::{Desk, RunQueue};
use crate::scheduler::header::Queued;
use crate::scheduler::outgoing::Added;
use crate::scheduler::worker::Worker;

impl<A: Actor> ActorCell<A> {
    /// Tells `msg`, by whichever way is right from here.
    ///
    /// What stands here is the common case, a send within one core from a turn, without a call; everything else, down to a
    /// queue that has to grow, is [`tell_otherwise`](Self::tell_otherwise).
    #[inline]
    pub(crate) fn tell(&self, msg: A::Msg) -> Result<(), Refused<A::Msg>> {
        Worker::with_current(|worker| {
            let Some(worker) = worker else {
                return self.send_from_outside(msg);
            };
            let desk = worker.desk();
            if self.header.is_home(desk.doorbell) && desk.tenure.take_hold() {
                // SAFETY: the home is this worker, on this thread, and it holds its tenure.
                let short = unsafe { self.is_short_way(desk) };
                if short {
                    // SAFETY: as above.
                    unsafe { self.push_short(desk, msg) };
                    desk.tenure.let_go();
                    return Ok(());
                }
                desk.tenure.let_go();
            }
            self.tell_otherwise(worker, msg)
        })
    }

    /// Whether a local message can be pushed without looking left or right.
    ///
    /// # Safety
    ///
    /// The worker of `desk` is the home, and the tenure is held (S7).
    #[inline(always)]
    unsafe fn is_short_way(&self, desk: &Desk) -> bool {
        // SAFETY: M1 and S7, here and below.
        !self.inbox.has_messages()
            && self
                .header
                .plain
                .with(|plain| unsafe { (*plain).queued != Queued::Closed })
            && self.queue.with(|queue| unsafe { !(*queue).is_full() })
            && unsafe { desk.with_run_queue(|queue| !queue.is_full()) }
    }

    /// A send within one core: plain memory.
    ///
    /// # Safety
    ///
    /// [`is_short_way`](Self::is_short_way), and as there.
    #[inline(always)]
    unsafe fn push_short(&self, desk: &Desk, msg: A::Msg) {
        // SAFETY: M1.
        let was_idle = self.header.plain.with_mut(|plain| unsafe {
            let was_idle = (*plain).queued == Queued::No;
            if was_idle {
                (*plain).queued = Queued::Yes;
                // Tested first: a store costs more than a test, and there is seldom a streak to end.
                if (*plain).drift.streak != 0 {
                    (*plain).drift.streak = 0;
                }
            }
            was_idle
        });
        if was_idle {
            // SAFETY: S7; S2: the flag said that the cell is in no queue.
            unsafe { desk.with_run_queue(|queue| queue.push_back_in_place(self.as_header())) };
        }
        // SAFETY: M1, and the borrow ends here.
        self.queue.with_mut(|queue| unsafe { (*queue).push_back_in_place(msg) });
        desk.counters.sent_local.add(1);
    }

    /// Every other send from a worker, in a turn or between turns.
    #[cold]
    #[inline(never)]
    fn tell_otherwise(&self, worker: &Worker, msg: A::Msg) -> Result<(), Refused<A::Msg>> {
        let desk = worker.desk();
        let _held = worker.hold();
        if !self.header.is_home(desk.doorbell) {
            return self.send_remote(worker, msg);
        }
        // SAFETY: the home is this worker, on this thread, and it holds its tenure.
        unsafe {
            if self.inbox.has_messages() {
                // M3: what the sender sent before from elsewhere lies in the inbox and goes first.
                self.take_in_early(worker);
            }
            if self.header.plain.with(|plain| (*plain).queued == Queued::Closed) {
                return Err(Refused(msg));
            }
            self.queue.with_mut(|queue| (*queue).reserve_one());
            desk.with_run_queue(RunQueue::reserve_one);
            self.push_short(desk, msg);
        }
        Ok(())
    }

    /// Takes the inbox in while its notification is still under way.
    ///
    /// # Safety
    ///
    /// `worker` is the home, and the tenure is held (S7).
    #[cold]
    pub(super) unsafe fn take_in_early(&self, worker: &Worker) {
        // SAFETY: passed on.
        unsafe { self.take_in(worker, self.inbox.take_early()) };
    }

    /// A send from outside.
    #[cold]
    fn send_from_outside(&self, msg: A::Msg) -> Result<(), Refused<A::Msg>> {
        data_back(self.push_envelope(None, Content::Data(msg)))
    }

    /// As [`tell`](Self::tell), but a refusal shows at once: nothing waits for the end of the turn.
    pub(crate) fn try_tell(&self, msg: A::Msg) -> Result<(), Refused<A::Msg>> {
        Worker::with_current(|worker| {
            let _held = worker.map(Worker::hold);
            match worker {
                Some(worker) if self.header.is_home(worker.doorbell()) => self.tell_otherwise(worker, msg),
                Some(worker) => {
                    worker.counters().sent_remote.add(1);
                    data_back(self.push_envelope(Some(worker), Content::Data(msg)))
                }
                None => self.send_from_outside(msg),
            }
        })
    }

    /// A send across cores, which may wait for the end of the turn: then a refusal shows when nobody can be told any more.
    /// The tenure is held.
    fn send_remote(&self, worker: &Worker, msg: A::Msg) -> Result<(), Refused<A::Msg>> {
        let desk = worker.desk();
        desk.counters.sent_remote.add(1);
        let from = Some(desk.doorbell);
        let content = Content::Data(msg);
        // SAFETY: S7: the tenure is held. Envelopes of this type are what goes into the inbox of this cell.
        let added = unsafe { desk.with_outgoing(|outgoing| outgoing.add(&self.header, Envelope { from, content })) };
        match added {
            Added::Gathered => Ok(()),
            Added::Plenty => {
                worker.deliver_outgoing();
                Ok(())
            }
            Added::Stranger(envelope) => data_back(
                self.push_ready(envelope)
                    .map_err(|Refused(envelope)| Refused(envelope.content)),
            ),
        }
    }

    /// An answer across cores. The tenure is held.
    #[cold]
    #[inline(never)]
    fn answer_remote(&self, worker: &Worker, message: Control) {
        let envelope = Envelope {
            from: Some(worker.doorbell()),
            content: Content::Control(message),
        };
        // SAFETY: as in `send_remote`.
        match unsafe {
            worker
                .desk()
                .with_outgoing(|outgoing| outgoing.add(&self.header, envelope))
        } {
            Added::Gathered => {}
            Added::Plenty => worker.deliver_outgoing(),
            // An ended actor is told nothing more.
            Added::Stranger(envelope) => drop(self.push_ready(envelope)),
        }
    }

    /// Puts something into the inbox and sees to the notification. What was gathered in this turn goes first.
    fn push_envelope(&self, worker: Option<&Worker>, content: Content<A::Msg>) -> Result<(), Refused<Content<A::Msg>>> {
        if let Some(worker) = worker {
            worker.deliver_outgoing();
        }
        let from = worker.map(Worker::doorbell);
        self.push_ready(Envelope { from, content })
            .map_err(|Refused(envelope)| Refused(envelope.content))
    }

    fn push_ready(&self, envelope: Envelope<A::Msg>) -> Result<(), Refused<Envelope<A::Msg>>> {
        match self.inbox.push(envelope)? {
            Pushed::Notify => self.header.notify_home(),
            Pushed::Underway => {}
        }
        Ok(())
    }

    /// Puts one message on the control lane, by whichever way is right from here. An ended actor drops it.
    pub(super) fn control(&self, message: Control) {
        Worker::with_current(|worker| {
            let _held = worker.map(Worker::hold);
            // What a turn itself brings its own actor to do takes the long way, so that others get a turn before: a task that
            // wakes itself, or one who asks again whenever it is refused, would go on for ever.
            let is_for_later = |worker: &Worker| {
                matches!(message, Control::Reply { .. } | Control::Poll { .. })
                    && worker.desk().has_in_hand(self.as_header())
            };
            if let Some(worker) = worker
                && self.header.is_home(worker.doorbell())
                && !is_for_later(worker)
            {
                if self.inbox.has_messages() {
                    // SAFETY: `worker` is the home and holds its tenure.
                    unsafe { self.take_in_early(worker) };
                }
                // SAFETY: as above.
                unsafe { self.push_control(worker, message) };
            } else if let Some(worker) = worker
                && let Control::Reply { .. } = message
            {
                // Like the requests, answers are gathered: a turn may have many for one asker.
                self.answer_remote(worker, message);
            } else {
                // An ended actor is told nothing more.
                drop(self.push_envelope(worker, Content::Control(message)));
            }
        });
    }
}

/// The message of a refused envelope that carried one.
fn data_back<M>(outcome: Result<(), Refused<Content<M>>>) -> Result<(), Refused<M>> {
    match outcome {
        Ok(()) => Ok(()),
        Err(Refused(Content::Data(msg))) => Err(Refused(msg)),
        Err(Refused(Content::Control(_))) => unreachable!("data was pushed"),
    }
}
