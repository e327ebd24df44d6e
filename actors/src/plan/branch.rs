//! The steps of a stream, each of which knows how to put itself into place.
//!
//! A branch is attached from its end: it is told what comes after it, builds its own part around that, and attaches what
//! comes before. Everything is typed, so the compiler sees a whole fused chain at once. A [`Port`] ends a chain: behind it is
//! a stage with actors of its own, or a fork.

use crate::element::{Either, Timestamp};
use crate::exchange::{Alarm, AlignTo, Alignment, Downstream, Sides, SilenceTo, Slot, Taps};
use crate::job::Deploy;
use crate::operator::timestamps::Timestamps;
use crate::operator::{FilterMapTo, FilterTo, FlatMapTo, MapTimedTo, MapTo, TimestampsTo};
use crate::source::Source;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// A chain of steps that gives records of type `T`.
pub trait Branch<T>: Send + 'static {
    /// Puts the chain into place, in front of `down`.
    fn attach<D: Downstream<T>>(self, down: &D, deploy: &mut Deploy<'_, '_>);
}

/// The head of a stream.
#[derive(Debug)]
pub struct SourceBranch<S> {
    pub(super) name: String,
    pub(super) source: S,
}

impl<S: Source> Branch<S::Record> for SourceBranch<S> {
    fn attach<D: Downstream<S::Record>>(self, down: &D, deploy: &mut Deploy<'_, '_>) {
        self.source.deploy(&self.name, down, deploy);
    }
}

/// The head of a stream whose source is idle after a silence.
#[derive(Debug)]
pub struct SilenceBranch<S> {
    pub(super) name: String,
    pub(super) source: S,
    pub(super) silence: Duration,
}

impl<S: Source> Branch<S::Record> for SilenceBranch<S> {
    fn attach<D: Downstream<S::Record>>(self, down: &D, deploy: &mut Deploy<'_, '_>) {
        let worker = deploy.next_worker();
        let alarm = deploy.spawn(&self.name, worker, |_| Ok(Alarm));
        let silence = SilenceTo {
            silence: self.silence,
            alarm: alarm.recipient(),
            next: down.clone(),
        };
        self.source.deploy(&self.name, &silence, deploy);
    }
}

/// What comes out of a stage.
pub struct Port<T> {
    pub(super) slot: Slot<T>,
    /// The stage's other outputs, and its number; a fork has none.
    pub(super) stage: Option<(Sides, usize)>,
}

impl<T> fmt::Debug for Port<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Port<{}>", std::any::type_name::<T>())
    }
}

impl<T: Send + 'static> Branch<T> for Port<T> {
    fn attach<D: Downstream<T>>(self, down: &D, _: &mut Deploy<'_, '_>) {
        self.slot.fill(down);
    }
}

/// What somebody takes of a shared stream.
pub struct Picked<T, F> {
    pub(super) taps: Taps<T>,
    pub(super) f: F,
}

impl<T, F> fmt::Debug for Picked<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picked<{}>", std::any::type_name::<T>())
    }
}

impl<T, U, F> Branch<U> for Picked<T, F>
where
    T: Send + 'static,
    U: Send + 'static,
    F: Fn(&T) -> Option<U> + Clone + Send + Sync + 'static,
{
    fn attach<D: Downstream<U>>(self, down: &D, _: &mut Deploy<'_, '_>) {
        self.taps.add(self.f, down);
    }
}

/// Two streams as one.
#[derive(Debug)]
pub struct Merged<B, C> {
    pub(super) first: B,
    pub(super) second: C,
}

impl<T, B: Branch<T>, C: Branch<T>> Branch<T> for Merged<B, C> {
    fn attach<D: Downstream<T>>(self, down: &D, deploy: &mut Deploy<'_, '_>) {
        self.first.attach(down, deploy);
        self.second.attach(down, deploy);
    }
}

/// Two streams of different types as one.
pub struct Connected<B, C, L, R> {
    pub(super) left: B,
    pub(super) right: C,
    pub(super) types: PhantomData<fn() -> (L, R)>,
}

impl<B, C, L, R> fmt::Debug for Connected<B, C, L, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected").finish_non_exhaustive()
    }
}

impl<L, R, B, C> Branch<Either<L, R>> for Connected<B, C, L, R>
where
    L: Send + 'static,
    R: Send + 'static,
    B: Branch<L>,
    C: Branch<R>,
{
    fn attach<D: Downstream<Either<L, R>>>(self, down: &D, deploy: &mut Deploy<'_, '_>) {
        let left = MapTo {
            f: Either::<L, R>::Left,
            next: down.clone(),
            types: PhantomData,
        };
        self.left.attach(&left, deploy);
        let right = MapTo {
            f: Either::<L, R>::Right,
            next: down.clone(),
            types: PhantomData,
        };
        self.right.attach(&right, deploy);
    }
}

/// Declares one fused step: its branch, and the plan of its collector.
macro_rules! step_branch {
    ($(#[$doc:meta])* $Branch:ident, $Plan:ident, ($($bound:tt)+), $Out:ty) => {
        $(#[$doc])*
        pub struct $Branch<B, F, T> {
            before: B,
            f: F,
            records: PhantomData<fn(T)>,
        }

        impl<B, F, T> $Branch<B, F, T> {
            pub(super) fn new(before: B, f: F) -> Self {
                Self { before, f, records: PhantomData }
            }
        }

        impl<B, F, T> fmt::Debug for $Branch<B, F, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($Branch)).finish_non_exhaustive()
            }
        }

        impl<T, U, B, F> Branch<U> for $Branch<B, F, T>
        where
            T: Send + 'static,
            U: Send + 'static,
            B: Branch<T>,
            F: $($bound)+ + Clone + Send + Sync + 'static,
        {
            fn attach<D: Downstream<U>>(self, down: &D, deploy: &mut Deploy<'_, '_>) {
                let step = $Plan { f: self.f, next: down.clone(), types: PhantomData };
                self.before.attach(&step, deploy);
            }
        }
    };
}

step_branch!(
    /// A fused step that changes records.
    MapBranch, MapTo, (Fn(T) -> U), U
);

step_branch!(
    /// A fused step that changes records and sees their times.
    MapTimedBranch, MapTimedTo, (Fn(T, Timestamp) -> U), U
);

step_branch!(
    /// A fused step that changes some records and leaves out the others.
    FilterMapBranch, FilterMapTo, (Fn(T) -> Option<U>), U
);

step_branch!(
    /// A fused step that makes any number of records of one.
    FlatMapBranch, FlatMapTo, (Fn(T, &mut dyn FnMut(U))), U
);

/// A fused step that keeps some records.
#[derive(Debug)]
pub struct FilterBranch<B, F> {
    pub(super) before: B,
    pub(super) f: F,
}

impl<T, B, F> Branch<T> for FilterBranch<B, F>
where
    T: Send + 'static,
    B: Branch<T>,
    F: Fn(&T) -> bool + Clone + Send + Sync + 'static,
{
    fn attach<D: Downstream<T>>(self, down: &D, deploy: &mut Deploy<'_, '_>) {
        let filter: FilterTo<F, D, T, T> = FilterTo {
            f: self.f,
            next: down.clone(),
            types: PhantomData,
        };
        self.before.attach(&filter, deploy);
    }
}

/// A fused step that gives records their event time.
#[derive(Debug)]
pub struct TimestampsBranch<B, S> {
    pub(super) before: B,
    pub(super) strategy: S,
}

impl<T, B, S> Branch<T> for TimestampsBranch<B, S>
where
    T: Send + 'static,
    B: Branch<T>,
    S: Timestamps<T>,
{
    fn attach<D: Downstream<T>>(self, down: &D, deploy: &mut Deploy<'_, '_>) {
        let stamping = TimestampsTo {
            strategy: self.strategy,
            next: down.clone(),
        };
        self.before.attach(&stamping, deploy);
    }
}

/// A fused step that keeps together with other sources.
#[derive(Debug)]
pub struct AlignBranch<B> {
    pub(super) before: B,
    pub(super) alignment: Alignment,
}

impl<T, B> Branch<T> for AlignBranch<B>
where
    T: Send + 'static,
    B: Branch<T>,
{
    fn attach<D: Downstream<T>>(self, down: &D, deploy: &mut Deploy<'_, '_>) {
        let aligned = AlignTo {
            alignment: self.alignment,
            next: down.clone(),
        };
        self.before.attach(&aligned, deploy);
    }
}
