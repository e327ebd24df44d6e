//! What may be said about any windows: early results, lateness, and what becomes of records that come too late.

use crate::element::Timestamp;
use crate::exchange::SideTag;
use std::fmt;
use std::time::Duration;

/// What becomes of a record that comes when its window is over and gone.
pub enum Late<T> {
    /// It is dropped and counted.
    Drop,
    /// It goes to a side output: late data is a stream.
    SideOutput(SideTag<T>),
    /// It gives a result by itself, for its window. One of Wallaroo's policies.
    FirePerRecord,
    /// It counts for the oldest window that is still kept. One of Wallaroo's policies; sessions take it for [`Late::Drop`].
    PlaceInOldest,
}

impl<T> Clone for Late<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Late<T> {}

impl<T> fmt::Debug for Late<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drop => "Drop",
            Self::SideOutput(tag) => return write!(f, "SideOutput({:?})", tag.name()),
            Self::FirePerRecord => "FirePerRecord",
            Self::PlaceInOldest => "PlaceInOldest",
        })
    }
}

/// What was said about windows.
#[derive(Debug)]
pub struct Options<T> {
    pub(crate) lateness: Duration,
    pub(crate) late: Late<T>,
    pub(crate) early_every: Option<u64>,
}

impl<T> Clone for Options<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Options<T> {}

impl<T> Default for Options<T> {
    fn default() -> Self {
        Self {
            lateness: Duration::ZERO,
            late: Late::Drop,
            early_every: None,
        }
    }
}

impl<T> Options<T> {
    /// Whether a window with this end is over and gone: its end and the allowed lateness are not after the watermark.
    #[inline]
    pub(super) fn is_gone(&self, end: Timestamp, watermark: Timestamp) -> bool {
        end + self.lateness <= watermark
    }

    /// Whether the `count`th record of a window gives an early result.
    #[inline]
    pub(super) fn fires_early(&self, count: u64) -> bool {
        self.early_every.is_some_and(|every| count.is_multiple_of(every))
    }
}
