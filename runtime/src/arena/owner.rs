//! Whose memory it is, and whose turn runs here.
//!
//! An owner stands for an actor (or for a [`Parcel`](super::Parcel)): all arenas of one actor share one, and one check
//! tells whether their bumps may be touched on this thread. Invariants cited: A1, A3, A4 (the folder's README). It lacks
//! any policy: what is done about the numbers that are kept here is decided in `actor/memory.rs`.

use super::bytes::{ArenaBytes, Tally};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Counter, UnsafeCell, thread_local_pointer};
use crate::{mutant, weakened};
use std::marker::PhantomData;
use std::ptr;

thread_local_pointer! {
    /// The owner that was entered last on this thread; each leads to the one entered before it.
    static INNERMOST: Owner
}

/// No limit.
const UNLIMITED: u64 = u64::MAX;

/// One over this part of its limit, an owner is under pressure: at 7/8 there is room left to react in.
const PRESSURE_PART_OF_LIMIT: u64 = 8;

/// What all arenas of one actor have in common.
pub(super) struct Owner {
    entered: AtomicBool,
    /// The owner that was entered before this one on the same thread. Under A1, like the bumps.
    outer: UnsafeCell<*const Self>,
    pub(super) tally: Tally,
    limit_bytes: Counter,
    /// Where pressure begins.
    pressure_bytes: Counter,
    /// One sub-arena may be compacted now.
    slice: AtomicBool,
}

// SAFETY: A1: `outer` is touched only by the thread that has entered; everything else is atomic.
unsafe impl Send for Owner {}
// SAFETY: as above.
unsafe impl Sync for Owner {}

impl Owner {
    pub(super) fn new() -> Self {
        let unlimited = || {
            let counter = Counter::default();
            counter.set(UNLIMITED);
            counter
        };
        Self {
            entered: AtomicBool::new(false),
            outer: UnsafeCell::new(ptr::null()),
            tally: Tally::default(),
            limit_bytes: unlimited(),
            pressure_bytes: unlimited(),
            slice: AtomicBool::new(false),
        }
    }

    /// Whether this thread has entered: the check of A1.
    #[inline(always)]
    pub(super) fn is_entered_here(&self) -> bool {
        let innermost = INNERMOST.with(|innermost| innermost.get());
        ptr::eq(innermost, self) || (!innermost.is_null() && self.is_entered_further_out(innermost))
    }

    #[cold]
    fn is_entered_further_out(&self, mut at: *const Self) -> bool {
        while !at.is_null() {
            if ptr::eq(at, self) {
                return true;
            }
            // SAFETY: A3: what is in this thread's chain is entered by it, and kept by the guard that entered it.
            at = unsafe { &*at }.outer.with(|outer| unsafe { *outer });
        }
        false
    }

    pub(super) fn permit_slice(&self, permitted: bool) {
        // Relaxed here and below: set and taken in one turn; anybody else who takes it does no harm.
        self.slice.store(permitted, Ordering::Relaxed);
    }

    pub(super) fn take_slice(&self) -> bool {
        self.slice.swap(false, Ordering::Relaxed)
    }

    pub(super) fn set_limit(&self, bytes: Option<u64>) {
        let limit = bytes.unwrap_or(UNLIMITED);
        self.limit_bytes.set(limit);
        self.pressure_bytes.set(match bytes {
            Some(limit) => limit - limit / PRESSURE_PART_OF_LIMIT,
            None => UNLIMITED,
        });
    }
}

#[cfg_attr(
    not(potoroo_loom),
    expect(unreachable_pub, reason = "the models in loom-tests name it")
)]
/// The right to use the arenas of one owner on this thread; dropping it leaves them.
///
/// The runtime holds one during a turn. It is bound to its thread.
pub struct Entered {
    owner: Arc<Owner>,
    _thread_bound: PhantomData<*const ()>,
}

impl Entered {
    /// Enters, until the guard goes; `None` if somebody is inside already.
    pub(super) fn new(owner: &Arc<Owner>) -> Option<Self> {
        // Acquire pairs with the Release in `drop`: what the last turn did to the bumps is seen here.
        let order = weakened!("arena_enter_relaxed", Ordering::Acquire, Ordering::Relaxed);
        if owner.entered.swap(true, order) && !mutant!("arena_enter_never_refuses") {
            return None;
        }
        let owner = owner.clone();
        let outer = INNERMOST.with(|innermost| innermost.replace(ptr::from_ref(&*owner)));
        // SAFETY: A1: this thread has just entered.
        owner.outer.with_mut(|link| unsafe { *link = outer });
        Some(Self {
            owner,
            _thread_bound: PhantomData,
        })
    }

    /// Whether the owner's arenas use more than the mark below the limit. Without a limit: one load and a compare.
    #[inline(always)]
    pub(crate) fn is_under_pressure(&self) -> bool {
        let mark = self.owner.pressure_bytes.get();
        mark != UNLIMITED && self.owner.tally.used() > mark
    }

    /// How near the owner is to its limit.
    pub(crate) fn pressure(&self) -> Pressure {
        Pressure {
            used_bytes: self.owner.tally.used(),
            mark_bytes: self.owner.pressure_bytes.get(),
            limit_bytes: self.owner.limit_bytes.get(),
        }
    }

    /// What all arenas of the owner hold.
    pub(crate) fn bytes(&self) -> ArenaBytes {
        self.owner.tally.bytes()
    }
}

/// How near an actor is to its limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pressure {
    pub(crate) used_bytes: u64,
    pub(crate) mark_bytes: u64,
    pub(crate) limit_bytes: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // A3: out of the chain, wherever in it: an actor may have asked for its arena inside of a parcel, and then this
        // guard outlives the parcel's. Also on the way up from a panic.
        let this: *const Owner = &*self.owner;
        // SAFETY: A1: this guard is the proof that this thread has entered.
        let outer = self.owner.outer.with(|outer| unsafe { *outer });
        INNERMOST.with(|innermost| {
            if ptr::eq(innermost.get(), this) {
                innermost.set(outer);
                return;
            }
            let mut at = innermost.get();
            while !at.is_null() {
                // SAFETY: A3: owners in this thread's chain are entered by it and kept by their guards.
                let link = unsafe { &(*at).outer };
                // SAFETY: A1, as above.
                let next = link.with(|outer| unsafe { *outer });
                if ptr::eq(next, this) {
                    // SAFETY: A1, as above.
                    link.with_mut(|link| unsafe { *link = outer });
                    return;
                }
                at = next;
            }
        });
        // Release pairs with the Acquire in `new`.
        let order = weakened!("arena_leave_relaxed", Ordering::Release, Ordering::Relaxed);
        self.owner.entered.store(false, order);
    }
}

impl std::fmt::Debug for Entered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entered").field("bytes", &self.bytes()).finish()
    }
}
