//! Models of quiescence and of the end of a system.
//!
//! Whole systems. They check what `System::run_until_quiet` promises, that it never says so too early, and S6 of
//! `runtime/src/scheduler/README.md` for the end: everybody goes home. What has been handled is counted in ordinary atomics,
//! which loom does not see.
#![cfg(potoroo_loom)]

use loom::thread;
use potoroo_loom_tests::{large_model, model};
use potoroo_runtime::loom::{Model, Small};
use potoroo_runtime::{Actor, ActorRef, Context, Turn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Counts what is not a stranger's, and passes on to the next, if there is one.
struct Link {
    handled: Arc<AtomicUsize>,
    next: Option<ActorRef<Self>>,
}

impl Actor for Link {
    /// Whether it counts.
    type Msg = bool;
    fn handle(&mut self, counts: bool, _: &mut Context<'_, Self>) -> Turn {
        self.handled.fetch_add(usize::from(counts), Relaxed);
        if let Some(next) = &self.next {
            next.tell(counts);
        }
        Ok(())
    }
}

/// One on this worker.
fn link(small: &Small, worker: usize, handled: &Arc<AtomicUsize>, next: Option<ActorRef<Link>>) -> ActorRef<Link> {
    let handled = handled.clone();
    small.spawn_on(worker, move |_| Ok(Link { handled, next }))
}

#[test]
fn quiet_is_never_too_early() {
    model(
        "quiet::quiet_is_never_too_early",
        "a system that is quiet has handled all that this thread has told it, whoever else tells the same actor",
        "a system of 1 worker, 1 thread outside, 1 message told and 1 told on, 1 of a stranger to the same actor, 1 look",
        || {
            Model::new().workers(1).run(&|small| {
                let handled = Arc::new(AtomicUsize::new(0));
                let last = link(small, 0, &handled, None);
                let first = link(small, 0, &handled, Some(last));
                let another = first.clone();
                small.explore(|| {
                    let other = thread::spawn(move || another.tell(false));
                    first.tell(true);
                    if small.run_until_quiet(Duration::ZERO) {
                        assert_eq!(handled.load(Relaxed), 2, "quiet, and a message was on its way");
                    }
                    other.join().expect("no panic");
                });
                assert_eq!(handled.load(Relaxed), 2, "M4");
            });
        },
    );
}

#[test]
fn quiet_sees_what_crosses() {
    model(
        "quiet::quiet_sees_what_crosses",
        "a system is not quiet while a message is on its way from one worker to another",
        "a system of 2 workers, 1 message told and 1 told across, 1 look",
        || {
            Model::new().run(&|small| {
                let handled = Arc::new(AtomicUsize::new(0));
                let last = link(small, 0, &handled, None);
                let first = link(small, 1, &handled, Some(last));
                small.explore(|| {
                    first.tell(true);
                    if small.run_until_quiet(Duration::ZERO) {
                        assert_eq!(handled.load(Relaxed), 2, "quiet, and a message was on its way");
                    }
                });
                assert_eq!(handled.load(Relaxed), 2, "M4");
            });
        },
    );
}

#[test]
fn quiet_sees_what_is_injected() {
    model(
        "quiet::quiet_sees_what_is_injected",
        "a system is not quiet while a new actor waits for whoever comes first",
        "a system of 1 worker, 1 actor spawned, 1 look",
        || {
            Model::new().workers(1).run(&|small| {
                let handled = Arc::new(AtomicUsize::new(0));
                small.explore(|| {
                    let count = handled.clone();
                    small.spawn(move |_| {
                        count.fetch_add(1, Relaxed);
                        Ok(Link {
                            handled: count,
                            next: None,
                        })
                    });
                    if small.run_until_quiet(Duration::ZERO) {
                        assert_eq!(handled.load(Relaxed), 1, "quiet, and an actor was to be born");
                    }
                });
                assert_eq!(handled.load(Relaxed), 1);
            });
        },
    );
}

#[test]
fn everybody_goes_home() {
    large_model(
        "quiet::everybody_goes_home",
        "S6: a system that is shut down while somebody tells it something ends, and all workers with it",
        "a system of 2 workers, 1 thread outside, 1 message, 1 actor",
        || {
            Model::new().run(&|small| {
                let handled = Arc::new(AtomicUsize::new(0));
                let link = link(small, 0, &handled, None);
                let teller = thread::spawn(move || link.try_tell(true).is_ok());
                small.explore_the_end();
                let told = teller.join().expect("no panic");
                assert!(told || handled.load(Relaxed) == 0);
            });
        },
    );
}
