//! Tokens round a ring of many actors: each message finds a receiver that has not run for a while.
//!
//! With one token there is nothing to do in parallel; several workers can only make it slower, and the question is by
//! how much. With as many tokens as actors there is always much to do, and on several workers each message that crosses
//! from one stretch of the ring to the next crosses cores.

use crate::Outcome;
use crate::rings::{self, Shape};
use potoroo_runtime::System;

/// Runs a ring of `relays` with `tokens` that make `hops` hops each.
///
/// # Panics
///
/// If a message is lost, if there are none to send, or more tokens than relays.
pub fn run(system: &System, relays: u64, tokens: u64, hops: u64) -> Outcome {
    let shape = Shape {
        rings: 1,
        relays,
        tokens,
        hops,
    };
    rings::run("ring", system, shape)
}
