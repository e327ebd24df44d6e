//! Models of going to sleep: the real `Sleep` between the real `NotifyList`, or a deque with real orderings, and a thread
//! that parks.
//!
//! They check S6 of `runtime/src/scheduler/README.md`: nobody sleeps on published work. A worker that would sleep for
//! ever is a deadlock, which loom reports. The sleeper is never the model's main thread: a late wake-up may reach a thread
//! that has ended, but must not disturb one that joins. Time-outs and sockets, the poller's other reasons to wake, are
//! left out on purpose: they would hide a lost bell.
#![cfg(potoroo_loom)]

use loom::thread;
use potoroo_loom_tests::cell::{Cell, Doorbell, Handled, Message};
use potoroo_loom_tests::model;
use potoroo_loom_tests::weak_deque::{Steal, WeakDeque};
use potoroo_runtime::mutant;
use potoroo_runtime::sync::Arc;
use potoroo_runtime::sync::atomic::{AtomicBool, Ordering, fence};
use std::ptr::NonNull;

/// A worker that takes notifications of `cell` until it has handled `expected` messages, and sleeps in between.
fn sleeper(doorbell: &Arc<Doorbell>, cell: &Arc<Cell>, expected: usize) -> thread::JoinHandle<Handled> {
    let (bell, cell) = (doorbell.clone(), cell.clone());
    let worker = thread::spawn(move || {
        let mut handled = Handled::default();
        loop {
            bell.take_notifications();
            handled.note_all(&cell);
            if handled.counts().iter().sum::<usize>() == expected {
                return handled;
            }
            bell.sleep_unless(|| !bell.is_empty());
        }
    });
    doorbell.belongs_to(worker.thread());
    worker
}

#[test]
fn notification_and_sleep() {
    model(
        "park::notification_and_sleep",
        "S6: a worker that sleeps between two messages is woken for each",
        "2 threads, 2 messages",
        || {
            let doorbell = Arc::new(Doorbell::with_bell());
            let cell = Arc::new(Cell::at(&doorbell));
            let worker = sleeper(&doorbell, &cell, 2);
            for number in 0..2 {
                assert!(cell.push_remote(Message::new(0, number)).is_ok());
            }
            let handled = worker.join().expect("no panic");
            assert_eq!(handled.counts(), [2, 0, 0]);
        },
    );
}

#[test]
fn two_ringers() {
    model(
        "park::two_ringers",
        "S6: two ringers, one sleeper: never sleeps on work, and at most one is told to wake it per sleep",
        "3 threads, 1 + 1 messages and 2 more rings",
        || {
            let doorbell = Arc::new(Doorbell::with_bell());
            let cell = Arc::new(Cell::at(&doorbell));
            let worker = sleeper(&doorbell, &cell, 2);
            let ring = |doorbell: &Doorbell, cell: &Cell, sender| {
                // The second ring is for nothing, like that of a worker that has shared what others then took.
                assert!(cell.push_remote(Message::new(sender, 0)).is_ok());
                doorbell.ring();
            };
            let other = {
                let (doorbell, cell) = (doorbell.clone(), cell.clone());
                thread::spawn(move || ring(&doorbell, &cell, 1))
            };
            ring(&doorbell, &cell, 0);
            other.join().expect("no panic");
            let handled = worker.join().expect("no panic");
            assert_eq!(handled.counts(), [1, 1, 0]);
        },
    );
}

/// Steals until it gets something or there is nothing.
fn steal<T>(deque: &WeakDeque<T>) -> Option<NonNull<T>> {
    loop {
        match deque.steal() {
            Steal::Success(item) => return Some(item),
            Steal::Empty => return None,
            Steal::Retry => thread::yield_now(),
        }
    }
}

/// What the deque carries here: nobody looks inside.
static ITEM: u8 = 0;

#[test]
fn surplus_and_sleep() {
    model(
        "park::surplus_and_sleep",
        "S6: a thief that finds the deque empty and sleeps is woken for each item offered later",
        "2 threads, weak deque, 2 items",
        || {
            let doorbell = Arc::new(Doorbell::with_bell());
            let deque = Arc::new(WeakDeque::<u8>::new());
            let thief = {
                let (bell, deque) = (doorbell.clone(), deque.clone());
                thread::spawn(move || {
                    let mut stolen = 0;
                    loop {
                        while steal(&deque).is_some() {
                            stolen += 1;
                        }
                        if stolen == 2 {
                            return;
                        }
                        bell.sleep_unless(|| !deque.is_empty());
                    }
                })
            };
            doorbell.belongs_to(thief.thread());
            for _ in 0..2 {
                deque.push(NonNull::from(&ITEM)).expect("there is room");
                doorbell.ring();
            }
            thief.join().expect("no panic");
        },
    );
}

/// A worker that steals, notes what it got, and sleeps, until the end.
fn thief(
    bell: &Arc<Doorbell>,
    deque: &Arc<WeakDeque<u8>>,
    ended: &Arc<AtomicBool>,
    exporter: &Arc<Doorbell>,
) -> thread::JoinHandle<usize> {
    let (own, deque, ended, exporter) = (bell.clone(), deque.clone(), ended.clone(), exporter.clone());
    let worker = thread::spawn(move || {
        let mut stolen = 0;
        loop {
            while steal(&deque).is_some() {
                stolen += 1;
                // Work done by the last actor ends the system, as `Shared::end`: the flag, then every bell.
                ended.store(true, Ordering::Release);
                own.ring();
                exporter.ring();
            }
            if ended.load(Ordering::Acquire) {
                return stolen;
            }
            own.sleep_unless(|| !deque.is_empty() || ended.load(Ordering::Acquire));
        }
    });
    bell.belongs_to(worker.thread());
    worker
}

#[test]
fn end_of_all() {
    model(
        "park::end_of_all",
        "S6: of two thieves one gets the item and ends the system; both go home",
        "3 threads, weak deque, 1 item",
        || {
            let bells = [Arc::new(Doorbell::with_bell()), Arc::new(Doorbell::with_bell())];
            let deque = Arc::new(WeakDeque::new());
            let ended = Arc::new(AtomicBool::new(false));
            let thieves = [(0, 1), (1, 0)].map(|(own, other)| thief(&bells[own], &deque, &ended, &bells[other]));
            deque.push(NonNull::from(&ITEM)).expect("there is room");
            // As `Shared::wake_one`: the first that sleeps.
            let _ = bells[0].ring() || bells[1].ring();
            let stolen = thieves.map(|thief| thief.join().expect("no panic"));
            assert_eq!(stolen.iter().sum::<usize>(), 1);
        },
    );
}

#[test]
fn one_searcher() {
    model(
        "park::one_searcher",
        "S6: whoever offers while somebody searches rings nobody, and the searcher still does not sleep on the offer",
        "2 threads, weak deque, 1 item",
        || {
            let doorbell = Arc::new(Doorbell::with_bell());
            let deque = Arc::new(WeakDeque::<u8>::new());
            let searching = Arc::new(AtomicBool::new(true));
            let searcher = {
                let (bell, deque, searching) = (doorbell.clone(), deque.clone(), searching.clone());
                thread::spawn(move || {
                    // One look of the search, and the search ends.
                    if steal(&deque).is_some() {
                        return;
                    }
                    searching.store(false, Ordering::Relaxed);
                    bell.sleep_unless(|| !deque.is_empty());
                    while steal(&deque).is_none() {
                        bell.sleep_unless(|| !deque.is_empty());
                    }
                })
            };
            doorbell.belongs_to(searcher.thread());
            deque.push(NonNull::from(&ITEM)).expect("there is room");
            // As `Shared::wake_a_searcher`.
            if !mutant!("offer_without_fence") {
                fence(Ordering::SeqCst);
            }
            if !searching.load(Ordering::Relaxed) {
                doorbell.ring();
            }
            searcher.join().expect("no panic");
        },
    );
}
