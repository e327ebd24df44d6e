//! Work stealing that thinks local: who gives what away, and when.
//!
//! A worker keeps what it has. Only when somebody is hungry, and only when the work that waits is longer than what
//! moving it would cost, it claims half of its run queue into its deque, where others may take it. Until then a load
//! of short turns stays on one core with all its messages in plain memory, and the other workers sleep.

use super::deque::Runnable;
use super::header::Header;
use super::worker::Worker;
use crate::sys::clock::Time;
use std::ptr::NonNull;

/// How many cells of its own surplus a worker takes back at each look when nobody came for them.
const TAKE_BACK: usize = 16;

impl Worker {
    /// Says how much waits here, for the others' decisions and for this worker's own.
    pub(super) fn publish_load(&self) {
        let waiting = self.with_run_queue(|queue| queue.len());
        self.peer().waiting_ns.set(waiting as u64 * self.mean_turn_ns());
    }

    /// Offers half of the run queue if that helps anybody.
    pub(super) fn share(&self, now: Time) {
        if !self.shared().anyone_hungry() {
            return;
        }
        let waiting = self.with_run_queue(|queue| queue.len());
        let waiting_ns = self.peer().waiting_ns.get();
        let worth_ns = u64::try_from(self.tuning().share_worth.as_nanos()).unwrap_or(u64::MAX);
        // Nor does it help anybody to make half of one's children elsewhere when making them is all there is to do.
        if waiting < 2 || waiting_ns < worth_ns || self.is_bearing() {
            return;
        }
        // Of messages that take not much more than a crossing would nobody can tell whether they should be shared.
        let trial = &self.shared().trial;
        if !self.is_clearly_worth_sharing() && (trial.has_failed_lately(now) || !trial.may_offer(self, waiting, now)) {
            return;
        }
        let offered = self.offer(waiting / 2);
        if offered > 0 {
            self.counters().exports.add(offered as u64);
            self.shared().wake_a_searcher(self.index());
        }
    }

    /// Moves up to `most` cells, the ones that would wait longest, from the run queue to the deque.
    pub(super) fn offer(&self, most: usize) -> usize {
        let mut offered = 0;
        let examined = self.with_run_queue(|queue| queue.len());
        let mut kept: Vec<NonNull<Header>> = Vec::new();
        for _ in 0..examined {
            if offered == most {
                break;
            }
            let Some(cell) = self.with_run_queue(|queue| queue.pop_back()) else {
                break;
            };
            // SAFETY: a cell in the run queue is alive (S4) and this worker is its home (S1).
            let header = unsafe { cell.as_ref() };
            // SAFETY: M1: this worker is the home.
            let pinned = header.plain.with(|plain| unsafe { (*plain).pinned });
            // SAFETY: as above.
            if !pinned && unsafe { (header.table.claim)(cell) } {
                // M5: first no home, then the deque; from here on nobody pushes locally.
                header.set_home(None);
                self.deque.push(Runnable(cell));
                offered += 1;
            } else {
                kept.push(cell);
            }
        }
        self.with_run_queue(|queue| kept.into_iter().rev().for_each(|cell| queue.push_back(cell)));
        offered
    }

    /// Takes some of the surplus back that nobody came for, so that it cannot starve behind a run queue that never
    /// empties.
    pub(super) fn take_back_surplus(&self) {
        for _ in 0..TAKE_BACK {
            let Some(cell) = self.deque.pop() else { break };
            self.welcome(cell);
        }
    }

    /// Takes cells from another worker's surplus, that of the nearest first, or else from outside.
    pub(super) fn steal(&self) -> Option<Runnable> {
        let peers = &self.shared().peers;
        for victim in self.peer().neighbors.iter().map(|index| &peers[*index]) {
            if let Some(cell) = self.deque.steal_from(&victim.stealer) {
                return Some(self.stolen(cell));
            }
        }
        self.steal_from_outside()
    }

    /// Takes a share of the cells that came from outside.
    pub(super) fn steal_from_outside(&self) -> Option<Runnable> {
        let cell = self.deque.steal_from_injector(&self.shared().injector)?;
        Some(self.stolen(cell))
    }

    /// Counts a theft. If more came along than this worker can begin now, it stands in this worker's deque, published
    /// anew: one more may want some (S6).
    fn stolen(&self, cell: Runnable) -> Runnable {
        self.counters().steals.add(1);
        if !self.deque.is_empty() || !self.shared().injector.is_empty() {
            self.shared().wake_one(self.index());
        }
        cell
    }
}
