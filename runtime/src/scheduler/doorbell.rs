//! The part of a worker that others may touch: its notification list and its sleep.
//!
//! Doorbells are type-stable: once made they are never freed, and a later system takes over those of an earlier one. A
//! thread that rings late, after everyone has gone home, therefore rings at worst at somebody else's door, which is
//! harmless; it never touches freed memory. A notification that arrives after the end of a system waits for that later
//! one (it only gives up the memory of an ended cell). The poller stays with its doorbell for the same reason: its waker
//! is part of the door.

use super::header::Header;
use super::sleep::Sleep;
use crate::mailbox::NotifyList;
use crate::sync::UnsafeCell;
#[cfg(not(potoroo_loom))]
use crate::sync::{Mutex, lock};
use crate::sys::poller::{Poller, Waker};
use std::io;
use std::ptr::NonNull;

/// How many socket events one poll takes at most.
const POLL_EVENTS_MAX: usize = 256;

/// What other threads see of a worker.
pub(crate) struct Doorbell {
    notified: NotifyList<Header>,
    sleep: Sleep,
    waker: Waker,
    /// Touched only by the worker that holds this doorbell.
    poller: UnsafeCell<Poller>,
}

// SAFETY: the list and the sleep state are atomic, the waker is a file descriptor, and the poller is bound to the one
// worker that took this doorbell out of the pool (the pool's lock orders one owner after the other).
unsafe impl Sync for Doorbell {}
// SAFETY: as above.
unsafe impl Send for Doorbell {}

/// Doorbells whose workers have gone.
#[cfg(not(potoroo_loom))]
static UNUSED: Mutex<Vec<&'static Doorbell>> = Mutex::new(Vec::new());

impl Doorbell {
    /// Takes an unused doorbell, or makes one.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn take() -> io::Result<&'static Self> {
        let unused = lock(&UNUSED).pop();
        match unused {
            Some(doorbell) => Ok(doorbell),
            None => Self::make(),
        }
    }

    /// Makes a new one: a model has no pool.
    #[cfg(potoroo_loom)]
    pub(crate) fn take() -> io::Result<&'static Self> {
        Self::make()
    }

    fn make() -> io::Result<&'static Self> {
        let (poller, waker) = Poller::new(POLL_EVENTS_MAX)?;
        Ok(Box::leak(Box::new(Self {
            notified: NotifyList::new(),
            sleep: Sleep::new(),
            waker,
            poller: UnsafeCell::new(poller),
        })))
    }

    /// Gives the doorbell back when its worker has ended.
    pub(crate) fn give_back(&'static self) {
        #[cfg(not(potoroo_loom))]
        lock(&UNUSED).push(self);
    }

    /// Tells the worker to look at the inbox of `cell`.
    ///
    /// # Safety
    ///
    /// The caller has the duty (M2), and the cell is not freed before its notification is taken (S4).
    pub(crate) unsafe fn notify(&self, cell: NonNull<Header>) {
        // SAFETY: passed on to the caller.
        unsafe { self.notified.push(cell) };
        self.ring();
    }

    /// Wakes the worker if it sleeps. Whatever it is to find must have been published before.
    #[inline]
    pub(crate) fn ring(&self) {
        if self.sleep.must_wake() {
            self.wake();
        }
    }

    /// Wakes the worker; for whoever has been told that it is theirs to do.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    pub(crate) fn notified(&self) -> &NotifyList<Header> {
        &self.notified
    }

    pub(crate) fn sleep(&self) -> &Sleep {
        &self.sleep
    }

    /// The poller.
    ///
    /// # Safety
    ///
    /// Only the worker that took this doorbell may call it, and not from inside `f`.
    pub(crate) unsafe fn with_poller<R>(&self, f: impl FnOnce(&mut Poller) -> R) -> R {
        self.poller.with_mut(|poller| {
            // SAFETY: the caller is the one owner.
            f(unsafe { &mut *poller })
        })
    }
}
