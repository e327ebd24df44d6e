//! What is counted: bytes handed out, given back, taken from the heap and from the system.
//!
//! Everything that happens inside a turn is counted with plain stores, what happens elsewhere with atomic additions; the
//! sums are exact whenever nothing is under way. Invariant cited: A4. It lacks the bytes that alignment wastes.

use crate::sync::Counter;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What an arena holds, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArenaBytes {
    /// Handed out and not given back.
    pub live: u64,
    /// Given back, but not reusable until the arena is evacuated or gone.
    pub dead: u64,
    /// Taken from the heap because it was asked for outside the arena's own turn, with a header of 24 bytes for each
    /// block; freed with the arena.
    pub foreign: u64,
    /// Taken from the system in chunks.
    pub reserved: u64,
}

impl ArenaBytes {
    /// Live and dead bytes: what a limit is about. With what lies unused in chunks, an arena takes up to about three
    /// times as much from the system, right after it has taken a chunk.
    pub fn used(&self) -> u64 {
        self.live + self.dead
    }
}

/// The counters of one arena, or of all arenas of an owner. Sums wrap: a block may be counted in on one side and out on
/// the other.
#[derive(Default)]
pub(super) struct Tally {
    inside: Inside,
    outside: Outside,
}

/// Written under A1 alone.
#[derive(Default)]
struct Inside {
    live: Counter,
    dead: Counter,
    reserved: Counter,
}

/// Written by anybody.
#[derive(Default)]
struct Outside {
    live: AtomicU64,
    dead: AtomicU64,
    reserved: AtomicU64,
    foreign: AtomicU64,
}

/// A sum that wraps, as a number that does not: while others count, a part of it may not have been counted yet.
fn not_negative(sum: u64) -> u64 {
    i64::try_from(sum).map_or(0, |_| sum)
}

impl Tally {
    /// A block was handed out in a turn (A4).
    #[inline(always)]
    pub(super) fn took_inside(&self, bytes: u64) {
        self.inside.live.add(bytes);
    }

    /// A block, or a part of one, was given back in a turn (A4); `reclaimed` if the bump took it back.
    #[inline(always)]
    pub(super) fn gave_inside(&self, bytes: u64, reclaimed: bool) {
        self.inside.live.add(bytes.wrapping_neg());
        if !reclaimed {
            self.inside.dead.add(bytes);
        }
    }

    /// The bump has taken so many bytes from the system, in a turn (A4).
    pub(super) fn reserved_inside(&self, more: u64) {
        self.inside.reserved.add(more);
    }

    /// A block was handed out from the heap; `whole` is what it takes with its header.
    pub(super) fn took_outside(&self, bytes: u64, whole: u64) {
        // Relaxed here and below: the numbers publish nothing but themselves.
        self.outside.live.fetch_add(bytes, Relaxed);
        self.outside.foreign.fetch_add(whole, Relaxed);
    }

    /// A block, from wherever, was given back outside a turn.
    pub(super) fn gave_outside(&self, bytes: u64) {
        self.outside.live.fetch_sub(bytes, Relaxed);
        self.outside.dead.fetch_add(bytes, Relaxed);
    }

    /// An arena was made with a chunk in it, anywhere.
    pub(super) fn reserved_outside(&self, bytes: u64) {
        self.outside.reserved.fetch_add(bytes, Relaxed);
    }

    /// An arena has gone, anywhere.
    pub(super) fn forget(&self, gone: &Self) {
        let Self { inside, outside } = gone;
        let subtract = |from: &AtomicU64, bytes| {
            from.fetch_sub(bytes, Relaxed);
        };
        subtract(
            &self.outside.live,
            inside.live.get().wrapping_add(outside.live.load(Relaxed)),
        );
        subtract(
            &self.outside.dead,
            inside.dead.get().wrapping_add(outside.dead.load(Relaxed)),
        );
        subtract(
            &self.outside.reserved,
            inside.reserved.get().wrapping_add(outside.reserved.load(Relaxed)),
        );
        subtract(&self.outside.foreign, outside.foreign.load(Relaxed));
    }

    /// The bytes in chunks, exact in a turn.
    #[inline(always)]
    pub(super) fn reserved(&self) -> u64 {
        not_negative(
            self.inside
                .reserved
                .get()
                .wrapping_add(self.outside.reserved.load(Relaxed)),
        )
    }

    /// Live and dead bytes, exact in a turn.
    #[inline(always)]
    pub(super) fn used(&self) -> u64 {
        let Self { inside, outside } = self;
        let inside = inside.live.get().wrapping_add(inside.dead.get());
        let outside = outside.live.load(Relaxed).wrapping_add(outside.dead.load(Relaxed));
        not_negative(inside.wrapping_add(outside))
    }

    pub(super) fn bytes(&self) -> ArenaBytes {
        let sum =
            |inside: &Counter, outside: &AtomicU64| not_negative(inside.get().wrapping_add(outside.load(Relaxed)));
        ArenaBytes {
            live: sum(&self.inside.live, &self.outside.live),
            dead: sum(&self.inside.dead, &self.outside.dead),
            foreign: not_negative(self.outside.foreign.load(Relaxed)),
            reserved: self.reserved(),
        }
    }
}
