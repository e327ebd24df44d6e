//! Models of a restart by a supervisor while the actor is told things.
//!
//! A whole system of one worker with a supervisor. They check that the mailbox outlives the life (M4 of
//! `runtime/src/mailbox/README.md`, and `runtime/src/actor/lineage.rs`): each message is handled by the old life or the next.
#![cfg(potoroo_loom)]

use potoroo_loom_tests::{meanwhile, model};
use potoroo_runtime::loom::Model;
use potoroo_runtime::{Actor, Context, Fault, Restart, Strategy, Turn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What the lives of one actor have seen.
#[derive(Default)]
struct Seen {
    lives: AtomicUsize,
    handled: AtomicUsize,
    /// How many lives there were when the message after the fault was handled.
    after: AtomicUsize,
    undelivered: AtomicUsize,
}

struct Fragile(Arc<Seen>);

enum Msg {
    Fail,
    AfterTheFault,
    Other,
}

impl Actor for Fragile {
    type Msg = Msg;
    fn handle(&mut self, msg: Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Fail => return Err(Fault::new("as it was told")),
            Msg::AfterTheFault => self.0.after.store(self.0.lives.load(Relaxed), Relaxed),
            Msg::Other => {}
        }
        self.0.handled.fetch_add(1, Relaxed);
        Ok(())
    }
    fn undelivered(&mut self, _: Msg) {
        self.0.undelivered.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_restart_meets_a_tell() {
    model(
        "restart::a_restart_meets_a_tell",
        "M3 M4: what is told while an actor fails and is restarted is handled once, by the old life or the next, in order",
        "a system of 1 worker with a supervisor, 1 thread outside, 1 fault, 1 + 1 messages",
        || {
            Model::new().workers(1).run(&|small| {
                let seen = Arc::new(Seen::default());
                let notes = seen.clone();
                let mut tree = small.supervise(Strategy::OneForOne);
                let fragile = tree.child("fragile", Restart::Permanent, move |_| {
                    notes.lives.fetch_add(1, Relaxed);
                    Ok(Fragile(notes.clone()))
                });
                tree.start();
                small.explore(|| {
                    let other = meanwhile(&fragile, move |fragile| fragile.tell(Msg::Other));
                    fragile.tell(Msg::Fail);
                    fragile.tell(Msg::AfterTheFault);
                    other.join().expect("no panic");
                });
                assert_eq!(seen.lives.load(Relaxed), 2);
                assert_eq!(seen.handled.load(Relaxed), 2, "M4");
                assert_eq!(
                    seen.after.load(Relaxed),
                    2,
                    "M3: told after the fault, handled before it"
                );
                assert_eq!(seen.undelivered.load(Relaxed), 0);
            });
        },
    );
}
