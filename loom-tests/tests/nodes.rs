//! Models of what comes back by the crate: notifications of many cells, and the empty nodes of messages.
//!
//! The real `CrateList` and the real `NodePool`s of two workers. loom watches that each node is freed once: one that is lost
//! is a leak, one that is kept twice is freed twice.
#![cfg(potoroo_loom)]

use loom::thread;
use potoroo_loom_tests::model;
use potoroo_runtime::mailbox::{Crate, CrateList, Inbox, NodePool, Returns};
use potoroo_runtime::sync::{Arc, UnsafeCell};

/// Something that is handed over by the crate, watched.
struct Item(UnsafeCell<u32>);

// SAFETY: that an item is touched by one thread at a time is what the model checks.
unsafe impl Sync for Item {}
// SAFETY: as above.
unsafe impl Send for Item {}

#[test]
fn crates() {
    model(
        "nodes::crates",
        "M2: notifications, and nodes that go home, by the crate: each arrives once, with all that was done to it before",
        "3 threads, 2 crates of 1 and 2, taken twice",
        || {
            let items: Arc<Vec<Item>> = Arc::new((0..3).map(|_| Item(UnsafeCell::new(0))).collect());
            let list = Arc::new(CrateList::new());
            let pushers: Vec<_> = [0..1, 1..3]
                .into_iter()
                .map(|range| {
                    let (items, list) = (items.clone(), list.clone());
                    thread::spawn(move || {
                        let mut full = Crate::new();
                        for item in &items[range] {
                            // SAFETY: before it is handed over an item is its pusher's; loom watches.
                            item.0.with_mut(|count| unsafe { *count += 1 });
                            full.add(std::ptr::from_ref(item).cast_mut());
                        }
                        list.push(full);
                    })
                })
                .collect();
            let mut taken = 0;
            let mut take = || {
                list.take(|full| {
                    for item in full.items() {
                        // SAFETY: the items live as long as the model; what was handed over is the taker's.
                        unsafe { (**item).0.with_mut(|count| *count += 1) };
                        taken += 1;
                    }
                });
            };
            take();
            for pusher in pushers {
                pusher.join().expect("no panic");
            }
            take();
            assert_eq!(taken, 3);
            for item in items.iter() {
                // SAFETY: the pushers have ended.
                assert_eq!(item.0.with(|count| unsafe { *count }), 2);
            }
        },
    );
}

/// What a worker's doorbell keeps of a pool, made for one interleaving: nobody has it when that ends.
struct Home(*mut Returns);

impl Home {
    fn new() -> Self {
        Self(Box::into_raw(Box::default()))
    }

    fn returns(&self) -> &'static Returns {
        // SAFETY: the pools of the model are gone before this is.
        unsafe { &*self.0 }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // SAFETY: made from a box, and dropped once.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

// SAFETY: what comes back is handed over by a list that is made for it.
unsafe impl Send for Home {}
// SAFETY: as above.
unsafe impl Sync for Home {}

#[test]
fn nodes_come_back_to_their_pool() {
    model(
        "nodes::nodes_come_back_to_their_pool",
        "a node that another worker has emptied comes back to the pool that it is from, once, and is used again",
        "2 threads with a pool each, 2 + 2 messages, returned while the sender takes more",
        || {
            let homes = Arc::new([Home::new(), Home::new()]);
            let inbox = Arc::new(Inbox::<u64>::new());
            let receiver = {
                let (homes, inbox) = (homes.clone(), inbox.clone());
                thread::spawn(move || {
                    let pool = NodePool::new(homes[1].returns());
                    let mut sum = 0;
                    for _ in 0..2 {
                        sum += pool.enter(|| inbox.take().sum::<u64>());
                        pool.flush();
                    }
                    sum
                })
            };
            let pool = NodePool::new(homes[0].returns());
            for value in 1..5 {
                pool.enter(|| assert!(inbox.push(value).is_ok()));
            }
            let received = receiver.join().expect("no panic");
            let rest: u64 = pool.enter(|| inbox.take().sum());
            assert_eq!(received + rest, 10);
            // What has come back is taken in with the next node, and goes with the pool.
            for value in 1..4 {
                pool.enter(|| assert!(inbox.push(value).is_ok()));
            }
            pool.enter(|| assert_eq!(inbox.take().count(), 3));
        },
    );
}
