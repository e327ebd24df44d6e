//! Windows: records of a key and a span of event time, aggregated.
//!
//! A window `[start, end)` is complete when the watermark has come to its `end`, and gives its result then, once; with allowed
//! lateness it is kept, and each record that comes late gives a corrected one. What comes later still is the late stream. At
//! the end of the stream all windows give their results. All of it is by event time, so results do not depend on when the
//! program runs, nor on how records are cut into batches.
//!
//! Tumbling windows are tables of keys that are dropped whole. Sliding ones are panes per key with a running aggregate over two
//! stacks, so that a record costs the same whatever the overlap. Sessions are lists of spans per key that merge.

mod aggregate;
mod aggregates;
mod collections;
mod counting;
mod dense;
mod options;
mod pre_aggregate;
mod session;
mod sketches;
mod sliding;
mod spans;
mod tumbling;

pub use aggregate::Aggregate;
pub use aggregates::{Count, Extreme, ExtremeValue, Mean, Sum, count, max, max_by, mean, min, min_by, sum};
pub use collections::{Fold, Records, Top, fold, records, top};
pub use counting::{Counted, by_count, global};
pub use options::{Late, Options};
pub(crate) use pre_aggregate::PreAggregateTo;
pub use pre_aggregate::{ByPart, Combining, PaneGrid, Panes, Part};
pub use session::{Session, session};
pub use sketches::{Distinct, Quantiles, distinct, quantiles};
pub use sliding::{Sliding, sliding};
pub use spans::Span;
pub use tumbling::{Tumbling, tumbling};

use crate::element::{KeySelector, Routed};
use crate::operator::{Operator, Setup};

/// Why a window gives a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Firing {
    /// It was asked for before the window was complete.
    Early,
    /// The window is complete.
    OnTime,
    /// A record came late: this corrects a result.
    Late,
    /// A result that was given is void: the session has become part of a greater one, which gives its own.
    Retracted,
}

/// The result of a window of one key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Windowed<K, O> {
    /// Whose records.
    pub key: K,
    /// From when until when.
    pub span: Span,
    /// What the aggregate gives.
    pub value: O,
    /// Why now.
    pub firing: Firing,
}

/// A kind of windows.
pub trait Windows: Clone + Send + Sync + 'static {
    /// The operator of one partition.
    fn operator<T, S, A>(
        &self,
        options: &Options<T>,
        aggregate: &A,
        setup: Setup<S>,
    ) -> impl Operator<Routed<T>, Out = Windowed<S::Key, A::Output>> + use<Self, T, S, A>
    where
        T: Send + 'static,
        S: KeySelector<T>,
        A: Aggregate<T>;
}

#[cfg(test)]
mod aggregate_tests;
