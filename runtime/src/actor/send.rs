//! Sending: how a message, or something for the control lane, gets from here into a cell.
//!
//! Within a core it is plain memory; across cores it is gathered until the turn ends (outgoing.rs), or pushed at once where
//! it cannot wait. Invariants cited: M1 to M3 (mailbox/README.md), S2 and S7 (scheduler/README.md).

use super::Actor;
use super::carried::Carried;
use super::cell::{ActorCell, Content, Envelope};
use super::pressure::{Admission, RELIEF_LOOK};
use crate::mailbox::{Pushed, Refused};
use crate::scheduler::control::Control;
use crate::scheduler::desk::{Desk, RunQueue};
use crate::scheduler::header::Queued;
use crate::scheduler::outgoing::Added;
use crate::scheduler::worker::Worker;
use crate::sys::clock::{self, Time};
use std::fmt;
use std::ptr::NonNull;

/// A message that was not accepted, given back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TellError<M> {
    /// The actor has ended.
    Ended(M),
    /// The actor has more than it can do: its mailbox is above its marks, or at its hard limit, or it is under pressure.
    Full(M),
}

impl<M> TellError<M> {
    /// The message.
    pub fn into_message(self) -> M {
        match self {
            Self::Ended(msg) | Self::Full(msg) => msg,
        }
    }
}

impl<M> fmt::Debug for TellError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended(_) => "Ended",
            Self::Full(_) => "Full",
        })
    }
}

impl<M> fmt::Display for TellError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended(_) => "the actor has ended",
            Self::Full(_) => "the actor's mailbox is full",
        })
    }
}

impl<M> std::error::Error for TellError<M> {}

impl<A: Actor> ActorCell<A> {
    /// Tells `msg`, by whichever way is right from here.
    ///
    /// What stands here is the common case, a send within one core from a turn, without a call; everything else, down to a
    /// queue that has to grow, is [`tell_otherwise`](Self::tell_otherwise).
    #[inline]
    pub(crate) fn tell(&self, msg: A::Msg) -> Result<(), TellError<A::Msg>> {
        let msg = Carried::new(msg);
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
        self.inbox.is_calm()
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
    unsafe fn push_short(&self, desk: &Desk, msg: Carried<A::Msg>) {
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
    fn tell_otherwise(&self, worker: &Worker, msg: Carried<A::Msg>) -> Result<(), TellError<A::Msg>> {
        let desk = worker.desk();
        let in_turn = desk.tenure.looks_revocable();
        let _held = worker.hold();
        if !self.header.is_home(desk.doorbell) {
            return self.send_remote(worker, in_turn, msg);
        }
        // SAFETY: the home is this worker, on this thread, and it holds its tenure.
        unsafe {
            self.make_way(worker);
            if self.is_closed() {
                return Err(TellError::Ended(msg.into_msg()));
            }
            if self.measure() {
                if self.header.marks.has_hard() {
                    match self.admit(self.queue_len()) {
                        Admission::Admitted => {}
                        Admission::InsteadOfOldest => self.reject(self.pop()),
                        Admission::Refused => return Err(TellError::Full(msg.into_msg())),
                    }
                }
                if in_turn {
                    self.note_flood(desk);
                }
            }
            self.push_making_room(desk, msg);
        }
        Ok(())
    }

    /// M3: what a sender of this worker sent before from elsewhere lies in the inbox, and goes first.
    ///
    /// # Safety
    ///
    /// `worker` is the home, and the tenure is held (S7).
    unsafe fn make_way(&self, worker: &Worker) {
        if self.inbox.has_messages() && !crate::mutant!("sim_local_overtakes_remote") {
            // SAFETY: passed on.
            unsafe { self.take_in_early(worker) };
        }
    }

    /// # Safety
    ///
    /// As [`make_way`](Self::make_way).
    unsafe fn is_closed(&self) -> bool {
        // SAFETY: M1.
        self.header
            .plain
            .with(|plain| unsafe { (*plain).queued == Queued::Closed })
    }

    /// # Safety
    ///
    /// As [`make_way`](Self::make_way), with the desk of the worker.
    unsafe fn push_making_room(&self, desk: &Desk, msg: Carried<A::Msg>) {
        // SAFETY: passed on.
        unsafe {
            self.queue.with_mut(|queue| (*queue).reserve_one());
            desk.with_run_queue(RunQueue::reserve_one);
            self.push_short(desk, msg);
        }
    }

    /// The actor that has its turn on this desk has told this one more than it should.
    ///
    /// # Safety
    ///
    /// The tenure is held (S7).
    unsafe fn note_flood(&self, desk: &Desk) {
        if desk.running() != NonNull::from(&self.header) {
            // SAFETY: passed on.
            unsafe { desk.with_outgoing(|outgoing| outgoing.note_flood(&self.header)) };
        }
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

    /// A send from outside. What is above the soft marks is told all the same: nobody can mute a thread.
    #[cold]
    fn send_from_outside(&self, msg: Carried<A::Msg>) -> Result<(), TellError<A::Msg>> {
        self.push_data(None, msg)
    }

    /// As [`tell`](Self::tell), but a refusal shows at once: nothing waits for the end of the turn. A flooded receiver
    /// refuses.
    pub(crate) fn try_tell(&self, msg: A::Msg) -> Result<(), TellError<A::Msg>> {
        let msg = Carried::new(msg);
        Worker::with_current(|worker| {
            let _held = worker.map(Worker::hold);
            match worker {
                Some(worker) if self.header.is_home(worker.doorbell()) => {
                    // SAFETY: the home is this worker, on this thread, and it holds its tenure.
                    unsafe {
                        self.make_way(worker);
                        if self.is_closed() {
                            return Err(TellError::Ended(msg.into_msg()));
                        }
                        if self.measure() {
                            return Err(TellError::Full(msg.into_msg()));
                        }
                        self.push_making_room(worker.desk(), msg);
                    }
                    Ok(())
                }
                _ if self.is_too_much(self.inbox.gauge()) => Err(TellError::Full(msg.into_msg())),
                Some(worker) => {
                    worker.counters().sent_remote.add(1);
                    self.push_data(Some(worker), msg)
                }
                None => self.push_data(None, msg),
            }
        })
    }

    /// As [`try_tell`](Self::try_tell) from a thread outside, waiting for a flooded receiver until then.
    pub(crate) fn tell_until(&self, mut msg: A::Msg, deadline: Time) -> Result<(), TellError<A::Msg>> {
        loop {
            match self.try_tell(msg) {
                Err(TellError::Full(refused)) if clock::now() < deadline => {
                    msg = refused;
                    let look = clock::now() + RELIEF_LOOK;
                    self.wait_outside().wait_until(look.min(deadline));
                }
                outcome => return outcome,
            }
        }
    }

    /// A send across cores, which may wait for the end of the turn: then a refusal shows when nobody can be told any more.
    /// The tenure is held.
    fn send_remote(&self, worker: &Worker, in_turn: bool, msg: Carried<A::Msg>) -> Result<(), TellError<A::Msg>> {
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
            Added::Stranger(Envelope { content, .. }) => {
                if let Content::Data(msg) = content {
                    let flooded = self.push_ready(Some(worker), msg)?;
                    if flooded && in_turn {
                        // SAFETY: S7: the tenure is held.
                        unsafe { self.note_flood(desk) };
                    }
                }
                Ok(())
            }
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
            Added::Stranger(envelope) => self.push_control_remote(envelope),
        }
    }

    /// Puts a message into the inbox, after what was gathered in this turn.
    fn push_data(&self, worker: Option<&Worker>, msg: Carried<A::Msg>) -> Result<(), TellError<A::Msg>> {
        let _visit = worker.is_none().then(|| self.header.visit());
        if let Some(worker) = worker
            && !crate::mutant!("sim_try_tell_overtakes")
        {
            worker.deliver_outgoing();
        }
        self.push_ready(worker, msg).map(|_| ())
    }

    /// As [`push_data`](Self::push_data), where nothing has been gathered for this cell. Says whether it is flooded.
    fn push_ready(&self, worker: Option<&Worker>, msg: Carried<A::Msg>) -> Result<bool, TellError<A::Msg>> {
        if !self.inbox_admits() {
            return Err(TellError::Full(msg.into_msg()));
        }
        let from = worker.map(Worker::doorbell);
        let content = Content::Data(msg);
        match self.inbox.push_one(Envelope { from, content }) {
            Ok((pushed, gauge)) => {
                self.notify_if(pushed);
                Ok(self.is_too_much(gauge))
            }
            Err(Refused(envelope)) => match envelope.content {
                Content::Data(msg) => Err(TellError::Ended(msg.into_msg())),
                Content::Control(_) => unreachable!("data was pushed"),
            },
        }
    }

    /// Puts something for the control lane into the inbox, where it is never too much.
    pub(super) fn push_control_remote(&self, envelope: Envelope<A::Msg>) {
        // An ended actor is told nothing more.
        drop(self.offer_control(envelope));
    }

    /// As [`push_control_remote`](Self::push_control_remote), and gives back what an ended actor is not told.
    pub(super) fn offer_control(&self, envelope: Envelope<A::Msg>) -> Result<(), Refused<Envelope<A::Msg>>> {
        self.inbox.push(envelope).map(|pushed| self.notify_if(pushed))
    }

    fn notify_if(&self, pushed: Pushed) {
        match pushed {
            Pushed::Notify => self.header.notify_home(),
            Pushed::Underway => {}
        }
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
                if let Some(worker) = worker {
                    worker.deliver_outgoing();
                }
                let _visit = worker.is_none().then(|| self.header.visit());
                let from = worker.map(Worker::doorbell);
                let content = Content::Control(message);
                self.push_control_remote(Envelope { from, content });
            }
        });
    }
}
