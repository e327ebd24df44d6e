//! Event time: when records happened, and how far the stream has come.
//!
//! A strategy gives each record its time and keeps the watermark. It stands behind one instance of a source (a connection, an
//! iterator, a list of files), so there is one watermark per instance, and the stage after takes the least. The watermark
//! goes out at the end of each turn and never goes back. It lacks clocks: silence is not progress.

use crate::element::{EdgeId, Grant, Mark, Timestamp};
pub use crate::exchange::Alignment;
use crate::exchange::{Collector, Downstream, Flow, Wiring};
use std::marker::PhantomData;
use std::time::Duration;

/// Gives records their event time, and says what is no longer expected.
pub trait Timestamps<T>: Clone + Send + Sync + 'static {
    /// When this record happened. Called once for each, in order.
    fn time_of(&mut self, record: &T) -> Timestamp;

    /// No later record is expected to have a time before this. [`Timestamp::MIN`] promises nothing.
    fn watermark(&self) -> Timestamp;
}

/// Records in the order of their times, or nearly. See [`monotonic`] and [`bounded`].
#[derive(Clone, Debug)]
pub struct Bounded<F> {
    time_of: F,
    bound: Duration,
    latest: Timestamp,
}

/// Records come in the order of their times: the watermark is the latest time.
///
/// ```
/// use potoroo_actors::element::Timestamp;
/// use potoroo_actors::time;
///
/// let strategy = time::monotonic(|record: &(i64, &str)| Timestamp::from_millis(record.0));
/// # let _ = strategy;
/// ```
pub fn monotonic<T, F: Fn(&T) -> Timestamp>(time_of: F) -> Bounded<F> {
    bounded(Duration::ZERO, time_of)
}

/// Records come at most `bound` of event time after later ones: the watermark is the latest time less `bound`.
///
/// ```
/// use potoroo_actors::element::Timestamp;
/// use potoroo_actors::time;
/// use std::time::Duration;
///
/// let strategy = time::bounded(Duration::from_secs(4), |millis: &i64| Timestamp::from_millis(*millis));
/// # let _ = strategy;
/// ```
pub fn bounded<T, F: Fn(&T) -> Timestamp>(bound: Duration, time_of: F) -> Bounded<F> {
    Bounded {
        time_of,
        bound,
        latest: Timestamp::MIN,
    }
}

impl<T, F: Fn(&T) -> Timestamp + Clone + Send + Sync + 'static> Timestamps<T> for Bounded<F> {
    #[inline]
    fn time_of(&mut self, record: &T) -> Timestamp {
        let time = (self.time_of)(record);
        self.latest = self.latest.max(time);
        time
    }

    fn watermark(&self) -> Timestamp {
        self.latest - self.bound
    }
}

/// Watermarks that the stream itself carries. See [`punctuated`].
#[derive(Clone, Debug)]
pub struct Punctuated<F, G> {
    time_of: F,
    watermark_of: G,
    watermark: Timestamp,
}

/// Some records say how far the stream has come: `watermark_of` gives what they say.
///
/// ```
/// use potoroo_actors::element::Timestamp;
/// use potoroo_actors::time;
///
/// struct Line { millis: i64, complete_before: Option<i64> }
/// let strategy = time::punctuated(
///     |line: &Line| Timestamp::from_millis(line.millis),
///     |line: &Line| line.complete_before.map(Timestamp::from_millis),
/// );
/// # let _ = strategy;
/// ```
pub fn punctuated<T, F, G>(time_of: F, watermark_of: G) -> Punctuated<F, G>
where
    F: Fn(&T) -> Timestamp,
    G: Fn(&T) -> Option<Timestamp>,
{
    Punctuated {
        time_of,
        watermark_of,
        watermark: Timestamp::MIN,
    }
}

impl<T, F, G> Timestamps<T> for Punctuated<F, G>
where
    F: Fn(&T) -> Timestamp + Clone + Send + Sync + 'static,
    G: Fn(&T) -> Option<Timestamp> + Clone + Send + Sync + 'static,
{
    #[inline]
    fn time_of(&mut self, record: &T) -> Timestamp {
        if let Some(watermark) = (self.watermark_of)(record) {
            self.watermark = self.watermark.max(watermark);
        }
        (self.time_of)(record)
    }

    fn watermark(&self) -> Timestamp {
        self.watermark
    }
}

/// The plan of a step that gives records their times.
#[derive(Clone)]
pub(crate) struct TimestampsTo<S, D> {
    pub(crate) strategy: S,
    pub(crate) next: D,
}

impl<T, S, D> Downstream<T> for TimestampsTo<S, D>
where
    T: Send + 'static,
    S: Timestamps<T>,
    D: Downstream<T>,
{
    type Collector = Stamping<S, D::Collector, T>;

    fn open(&self, edge: EdgeId) {
        self.next.open(edge);
    }

    fn idle(&self, edge: EdgeId) {
        self.next.idle(edge);
    }

    fn close(&self, edge: EdgeId) {
        self.next.close(edge);
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Self::Collector {
        Stamping {
            strategy: self.strategy.clone(),
            next: self.next.connect(edge, wiring),
            told: Timestamp::MIN,
            records: PhantomData,
        }
    }
}

/// Gives records their times. What watermarks the source has told itself end here: the strategy knows better.
pub(crate) struct Stamping<S, C, T> {
    strategy: S,
    next: C,
    told: Timestamp,
    records: PhantomData<fn(T)>,
}

impl<T, S: Timestamps<T>, C: Flow> Stamping<S, C, T> {
    fn tell_watermark(&mut self) {
        let watermark = self.strategy.watermark();
        if watermark > self.told {
            self.told = watermark;
            self.next.mark(Mark::Watermark(watermark));
        }
    }
}

impl<T, S, C> Flow for Stamping<S, C, T>
where
    T: 'static,
    S: Timestamps<T>,
    C: Flow,
{
    fn mark(&mut self, mark: Mark) {
        self.tell_watermark();
        if !matches!(mark, Mark::Watermark(_)) {
            self.next.mark(mark);
        }
    }

    #[inline]
    fn is_ready(&self) -> bool {
        self.next.is_ready()
    }

    fn flush(&mut self) {
        self.tell_watermark();
        self.next.flush();
    }

    fn granted(&mut self, grant: Grant) -> Option<Grant> {
        self.next.granted(grant)
    }

    fn end(&mut self) {
        self.tell_watermark();
        self.next.end();
    }

    fn has_ended(&self) -> bool {
        self.next.has_ended()
    }

    fn batches_in_flight(&self) -> usize {
        self.next.batches_in_flight()
    }
}

impl<T, S, C> Collector<T> for Stamping<S, C, T>
where
    T: Send + 'static,
    S: Timestamps<T>,
    C: Collector<T>,
{
    #[inline]
    fn collect(&mut self, record: T, _: Timestamp) {
        let time = self.strategy.time_of(&record);
        self.next.collect(record, time);
    }
}
