//! How many results there were, and the sum over them.
//!
//! The sink adds up where the results arise, and sends what came together when its stream ends: a query whose results are only
//! counted should cost nothing but the query.

use potoroo_actors::Deploy;
use potoroo_actors::element::{EdgeId, Grant, Mark, Timestamp};
use potoroo_actors::exchange::{Collector, Downstream, Flow, Outlet, ToOne, Wiring};
use potoroo_actors::sink::{Sink, each};
use std::sync::{Arc, Mutex, PoisonError};

/// A number of results and the sum of what each counts for, wrapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// How many.
    pub out: u64,
    /// The sum.
    pub chk: u64,
}

impl Total {
    /// One more.
    #[inline]
    pub fn add(&mut self, value: u64) {
        self.out += 1;
        self.chk = self.chk.wrapping_add(value);
    }

    /// What another has, too.
    pub fn add_all(&mut self, other: Self) {
        self.out += other.out;
        self.chk = self.chk.wrapping_add(other.chk);
    }
}

/// Where the total of a job is to be had once the job has ended.
#[derive(Clone, Debug, Default)]
pub struct SharedTotal(Arc<Mutex<Total>>);

impl SharedTotal {
    /// What has come together.
    #[must_use]
    pub fn get(&self) -> Total {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sink that adds up what `value` gives of each record.
    pub fn sum<F>(&self, value: F) -> SumSink<F> {
        SumSink {
            value,
            total: self.clone(),
        }
    }
}

/// See [`SharedTotal::sum`].
#[derive(Debug)]
pub struct SumSink<F> {
    value: F,
    total: SharedTotal,
}

impl<T, F> Sink<T> for SumSink<F>
where
    T: Send + 'static,
    F: Fn(&T) -> u64 + Clone + Send + Sync + 'static,
{
    type Down = SumTo<F>;

    fn deploy(self, name: &str, deploy: &mut Deploy<'_, '_>) -> SumTo<F> {
        let total = self.total.0;
        let parts = each(move |part: Total| total.lock().unwrap_or_else(PoisonError::into_inner).add_all(part));
        SumTo {
            value: self.value,
            next: parts.deploy(name, deploy),
        }
    }
}

/// The way into the sink.
#[derive(Clone, Debug)]
pub struct SumTo<F> {
    value: F,
    next: ToOne<Total>,
}

impl<T, F> Downstream<T> for SumTo<F>
where
    T: Send + 'static,
    F: Fn(&T) -> u64 + Clone + Send + Sync + 'static,
{
    type Collector = SumUp<F>;

    fn open(&self, edge: EdgeId) {
        self.next.open(edge);
    }

    fn idle(&self, edge: EdgeId) {
        self.next.idle(edge);
    }

    fn close(&self, edge: EdgeId) {
        self.next.close(edge);
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> SumUp<F> {
        SumUp {
            value: self.value.clone(),
            part: Some(Total::default()),
            next: self.next.connect(edge, wiring),
        }
    }
}

/// Adds up the results of one producer.
#[derive(Debug)]
pub struct SumUp<F> {
    value: F,
    /// Gone when it was sent.
    part: Option<Total>,
    next: Outlet<Total>,
}

impl<F: Send + 'static> Flow for SumUp<F> {
    fn mark(&mut self, _: Mark) {}

    #[inline]
    fn is_ready(&self) -> bool {
        true
    }

    fn flush(&mut self) {}

    fn granted(&mut self, grant: Grant) -> Option<Grant> {
        Flow::granted(&mut self.next, grant)
    }

    fn end(&mut self) {
        if let Some(part) = self.part.take() {
            self.next.collect(part, Timestamp::MIN);
        }
        Flow::end(&mut self.next);
    }

    fn has_ended(&self) -> bool {
        Flow::has_ended(&self.next)
    }

    fn batches_in_flight(&self) -> usize {
        Flow::batches_in_flight(&self.next)
    }
}

impl<T, F> Collector<T> for SumUp<F>
where
    T: Send + 'static,
    F: Fn(&T) -> u64 + Send + 'static,
{
    #[inline]
    fn collect(&mut self, record: T, _: Timestamp) {
        let value = (self.value)(&record);
        if let Some(part) = &mut self.part {
            part.add(value);
        }
    }
}
