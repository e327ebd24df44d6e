//! Many pairs, each with a token of its own: many actors runnable at a time, each with one message.
//!
//! Against `ping_pong` it shows what a larger working set costs, and whether several workers help: pairs have nothing to
//! do with each other, so the ideal is one times the rate per worker.

use crate::Outcome;
use crate::rings::{self, Shape};
use potoroo_runtime::System;

/// Runs `pairs` pairs whose tokens make `hops` hops each.
///
/// # Panics
///
/// If a message is lost, or if there are none to send.
pub fn run(system: &System, pairs: u64, hops: u64) -> Outcome {
    let shape = Shape {
        rings: pairs,
        relays: 2,
        tokens: 1,
        hops,
    };
    rings::run("pairs", system, shape)
}
