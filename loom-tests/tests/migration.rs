//! Models of a cell that changes its home while others send to it.
//!
//! They check M1, M3 and M5 of `runtime/src/mailbox/README.md`. The cell goes from one worker to the other as in the
//! runtime: claim, no home, hand over, the taker's home, take; or, where it drifts, claim, the other's home, notify. The hand-over is one atomic slot where only the mailbox
//! matters, and the weak deque where the two ends of the deque compete. The doorbells are silent, see `inbox.rs`.
#![cfg(potoroo_loom)]

use loom::thread;
use potoroo_loom_tests::cell::{Cell, Doorbell, Handled, Message};
use potoroo_loom_tests::model;
use potoroo_loom_tests::weak_deque::{Steal, WeakDeque};
use potoroo_runtime::sync::Arc;
use potoroo_runtime::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::ptr::{self, NonNull};
use std::sync::Mutex as OracleMutex;

/// Two workers and a cell that begins at the first. What is handled is noted under an ordinary lock, which loom does not
/// see, and which nobody holds while loom runs somebody else.
struct World {
    /// Dropped before the doorbells that it points to.
    cell: Cell,
    workers: [Box<Doorbell>; 2],
    slot: AtomicPtr<Cell>,
    handled: OracleMutex<Handled>,
}

impl World {
    fn new() -> Arc<Self> {
        let workers = [Box::new(Doorbell::silent()), Box::new(Doorbell::silent())];
        Arc::new(Self {
            cell: Cell::at(&workers[0]),
            workers,
            slot: AtomicPtr::new(ptr::null_mut()),
            handled: OracleMutex::default(),
        })
    }

    fn tell(&self, worker: usize, sender: usize, number: usize) {
        let told = self.cell.tell(&self.workers[worker], Message::new(sender, number));
        assert!(told.is_ok(), "the cell is open");
    }

    fn push_remote(&self, sender: usize, number: usize) {
        assert!(
            self.cell.push_remote(Message::new(sender, number)).is_ok(),
            "the cell is open"
        );
    }

    /// One message's turn, if `worker` is the home.
    fn handle_one(&self, worker: usize) {
        if self.cell.is_home(&self.workers[worker])
            && let Some(message) = self.cell.handle()
        {
            self.handled.lock().expect("no panic").note(message);
        }
    }

    /// Publishes the cell for the other worker; the caller has taken its home away.
    fn hand_over(&self) {
        // Release pairs with the Acquire of the taker, as the deque's push does with its steal.
        self.slot.store(ptr::from_ref(&self.cell).cast_mut(), Ordering::Release);
    }

    /// Takes the cell over if it lies in the slot. A load and a store will do, for one worker at a time takes out of it;
    /// a swap would let loom put a swap that found nothing after the store that it preceded.
    fn take_over(&self, worker: usize) {
        if !self.slot.load(Ordering::Acquire).is_null() {
            self.slot.store(ptr::null_mut(), Ordering::Relaxed);
            self.cell.come_home(&self.workers[worker]);
        }
    }

    /// What remains when all threads have ended; checks that nothing is missing.
    fn finish(&self, expected: [usize; 3]) {
        for worker in &self.workers {
            worker.take_notifications();
        }
        let mut handled = self.handled.lock().expect("no panic");
        handled.note_all(&self.cell);
        assert_eq!(handled.counts(), expected, "M4");
        assert!(self.cell.is_settled());
    }
}

#[test]
fn home_change() {
    model(
        "migration::home_change",
        "M1 M2 M4 M5: a cell moves while others send: only the home touches it, each notification finds the home",
        "3 threads, 2 + 2 messages",
        || {
            let world = World::new();
            let second = {
                let world = world.clone();
                thread::spawn(move || {
                    for _ in 0..2 {
                        world.take_over(1);
                        world.workers[1].take_notifications();
                        world.handle_one(1);
                    }
                })
            };
            let sender = {
                let world = world.clone();
                thread::spawn(move || {
                    world.push_remote(1, 0);
                    world.push_remote(1, 1);
                })
            };
            world.tell(0, 0, 0);
            world.workers[0].take_notifications();
            if world.cell.leave_home() {
                world.hand_over();
            }
            // Local if the cell stayed, remote if it left.
            world.tell(0, 0, 1);
            world.workers[0].take_notifications();
            world.handle_one(0);
            for thread in [second, sender] {
                thread.join().expect("no panic");
            }
            world.take_over(1);
            world.finish([2, 2, 0]);
        },
    );
}

#[test]
fn drift() {
    model(
        "migration::drift",
        "M1 M2 M3 M4 M5: a cell moves straight to a worker that tells it something meanwhile: from afar until it has arrived",
        "3 threads, 1 + 2 + 1 messages",
        || {
            let world = World::new();
            let target = {
                let world = world.clone();
                thread::spawn(move || {
                    // Remote, until this worker has taken the notification and become the home.
                    world.tell(1, 1, 0);
                    world.handle_one(1);
                    world.tell(1, 1, 1);
                    world.workers[1].take_notifications();
                    world.handle_one(1);
                })
            };
            let outside = {
                let world = world.clone();
                thread::spawn(move || world.push_remote(2, 0))
            };
            world.tell(0, 0, 0);
            world.workers[0].take_notifications();
            if !world.cell.drift_to(&world.workers[1]) {
                // A notification was under way: the cell stays for now.
                world.workers[0].take_notifications();
            }
            world.handle_one(0);
            for thread in [target, outside] {
                thread.join().expect("no panic");
            }
            world.finish([1, 2, 1]);
        },
    );
}

#[test]
fn passed_on() {
    model(
        "migration::passed_on",
        "M1 M2 M3 M4 M5: a cell goes to another worker with its notification, its inbox unopened, while others send",
        "3 threads, 2 + 2 messages",
        || {
            let world = World::new();
            let target = {
                let world = world.clone();
                thread::spawn(move || {
                    world.tell(1, 1, 0);
                    world.workers[1].take_notifications();
                    world.handle_one(1);
                    world.tell(1, 1, 1);
                })
            };
            let outside = {
                let world = world.clone();
                thread::spawn(move || {
                    world.push_remote(2, 0);
                    world.push_remote(2, 1);
                })
            };
            world.workers[0].pass_notifications_on(&world.workers[1]);
            for thread in [target, outside] {
                thread.join().expect("no panic");
            }
            world.workers[0].pass_notifications_on(&world.workers[1]);
            world.finish([0, 2, 2]);
        },
    );
}

#[test]
fn sender_moves() {
    model(
        "migration::sender_moves",
        "M3: a sender tells from afar, moves to the receiver's home and tells again: never overtakes itself",
        "3 threads, 2 + 2 messages",
        || {
            let world = World::new();
            let moved = Arc::new(AtomicBool::new(false));
            // The sending actor on its first worker; the flag stands for the deque that carries it over.
            let elsewhere = {
                let (world, moved) = (world.clone(), moved.clone());
                thread::spawn(move || {
                    world.tell(1, 0, 0);
                    moved.store(true, Ordering::Release);
                })
            };
            let another = {
                let world = world.clone();
                thread::spawn(move || {
                    world.push_remote(1, 0);
                    world.push_remote(1, 1);
                })
            };
            world.workers[0].take_notifications();
            let early = moved.load(Ordering::Acquire);
            if early {
                world.tell(0, 0, 1);
            }
            world.workers[0].take_notifications();
            world.handle_one(0);
            for thread in [elsewhere, another] {
                thread.join().expect("no panic");
            }
            if !early {
                world.tell(0, 0, 1);
            }
            world.finish([2, 2, 0]);
        },
    );
}

#[test]
fn receiver_moves_to_its_sender() {
    model(
        "migration::receiver_moves_to_its_sender",
        "M1 M3 M5: a sender tells from afar, then takes the receiver over and tells it locally: still in order",
        "3 threads, 3 + 1 messages",
        || {
            let world = World::new();
            let sender = {
                let world = world.clone();
                thread::spawn(move || {
                    for number in 0..3 {
                        world.tell(1, 0, number);
                        world.take_over(1);
                        world.handle_one(1);
                    }
                    world.workers[1].take_notifications();
                })
            };
            let another = {
                let world = world.clone();
                thread::spawn(move || world.push_remote(1, 0))
            };
            for _ in 0..2 {
                world.workers[0].take_notifications();
                world.handle_one(0);
                if world.cell.is_home(&world.workers[0]) && world.cell.leave_home() {
                    world.hand_over();
                }
            }
            for thread in [sender, another] {
                thread.join().expect("no panic");
            }
            world.take_over(1);
            world.finish([3, 1, 0]);
        },
    );
}

#[test]
fn surplus_taken_back() {
    model(
        "migration::surplus_taken_back",
        "S2 M1 M5: a worker takes its surplus back while another steals it: one of them has the cell",
        "3 threads, weak deque, 1 + 1 + 1 messages",
        || {
            let world = World::new();
            let deque = Arc::new(WeakDeque::<Cell>::new());
            let thief = {
                let (world, deque) = (world.clone(), deque.clone());
                thread::spawn(move || {
                    let stolen = matches!(deque.steal(), Steal::Success(_));
                    if stolen {
                        world.cell.come_home(&world.workers[1]);
                    }
                    world.tell(1, 1, 0);
                    world.workers[1].take_notifications();
                    world.handle_one(1);
                    stolen
                })
            };
            let sender = {
                let world = world.clone();
                thread::spawn(move || world.push_remote(2, 0))
            };
            let left = world.cell.leave_home();
            if left {
                deque.push(NonNull::from(&world.cell)).expect("there is room");
            }
            world.tell(0, 0, 0);
            let taken_back = deque.pop().is_some();
            if taken_back {
                world.cell.come_home(&world.workers[0]);
            }
            world.workers[0].take_notifications();
            world.handle_one(0);
            let stolen = thief.join().expect("no panic");
            sender.join().expect("no panic");
            assert_eq!(
                usize::from(stolen) + usize::from(taken_back),
                usize::from(left),
                "S2: one taker"
            );
            world.finish([1, 1, 1]);
        },
    );
}
