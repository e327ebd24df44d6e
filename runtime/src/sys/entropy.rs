//! Numbers that nobody can guess: seeds of hashes, above all.
//!
//! In a simulated world they are the world's, so that a run stays a function of its seed. It lacks what cryptography needs:
//! TLS asks the kernel by itself.

use super::simulated;
use std::hash::{BuildHasher, RandomState};

/// A number that another process does not know, and another call does not give; in a simulated world, one of the run's.
///
/// ```
/// use potoroo_runtime::sys::entropy;
///
/// assert_ne!(entropy::seed(), entropy::seed());
/// ```
pub fn seed() -> u64 {
    let of_the_world =
        |world: &dyn simulated::World| (0..4).fold(0, |seed, _| seed << 16 | world.choose(1 << 16) as u64);
    // Each `RandomState` has keys of its own.
    simulated::with(of_the_world).unwrap_or_else(|| RandomState::new().hash_one(0))
}
