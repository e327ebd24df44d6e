//! Models of a timer that fires, or is cancelled, while its actor moves to another worker.
//!
//! Whole systems of two workers. An actor drifts to whoever keeps waking it, and what it has set lies on the wheel that it
//! has left: the firing follows it, before it has left, on its way or after it has arrived, and cancelling cannot take it
//! off there. Time stands still in a model, so an actor has its own worker's wheel go on in its turn (`Context::pass`).
//! They check K1 of `runtime/src/actor/README.md` for timers, and M1, M4 and M5 of `runtime/src/mailbox/README.md` for what
//! the control lane of a cell on its way carries.
#![cfg(potoroo_loom)]

use potoroo_loom_tests::large_model;
use potoroo_runtime::loom::{Model, Small};
use potoroo_runtime::{Actor, ActorRef, Context, TimerId, Turn};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The worker that the actor leaves.
const FROM: usize = 1;
/// Where it is woken from, and goes: of two workers with as little to do, to the one with the lower index.
const TO: usize = 0;

/// How many wake-ups in a row it takes to move an actor.
const STREAK: usize = 4;

const LONG: Duration = Duration::from_secs(3600);

/// What became of everything.
#[derive(Default)]
struct Seen {
    timed: Mutex<Option<ActorRef<Timed>>>,
    nudged: AtomicUsize,
    fired: [AtomicUsize; 2],
    cancelled: AtomicUsize,
    /// Whether the last message was handled where it came from.
    moved: AtomicUsize,
    /// How often the timer fired that another had set, as the first on the wheel of the other worker.
    others_fired: AtomicUsize,
}

impl Seen {
    fn fired(&self) -> [usize; 2] {
        self.fired.each_ref().map(|count| count.load(Relaxed))
    }
}

/// Arms one timer when it begins; told to, cancels it and arms another.
struct Timed {
    seen: Arc<Seen>,
    timer: TimerId,
}

enum Msg {
    Nudge,
    Replace,
    Fired(usize),
}

impl Actor for Timed {
    type Msg = Msg;
    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Fired(which) => {
                self.seen.fired[which].fetch_add(1, Relaxed);
                return Ok(());
            }
            Msg::Nudge => {}
            Msg::Replace => {
                let cancelled = ctx.cancel(self.timer);
                self.seen.cancelled.fetch_add(usize::from(cancelled), Relaxed);
                // In the same slot, if that is free.
                self.timer = ctx.after(LONG, Msg::Fired(1));
            }
        }
        self.seen.nudged.fetch_add(1, Relaxed);
        self.seen.moved.store(usize::from(ctx.worker() == TO), Relaxed);
        Ok(())
    }
}

/// One on each worker, where it stays: it knows the one that moves, and has a timer of its own.
struct Hand(Arc<Seen>);

enum Do {
    Tell(Msg),
    /// Has the wheel of this worker go on.
    Pass,
    Fired,
}

impl Actor for Hand {
    type Msg = Do;
    fn handle(&mut self, what: Do, ctx: &mut Context<'_, Self>) -> Turn {
        match what {
            Do::Tell(msg) => {
                let timed = self.0.timed.lock().expect("no panic").clone();
                timed.expect("it has been made").tell(msg);
            }
            Do::Pass => ctx.pass(2 * LONG),
            Do::Fired => {
                self.0.others_fired.fetch_add(1, Relaxed);
            }
        }
        Ok(())
    }
}

/// A timed actor at `FROM` that has been woken from `TO` as often as can be without its going there, and a hand on each
/// worker, by index.
fn about_to_move(small: &Small, seen: &Arc<Seen>) -> [ActorRef<Hand>; 2] {
    let notes = seen.clone();
    let to = small.spawn_on(TO, move |ctx: &mut Context<'_, Hand>| {
        // As the first of its wheel it is called there what the other actor's timer is called on its own.
        ctx.after(LONG, Do::Fired);
        Ok(Hand(notes))
    });
    let notes = seen.clone();
    let from = small.spawn_on(FROM, move |ctx: &mut Context<'_, Hand>| {
        let theirs = notes.clone();
        // A child that was not told to stay begins where its parent is, and may move.
        let timed = ctx.spawn(move |ctx| {
            let timer = ctx.after(LONG, Msg::Fired(0));
            Ok(Timed { seen: theirs, timer })
        });
        *notes.timed.lock().expect("no panic") = Some(timed);
        Ok(Hand(notes))
    });
    small.settle();
    for _ in 1..STREAK {
        to.tell(Do::Tell(Msg::Nudge));
        small.settle();
    }
    assert_eq!(seen.nudged.load(Relaxed), STREAK - 1);
    assert_eq!(seen.moved.load(Relaxed), 0, "it has moved too early for this model");
    [to, from]
}

/// What is due on both wheels, now that all is settled; the system then forgets the actor.
fn all_time_passes(small: &Small, seen: &Seen, hands: &[ActorRef<Hand>; 2]) {
    hands.iter().for_each(|hand| hand.tell(Do::Pass));
    small.settle();
    seen.timed.lock().expect("no panic").take();
    assert_eq!(seen.nudged.load(Relaxed), STREAK, "M4");
    assert_eq!(
        seen.others_fired.load(Relaxed),
        1,
        "another's timer was taken off its wheel"
    );
}

#[test]
fn fire_meets_migration() {
    static MOVED: AtomicUsize = AtomicUsize::new(0);
    large_model(
        "moving_timers::fire_meets_migration",
        "K1 M1 M5: a timer that is due while its actor moves to another worker fires once, wherever the actor is by then",
        "a system of 2 workers, 1 move, 1 message told across, 1 firing",
        || {
            Model::new().run(&|small| {
                let seen = Arc::new(Seen::default());
                let hands = about_to_move(small, &seen);
                small.explore(|| {
                    hands[TO].tell(Do::Tell(Msg::Nudge));
                    hands[FROM].tell(Do::Pass);
                });
                assert_eq!(seen.fired(), [1, 0], "K1");
                MOVED.fetch_add(seen.moved.load(Relaxed), Relaxed);
                all_time_passes(small, &seen, &hands);
                assert_eq!(seen.fired(), [1, 0], "K1: fired twice");
            });
        },
    );
    assert_ne!(MOVED.load(Relaxed), 0, "the actor has moved in no interleaving");
}

#[test]
fn cancel_meets_migration() {
    static MOVED: AtomicUsize = AtomicUsize::new(0);
    large_model(
        "moving_timers::cancel_meets_migration",
        "K1 M1 M5: a timer that is due while its actor moves away and cancels it fires once or not at all, as cancelling \
         said, and neither the next timer nor another's suffers",
        "a system of 2 workers, 1 move, 1 message told across, 1 cancellation, 1 firing, 2 more timers",
        || {
            Model::new().run(&|small| {
                let seen = Arc::new(Seen::default());
                let hands = about_to_move(small, &seen);
                small.explore(|| {
                    hands[TO].tell(Do::Tell(Msg::Replace));
                    hands[FROM].tell(Do::Pass);
                });
                let [first, second] = seen.fired();
                assert_eq!(
                    first + seen.cancelled.load(Relaxed),
                    1,
                    "fired or cancelled, and not both"
                );
                assert_eq!(second, 0, "K1: the name of one timer was another's");
                MOVED.fetch_add(seen.moved.load(Relaxed), Relaxed);
                all_time_passes(small, &seen, &hands);
                assert_eq!(seen.fired(), [first, 1], "the timer set after the cancellation");
            });
        },
    );
    assert_ne!(MOVED.load(Relaxed), 0, "the actor has moved in no interleaving");
}
