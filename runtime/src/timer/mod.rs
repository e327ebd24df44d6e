//! Timers: a hierarchical wheel per worker.
//!
//! Pure arithmetic on [`Time`](crate::sys::clock::Time): no clock is read here and no thread exists, so a simulated
//! world can drive the same wheel. Whoever sets a timer gets a key to take it out again. The owner of the timers may have
//! moved away from the wheel they lie on; so it tells by a generation of its own what fires although nobody wants it.

mod wheel;

pub use wheel::{Key, Wheel};
