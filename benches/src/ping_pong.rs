//! One pair of actors and one token between them: the bare cost of a message when nothing else can run.
//!
//! There is one message at a time, so every message is also a turn of its own: nothing is spread over a batch.

use crate::Outcome;
use crate::rings::{self, Shape};
use potoroo_runtime::System;

/// Runs one pair whose token makes `messages` hops.
///
/// # Panics
///
/// If a message is lost, or if there are none to send.
pub fn run(system: &System, messages: u64) -> Outcome {
    let shape = Shape {
        rings: 1,
        relays: 2,
        tokens: 1,
        hops: messages,
    };
    rings::run("ping_pong", system, shape)
}
