//! Pointers by the crate: what many hand to one, in batches that lie in one piece.
//!
//! A linked list makes its reader wait for a cache line of another core with each element. In a crate thirty pointers lie
//! side by side, so the reader can ask for all that they point to at once. A list of crates is pushed to by anybody and
//! taken whole by one. It lacks an order of elements between crates of different pushers.

use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::weakened;
use std::fmt;
use std::ptr;

/// How many pointers a crate holds: with its head, four cache lines.
pub const CRATE_SIZE: usize = 30;

/// Up to [`CRATE_SIZE`] pointers.
pub struct Crate<T> {
    next: *mut Crate<T>,
    count: usize,
    items: [*mut T; CRATE_SIZE],
}

impl<T> Crate<T> {
    /// An empty one.
    pub fn new() -> Box<Self> {
        Box::new(Self {
            next: ptr::null_mut(),
            count: 0,
            items: [ptr::null_mut(); CRATE_SIZE],
        })
    }

    /// Adds a pointer to a crate that is not full; says whether it is full now.
    pub fn add(&mut self, item: *mut T) -> bool {
        self.items[self.count] = item;
        self.count += 1;
        self.count == CRATE_SIZE
    }

    /// The pointers.
    pub fn items(&self) -> &[*mut T] {
        &self.items[..self.count]
    }

    /// Makes it empty again.
    pub fn clear(&mut self) {
        self.count = 0;
    }
}

/// The crates that have been handed to somebody.
pub struct CrateList<T> {
    newest: AtomicPtr<Crate<T>>,
}

// SAFETY: a crate is reached by one thread at a time: its pusher before the exchange, the taker after the swap. What the
// pointers lead to is the business of those who hand them over.
unsafe impl<T> Send for CrateList<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for CrateList<T> {}

impl<T> CrateList<T> {
    /// An empty list.
    pub fn new() -> Self {
        Self {
            newest: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Whether there is something to take; a hint while others push.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.newest.load(Ordering::Relaxed).is_null()
    }

    /// Hands a crate over.
    pub fn push(&self, full: Box<Crate<T>>) {
        let full = Box::into_raw(full);
        let mut newest = self.newest.load(Ordering::Relaxed);
        loop {
            // SAFETY: the crate is ours until the exchange publishes it.
            unsafe { (*full).next = newest };
            // Release pairs with the Acquire in `take`: the crate's content, and what led to it, is seen there.
            let order = weakened!("crates_push_relaxed", Ordering::Release, Ordering::Relaxed);
            match self
                .newest
                .compare_exchange_weak(newest, full, order, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(seen) => newest = seen,
            }
        }
    }

    /// Takes everything, the newest crate first.
    pub fn take(&self, mut each: impl FnMut(Box<Crate<T>>)) {
        // Acquire pairs with the pushes. Release: as in `NotifyList::take`.
        let order = weakened!("crates_take_without_acquire", Ordering::AcqRel, Ordering::Release);
        let mut newest = self.newest.swap(ptr::null_mut(), order);
        while !newest.is_null() {
            // SAFETY: `push` made it from a box, and the swap made the list ours.
            let taken = unsafe { Box::from_raw(newest) };
            newest = taken.next;
            each(taken);
        }
    }
}

impl<T> Default for CrateList<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for CrateList<T> {
    fn drop(&mut self) {
        self.take(drop);
    }
}

impl<T> fmt::Debug for Crate<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crate").field("items", &self.count).finish()
    }
}

impl<T> fmt::Debug for CrateList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrateList").field("is_empty", &self.is_empty()).finish()
    }
}
