//! What the handlers of state entities get: one key, its timers, and an output.

use super::output::Output;
use super::stage::wall_clock;
use crate::element::{Key, Timestamp};
use crate::exchange::SideTag;
use crate::state::Timers;
use std::fmt;
use std::time::Duration;

/// By which clock a timer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeDomain {
    /// The watermark: the same in every run.
    Event,
    /// The wall clock.
    Processing,
}

/// A timer that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// What it was set to.
    pub time: Timestamp,
    /// The number it was set with; 0 if none was said.
    pub number: u32,
    /// By which clock.
    pub domain: TimeDomain,
}

/// What a handler may do: one key, seen from inside one transaction.
pub struct KeyContext<'a, K, U> {
    pub(super) key: &'a K,
    pub(super) hash: u64,
    /// Looked at only by handlers that set timers: it may lie in another cache line than the key.
    pub(super) life: &'a u32,
    pub(super) time: Timestamp,
    pub(super) out: &'a mut Output<U>,
    pub(super) timers: &'a mut Timers<K>,
    pub(super) clock: &'a mut Timers<K>,
    pub(super) deleted: bool,
}

impl<K: Key, U> KeyContext<'_, K, U> {
    /// Whose state this is.
    #[inline]
    pub fn key(&self) -> &K {
        self.key
    }

    /// When the record happened, or the timer was due. What is emitted gets this time.
    #[inline]
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// How far event time has come: no record before this is expected any more; [`Timestamp::MAX`] at the end of the stream.
    #[inline]
    pub fn watermark(&self) -> Timestamp {
        self.out.watermark()
    }

    /// Whether the record came after its time: behind the watermark.
    #[inline]
    pub fn is_late(&self) -> bool {
        self.time < self.out.watermark()
    }

    /// Emits a record.
    #[inline]
    pub fn emit(&mut self, record: U) {
        self.out.emit_at(record, self.time);
    }

    /// Emits a record with another event time. One that is before the watermark is late for the stages after.
    #[inline]
    pub fn emit_at(&mut self, record: U, time: Timestamp) {
        self.out.emit_at(record, time);
    }

    /// Puts a record to a side output; see [`Stream::side_output`](crate::Stream::side_output).
    pub fn side<X: Send + 'static>(&mut self, tag: &SideTag<X>, record: X) {
        self.out.set_time(self.time);
        self.out.side(tag, record);
    }

    /// Sets a timer of event time: [`KeyedProcess::on_timer`](crate::KeyedProcess::on_timer) is called when the watermark has come to `at`, which may be
    /// with the next one. A key has one timer for each time and number.
    pub fn set_timer(&mut self, at: Timestamp) {
        self.set_numbered_timer(at, 0);
    }

    /// Sets a timer of event time with a number, to tell several purposes apart.
    pub fn set_numbered_timer(&mut self, at: Timestamp, number: u32) {
        self.timers.set(at, number, self.hash, self.key, *self.life);
    }

    /// Deletes the timer of event time at `at`; says whether there was one.
    pub fn delete_timer(&mut self, at: Timestamp) -> bool {
        self.delete_numbered_timer(at, 0)
    }

    /// Deletes the timer of event time of this number at `at`; says whether there was one.
    pub fn delete_numbered_timer(&mut self, at: Timestamp, number: u32) -> bool {
        self.timers.delete(at, number, self.hash, self.key)
    }

    /// Sets a timer by the wall clock, `delay` from now; gives the time it is set to. At the end of the stream it is due,
    /// whatever the clock says.
    pub fn set_clock_timer(&mut self, delay: Duration) -> Timestamp {
        let at = wall_clock() + delay;
        self.clock.set(at, 0, self.hash, self.key, *self.life);
        at
    }

    /// Deletes the timer by the wall clock at `at`; says whether there was one.
    pub fn delete_clock_timer(&mut self, at: Timestamp) -> bool {
        self.clock.delete(at, 0, self.hash, self.key)
    }

    /// Deletes the key's state and timers when the handler returns. The next record of the key begins anew.
    pub fn delete_state(&mut self) {
        self.deleted = true;
    }
}

impl<K: fmt::Debug, U> fmt::Debug for KeyContext<'_, K, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyContext")
            .field("key", &self.key)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}
