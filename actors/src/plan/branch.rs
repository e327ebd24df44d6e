//! The steps of a stream, each of which knows how to put itself into place.
//!
//! A branch is attached from its end: it is told what comes after it, builds its own part around that, and attaches what
//! comes before. Everything is typed, so the compiler sees a whole fused chain at once.

use crate::element::KEY_GROUPS;
use crate::element::Key;
use crate::exchange::{Downstream, KeyedTo};
use crate::job::Deploy;
use crate::operator::{Emitter, EntityStage, FilterTo, FlatMapTo, MapTo, Partition};
use crate::source::Source;
use potoroo_runtime::Turn;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::Arc;

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

/// A fused step that changes records.
#[derive(Debug)]
pub struct MapBranch<B, F, T> {
    before: B,
    f: F,
    records: PhantomData<fn(T)>,
}

impl<B, F, T> MapBranch<B, F, T> {
    pub(super) fn new(before: B, f: F) -> Self {
        Self {
            before,
            f,
            records: PhantomData,
        }
    }
}

impl<T, U, B, F> Branch<U> for MapBranch<B, F, T>
where
    T: Send + 'static,
    U: Send + 'static,
    B: Branch<T>,
    F: Fn(T) -> U + Clone + Send + Sync + 'static,
{
    fn attach<D: Downstream<U>>(self, down: &D, deploy: &mut Deploy<'_, '_>) {
        let map = MapTo {
            f: self.f,
            next: down.clone(),
            types: PhantomData,
        };
        self.before.attach(&map, deploy);
    }
}

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

/// A fused step that makes any number of records of one.
#[derive(Debug)]
pub struct FlatMapBranch<B, F, T> {
    before: B,
    f: F,
    records: PhantomData<fn(T)>,
}

impl<B, F, T> FlatMapBranch<B, F, T> {
    pub(super) fn new(before: B, f: F) -> Self {
        Self {
            before,
            f,
            records: PhantomData,
        }
    }
}

impl<T, U, B, F> Branch<U> for FlatMapBranch<B, F, T>
where
    T: Send + 'static,
    U: Send + 'static,
    B: Branch<T>,
    F: Fn(T, &mut dyn FnMut(U)) + Clone + Send + Sync + 'static,
{
    fn attach<D: Downstream<U>>(self, down: &D, deploy: &mut Deploy<'_, '_>) {
        let flat_map = FlatMapTo {
            f: self.f,
            next: down.clone(),
            types: PhantomData,
        };
        self.before.attach(&flat_map, deploy);
    }
}

/// A stage of state entities: the end of one fused chain and the beginning of the next.
pub struct EntityBranch<B, K, T, F, S, I, H> {
    before: B,
    name: String,
    key_of: F,
    partitions: Option<NonZeroUsize>,
    stage: EntityStage<I, H>,
    types: PhantomData<fn(K, T) -> S>,
}

impl<B, K, T, F, S, I, H> EntityBranch<B, K, T, F, S, I, H> {
    pub(super) fn new(
        before: B,
        name: String,
        key_of: F,
        partitions: Option<NonZeroUsize>,
        init: I,
        handler: H,
    ) -> Self {
        Self {
            before,
            name,
            key_of,
            partitions,
            stage: EntityStage { init, handler },
            types: PhantomData,
        }
    }
}

impl<B, K, T, F, S, I, H> std::fmt::Debug for EntityBranch<B, K, T, F, S, I, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EntityBranch")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<B, K, T, U, F, S, I, H> Branch<U> for EntityBranch<B, K, T, F, S, I, H>
where
    B: Branch<T>,
    K: Key,
    T: Send + 'static,
    U: Send + 'static,
    S: Send + 'static,
    F: Fn(&T) -> K + Clone + Send + Sync + 'static,
    I: Fn(&K) -> S + Send + Sync + 'static,
    H: Fn(&mut S, T, &mut Emitter<U>) -> Turn + Send + Sync + 'static,
{
    fn attach<D: Downstream<U>>(self, down: &D, deploy: &mut Deploy<'_, '_>) {
        let stage = Arc::new(self.stage);
        let count = self
            .partitions
            .map_or(deploy.workers(), NonZeroUsize::get)
            .min(KEY_GROUPS);
        let partitions = (0..count)
            .map(|worker| {
                let edge = deploy.announce(down);
                let counters = deploy.counters(&self.name);
                let (stage, down) = (stage.clone(), down.clone());
                let actor = deploy.spawn(&self.name, worker, move |ctx| {
                    Partition::<K, T, U, S, I, H, D::Collector>::new(stage, &down, edge, counters, ctx)
                });
                Partition::input(&actor)
            })
            .collect();
        let keyed = KeyedTo {
            partitions,
            key_of: self.key_of,
        };
        deploy.end_deployment_of::<T, _>(&keyed);
        self.before.attach(&keyed, deploy);
    }
}
