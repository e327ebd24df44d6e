//! A stream with keys: what can be done with state.

use super::branch::{Branch, Connected};
use super::building::{Origin, Site};
use super::graph::NodeKind;
use super::joined::Joining;
use super::stream::Stream;
use super::windowed::WindowedStream;
use crate::element::{Either, EitherBy, KEY_GROUPS, Key, KeySelector, Routed};
use crate::exchange::{KeyedTo, Routes, Sides, Slot};
use crate::job::{Deploy, KeyedStage, OnError, QueryTag, Show, Shower};
use crate::operator::{
    Functions, FunctionsIn, KeyContext, KeyedProcess, Offered, Operator, ProcessOperator, Setup, Stage, StageMsg, View,
    Views, Ways,
};
use crate::state::TimeToLive;
use crate::window::{Options, Windows};
use potoroo_runtime::arena::{Arena, Evacuate};
use potoroo_runtime::{ActorRef, Turn};
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Records with a key, on their way to a stage of state.
#[must_use = "a keyed stream needs a stage"]
pub struct KeyedStream<T, S, B, Q = ()> {
    pub(super) branch: B,
    pub(super) selector: S,
    pub(super) partitions: Option<NonZeroUsize>,
    pub(super) partitions_max: Option<NonZeroUsize>,
    pub(super) time_to_live: TimeToLive,
    pub(super) on_error: OnError,
    pub(super) show: Show<T>,
    /// Whether the states may be asked for.
    pub(super) views: Q,
    pub(super) site: Site,
    pub(super) origin: Origin,
    pub(super) records: PhantomData<fn() -> T>,
}

impl<T, S, B> KeyedStream<T, S, B> {
    pub(super) fn new(branch: B, selector: S, site: Site, origin: Origin) -> Self {
        Self {
            branch,
            selector,
            partitions: None,
            partitions_max: None,
            time_to_live: TimeToLive::Forever,
            on_error: OnError::Stop,
            show: None,
            views: (),
            site,
            origin,
            records: PhantomData,
        }
    }
}

impl<T, S, B, Q> KeyedStream<T, S, B, Q>
where
    T: Send + 'static,
    S: KeySelector<T>,
    B: Branch<T>,
    Q: Send + 'static,
{
    /// How many partition actors share the keys, at most [`KEY_GROUPS`]. Default: one per worker.
    pub fn partitions(mut self, partitions: NonZeroUsize) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// How many partition actors [`Job::rescale`](crate::Job::rescale) may spread the keys over while the job is at work, at
    /// most [`KEY_GROUPS`]. Those that are not used yet cost some memory each. Default: as many as there are at the beginning.
    pub fn partitions_max(mut self, partitions: NonZeroUsize) -> Self {
        self.partitions_max = Some(partitions);
        self
    }

    /// How long the state of a key is kept after its last record, by [`entity`](Self::entity) and
    /// [`process`](Self::process); windows know by themselves. Default: for ever. The next record of the key begins anew, and
    /// timers of state that is gone do not fire.
    pub fn time_to_live(mut self, time_to_live: TimeToLive) -> Self {
        self.time_to_live = time_to_live;
        self
    }

    /// What becomes of a record whose handler fails, in [`entity`](Self::entity) and [`process`](Self::process); likewise of
    /// a timer. Default: the job stops.
    ///
    /// With the other policies an error fails that record only. Nothing is undone: what the handler changed, emitted or set
    /// before it failed stays, and so does the state; a handler that may fail looks first and changes then. A panic is caught,
    /// too. Nobody knows what it has left half-done, so the state of that key goes, with its timers, and the next record of
    /// the key begins anew; other keys are not touched. A panic of what makes keys or new states still ends the job.
    ///
    /// ```
    /// use potoroo_actors::runtime::{Fault, System};
    /// use potoroo_actors::{DeadLetters, OnError, Pipeline, sink, source};
    ///
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new().dead_letters(DeadLetters::counted());
    /// pipeline
    ///     .source("payments", source::generate(1, |_| [(7, 30), (7, -5), (7, 12)].into_iter()))
    ///     .key_by(|(user, _): &(u32, i64)| *user)
    ///     .on_error(OnError::DeadLetters)
    ///     .entity("totals", |_| 0, |total: &mut i64, (_, amount), out| {
    ///         if amount < 0 {
    ///             return Err(Fault::new(format!("a payment of {amount}")));
    ///         }
    ///         *total += amount;
    ///         out.emit(*total);
    ///         Ok(())
    ///     })
    ///     .sink("out", sink::each(|total| assert!(total == 30 || total == 42)));
    /// let mut job = pipeline.start(&system);
    /// while job.wait_for(std::time::Duration::from_secs(1)).is_none() {}
    /// assert_eq!(job.status().stage("totals").map(|stage| stage.records_failed), Some(1));
    /// assert_eq!(job.dead_letters().count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// How dead letters of the stage show a record; without it they have its key. Called before the handler, which takes the
    /// record, so it costs for each record; with other policies than [`OnError::DeadLetters`] it is not called.
    pub fn record_text(mut self, show: impl Fn(&T) -> String + Send + Sync + 'static) -> Self {
        self.show = Some(Arc::new(show));
        self
    }

    /// One state per key, made by `init` on first sight of the key, and changed by `handler` alone: it gets the state of
    /// the record's key, the record, and a context to emit results with. Records of one key are handled one after the other.
    /// What an error comes to is said by [`on_error`](Self::on_error).
    pub fn entity<St, U, I, H>(self, name: impl Into<String>, init: I, handler: H) -> Stream<U>
    where
        St: Send + 'static,
        U: Send + 'static,
        I: Fn(&S::Key) -> St + Send + Sync + 'static,
        H: Fn(&mut St, T, &mut KeyContext<'_, S::Key, U>) -> Turn + Send + Sync + 'static,
        Q: Views<S::Key, St>,
    {
        self.process(name, Functions::<I, H, fn(St) -> U>::new(init, handler))
    }

    /// As [`entity`](Self::entity), for states that have collections: `init` is given the arena of the key's group to make them
    /// in. What they take is counted by [`StageStatus::memory`](crate::StageStatus::memory), dead bytes are moved away from, group by
    /// group, and all moves along when partitions become more or fewer.
    ///
    /// ```
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::runtime::arena::ArenaMap;
    /// use potoroo_actors::{Pipeline, sink, source};
    ///
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// pipeline
    ///     .source("visits", source::generate(1, |_| (0..90_u64).map(|n| (n % 3, n % 7))))
    ///     .key_by(|(user, _page)| *user)
    ///     .entity_in(
    ///         "pages",
    ///         |_user, arena| ArenaMap::new_in(arena),
    ///         |visits: &mut ArenaMap<u64, u32>, (user, page), out| {
    ///             let count = visits.get_or_insert_with(page, || 0);
    ///             *count += 1;
    ///             out.emit((user, page, *count));
    ///             Ok(())
    ///         },
    ///     )
    ///     .sink("out", sink::each(|(_user, _page, count)| assert!(count <= 5)));
    /// pipeline.start(&system).wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn entity_in<St, U, I, H>(self, name: impl Into<String>, init: I, handler: H) -> Stream<U>
    where
        St: Evacuate + Send + 'static,
        U: Send + 'static,
        I: Fn(&S::Key, &Arena) -> St + Send + Sync + 'static,
        H: Fn(&mut St, T, &mut KeyContext<'_, S::Key, U>) -> Turn + Send + Sync + 'static,
        Q: Views<S::Key, St>,
    {
        self.process(name, FunctionsIn::<I, H, fn(St) -> U>::new(init, handler))
    }

    /// One state per key, with handlers for records and for timers.
    pub fn process<P>(mut self, name: impl Into<String>, process: P) -> Stream<P::Out>
    where
        P: KeyedProcess<S::Key, T>,
        Q: Views<S::Key, P::State>,
    {
        let show = self.show.take();
        let make = move |setup| ProcessOperator::<S::Key, T, S, P, P::State>::new(process.clone(), &show, setup);
        self.stage(
            name.into(),
            NodeKind::Keyed,
            make,
            |partitions, routes, views: &Q, deploy| {
                let asking = Arc::new((partitions.clone(), routes.clone()));
                let show: Shower<S::Key, P::State> =
                    Arc::new(move |key, look| show_state::<T, S, P>(&asking, key, look));
                views.offer(Offered(&show), deploy);
            },
        )
    }

    /// A stage of operators; `offer` says to the job what may be asked of them.
    fn stage<O>(
        self,
        name: String,
        kind: NodeKind,
        make: impl Fn(Setup<S>) -> O + Send + Sync + 'static,
        offer: impl FnOnce(&Arc<[ActorRef<Stage<Routed<T>, O>>]>, &Arc<Routes>, &Q, &Deploy<'_, '_>) + Send + 'static,
    ) -> Stream<O::Out>
    where
        O: Operator<Routed<T>>,
    {
        let (actors, most) = (
            self.partitions.map(NonZeroUsize::get),
            self.partitions_max.map(NonZeroUsize::get),
        );
        let node = self.site.node(&name, kind, actors, &self.origin);
        let (slot, sides) = (Slot::new(), Sides::default());
        let stream = Stream::of_stage(slot.clone(), sides.clone(), self.site.clone(), node);
        let Self {
            branch,
            selector,
            time_to_live,
            on_error,
            views,
            ..
        } = self;
        self.site.plan(move |deploy| {
            let Some(ways) = Ways::of(&slot, &sides) else {
                return;
            };
            let actors = actors.unwrap_or(deploy.workers()).min(KEY_GROUPS);
            let most = most.unwrap_or(actors).clamp(actors, KEY_GROUPS);
            let how = (&selector, time_to_live, on_error);
            let partitions = Stage::<Routed<T>, O>::deploy(&name, (actors, most), ways, how, make, deploy);
            let routes = Arc::new(Routes::new(actors));
            offer(&partitions, &routes, &views, deploy);
            deploy.add_keyed_stage(KeyedStage {
                name,
                routes: routes.clone(),
                partitions: Stage::ways_into(&partitions),
                is_movable: O::MOVES_GROUPS,
            });
            let down = KeyedTo {
                partitions: Stage::ways_into(&partitions),
                selector,
                routes,
            };
            deploy.end_deployment_of(&down);
            branch.attach(&down, deploy);
        });
        stream
    }
}

/// The partitions of a stage of `P`, and who owns what.
type Asking<T, S, P> = Arc<(Arc<[ActorRef<ProcessStage<T, S, P>>]>, Arc<Routes>)>;
type ProcessStage<T, S, P> = Stage<Routed<T>, ProcessOperatorOf<T, S, P>>;
type ProcessOperatorOf<T, S, P> =
    ProcessOperator<<S as KeySelector<T>>::Key, T, S, P, <P as KeyedProcess<<S as KeySelector<T>>::Key, T>>::State>;

/// Shows the state of a key, where it is: while its group is under way, that is found out again after other turns.
fn show_state<T, S, P>(asking: &Asking<T, S, P>, key: S::Key, look: Box<dyn FnOnce(Option<&P::State>) + Send>)
where
    T: Send + 'static,
    S: KeySelector<T>,
    P: KeyedProcess<S::Key, T>,
{
    let hash = key.hash64();
    let owner = asking.1.owner(hash);
    let again = asking.clone();
    asking.0[usize::from(owner)].tell(StageMsg::Query(Box::new(
        move |operator: &mut ProcessOperatorOf<T, S, P>| {
            if again.1.is_at(hash, owner) {
                operator.show(hash, &key, look);
            } else {
                show_state::<T, S, P>(&again, key, look);
            }
        },
    )));
}

impl<T, S, B> KeyedStream<T, S, B>
where
    T: Send + 'static,
    S: KeySelector<T>,
    B: Branch<T>,
{
    /// Lets the states of the [`entity`](Self::entity) or [`process`](Self::process) that follows be asked for while the job
    /// runs: `view` makes an answer of a state. It is called by the partition that owns the key, between two of its turns, so
    /// it sees one whole state; it should be quick, for records wait meanwhile. A panic in it harms the question alone.
    ///
    /// Ask with [`Job::query`](crate::Job::query), or through [`Job::queries`](crate::Job::queries). State that has not been
    /// touched for its time to live may still be seen, until it is removed.
    ///
    /// ```
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::{Pipeline, QueryTag, sink, source};
    /// use potoroo_actors::source::Step;
    ///
    /// static TOTALS: QueryTag<u32, u64> = QueryTag::new("totals");
    ///
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// pipeline
    ///     .source("payments", source::steps(1, |_| {
    ///         [(7, 30), (8, 2), (7, 12)].map(Step::Record).into_iter().chain(std::iter::repeat(Step::Turn))
    ///     }))
    ///     .key_by(|(user, _): &(u32, u64)| *user)
    ///     .queryable(&TOTALS, |total: &u64| *total)
    ///     .entity("totals", |_| 0, |total, (_, amount), out| {
    ///         *total += amount;
    ///         out.emit(*total);
    ///         Ok(())
    ///     })
    ///     .sink("out", sink::each(|_| {}));
    /// let job = pipeline.start(&system);
    /// while job.query(&TOTALS, 7)? != Some(42) {}
    /// assert_eq!(job.query(&TOTALS, 9)?, None);
    /// job.drain();
    /// job.wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the pipeline has a stage with a tag of the same name.
    pub fn queryable<St, V, F>(self, tag: &QueryTag<S::Key, V>, view: F) -> KeyedStream<T, S, B, View<S::Key, St, V, F>>
    where
        St: 'static,
        V: Send + 'static,
        F: Fn(&St) -> V + Clone + Send + Sync + 'static,
    {
        self.site.queryable(tag.name());
        KeyedStream {
            branch: self.branch,
            selector: self.selector,
            partitions: self.partitions,
            partitions_max: self.partitions_max,
            time_to_live: self.time_to_live,
            on_error: self.on_error,
            show: self.show,
            views: View {
                tag: *tag,
                view,
                states: PhantomData,
            },
            site: self.site,
            origin: self.origin,
            records: PhantomData,
        }
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
        self.stage(name.into(), kind, make, |_, _, (), _| {})
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
            partitions_max: self.partitions_max.or(other.partitions_max),
            time_to_live: self.time_to_live,
            on_error: self.on_error,
            show: None,
            views: (),
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

impl<T, S, B, Q> fmt::Debug for KeyedStream<T, S, B, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyedStream<{}>", std::any::type_name::<T>())
    }
}
