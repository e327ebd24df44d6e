//! What an operator gives: results, and records for side outputs, with their event times.

use crate::element::{Mark, Timed, Timestamp};
use crate::exchange::{SideLanes, SideTag};
use std::fmt;

/// Where an operator puts its results.
pub struct Output<U> {
    pub(super) records: Vec<Timed<U>>,
    pub(super) sides: SideLanes,
    pub(super) time: Timestamp,
    pub(super) watermark: Timestamp,
    /// The last watermark before the end: the event time of what the clock sets off.
    pub(super) clock_time: Timestamp,
    pub(super) dropped: u64,
}

impl<U> Output<U> {
    pub(super) fn new(sides: SideLanes) -> Self {
        Self {
            records: Vec::new(),
            sides,
            time: Timestamp::MIN,
            watermark: Timestamp::MIN,
            clock_time: Timestamp::MIN,
            dropped: 0,
        }
    }

    /// Emits a record, with the event time of [`set_time`](Self::set_time).
    #[inline]
    pub fn emit(&mut self, record: U) {
        self.records.push(Timed {
            time: self.time,
            record,
        });
    }

    /// Emits a record with an event time of its own.
    #[inline]
    pub fn emit_at(&mut self, record: U, time: Timestamp) {
        self.records.push(Timed { time, record });
    }

    /// Puts a record to a side output. If nobody reads that, the record is counted as dropped.
    pub fn side<X: Send + 'static>(&mut self, tag: &SideTag<X>, record: X) {
        let time = self.time;
        self.dropped += u64::from(!self.sides.put(tag, record, time));
    }

    /// Counts records that are left out for a reason.
    pub fn drop_records(&mut self, count: u64) {
        self.dropped += count;
    }

    /// The event time of what is emitted from now on.
    #[inline]
    pub fn set_time(&mut self, time: Timestamp) {
        self.time = time;
    }

    /// The event time of what is emitted now.
    #[inline]
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// How far event time has come: no record before this is expected any more.
    #[inline]
    pub fn watermark(&self) -> Timestamp {
        self.watermark
    }

    /// How many records wait to be handed on.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether no record waits to be handed on.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn mark_sides(&mut self, mark: Mark) {
        self.sides.each().for_each(|side| side.mark(mark));
    }
}

impl<U> fmt::Debug for Output<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("records", &self.records.len())
            .field("watermark", &self.watermark)
            .finish_non_exhaustive()
    }
}
