//! What is done with records: stateless steps, fused into their producer, and operators on actors of their own.

mod arrangement;
mod call_options;
mod calls;
mod context;
mod contract;
mod fallible;
mod functions;
mod heat;
mod moving;
mod output;
mod process;
mod stage;
mod steps;
pub mod timestamps;
mod views;
mod ways;

pub use call_options::CallOptions;
pub(crate) use calls::Calls;
pub use context::{KeyContext, TimeDomain, Timer};
pub(crate) use contract::Pass;
pub use contract::{FIRINGS_MAX, Operator, Progress, Setup};
pub(crate) use fallible::{Attempting, TryTo};
pub(crate) use functions::{Functions, FunctionsIn};
pub use output::Output;
pub use process::KeyedProcess;
pub(crate) use process::ProcessOperator;
pub(crate) use stage::{Stage, StageMsg, wall_clock};
pub(crate) use steps::{FilterMapTo, FilterTo, FlatMapTo, MapTimedTo, MapTo};
pub(crate) use timestamps::TimestampsTo;
pub(crate) use views::Offered;
pub use views::{View, Views};
pub(crate) use ways::Ways;
