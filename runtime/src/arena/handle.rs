//! The handle to an arena, and the check that makes it safe to keep anywhere.
//!
//! The invariants are in the folder's README. It lacks decisions: when state is evacuated and what becomes of an actor
//! that holds too much is said in `actor/memory.rs`.

use super::bytes::{ArenaBytes, Tally};
use super::foreign::ForeignBlocks;
use super::owner::{Entered, Owner};
use super::pool;
use crate::mutant;
use crate::sync::{Arc, UnsafeCell};
use allocator_api2::alloc::{AllocError, Allocator, Layout};
use bumpalo::Bump;
use std::fmt;
use std::ptr::{self, NonNull};

/// A counted handle to an arena.
///
/// Get one from [`Context::arena`](crate::Context::arena) and build collections with it. It may be cloned, sent and
/// kept anywhere: memory comes from the arena only while its own actor's turn is running on this thread, and from the
/// heap otherwise. A block that is given back is not used again, unless it was the last one handed out: that one grows,
/// shrinks and goes in place.
#[derive(Clone)]
pub struct Arena(Arc<Inner>);

struct Inner {
    bump: UnsafeCell<Bump>,
    owner: Arc<Owner>,
    tally: Tally,
    foreign: ForeignBlocks,
}

// SAFETY: A1: the bump is reached only on the thread that has entered the owner; everything else is atomic.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Inner {
    /// An arena with a first chunk of at least `chunk_bytes`; if 0, with none, or whichever small one lies ready.
    fn new(owner: Arc<Owner>, chunk_bytes: usize) -> Self {
        let bump = pool::take(chunk_bytes);
        let tally = Tally::default();
        let reserved = bump.allocated_bytes() as u64;
        if reserved > 0 {
            tally.reserved_outside(reserved);
            owner.tally.reserved_outside(reserved);
        }
        Self {
            bump: UnsafeCell::new(bump),
            owner,
            tally,
            foreign: ForeignBlocks::new(),
        }
    }

    /// Runs `f` with the bump if this is its turn.
    ///
    /// `f` calls nothing that could come back here: no code of the user's, and of others the global allocator alone.
    #[inline(always)]
    fn inside<R>(&self, f: impl FnOnce(&Bump) -> R) -> Option<R> {
        if !self.owner.is_entered_here() && !mutant!("arena_bump_without_a_check") {
            return None;
        }
        // SAFETY: A1: this thread has entered the owner.
        Some(self.bump.with_mut(|bump| f(unsafe { &*bump })))
    }

    /// Counts a block that the bump has handed out, and the chunk that it may have taken for it.
    #[inline(always)]
    fn took_inside(&self, bump: &Bump, bytes: usize) {
        self.tally.took_inside(bytes as u64);
        self.owner.tally.took_inside(bytes as u64);
        let reserved = bump.allocated_bytes() as u64;
        if reserved != self.tally.reserved() {
            self.took_chunk(reserved);
        }
    }

    #[cold]
    fn took_chunk(&self, reserved: u64) {
        let more = reserved.wrapping_sub(self.tally.reserved());
        self.tally.reserved_inside(more);
        self.owner.tally.reserved_inside(more);
    }

    #[inline(always)]
    fn gave_inside(&self, bytes: usize, reclaimed: bool) {
        self.tally.gave_inside(bytes as u64, reclaimed);
        self.owner.tally.gave_inside(bytes as u64, reclaimed);
    }

    #[cold]
    fn gave_outside(&self, bytes: usize) {
        self.tally.gave_outside(bytes as u64);
        self.owner.tally.gave_outside(bytes as u64);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.owner.tally.forget(&self.tally);
        // A2, A8: the last handle has gone, so nobody can reach a block any more.
        let bump = self.bump.with_mut(|bump| {
            // SAFETY: A8: this is the last of the arena, nobody else has it.
            std::mem::take(unsafe { &mut *bump })
        });
        pool::give(bump);
    }
}

/// Whether `block` was the last that the bump has handed out.
///
/// If so it is a block of this bump for certain: blocks of the heap lie in no chunk.
#[inline(always)]
fn is_last(bump: &Bump, block: NonNull<u8>) -> bool {
    // SAFETY: nothing is read, and nothing is allocated while the iterator is there. The first item is the used part of
    // the current chunk, which begins with the last block.
    let newest = unsafe { bump.iter_allocated_chunks_raw() }.next();
    newest.is_some_and(|(start, _)| ptr::eq(start, block.as_ptr()))
}

impl Arena {
    /// An arena of an owner of its own.
    pub(crate) fn new() -> Self {
        Self::of(Arc::new(Owner::new()), 0)
    }

    /// As `new`, with a first chunk of at least `chunk_bytes`.
    pub(super) fn new_sized(chunk_bytes: usize) -> Self {
        Self::of(Arc::new(Owner::new()), chunk_bytes)
    }

    fn of(owner: Arc<Owner>, chunk_bytes: usize) -> Self {
        Self(Arc::new(Inner::new(owner, chunk_bytes)))
    }

    /// Another arena of the same owner, with a first chunk of at least `chunk_bytes` (0: none yet): entered with this
    /// one, counted with this one, and freed by itself.
    pub(crate) fn sibling(&self, chunk_bytes: usize) -> Self {
        Self::of(self.0.owner.clone(), chunk_bytes)
    }

    /// An empty sibling with room for what is live here: where this one's content is evacuated to.
    pub(crate) fn fresh(&self) -> Self {
        let live = self.bytes().live;
        // Alignment and a little growth must not cost a second chunk, which would be twice as large.
        let room = if live == 0 { 0 } else { live + live / 8 + 512 };
        self.sibling(usize::try_from(room).unwrap_or(0))
    }

    /// Takes the one permission to compact a sub-arena that the owner has been given, if `sub` is the same owner's.
    pub(super) fn take_slice_of(&self, sub: &Self) -> bool {
        Arc::ptr_eq(&self.0.owner, &sub.0.owner) && self.0.owner.take_slice()
    }

    /// Permits to compact one sub-arena, or none.
    pub(crate) fn permit_slice(&self, permitted: bool) {
        self.0.owner.permit_slice(permitted);
    }

    /// What this arena holds at this moment. Exact while nobody uses it; another thread sees a recent state.
    pub fn bytes(&self) -> ArenaBytes {
        self.0.tally.bytes()
    }

    /// What all arenas of the same actor hold together; see [`SubArena`](super::SubArena).
    pub fn owner_bytes(&self) -> ArenaBytes {
        self.0.owner.tally.bytes()
    }

    /// Whether both are handles to one arena.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Limits what all arenas of the owner hold together.
    pub(crate) fn limit_owner(&self, bytes: Option<u64>) {
        self.0.owner.set_limit(bytes);
    }

    /// Makes this the arena of the turn on this thread, until the guard goes; `None` if somebody is inside already. For
    /// the runtime and the models in `loom-tests`.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn enter(&self) -> Option<Entered> {
        Entered::new(&self.0.owner)
    }

    /// As in a normal build, but the models may call it.
    #[cfg(potoroo_loom)]
    #[doc(hidden)]
    pub fn enter(&self) -> Option<Entered> {
        Entered::new(&self.0.owner)
    }

    /// An arena for the models in `loom-tests`.
    #[cfg(potoroo_loom)]
    #[doc(hidden)]
    pub fn for_model() -> Self {
        Self::new()
    }

    /// What is left of the current chunk. Inside a turn only.
    #[cfg(all(test, not(potoroo_loom)))]
    pub(super) fn unused_in_chunk(&self) -> usize {
        self.0.inside(Bump::chunk_capacity).expect("inside a turn")
    }

    /// Whether a turn of the owner runs on this thread.
    #[cfg(all(test, not(potoroo_loom)))]
    pub(super) fn is_entered_here(&self) -> bool {
        self.0.owner.is_entered_here()
    }
}

/// The block of nothing.
fn empty(layout: Layout) -> NonNull<[u8]> {
    let address = ptr::without_provenance_mut(layout.align());
    // SAFETY: an alignment is not 0.
    NonNull::slice_from_raw_parts(unsafe { NonNull::new_unchecked(address) }, 0)
}

// SAFETY: blocks stay where they are and valid until they are given back or the last handle goes (A2); a clone is a handle
// to the same arena.
unsafe impl Allocator for Arena {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let inner = &*self.0;
        if layout.size() == 0 {
            return Ok(empty(layout));
        }
        let block = inner.inside(|bump| {
            let block = bump.try_alloc_layout(layout).map_err(|_| AllocError)?;
            inner.took_inside(bump, layout.size());
            Ok(block)
        });
        let block = match block {
            Some(block) => block?,
            None => {
                let (block, whole) = inner.foreign.take(layout)?;
                inner.tally.took_outside(layout.size() as u64, whole as u64);
                inner.owner.tally.took_outside(layout.size() as u64, whole as u64);
                block
            }
        };
        Ok(NonNull::slice_from_raw_parts(block, layout.size()))
    }

    #[inline]
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        let inner = &*self.0;
        if layout.size() == 0 {
            return;
        }
        let inside = inner.inside(|bump| {
            let last = is_last(bump, block);
            if last {
                // SAFETY: it is a block of this bump, and the caller gives it up.
                unsafe { bump.deallocate(block, layout) };
            }
            inner.gave_inside(layout.size(), last);
        });
        if inside.is_none() {
            inner.gave_outside(layout.size());
        }
    }

    #[inline]
    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let inner = &*self.0;
        if old.size() > 0 && new.align() <= old.align() {
            let grown = inner.inside(|bump| {
                if !is_last(bump, block) {
                    return None;
                }
                // SAFETY: it is a block of this bump; the rest is the caller's promise.
                let grown = unsafe { bump.grow(block, old, new) };
                Some(grown.map(|grown| {
                    // In place, the new block covers the old one; otherwise the old one stays behind.
                    let start = grown.cast::<u8>().addr().get();
                    let in_place = (start..start + new.size()).contains(&block.addr().get());
                    inner.gave_inside(old.size(), in_place);
                    inner.took_inside(bump, new.size());
                    NonNull::slice_from_raw_parts(grown.cast(), new.size())
                }))
            });
            if let Some(grown) = grown.flatten() {
                return grown;
            }
        }
        let fresh = self.allocate(new)?;
        // SAFETY: both blocks are at least that long, and they are two.
        unsafe { ptr::copy_nonoverlapping(block.as_ptr(), fresh.cast::<u8>().as_ptr(), old.size()) };
        // SAFETY: the caller's promise.
        unsafe { self.deallocate(block, old) };
        Ok(fresh)
    }

    #[inline]
    unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let inner = &*self.0;
        if new.size() == 0 || new.align() > old.align() {
            let fresh = self.allocate(new)?;
            // SAFETY: both blocks are at least that long, and they are two.
            unsafe { ptr::copy_nonoverlapping(block.as_ptr(), fresh.cast::<u8>().as_ptr(), new.size()) };
            // SAFETY: the caller's promise.
            unsafe { self.deallocate(block, old) };
            return Ok(fresh);
        }
        let cut = old.size() - new.size();
        let shrunk = inner.inside(|bump| {
            let mut shrunk = Ok(block);
            let before = bump.chunk_capacity();
            if is_last(bump, block) {
                // SAFETY: it is a block of this bump; the rest is the caller's promise.
                shrunk = unsafe { bump.shrink(block, old, new) }.map(NonNull::cast);
            }
            if shrunk.is_ok() {
                inner.gave_inside(cut, bump.chunk_capacity() > before);
            }
            shrunk
        });
        let block = match shrunk {
            Some(block) => block?,
            None => {
                inner.gave_outside(cut);
                block
            }
        };
        Ok(NonNull::slice_from_raw_parts(block, new.size()))
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Arena").field(&self.bytes()).finish()
    }
}
