//! What the models of Potoroo's lock-free protocols have in common.
//!
//! The models are in `tests/`, one file per protocol, and exist only under `--cfg potoroo_loom`: there loom runs each
//! closure once per interleaving (and per value that a weak load may return) up to a bound on preemptions. Here are the
//! helper that runs and reports a model, the model cell that stands for an actor cell, a deque with real orderings, and
//! the list of deliberate faults that the models must find. The program `cargo loom` is `src/bin/loom`.
//! It lacks models of anything that needs sockets, timers or an actor's body: those have ordinary tests.

pub mod mutants;
pub mod report;
pub mod weak_deque;

#[cfg(potoroo_loom)]
pub mod cell;
#[cfg(potoroo_loom)]
mod explore;
#[cfg(potoroo_loom)]
mod meanwhile;
#[cfg(potoroo_loom)]
pub mod world;
#[cfg(potoroo_loom)]
pub use explore::{large_model, model, small_model};
#[cfg(potoroo_loom)]
pub use meanwhile::meanwhile;
