//! A stream with keys: what can be done with state.

use super::branch::{Branch, Connected};
use super::building::{Origin, Site};
use super::graph::NodeKind;
use super::joined::Joining;
use super::stream::Stream;
use super::windowed::WindowedStream;
use crate::element::{Either, EitherBy, KEY_GROUPS, KeySelector, Routed};
use crate::exchange::{KeyedTo, Sides, Slot};
use crate::operator::{Functions, KeyContext, KeyedProcess, Operator, ProcessOperator, Setup, Stage, Ways};
use crate::state::TimeToLive;
use crate::window::{Options, Windows};
use potoroo_runtime::Turn;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;

/// Records with a key, on their way to a stage of state.
#[must_use = "a keyed stream needs a stage"]
pub struct KeyedStream<T, S, B> {
    pub(super) branch: B,
    pub(super) selector: S,
    pub(super) partitions: Option<NonZeroUsize>,
    pub(super) time_to_live: TimeToLive,
    pub(super) site: Site,
    pub(super) origin: Origin,
    records: PhantomData<fn() -> T>,
}

impl<T, S, B> KeyedStream<T, S, B> {
    pub(super) fn new(branch: B, selector: S, site: Site, origin: Origin) -> Self {
        Self {
            branch,
            selector,
            partitions: None,
            time_to_live: TimeToLive::Forever,
            site,
            origin,
            records: PhantomData,
        }
    }
}

impl<T, S, B> KeyedStream<T, S, B>
where
    T: Send + 'static,
    S: KeySelector<T>,
    B: Branch<T>,
{
    /// How many partition actors share the keys, at most [`KEY_GROUPS`]. Default: one per worker.
    pub fn partitions(mut self, partitions: NonZeroUsize) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// How long the state of a key is kept after its last record, by [`entity`](Self::entity) and
    /// [`process`](Self::process); windows know by themselves. Default: for ever. The next record of the key begins anew, and
    /// timers of state that is gone do not fire.
    pub fn time_to_live(mut self, time_to_live: TimeToLive) -> Self {
        self.time_to_live = time_to_live;
        self
    }

    /// One state per key, made by `init` on first sight of the key, and changed by `handler` alone: it gets the state of
    /// the record's key, the record, and a context to emit results with. Records of one key are handled one after the other.
    /// An error ends the job.
    pub fn entity<St, U, I, H>(self, name: impl Into<String>, init: I, handler: H) -> Stream<U>
    where
        St: Send + 'static,
        U: Send + 'static,
        I: Fn(&S::Key) -> St + Send + Sync + 'static,
        H: Fn(&mut St, T, &mut KeyContext<'_, S::Key, U>) -> Turn + Send + Sync + 'static,
    {
        self.process(name, Functions::<I, H, fn(St) -> U>::new(init, handler))
    }

    /// One state per key, with handlers for records and for timers.
    pub fn process<P>(self, name: impl Into<String>, process: P) -> Stream<P::Out>
    where
        P: KeyedProcess<S::Key, T>,
    {
        self.operator(name, NodeKind::Keyed, move |setup| {
            ProcessOperator::<S::Key, S, P, P::State>::new(process.clone(), setup)
        })
    }

    /// Windows of event time, by key: tumbling, sliding, sessions, counts; see [`window`](crate::window).
    ///
    /// ```
    /// use potoroo_actors::element::Timestamp;
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::window::{Late, Windowed, count, tumbling};
    /// use potoroo_actors::{Pipeline, SideTag, sink, source, time};
    /// use std::time::Duration;
    ///
    /// static LATE: SideTag<(u32, i64)> = SideTag::new("late");
    ///
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// let counts = pipeline
    ///     .source("clicks", source::generate(1, |_| (0..60_i64).map(|second| (7_u32, second))))
    ///     .timestamps(time::bounded(Duration::from_secs(2), |(_, second): &(u32, i64)| Timestamp::from_secs(*second)))
    ///     .key_by(|(user, _)| *user)
    ///     .window(tumbling(Duration::from_secs(10)))
    ///     .late(Late::SideOutput(LATE))
    ///     .aggregate("clicks in 10 s", count());
    /// counts.side_output(&LATE).sink("late", sink::each(|_| unreachable!("all are in time")));
    /// counts.sink("out", sink::each(|result: Windowed<u32, u64>| assert_eq!((result.key, result.value), (7, 10))));
    /// pipeline.start(&system).wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn window<W: Windows>(self, windows: W) -> WindowedStream<T, S, B, W> {
        WindowedStream {
            keyed: self,
            windows,
            options: Options::default(),
        }
    }

    /// An operator of one's own: `make` makes one for each partition.
    pub fn operator<O>(
        self,
        name: impl Into<String>,
        kind: NodeKind,
        make: impl Fn(Setup<S>) -> O + Send + Sync + 'static,
    ) -> Stream<O::Out>
    where
        O: Operator<Routed<T>>,
    {
        let name = name.into();
        let actors = self.partitions.map(NonZeroUsize::get);
        let node = self.site.node(&name, kind, actors, &self.origin);
        let (slot, sides) = (Slot::new(), Sides::default());
        let stream = Stream::of_stage(slot.clone(), sides.clone(), self.site.clone(), node);
        let Self {
            branch,
            selector,
            time_to_live,
            ..
        } = self;
        self.site.plan(move |deploy| {
            let Some(ways) = Ways::of(&slot, &sides) else {
                return;
            };
            let actors = actors.unwrap_or(deploy.workers()).min(KEY_GROUPS);
            let partitions =
                Stage::<Routed<T>, O>::deploy(&name, actors, ways, (&selector, time_to_live), make, deploy);
            let down = KeyedTo { partitions, selector };
            deploy.end_deployment_of(&down);
            branch.attach(&down, deploy);
        });
        stream
    }

    /// This stream and another with the same keys as one, whose records are either of this or of the other: for a stage that
    /// joins them. Both come to the same partition, and the watermark is the lesser of the two.
    ///
    /// ```
    /// use potoroo_actors::element::Either;
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::{Pipeline, sink, source};
    ///
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// let names = pipeline.source("names", source::generate(1, |_| [(1_u32, "Ada"), (2, "Grace")].into_iter()));
    /// let amounts = pipeline.source("amounts", source::generate(1, |_| [(1_u32, 30), (1, 12)].into_iter()));
    /// names
    ///     .key_by(|(id, _)| *id)
    ///     .connect(amounts.key_by(|(id, _)| *id))
    ///     .entity("totals", |_| (None, 0), |(name, total): &mut (Option<&str>, i32), record, out| {
    ///         match record {
    ///             Either::Left((_, its_name)) => *name = Some(its_name),
    ///             Either::Right((_, amount)) => *total += amount,
    ///         }
    ///         if let (Some(name), 42) = (*name, *total) {
    ///             out.emit(name);
    ///         }
    ///         Ok(())
    ///     })
    ///     .sink("rich", sink::each(|name| assert_eq!(name, "Ada")));
    /// pipeline.start(&system).wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn connect<R, G, C>(
        self,
        other: KeyedStream<R, G, C>,
    ) -> KeyedStream<Either<T, R>, EitherBy<S, G>, Connected<B, C, T, R>>
    where
        R: Send + 'static,
        G: KeySelector<R, Key = S::Key>,
        C: Branch<R>,
    {
        KeyedStream {
            branch: Connected {
                left: self.branch,
                right: other.branch,
                types: PhantomData,
            },
            selector: EitherBy(self.selector, other.selector),
            partitions: self.partitions.or(other.partitions),
            time_to_live: self.time_to_live,
            site: self.site,
            origin: self.origin.merge(other.origin),
            records: PhantomData,
        }
    }

    /// This stream, whose records are the left ones, and another with the same keys, to be joined: in windows, in intervals of
    /// event time, as of a time, or with the latest row; see [`join`](crate::join).
    pub fn join<R, G, C>(self, right: KeyedStream<R, G, C>) -> Joining<T, R, EitherBy<S, G>, Connected<B, C, T, R>>
    where
        R: Send + 'static,
        G: KeySelector<R, Key = S::Key>,
        C: Branch<R>,
    {
        Joining::new(self.connect(right))
    }
}

impl<L, R, S, B> KeyedStream<Either<L, R>, S, B>
where
    L: Send + 'static,
    R: Send + 'static,
    S: KeySelector<Either<L, R>>,
    B: Branch<Either<L, R>>,
{
    /// The two sides of a stream that carries both: as [`join`](Self::join), but what comes from one producer keeps its order.
    pub fn join_sides(self) -> Joining<L, R, S, B> {
        Joining::new(self)
    }
}

impl<T, S, B> fmt::Debug for KeyedStream<T, S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyedStream<{}>", std::any::type_name::<T>())
    }
}
