//! The poller under `--cfg potoroo_loom`: a token in the place of the kernel's.
//!
//! Both keep one wake-up for later, and both order only what came before the wake-up. No socket is ever ready and no time
//! passes, so [`Poller::wait`] ends by the waker alone: whoever would sleep for ever is a deadlock, which loom reports,
//! unless the model waits for all to sleep ([`until_all_sleep`]). Who sleeps is counted in ordinary memory of the one
//! thread on which loom runs a model, so that counting is no point at which threads may switch.

use crate::sync::global::Arc;
use crate::sync::{Condvar, Mutex, lock};
use loom::sync::Notify;
use std::cell::{Cell, RefCell};
use std::io;
use std::time::Duration;

thread_local! {
    /// How many pollers of this model nobody sleeps in.
    static AWAKE: Cell<usize> = const { Cell::new(0) };
    /// Who waits until there is none.
    static WATCHER: RefCell<Option<Arc<Notify>>> = const { RefCell::new(None) };
    static BELLS: RefCell<Vec<Arc<Bell>>> = const { RefCell::new(Vec::new()) };
}

/// Forgets the pollers that there were.
pub(crate) fn forget_all() {
    AWAKE.set(0);
    WATCHER.take();
    BELLS.take();
}

/// Waits until somebody sleeps in each poller and nobody has been rung.
pub(crate) fn until_all_sleep() {
    while AWAKE.get() > 0 {
        let notify = Arc::new(Notify::new());
        WATCHER.set(Some(notify.clone()));
        notify.wait();
    }
    // Each sleeper has let go of its lock after all that it did, which the caller is to see.
    for bell in BELLS.with_borrow(Vec::clone) {
        drop(lock(&bell.rung));
    }
}

/// Whether somebody has rung since the last wait.
#[derive(Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
    /// For the count alone.
    asleep: std::sync::Mutex<bool>,
}

impl Bell {
    fn set_asleep(&self, asleep: bool) {
        let before = std::mem::replace(&mut *self.asleep.lock().expect("nobody panics inside"), asleep);
        if before == asleep {
            return;
        }
        if !asleep {
            AWAKE.set(AWAKE.get() + 1);
            return;
        }
        AWAKE.set(AWAKE.get() - 1);
        if AWAKE.get() == 0
            && let Some(watcher) = WATCHER.take()
        {
            watcher.notify();
        }
    }
}

/// Rings a sleeping poller from any thread.
pub(crate) struct Waker(Arc<Bell>);

impl Waker {
    /// Makes the current or the next [`Poller::wait`] return.
    pub(crate) fn wake(&self) {
        let mut rung = lock(&self.0.rung);
        *rung = true;
        self.0.set_asleep(false);
        drop(rung);
        self.0.changed.notify_one();
    }
}

/// A socket that could be watched, if there were any in a model.
#[expect(dead_code, reason = "nobody looks at what cannot be watched")]
pub(crate) enum EventSource<'a> {
    Real(&'a mut dyn mio::event::Source),
    Simulated(u64),
}

/// What a socket is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Bytes (or an end, or an error) can be read.
    pub readable: bool,
    /// Bytes can be written, or a connection attempt has ended.
    pub writable: bool,
    /// The other side has ended its sending, or the socket is broken.
    pub closed: bool,
}

/// Waits for the waker.
pub(crate) struct Poller(Arc<Bell>);

impl Poller {
    /// A poller and the waker that interrupts it.
    pub(crate) fn new(_: usize) -> io::Result<(Self, Waker)> {
        let bell = Arc::new(Bell::default());
        AWAKE.set(AWAKE.get() + 1);
        BELLS.with_borrow_mut(|bells| bells.push(bell.clone()));
        Ok((Self(bell.clone()), Waker(bell)))
    }

    /// There are no sockets in a model.
    pub(crate) fn watch(&self, _: EventSource<'_>, _: usize) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// As [`watch`](Self::watch).
    pub(crate) fn forget(&self, _: EventSource<'_>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Waits until the waker rings, unless it is only to look.
    pub(crate) fn wait(&mut self, at_most: Option<Duration>, _: impl FnMut(usize, Readiness)) -> io::Result<()> {
        if at_most == Some(Duration::ZERO) {
            return Ok(());
        }
        let mut rung = lock(&self.0.rung);
        while !*rung {
            self.0.set_asleep(true);
            rung = self
                .0
                .changed
                .wait(rung)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        *rung = false;
        Ok(())
    }
}
