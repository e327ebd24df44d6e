//! What a worker works on: its run queue and its timer wheel, and what else another worker may have to see to while this
//! one is stuck in a turn.
//!
//! The desk lies with the system, not with the thread, so that a rescuer can reach it. Everything mutable on it is touched
//! only by whoever has the tenure (S7), counters aside, which their worker alone writes and anybody reads.

use super::doorbell::Doorbell;
use super::header::Header;
use super::outgoing::Outgoing;
use super::tenure::{AtWork, Tenure};
use super::timing::TimerTarget;
use crate::mailbox::ring::Ring;
use crate::observe::WorkerCounters;
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::sync::{Counter, UnsafeCell};
use crate::sys::clock::Time;
use crate::timer::Wheel;
use std::ptr::{self, NonNull};

/// The private queue of runnable cells, first in, first out.
pub(crate) type RunQueue = Ring<NonNull<Header>, 0>;

/// What a worker works on.
#[repr(align(128))]
pub(crate) struct Desk {
    pub(crate) tenure: Tenure,
    pub(crate) doorbell: &'static Doorbell,
    /// A cell here has this worker as its home (S1).
    run_queue: UnsafeCell<RunQueue>,
    /// The cell whose turn it is or was last; others than the worker compare it and never follow it.
    running: AtomicPtr<Header>,
    pub(crate) counters: WorkerCounters,
    /// How many messages a turn handles at most.
    pub(crate) turn_messages_max: usize,
    /// A turn reads the clock when the number of messages left to it has none of these bits. Follows what messages take
    /// (pace.rs).
    pub(crate) clock_mask: Counter,
    /// What the present turn has sent elsewhere so far.
    outgoing: UnsafeCell<Outgoing>,
    wheel: UnsafeCell<Wheel<TimerTarget>>,
    /// Notifications that a rescuer took and that only the worker can act on: of the cell that has the long turn, and of
    /// cells that may not leave.
    set_aside: UnsafeCell<Vec<NonNull<Header>>>,
}

// SAFETY: S7: the cells are touched under the tenure alone, whose changes of hand synchronise; the rest is atomic. The
// pointers lead to cells that are kept alive by being queued (S4).
unsafe impl Sync for Desk {}
// SAFETY: as above.
unsafe impl Send for Desk {}

impl Desk {
    pub(crate) fn new(doorbell: &'static Doorbell, turn_messages_max: usize, now: Time) -> Self {
        Self {
            tenure: Tenure::new(),
            doorbell,
            run_queue: UnsafeCell::new(RunQueue::new()),
            running: AtomicPtr::new(ptr::null_mut()),
            counters: WorkerCounters::default(),
            turn_messages_max,
            clock_mask: Counter::default(),
            outgoing: UnsafeCell::new(Outgoing::new()),
            wheel: UnsafeCell::new(Wheel::new(now)),
            set_aside: UnsafeCell::new(Vec::new()),
        }
    }

    /// The run queue, for a moment: `f` must not reach it again.
    ///
    /// # Safety
    ///
    /// The caller has the tenure (S7).
    #[inline(always)]
    pub(crate) unsafe fn with_run_queue<R>(&self, f: impl FnOnce(&mut RunQueue) -> R) -> R {
        // SAFETY: the caller has the tenure, and its closure does not come back here.
        self.run_queue.with_mut(|queue| f(unsafe { &mut *queue }))
    }

    /// What has been gathered for others, for a moment: `f` must not reach it again.
    ///
    /// # Safety
    ///
    /// As [`with_run_queue`](Self::with_run_queue).
    #[inline(always)]
    pub(crate) unsafe fn with_outgoing<R>(&self, f: impl FnOnce(&mut Outgoing) -> R) -> R {
        // SAFETY: as there.
        self.outgoing.with_mut(|outgoing| f(unsafe { &mut *outgoing }))
    }

    /// The timer wheel, for a moment: `f` must not reach it again.
    ///
    /// # Safety
    ///
    /// As [`with_run_queue`](Self::with_run_queue).
    pub(crate) unsafe fn with_wheel<R>(&self, f: impl FnOnce(&mut Wheel<TimerTarget>) -> R) -> R {
        // SAFETY: as there.
        self.wheel.with_mut(|wheel| f(unsafe { &mut *wheel }))
    }

    /// The notifications that wait for the worker itself, for a moment: `f` must not reach them again.
    ///
    /// # Safety
    ///
    /// As [`with_run_queue`](Self::with_run_queue).
    pub(crate) unsafe fn with_set_aside<R>(&self, f: impl FnOnce(&mut Vec<NonNull<Header>>) -> R) -> R {
        // SAFETY: as there.
        self.set_aside.with_mut(|cells| f(unsafe { &mut *cells }))
    }

    /// A turn of `cell` begins.
    #[inline(always)]
    pub(crate) fn begin_turn(&self, cell: NonNull<Header>) {
        // Relaxed: a rescuer reads it after it has seen, with Acquire, that the worker let go.
        self.running.store(cell.as_ptr(), Ordering::Relaxed);
        self.tenure.begin_turn();
    }

    /// The cell whose turn it is; for the worker, in a turn.
    pub(crate) fn running(&self) -> NonNull<Header> {
        NonNull::new(self.running.load(Ordering::Relaxed)).expect("a turn has begun")
    }

    /// Whether `cell` is the one whose turn it is or was last; for the worker.
    pub(crate) fn has_in_hand(&self, cell: NonNull<Header>) -> bool {
        self.running.load(Ordering::Relaxed) == cell.as_ptr()
    }

    /// Whether `cell` is the one that the stuck worker has in hand.
    pub(crate) fn is_running(&self, _: &AtWork<'_>, cell: NonNull<Header>) -> bool {
        self.running.load(Ordering::Relaxed) == cell.as_ptr()
    }
}
