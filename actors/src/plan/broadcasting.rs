//! A stream with keys beside one that all partitions hear.

use super::branch::Branch;
use super::building::Origin;
use super::graph::NodeKind;
use super::keyed::KeyedStream;
use super::stream::Stream;
use crate::element::{Either, KEY_GROUPS, KeySelector, Routed};
use crate::exchange::{BesideTo, BroadcastTo, Routes, Sides, Slot};
use crate::job::KeyedStage;
use crate::join::{BroadcastFunctions, BroadcastOperator, BroadcastProcess};
use crate::operator::{KeyContext, Stage, Ways};
use potoroo_runtime::Turn;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// A stream on its way to all partitions of a stage: what [`Stream::broadcast`] makes.
#[must_use = "a broadcast needs a stage"]
pub struct BroadcastStream<C, B> {
    branch: B,
    origin: Origin,
    records: PhantomData<fn() -> C>,
}

impl<C, B> BroadcastStream<C, B> {
    pub(super) fn new(branch: B, origin: Origin) -> Self {
        Self {
            branch,
            origin,
            records: PhantomData,
        }
    }
}

impl<C, B> fmt::Debug for BroadcastStream<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BroadcastStream<{}>", std::any::type_name::<C>())
    }
}

/// Records with a key, and a stream that all partitions hear, on their way to a stage.
#[must_use = "a stream with a broadcast needs a stage"]
pub struct WithBroadcast<T, S, B, C, D> {
    keyed: KeyedStream<T, S, B>,
    broadcast: BroadcastStream<C, D>,
}

impl<T, S, B> KeyedStream<T, S, B>
where
    T: Send + 'static,
    S: KeySelector<T>,
    B: Branch<T>,
{
    /// Beside the records of this stream, every partition hears each record of another: rules, prices, a configuration.
    ///
    /// The watermark of the stage is the lesser of the two, as with any two inputs: a broadcast that is quiet for long should
    /// come from a source that declares itself idle. Each partition hears the broadcast in the order of each of its edges, so
    /// with one producer all replicas go through the same states. Which of these states a record meets depends on which stream
    /// was faster, and is not the same in the next run; where it must be, join [as of](crate::Joining::as_of) the record's
    /// time.
    ///
    /// ```
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::{Pipeline, sink, source};
    /// use std::collections::BTreeSet;
    ///
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// let blocked = pipeline.source("blocked", source::generate(1, |_| [7_u32, 8].into_iter()));
    /// pipeline
    ///     .source("orders", source::generate(1, |_| (0..1000_u32).map(|n| (n % 10, n))))
    ///     .key_by(|(user, _)| *user)
    ///     .with_broadcast(blocked.broadcast())
    ///     .entity(
    ///         "allowed",
    ///         BTreeSet::new,
    ///         |blocked: &mut BTreeSet<u32>, user| {
    ///             blocked.insert(user);
    ///             Ok(())
    ///         },
    ///         |_user| 0,
    ///         |count: &mut u64, (user, order), blocked: &BTreeSet<u32>, out| {
    ///             if !blocked.contains(&user) {
    ///                 *count += 1;
    ///                 out.emit((user, order, *count));
    ///             }
    ///             Ok(())
    ///         },
    ///     )
    ///     .sink("out", sink::each(|(user, order, _count)| assert_eq!(order % 10, user)));
    /// pipeline.start(&system).wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_broadcast<C, D>(self, broadcast: BroadcastStream<C, D>) -> WithBroadcast<T, S, B, C, D>
    where
        C: Clone + Send + 'static,
        D: Branch<C>,
    {
        WithBroadcast { keyed: self, broadcast }
    }
}

impl<T, S, B, C, D> WithBroadcast<T, S, B, C, D>
where
    T: Send + 'static,
    S: KeySelector<T>,
    B: Branch<T>,
    C: Clone + Send + 'static,
    D: Branch<C>,
{
    /// A stage with one state per key, and one that every partition has: `shared` makes it, `on_broadcast` changes it with each
    /// record of the broadcast, and `on_record` may read it. An error of a handler ends the job.
    pub fn entity<Sh, St, U, A, N, I, H>(
        self,
        name: impl Into<String>,
        shared: A,
        on_broadcast: N,
        state: I,
        on_record: H,
    ) -> Stream<U>
    where
        Sh: Clone + Send + Sync + 'static,
        St: Send + 'static,
        U: Send + 'static,
        A: Fn() -> Sh + Send + Sync + 'static,
        N: Fn(&mut Sh, C) -> Turn + Send + Sync + 'static,
        I: Fn(&S::Key) -> St + Send + Sync + 'static,
        H: Fn(&mut St, T, &Sh, &mut KeyContext<'_, S::Key, U>) -> Turn + Send + Sync + 'static,
    {
        let functions: BroadcastFunctions<A, N, I, H, (Sh, St, U)> =
            BroadcastFunctions::new(shared, on_broadcast, state, on_record);
        self.process(name, functions)
    }

    /// A stage with one state per key and one that every partition has, with handlers for both streams and for timers.
    pub fn process<P>(self, name: impl Into<String>, process: P) -> Stream<P::Out>
    where
        P: BroadcastProcess<S::Key, T, C>,
    {
        let name = name.into();
        let Self { keyed, broadcast } = self;
        let KeyedStream {
            branch,
            selector,
            partitions,
            time_to_live,
            on_error,
            site,
            origin,
            ..
        } = keyed;
        let actors = partitions.map(NonZeroUsize::get);
        let node = site.node(&name, NodeKind::Keyed, actors, &origin.merge(broadcast.origin));
        let (slot, sides) = (Slot::new(), Sides::default());
        let stream = Stream::of_stage(slot.clone(), sides.clone(), site.clone(), node);
        site.plan(move |deploy| {
            let Some(ways) = Ways::of(&slot, &sides) else {
                return;
            };
            let actors = actors.unwrap_or(deploy.workers()).min(KEY_GROUPS);
            let make = move |setup| BroadcastOperator::<T, C, S, P>::new(process.clone(), setup);
            let partitions = Stage::<Routed<Either<T, C>>, BroadcastOperator<T, C, S, P>>::deploy(
                &name,
                (actors, actors),
                ways,
                (&selector, time_to_live, on_error),
                make,
                deploy,
            );
            deploy.add_keyed_stage(KeyedStage {
                name,
                routes: Arc::new(Routes::new(actors)),
                partitions: Stage::ways_into(&partitions),
                is_movable: false,
            });
            let all = BroadcastTo {
                partitions: Stage::ways_into(&partitions),
            };
            let by_key = BesideTo {
                partitions: Stage::ways_into(&partitions),
                selector,
            };
            // One deployment, although there are two ways in.
            deploy.end_deployment_of(&by_key);
            broadcast.branch.attach(&all, deploy);
            branch.attach(&by_key, deploy);
        });
        stream
    }
}

impl<T, S, B, C, D> fmt::Debug for WithBroadcast<T, S, B, C, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithBroadcast")
            .field("records", &self.keyed)
            .field("broadcast", &self.broadcast)
            .finish()
    }
}
