//! The handle to a state arena, and the check that makes it safe to keep anywhere.
//!
//! The invariants A1 to A5 are in the folder's README. It lacks evacuation and limits: the dead bytes are counted so
//! that those can be decided elsewhere.

use crate::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, fence};
use crate::sync::{Counter, UnsafeCell, thread_local_pointer};
use allocator_api2::alloc::{AllocError, Allocator, Layout};
use bumpalo::Bump;
use std::alloc;
use std::fmt;
use std::ptr::{self, NonNull};

thread_local_pointer! {
    /// The arena whose turn runs on this thread.
    static CURRENT: Inner
}

/// What a state arena holds, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArenaBytes {
    /// Handed out and not given back.
    pub live: u64,
    /// Given back but not reusable until the arena is emptied.
    pub dead: u64,
    /// Asked for outside the arena's own turn; from the heap, freed with the arena.
    pub foreign: u64,
    /// Taken from the system in chunks.
    pub reserved: u64,
}

/// A counted handle to an actor's state arena.
///
/// Get one from [`Context::arena`](crate::Context::arena) and build collections with it. It may be cloned, sent and
/// kept anywhere: memory comes from the arena only while its own actor's turn is running on this thread, and from the
/// heap otherwise.
pub struct Arena(NonNull<Inner>);

struct Inner {
    refs: AtomicUsize,
    entered: AtomicBool,
    /// Blocks that were asked for from outside, newest first.
    foreign: AtomicPtr<Foreign>,
    foreign_bytes: AtomicUsize,
    bump: UnsafeCell<Bump>,
    live: Counter,
    dead: Counter,
    reserved: Counter,
}

/// The header in front of a foreign block.
struct Foreign {
    next: *mut Foreign,
    whole: Layout,
}

// SAFETY: A1: the bump is reached only under `entered`, everything else is atomic.
unsafe impl Send for Arena {}
// SAFETY: as above; every operation on a shared handle is either atomic or checked by A1.
unsafe impl Sync for Arena {}

impl Arena {
    /// An empty arena; it takes no chunk before the first allocation.
    pub(crate) fn new() -> Self {
        let inner = Box::new(Inner {
            refs: AtomicUsize::new(1),
            entered: AtomicBool::new(false),
            foreign: AtomicPtr::new(ptr::null_mut()),
            foreign_bytes: AtomicUsize::new(0),
            bump: UnsafeCell::new(Bump::new()),
            live: Counter::default(),
            dead: Counter::default(),
            reserved: Counter::default(),
        });
        Self(NonNull::from(Box::leak(inner)))
    }

    fn inner(&self) -> &Inner {
        // SAFETY: A2: this handle is counted, so the arena is there.
        unsafe { self.0.as_ref() }
    }

    /// What the arena holds at this moment.
    pub fn bytes(&self) -> ArenaBytes {
        let inner = self.inner();
        ArenaBytes {
            live: inner.live.get(),
            dead: inner.dead.get(),
            foreign: inner.foreign_bytes.load(Ordering::Relaxed) as u64,
            reserved: inner.reserved.get(),
        }
    }

    /// Makes this the current arena of this thread until the guard goes; `None` if somebody is inside already.
    pub(crate) fn enter(&self) -> Option<Entered> {
        // Acquire pairs with the Release in `Entered::drop`: what the last turn did to the bump is seen here.
        if self.inner().entered.swap(true, Ordering::Acquire) {
            return None;
        }
        let previous = CURRENT.with(|current| current.replace(self.0.as_ptr()));
        Some(Entered {
            arena: self.clone(),
            previous,
        })
    }

    fn is_current(&self) -> bool {
        CURRENT.with(|current| ptr::eq(current.get(), self.0.as_ptr()))
    }

    /// Takes a block from the heap and links it, so that it is freed with the arena.
    fn allocate_foreign(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let (whole, offset) = Layout::new::<Foreign>().extend(layout).map_err(|_| AllocError)?;
        // SAFETY: `whole` is not empty, it starts with a `Foreign`.
        let block = NonNull::new(unsafe { alloc::alloc(whole) }).ok_or(AllocError)?;
        let header = block.cast::<Foreign>().as_ptr();
        let list = &self.inner().foreign;
        let mut next = list.load(Ordering::Relaxed);
        loop {
            // SAFETY: the block is ours until the exchange below publishes it, and it is aligned for the header.
            unsafe { header.write(Foreign { next, whole }) };
            // Release pairs with the Acquire fence of the last drop, which walks the list.
            match list.compare_exchange_weak(next, header, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => break,
                Err(seen) => next = seen,
            }
        }
        self.inner().foreign_bytes.fetch_add(whole.size(), Ordering::Relaxed);
        // SAFETY: `offset` lies inside the block.
        let payload = unsafe { block.add(offset) };
        Ok(NonNull::slice_from_raw_parts(payload, layout.size()))
    }
}

impl Clone for Arena {
    fn clone(&self) -> Self {
        // Relaxed: a new handle is made from a live one, nothing has to be ordered.
        self.inner().refs.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // Release here and Acquire below: whoever frees sees what every other handle did.
        if self.inner().refs.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        fence(Ordering::Acquire);
        // SAFETY: A2: that was the last handle, so nobody can reach a block any more; `new` made it from a box.
        let inner = unsafe { Box::from_raw(self.0.as_ptr()) };
        let mut next = inner.foreign.load(Ordering::Relaxed);
        while !next.is_null() {
            // SAFETY: every link was written by `allocate_foreign` and is read once, before its block is freed.
            let Foreign { next: after, whole } = unsafe { next.read() };
            // SAFETY: allocated there with this layout.
            unsafe { alloc::dealloc(next.cast(), whole) };
            next = after;
        }
    }
}

// SAFETY: blocks stay where they are and valid until the last handle (A2); a clone is the same arena.
unsafe impl Allocator for Arena {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if !self.is_current() {
            return self.allocate_foreign(layout);
        }
        let inner = self.inner();
        inner.bump.with(|bump| {
            // SAFETY: A1: this arena is current here, so this thread holds `entered`.
            let bump = unsafe { &*bump };
            let block = bump.try_alloc_layout(layout).map_err(|_| AllocError)?;
            inner.live.add(layout.size() as u64);
            inner.reserved.set(bump.allocated_bytes() as u64);
            Ok(NonNull::slice_from_raw_parts(block, layout.size()))
        })
    }

    #[inline]
    unsafe fn deallocate(&self, _block: NonNull<u8>, layout: Layout) {
        // A4: only the one inside may count. What is dropped outside stays counted as live, which is the safe side: it
        // is freed with the arena all the same.
        if self.is_current() {
            let inner = self.inner();
            let size = layout.size() as u64;
            inner.live.set(inner.live.get().saturating_sub(size));
            inner.dead.add(size);
        }
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Arena").field(&self.bytes()).finish()
    }
}

/// The right to use an arena's bump on this thread; dropping it leaves the arena.
pub(crate) struct Entered {
    arena: Arena,
    previous: *const Inner,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // A3: the previous arena is current again, also on the way up from a panic.
        CURRENT.with(|current| current.set(self.previous));
        // Release pairs with the Acquire in `enter`.
        self.arena.inner().entered.store(false, Ordering::Release);
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::super::ArenaVec;
    use super::*;

    #[test]
    fn inside_a_turn_memory_comes_from_the_bump() {
        let arena = Arena::new();
        let turn = arena.enter().expect("nobody is inside");
        let mut numbers = ArenaVec::new_in(&arena);
        for n in 0..1000_u64 {
            numbers.push(n);
        }
        assert_eq!(numbers.iter().sum::<u64>(), 499_500);
        let bytes = arena.bytes();
        assert_eq!(bytes.foreign, 0);
        assert!(bytes.live >= 8000, "{bytes:?}");
        assert!(bytes.dead > 0, "growing left the smaller buffers behind: {bytes:?}");
        assert!(bytes.reserved >= bytes.live + bytes.dead);
        drop(turn);
    }

    #[test]
    fn outside_a_turn_memory_comes_from_the_heap_and_is_freed_with_the_arena() {
        let arena = Arena::new();
        let mut numbers = ArenaVec::new_in(&arena);
        numbers.push(1_u64);
        assert_eq!(arena.bytes().live, 0);
        assert!(arena.bytes().foreign >= 8);
        drop(arena);
        // The collection's own handle keeps the memory (A2).
        assert_eq!(numbers.iter().copied().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn nobody_enters_twice() {
        let arena = Arena::new();
        let turn = arena.enter();
        assert!(turn.is_some());
        assert!(arena.enter().is_none());
        drop(turn);
        assert!(arena.enter().is_some());
    }

    #[test]
    fn leaving_restores_the_outer_arena_also_after_a_panic() {
        let outer = Arena::new();
        let inner = Arena::new();
        let _outer_turn = outer.enter();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _inner_turn = inner.enter();
            panic!("a handler failed");
        }));
        assert!(caught.is_err());
        assert!(outer.is_current());
        assert!(inner.enter().is_some(), "the flag was given back");
    }

    #[test]
    fn a_collection_filled_by_several_threads_in_turn_is_whole() {
        let arena = Arena::new();
        let mut numbers = ArenaVec::new_in(&arena);
        for round in 0..4_u64 {
            let handle = arena.clone();
            numbers = std::thread::spawn(move || {
                let _turn = handle.enter().expect("the last turn has ended");
                for n in 0..500 {
                    numbers.push(round * 500 + n);
                }
                numbers
            })
            .join()
            .expect("no panic");
        }
        assert!(numbers.iter().copied().eq(0..2000));
    }
}
