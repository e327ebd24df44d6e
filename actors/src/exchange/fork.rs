//! One stream to several: each record to one of them, or to all by reference.
//!
//! A fork is part of its producer. Whoever takes a shared stream reads the same batch, one after the other, and copies what it
//! keeps of it and nothing else. A fork is ready when all its ways are: a slow one slows the others.

use super::collector::{Collector, Downstream, Flow, Wiring};
use super::outlet::batch_records;
use super::port::{Through, ToPort};
use crate::element::{EdgeId, Either, Grant, Mark, Timed, Timestamp};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

/// Passes a grant from one to the next until somebody knows it.
fn granted<'a>(ways: impl IntoIterator<Item = &'a mut dyn Flow>, grant: Grant) -> Option<Grant> {
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
            granted(self.ways(), grant)
        }

        fn end(&mut self) {
            self.gather();
            self.ways().for_each(|way| way.end());
        }
    };
}

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

/// Reads batches that are shared.
pub(crate) trait Tap<T>: Flow {
    /// Takes from these records what is wanted.
    fn take(&mut self, records: &[Timed<T>]);
}

/// The plan of a tap.
trait AnyTap<T>: Send + Sync {
    fn open(&self, edge: EdgeId);
    fn idle(&self, edge: EdgeId);
    fn close(&self, edge: EdgeId);
    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Box<dyn Tap<T>>;
}

/// Where those who share a stream put their ways in.
pub(crate) struct Taps<T>(Arc<Mutex<Vec<Arc<dyn AnyTap<T>>>>>);

impl<T> Clone for Taps<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + 'static> Taps<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// One more takes what `f` gives of each record.
    pub(crate) fn add<U, F, D>(&self, f: F, down: &D)
    where
        U: 'static,
        F: Fn(&T) -> Option<U> + Clone + Send + Sync + 'static,
        D: Downstream<U>,
    {
        let tap = PickTo {
            f,
            next: down.clone(),
            picked: PhantomData,
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::new(tap));
    }

    /// The way to all of them, if there are any.
    pub(crate) fn way(&self) -> Option<ShareTo<T>> {
        let taps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!taps.is_empty()).then(|| ShareTo {
            taps: taps.as_slice().into(),
        })
    }
}

struct PickTo<F, D, U> {
    f: F,
    next: D,
    picked: PhantomData<fn() -> U>,
}

impl<T, U, F, D> AnyTap<T> for PickTo<F, D, U>
where
    T: Send + 'static,
    U: 'static,
    F: Fn(&T) -> Option<U> + Clone + Send + Sync + 'static,
    D: Downstream<U>,
{
    fn open(&self, edge: EdgeId) {
        self.next.open(edge);
    }

    fn idle(&self, edge: EdgeId) {
        self.next.idle(edge);
    }

    fn close(&self, edge: EdgeId) {
        self.next.close(edge);
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Box<dyn Tap<T>> {
        Box::new(Pick {
            f: self.f.clone(),
            next: self.next.connect(edge, wiring),
            picked: PhantomData::<fn() -> U>,
        })
    }
}

/// Takes what `f` gives of each record.
struct Pick<F, C, U> {
    f: F,
    next: C,
    picked: PhantomData<fn() -> U>,
}

impl<F: Send + 'static, C: Flow, U: 'static> Flow for Pick<F, C, U> {
    fn mark(&mut self, mark: Mark) {
        self.next.mark(mark);
    }

    fn is_ready(&self) -> bool {
        self.next.is_ready()
    }

    fn flush(&mut self) {
        self.next.flush();
    }

    fn granted(&mut self, grant: Grant) -> Option<Grant> {
        self.next.granted(grant)
    }

    fn end(&mut self) {
        self.next.end();
    }

    fn has_ended(&self) -> bool {
        self.next.has_ended()
    }

    fn batches_in_flight(&self) -> usize {
        self.next.batches_in_flight()
    }
}

impl<T, U, F, C> Tap<T> for Pick<F, C, U>
where
    U: 'static,
    F: Fn(&T) -> Option<U> + Send + 'static,
    C: Collector<U>,
{
    fn take(&mut self, records: &[Timed<T>]) {
        for Timed { time, record } in records {
            if let Some(picked) = (self.f)(record) {
                self.next.collect(picked, *time);
            }
        }
    }
}

/// All records to everybody.
pub(crate) struct ShareTo<T> {
    taps: Arc<[Arc<dyn AnyTap<T>>]>,
}

impl<T> Clone for ShareTo<T> {
    fn clone(&self) -> Self {
        Self {
            taps: self.taps.clone(),
        }
    }
}

impl<T: Send + 'static> Downstream<T> for ShareTo<T> {
    type Collector = Sharing<T>;

    fn open(&self, edge: EdgeId) {
        self.taps
            .iter()
            .enumerate()
            .for_each(|(at, tap)| tap.open(edge.branch(at)));
    }

    fn idle(&self, edge: EdgeId) {
        self.taps
            .iter()
            .enumerate()
            .for_each(|(at, tap)| tap.idle(edge.branch(at)));
    }

    fn close(&self, edge: EdgeId) {
        self.taps
            .iter()
            .enumerate()
            .for_each(|(at, tap)| tap.close(edge.branch(at)));
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Self::Collector {
        let taps = self.taps.iter().enumerate();
        Sharing {
            records: Vec::new(),
            taps: taps.map(|(at, tap)| tap.connect(edge.branch(at), wiring)).collect(),
        }
    }
}

/// See [`ShareTo`].
pub(crate) struct Sharing<T> {
    records: Vec<Timed<T>>,
    taps: Vec<Box<dyn Tap<T>>>,
}

impl<T: Send + 'static> Sharing<T> {
    fn ways(&mut self) -> impl Iterator<Item = &mut dyn Flow> {
        self.taps.iter_mut().map(|tap| &mut **tap as &mut dyn Flow)
    }

    fn gather(&mut self) {
        if !self.records.is_empty() {
            for tap in &mut self.taps {
                tap.take(&self.records);
            }
            self.records.clear();
        }
    }
}

impl<T: Send + 'static> Flow for Sharing<T> {
    flow_of_ways!();

    fn is_ready(&self) -> bool {
        self.taps.iter().all(|tap| tap.is_ready())
    }

    fn has_ended(&self) -> bool {
        self.taps.iter().all(|tap| tap.has_ended())
    }

    fn batches_in_flight(&self) -> usize {
        self.taps.iter().map(|tap| tap.batches_in_flight()).sum()
    }
}

impl<T: Send + 'static> Collector<T> for Sharing<T> {
    #[inline]
    fn collect(&mut self, record: T, time: Timestamp) {
        self.records.push(Timed { time, record });
        if self.records.len() >= const { batch_records::<Timed<T>>() } {
            self.gather();
        }
    }

    fn collect_all(&mut self, records: &mut Vec<Timed<T>>) {
        self.gather();
        for tap in &mut self.taps {
            tap.take(records);
        }
        records.clear();
    }
}
