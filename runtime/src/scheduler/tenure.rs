//! Who may act as the home of a worker's cells: the worker, as a rule, without paying for it; somebody else while the
//! worker is stuck in one long turn.
//!
//! The worker *holds* its tenure between turns and for moments within one (a local tell, a timer), and lets go while the
//! user's handler runs. Holding is two plain stores and a load: no read-modify-write, no fence. Somebody who wants the
//! tenure changes `state`, makes every thread pass a barrier (`membarrier`), and then looks at `held`: either it sees that
//! the worker holds on, and gives up, or the worker will see the changed state before it touches anything. This is
//! Dekker's protocol with fences of unequal price; the model is `loom-tests/tests/rescue.rs`.
//!
//! ```text
//!            revoke: state changed, barrier, not held               a pass ends
//!  OWNED ─────────────────────────────────────────────► AT_WORK ───────────────────► RESCUED
//!    ▲ │  held after all: changed back ▲                    ▲                           │ │
//!    │ └───────────────────────────────┘                    └───────────────────────────┘ │
//!    └────────────────────────── the worker comes back (reclaim) ──────────────────────────┘
//! ```

use super::asymmetric::{heavy_fence, light_fence};
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::{hint, thread};
use crate::{mutant, weakened};
use std::fmt;

/// The worker acts for itself.
const OWNED: u32 = 0;
/// A rescuer is at the worker's things this very moment, or tries whether it may be.
const AT_WORK: u32 = 1;
/// The worker has lost its tenure; nobody is at its things.
const RESCUED: u32 = 2;

/// How many times a rescuer looks whether the worker lets go, and a worker whether a rescuer does, before it gives up or
/// gives way.
const LOOKS_BEFORE_GIVING_WAY: u32 = 64;

/// The right to touch what belongs to one worker: its run queue, its wheel, the local side of its cells.
pub struct Tenure {
    /// Written by the worker alone.
    held: AtomicBool,
    state: AtomicU32,
}

/// While this lives, the worker's things are the worker's.
pub struct Held<'a> {
    tenure: &'a Tenure,
    before: bool,
}

/// While this lives, they are the rescuer's.
pub struct AtWork<'a>(&'a Tenure);

impl Tenure {
    /// Owned and held: a worker begins between turns.
    pub fn new() -> Self {
        Self {
            held: AtomicBool::new(true),
            state: AtomicU32::new(OWNED),
        }
    }

    /// Holds the tenure for a moment, from within a turn or between turns; `None` if it has been lost, or is about to
    /// be. The worker's thread only.
    #[inline(always)]
    pub fn hold(&self) -> Option<Held<'_>> {
        // Relaxed: only this thread writes it.
        let before = self.held.load(Ordering::Relaxed);
        let held = Held { tenure: self, before };
        self.held.store(true, Ordering::Relaxed);
        // Pairs with the heavy fence of `revoke`.
        light_fence();
        // Relaxed: OWNED is what this thread itself stored last, or a revocation taken back, which has touched nothing.
        (self.state.load(Ordering::Relaxed) == OWNED).then_some(held)
    }

    /// As [`hold`](Self::hold), for a turn only, and without a guard: [`let_go`](Self::let_go) afterwards. `false` also
    /// where the tenure is held already, between turns.
    #[inline(always)]
    pub fn take_hold(&self) -> bool {
        // Relaxed: only this thread writes it.
        if self.held.load(Ordering::Relaxed) {
            return false;
        }
        self.held.store(true, Ordering::Relaxed);
        // Pairs with the heavy fence of `revoke`.
        light_fence();
        // Relaxed: as in `hold`.
        if self.state.load(Ordering::Relaxed) == OWNED {
            return true;
        }
        self.let_go();
        false
    }

    /// The end of what [`take_hold`](Self::take_hold) began.
    #[inline(always)]
    pub fn let_go(&self) {
        // Release pairs with the Acquire in `revoke`.
        let order = weakened!("tenure_let_go_relaxed", Ordering::Release, Ordering::Relaxed);
        self.held.store(false, order);
    }

    /// A turn begins: the worker lets go.
    #[inline(always)]
    pub fn begin_turn(&self) {
        // Release pairs with the Acquire in `revoke`: a rescuer sees all that was done while it was held.
        let order = weakened!("tenure_begin_turn_relaxed", Ordering::Release, Ordering::Relaxed);
        self.held.store(false, order);
    }

    /// A turn ends. `false` if the tenure was lost meanwhile: then [`reclaim`](Self::reclaim) it before anything else.
    #[inline(always)]
    #[must_use]
    pub fn end_turn(&self) -> bool {
        self.held.store(true, Ordering::Relaxed);
        light_fence();
        // Relaxed: as in `hold`.
        self.state.load(Ordering::Relaxed) == OWNED
    }

    /// Takes the tenure back, waiting for a rescuer to finish its pass. `false` if it had not been lost after all.
    #[cold]
    pub fn reclaim(&self) -> bool {
        let mut looks = 0_u32;
        loop {
            // Acquire pairs with the Release that ended the rescuer's pass: the worker sees what was done to its things.
            let order = weakened!("tenure_reclaim_relaxed", Ordering::Acquire, Ordering::Relaxed);
            match self.state.compare_exchange(RESCUED, OWNED, order, Ordering::Relaxed) {
                Ok(_) => return true,
                // An attempt to revoke that was taken back.
                Err(OWNED) => return false,
                Err(_) => {}
            }
            looks += 1;
            if looks < LOOKS_BEFORE_GIVING_WAY {
                hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
    }

    /// Whether the worker lets its things alone, as far as can be seen from outside: within a turn. A hint.
    pub fn looks_revocable(&self) -> bool {
        !self.held.load(Ordering::Relaxed)
    }

    /// Whether the tenure has been lost; a hint.
    pub fn is_lost(&self) -> bool {
        self.state.load(Ordering::Relaxed) != OWNED
    }

    /// Takes the tenure from a worker that does not hold it this moment; any other thread.
    pub fn revoke(&self) -> Option<AtWork<'_>> {
        // Relaxed: all that was done at the desk, by the worker or by a rescuer before it came back, comes with `held`.
        self.state
            .compare_exchange(OWNED, AT_WORK, Ordering::Relaxed, Ordering::Relaxed)
            .ok()?;
        // Pairs with the light fences: a worker that was ahead of the barrier is seen to hold, one that was behind it
        // sees the state.
        // Acquire pairs with the Release of `begin_turn` and of the end of a hold.
        let order = weakened!("tenure_revoke_reads_held_relaxed", Ordering::Acquire, Ordering::Relaxed);
        let fenced = mutant!("tenure_revoke_without_fence") || heavy_fence();
        if fenced && (!self.held.load(order) || mutant!("tenure_revoke_without_a_look")) {
            return Some(AtWork(self));
        }
        // Nothing was touched. The worker may have seen the state, and waits for this. Relaxed: there is nothing to be seen.
        let given_up = if mutant!("tenure_failed_attempt_stays") {
            RESCUED
        } else {
            OWNED
        };
        self.state.store(given_up, Ordering::Relaxed);
        None
    }

    /// Goes on with a rescue that somebody began, if nobody is at it.
    pub fn resume(&self) -> Option<AtWork<'_>> {
        // Acquire pairs with the Release of the pass before.
        let order = weakened!("tenure_resume_relaxed", Ordering::Acquire, Ordering::Relaxed);
        self.state
            .compare_exchange(RESCUED, AT_WORK, order, Ordering::Relaxed)
            .ok()
            .map(|_| AtWork(self))
    }
}

impl Drop for Held<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // Release pairs with the Acquire in `revoke`.
        self.tenure.held.store(self.before, Ordering::Release);
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        // Release pairs with the Acquire of the next pass, or of the worker that comes back.
        let order = weakened!("tenure_pass_ends_relaxed", Ordering::Release, Ordering::Relaxed);
        self.0.state.store(RESCUED, order);
    }
}

impl Default for Tenure {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Tenure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenure").field("is_lost", &self.is_lost()).finish()
    }
}

impl fmt::Debug for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

impl fmt::Debug for AtWork<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtWork")
    }
}
