//! Models of a flood: the flooded bit and the count in the inbox's word.
//!
//! They check M2, M4 and M6 of `runtime/src/mailbox/README.md` on the real `Inbox`. The muting that follows is in `mute.rs`. The
//! doorbells are silent.
#![cfg(potoroo_loom)]

use loom::thread;
use potoroo_loom_tests::{meanwhile, model};
use potoroo_runtime::mailbox::{Chain, Gauge, Inbox, Pushed};
use potoroo_runtime::sync::Arc;
use potoroo_runtime::sync::atomic::{AtomicUsize, Ordering};

/// An inbox, and how many notifications were due.
struct Cell<T> {
    inbox: Inbox<T>,
    notifications: AtomicUsize,
}

impl<T> Cell<T> {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            inbox: Inbox::new(),
            notifications: AtomicUsize::new(0),
        })
    }

    /// Pushes one, if the inbox is open, and says what was seen.
    fn push(&self, value: T) -> Option<Gauge> {
        let (pushed, gauge) = self.inbox.push_gauged(Chain::new(value)).ok()?;
        if pushed == Pushed::Notify {
            self.notifications.fetch_add(1, Ordering::Relaxed);
        }
        Some(gauge)
    }

    fn notifications(&self) -> usize {
        self.notifications.load(Ordering::Relaxed)
    }
}

#[test]
fn the_bit_and_the_count_travel_with_the_list() {
    model(
        "flood::the_bit_and_the_count_travel_with_the_list",
        "M2 M4 M6: the home floods, drains and is relieved while others push",
        "3 threads, 2 x 1 message",
        || {
            let home = Cell::new();
            let pushers = [1, 2].map(|value| {
                let home = home.clone();
                thread::spawn(move || home.push(value).expect("open"))
            });
            home.inbox.set_flooded(true);
            let early: Vec<usize> = home.inbox.take_early().collect();
            let seen = home.inbox.gauge();
            assert!(seen.flooded, "M6: drained, and flooded still");
            assert!(seen.waiting + early.len() <= 2);
            home.inbox.set_flooded(false);
            for pusher in pushers {
                let seen = pusher.join().expect("no panic");
                assert!((1..=2).contains(&seen.waiting));
            }
            assert_eq!(
                home.notifications(),
                1,
                "M2: an early drain leaves the notification under way"
            );
            assert!(!home.inbox.claim(), "M2");
            let left = home.inbox.gauge();
            assert_eq!((left.waiting, left.flooded), (2 - early.len(), false), "M6");
            let mut all: Vec<usize> = early.into_iter().chain(home.inbox.take()).collect();
            all.sort_unstable();
            assert_eq!(all, [1, 2], "M4");
            assert!(home.inbox.claim(), "M2");
        },
    );
}

#[test]
fn a_pusher_into_a_flooded_inbox_knows() {
    model(
        "flood::a_pusher_into_a_flooded_inbox_knows",
        "M6: whoever pushes into a flooded inbox learns it, whatever the home takes meanwhile",
        "2 threads, 1 + 2 messages",
        || {
            let home = Cell::new();
            home.inbox.set_flooded(true);
            home.push(0).expect("open");
            let pusher = meanwhile(&home, move |home| [1, 2].map(|value| home.push(value).expect("open")));
            let mut taken: Vec<usize> = home.inbox.take_early().collect();
            taken.extend(home.inbox.take_early());
            let seen = pusher.join().expect("no panic");
            assert!(seen.iter().all(|gauge| gauge.flooded), "M6");
            taken.extend(home.inbox.take());
            assert_eq!(taken, [0, 1, 2], "M3 M4");
            assert!(home.inbox.gauge().flooded, "M6");
        },
    );
}
