//! How many connections there may be.
//!
//! A stream that was let in holds a place and gives it back when it is dropped, on whatever thread that is: what is
//! counted is open descriptors, not what somebody meant to spawn. It lacks a queue: who is refused comes again, or not.

use crate::sync::Arc;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A place among those counted; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<AtomicUsize>);

impl Place {
    /// Takes a place of any number.
    pub(crate) fn take(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter.clone())
    }

    /// Takes one of `max` places.
    fn take_within(counter: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        counter
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
                (open < max).then_some(open + 1)
            })
            .ok()
            .map(|_| Self(counter.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The connections of one listener, or of several that share a limit: counted, and limited.
///
/// ```
/// use potoroo_runtime::sys::net::Admission;
///
/// let admission = Admission::new(10_000);
/// let for_another_listener = admission.clone();
/// assert_eq!((admission.open(), for_another_listener.refused()), (0, 0));
/// ```
#[derive(Clone, Debug)]
pub struct Admission {
    open: Arc<AtomicUsize>,
    admitted: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    open_max: usize,
    waits: bool,
}

impl Admission {
    /// At most `open_max` connections at a time; one more is accepted and closed at once, so that its peer knows.
    pub fn new(open_max: usize) -> Self {
        Self {
            open: Arc::new(AtomicUsize::new(0)),
            admitted: Arc::new(AtomicU64::new(0)),
            refused: Arc::new(AtomicU64::new(0)),
            open_max,
            waits: false,
        }
    }

    /// Counts, and refuses nobody.
    pub fn unlimited() -> Self {
        Self::new(usize::MAX)
    }

    /// When the limit is reached, accepts nobody until it is not: peers wait in the kernel's queue and know nothing.
    #[must_use]
    pub fn waiting(mut self) -> Self {
        self.waits = true;
        self
    }

    /// The connections that are open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// The connections that were let in so far.
    pub fn admitted(&self) -> u64 {
        self.admitted.load(Ordering::Relaxed)
    }

    /// The connections that were refused so far.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether to leave those who come in the kernel's queue.
    pub(crate) fn holds_back(&self) -> bool {
        self.waits && self.open() >= self.open_max
    }

    /// Lets one in, or counts a refusal.
    pub(crate) fn admit(&self) -> Option<Place> {
        let place = Place::take_within(&self.open, self.open_max);
        let count = if place.is_some() { &self.admitted } else { &self.refused };
        count.fetch_add(1, Ordering::Relaxed);
        place
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_and_come_back() {
        let admission = Admission::new(2);
        let first = admission.admit().expect("free");
        let second = admission.admit().expect("free");
        assert!(admission.admit().is_none());
        assert!(!admission.holds_back());
        assert!(admission.clone().waiting().holds_back());
        drop(first);
        let third = admission.admit().expect("free again");
        assert_eq!((admission.open(), admission.admitted(), admission.refused()), (2, 3, 1));
        drop((second, third));
        assert_eq!(admission.open(), 0);
    }
}
