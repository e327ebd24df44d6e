//! Going to sleep without missing the bell.
//!
//! The sleeper announces itself, looks once more, and only then sleeps; the ringer publishes its work, and only then
//! looks for a sleeper. Between the two steps on either side stands a `SeqCst` fence, so that at least one of them sees
//! the other: the sleeper finds the work or the ringer finds the sleeper. Without either fence both loads could be
//! answered from before the other's store, and a worker would sleep on work. The proof follows rayon's sleep protocol;
//! the model is `loom-tests/tests/park.rs`.

use crate::mutant;
use crate::sync::atomic::{AtomicU32, Ordering, fence};

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;
const RUNG: u32 = 2;

/// Whether a worker sleeps.
#[derive(Debug)]
pub struct Sleep(AtomicU32);

impl Sleep {
    /// Awake.
    pub fn new() -> Self {
        Self(AtomicU32::new(AWAKE))
    }

    /// First step of the sleeper. It must look for work again after this, and then sleep or call
    /// [`cancel`](Self::cancel).
    pub fn announce(&self) {
        self.0.store(ASLEEP, Ordering::Relaxed);
        // Pairs with the fence in `must_wake`: either that load sees ASLEEP, or our next look sees what was published.
        if !mutant!("sleep_announce_without_fence") {
            fence(Ordering::SeqCst);
        }
    }

    /// The sleeper found something after all, or has woken up.
    pub fn cancel(&self) {
        // Relaxed: what was published is found through the list it was published on, with that list's own ordering.
        self.0.store(AWAKE, Ordering::Relaxed);
    }

    /// The ringer's question, after publishing: is it mine to wake the sleeper? Says yes to one ringer per sleep.
    #[inline]
    pub fn must_wake(&self) -> bool {
        // Pairs with the fence in `announce`.
        if !mutant!("sleep_ring_without_fence") {
            fence(Ordering::SeqCst);
        }
        if mutant!("sleep_ring_by_a_swap") {
            return self.0.swap(RUNG, Ordering::Relaxed) != AWAKE;
        }
        self.0.load(Ordering::Relaxed) == ASLEEP
            && self
                .0
                .compare_exchange(ASLEEP, RUNG, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Whether the worker sleeps and nobody has rung; a hint.
    pub fn is_asleep(&self) -> bool {
        self.0.load(Ordering::Relaxed) == ASLEEP
    }
}

impl Default for Sleep {
    fn default() -> Self {
        Self::new()
    }
}
