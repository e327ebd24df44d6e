//! Models of drift: a cell that moves straight to the worker that keeps waking it.
//!
//! They check M1 to M5 of `runtime/src/mailbox/README.md` on the real `Inbox` and `NotifyList`: there is no deque in between,
//! the notification carries the cell.
#![cfg(potoroo_loom)]

use potoroo_loom_tests::world::World;
use potoroo_loom_tests::{meanwhile, model};

#[test]
fn drift() {
    model(
        "drift::drift",
        "M1 M2 M3 M4 M5: a cell moves straight to a worker that tells it something meanwhile: from afar until it has arrived",
        "3 threads, 1 + 2 + 1 messages",
        || {
            let world = World::new();
            let target = meanwhile(&world, move |world| {
                // Remote, until this worker has taken the notification and become the home.
                world.tell(1, 1, 0);
                world.handle_one(1);
                world.tell(1, 1, 1);
                world.workers[1].take_notifications();
                world.handle_one(1);
            });
            let outside = meanwhile(&world, move |world| world.push_remote(2, 0));
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
        "drift::passed_on",
        "M1 M2 M3 M4 M5: a cell goes to another worker with its notification, its inbox unopened, while others send",
        "3 threads, 2 + 2 messages",
        || {
            let world = World::new();
            let target = meanwhile(&world, move |world| {
                world.tell(1, 1, 0);
                world.workers[1].take_notifications();
                world.handle_one(1);
                world.tell(1, 1, 1);
            });
            let outside = meanwhile(&world, move |world| {
                world.push_remote(2, 0);
                world.push_remote(2, 1);
            });
            world.workers[0].pass_notifications_on(&world.workers[1]);
            for thread in [target, outside] {
                thread.join().expect("no panic");
            }
            world.workers[0].pass_notifications_on(&world.workers[1]);
            world.finish([0, 2, 2]);
        },
    );
}
