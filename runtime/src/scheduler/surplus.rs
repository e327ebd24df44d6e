//! The deque and the injector with numbers in place of cells, for the benches.
//!
//! The queues are private, since a cell that leaves them must be welcomed by a worker. Nothing here follows a number as
//! if it were an address, and no number gets to a worker. It lacks everything that is not measured.

use super::deque::{Deque, Injector, Runnable, Stealer};
use std::fmt;
use std::num::NonZeroUsize;
use std::ptr::{self, NonNull};

fn stand_in(number: NonZeroUsize) -> Runnable {
    Runnable(NonNull::new(ptr::without_provenance_mut(number.get())).expect("a number that is not zero"))
}

fn number(stand_in: Runnable) -> NonZeroUsize {
    stand_in.0.addr()
}

/// A worker's deque.
pub struct Surplus {
    own: Deque,
    offer: Stealer,
}

/// The thieves' end of one.
#[derive(Clone, Copy)]
pub struct Offer<'a>(&'a Stealer);

/// The injector.
pub struct Outside(Injector);

impl Surplus {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "as the deque")]
    pub fn new() -> Self {
        let (own, offer) = Deque::new();
        Self { own, offer }
    }

    /// The end that another thread may have.
    pub fn offer(&self) -> Offer<'_> {
        Offer(&self.offer)
    }

    /// Appends.
    pub fn push(&self, number: NonZeroUsize) {
        self.own.push(stand_in(number));
    }

    /// Takes the oldest.
    pub fn pop(&self) -> Option<NonZeroUsize> {
        self.own.pop().map(number)
    }

    /// Takes about half of what is offered, and the first of it at once.
    pub fn steal_from(&self, victim: Offer<'_>) -> Option<NonZeroUsize> {
        self.own.steal_from(victim.0).map(number)
    }

    /// Takes a share of what came from outside, and the first of it at once.
    pub fn steal_from_outside(&self, outside: &Outside) -> Option<NonZeroUsize> {
        self.own.steal_from_injector(&outside.0).map(number)
    }
}

impl Outside {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "as the injector")]
    pub fn new() -> Self {
        Self(Injector::new())
    }

    /// Appends.
    pub fn push(&self, number: NonZeroUsize) {
        self.0.push(stand_in(number));
    }
}

impl fmt::Debug for Surplus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surplus").finish_non_exhaustive()
    }
}

impl fmt::Debug for Offer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer").finish_non_exhaustive()
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_out_as_they_went_in() {
        let numbers: Vec<_> = (1..=8).filter_map(NonZeroUsize::new).collect();
        let (victim, own, outside) = (Surplus::new(), Surplus::new(), Outside::new());
        numbers[..4].iter().for_each(|number| victim.push(*number));
        numbers[4..].iter().for_each(|number| outside.push(*number));
        let next = || {
            own.pop()
                .or_else(|| own.steal_from(victim.offer()))
                .or_else(|| own.steal_from_outside(&outside))
        };
        let taken: Vec<_> = std::iter::from_fn(next).collect();
        assert_eq!(taken, numbers);
    }
}
