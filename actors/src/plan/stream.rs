//! A stream: records on their way, and what can be done with them without state.

use super::branch::{
    AlignBranch, Branch, FilterBranch, FilterMapBranch, FlatMapBranch, MapBranch, MapTimedBranch, Merged, Port,
    SilenceBranch, SourceBranch, TimestampsBranch,
};
use super::broadcasting::BroadcastStream;
use super::building::{Origin, Site};
use super::graph::NodeKind;
use super::keyed::KeyedStream;
use super::shared::Shared;
use crate::element::{BRANCHES_MAX, BorrowedKey, ByKey, ByRef, Either, Key, Timed, Timestamp};
use crate::exchange::{Alignment, BranchTo, InTurnTo, SideTag, Sides, Slot, SplitTo};
use crate::job::OnError;
use crate::operator::timestamps::Timestamps;
use crate::operator::{Pass, Stage, Ways};
use crate::sink::Sink;
use crate::source::Source;
use crate::state::TimeToLive;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::time::Duration;

/// Records of type `T` on their way.
///
/// `B` is the chain of steps since the last stage. It has a default, so `Stream<T>` is what comes out of a stage or a fork;
/// a function that takes any stream says `Stream<T, impl Branch<T>>`.
///
/// ```
/// use potoroo_actors::{Branch, Stream};
///
/// /// Words, in lower case.
/// fn words<B: Branch<String>>(lines: Stream<String, B>) -> Stream<String, impl Branch<String>> {
///     lines.flat_map(|line, each| line.split_whitespace().for_each(|word| each(word.to_lowercase())))
/// }
/// ```
#[must_use = "a stream without a sink does nothing"]
pub struct Stream<T, B = Port<T>> {
    pub(super) branch: B,
    pub(super) site: Site,
    pub(super) origin: Origin,
    records: PhantomData<fn() -> T>,
}

impl<T, B> Stream<T, B> {
    pub(super) fn new(branch: B, site: Site, origin: Origin) -> Self {
        Self {
            branch,
            site,
            origin,
            records: PhantomData,
        }
    }
}

impl<T: Send + 'static> Stream<T> {
    /// What comes out of a fork.
    pub(super) fn of_fork(slot: Slot<T>, site: Site, node: usize) -> Self {
        Self::new(Port { slot, stage: None }, site, Origin::node(node, None))
    }

    /// What comes out of a stage.
    pub(super) fn of_stage(slot: Slot<T>, sides: Sides, site: Site, node: usize) -> Self {
        let stage = Some((sides, node));
        Self::new(Port { slot, stage }, site, Origin::node(node, None))
    }

    /// What the stage puts under `tag`, besides the results that are this stream.
    ///
    /// ```
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::{Pipeline, SideTag, sink, source};
    ///
    /// static NEGATIVE: SideTag<i64> = SideTag::new("negative");
    ///
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// let roots = pipeline
    ///     .source("numbers", source::generate(1, |_| -5..5_i64))
    ///     .key_by(|_| ())
    ///     .entity("roots", |()| (), |(), n: i64, out| {
    ///         if n < 0 { out.side(&NEGATIVE, n) } else { out.emit((n as f64).sqrt()) }
    ///         Ok(())
    ///     });
    /// roots.side_output(&NEGATIVE).sink("negative", sink::each(|n| assert!(n < 0)));
    /// roots.sink("roots", sink::each(|_| {}));
    /// let mut job = pipeline.start(&system);
    /// while job.wait_for(std::time::Duration::from_secs(1)).is_none() {}
    /// assert_eq!(job.status().stage("negative").map(|stage| stage.records_in), Some(5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the stream is not what comes out of a stage, or the stage has a tag of the same name and another type.
    pub fn side_output<X: Send + 'static>(&self, tag: &SideTag<X>) -> Stream<X> {
        let (sides, node) = self
            .branch
            .stage
            .as_ref()
            .expect("only a stage with actors has side outputs");
        let stream = Stream::of_fork(sides.slot(tag), self.site.clone(), *node);
        Stream {
            origin: Origin::node(*node, Some(tag.name())),
            ..stream
        }
    }
}

impl<S: Source> Stream<S::Record, SourceBranch<S>> {
    /// Has the source declare itself idle when it has given nothing for `silence`, and active with its next record. So a file that
    /// does not grow, or a connection on which nothing comes, holds up the event time of nobody. Each instance and each connection
    /// is silent for itself. Without this a silent source is waited for.
    ///
    /// Time in which the source is held up does not count: by a stage that has no room, or by an [`align`](Self::align)ment. What
    /// was declared is a promise, though: records that come after a silence may be late. So say a time that a source in good
    /// health is never silent for, and that is longer than a busy system may keep it from its turn.
    ///
    /// Belongs directly behind the source. The end of a silence is found at most a quarter of a millisecond late if the workers are
    /// free.
    ///
    /// ```
    /// use potoroo_actors::element::Timestamp;
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::source::{self, FileSource};
    /// use potoroo_actors::window::{Windowed, count, tumbling};
    /// use potoroo_actors::{Pipeline, sink, time};
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    ///
    /// # let path = std::env::temp_dir().join(format!("potoroo-silence-{}", std::process::id()));
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// let (tell, told) = mpsc::channel();
    /// let seconds = |second: &i64| Timestamp::from_secs(*second);
    /// let busy = pipeline
    ///     .source("busy", source::generate(1, |_| 0..100_i64))
    ///     .timestamps(time::monotonic(seconds));
    /// // Nobody has written to this file yet.
    /// let quiet = pipeline
    ///     .source("quiet", FileSource::follow(&path, source::lines()))
    ///     .idle_after(Duration::from_millis(50))
    ///     .filter_map(|line: String| line.parse().ok())
    ///     .timestamps(time::monotonic(seconds));
    /// busy.merge(quiet)
    ///     .key_by(|_| ())
    ///     .window(tumbling(Duration::from_secs(10)))
    ///     .aggregate("counts", count())
    ///     .sink("out", sink::each(move |counted: Windowed<(), u64>| tell.send(counted.value).expect("somebody listens")));
    /// let job = pipeline.start(&system);
    /// // It would not come while the file is waited for.
    /// assert_eq!(told.recv()?, 10);
    /// job.drain();
    /// job.wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn idle_after(self, silence: Duration) -> Stream<S::Record, SilenceBranch<S>> {
        let SourceBranch { name, source } = self.branch;
        let branch = SilenceBranch { name, source, silence };
        Stream::new(branch, self.site, self.origin.step("idle_after"))
    }
}

impl<T: Send + 'static, B: Branch<T>> Stream<T, B> {
    pub(super) fn then<U, C>(self, name: &'static str, step: impl FnOnce(B) -> C) -> Stream<U, C> {
        Stream::new(step(self.branch), self.site, self.origin.step(name))
    }

    /// Each record becomes another.
    pub fn map<U, F>(self, f: F) -> Stream<U, MapBranch<B, F, T>>
    where
        F: Fn(T) -> U + Clone + Send + Sync + 'static,
        U: Send + 'static,
    {
        self.then("map", |before| MapBranch::new(before, f))
    }

    /// Each record becomes another, made of it and its event time.
    pub fn map_timed<U, F>(self, f: F) -> Stream<U, MapTimedBranch<B, F, T>>
    where
        F: Fn(T, Timestamp) -> U + Clone + Send + Sync + 'static,
        U: Send + 'static,
    {
        self.then("map_timed", |before| MapTimedBranch::new(before, f))
    }

    /// Keeps the records for which `f` holds.
    pub fn filter<F>(self, f: F) -> Stream<T, FilterBranch<B, F>>
    where
        F: Fn(&T) -> bool + Clone + Send + Sync + 'static,
    {
        self.then("filter", |before| FilterBranch { before, f })
    }

    /// Keeps what `f` makes of records, and leaves out those of which it makes nothing.
    pub fn filter_map<U, F>(self, f: F) -> Stream<U, FilterMapBranch<B, F, T>>
    where
        F: Fn(T) -> Option<U> + Clone + Send + Sync + 'static,
        U: Send + 'static,
    {
        self.then("filter_map", |before| FilterMapBranch::new(before, f))
    }

    /// Each record becomes any number of records: `f` calls its second argument with each.
    pub fn flat_map<U, F>(self, f: F) -> Stream<U, FlatMapBranch<B, F, T>>
    where
        F: Fn(T, &mut dyn FnMut(U)) + Clone + Send + Sync + 'static,
        U: Send + 'static,
    {
        self.then("flat_map", |before| FlatMapBranch::new(before, f))
    }

    /// Shows each record to `f`.
    pub fn inspect<F>(self, f: F) -> Stream<T, impl Branch<T>>
    where
        F: Fn(&T) + Clone + Send + Sync + 'static,
    {
        self.then("inspect", |before| FilterBranch {
            before,
            f: move |record: &T| {
                f(record);
                true
            },
        })
    }

    /// Gives each record its event time; see [`time`](crate::time) for strategies. Belongs directly behind a source, with
    /// stateless steps between at most: then every instance of the source, and every connection, has a watermark of its own.
    pub fn timestamps<S: Timestamps<T>>(self, strategy: S) -> Stream<T, TimestampsBranch<B, S>> {
        self.then("timestamps", |before| TimestampsBranch { before, strategy })
    }

    /// Keeps this source together with all others that have the same alignment: it takes nothing in while its watermark is further
    /// ahead of the least of them than their drift. So a stage that joins a fast source with a slow one has bounded state. Belongs
    /// behind [`timestamps`](Self::timestamps), with stateless steps between at most. Idle sources hold nobody.
    ///
    /// ```
    /// use potoroo_actors::element::Timestamp;
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::{Pipeline, sink, source, time};
    /// use std::time::Duration;
    ///
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// let together = time::Alignment::new(Duration::from_secs(60));
    /// let seconds = |n: &i64| Timestamp::from_secs(*n);
    /// let fast = pipeline.source("fast", source::generate(1, |_| 0..10_000_i64));
    /// let slow = pipeline.source("slow", source::generate(1, |_| 0..10_000_i64));
    /// let fast = fast.timestamps(time::monotonic(seconds)).align(&together);
    /// let slow = slow.timestamps(time::monotonic(seconds)).align(&together);
    /// fast.merge(slow).sink("both", sink::each(|n| assert!(n < 10_000)));
    /// pipeline.start(&system).wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn align(self, alignment: &Alignment) -> Stream<T, AlignBranch<B>> {
        let alignment = alignment.clone();
        self.then("align", |before| AlignBranch { before, alignment })
    }

    /// This stream and another of the same type as one. Each keeps its own order; between the two there is none.
    pub fn merge<C: Branch<T>>(self, other: Stream<T, C>) -> Stream<T, Merged<B, C>> {
        let merged = Merged {
            first: self.branch,
            second: other.branch,
        };
        Stream::new(merged, self.site, self.origin.merge(other.origin))
    }

    /// Each record to one of two streams, which may differ in type. Records are moved, not copied.
    ///
    /// ```
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::element::Either;
    /// use potoroo_actors::{Pipeline, sink, source};
    ///
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// let (numbers, words) = pipeline
    ///     .source("texts", source::generate(1, |_| ["7", "seven", "8"].into_iter()))
    ///     .split("kinds", |text| text.parse::<u32>().map_or(Either::Right(text), Either::Left));
    /// numbers.sink("numbers", sink::each(|n: u32| assert!(n > 6)));
    /// words.sink("words", sink::each(|word| assert_eq!(word, "seven")));
    /// pipeline.start(&system).wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn split<L, R, F>(self, name: impl Into<String>, f: F) -> (Stream<L>, Stream<R>)
    where
        L: Send + 'static,
        R: Send + 'static,
        F: Fn(T) -> Either<L, R> + Clone + Send + Sync + 'static,
    {
        let node = self.site.node(&name.into(), NodeKind::Fork, None, &self.origin);
        let (left, right) = (Slot::new(), Slot::new());
        let streams = (
            Stream::of_fork(left.clone(), self.site.clone(), node),
            Stream::of_fork(right.clone(), self.site.clone(), node),
        );
        let branch = self.branch;
        self.site.plan(move |deploy| {
            let (left, right) = (left.way(), right.way());
            if left.is_taken() || right.is_taken() {
                let split = SplitTo {
                    f,
                    left,
                    right,
                    records: PhantomData,
                };
                branch.attach(&split, deploy);
            }
        });
        streams
    }

    /// Each record to one of `N` streams of the same type: `f` says which. Records are moved, not copied.
    ///
    /// # Panics
    ///
    /// If there are more than 63 streams; while running, and with it the job, if `f` gives `N` or more.
    pub fn branch<const N: usize, F>(self, name: impl Into<String>, f: F) -> [Stream<T>; N]
    where
        F: Fn(&T) -> usize + Clone + Send + Sync + 'static,
    {
        assert!(N <= BRANCHES_MAX, "at most {BRANCHES_MAX} branches, not {N}");
        let node = self.site.node(&name.into(), NodeKind::Fork, None, &self.origin);
        let slots: [Slot<T>; N] = std::array::from_fn(|_| Slot::new());
        let streams = slots.clone().map(|slot| Stream::of_fork(slot, self.site.clone(), node));
        let branch = self.branch;
        self.site.plan(move |deploy| {
            let ways = slots.map(|slot| slot.way());
            if ways.iter().any(|way| way.is_taken()) {
                let branching = BranchTo { f, ways: ways.into() };
                branch.attach(&branching, deploy);
            }
        });
        streams
    }

    /// The stream for all partitions of a stage, beside records that have keys; see
    /// [`KeyedStream::with_broadcast`](crate::KeyedStream::with_broadcast).
    pub fn broadcast(self) -> BroadcastStream<T, B>
    where
        T: Clone,
    {
        BroadcastStream::new(self.branch, self.origin.step("broadcast"))
    }

    /// The stream for several readers: each reads the same records by reference and copies only what it takes.
    pub fn share(self, name: impl Into<String>) -> Shared<T> {
        Shared::of(self, name.into())
    }

    /// Spreads the records over `actors` actors, a batch to each in turn; the steps that follow run there. Order is kept on
    /// each way only.
    pub fn rebalance(self, name: impl Into<String>, actors: NonZeroUsize) -> Stream<T> {
        let (name, actors) = (name.into(), actors.get());
        let node = self.site.node(&name, NodeKind::Unkeyed, Some(actors), &self.origin);
        let slot = Slot::new();
        let stream = Stream::of_fork(slot.clone(), self.site.clone(), node);
        let branch = self.branch;
        self.site.plan(move |deploy| {
            let Some(ways) = Ways::of(&slot, &Sides::default()) else {
                return;
            };
            let how = (&(), TimeToLive::Forever, OnError::Stop);
            let actors = Stage::<Timed<T>, Pass>::deploy(&name, (actors, actors), ways, how, |_| Pass, deploy);
            let down = InTurnTo {
                actors: Stage::ways_into(&actors),
            };
            deploy.end_deployment_of(&down);
            branch.attach(&down, deploy);
        });
        stream
    }

    /// Brings all records to one actor.
    pub fn collect(self, name: impl Into<String>) -> Stream<T> {
        self.rebalance(name, NonZeroUsize::MIN)
    }

    /// Gives each record a key, for the stage of state that follows. `key_of` is called on both sides of the exchange, so it
    /// should be cheap; for keys that are part of the record, such as text, see [`key_by_ref`](Self::key_by_ref).
    pub fn key_by<K, F>(self, key_of: F) -> KeyedStream<T, ByKey<F, K>, B>
    where
        K: Key,
        F: Fn(&T) -> K + Clone + Send + Sync + 'static,
    {
        KeyedStream::new(self.branch, ByKey::new(key_of), self.site, self.origin.step("key_by"))
    }

    /// Gives each record a key that is part of it. The key is copied when it is first seen, not for each record.
    ///
    /// ```
    /// use potoroo_actors::{Branch, Stream};
    ///
    /// fn counts<B: Branch<String>>(words: Stream<String, B>) -> Stream<(String, u64)> {
    ///     words.key_by_ref(|word| word.as_str()).entity("counts", |_| 0, |count: &mut u64, word, out| {
    ///         *count += 1;
    ///         out.emit((word, *count));
    ///         Ok(())
    ///     })
    /// }
    /// ```
    pub fn key_by_ref<Q, F>(self, key_of: F) -> KeyedStream<T, ByRef<F, Q>, B>
    where
        Q: BorrowedKey + ?Sized + 'static,
        F: Fn(&T) -> &Q + Clone + Send + Sync + 'static,
    {
        KeyedStream::new(self.branch, ByRef::new(key_of), self.site, self.origin.step("key_by"))
    }

    /// Ends the stream. The name appears in the job's status, in the graph and in errors.
    pub fn sink<S: Sink<T>>(self, name: impl Into<String>, sink: S) {
        let name = name.into();
        self.site.node(&name, NodeKind::Sink, None, &self.origin);
        self.site.delivery(sink.delivery());
        let branch = self.branch;
        self.site.plan(move |deploy| {
            let down = sink.deploy(&name, deploy);
            deploy.end_deployment_of(&down);
            branch.attach(&down, deploy);
        });
    }
}

impl<T, B> fmt::Debug for Stream<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream<{}>", std::any::type_name::<T>())
    }
}
