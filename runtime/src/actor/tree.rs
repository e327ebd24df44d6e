//! Who owns whom: the children of one actor, in the order they were started.
//!
//! An intrusive doubly linked list through the headers of the children, so that a parent of a million children finds
//! each in one step and pays no memory of its own. Each linked child is counted once. S5: the links belong to the
//! parent and are touched in its turns only, whatever worker the child lives on.

use crate::scheduler::header::{CellRef, Header};
use std::ptr::NonNull;

/// The children of one actor.
#[derive(Default)]
pub(super) struct Children {
    first: Option<NonNull<Header>>,
    last: Option<NonNull<Header>>,
    /// The child that has been told to stop and has not answered yet.
    pub(super) told_to_stop: Option<NonNull<Header>>,
    /// Where children are kept: this one and all after it are between two lives.
    settled: Option<NonNull<Header>>,
}

/// The links of a child, for a moment.
///
/// # Safety
///
/// The caller is in a turn of the parent (S5), and `child` is alive.
unsafe fn with_links<R>(child: NonNull<Header>, f: impl FnOnce(&mut crate::scheduler::header::Siblings) -> R) -> R {
    // SAFETY: S5, and nothing in this file calls itself from inside `f`.
    unsafe { child.as_ref() }
        .siblings
        .with_mut(|links| f(unsafe { &mut *links }))
}

impl Children {
    /// Appends a child; the list takes over the reference.
    ///
    /// # Safety
    ///
    /// The caller is in a turn of the parent (S5), and the child is on no list.
    pub(super) unsafe fn link(&mut self, child: CellRef) {
        let cell = child.as_ptr();
        std::mem::forget(child);
        // SAFETY: S5; the reference just taken over keeps the child alive.
        unsafe {
            with_links(cell, |links| {
                links.previous = self.last;
                links.next = None;
            });
        }
        match self.last.replace(cell) {
            // SAFETY: S5; a linked child is counted.
            Some(before) => unsafe { with_links(before, |links| links.next = Some(cell)) },
            None => self.first = Some(cell),
        }
    }

    /// Takes a child off the list.
    ///
    /// # Safety
    ///
    /// The caller is in a turn of the parent (S5), and `child` is on this list.
    pub(super) unsafe fn unlink(&mut self, child: NonNull<Header>) {
        // SAFETY: S5; a linked child is counted.
        let (previous, next) = unsafe { with_links(child, |links| (links.previous.take(), links.next.take())) };
        match previous {
            // SAFETY: as above.
            Some(previous) => unsafe { with_links(previous, |links| links.next = next) },
            None => self.first = next,
        }
        match next {
            // SAFETY: as above.
            Some(next) => unsafe { with_links(next, |links| links.previous = previous) },
            None => self.last = previous,
        }
        if self.told_to_stop == Some(child) {
            self.told_to_stop = None;
        }
        if self.settled == Some(child) {
            self.settled = next;
        }
        // SAFETY: `link` took this count over.
        unsafe { Header::release(child) };
    }

    /// Calls `each` with all children, the first started first.
    ///
    /// # Safety
    ///
    /// Nobody touches the list meanwhile (S5).
    #[cfg(not(potoroo_loom))]
    pub(super) unsafe fn each(&self, mut each: impl FnMut(NonNull<Header>)) {
        let mut next = self.first;
        while let Some(child) = next {
            // SAFETY: S5; a linked child is counted.
            next = unsafe { with_links(child, |links| links.next) };
            each(child);
        }
    }

    /// The child that was started last.
    pub(super) fn last(&self) -> Option<CellRef> {
        // SAFETY: a linked child is counted.
        self.last.map(|child| CellRef::new(unsafe { child.as_ref() }))
    }

    /// A child is between two lives, as it was told.
    pub(super) fn settled(&mut self, child: NonNull<Header>) {
        if self.told_to_stop == Some(child) {
            self.told_to_stop = None;
            self.settled = Some(child);
        }
    }

    /// The last child that has not settled yet.
    ///
    /// # Safety
    ///
    /// The caller is in a turn of the parent (S5).
    pub(super) unsafe fn last_unsettled(&self) -> Option<CellRef> {
        let Some(settled) = self.settled else {
            return self.last();
        };
        // SAFETY: S5; a linked child is counted, and one that is unlinked is not remembered here.
        let before = unsafe { with_links(settled, |links| links.previous) };
        // SAFETY: a linked child is counted.
        before.map(|child| CellRef::new(unsafe { child.as_ref() }))
    }

    /// The next life begins, and with it the children's.
    pub(super) fn unsettle(&mut self) {
        self.settled = None;
    }
}
