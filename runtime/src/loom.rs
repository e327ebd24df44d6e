//! Your own actors under loom: every interleaving of a small system, up to a bound (`--cfg potoroo_loom` only).
//!
//! For actors that share memory with each other or with threads outside: atomics, locks, cells. Actors that only send each
//! other messages have nothing that loom could see; what may happen to them is a matter of who has the next turn.
//!
//! [`model`] runs a closure once per interleaving with a real system, made small: two workers by default, which do not
//! spin, do not watch each other and are not pinned. Scheduler, mailboxes and actors are the very code of a normal build,
//! on loom's atomics. It lacks what a model cannot have: sockets, time (timers never fire, nothing times out), blocking
//! work, and more than five threads, the workers and the model itself included.
//!
//! ```
//! # #[cfg(potoroo_loom)]
//! # fn main() {
//! use potoroo_runtime::sync::{Arc, atomic::{AtomicUsize, Ordering}};
//! use potoroo_runtime::{Actor, Context, Turn};
//!
//! struct Counter(Arc<AtomicUsize>);
//!
//! impl Actor for Counter {
//!     type Msg = ();
//!     fn handle(&mut self, (): (), _: &mut Context<'_, Self>) -> Turn {
//!         self.0.fetch_add(1, Ordering::Relaxed);
//!         Ok(())
//!     }
//! }
//!
//! potoroo_runtime::loom::model(|small| {
//!     let total = Arc::new(AtomicUsize::new(0));
//!     let counters = [0, 1].map(|worker| {
//!         let total = total.clone();
//!         small.spawn_on(worker, move |_| Ok(Counter(total)))
//!     });
//!     small.explore(|| counters.iter().for_each(|counter| counter.tell(())));
//!     assert_eq!(total.load(Ordering::Relaxed), 2);
//! });
//! # }
//! # #[cfg(not(potoroo_loom))]
//! # fn main() {}
//! ```

use crate::scheduler::doorbell::Doorbell;
use crate::scheduler::exit::ExitReason;
use crate::sync::global::{Arc, StaticMutex};
use crate::sys::poller;
use crate::{System, SystemBuilder};
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

/// How many preemptions are explored unless `LOOM_MAX_PREEMPTIONS` says otherwise.
const PREEMPTIONS: usize = 2;

/// A whole system takes more steps than loom allows for by itself.
const BRANCHES_MAX: usize = 50_000;

/// What a model can be told.
#[derive(Clone, Debug)]
pub struct Model {
    workers: usize,
    build: fn(SystemBuilder) -> SystemBuilder,
}

/// Explores `f` with a system of two workers; see the [module](self).
///
/// # Panics
///
/// If an interleaving fails: by an assertion in `f` or in an actor, a data race, a deadlock, or something that leaks.
pub fn model(f: impl Fn(&Small) + Send + Sync + 'static) {
    Model::new().check(f);
}

impl Model {
    /// Two workers.
    #[expect(clippy::new_without_default, reason = "a default does not say how many workers")]
    pub fn new() -> Self {
        Self {
            workers: 2,
            build: |builder| builder,
        }
    }

    /// One worker costs far fewer interleavings, and threads outside are as concurrent with it as another worker is.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Settings of the system.
    #[must_use]
    pub fn build(mut self, build: fn(SystemBuilder) -> SystemBuilder) -> Self {
        self.build = build;
        self
    }

    /// Explores `f`. Panics like [`model`].
    pub fn check(&self, f: impl Fn(&Small) + Send + Sync + 'static) {
        let this = self.clone();
        let f = move || this.run(&f);
        if std::env::var_os("LOOM_LOG").is_some() {
            // The only way to have it heard. The bounds are the environment's then.
            return loom::model(f);
        }
        let mut builder = loom::model::Builder::new();
        if builder.preemption_bound.is_none() {
            builder.preemption_bound = Some(PREEMPTIONS);
        }
        builder.max_branches = builder.max_branches.max(BRANCHES_MAX);
        builder.check(f);
    }

    /// One interleaving, for whoever has a loop of their own.
    pub fn run(&self, f: &dyn Fn(&Small)) {
        loom::stop_exploring();
        poller::forget_all();
        let panicked: Arc<StaticMutex<Option<String>>> = Arc::new(StaticMutex::new(None));
        let heard = panicked.clone();
        let system = (self.build)(System::builder())
            .workers(self.workers)
            .pin(false)
            .spin(Duration::ZERO)
            .rescue_after(None)
            .on_failure(move |id, type_name, reason| {
                if let ExitReason::Panicked(message) = reason {
                    let message = format!("actor {type_name} {id} panicked: {message}");
                    *heard.lock().expect("nobody panics inside") = Some(message);
                }
            })
            .build()
            .expect("a small system can be built");
        let small = Small { system };
        f(&small);
        drop(small);
        // SAFETY: the workers have ended, and what is left of the cells rings nobody any more.
        unsafe { Doorbell::free_all() };
        poller::forget_all();
        let panicked = panicked.lock().expect("nobody panics inside").take();
        if let Some(message) = panicked {
            panic!("{message}");
        }
    }
}

/// A small system, in one interleaving.
pub struct Small {
    system: System,
}

impl Small {
    /// Explores what `f` does and what the actors do because of it, until all workers sleep. What comes before or after is
    /// done in one order only: spawn before, look at the outcome after.
    pub fn explore<R>(&self, f: impl FnOnce() -> R) -> R {
        self.settle();
        loom::explore();
        let result = f();
        poller::until_all_sleep();
        loom::stop_exploring();
        result
    }

    /// Explores how everything ends: the actors are stopped where they are, and the workers go home.
    pub fn explore_the_end(&self) {
        self.settle();
        loom::explore();
        self.system.shut_down(Duration::ZERO);
        loom::stop_exploring();
    }

    /// Waits until all workers sleep.
    pub fn settle(&self) {
        poller::until_all_sleep();
    }
}

impl Deref for Small {
    type Target = System;

    fn deref(&self) -> &System {
        &self.system
    }
}

impl fmt::Debug for Small {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Small").field("system", &self.system).finish()
    }
}
