//! The timers of a worker: how they come onto its wheel, go off it, and fire.
//!
//! What a timer means is its actor's business (actor/timers.rs); here it is a reference to the cell, and two numbers. It lacks
//! a way to another worker's wheel. Invariants cited: S7 (README.md).

use super::control::Control;
use super::desk::Desk;
use super::header::CellRef;
use super::worker::Worker;
use crate::sys::clock::Time;
use crate::timer::Key;

/// What a timer points to: a slot in the timer table of an actor.
pub(crate) struct TimerTarget {
    pub(crate) cell: CellRef,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// Where a timer lies.
#[derive(Clone, Copy)]
pub(crate) struct Armed {
    key: Key,
    /// The index of the worker on whose wheel it is.
    worker: u32,
}

impl Worker {
    /// Arms a timer of an actor on this worker's wheel.
    pub(crate) fn arm(&self, deadline: Time, target: TimerTarget) -> Armed {
        let _held = self.hold();
        // SAFETY: S7: the tenure is held; inserting calls nothing.
        let key = unsafe { self.desk().with_wheel(|wheel| wheel.insert(deadline, target)) };
        let worker = self.index() as u32;
        Armed { key, worker }
    }

    /// Takes a timer off this worker's wheel, if it is there: one that lies on another's stays until it is due.
    pub(crate) fn disarm(&self, timer: Armed) {
        if timer.worker as usize != self.index() && !crate::mutant!("timer_disarmed_on_any_wheel") {
            return;
        }
        let _held = self.hold();
        // SAFETY: S7: the tenure is held; removing calls nothing, and what is removed is dropped outside.
        let _target = unsafe { self.desk().with_wheel(|wheel| wheel.remove(timer.key)) };
    }

    pub(super) fn next_timer(&self) -> Option<Time> {
        // SAFETY: S7: called between turns.
        unsafe { self.desk().with_wheel(|wheel| wheel.next_due()) }
    }

    pub(super) fn fire_timers(&self, now: Time) {
        // SAFETY: S7: called between turns; `control` queues and arms nothing.
        unsafe { self.fire_timers_of(self.desk(), now) };
    }

    /// Fires, within a turn, what will be due when so much time has passed, which it does not in a model.
    #[cfg(potoroo_loom)]
    pub(crate) fn pass(&self, by: std::time::Duration) {
        let _held = self.hold();
        // SAFETY: S7: the tenure is held; `control` queues and arms nothing.
        unsafe { self.fire_timers_of(self.desk(), crate::sys::clock::now() + by) };
    }

    /// Fires what is due on the wheel of a desk.
    ///
    /// # Safety
    ///
    /// The caller has the tenure of that desk (S7).
    pub(super) unsafe fn fire_timers_of(&self, desk: &Desk, now: Time) {
        // SAFETY: passed on; `control` queues and arms nothing.
        unsafe {
            desk.with_wheel(|wheel| {
                wheel.advance(now, |target| {
                    self.counters().timers.add(1);
                    target.cell.control(Control::Timer {
                        slot: target.slot,
                        generation: target.generation,
                    });
                });
            });
        }
    }
}
