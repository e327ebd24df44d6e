//! What is done with records: stateless steps, fused into their producer, and operators on actors of their own.

mod output;
mod process;
mod stage;
mod steps;
pub mod timestamps;

pub use output::Output;
pub(crate) use process::{Functions, ProcessOperator};
pub use process::{KeyContext, KeyedProcess, TimeDomain, Timer};
pub use stage::{FIRINGS_MAX, Operator, Progress, Setup};
pub(crate) use stage::{Pass, Stage, Ways};
pub(crate) use steps::{FilterMapTo, FilterTo, FlatMapTo, MapTimedTo, MapTo};
pub(crate) use timestamps::TimestampsTo;
