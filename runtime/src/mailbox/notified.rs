//! The list of cells whose inbox a worker must look at.
//!
//! Anybody pushes, the worker takes all. A cell has at most one notification under way (M2), so the link lives in the
//! cell and pushing allocates nothing. It lacks removal: a notification is always delivered.

use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::{mutant, weakened};
use std::fmt;
use std::ptr::{self, NonNull};

/// Something with room for one link.
///
/// # Safety
///
/// `link` must always give the same place for the same value, and nothing but the list it is on may write there.
pub unsafe trait Notifiable: Sized {
    /// Where the list keeps the address of the next one.
    fn link(&self) -> &AtomicPtr<Self>;
}

/// The cells that a worker has been told to look at.
pub struct NotifyList<N: Notifiable> {
    newest: AtomicPtr<N>,
}

impl<N: Notifiable> NotifyList<N> {
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

    /// Adds `cell`.
    ///
    /// # Safety
    ///
    /// The caller holds the duty to notify (M2), so `cell` is on no list, and it stays valid until it is taken.
    pub unsafe fn push(&self, cell: NonNull<N>) {
        let mut newest = self.newest.load(Ordering::Relaxed);
        loop {
            // SAFETY: the caller keeps the cell valid. Relaxed: the exchange below publishes the link.
            unsafe { cell.as_ref() }.link().store(newest, Ordering::Relaxed);
            // Release pairs with the Acquire in `take`: the link and all that led to the notification are seen there.
            let order = weakened!("notify_push_relaxed", Ordering::Release, Ordering::Relaxed);
            match self
                .newest
                .compare_exchange_weak(newest, cell.as_ptr(), order, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(seen) => newest = seen,
            }
        }
    }

    /// Takes everything, in the order of arrival, and calls `each` once per cell.
    pub fn take(&self, mut each: impl FnMut(NonNull<N>)) {
        // Acquire pairs with the pushes. Release: whoever sees the list empty and fences also sees that its worker woke up
        // to empty it (`Shared::is_quiet`).
        let order = weakened!("notify_take_without_acquire", Ordering::AcqRel, Ordering::Release);
        let mut newest = self.newest.swap(ptr::null_mut(), order);
        let mut oldest: *mut N = ptr::null_mut();
        while let Some(cell) = NonNull::new(newest) {
            // SAFETY: a cell on the list is valid until it is taken, which is now, and its link is ours.
            let link = unsafe { cell.as_ref() }.link();
            newest = link.load(Ordering::Relaxed);
            link.store(oldest, Ordering::Relaxed);
            oldest = cell.as_ptr();
        }
        while let Some(cell) = NonNull::new(oldest) {
            // The link is read before `each`, which may free the cell or put it on a list again.
            // SAFETY: as above.
            let next = || unsafe { cell.as_ref() }.link().load(Ordering::Relaxed);
            if mutant!("notify_take_reads_the_link_late") {
                each(cell);
                oldest = next();
            } else {
                oldest = next();
                each(cell);
            }
        }
    }
}

impl<N: Notifiable> Default for NotifyList<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<N: Notifiable> fmt::Debug for NotifyList<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotifyList")
            .field("is_empty", &self.is_empty())
            .finish()
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;

    struct Cell(u32, AtomicPtr<Cell>);

    // SAFETY: the field is used for nothing else.
    unsafe impl Notifiable for Cell {
        fn link(&self) -> &AtomicPtr<Self> {
            &self.1
        }
    }

    #[test]
    fn cells_come_out_in_the_order_they_went_in() {
        let cells: Vec<_> = (0..4).map(|n| Cell(n, AtomicPtr::new(ptr::null_mut()))).collect();
        let list = NotifyList::new();
        for cell in &cells {
            // SAFETY: each cell is pushed once and outlives the list.
            unsafe { list.push(NonNull::from(cell)) };
        }
        let mut seen = Vec::new();
        // SAFETY: the cells are alive.
        list.take(|cell| seen.push(unsafe { cell.as_ref() }.0));
        assert_eq!(seen, [0, 1, 2, 3]);
        assert!(list.is_empty());
    }
}
