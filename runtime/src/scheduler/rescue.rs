//! Rescue: an actor that stays in one turn for long must not imprison those that share its worker.
//!
//! A worker without work does not just sleep while others run: it looks every millisecond or so whether one of them has
//! been in the same turn since the look before. If so it takes that worker's tenure (tenure.rs) and, in passes, everything
//! that can go: the cells of the run queue, the cells whose notifications arrive there, the timers that are due. They get
//! the rescuer as their home. The stuck thread notices at its next tell or at the end of its turn, takes its desk back and
//! goes on with what is left there; if the same turn goes on for long, it loses it again.
//!
//! What stays behind: the actor that has the turn, and actors that may not leave their worker (spawned on it, or watching
//! its sockets). With one worker there is nobody to rescue anything, and where the kernel has no `membarrier` nothing is
//! rescued either. While all workers sleep nobody watches, and nothing is spent; the first that wakes up to work wakes
//! another to watch.

use super::desk::{Desk, RunQueue};
use super::header::{Header, Queued};
use super::outgoing::Outgoing;
use super::shared::Peer;
use super::tenure::{AtWork, Held};
use super::worker::Worker;
use crate::sync::atomic::{Ordering, fence};
use crate::sys::clock::{self, Time};
use std::ptr::NonNull;
use std::time::Duration;

/// How many looks in a row must find all others asleep before a worker stops watching them. At a millisecond each, an
/// idle system costs nothing after some tens of them, and one with a message now and then does not wake two workers for
/// each.
const IDLE_LOOKS_MAX: u32 = 20;

/// What a worker has seen of the others.
#[derive(Default)]
pub(super) struct Watch {
    /// By the index of the worker: how many turns it had begun, and since when at the latest.
    turns: Vec<Option<(u64, Time)>>,
    idle_looks: u32,
}

impl Worker {
    /// About to sleep: for how long at most, so as to see whether somebody is stuck? `None` if nobody needs watching.
    pub(super) fn begin_to_watch(&self) -> Option<Duration> {
        let tick = self.tuning().rescue_after? / 2;
        let shared = self.shared();
        if shared.peers.len() == 1 {
            return None;
        }
        // Relaxed; the fence pairs with the one in `end_of_watch`: either the waking worker sees that we watch, or we see
        // that it is awake.
        shared.watching.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let others_asleep = (0..)
            .zip(shared.peers.iter())
            .all(|(index, peer)| index == self.index() || peer.doorbell.sleep().is_asleep());
        let mut watch = self.watch.borrow_mut();
        watch.idle_looks = if others_asleep { watch.idle_looks + 1 } else { 0 };
        if watch.idle_looks <= IDLE_LOOKS_MAX {
            return Some(tick);
        }
        watch.turns.clear();
        shared.watching.fetch_sub(1, Ordering::Relaxed);
        None
    }

    /// Woken up, after a sleep with or without watching.
    pub(super) fn end_of_watch(&self, watched: bool) {
        let shared = self.shared();
        if watched {
            shared.watching.fetch_sub(1, Ordering::Relaxed);
            self.look_after_others();
        } else if shared.peers.len() > 1 && self.tuning().rescue_after.is_some() {
            // Pairs with the fence in `begin_to_watch`.
            fence(Ordering::SeqCst);
            let nobody_watches = shared.watching.load(Ordering::Relaxed) == 0;
            // One that was woken only to watch finds nothing to do, and wakes nobody in turn.
            let has_work = self.doorbell().has_notifications()
                || self.with_run_queue(|queue| !queue.is_empty())
                || shared.anything_to_steal();
            if nobody_watches && has_work {
                shared.wake_one(self.index());
            }
        }
    }

    /// Looks whether another worker is stuck in a turn, and helps.
    fn look_after_others(&self) {
        let Some(after) = self.tuning().rescue_after else {
            return;
        };
        self.go_on_rescuing();
        let now = clock::now();
        let mut watch = self.watch.borrow_mut();
        watch.turns.resize(self.shared().peers.len(), None);
        for (index, peer) in (0..).zip(self.shared().peers.iter()) {
            let turns = peer.desk.counters.turns.get();
            if index == self.index() || !peer.desk.tenure.looks_revocable() {
                watch.turns[index] = None;
                continue;
            }
            match watch.turns[index] {
                Some((before, since)) if before == turns => {
                    if now.since(since) >= after
                        && let Some(at_work) = peer.desk.tenure.revoke()
                    {
                        self.counters().rescues.add(1);
                        self.shared().rescued.fetch_add(1, Ordering::Relaxed);
                        self.take_over(peer, &at_work);
                    }
                }
                _ => watch.turns[index] = Some((turns, now)),
            }
        }
    }

    /// Sees to the desks that have been taken over and that nobody is at.
    pub(super) fn go_on_rescuing(&self) {
        // Relaxed: a hint.
        if self.shared().rescued.load(Ordering::Relaxed) == 0 {
            return;
        }
        for (index, peer) in (0..).zip(self.shared().peers.iter()) {
            if index != self.index()
                && let Some(at_work) = peer.desk.tenure.resume()
            {
                self.take_over(peer, &at_work);
            }
        }
    }

    /// One pass over the desk of a stuck worker.
    fn take_over(&self, stuck: &Peer, at_work: &AtWork<'_>) {
        let desk = &stuck.desk;
        // Timers first: what they make due may be notified to the stuck worker.
        // SAFETY: S7: `at_work` says that the tenure is ours.
        unsafe { self.fire_timers_of(desk, clock::now()) };
        // SAFETY: as above.
        unsafe { desk.with_outgoing(Outgoing::deliver_all) };
        stuck
            .doorbell
            .take_notifications(|cell| self.accept_for(desk, at_work, cell), drop);
        // SAFETY: S7, here and below.
        let count = unsafe { desk.with_run_queue(|queue| queue.len()) };
        for _ in 0..count {
            // SAFETY: as above.
            let cell = unsafe { desk.with_run_queue(RunQueue::pop_front) };
            let Some(cell) = cell else { break };
            if !self.take_from_queue(cell) {
                // SAFETY: as above.
                unsafe { desk.with_run_queue(|queue| queue.push_back(cell)) };
            }
        }
    }

    /// Receives a notification in the place of a stuck worker.
    fn accept_for(&self, desk: &Desk, at_work: &AtWork<'_>, cell: NonNull<Header>) {
        // The one that has the turn is the stuck thread's, all of it.
        let stays = desk.is_running(at_work, cell) || {
            // SAFETY: a notified cell is alive until its notification is taken (S4), and its local side is ours (S7).
            unsafe { cell.as_ref() }
                .plain
                .with(|plain| unsafe { (*plain).pinned && (*plain).queued != Queued::Closed })
        };
        if stays {
            // SAFETY: S7.
            unsafe { desk.with_set_aside(|cells| cells.push(cell)) };
            return;
        }
        // SAFETY: as above. M5: the notification has been received, by one who acts as the home, so it may move.
        let header = unsafe { cell.as_ref() };
        header.set_home(Some(self.doorbell()));
        self.counters().rescued_cells.add(1);
        // SAFETY: this worker is the home now. If the cell stands in the stuck worker's run queue, `take_from_queue` finds
        // it there.
        unsafe { (header.table.accept)(cell, self) };
    }

    /// Takes a cell of a stuck worker's run queue over, if it can go.
    fn take_from_queue(&self, cell: NonNull<Header>) -> bool {
        // SAFETY: a cell in a run queue is alive (S4).
        let header = unsafe { cell.as_ref() };
        if header.is_home(self.doorbell()) {
            self.enqueue(cell);
            return true;
        }
        // SAFETY: S7: the local side of the stuck worker's cells is ours.
        let pinned = header.plain.with(|plain| unsafe { (*plain).pinned });
        // SAFETY: as above. If it cannot be claimed, a notification is about to arrive: next pass.
        if pinned || !unsafe { (header.table.claim)(cell) } {
            return false;
        }
        header.set_home(Some(self.doorbell()));
        self.counters().rescued_cells.add(1);
        self.enqueue(cell);
        // The claim ends like a notification that arrives (M5).
        // SAFETY: this worker is the home now.
        unsafe { (header.table.accept)(cell, self) };
        true
    }

    /// Holds this worker's tenure, taking it back if it was lost.
    #[inline(always)]
    pub(crate) fn hold(&self) -> Held<'_> {
        loop {
            if let Some(held) = self.desk().tenure.hold() {
                return held;
            }
            self.regain();
        }
    }

    /// Takes the desk back, and receives the notifications that were put aside for this worker.
    #[cold]
    #[inline(never)]
    fn regain(&self) {
        self.reclaim();
        self.accept_set_aside();
    }

    /// Takes the desk back.
    pub(super) fn reclaim(&self) {
        if self.desk().tenure.reclaim() {
            self.shared().rescued.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Receives the notifications that were put aside for this worker.
    pub(super) fn accept_set_aside(&self) {
        let Some(_held) = self.desk().tenure.hold() else {
            // Lost again at once, which a turn that goes on may be: whoever wanted it asks again.
            return;
        };
        // SAFETY: S7: the tenure is held.
        let set_aside = unsafe { self.desk().with_set_aside(std::mem::take) };
        for cell in set_aside {
            // SAFETY: these are notifications, received late: the cells are alive (S4) and at home here (M5).
            unsafe { (cell.as_ref().table.accept)(cell, self) };
        }
    }
}
