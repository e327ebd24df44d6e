//! Models of the order of messages while a cell changes its home, or its sender does.
//!
//! They check M1, M3 and M5 of `runtime/src/mailbox/README.md` on the real `Inbox`: what is told locally never overtakes what
//! was told from afar.
#![cfg(potoroo_loom)]

use loom::thread;
use potoroo_loom_tests::world::World;
use potoroo_loom_tests::{meanwhile, model};
use potoroo_runtime::sync::Arc;
use potoroo_runtime::sync::atomic::{AtomicBool, Ordering};

#[test]
fn home_change() {
    model(
        "order::home_change",
        "M1 M2 M4 M5: a cell moves while others send: only the home touches it, each notification finds the home",
        "3 threads, 2 + 2 messages",
        || {
            let world = World::new();
            let second = meanwhile(&world, move |world| {
                for _ in 0..2 {
                    world.take_over(1);
                    world.workers[1].take_notifications();
                    world.handle_one(1);
                }
            });
            let sender = meanwhile(&world, move |world| {
                world.push_remote(1, 0);
                world.push_remote(1, 1);
            });
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
fn sender_moves() {
    model(
        "order::sender_moves",
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
            let another = meanwhile(&world, move |world| {
                world.push_remote(1, 0);
                world.push_remote(1, 1);
            });
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
        "order::receiver_moves_to_its_sender",
        "M1 M3 M5: a sender tells from afar, then takes the receiver over and tells it locally: still in order",
        "3 threads, 3 + 1 messages",
        || {
            let world = World::new();
            let sender = meanwhile(&world, move |world| {
                for number in 0..3 {
                    world.tell(1, 0, number);
                    world.take_over(1);
                    world.handle_one(1);
                }
                world.workers[1].take_notifications();
            });
            let another = meanwhile(&world, move |world| world.push_remote(1, 0));
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
