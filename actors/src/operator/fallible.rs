//! A stateless step that may fail, fused like the others.
//!
//! Its policy is that of stages: stop, skip, dead letters. What a record gives is handed on when its handler has succeeded, so a
//! failed record gives nothing. A panic is caught and is a failure like others, since there is no state that it could leave
//! half-done. When the job is to stop, the step hands on nothing more, not even the end: no sink behind it may believe that it
//! has everything.

use crate::element::{EdgeId, Grant, Mark, Timestamp};
use crate::exchange::{Collector, Downstream, Flow, Wiring};
use crate::job::{Deploy, Failures, JobMsg, JobShared, OnError, Show, contained};
use potoroo_runtime::{Recipient, Turn};
use std::marker::PhantomData;
use std::sync::Arc;

/// What the copies of a step have in common.
pub(crate) struct Attempting<T> {
    name: Arc<str>,
    on_error: OnError,
    show: Show<T>,
    shared: JobShared,
    job: Recipient<JobMsg>,
}

impl<T> Attempting<T> {
    pub(crate) fn new(name: &str, on_error: OnError, show: Show<T>, deploy: &Deploy<'_, '_>) -> Self {
        Self {
            name: name.into(),
            on_error,
            show: show.filter(|_| on_error == OnError::DeadLetters),
            shared: deploy.shared().clone(),
            job: deploy.job(),
        }
    }
}

/// The plan of a step that may fail. `f` puts what it makes of a record into the list.
pub(crate) struct TryTo<F, D, T, U> {
    pub(crate) f: F,
    pub(crate) attempting: Arc<Attempting<T>>,
    pub(crate) next: D,
    pub(crate) types: PhantomData<fn(T) -> U>,
}

impl<F: Clone, D: Clone, T, U> Clone for TryTo<F, D, T, U> {
    fn clone(&self) -> Self {
        Self {
            f: self.f.clone(),
            attempting: self.attempting.clone(),
            next: self.next.clone(),
            types: PhantomData,
        }
    }
}

impl<F, D, T, U> Downstream<T> for TryTo<F, D, T, U>
where
    F: Fn(T, &mut Vec<U>) -> Turn + Clone + Send + Sync + 'static,
    D: Downstream<U>,
    T: Send + 'static,
    U: Send + 'static,
{
    type Collector = Try<F, D::Collector, T, U>;

    fn open(&self, edge: EdgeId) {
        self.next.open(edge);
    }

    fn idle(&self, edge: EdgeId) {
        self.next.idle(edge);
    }

    fn close(&self, edge: EdgeId) {
        self.next.close(edge);
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Self::Collector {
        let attempting = self.attempting.clone();
        let shared = &attempting.shared;
        let failures = Failures {
            on_error: attempting.on_error,
            stage: attempting.name.clone(),
            dead_letters: shared.dead_letters.clone(),
            counters: shared.registry.counters(&attempting.name),
        };
        Try {
            f: self.f.clone(),
            attempting,
            failures,
            given: Vec::new(),
            records: (0, 0),
            stopped: false,
            next: self.next.connect(edge, wiring),
        }
    }
}

/// See [`TryTo`].
pub(crate) struct Try<F, C, T, U> {
    f: F,
    attempting: Arc<Attempting<T>>,
    failures: Failures,
    /// What the present record gives.
    given: Vec<U>,
    /// Taken in and handed on, since the counters were told.
    records: (u64, u64),
    /// The job is to stop.
    stopped: bool,
    next: C,
}

impl<F, C, T, U> Try<F, C, T, U> {
    fn count(&mut self) {
        let (taken, handed) = std::mem::take(&mut self.records);
        self.failures.counters.records_in.add(taken);
        self.failures.counters.records_out.add(handed);
    }
}

impl<F, C, T, U> Flow for Try<F, C, T, U>
where
    F: Send + 'static,
    C: Flow,
    T: 'static,
    U: Send + 'static,
{
    fn mark(&mut self, mark: Mark) {
        if !self.stopped {
            self.next.mark(mark);
        }
    }

    #[inline]
    fn is_ready(&self) -> bool {
        !self.stopped && self.next.is_ready()
    }

    fn flush(&mut self) {
        self.count();
        if !self.stopped {
            self.next.flush();
        }
    }

    fn granted(&mut self, grant: Grant) -> Option<Grant> {
        self.next.granted(grant)
    }

    fn end(&mut self) {
        self.count();
        if !self.stopped {
            self.next.end();
        }
    }

    fn has_ended(&self) -> bool {
        self.next.has_ended()
    }

    fn batches_in_flight(&self) -> usize {
        self.next.batches_in_flight()
    }
}

impl<F, C, T, U> Collector<T> for Try<F, C, T, U>
where
    F: Fn(T, &mut Vec<U>) -> Turn + Send + 'static,
    C: Collector<U>,
    T: Send + 'static,
    U: Send + 'static,
{
    #[inline]
    fn collect(&mut self, record: T, time: Timestamp) {
        if self.stopped {
            return;
        }
        let text = self.attempting.show.as_ref().map(|show| show(&record));
        let Self { f, given, next, .. } = self;
        let outcome = contained(|| f(record, given));
        self.records.0 += 1;
        match outcome {
            Ok(()) => {
                self.records.1 += given.len() as u64;
                for out in given.drain(..) {
                    next.collect(out, time);
                }
            }
            Err(failure) => {
                given.clear();
                if let Err(fault) = self.failures.take(None, text.as_deref(), time, failure) {
                    self.stopped = true;
                    let name = &self.attempting.name;
                    self.attempting
                        .job
                        .tell(JobMsg::Failed(format!("stage '{name}' failed: fault: {fault}")));
                }
            }
        }
    }
}
