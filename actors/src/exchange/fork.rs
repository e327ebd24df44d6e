//! One stream to several: each record to one of them.
//!
//! A fork is part of its producer; records are moved. It is ready when all its ways are: a slow one slows the others.

use super::collector::{Collector, Downstream, Flow, Wiring};
use super::port::{Through, ToPort};
use crate::element::{EdgeId, Either, Grant, Mark, Timestamp};
use std::marker::PhantomData;
use std::sync::Arc;

/// Passes a grant from one to the next until somebody knows it.
pub(super) fn granted<'a>(ways: impl IntoIterator<Item = &'a mut dyn Flow>, grant: Grant) -> Option<Grant> {
    let mut left = Some(grant);
    for way in ways {
        left = way.granted(left?);
    }
    left
}

/// What all forks have in common; each has `gather`, which hands on what it holds back, and `ways`.
macro_rules! flow_of_ways {
    () => {
        fn mark(&mut self, mark: Mark) {
            self.gather();
            self.ways().for_each(|way| way.mark(mark));
        }

        fn flush(&mut self) {
            self.gather();
            self.ways().for_each(|way| way.flush());
        }

        fn granted(&mut self, grant: Grant) -> Option<Grant> {
            $crate::exchange::fork::granted(self.ways(), grant)
        }

        fn end(&mut self) {
            self.gather();
            self.ways().for_each(|way| way.end());
        }
    };
}

pub(super) use flow_of_ways;

/// Each record to one of two streams of types of their own.
pub(crate) struct SplitTo<T, F, L, R> {
    pub(crate) f: F,
    pub(crate) left: ToPort<L>,
    pub(crate) right: ToPort<R>,
    pub(crate) records: PhantomData<fn(T)>,
}

impl<T, F: Clone, L, R> Clone for SplitTo<T, F, L, R> {
    fn clone(&self) -> Self {
        Self {
            f: self.f.clone(),
            left: self.left.clone(),
            right: self.right.clone(),
            records: PhantomData,
        }
    }
}

impl<T, F, L, R> Downstream<T> for SplitTo<T, F, L, R>
where
    T: Send + 'static,
    L: Send + 'static,
    R: Send + 'static,
    F: Fn(T) -> Either<L, R> + Clone + Send + Sync + 'static,
{
    type Collector = Split<T, F, L, R>;

    fn open(&self, edge: EdgeId) {
        self.left.open(edge.branch(0));
        self.right.open(edge.branch(1));
    }

    fn idle(&self, edge: EdgeId) {
        self.left.idle(edge.branch(0));
        self.right.idle(edge.branch(1));
    }

    fn close(&self, edge: EdgeId) {
        self.left.close(edge.branch(0));
        self.right.close(edge.branch(1));
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Self::Collector {
        Split {
            f: self.f.clone(),
            left: self.left.connect(edge.branch(0), wiring),
            right: self.right.connect(edge.branch(1), wiring),
            records: PhantomData,
        }
    }
}

/// See [`SplitTo`].
pub(crate) struct Split<T, F, L, R> {
    f: F,
    left: Through<L>,
    right: Through<R>,
    records: PhantomData<fn(T)>,
}

impl<T, F, L: Send + 'static, R: Send + 'static> Split<T, F, L, R> {
    /// Each way holds its own back.
    fn gather(&mut self) {}

    fn ways(&mut self) -> impl Iterator<Item = &mut dyn Flow> {
        [&mut self.left as &mut dyn Flow, &mut self.right as &mut dyn Flow].into_iter()
    }
}

impl<T, F, L, R> Flow for Split<T, F, L, R>
where
    T: Send + 'static,
    F: Send + 'static,
    L: Send + 'static,
    R: Send + 'static,
{
    flow_of_ways!();

    fn is_ready(&self) -> bool {
        self.left.is_ready() && self.right.is_ready()
    }

    fn has_ended(&self) -> bool {
        self.left.has_ended() && self.right.has_ended()
    }

    fn batches_in_flight(&self) -> usize {
        self.left.batches_in_flight() + self.right.batches_in_flight()
    }
}

impl<T, F, L, R> Collector<T> for Split<T, F, L, R>
where
    T: Send + 'static,
    L: Send + 'static,
    R: Send + 'static,
    F: Fn(T) -> Either<L, R> + Send + 'static,
{
    #[inline]
    fn collect(&mut self, record: T, time: Timestamp) {
        match (self.f)(record) {
            Either::Left(record) => self.left.collect(record, time),
            Either::Right(record) => self.right.collect(record, time),
        }
    }
}

/// Each record to one of several streams of the same type.
pub(crate) struct BranchTo<T, F> {
    pub(crate) f: F,
    pub(crate) ways: Arc<[ToPort<T>]>,
}

impl<T, F: Clone> Clone for BranchTo<T, F> {
    fn clone(&self) -> Self {
        Self {
            f: self.f.clone(),
            ways: self.ways.clone(),
        }
    }
}

impl<T, F> Downstream<T> for BranchTo<T, F>
where
    T: Send + 'static,
    F: Fn(&T) -> usize + Clone + Send + Sync + 'static,
{
    type Collector = Branching<T, F>;

    fn open(&self, edge: EdgeId) {
        self.ways
            .iter()
            .enumerate()
            .for_each(|(at, way)| way.open(edge.branch(at)));
    }

    fn idle(&self, edge: EdgeId) {
        self.ways
            .iter()
            .enumerate()
            .for_each(|(at, way)| way.idle(edge.branch(at)));
    }

    fn close(&self, edge: EdgeId) {
        self.ways
            .iter()
            .enumerate()
            .for_each(|(at, way)| way.close(edge.branch(at)));
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Self::Collector {
        let ways = self.ways.iter().enumerate();
        Branching {
            f: self.f.clone(),
            ways: ways.map(|(at, way)| way.connect(edge.branch(at), wiring)).collect(),
        }
    }
}

/// See [`BranchTo`].
pub(crate) struct Branching<T, F> {
    f: F,
    ways: Vec<Through<T>>,
}

impl<T: Send + 'static, F> Branching<T, F> {
    /// Each way holds its own back.
    fn gather(&mut self) {}

    fn ways(&mut self) -> impl Iterator<Item = &mut dyn Flow> {
        self.ways.iter_mut().map(|way| way as &mut dyn Flow)
    }
}

impl<T: Send + 'static, F: Send + 'static> Flow for Branching<T, F> {
    flow_of_ways!();

    fn is_ready(&self) -> bool {
        self.ways.iter().all(Flow::is_ready)
    }

    fn has_ended(&self) -> bool {
        self.ways.iter().all(Flow::has_ended)
    }

    fn batches_in_flight(&self) -> usize {
        self.ways.iter().map(Flow::batches_in_flight).sum()
    }
}

impl<T, F> Collector<T> for Branching<T, F>
where
    T: Send + 'static,
    F: Fn(&T) -> usize + Send + 'static,
{
    #[inline]
    fn collect(&mut self, record: T, time: Timestamp) {
        let way = (self.f)(&record);
        assert!(
            way < self.ways.len(),
            "a record for branch {way} of {}",
            self.ways.len()
        );
        self.ways[way].collect(record, time);
    }
}
