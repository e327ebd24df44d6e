//! Models of muting: who floods another goes on when the other has caught up, or ends.
//!
//! Whole systems: what is checked is `runtime/src/actor/pressure.rs` with its guards, and M6 of
//! `runtime/src/mailbox/README.md`. A sender that is muted for ever does not handle what it has been told, which is counted.
#![cfg(potoroo_loom)]

use loom::thread;
use potoroo_loom_tests::{large_model, model};
use potoroo_runtime::loom::Model;
use potoroo_runtime::{Actor, ActorRef, Context, MailboxLimits, Turn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Is flooded by its second message.
struct Narrow(Arc<AtomicUsize>);

impl Actor for Narrow {
    type Msg = ();
    fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
        self.0.fetch_add(1, Relaxed);
        Ok(())
    }
}

/// Tells the narrow one two things for each that it is told.
struct Sender {
    handled: Arc<AtomicUsize>,
    to: ActorRef<Narrow>,
}

impl Actor for Sender {
    type Msg = ();
    fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
        self.handled.fetch_add(1, Relaxed);
        self.to.tell(());
        self.to.tell(());
        Ok(())
    }
}

/// A sender on one worker and a narrow receiver on another, or on the same one.
fn pair(small: &potoroo_runtime::loom::Small) -> (ActorRef<Sender>, ActorRef<Narrow>, [Arc<AtomicUsize>; 2]) {
    let handled = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
    let [sent, received] = handled.clone();
    let narrow = small.spawn_on(small.workers() - 1, move |ctx: &mut Context<'_, Narrow>| {
        ctx.limit_mailbox(MailboxLimits::default().soft_messages(1));
        Ok(Narrow(received))
    });
    let to = narrow.clone();
    let sender = small.spawn_on(0, move |_| Ok(Sender { handled: sent, to }));
    (sender, narrow, handled)
}

#[test]
fn a_muted_sender_goes_on() {
    large_model(
        "mute::a_muted_sender_goes_on",
        "M4, M6: a sender that floods a receiver on another worker is muted, and handles the rest when that is over",
        "a system of 2 workers, 2 messages, each 2 told on",
        || {
            Model::new().run(&|small| {
                let (sender, _narrow, handled) = pair(small);
                small.explore(|| {
                    sender.tell(());
                    sender.tell(());
                });
                assert_eq!(handled[0].load(Relaxed), 2, "the sender is muted for ever");
                assert_eq!(handled[1].load(Relaxed), 4, "M4");
            });
        },
    );
}

#[test]
fn a_receiver_that_ends_unmutes() {
    model(
        "mute::a_receiver_that_ends_unmutes",
        "a sender that is muted by a receiver which is being stopped goes on",
        "a system of 1 worker, 1 thread outside, 2 messages, 1 stop",
        || {
            Model::new().workers(1).run(&|small| {
                let (sender, narrow, handled) = pair(small);
                small.explore(|| {
                    let stopper = thread::spawn(move || narrow.stop());
                    sender.tell(());
                    sender.tell(());
                    stopper.join().expect("no panic");
                });
                assert_eq!(handled[0].load(Relaxed), 2, "the sender is muted for ever");
            });
        },
    );
}
