//! A worker that a simulated world steps, in place of a thread that runs it.
//!
//! It is the same worker: turns, notifications, sharing, drifting and the protocol of sleep are those of `worker.rs` and
//! its neighbors. Only what the operating system and chance would decide comes from the world: who goes on next, which of
//! the runnable cells has its turn, when a cell is offered or moves. The way to sleep is cut into the pieces between which
//! another worker may ring (S6). Invariants cited: S1, S3, S4, S7 in the folder's README.

use super::header::Header;
use super::outgoing::Outgoing;
use super::worker::{Step, Worker};
use crate::sync::atomic::Ordering;
use crate::sys::clock::{self, Time};
use crate::sys::simulated::{Glimpse, Nudge, Standing, Stepped};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Awake,
    /// It has found nothing to do and is going to say so.
    Tired,
    /// It has announced its sleep and not looked again yet.
    Announced,
    Asleep,
    Ended,
}

/// A worker, stepped.
pub(crate) struct SimulatedWorker {
    worker: Worker,
    phase: Cell<Phase>,
    /// The root of the tree, for the first worker of a system.
    root: Option<NonNull<Header>>,
}

impl SimulatedWorker {
    /// Takes `worker` over. `root` is alive as long as the system has not ended.
    pub(crate) fn new(worker: Worker, root: Option<NonNull<Header>>) -> Self {
        worker.doorbell().simulate(true);
        Self {
            worker,
            phase: Cell::new(Phase::Awake),
            root,
        }
    }

    /// Calls `f` as the worker that this thread is meanwhile. A panic of an actor ends that actor.
    fn as_worker<R: Default>(&self, f: impl FnOnce(&Worker) -> R) -> R {
        let worker = &self.worker;
        worker.enter(|| {
            worker.nodes.enter(|| {
                catch_unwind(AssertUnwindSafe(|| f(worker))).unwrap_or_else(|payload| {
                    worker.end_turn_by_panic(payload);
                    R::default()
                })
            })
        })
    }

    /// One step of a worker without a runnable cell.
    fn rest(&self) {
        let worker = &self.worker;
        match self.phase.get() {
            Phase::Tired => {
                if worker.shared().has_ended() {
                    self.go_home();
                    return;
                }
                self.as_worker(|worker| {
                    worker.peer().waiting_ns.set(0);
                    worker.deliver_between_turns();
                    // SAFETY: S7: between turns.
                    unsafe { worker.desk().with_outgoing(Outgoing::forget) };
                    worker.nodes.flush();
                    worker.shared().become_hungry();
                    worker.doorbell().sleep().announce();
                });
                self.phase.set(Phase::Announced);
            }
            // The second look, after the announcement: see sleep.rs.
            Phase::Announced if worker.something_waits() => self.wake_up(),
            Phase::Announced => {
                worker.counters().parks.add(1);
                worker.peer().sleeps.fetch_add(1, Ordering::Release);
                self.phase.set(Phase::Asleep);
            }
            Phase::Asleep => {
                // Also where no socket is watched, which is when a poll is no more than this.
                self.worker.doorbell().hear();
                self.as_worker(|worker| worker.poll(Some(Duration::ZERO)));
                self.wake_up();
            }
            Phase::Awake | Phase::Ended => {}
        }
    }

    fn wake_up(&self) {
        self.as_worker(|worker| {
            worker.doorbell().sleep().cancel();
            worker.shared().become_sated();
            let now = clock::now();
            worker.pace.looked_at.set(now);
            worker.pace.turns.set(worker.counters().turns.get());
            worker.pace.polled_at.set(now);
            worker.fire_timers(now);
        });
        self.phase.set(Phase::Awake);
    }

    fn go_home(&self) {
        self.as_worker(|worker| {
            worker.publish_pool();
            // SAFETY: S7: between turns, for the last time.
            unsafe { worker.desk().with_outgoing(Outgoing::forget) };
        });
        self.phase.set(Phase::Ended);
        self.worker.doorbell().simulate(false);
        self.worker.doorbell().give_back();
    }
}

impl Stepped for SimulatedWorker {
    fn standing(&self) -> Standing {
        match self.phase.get() {
            Phase::Awake => Standing::Awake {
                runnable: self.worker.with_run_queue(|queue| queue.len()),
            },
            Phase::Tired | Phase::Announced => Standing::Awake { runnable: 0 },
            Phase::Asleep => Standing::Asleep,
            Phase::Ended => Standing::Ended,
        }
    }

    fn next_timer(&self) -> Option<Time> {
        (self.phase.get() != Phase::Ended)
            .then(|| self.worker.next_timer())
            .flatten()
    }

    fn runnable(&self, place: usize) -> u64 {
        let cell = self.worker.with_run_queue(|queue| queue.get(place).copied());
        // SAFETY: a cell in the run queue is alive (S4).
        cell.map_or(0, |cell| unsafe { cell.as_ref() }.id.0)
    }

    fn has_mail(&self) -> bool {
        match self.phase.get() {
            Phase::Awake => {
                let doorbell = self.worker.doorbell();
                doorbell.has_notifications() || doorbell.has_edges() || !self.worker.shared().injector.is_empty()
            }
            Phase::Tired | Phase::Announced => true,
            Phase::Asleep => self.worker.doorbell().has_rung(),
            Phase::Ended => false,
        }
    }

    fn take_mail(&self) {
        if self.phase.get() != Phase::Awake {
            return self.rest();
        }
        self.as_worker(|worker| {
            if worker.doorbell().has_notifications() {
                worker.take_notifications();
            }
            if worker.doorbell().has_edges() {
                worker.poll(Some(Duration::ZERO));
                // Of sockets that nobody watches any more.
                worker.doorbell().forget_edges();
            }
            if let Some(taken) = worker.steal_from_outside() {
                worker.welcome(taken);
            }
        });
    }

    fn step(&self, place: usize) {
        if self.phase.get() != Phase::Awake {
            return self.rest();
        }
        self.worker.with_run_queue(|queue| {
            if place < queue.len() {
                queue.rotate(place);
            }
        });
        // A turn that was left by a panic is a piece of work.
        let idle = self.as_worker(|worker| worker.step() == Step::Idle);
        if idle {
            self.phase.set(Phase::Tired);
        }
    }

    fn handled(&self) -> u64 {
        self.worker.counters().handled.get()
    }

    fn nudge(&self, nudge: Nudge) {
        if self.phase.get() != Phase::Awake {
            return;
        }
        self.as_worker(|worker| match nudge {
            Nudge::Offer(most) => {
                if worker.offer(most) > 0 {
                    worker.shared().wake_a_searcher(worker.index());
                }
            }
            Nudge::SendOff(place, to) => {
                let Some(peer) = worker.shared().peers.get(to).filter(|_| to != worker.index()) else {
                    return;
                };
                let last = worker.with_run_queue(|queue| {
                    if place < queue.len() {
                        queue.rotate(place + 1);
                    }
                    queue.last()
                });
                if let Some(cell) = last {
                    // SAFETY: the last in this worker's run queue is at home here, and no turn is on.
                    unsafe { worker.send_off_unless_pinned(cell, peer.doorbell) };
                }
            }
            Nudge::Look => worker.look_around(),
        });
    }

    fn forgotten(&self) -> Option<String> {
        if self.phase.get() != Phase::Asleep {
            return None;
        }
        let index = self.worker.index();
        if self.worker.doorbell().has_notifications() {
            return Some(format!("worker {index} sleeps, and a notification waits for it"));
        }
        self.worker
            .shared()
            .anything_to_steal()
            .then(|| format!("worker {index} sleeps, and cells are offered"))
    }

    fn look(&self, each: &mut dyn FnMut(&Glimpse<'_>)) {
        if let Some(root) = self.root
            && !self.worker.shared().has_ended()
        {
            // SAFETY: the root is alive until the system ends; all workers stand still, on this thread.
            unsafe { (root.as_ref().table.look)(root, each) };
        }
    }
}
