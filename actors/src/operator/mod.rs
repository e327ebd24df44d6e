//! What is done with records: stateless steps, fused into their producer, and operators on actors of their own.

mod context;
mod output;
mod process;
mod stage;
mod steps;
pub mod timestamps;

pub use context::{KeyContext, TimeDomain, Timer};
pub use output::Output;
pub use process::KeyedProcess;
pub(crate) use process::{Functions, ProcessOperator};
pub use stage::{FIRINGS_MAX, Operator, Progress, Setup};
pub(crate) use stage::{Pass, Stage, Ways, wall_clock};
pub(crate) use steps::{FilterMapTo, FilterTo, FlatMapTo, MapTimedTo, MapTo};
pub(crate) use timestamps::TimestampsTo;
