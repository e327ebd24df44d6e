//! What a worker does when there is nothing to do: look out, announce hunger, sleep, and wake up.
//!
//! The protocol that keeps it from sleeping on work is sleep.rs (S6); who watches whom meanwhile is rescue.rs.

use super::outgoing::Outgoing;
use super::worker::Worker;
use crate::sync::atomic::Ordering;
use crate::sys::clock;
use std::time::Duration;

impl Worker {
    /// Whether something waits that `step` would find (timers and sockets aside).
    pub(super) fn something_waits(&self) -> bool {
        !crate::mutant!("sim_sleeps_on_notifications") && self.doorbell().has_notifications()
            || self.shared().anything_to_steal()
            || self.shared().has_ended()
    }

    /// Waits until there may be something to do. Says whether the system goes on.
    pub(crate) fn rest(&self) -> bool {
        if self.shared().has_ended() {
            return false;
        }
        self.peer().waiting_ns.set(0);
        self.publish_pool();
        // Between turns hardly anybody tells anything, but a message's destructor may.
        self.deliver_between_turns();
        // Hungry only after a while without work: a gap between two messages is no reason to tear partners apart.
        if !self.spin(self.tuning().spin) {
            // SAFETY: S7: between turns.
            unsafe { self.desk().with_outgoing(Outgoing::forget) };
            self.nodes.flush();
            self.shared().become_hungry();
            self.sleep();
            self.shared().become_sated();
        }
        let now = clock::now();
        // Idle time is no turn time.
        self.pace.looked_at.set(now);
        self.pace.turns.set(self.counters().turns.get());
        self.fire_timers(now);
        true
    }

    /// Looks out for a while, cheaper than a sleep and a wake-up (about 25 µs across cores) if something comes soon.
    fn spin(&self, at_most: Duration) -> bool {
        if at_most.is_zero() {
            return self.something_waits();
        }
        self.shared().begin_to_search();
        let until = clock::now() + at_most;
        let found = loop {
            if (0..16).any(|_| {
                crate::sync::hint::spin_loop();
                self.something_waits()
            }) {
                break true;
            }
            if clock::now() >= until {
                break false;
            }
        };
        self.shared().end_search();
        found
    }

    /// Sleeps in the poller until the bell rings, a socket is ready or a timer is due.
    fn sleep(&self) {
        let sleep = self.doorbell().sleep();
        sleep.announce();
        // The second look, after the announcement and its fence: see sleep.rs.
        if !self.something_waits() {
            self.counters().parks.add(1);
            self.peer().sleeps.fetch_add(1, Ordering::Release);
            let at_most = self.next_timer().map(|due| due.since(clock::now()));
            let watch_at_most = self.begin_to_watch();
            let before = clock::now();
            self.poll(at_most.into_iter().chain(watch_at_most).min());
            self.record_wake(before);
            self.pace.polled_at.set(clock::now());
            sleep.cancel();
            self.end_of_watch(watch_at_most.is_some());
        } else {
            sleep.cancel();
        }
    }
}
