//! A stream with keys and windows: what can be done with spans of event time.

use super::branch::Branch;
use super::graph::NodeKind;
use super::keyed::KeyedStream;
use super::stream::Stream;
use crate::element::KeySelector;
use crate::window::{Aggregate, Late, Options, Windowed, Windows};
use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

/// Records with a key, to be aggregated by windows.
#[must_use = "windows need an aggregate"]
pub struct WindowedStream<T, S, B, W> {
    pub(super) keyed: KeyedStream<T, S, B>,
    pub(super) windows: W,
    pub(super) options: Options<T>,
}

impl<T, S, B, W> WindowedStream<T, S, B, W>
where
    T: Send + 'static,
    S: KeySelector<T>,
    B: Branch<T>,
    W: Windows,
{
    /// Keeps windows this long, in event time, after they were complete: each record that comes for one gives a corrected
    /// result. A window is gone when its end and the lateness are not after the watermark. Default: nothing.
    pub fn lateness(mut self, lateness: Duration) -> Self {
        self.options.lateness = lateness;
        self
    }

    /// What becomes of records whose windows are gone. Default: they are dropped and counted.
    pub fn late(mut self, late: Late<T>) -> Self {
        self.options.late = late;
        self
    }

    /// Gives an early result with each `records`th record of a window; with sliding windows of a key, for the first window that
    /// the record lies in.
    pub fn early_every(mut self, records: NonZeroU64) -> Self {
        self.options.early_every = Some(records.get());
        self
    }

    /// One result per key and window that has records. Its event time is the last instant of the window.
    pub fn aggregate<A: Aggregate<T>>(
        self,
        name: impl Into<String>,
        aggregate: A,
    ) -> Stream<Windowed<S::Key, A::Output>> {
        let Self {
            keyed,
            windows,
            options,
        } = self;
        keyed.operator(name, NodeKind::Window, move |setup| {
            windows.operator(&options, &aggregate, setup)
        })
    }
}

impl<T, S, B, W: fmt::Debug> fmt::Debug for WindowedStream<T, S, B, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowedStream<{}>({:?})", std::any::type_name::<T>(), self.windows)
    }
}
