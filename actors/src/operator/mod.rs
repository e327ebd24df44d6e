//! What is done with records: stateless steps, fused into their producer, and state entities on actors of their own.

mod partition;
mod steps;

pub use partition::Emitter;
pub(crate) use partition::{EntityStage, Partition};
pub(crate) use steps::{FilterTo, FlatMapTo, MapTo};
