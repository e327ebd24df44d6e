//! The small applications of Wallaroo, each of which is one page: its records, its rule, its test against a loop.
//!
//! They exist to be read and copied, and as the first things to run. Where their records come from and go to is
//! [`ends`](crate::ends).

pub mod alerts;
pub mod alphabet;
pub mod celsius;
pub mod sequence_window;
pub mod trending_hashtags;
