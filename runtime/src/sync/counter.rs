//! A counter with one writer and any number of readers.
//!
//! Statistics are always on, so they must cost nothing: the owner adds with a plain load and a plain store (no
//! read-modify-write, no fence), and readers see some recent value. It lacks atomic addition on purpose: two writers
//! would lose counts.
//!
//! Also under loom it is `std`'s: no protocol reads a counter, and what a stale number makes a worker decide is safe
//! whatever it decides. With each of the dozen counters of a turn as a point at which threads may switch, no model of a
//! whole system would come to an end.

use super::global::{AtomicU64, Relaxed};

/// A number that its owner alone writes and anybody may read.
#[derive(Debug)]
pub struct Counter(AtomicU64);

impl Default for Counter {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Counter {
    /// Adds `n`. Call it from the owning thread only: a second writer would make counts disappear.
    #[inline(always)]
    pub fn add(&self, n: u64) {
        // Relaxed on both sides: the value publishes nothing but itself.
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Stores `n` if it is larger than what is there. Owner only, like [`add`](Self::add).
    #[inline(always)]
    pub fn raise_to(&self, n: u64) {
        if n > self.0.load(Relaxed) {
            self.0.store(n, Relaxed);
        }
    }

    /// Replaces the value. Owner only.
    #[inline(always)]
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// The value at some recent moment.
    #[inline(always)]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
