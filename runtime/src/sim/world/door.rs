//! What the runtime below asks a world for, in the place of the operating system.

use super::{ERRAND_WITHIN_NS, Grain, PAUSE_STEPS_MAX, SimWorld, Slot};
use crate::sys::clock::Time;
use crate::sys::simulated::{Disk, Errand, Network, Stepped, World};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

impl World for SimWorld {
    fn now(&self) -> Time {
        self.now.get()
    }

    fn wall_ns(&self) -> u64 {
        // The first second of 2026: some date, and always the same.
        1_767_225_600_000_000_000 + self.now.get().as_ns()
    }

    fn adopt(&self, worker: Box<dyn Stepped>) {
        let whose = self.places.present();
        worker.look(&mut |glimpse| {
            self.roots.borrow_mut().insert(glimpse.id, whose);
        });
        self.slots.borrow_mut().push(Rc::new(Slot {
            stepped: worker,
            whose,
            busy: Cell::new(false),
        }));
    }

    fn turn_messages_max(&self) -> Option<u32> {
        self.turn_messages_max
    }

    fn wait(&self, deadline: Time, done: &mut dyn FnMut() -> bool) {
        loop {
            if done() {
                break self.hand_back();
            }
            let over = self.grain == Grain::Whole && self.now.get() >= deadline;
            if over || !self.go_on(deadline, false) {
                self.halt_if_failed();
                self.pass(deadline);
                break self.hand_back();
            }
            self.halt_if_failed();
        }
    }

    fn choose(&self, n: usize) -> usize {
        self.below(n)
    }

    fn pause(&self) {
        if self.grain != Grain::Whole || self.depth.get() > 0 || self.over.get() {
            return;
        }
        self.depth.set(1);
        for _ in 0..self.below(PAUSE_STEPS_MAX) {
            if !self.step_whole(Time::ZERO) {
                break;
            }
        }
        self.depth.set(0);
    }

    fn errand(&self, due: Option<Time>, errand: Errand) {
        let soon = || Duration::from_nanos(self.below(ERRAND_WITHIN_NS) as u64);
        let due = due.unwrap_or_else(|| match self.grain {
            Grain::Whole => self.now.get() + soon(),
            Grain::ByTurns => self.now.get(),
        });
        self.enqueue(due, Some(self.places.present()), errand);
    }

    fn next_id(&self) -> u64 {
        self.ids.set(self.ids.get() + 1);
        self.first_id + self.ids.get()
    }

    fn touch(&self, what: u64) {
        self.touched.borrow_mut().insert(what);
    }

    fn failed(&self, id: u64, type_name: &'static str, reason: &str) {
        if self.over.get() {
            return;
        }
        let what = format!("{type_name} #{} failed: {reason}", id - self.first_id);
        if !self.failures_allowed {
            self.fail(what.clone());
        }
        self.failures.borrow_mut().push(what);
    }

    fn event(&self, due: Time, event: Errand) {
        self.enqueue(due, None, event);
    }

    fn take_time(&self, time: Duration) {
        self.pass(self.now.get() + time);
    }

    fn is_gone(&self, root: u64) -> bool {
        let whose = self.roots.borrow().get(&root).copied();
        whose.is_some_and(|whose| !self.places.is_alive(whose))
    }

    fn network(&self) -> &dyn Network {
        &self.net
    }

    fn disk(&self) -> &dyn Disk {
        &self.disks
    }
}
