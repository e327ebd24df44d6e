//! Models of surplus that is offered, stolen and taken back.
//!
//! They check S2 of `runtime/src/scheduler/README.md`, and M1 and M5 of `runtime/src/mailbox/README.md`, with the real `Inbox`
//! and a deque of the real orderings: each cell has one taker, and nobody touches it before that.
#![cfg(potoroo_loom)]

use loom::thread;
use potoroo_loom_tests::cell::Cell;
use potoroo_loom_tests::model;
use potoroo_loom_tests::weak_deque::{Steal, WeakDeque};
use potoroo_loom_tests::world::World;
use potoroo_runtime::sync::Arc;
use std::ptr::NonNull;

#[test]
fn surplus_taken_back() {
    model(
        "stealing::surplus_taken_back",
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
