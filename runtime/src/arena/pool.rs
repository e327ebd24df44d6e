//! Chunks used again: each worker keeps the bumps of arenas that have gone, emptied, for those that come.
//!
//! bumpalo takes its chunks from the global allocator and has no hook for it; but a bump that is reset keeps its newest
//! chunk, which is the largest as a rule. So whole bumps are kept, by the size of that chunk. A pool is its worker's
//! alone: an arena whose last handle goes on another thread gives its bump to that thread's pool, or to nobody. Invariants
//! cited: A8, A9. It lacks trade between workers.

use crate::sync::thread_local_pointer;
use bumpalo::Bump;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::ptr;

thread_local_pointer! {
    /// The pool of the worker that this thread is.
    static POOL: BumpPool
}

/// How many bytes a worker's pool keeps at most, unless [`SystemBuilder`](crate::SystemBuilder) says otherwise.
pub const ARENA_POOL_BYTES: usize = 4 * 1024 * 1024;

/// A bump that takes more than this part of the pool is not kept: a quarter leaves room for others.
const BUMP_PART_OF_POOL: usize = 4;

/// Sizes by powers of two.
const CLASSES: usize = usize::BITS as usize;

/// An arena that asks for no size gets chunks below 2 to this power (8 KiB), so that small state holds little.
const SMALL_CLASSES: usize = 13;

/// An arena that asks for a size gets at most about 2 to this power times as much.
const CLASSES_ABOVE: usize = 2;

/// The bumps that one worker keeps.
pub(crate) struct BumpPool {
    shelves: RefCell<Box<[Vec<Bump>; CLASSES]>>,
    bytes: Cell<usize>,
    bytes_max: usize,
    reused: Cell<u64>,
}

/// Makes a pool that of this thread until it goes.
pub(crate) struct PoolEntered<'a> {
    previous: *const BumpPool,
    _pool: PhantomData<&'a BumpPool>,
}

impl BumpPool {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            shelves: RefCell::new(Box::new([const { Vec::new() }; CLASSES])),
            bytes: Cell::new(0),
            bytes_max,
            reused: Cell::new(0),
        }
    }

    pub(crate) fn enter(&self) -> PoolEntered<'_> {
        PoolEntered {
            previous: POOL.with(|pool| pool.replace(ptr::from_ref(self))),
            _pool: PhantomData,
        }
    }

    /// A kept bump with a chunk of `bytes` or somewhat more.
    fn take(&self, bytes: usize) -> Option<Bump> {
        let classes = match bytes {
            0 => 0..SMALL_CLASSES,
            _ => {
                let least = bytes.checked_next_power_of_two()?.ilog2() as usize;
                least..(least + CLASSES_ABOVE + 1).min(CLASSES)
            }
        };
        let mut shelves = self.shelves.borrow_mut();
        let bump = shelves[classes].iter_mut().find_map(Vec::pop)?;
        self.bytes.set(self.bytes.get() - bump.allocated_bytes());
        self.reused.set(self.reused.get() + 1);
        Some(bump)
    }

    /// Keeps an emptied bump if there is room.
    fn give(&self, mut bump: Bump) {
        // A8: the caller has it alone.
        bump.reset();
        let bytes = bump.allocated_bytes();
        let kept = self.bytes.get() + bytes;
        if bytes == 0 || bytes > self.bytes_max / BUMP_PART_OF_POOL || kept > self.bytes_max {
            return;
        }
        self.shelves.borrow_mut()[bytes.ilog2() as usize].push(bump);
        self.bytes.set(kept);
    }

    /// How many arenas have begun with a chunk of this pool.
    pub(crate) fn reused(&self) -> u64 {
        self.reused.get()
    }

    /// How many bytes it keeps.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.get()
    }
}

impl fmt::Debug for BumpPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BumpPool")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Drop for PoolEntered<'_> {
    fn drop(&mut self) {
        POOL.with(|pool| pool.set(self.previous));
    }
}

fn with_pool<R>(f: impl FnOnce(&BumpPool) -> R) -> Option<R> {
    let pool = POOL.with(Cell::get);
    // SAFETY: A9: the pointer is set only while the pool is borrowed by a `PoolEntered` of this thread.
    unsafe { pool.as_ref() }.map(f)
}

/// A bump with a first chunk of at least `bytes`; if 0, with none, or whichever small one lies ready.
pub(super) fn take(bytes: usize) -> Bump {
    if let Some(bump) = with_pool(|pool| pool.take(bytes)).flatten() {
        return bump;
    }
    match bytes {
        0 => Bump::new(),
        // Refused by the system: then chunk by chunk, as far as it goes.
        _ => Bump::try_with_capacity(bytes).unwrap_or_default(),
    }
}

/// Takes the bump of an arena that has gone: nobody else may have it (A8).
pub(super) fn give(bump: Bump) {
    with_pool(|pool| pool.give(bump));
}
