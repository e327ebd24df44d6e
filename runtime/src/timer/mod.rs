//! Timers: a hierarchical wheel per worker.
//!
//! Pure arithmetic on [`Time`](crate::sys::clock::Time): no clock is read here and no thread exists, so a simulated
//! world can drive the same wheel. Cancellation is by generation and belongs to the owner of the timers, not to the
//! wheel: an entry whose owner no longer wants it fires into nothing.

mod wheel;

pub use wheel::Wheel;
