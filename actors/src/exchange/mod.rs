//! From one stage to the next: collecting, partitioning, credit, the end.
//!
//! A producing actor ends its fused steps in a [`Collector`]. Towards a keyed stage that is an exchange: key → hash →
//! key group → partition, one [`Outlet`] per partition. Whatever a turn produced is sent when it ends, so an idle system
//! has the latency of one record and a busy one the throughput of full batches, without a timer. Credits bound every
//! edge: an outlet without credit keeps its records, its collector is no longer ready, and its producer takes nothing
//! more in until a grant comes back.

mod collector;
mod inputs;
mod outlet;

pub(crate) use collector::{Collector, Downstream};
pub(crate) use collector::{KeyedTo, ToOne};
pub(crate) use inputs::{DEPLOYMENT, Inputs};
