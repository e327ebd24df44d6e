//! The place between two parts of a graph that are made at different times.
//!
//! A stage knows what it gives before anybody says who takes it: it leaves a [`Slot`], and whoever takes the stream puts its
//! way in there. At this place, and only here, a batch is handed on through a pointer. What nobody takes is dropped.

use super::collector::{Collector, Downstream, Flow, Wiring};
use super::outlet::batch_records;
use crate::element::{EdgeId, Grant, Mark, Timed, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};

/// A [`Downstream`] of a type that is not known.
pub(super) trait AnyDownstream<T>: Send + Sync {
    fn open(&self, edge: EdgeId);
    fn idle(&self, edge: EdgeId);
    fn close(&self, edge: EdgeId);
    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Box<dyn Collector<T>>;
}

impl<T: 'static, D: Downstream<T>> AnyDownstream<T> for D {
    fn open(&self, edge: EdgeId) {
        Downstream::open(self, edge);
    }

    fn idle(&self, edge: EdgeId) {
        Downstream::idle(self, edge);
    }

    fn close(&self, edge: EdgeId) {
        Downstream::close(self, edge);
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Box<dyn Collector<T>> {
        Box::new(Downstream::connect(self, edge, wiring))
    }
}

/// Where the taker of a stream puts its way in.
pub(crate) struct Slot<T>(Arc<Mutex<Option<Arc<dyn AnyDownstream<T>>>>>);

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: 'static> Slot<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// Somebody takes the stream.
    pub(crate) fn fill<D: Downstream<T>>(&self, down: &D) {
        let taken: Arc<dyn AnyDownstream<T>> = Arc::new(down.clone());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(taken);
    }

    /// The way to whoever takes the stream, if anybody does.
    pub(crate) fn way(&self) -> ToPort<T> {
        ToPort(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// A way of a type that is not known: a batch at a time goes on through a pointer. For what comes before, to be compiled once
/// whatever comes after.
pub struct ToPort<T>(Option<Arc<dyn AnyDownstream<T>>>);

impl<T> std::fmt::Debug for ToPort<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ToPort<{}>", std::any::type_name::<T>())
    }
}

impl<T: 'static> ToPort<T> {
    /// The way `down`, without its type.
    pub fn new<D: Downstream<T>>(down: &D) -> Self {
        Self(Some(Arc::new(down.clone())))
    }
}

impl<T> ToPort<T> {
    /// Whether somebody takes the stream.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.is_some()
    }
}

impl<T> Clone for ToPort<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + 'static> Downstream<T> for ToPort<T> {
    type Collector = Through<T>;

    fn open(&self, edge: EdgeId) {
        if let Some(down) = &self.0 {
            down.open(edge);
        }
    }

    fn idle(&self, edge: EdgeId) {
        if let Some(down) = &self.0 {
            down.idle(edge);
        }
    }

    fn close(&self, edge: EdgeId) {
        if let Some(down) = &self.0 {
            down.close(edge);
        }
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Through<T> {
        Through {
            records: Vec::new(),
            to: self.0.as_ref().map(|down| down.connect(edge, wiring)),
            ended: false,
        }
    }
}

/// Gathers records and hands them on a batch at a time.
pub struct Through<T> {
    records: Vec<Timed<T>>,
    to: Option<Box<dyn Collector<T>>>,
    ended: bool,
}

impl<T> std::fmt::Debug for Through<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Through")
            .field("records", &self.records.len())
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Through<T> {
    fn hand_on(&mut self) {
        match &mut self.to {
            Some(to) if !self.records.is_empty() => to.collect_all(&mut self.records),
            _ => self.records.clear(),
        }
    }
}

impl<T: Send + 'static> Flow for Through<T> {
    fn mark(&mut self, mark: Mark) {
        self.hand_on();
        if let Some(to) = &mut self.to {
            to.mark(mark);
        }
    }

    #[inline]
    fn is_ready(&self) -> bool {
        self.to.as_ref().is_none_or(|to| to.is_ready())
    }

    fn flush(&mut self) {
        self.hand_on();
        if let Some(to) = &mut self.to {
            to.flush();
        }
    }

    fn granted(&mut self, grant: Grant) -> Option<Grant> {
        match &mut self.to {
            Some(to) => to.granted(grant),
            None => Some(grant),
        }
    }

    fn end(&mut self) {
        self.hand_on();
        self.ended = true;
        if let Some(to) = &mut self.to {
            to.end();
        }
    }

    fn has_ended(&self) -> bool {
        self.to.as_ref().map_or(self.ended, |to| to.has_ended())
    }

    fn batches_in_flight(&self) -> usize {
        self.to.as_ref().map_or(0, |to| to.batches_in_flight())
    }
}

impl<T: Send + 'static> Collector<T> for Through<T> {
    #[inline]
    fn collect(&mut self, record: T, time: Timestamp) {
        self.records.push(Timed { time, record });
        if self.records.len() >= const { batch_records::<Timed<T>>() } {
            self.hand_on();
        }
    }

    fn collect_all(&mut self, records: &mut Vec<Timed<T>>) {
        self.hand_on();
        match &mut self.to {
            Some(to) => to.collect_all(records),
            None => records.clear(),
        }
    }
}
