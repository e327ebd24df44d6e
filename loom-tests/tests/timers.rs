//! Models of a timer that is due while it is cancelled, and while another takes its place.
//!
//! Time stands still in a model, so a thread does what the wheel of a worker does when a timer is due: that of the actor's
//! home, or of a former home that it has left, from where the firing is as remote as from a thread. The rest is a whole
//! system of one worker. They check K1 of `runtime/src/actor/README.md` for timers.
#![cfg(potoroo_loom)]

use potoroo_loom_tests::{meanwhile, model};
use potoroo_runtime::loom::Model;
use potoroo_runtime::{Actor, ActorRef, Context, TimerId, Turn};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What became of the two timers.
#[derive(Default)]
struct Seen {
    first: Mutex<Option<TimerId>>,
    fired: [AtomicUsize; 2],
    cancelled: AtomicUsize,
}

/// Arms one timer when it begins; told to, cancels it and arms another.
struct Timed {
    seen: Arc<Seen>,
    timer: TimerId,
}

enum Msg {
    Replace,
    Fired(usize),
}

const LONG: Duration = Duration::from_secs(3600);

impl Actor for Timed {
    type Msg = Msg;
    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Replace => {
                let cancelled = ctx.cancel(self.timer);
                self.seen.cancelled.fetch_add(usize::from(cancelled), Relaxed);
                // In the same slot, if that is free.
                self.timer = ctx.after(LONG, Msg::Fired(1));
            }
            Msg::Fired(which) => {
                self.seen.fired[which].fetch_add(1, Relaxed);
            }
        }
        Ok(())
    }
}

fn timed(seen: &Arc<Seen>, small: &potoroo_runtime::loom::Small) -> (ActorRef<Timed>, TimerId) {
    let seen = seen.clone();
    let notes = seen.clone();
    let timed = small.spawn_on(0, move |ctx| {
        let timer = ctx.after(LONG, Msg::Fired(0));
        *notes.first.lock().expect("no panic") = Some(timer);
        Ok(Timed { seen: notes, timer })
    });
    small.settle();
    let first = seen.first.lock().expect("no panic").take();
    (timed, first.expect("it has been made"))
}

#[test]
fn fire_meets_cancel() {
    model(
        "timers::fire_meets_cancel",
        "K1: a timer that is due while it is cancelled fires once or not at all, as cancelling said, and never as another",
        "a system of 1 worker, 1 thread outside, 1 firing, 1 cancellation",
        || {
            Model::new().workers(1).run(&|small| {
                let seen = Arc::new(Seen::default());
                let (timed, first) = timed(&seen, small);
                small.explore(|| {
                    let wheel = meanwhile(&timed, move |timed| timed.fire(first));
                    timed.tell(Msg::Replace);
                    wheel.join().expect("no panic");
                });
                let fired = seen.fired.each_ref().map(|count| count.load(Relaxed));
                assert_eq!(
                    fired[0] + seen.cancelled.load(Relaxed),
                    1,
                    "fired or cancelled, and not both"
                );
                assert_eq!(fired[1], 0, "K1: the name of one timer was another's");
            });
        },
    );
}

#[test]
fn two_wheels_fire_once() {
    model(
        "timers::two_wheels_fire_once",
        "K1: a timer that is due on the wheels of two workers, for its actor has moved, fires once",
        "a system of 1 worker, 2 threads outside, 2 firings",
        || {
            Model::new().workers(1).run(&|small| {
                let seen = Arc::new(Seen::default());
                let (timed, first) = timed(&seen, small);
                small.explore(|| {
                    let wheel = meanwhile(&timed, move |timed| timed.fire(first));
                    timed.fire(first);
                    wheel.join().expect("no panic");
                });
                assert_eq!(seen.fired[0].load(Relaxed), 1);
            });
        },
    );
}
