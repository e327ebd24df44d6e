//! Actors drift to those they talk to.
//!
//! A cell that is woken again and again by one other worker, and by nobody at home, pays for a crossing with every
//! message; moved there, it pays none. So partners that were torn apart by sharing find each other again. What keeps it
//! from going wrong:
//!
//! - only a streak of wake-ups from the same worker counts, and one wake-up from home ends it;
//! - of two partners only one may go: towards the worker with less to do, and if there is no telling, towards the one
//!   with the lower index. Two that see each other cannot swap, and a ring gathers instead of turning;
//! - where messages take longer than a crossing, two cores are worth more than a short way: nobody drifts.

use super::doorbell::Doorbell;
use super::header::Header;
use super::worker::Worker;
use crate::mutant;
use std::ptr::{self, NonNull};

/// How many wake-ups in a row must come from one worker.
const STREAK: u8 = 4;

/// How different the waiting work of two workers must be to count as different.
const MARGIN_NS: u64 = 2_000;

impl Worker {
    /// A cell at home here, until now idle, has been woken by `from`. Moves it there if that has become a habit. The
    /// cell is the last in the run queue.
    ///
    /// # Safety
    ///
    /// This worker is the home of `cell`, which is not having a turn.
    pub(crate) unsafe fn consider_drift(&self, cell: NonNull<Header>, from: Option<&'static Doorbell>) {
        // SAFETY: the caller's cell is alive.
        let header = unsafe { cell.as_ref() };
        // SAFETY: M1: this worker is the home.
        let habit = header.plain.with_mut(|plain| unsafe {
            let drift = &mut (*plain).drift;
            let same = from.is_some() && from.map(ptr::from_ref) == drift.from.map(ptr::from_ref);
            drift.streak = if same { drift.streak.saturating_add(1) } else { 1 };
            drift.from = from;
            drift.streak >= STREAK && !(*plain).pinned
        });
        if habit
            && let Some(target) = from
            && self.would_be_better_off_at(target)
        {
            // SAFETY: passed on.
            unsafe { self.send_off(cell, target) };
        }
    }

    /// Whether `target` is a worker of this system that a cell may drift to.
    fn would_be_better_off_at(&self, target: &'static Doorbell) -> bool {
        if !self.is_chatty() {
            return false;
        }
        let mut peers = (0..).zip(self.shared().peers.iter());
        let Some((index, peer)) = peers.find(|(_, peer)| ptr::eq(peer.doorbell, target)) else {
            // A worker of another system: actors do not emigrate.
            return false;
        };
        let here_ns = self.peer().waiting_ns.get();
        let there_ns = peer.waiting_ns.get();
        if index < self.index() {
            there_ns <= here_ns + MARGIN_NS
        } else {
            there_ns + MARGIN_NS < here_ns
        }
    }

    /// Passes a notified, idle cell on to where chatty cells are to go back to, notification and all. `false` if it stays.
    pub(crate) fn passes_on(&self, cell: NonNull<Header>) -> bool {
        let Some(target) = self.together_at() else { return false };
        // SAFETY: a notified cell is alive until its notification is taken (S4).
        let header = unsafe { cell.as_ref() };
        // SAFETY: M1: the notification came to the home, or to the worker that was to become it.
        let stays = header.plain.with_mut(|plain| unsafe {
            let stays = (*plain).pinned;
            if !stays {
                (*plain).leave();
            }
            stays
        });
        if !stays {
            self.counters().drifts.add(1);
            // M5: whoever has received the notification may move the cell, and passes the duty on with it.
            header.set_home(None);
            // SAFETY: the duty is ours (M2), and the cell is alive until its notification is taken (S4).
            unsafe { target.notify(cell) };
        }
        !stays
    }

    /// As [`send_off`](Self::send_off), for a cell that may be bound to this worker.
    ///
    /// # Safety
    ///
    /// As there.
    pub(super) unsafe fn send_off_unless_pinned(&self, cell: NonNull<Header>, target: &'static Doorbell) {
        // SAFETY: the caller's cell is alive; M1: this worker is the home.
        let pinned = unsafe { cell.as_ref() }.plain.with(|plain| unsafe { (*plain).pinned });
        if !pinned {
            // SAFETY: passed on.
            unsafe { self.send_off(cell, target) };
        }
    }

    /// Moves a cell straight to another worker. It is the last in the run queue.
    ///
    /// # Safety
    ///
    /// As [`consider_drift`](Self::consider_drift).
    pub(super) unsafe fn send_off(&self, cell: NonNull<Header>, target: &'static Doorbell) {
        // SAFETY: the caller's cell is alive.
        let header = unsafe { cell.as_ref() };
        // SAFETY: M1: this worker is the home. The claim takes the duty to notify (M5).
        if !unsafe { (header.table.claim)(cell) } {
            return;
        }
        let last = self.with_run_queue(|queue| queue.pop_back());
        debug_assert_eq!(last, Some(cell), "the cell was queued last");
        // SAFETY: M1, for the last time here: it is in no queue, and whoever accepts it finds that something waits.
        header.plain.with_mut(|plain| unsafe { (*plain).leave() });
        self.counters().drifts.add(1);
        // Nobody's until it is accepted: in the middle of a turn no cell becomes the worker's own, so what a turn sends to
        // one cell goes one way.
        if !mutant!("drift_keeps_its_home") {
            header.set_home(None);
        }
        // SAFETY: the claim gave us the duty (M2), and the cell is alive until its notification is taken (S4).
        unsafe { target.notify(cell) };
    }
}
