//! The part of a worker that others may touch: its notification list and its sleep.
//!
//! Doorbells are type-stable: once made they are never freed, and a later system takes over those of an earlier one. A
//! thread that rings late, after everyone has gone home, therefore rings at worst at somebody else's door, which is
//! harmless; it never touches freed memory. A notification that arrives after the end of a system waits for that later
//! one (it only gives up the memory of an ended cell). The poller stays with its doorbell for the same reason: its waker
//! is part of the door.

use super::header::Header;
use super::sleep::Sleep;
use crate::mailbox::{Crate, CrateList, NotifyList, Returns};
use crate::sync::UnsafeCell;
use crate::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use crate::sync::global::AtomicU64;
#[cfg(not(potoroo_loom))]
use crate::sync::{Mutex, lock};
use crate::sys::clock::{self, Time};
use crate::sys::poller::{Poller, Waker};
#[cfg(not(potoroo_loom))]
use crate::sys::simulated;
use std::io;
use std::ptr::NonNull;
use std::time::Duration;

/// How many socket events one poll takes at most.
const POLL_EVENTS_MAX: usize = 256;

/// What other threads see of a worker.
pub(crate) struct Doorbell {
    notified: NotifyList<Header>,
    /// Notifications by the crate.
    notified_at_once: CrateList<Header>,
    /// Nodes that come back to the worker's pool.
    pub(crate) returns: Returns,
    sleep: Sleep,
    waker: Waker,
    /// When somebody last woke the worker, for whoever measures how long that takes.
    rung_at: AtomicU64,
    /// How long asks from outside wait in the system of this worker.
    ask_timeout_ns: AtomicU64,
    /// How many threads outside are in the middle of telling something here.
    visitors: AtomicUsize,
    /// Touched only by the worker that holds this doorbell.
    poller: UnsafeCell<Poller>,
}

// SAFETY: the list and the sleep state are atomic, the waker is a file descriptor, and the poller is bound to the one
// worker that took this doorbell out of the pool (the pool's lock orders one owner after the other).
unsafe impl Sync for Doorbell {}
// SAFETY: as above.
unsafe impl Send for Doorbell {}

/// A visit of a thread outside; see [`Doorbell::visit`].
pub(crate) struct Visit(&'static Doorbell);

impl Drop for Visit {
    fn drop(&mut self) {
        // Release pairs with the load of `has_visitors`.
        self.0.visitors.fetch_sub(1, Release);
    }
}

/// Doorbells whose workers have gone.
#[cfg(not(potoroo_loom))]
static UNUSED: Mutex<Vec<&'static Doorbell>> = Mutex::new(Vec::new());

#[cfg(potoroo_loom)]
thread_local! {
    /// The doorbells of the present interleaving. There are too many interleavings to leave them behind.
    static MADE: std::cell::RefCell<Vec<*const Doorbell>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Those that only a simulated world can use: they have nothing of the kernel's.
#[cfg(not(potoroo_loom))]
static UNUSED_IN_WORLDS: Mutex<Vec<&'static Doorbell>> = Mutex::new(Vec::new());

impl Doorbell {
    /// Frees all doorbells of this model.
    ///
    /// # Safety
    ///
    /// Nobody rings any more.
    #[cfg(potoroo_loom)]
    pub(crate) unsafe fn free_all() {
        for made in MADE.take() {
            // SAFETY: `make` made it from a box, and the caller says that nobody uses it.
            let doorbell = unsafe { Box::from_raw(made.cast_mut()) };
            // What would wait for the next system: notifications of cells that have ended, whose memory they hold (S4).
            // SAFETY: the own count of each.
            doorbell.take_notifications(|cell| unsafe { Header::release(cell) }, drop);
        }
    }

    /// A thread outside is about to tell something to a cell of this system. Between its push and its notification nobody
    /// else can see that there will be one, so it counts itself until both are done.
    pub(crate) fn visit(&'static self) -> Visit {
        // Relaxed: whoever knows of the push, having pushed to the same cell after it or having been told by this thread,
        // knows of this too.
        self.visitors.fetch_add(1, Relaxed);
        Visit(self)
    }

    /// Whether a thread outside is in the middle of telling something.
    pub(crate) fn has_visitors(&self) -> bool {
        // Acquire pairs with the end of a visit: its notification is seen then.
        self.visitors.load(Acquire) > 0
    }

    /// Takes an unused doorbell, or makes one.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn take() -> io::Result<&'static Self> {
        let pool = if simulated::is_on() { &UNUSED_IN_WORLDS } else { &UNUSED };
        let unused = lock(pool).pop();
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
        let made: &'static Self = Box::leak(Box::new(Self {
            notified: NotifyList::new(),
            notified_at_once: CrateList::new(),
            returns: Returns::default(),
            sleep: Sleep::new(),
            waker,
            rung_at: AtomicU64::new(0),
            ask_timeout_ns: AtomicU64::new(0),
            visitors: AtomicUsize::new(0),
            poller: UnsafeCell::new(poller),
        }));
        #[cfg(potoroo_loom)]
        MADE.with_borrow_mut(|all| all.push(std::ptr::from_ref(made)));
        #[cfg(not(potoroo_loom))]
        made.returns.enlist();
        Ok(made)
    }

    /// Gives the doorbell back when its worker has ended.
    pub(crate) fn give_back(&'static self) {
        #[cfg(not(potoroo_loom))]
        lock(if self.waker.has_kernel() {
            &UNUSED
        } else {
            &UNUSED_IN_WORLDS
        })
        .push(self);
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
        // Next to the system call that follows, the reading costs nothing.
        self.rung_at.store(clock::now().as_ns(), Relaxed);
        self.waker.wake();
    }

    /// Says whether the worker of this doorbell is stepped by a simulated world.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn simulate(&self, is_on: bool) {
        self.waker.simulate(is_on);
        // Whatever a world that was left in the middle of something has left behind.
        self.sleep.cancel();
    }

    /// Whether somebody has rung for a worker that sleeps in a simulated world.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn has_rung(&self) -> bool {
        self.waker.has_rung()
    }

    /// The worker has woken up in a simulated world.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn hear(&self) {
        self.waker.hear();
    }

    /// Whether sockets of a simulated world have become ready, and the worker has not looked yet.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn has_edges(&self) -> bool {
        self.waker.has_edges()
    }

    /// Nobody watches the sockets whose edges are left.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn forget_edges(&self) {
        self.waker.forget_edges();
    }

    /// When somebody last woke the worker; a hint.
    pub(crate) fn rung_at(&self) -> Time {
        Time::from_ns(self.rung_at.load(Relaxed))
    }

    /// Says how long asks from outside wait in the system that has taken this doorbell.
    pub(crate) fn set_ask_timeout(&self, timeout: Duration) {
        let ns = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        self.ask_timeout_ns.store(ns, Relaxed);
    }

    /// How long asks from outside wait.
    pub(crate) fn ask_timeout(&self) -> Duration {
        Duration::from_nanos(self.ask_timeout_ns.load(Relaxed))
    }

    /// As [`notify`](Self::notify), for many cells.
    ///
    /// # Safety
    ///
    /// As there, for each of them.
    pub(crate) unsafe fn notify_all(&self, cells: Box<Crate<Header>>) {
        self.notified_at_once.push(cells);
        self.ring();
    }

    /// Whether any notification has arrived; a hint while others notify.
    #[inline(always)]
    pub(crate) fn has_notifications(&self) -> bool {
        !(self.notified.is_empty() && self.notified_at_once.is_empty())
    }

    /// Takes all notifications and calls `each` with their cells, and `emptied` with the crates they came in.
    pub(crate) fn take_notifications(
        &self,
        mut each: impl FnMut(NonNull<Header>),
        mut emptied: impl FnMut(Box<Crate<Header>>),
    ) {
        self.notified.take(&mut each);
        if self.notified_at_once.is_empty() {
            return;
        }
        self.notified_at_once.take(|full| {
            let cells = full.items().iter().filter_map(|cell| NonNull::new(*cell));
            // Three rounds, so that the lines of all cells, and then all messages, are on their way at once.
            for cell in cells.clone() {
                Header::prefetch_for_home(cell);
            }
            for cell in cells.clone() {
                // SAFETY: a notified cell is alive until its notification is taken (S4).
                unsafe { (cell.as_ref().table.prefetch)(cell) };
            }
            cells.for_each(&mut each);
            emptied(full);
        });
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
