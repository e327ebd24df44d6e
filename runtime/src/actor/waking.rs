//! Waking a task of an actor: from any thread, any number of times, also when it is too late.
//!
//! One atomic word per task says whether it has been woken and whether it is being polled. The wake that finds neither sends
//! the one poll that is under way at a time; all others only leave their mark, which the poller finds when it is done
//! (invariants K3 and K4 of the folder's README). The model is `loom-tests/tests/waking.rs`.

use crate::scheduler::control::Control;
use crate::scheduler::header::CellRef;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::{mutant, weakened};
use std::mem::ManuallyDrop;
use std::task::{RawWaker, RawWakerVTable, Waker};

/// Somebody has woken the task since its last poll began, or a poll is under way.
const WOKEN: u32 = 1;
/// The task is being polled.
const POLLING: u32 = 2;

/// Whether a task is to be polled.
#[derive(Debug)]
pub struct WakeState(AtomicU32);

impl WakeState {
    /// The first poll is under way.
    #[expect(clippy::new_without_default, reason = "a default does not say that a poll is owed")]
    pub fn new() -> Self {
        Self(AtomicU32::new(WOKEN))
    }

    /// Wakes. Says whether the caller must send a poll.
    #[must_use]
    pub fn wake(&self) -> bool {
        // Release: what was done before the wake is seen by the poll that follows, whose swap acquires, also where this wake
        // sends nothing: it is a read-modify-write, so it continues the release of those before it. Acquire for the sender,
        // whose poll comes after the one that ended.
        let order = weakened!("wake_without_release", Ordering::AcqRel, Ordering::Acquire);
        self.0.fetch_or(WOKEN, order) == 0
    }

    /// A poll begins: what is woken from here on counts for the next.
    pub fn begin(&self) {
        let order = weakened!("wake_poll_begins_relaxed", Ordering::AcqRel, Ordering::Relaxed);
        if mutant!("wake_poll_begins_by_a_store") {
            return self.0.store(POLLING, Ordering::Release);
        }
        self.0.swap(POLLING, order);
    }

    /// The poll has found nothing. Says whether the task has been woken meanwhile; then the caller must send a poll.
    #[must_use]
    pub fn end(&self) -> bool {
        self.0.fetch_and(!POLLING, Ordering::AcqRel) & WOKEN != 0 && !mutant!("wake_during_a_poll_is_forgotten")
    }

    /// No poll is wanted, until whoever calls this sends one: wakes do nothing from here on.
    pub fn pause(&self) {
        self.0.swap(WOKEN, Ordering::AcqRel);
    }
}

/// What the wakers of one task share. It keeps the memory of the cell, not the actor.
pub(super) struct Wakeup {
    cell: CellRef,
    slot: u32,
    generation: u32,
    pub(super) state: WakeState,
}

impl Wakeup {
    pub(super) fn new(cell: CellRef, slot: u32, generation: u32) -> Arc<Self> {
        Arc::new(Self {
            cell,
            slot,
            generation,
            state: WakeState::new(),
        })
    }

    /// Sends a poll; the caller has been told to.
    pub(super) fn send(&self) {
        self.cell.control(Control::Poll {
            slot: self.slot,
            generation: self.generation,
        });
    }

    fn wake(&self) {
        if self.state.wake() {
            self.send();
        }
    }
}

const TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, release);

/// The counted reference behind a waker.
///
/// # Safety
///
/// The pointer came from [`raw`], and the reference is used up only by the one who is to use the waker up.
unsafe fn held(wakeup: *const ()) -> ManuallyDrop<Arc<Wakeup>> {
    // SAFETY: `raw` took the pointer from `Arc::into_raw`.
    ManuallyDrop::new(unsafe { Arc::from_raw(wakeup.cast()) })
}

/// # Safety
///
/// As [`held`], here and below.
unsafe fn clone(wakeup: *const ()) -> RawWaker {
    // SAFETY: passed on.
    let held = unsafe { held(wakeup) };
    raw(Arc::clone(&held))
}

unsafe fn wake(wakeup: *const ()) {
    // SAFETY: passed on; the waker is used up.
    ManuallyDrop::into_inner(unsafe { held(wakeup) }).wake();
}

unsafe fn wake_by_ref(wakeup: *const ()) {
    // SAFETY: passed on.
    unsafe { held(wakeup) }.wake();
}

unsafe fn release(wakeup: *const ()) {
    // SAFETY: passed on; the waker is used up.
    drop(ManuallyDrop::into_inner(unsafe { held(wakeup) }));
}

fn raw(wakeup: Arc<Wakeup>) -> RawWaker {
    RawWaker::new(Arc::into_raw(wakeup).cast(), &TABLE)
}

/// A waker of this task.
pub(super) fn waker(wakeup: Arc<Wakeup>) -> Waker {
    // SAFETY: the table counts as `Arc` does, and `Wakeup` may be shared by threads: a counted reference and an atomic.
    unsafe { Waker::from_raw(raw(wakeup)) }
}
