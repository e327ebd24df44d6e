//! How a stage calls for each record: how many at once, in which order, how long, how often.

use crate::job::{OnError, Show};
use potoroo_runtime::Backoff;
use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

/// What [`Stream::call_async`](crate::Stream::call_async) is to keep to.
///
/// ```
/// use potoroo_actors::runtime::Backoff;
/// use potoroo_actors::{CallOptions, OnError};
/// use std::num::{NonZeroU32, NonZeroUsize};
/// use std::time::Duration;
///
/// let options: CallOptions<u32> = CallOptions::ordered(NonZeroUsize::new(100).unwrap())
///     .within(Duration::from_secs(2))
///     .attempts(
///         NonZeroU32::new(4).unwrap(),
///         Backoff::new(Duration::from_millis(50), Duration::from_secs(5)),
///     )
///     .on_error(OnError::DeadLetters);
/// # let _ = options;
/// ```
pub struct CallOptions<T> {
    pub(crate) at_once: usize,
    pub(crate) is_ordered: bool,
    pub(crate) within: Option<Duration>,
    pub(crate) attempts: u32,
    pub(crate) backoff: Backoff,
    pub(crate) on_error: OnError,
    pub(crate) show: Show<T>,
    pub(crate) actors: usize,
}

impl<T> CallOptions<T> {
    fn new(at_once: NonZeroUsize, is_ordered: bool) -> Self {
        Self {
            at_once: at_once.get(),
            is_ordered,
            within: None,
            attempts: 1,
            backoff: Backoff::NONE,
            on_error: OnError::Stop,
            show: None,
            actors: 1,
        }
    }

    /// At most so many records at once; their results come in the order of the records. A slow call holds up the results
    /// behind it, which count until they are handed on.
    pub fn ordered(at_once: NonZeroUsize) -> Self {
        Self::new(at_once, true)
    }

    /// At most so many records at once; their results come as they are ready, but none before a watermark that came before
    /// its record, nor after one that came after it.
    pub fn unordered(at_once: NonZeroUsize) -> Self {
        Self::new(at_once, false)
    }

    /// How long one attempt may take; what takes longer is dropped and has failed. Default: as long as it takes.
    #[must_use]
    pub fn within(mut self, time_out: Duration) -> Self {
        self.within = Some(time_out);
        self
    }

    /// How often a record is tried, the first time included, and the pauses between. A record keeps its place meanwhile. What
    /// panics is not tried again. Default: once.
    #[must_use]
    pub fn attempts(mut self, attempts: NonZeroU32, backoff: Backoff) -> Self {
        self.attempts = attempts.get();
        self.backoff = backoff;
        self
    }

    /// What becomes of a record whose last attempt has failed, or panicked. Default: the job stops.
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// How dead letters show a record. Called for each before its first attempt; with other policies than
    /// [`OnError::DeadLetters`] not at all.
    #[must_use]
    pub fn record_text(mut self, show: impl Fn(&T) -> String + Send + Sync + 'static) -> Self {
        self.show = Some(Arc::new(show));
        self
    }

    /// How many actors share the records, a batch to each in turn. Each calls for so many at once as was said, and order is
    /// kept on each way only. Default: one, which is enough for calls that wait and compute little.
    #[must_use]
    pub fn actors(mut self, actors: NonZeroUsize) -> Self {
        self.actors = actors.get();
        self
    }
}

impl<T> Clone for CallOptions<T> {
    fn clone(&self) -> Self {
        Self {
            show: self.show.clone(),
            ..*self
        }
    }
}

impl<T> fmt::Debug for CallOptions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallOptions")
            .field("at_once", &self.at_once)
            .field("is_ordered", &self.is_ordered)
            .field("within", &self.within)
            .field("attempts", &self.attempts)
            .field("on_error", &self.on_error)
            .field("actors", &self.actors)
            .finish_non_exhaustive()
    }
}
