//! From one stage to the next: collecting, partitioning, credit, event time, the end.
//!
//! A producing actor ends its fused steps in a [`Collector`]. Towards a keyed stage that is an exchange: key → hash →
//! key group → partition, one outlet per partition. Whatever a turn produced is sent when it ends, so an idle system
//! has the latency of one record and a busy one the throughput of full batches, without a timer. Credits bound every
//! edge: an outlet without credit keeps its records, its collector is no longer ready, and its producer takes nothing
//! more in until a grant comes back.

mod align;
mod broadcast;
mod collector;
mod fork;
mod inputs;
mod lanes;
mod one;
mod outlet;
mod port;
mod routes;
mod share;
mod side;
mod silence;

pub(crate) use align::AlignTo;
pub use align::Alignment;
pub(crate) use broadcast::{BesideTo, BroadcastTo};
pub use collector::{Collector, Downstream, Flow, Wiring};
pub(crate) use fork::{BranchTo, SplitTo};
pub(crate) use inputs::DEPLOYMENT;
pub use inputs::Inputs;
pub(crate) use inputs::Presence;
pub(crate) use lanes::{InTurnTo, KeyedTo};
pub use one::ToOne;
pub use outlet::Outlet;
pub(crate) use port::Slot;
pub use port::{Through, ToPort};
pub(crate) use routes::{GroupMove, NotNow, Routes, moves_to, owners};
pub(crate) use share::Taps;
pub use side::SideTag;
pub(crate) use side::{AnySideWay, SideLanes, Sides};
pub(crate) use silence::{Alarm, SilenceTo};
