//! Blocks that were asked for outside the arena's own turn: from the heap, kept on a lock-free list, freed with it.
//!
//! Invariant cited: A2. It lacks taking single blocks out: what is given back is dead until the arena goes, as in the
//! bump.

use crate::mutant;
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::sync::heap;
use allocator_api2::alloc::{AllocError, Layout};
use std::ptr::{self, NonNull};

/// The list, newest block first.
pub(super) struct ForeignBlocks {
    newest: AtomicPtr<Header>,
}

/// What stands in front of each block.
struct Header {
    next: *mut Header,
    whole: Layout,
}

impl ForeignBlocks {
    pub(super) fn new() -> Self {
        Self {
            newest: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Takes a block from the heap and links it. Gives it and what it takes with its header.
    pub(super) fn take(&self, layout: Layout) -> Result<(NonNull<u8>, usize), AllocError> {
        let (whole, offset) = Layout::new::<Header>().extend(layout).map_err(|_| AllocError)?;
        // SAFETY: `whole` is not empty, it starts with a header.
        let block = NonNull::new(unsafe { heap::alloc(whole) }).ok_or(AllocError)?;
        let header = block.cast::<Header>().as_ptr();
        let mut next = self.newest.load(Ordering::Relaxed);
        loop {
            // SAFETY: the block is ours until the exchange below publishes it, and it is aligned for the header.
            unsafe { header.write(Header { next, whole }) };
            if mutant!("arena_foreign_block_by_a_store") {
                self.newest.store(header, Ordering::Relaxed);
                break;
            }
            // Relaxed: the list is walked once, in `drop`, by whoever has it alone: the count of the arena's handles
            // orders all pushes before that.
            match self
                .newest
                .compare_exchange_weak(next, header, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => break,
                Err(seen) => next = seen,
            }
        }
        // SAFETY: `offset` lies inside the block.
        Ok((unsafe { block.add(offset) }, whole.size()))
    }
}

impl Drop for ForeignBlocks {
    fn drop(&mut self) {
        let mut next = self.newest.load(Ordering::Relaxed);
        while !next.is_null() {
            // SAFETY: A2: the last handle has gone. Each link was written by `take` and is read once, before its block is
            // freed.
            let Header { next: after, whole } = unsafe { next.read() };
            // SAFETY: allocated there with this layout.
            unsafe { heap::dealloc(next.cast(), whole) };
            next = after;
        }
    }
}
