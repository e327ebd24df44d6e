//! One stream to all who read it, by reference.
//!
//! Whoever takes a shared stream reads the same batch, one after the other, in the actor that produces it, and copies what it
//! keeps of it and nothing else. It is ready when all its ways are: a slow reader slows the others.

use super::collector::{Collector, Downstream, Flow, Wiring};
use super::fork::flow_of_ways;
use super::outlet::batch_records;
use crate::element::{EdgeId, Grant, Mark, Timed, Timestamp};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

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
