//! A keyed stream whose aggregate begins before the exchange.

use super::branch::Branch;
use super::keyed::KeyedStream;
use super::stream::Stream;
use super::windowed::WindowedStream;
use crate::element::KeySelector;
use crate::exchange::Downstream;
use crate::job::Deploy;
use crate::window::{Aggregate, ByPart, Combining, Late, PaneGrid, Panes, Part, PreAggregateTo, Windowed};
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::time::Duration;

/// How many keys a producer holds at most, if nothing else was said.
const KEYS_MAX: usize = 1024;

/// Records with a key, aggregated in their producers: what [`KeyedStream::pre_aggregate`] makes.
#[must_use = "parts need to be combined"]
pub struct PreAggregated<T, S, B, A> {
    keyed: KeyedStream<T, S, B>,
    aggregate: A,
    keys_max: usize,
}

impl<T, S, B> KeyedStream<T, S, B>
where
    T: Send + 'static,
    S: KeySelector<T>,
    B: Branch<T>,
{
    /// Aggregates the records of each key in the actors that produce them, and sends one part per key through the exchange in
    /// place of each record: when a turn ends, before each watermark, and when as many keys are held as may be. So it costs no
    /// waiting, and pays where keys repeat within a turn; a hot key does not make its partition the bottleneck.
    ///
    /// [`totals`](PreAggregated::totals) or [`window`](PreAggregated::window) follow. Results are those of the same aggregate
    /// without: the last total of each key, and each window, with late records left out alike. `combine` of the aggregate sees
    /// the parts of one producer in their order.
    ///
    /// ```
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::window::count;
    /// use potoroo_actors::{Pipeline, sink, source};
    /// use std::sync::mpsc;
    ///
    /// let system = System::new()?;
    /// let (tell, told) = mpsc::channel();
    /// let pipeline = Pipeline::new();
    /// pipeline
    ///     .source("numbers", source::generate(2, |_| 0..30_000_u64))
    ///     .key_by(|n| n % 3)
    ///     .pre_aggregate(count())
    ///     .totals("counts")
    ///     .sink("out", sink::each(move |(key, count)| tell.send((count, key)).expect("somebody listens")));
    /// let mut job = pipeline.start(&system);
    /// while job.wait_for(std::time::Duration::from_secs(1)).is_none() {}
    /// assert_eq!(told.into_iter().filter(|(count, _)| *count == 20_000).count(), 3);
    /// assert!(job.status().stage("counts").is_some_and(|stage| stage.records_in < 6_000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pre_aggregate<A: Aggregate<T>>(self, aggregate: A) -> PreAggregated<T, S, B, A> {
        PreAggregated::new(self, aggregate)
    }

    /// The same keys behind one more step, which gives other records.
    pub(super) fn with_step<U, G, C>(
        self,
        step: &'static str,
        selector: G,
        make: impl FnOnce(B, S) -> C,
    ) -> KeyedStream<U, G, C> {
        KeyedStream {
            branch: make(self.branch, self.selector),
            selector,
            partitions: self.partitions,
            partitions_max: self.partitions_max,
            time_to_live: self.time_to_live,
            on_error: self.on_error,
            show: None,
            views: (),
            site: self.site,
            origin: self.origin.step(step),
            records: PhantomData,
        }
    }
}

/// A fused step that aggregates before the exchange.
pub struct PreAggregateBranch<T, S, B, A> {
    before: B,
    selector: S,
    aggregate: A,
    panes: Option<PaneGrid>,
    keys_max: usize,
    records: PhantomData<fn(T)>,
}

impl<T, S, B, A> fmt::Debug for PreAggregateBranch<T, S, B, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreAggregateBranch").finish_non_exhaustive()
    }
}

impl<T, S, B, A> Branch<Part<S::Key, A::Partial>> for PreAggregateBranch<T, S, B, A>
where
    T: Send + 'static,
    S: KeySelector<T>,
    B: Branch<T>,
    A: Aggregate<T>,
{
    fn attach<D: Downstream<Part<S::Key, A::Partial>>>(self, down: &D, deploy: &mut Deploy<'_, '_>) {
        let step = PreAggregateTo {
            selector: self.selector,
            aggregate: self.aggregate,
            panes: self.panes,
            keys_max: self.keys_max,
            next: down.clone(),
            records: PhantomData,
        };
        self.before.attach(&step, deploy);
    }
}

/// The parts of an aggregate, by key.
type Parts<T, S, B, A> = KeyedStream<
    Part<<S as KeySelector<T>>::Key, <A as Aggregate<T>>::Partial>,
    ByPart<<S as KeySelector<T>>::Key>,
    PreAggregateBranch<T, S, B, A>,
>;

impl<T, S, B, A> PreAggregated<T, S, B, A>
where
    T: Send + 'static,
    S: KeySelector<T>,
    B: Branch<T>,
    A: Aggregate<T>,
{
    pub(super) fn new(keyed: KeyedStream<T, S, B>, aggregate: A) -> Self {
        Self {
            keyed,
            aggregate,
            keys_max: KEYS_MAX,
        }
    }

    /// How many keys a producer holds before it sends all it has: 1,024 if nothing is said, 16 million at most. With windows each pane of a key
    /// counts.
    pub fn keys_max(mut self, keys: NonZeroUsize) -> Self {
        self.keys_max = keys.get().min(1 << 24);
        self
    }

    /// The aggregate of all records of each key. Each part that comes gives the key and its aggregate so far; the last of a
    /// key is that of all its records.
    pub fn totals(self, name: impl Into<String>) -> Stream<(S::Key, A::Output)> {
        let (init, aggregate) = (self.aggregate.clone(), self.aggregate.clone());
        self.parts(None).entity(
            name,
            move |_| init.identity(),
            move |total: &mut A::Partial, part: Part<S::Key, A::Partial>, out| {
                aggregate.combine(total, &part.partial);
                out.emit((part.key, aggregate.output(total)));
                Ok(())
            },
        )
    }

    /// Windows of event time: [`tumbling`](crate::window::tumbling) or [`sliding`](crate::window::sliding).
    pub fn window<W: Panes>(self, windows: W) -> PreAggregatedWindows<T, S, B, A, W> {
        let aggregate = Combining {
            aggregate: self.aggregate.clone(),
            records: PhantomData,
        };
        PreAggregatedWindows {
            windowed: self.parts(Some(windows.panes())).window(windows),
            aggregate,
        }
    }

    fn parts(self, panes: Option<PaneGrid>) -> Parts<T, S, B, A> {
        let Self {
            keyed,
            aggregate,
            keys_max,
        } = self;
        keyed.with_step("pre_aggregate", ByPart::new(), |before, selector| PreAggregateBranch {
            before,
            selector,
            aggregate,
            panes,
            keys_max,
            records: PhantomData,
        })
    }
}

impl<T, S, B, A> fmt::Debug for PreAggregated<T, S, B, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreAggregated<{}>", std::any::type_name::<T>())
    }
}

/// Windows whose aggregates begin before the exchange.
#[must_use = "windows need an aggregate"]
pub struct PreAggregatedWindows<T, S, B, A, W>
where
    S: KeySelector<T>,
    A: Aggregate<T>,
{
    windowed: WindowedStream<Part<S::Key, A::Partial>, ByPart<S::Key>, PreAggregateBranch<T, S, B, A>, W>,
    aggregate: Combining<A, T>,
}

impl<T, S, B, A, W> PreAggregatedWindows<T, S, B, A, W>
where
    T: Send + 'static,
    S: KeySelector<T>,
    B: Branch<T>,
    A: Aggregate<T>,
    W: Panes,
{
    /// As [`WindowedStream::lateness`]; each part that comes late gives a corrected result.
    pub fn lateness(mut self, lateness: Duration) -> Self {
        self.windowed = self.windowed.lateness(lateness);
        self
    }

    /// As [`WindowedStream::late`], with parts in place of records.
    pub fn late(mut self, late: Late<Part<S::Key, A::Partial>>) -> Self {
        self.windowed = self.windowed.late(late);
        self
    }

    /// One result per key and window that has records, as without pre-aggregation.
    pub fn aggregate(self, name: impl Into<String>) -> Stream<Windowed<S::Key, A::Output>> {
        self.windowed.aggregate(name, self.aggregate)
    }
}

impl<T, S, B, A, W> fmt::Debug for PreAggregatedWindows<T, S, B, A, W>
where
    S: KeySelector<T>,
    A: Aggregate<T>,
    W: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreAggregatedWindows({:?})", self.windowed)
    }
}
