//! Broadcast: records by key, and beside them a state that every partition has, made by a stream that all of them hear.
//!
//! Each partition keeps a replica, and changes it with every record of the broadcast stream, in the order of each of its edges.
//! Replicas are equal when they have heard the same; between a record of the one stream and one of the other there is no order.

use crate::element::{Either, Key, KeySelector, Routed, Timestamp};
use crate::operator::{KeyContext, KeyedProcess, Operator, Output, ProcessOperator, Progress, Setup, Timer};
use potoroo_runtime::arena::Arena;
use potoroo_runtime::{Fault, Turn};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// What a stage does with records of type `T`, key by key, and with a broadcast of `C`.
///
/// It is a [`KeyedProcess`] with a replica beside it, which the handlers of keys may read and that of the broadcast may change.
///
/// ```
/// use potoroo_actors::element::Timestamp;
/// use potoroo_actors::join::BroadcastProcess;
/// use potoroo_actors::runtime::{System, Turn};
/// use potoroo_actors::{KeyContext, Pipeline, sink, source};
///
/// /// Sums up, and gives the sums that exceed a limit, which may change.
/// #[derive(Clone)]
/// struct Limited;
///
/// impl BroadcastProcess<u32, (u32, u64), u64> for Limited {
///     type Shared = u64;
///     type State = u64;
///     type Out = (u32, u64);
///
///     fn shared(&mut self) -> u64 {
///         1000
///     }
///
///     fn state(&mut self, _user: &u32) -> u64 {
///         0
///     }
///
///     fn on_broadcast(&mut self, limit: &mut u64, new: u64, _: Timestamp) -> Turn {
///         *limit = new;
///         Ok(())
///     }
///
///     fn on_record(
///         &mut self,
///         sum: &mut u64,
///         (user, cents): (u32, u64),
///         limit: &u64,
///         ctx: &mut KeyContext<'_, u32, (u32, u64)>,
///     ) -> Turn {
///         *sum += cents;
///         if *sum > *limit {
///             ctx.emit((user, *sum));
///         }
///         Ok(())
///     }
/// }
///
/// let system = System::new()?;
/// let pipeline = Pipeline::new();
/// let limits = pipeline.source("limits", source::generate(1, |_| [2000_u64, 500].into_iter()));
/// pipeline
///     .source("orders", source::generate(1, |_| (0..5_u32).map(|user| (user, 3000))))
///     .key_by(|(user, _)| *user)
///     .with_broadcast(limits.broadcast())
///     .process("limited", Limited)
///     .sink("out", sink::each(|(_user, cents)| assert_eq!(cents, 3000)));
/// pipeline.start(&system).wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait BroadcastProcess<K: Key, T, C>: Clone + Send + Sync + 'static {
    /// What every partition has.
    type Shared: Clone + Send + Sync + 'static;
    /// What is kept for a key.
    type State: Send + 'static;
    /// What is given.
    type Out: Send + 'static;

    /// What a partition begins with.
    fn shared(&mut self) -> Self::Shared;

    /// The state of a key that has none yet.
    fn state(&mut self, key: &K) -> Self::State;

    /// A record of the broadcast stream. Every partition gets each, in the order of each edge; it should do the same in all of
    /// them. An error ends the job.
    fn on_broadcast(&mut self, shared: &mut Self::Shared, record: C, time: Timestamp) -> Turn;

    /// A record of a key. An error ends the job.
    fn on_record(
        &mut self,
        state: &mut Self::State,
        record: T,
        shared: &Self::Shared,
        ctx: &mut KeyContext<'_, K, Self::Out>,
    ) -> Turn;

    /// A timer of a key is due.
    fn on_timer(
        &mut self,
        timer: Timer,
        state: &mut Self::State,
        shared: &Self::Shared,
        ctx: &mut KeyContext<'_, K, Self::Out>,
    ) -> Turn {
        let _ = (timer, state, shared, ctx);
        Ok(())
    }
}

/// A process of keys with its replica.
struct WithShared<P, Sh, C> {
    process: P,
    shared: Sh,
    broadcast: PhantomData<fn(C)>,
}

impl<P: Clone, Sh: Clone, C> Clone for WithShared<P, Sh, C> {
    fn clone(&self) -> Self {
        Self {
            process: self.process.clone(),
            shared: self.shared.clone(),
            broadcast: PhantomData,
        }
    }
}

impl<K, T, C, P> KeyedProcess<K, T> for WithShared<P, P::Shared, C>
where
    K: Key,
    C: 'static,
    P: BroadcastProcess<K, T, C>,
{
    type State = P::State;
    type Out = P::Out;

    fn state(&mut self, key: &K, _: &Arena) -> P::State {
        self.process.state(key)
    }

    #[inline]
    fn on_record(&mut self, state: &mut P::State, record: T, ctx: &mut KeyContext<'_, K, P::Out>) -> Turn {
        self.process.on_record(state, record, &self.shared, ctx)
    }

    fn on_timer(&mut self, timer: Timer, state: &mut P::State, ctx: &mut KeyContext<'_, K, P::Out>) -> Turn {
        self.process.on_timer(timer, state, &self.shared, ctx)
    }
}

/// The operator of one partition: one of keys, to which the records between two of the broadcast go together.
pub(crate) struct BroadcastOperator<T, C, S, P>
where
    S: KeySelector<T>,
    P: BroadcastProcess<S::Key, T, C>,
{
    keys: ProcessOperator<S::Key, T, S, WithShared<P, P::Shared, C>, P::State>,
    records: Vec<Routed<T>>,
}

impl<T, C, S, P> BroadcastOperator<T, C, S, P>
where
    S: KeySelector<T>,
    P: BroadcastProcess<S::Key, T, C>,
{
    pub(crate) fn new(mut process: P, setup: Setup<S>) -> Self {
        let process = WithShared {
            shared: process.shared(),
            process,
            broadcast: PhantomData,
        };
        Self {
            keys: ProcessOperator::new(process, &None, setup),
            records: Vec::new(),
        }
    }
}

impl<T, C, S, P> Operator<Routed<Either<T, C>>> for BroadcastOperator<T, C, S, P>
where
    T: Send + 'static,
    C: Send + 'static,
    S: KeySelector<T>,
    P: BroadcastProcess<S::Key, T, C>,
{
    type Out = P::Out;

    fn batch(&mut self, records: &mut Vec<Routed<Either<T, C>>>, out: &mut Output<P::Out>) -> Turn {
        for Routed { hash, time, record } in records.drain(..) {
            match record {
                Either::Left(record) => self.records.push(Routed { hash, time, record }),
                Either::Right(record) => {
                    self.keys.batch(&mut self.records, out)?;
                    let WithShared { process, shared, .. } = self.keys.process_mut();
                    process.on_broadcast(shared, record, time)?;
                }
            }
        }
        self.keys.batch(&mut self.records, out)
    }

    fn watermark(&mut self, now: Timestamp, out: &mut Output<P::Out>) -> Result<Progress, Fault> {
        Operator::<Routed<T>>::watermark(&mut self.keys, now, out)
    }

    fn clock_due(&self) -> Option<Timestamp> {
        Operator::<Routed<T>>::clock_due(&self.keys)
    }

    fn clock(&mut self, now: Timestamp, out: &mut Output<P::Out>) -> Result<Progress, Fault> {
        Operator::<Routed<T>>::clock(&mut self.keys, now, out)
    }

    fn end(&mut self, out: &mut Output<P::Out>) -> Result<Progress, Fault> {
        Operator::<Routed<T>>::end(&mut self.keys, out)
    }

    fn keys(&self) -> usize {
        Operator::<Routed<T>>::keys(&self.keys)
    }
}

/// A process of two pairs of functions: what is there at first, and what a record does, for the broadcast and for keys.
pub(crate) struct BroadcastFunctions<A, B, I, H, Types> {
    functions: Arc<(A, B, I, H)>,
    types: PhantomData<fn() -> Types>,
}

impl<A, B, I, H, Types> BroadcastFunctions<A, B, I, H, Types> {
    pub(crate) fn new(shared: A, on_broadcast: B, state: I, on_record: H) -> Self {
        Self {
            functions: Arc::new((shared, on_broadcast, state, on_record)),
            types: PhantomData,
        }
    }
}

impl<A, B, I, H, Types> Clone for BroadcastFunctions<A, B, I, H, Types> {
    fn clone(&self) -> Self {
        Self {
            functions: self.functions.clone(),
            types: PhantomData,
        }
    }
}

impl<A, B, I, H, Types> fmt::Debug for BroadcastFunctions<A, B, I, H, Types> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastFunctions").finish_non_exhaustive()
    }
}

impl<K, T, C, Sh, St, U, A, B, I, H> BroadcastProcess<K, T, C> for BroadcastFunctions<A, B, I, H, (Sh, St, U)>
where
    K: Key,
    Sh: Clone + Send + Sync + 'static,
    St: Send + 'static,
    U: Send + 'static,
    A: Fn() -> Sh + Send + Sync + 'static,
    B: Fn(&mut Sh, C) -> Turn + Send + Sync + 'static,
    I: Fn(&K) -> St + Send + Sync + 'static,
    H: Fn(&mut St, T, &Sh, &mut KeyContext<'_, K, U>) -> Turn + Send + Sync + 'static,
{
    type Shared = Sh;
    type State = St;
    type Out = U;

    fn shared(&mut self) -> Sh {
        (self.functions.0)()
    }

    fn state(&mut self, key: &K) -> St {
        (self.functions.2)(key)
    }

    fn on_broadcast(&mut self, shared: &mut Sh, record: C, _: Timestamp) -> Turn {
        (self.functions.1)(shared, record)
    }

    #[inline]
    fn on_record(&mut self, state: &mut St, record: T, shared: &Sh, ctx: &mut KeyContext<'_, K, U>) -> Turn {
        (self.functions.3)(state, record, shared, ctx)
    }
}
