//! Models of the life of a cell: its memory goes with the last reference, once, and after all that was done to it.
//!
//! They check S4 of `runtime/src/scheduler/README.md` with a whole system of one worker. loom watches that each cell is freed,
//! and that whoever frees it has seen what its home did to it; what the messages carry is watched as well.
#![cfg(potoroo_loom)]

use loom::alloc::Track;
use potoroo_loom_tests::{meanwhile, model};
use potoroo_runtime::loom::Model;
use potoroo_runtime::{Actor, Context, Turn};

/// Takes what it is told, and ends with the first.
struct Brief;

impl Actor for Brief {
    type Msg = Track<()>;
    fn handle(&mut self, _: Track<()>, ctx: &mut Context<'_, Self>) -> Turn {
        ctx.stop();
        Ok(())
    }
}

/// Only waits.
struct Idle;

impl Actor for Idle {
    type Msg = Track<()>;
    fn handle(&mut self, _: Track<()>, _: &mut Context<'_, Self>) -> Turn {
        Ok(())
    }
}

#[test]
fn the_end_meets_the_last_references() {
    model(
        "life::the_end_meets_the_last_references",
        "S4: a cell that ends while references to it are made and dropped is freed once, by whoever is last",
        "a system of 1 worker, 2 threads outside, 3 references, 1 message",
        || {
            Model::new().workers(1).run(&|small| {
                let brief = small.spawn_on(0, |_| Ok(Brief));
                small.explore(|| {
                    let other = meanwhile(&brief, |brief| drop(brief.clone()));
                    brief.tell(Track::new(()));
                    drop(brief);
                    other.join().expect("no panic");
                });
            });
        },
    );
}

#[test]
fn a_notification_keeps_the_cell() {
    model(
        "life::a_notification_keeps_the_cell",
        "S4: a cell that ends while a notification is under way to it waits for that, and is freed by its receipt",
        "a system of 1 worker, 1 thread outside, 1 + 1 messages, 1 stop",
        || {
            Model::new().workers(1).run(&|small| {
                let idle = small.spawn_on(0, |_| Ok(Idle));
                small.explore(|| {
                    let other = meanwhile(&idle, |idle| drop(idle.try_tell(Track::new(()))));
                    idle.stop();
                    drop(idle.try_tell(Track::new(())));
                    drop(idle);
                    other.join().expect("no panic");
                });
            });
        },
    );
}

#[test]
fn references_are_counted() {
    model(
        "life::references_are_counted",
        "S4: references that several threads make and drop at once keep the cell, and no longer",
        "a system of 1 worker, 2 threads outside, 5 references, 1 message",
        || {
            Model::new().workers(1).run(&|small| {
                let idle = small.spawn_on(0, |_| Ok(Idle));
                small.explore(|| {
                    let other = meanwhile(&idle, |idle| drop(idle.clone()));
                    let mine = idle.clone();
                    drop(idle);
                    other.join().expect("no panic");
                    mine.tell(Track::new(()));
                });
            });
        },
    );
}
