//! Back-pressure: who is flooded, who is muted, and how both end.
//!
//! A sender never waits in the middle of a turn and no send fails for lack of room. Instead an actor that has told
//! something to a *flooded* one, whose mailbox is above its marks, is *muted* when its turn ends: it has no data turns until
//! the receiver is below half of the marks. What is told to it meanwhile waits, floods it in turn, and so mutes those behind
//! it, up to the source. Control messages (timers, answers, ends of children, stops) are handled all the same.
//!
//! ```text
//!   S: turn ends, R flooded ── Muted(S) ──► R keeps it while flooded ── dropped ──► Unmute ──► S
//!   S muted by R, R muted by Q: R passes Probe(S) to Q, Q to whom it waits for ...; back at S it is a cycle: S goes on
//! ```
//!
//! What R keeps is a guard, and its end, whatever brings it about (R is relieved, R ends, R has ended before it came), is
//! what unmutes S: it cannot be forgotten. Each muted actor waits for one receiver, so those who wait make chains and
//! cycles only. A cycle is found by whoever closes it: its probe is handed on by actors that are muted themselves, each in
//! a turn of its own, and comes back. Nobody looks at another's state, and no global knowledge is needed.
//!
//! One wait no probe can see: an actor says that it is under pressure, and what would relieve it is a message of the very
//! actor that it has muted by that. Only the whole system knows, by standing still. So while somebody waits for an actor
//! that has put itself under pressure, it looks every tenth of a second whether anything else can run at all, and if not
//! lets go on who has waited longest. (Pressure by a socket ends with the socket.) Nor can a probe see that an actor is held
//! until an answer has come: hold.rs.
//!
//! Never muted are: whoever is flooded itself (it is part of what must move on), or ends, or floods itself alone.
//! Invariants cited: M1, M6 (mailbox/README.md).

use super::Actor;
use super::cell::{ActorCell, Content, Envelope};
use super::unanswered::Unanswered;
use crate::mailbox::{Chain, Gauge, MailboxLimits, Overflow, Refused};
use crate::mutant;
use crate::scheduler::control::{AskError, Control};
use crate::scheduler::exit::ExitReason;
use crate::scheduler::header::{Attention, CellRef, Queued};
use crate::scheduler::letters::{self, DeadLetterCause};
use crate::scheduler::outgoing::Receipt;
use crate::scheduler::waiting::{Relief, Waiter, Waiting};
use crate::scheduler::worker::Worker;
use crate::sync::Arc;
use crate::sys::clock::{self, Time};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// How many actors a probe passes at most: more than a chain of muted actors can be long, and an end for a probe that has
/// come into somebody else's cycle before that is broken.
const HOPS_MAX: u32 = 1 << 20;

/// What an actor knows of its own back-pressure; made on first use.
#[derive(Default)]
pub(super) struct Pressure {
    /// Those who wait for this actor to be relieved, the longest first.
    pub(super) waiting: VecDeque<Waiting>,
    /// Whom this actor waits for, while it is muted.
    muted_by: Option<CellRef>,
    /// Counts how often it has been muted, so that a late end of an earlier time does not end a later one.
    generation: u32,
    /// A message that was seen waiting, and when.
    seen: Option<Seen>,
    /// Says otherwise than the system about the age of messages.
    pub(super) limits: Option<MailboxLimits>,
    /// A timer will look whether anything moves.
    pub(super) watched: bool,
    /// The pressure is a socket's.
    pub(super) by_socket: bool,
}

/// All messages before this position were there at that time.
struct Seen {
    position: usize,
    at: Time,
}

/// Whether a message may go where so many wait.
pub(super) enum Admission {
    Admitted,
    /// In the place of the one that has waited longest.
    InsteadOfOldest,
    Refused,
}

impl<A: Actor> ActorCell<A> {
    /// # Safety
    ///
    /// The calling worker is the home, and `f` does not come back here.
    pub(super) unsafe fn with_pressure<R>(&self, f: impl FnOnce(&mut Pressure) -> R) -> R {
        // SAFETY: passed on.
        unsafe { self.with_extras(|extras| f(extras.pressure.get_or_insert_default())) }
    }

    /// Marks the actor as flooded.
    ///
    /// # Safety
    ///
    /// The calling worker is the home and holds its tenure, or the actor has its turn.
    pub(super) unsafe fn flood(&self) {
        if !self.has(Attention::FLOODED) {
            self.set(Attention::FLOODED);
            self.inbox.set_flooded(true);
        }
    }

    /// Something is about to be, or has been, put on the data lane: is that too much now? For the rare moments at which it
    /// is looked at.
    ///
    /// # Safety
    ///
    /// As [`flood`](Self::flood).
    #[inline]
    pub(super) unsafe fn measure(&self) -> bool {
        // SAFETY: passed on.
        unsafe {
            if self.queue_len() >= self.header.marks.soft() {
                self.flood();
            }
        }
        self.has(Attention::FLOODED)
    }

    /// Whether what a sender sees of the inbox is too much.
    pub(super) fn is_too_much(&self, gauge: Gauge) -> bool {
        gauge.flooded || gauge.waiting > self.header.marks.soft_of_inbox()
    }

    /// Whether the inbox has room for more, as far as limits go.
    #[inline(always)]
    pub(super) fn inbox_admits(&self) -> bool {
        !self.header.marks.has_hard() || matches!(self.admit(self.inbox.gauge().waiting), Admission::Admitted)
    }

    /// Whether the actor has more than it can do, as far as can be seen from anywhere.
    pub(super) fn looks_flooded(&self) -> bool {
        self.is_too_much(self.inbox.gauge())
    }

    /// Whether one more message may go where so many wait.
    #[cold]
    pub(super) fn admit(&self, waiting: usize) -> Admission {
        match self.header.marks.hard() {
            Some((most, overflow)) if waiting >= most => match overflow {
                Overflow::DropOldest => Admission::InsteadOfOldest,
                Overflow::Reject | Overflow::DropNewest => Admission::Refused,
                Overflow::Fail => {
                    // Once: a flood of refusals must not become one of stops.
                    if self.header.marks.fails_now() {
                        self.fail_for_lack_of_room(most);
                    }
                    Admission::Refused
                }
            },
            _ => Admission::Admitted,
        }
    }

    /// Ends the actor because its mailbox is full. What a turn has gathered may be in hand here, half delivered
    /// (outgoing.rs), so this goes past it, and drops nothing of the user's.
    #[cold]
    fn fail_for_lack_of_room(&self, limit: usize) {
        let stop = Control::Stop(ExitReason::MailboxFull { limit });
        Worker::with_current(|worker| {
            let _held = worker.map(Worker::hold);
            match worker {
                // SAFETY: `worker` is the home and holds its tenure.
                Some(worker) if self.header.is_home(worker.doorbell()) => unsafe { self.push_control(worker, stop) },
                _ => self.push_control_remote(Envelope {
                    from: None,
                    content: Content::Control(stop),
                }),
            }
        });
    }

    /// A chain for which there is no room: what is on the control lane goes in all the same. Nothing is dropped here: the
    /// sender's worker has in hand what it has gathered.
    #[cold]
    pub(super) fn sift(&self, chain: Chain<Envelope<A::Msg>>) -> Receipt {
        let mut refused: Option<Chain<Envelope<A::Msg>>> = None;
        for envelope in chain.open() {
            let envelope = match envelope.content {
                Content::Data(_) => envelope,
                Content::Control(_) => match self.offer_control(envelope) {
                    Ok(()) => continue,
                    Err(Refused(envelope)) => envelope,
                },
            };
            match &mut refused {
                Some(refused) => refused.add(envelope),
                None => refused = Some(Chain::new(envelope)),
            }
        }
        match refused {
            Some(refused) => Receipt::Refused(refused.erase()),
            None => Receipt::Delivered {
                notify: false,
                flooded: true,
            },
        }
    }

    /// What the last life said about the mailbox does not hold any more.
    pub(super) fn forget_limits(&self, limits: &MailboxLimits) {
        self.header.marks.set(limits, size_of::<A::Msg>());
        // SAFETY: M1: called in turns.
        unsafe {
            self.with_extras(|extras| {
                if let Some(pressure) = &mut extras.pressure {
                    pressure.limits = None;
                }
            });
        }
    }

    /// A message for which this actor's full mailbox has no room.
    #[cold]
    pub(super) fn reject<M>(&self, msg: M) {
        Worker::with_current(|worker| {
            if let Some(worker) = worker {
                worker.counters().rejected.add(1);
            }
        });
        letters::count(&self.header, 1, DeadLetterCause::Rejected);
        let _rejected = Unanswered::because(AskError::Rejected);
        // Messages are the user's, and so are their destructors.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(msg)));
    }

    /// The turn that has just ended has flooded `receiver`: mutes this actor, if it may be. Says, as it is told, whether the
    /// cell is to be queued again.
    pub(super) fn mute(&self, worker: &Worker, receiver: CellRef, again: bool) -> bool {
        let exempt = Attention::ENDING | Attention::FLOODED | Attention::MUTED | Attention::UNBORN;
        if self.has(exempt) || receiver.as_ptr() == self.as_header() || self.header.parent.is_none() {
            return again;
        }
        self.set(Attention::MUTED);
        // SAFETY: M1: between turns, on the home.
        let generation = unsafe {
            self.with_pressure(|pressure| {
                pressure.muted_by = Some(receiver.clone());
                pressure.generation = pressure.generation.wrapping_add(1);
                pressure.generation
            })
        };
        worker.counters().mutes.add(1);
        worker.shared().one_more_muted();
        let control_waits = self.has(Attention::CONTROL);
        // SAFETY: M1.
        self.header.plain.with_mut(|plain| unsafe {
            (*plain).queued = if control_waits { Queued::Yes } else { Queued::Muted };
        });
        let cell = CellRef::new(&self.header);
        receiver.control(Control::Muted(Waiting(Waiter::Actor { cell, generation })));
        control_waits
    }

    /// Somebody has been muted because of this actor.
    pub(super) fn let_wait(&self, waiting: Waiting) {
        if !self.has(Attention::FLOODED) && !mutant!("mute_waits_for_one_that_is_relieved") {
            // Relieved meanwhile.
            return;
        }
        if self.has(Attention::HELD) && self.is_held_for(&waiting) {
            // Let go on, as what this actor waits for is the other's to do.
            return;
        }
        // SAFETY: M1: called in turns; nothing comes back inside.
        let muted_by = unsafe { self.with_pressure(|pressure| pressure.muted_by.clone()) };
        if let (Some(muted_by), Waiter::Actor { cell, generation }) = (muted_by, &waiting.0) {
            muted_by.control(Control::Probe {
                origin: cell.clone(),
                generation: *generation,
                hops: 1,
            });
        }
        // SAFETY: as above.
        unsafe { self.with_pressure(|pressure| pressure.waiting.push_back(waiting)) };
    }

    /// Somebody who is muted asks, by way of those whom he waits for, whether he waits for himself.
    pub(super) fn probed(&self, worker: &Worker, origin: CellRef, generation: u32, hops: u32) {
        // SAFETY: M1: called in turns.
        let (muted_by, present) = unsafe { self.with_pressure(|p| (p.muted_by.clone(), p.generation)) };
        let Some(muted_by) = muted_by else {
            // Not muted: what waits for this actor will go on.
            return;
        };
        if origin.as_ptr() == self.as_header() {
            if present == generation {
                worker.counters().mute_cycles.add(1);
                self.unmute(worker, generation);
            }
        } else if hops < HOPS_MAX {
            muted_by.control(Control::Probe {
                origin,
                generation,
                hops: hops + 1,
            });
        }
    }

    /// The time of being muted that has this number is over, if it is the present one.
    pub(super) fn unmute(&self, worker: &Worker, generation: u32) {
        if !self.has(Attention::MUTED) {
            return;
        }
        // SAFETY: M1: called in turns. The reference is dropped outside.
        let muted_by = unsafe {
            self.with_pressure(|pressure| match pressure.generation == generation {
                true => pressure.muted_by.take(),
                false => None,
            })
        };
        if muted_by.is_none() {
            return;
        }
        self.clear(Attention::MUTED);
        worker.shared().one_less_muted();
        self.run_again_as_promised(worker);
    }

    /// An actor that was muted or held may go on, if it is neither any more: with the turn that it has asked for meanwhile.
    pub(super) fn run_again_as_promised(&self, worker: &Worker) {
        if self.has(Attention::AGAIN_UNMUTED) && !self.has(Attention::MUTED | Attention::HELD) {
            self.clear(Attention::AGAIN_UNMUTED);
            // SAFETY: M1: this is a turn of the home.
            unsafe { self.push_control(worker, Control::RunAgain) };
        }
    }

    /// An actor that ends waits for nobody.
    pub(super) fn unmute_to_end(&self, worker: &Worker) {
        if self.has(Attention::MUTED) {
            self.clear(Attention::AGAIN_UNMUTED);
            // SAFETY: M1: called in turns.
            let generation = unsafe { self.with_pressure(|pressure| pressure.generation) };
            self.unmute(worker, generation);
        }
    }

    /// A turn has been cut short and something waits: is it too much, or has it waited for too long?
    #[cold]
    #[inline(never)]
    pub(super) fn look_at_backlog(&self, worker: &Worker) {
        // SAFETY: M1: called in turns.
        unsafe {
            if self.measure() || self.queue_len() < crate::mailbox::AGED_MIN {
                return;
            }
            let (first, end) = self.positions();
            let now = clock::now();
            let too_old = self.with_pressure(|pressure| {
                let limits = pressure.limits.as_ref().unwrap_or(&worker.tuning().mailbox);
                let Some(age_max) = limits.age_max else { return false };
                match &pressure.seen {
                    // Positions wrap; the distance tells which is first.
                    Some(seen) if (seen.position.wrapping_sub(first) as isize) > 0 => now.since(seen.at) > age_max,
                    _ => {
                        pressure.seen = Some(Seen { position: end, at: now });
                        false
                    }
                }
            });
            if too_old {
                self.flood();
            }
        }
    }

    /// The end of a turn of a flooded actor: relieves those who wait, if it is flooded no more.
    #[cold]
    #[inline(never)]
    pub(super) fn relieve_senders(&self) {
        // SAFETY: M1: called in turns.
        let still = self.has(Attention::PRESSURE) || unsafe { self.queue_len() } > self.header.marks.low();
        if still {
            return;
        }
        self.clear(Attention::FLOODED);
        self.inbox.set_flooded(false);
        // SAFETY: M1. A flood is noticed when the queue has to grow, so it must not keep the room of the last one.
        unsafe { self.shrink_queue() };
        // SAFETY: M1. Their ends go to others, and are outside.
        let waiting = unsafe {
            self.with_pressure(|pressure| {
                pressure.seen = None;
                std::mem::take(&mut pressure.waiting)
            })
        };
        if mutant!("mute_relief_tells_nobody") {
            return std::mem::forget(waiting);
        }
        drop(waiting);
    }

    /// Has a thread outside wait for relief.
    pub(super) fn wait_outside(&self) -> Arc<Relief> {
        let relief = Arc::new(Relief::default());
        self.control(Control::Muted(Waiting(Waiter::Thread(relief.clone()))));
        relief
    }
}

/// How long [`ActorRef::tell_blocking`](super::ActorRef::tell_blocking) waits at a time before it looks again.
pub(super) const RELIEF_LOOK: Duration = Duration::from_millis(100);
