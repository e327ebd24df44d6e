//! One token round a ring of many actors: each message finds a receiver that has not run for a while.
//!
//! There is nothing to do in parallel; several workers can only make it slower, and the question is by how much.

use crate::Outcome;
use crate::rings::{self, Shape};
use potoroo_runtime::System;

/// Runs a ring of `relays` whose token makes `messages` hops.
///
/// # Panics
///
/// If a message is lost, or if there are none to send.
pub fn run(system: &System, relays: u64, messages: u64) -> Outcome {
    let shape = Shape {
        rings: 1,
        relays,
        hops: messages,
    };
    rings::run("ring", system, shape)
}
