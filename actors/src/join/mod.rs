//! Joins: two streams that meet by key, and a stream that all partitions hear.
//!
//! A join is an operator on one stream of [`Either`]: what [`KeyedStream::connect`](crate::KeyedStream::connect) makes of two,
//! or a stream that carries both sides from the start. What is kept of a side is kept by event time, and goes with the first
//! watermark that says that nobody can meet it any more. So all but the enrichment give results that depend on the records and
//! on where the watermarks stand between them, not on which side was faster. Nothing goes in silence: what comes late, or does
//! not fit, goes to a side output or is counted in [`StageStatus::records_dropped`](crate::StageStatus::records_dropped).
//!
//! | join | what meets | when the result comes |
//! |---|---|---|
//! | [`window`](crate::Joining::window) | all of a key in the same window | with the end of the window |
//! | [`interval`](crate::Joining::interval) | all of a key whose times differ by so much | with the second of the two |
//! | [`as_of`](crate::Joining::as_of) | a record and the version that was valid at its time | when no other version can come |
//! | [`enrich`](crate::Joining::enrich) | a record and the latest row that has been seen | at once |
//! | [`with_broadcast`](crate::KeyedStream::with_broadcast) | a record and a state that all partitions have | at once |
//!
//! It lacks joins without a key and without a bound in time: keep those in an entity.

mod as_of;
mod broadcast;
mod enrich;
mod forms;
mod interval;
mod session;
mod timeline;
mod windowed;

pub(crate) use as_of::{AsOfOperator, AsOfRules};
pub use broadcast::BroadcastProcess;
pub(crate) use broadcast::{BroadcastFunctions, BroadcastOperator};
pub(crate) use enrich::{EnrichOperator, EnrichRules};
pub(crate) use forms::{FullOuter, Inner, LeftOuter, Lookup, Pairing};
pub use interval::{Full, Offset, after, before};
pub(crate) use interval::{IntervalOperator, IntervalRules, Reach};
pub(crate) use session::SessionJoin;
pub use windowed::JoinWindows;
pub(crate) use windowed::{AlignedJoin, Shape, WindowRules};

#[cfg(doc)]
use crate::element::Either;
use crate::element::Timestamp;
use crate::exchange::SideTag;
use crate::operator::Output;
use crate::state::{Agenda, Life};

/// A record that the join has no use for: to the side output, if one was named, or counted.
#[cold]
fn reject<X: Send + 'static, U>(tag: Option<SideTag<X>>, record: X, time: Timestamp, out: &mut Output<U>) {
    match tag {
        Some(tag) => {
            out.set_time(time);
            out.side(&tag, record);
        }
        None => out.drop_records(1),
    }
}

/// Puts a key onto the agenda for when something is due, unless it stands there for an earlier time. Entries that no longer
/// are what `on_agenda` says mean nothing.
fn schedule(agenda: &mut Agenda, on_agenda: &mut Option<Timestamp>, due: Option<Timestamp>, life: Life) {
    if let Some(due) = due
        && on_agenda.is_none_or(|at| due < at)
    {
        *on_agenda = Some(due);
        agenda.add(due, life);
    }
}
