//! Models of the two lanes of a mailbox: control goes before data, and a stop ends both.
//!
//! A whole system of one worker, and threads outside that tell and stop. They check M3 and M4 of
//! `runtime/src/mailbox/README.md` and what `runtime/src/scheduler/control.rs` promises. What happens is noted in ordinary
//! atomics, which loom does not see.
#![cfg(potoroo_loom)]

use potoroo_loom_tests::{meanwhile, model};
use potoroo_runtime::loom::Model;
use potoroo_runtime::{Actor, Context, ExitReason, Turn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// What an actor has been through.
#[derive(Default)]
struct Seen {
    handled: AtomicUsize,
    undelivered: AtomicUsize,
    /// It has been told to end; messages that must not be handled are told after that.
    stopped: AtomicBool,
    late: AtomicUsize,
}

/// Notes everything. A message says whether it was told after the stop, by whoever stopped.
struct Witness(Arc<Seen>);

impl Actor for Witness {
    type Msg = bool;
    fn handle(&mut self, late: bool, _: &mut Context<'_, Self>) -> Turn {
        assert!(!self.0.stopped.load(Relaxed), "handled after `stopping`");
        self.0.handled.fetch_add(1, Relaxed);
        self.0.late.fetch_add(usize::from(late), Relaxed);
        Ok(())
    }
    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        assert!(!self.0.stopped.swap(true, Relaxed), "ended twice");
    }
    fn undelivered(&mut self, _: bool) {
        self.0.undelivered.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_stop_meets_data() {
    model(
        "control::a_stop_meets_data",
        "M4: told while it is being stopped, a message is handled, undelivered or refused, and nothing is handled after the end",
        "a system of 1 worker, 1 thread outside, 2 messages, 1 stop",
        || {
            Model::new().workers(1).run(&|small| {
                let seen = Arc::new(Seen::default());
                let notes = seen.clone();
                let witness = small.spawn_on(0, move |_| Ok(Witness(notes)));
                let refused = small.explore(|| {
                    let teller = meanwhile(&witness, move |witness| {
                        (0..2).filter(|_| witness.try_tell(false).is_err()).count()
                    });
                    witness.stop();
                    teller.join().expect("no panic")
                });
                assert!(seen.stopped.load(Relaxed), "the stop was not seen");
                let known = seen.handled.load(Relaxed) + seen.undelivered.load(Relaxed);
                assert_eq!(known + refused, 2, "M4");
                assert!(witness.try_tell(true).is_err());
            });
        },
    );
}

#[test]
fn nothing_told_after_the_stop_is_handled() {
    model(
        "control::nothing_told_after_the_stop_is_handled",
        "control goes first: what the same thread tells after its stop is not handled, whatever lies before both",
        "a system of 1 worker, 1 thread outside, 1 message, 1 stop, 1 message",
        || {
            Model::new().workers(1).run(&|small| {
                let seen = Arc::new(Seen::default());
                let notes = seen.clone();
                let witness = small.spawn_on(0, move |_| Ok(Witness(notes)));
                small.explore(|| {
                    let other = meanwhile(&witness, move |witness| witness.try_tell(false).is_ok());
                    witness.stop();
                    let _ = witness.try_tell(true);
                    other.join().expect("no panic");
                });
                assert!(seen.stopped.load(Relaxed), "the stop was not seen");
                assert_eq!(seen.late.load(Relaxed), 0, "data overtook the control lane");
            });
        },
    );
}
