//! A sink without an actor: what comes is folded where it is produced.
//!
//! Each producer folds for itself, in the loop that produces; nothing is sent. For counts, sums and check values, at the cost
//! of the function and no more.

use super::Sink;
use crate::element::{EdgeId, Grant, Mark, Timestamp};
use crate::exchange::{Collector, Downstream, Flow, Inputs, Wiring};
use crate::job::{Deploy, JobMsg, JobShared, StageCounters};
use potoroo_runtime::Recipient;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

/// Folds records where they are produced. See [`fold`].
pub struct FoldSink<I, F, D, S> {
    init: I,
    fold: F,
    done: D,
    folded: PhantomData<fn() -> S>,
}

impl<I, F, D, S> fmt::Debug for FoldSink<I, F, D, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FoldSink<{}>", std::any::type_name::<S>())
    }
}

/// A sink that has each producer fold its records, from what `init` gives, by `fold`, and gives the end of it to `done`.
///
/// ```
/// use potoroo_actors::runtime::System;
/// use potoroo_actors::{Pipeline, sink, source};
/// use std::sync::mpsc;
///
/// let system = System::new()?;
/// let (tell, sums) = mpsc::channel();
/// let pipeline = Pipeline::new();
/// pipeline
///     .source("numbers", source::generate(4, |_| 0..1000_u64))
///     .filter(|n| n % 2 == 0)
///     .sink("sums", sink::fold(|| 0, |sum: &mut u64, n: u64| *sum += n, move |sum| tell.send(sum).expect("heard")));
/// pipeline.start(&system).wait()?;
/// assert_eq!(sums.into_iter().sum::<u64>(), 4 * 249_500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fold<T, S, I, F, D>(init: I, fold: F, done: D) -> FoldSink<I, F, D, S>
where
    I: Fn() -> S,
    F: Fn(&mut S, T),
    D: Fn(S),
{
    FoldSink {
        init,
        fold,
        done,
        folded: PhantomData,
    }
}

impl<T, S, I, F, D> Sink<T> for FoldSink<I, F, D, S>
where
    T: Send + 'static,
    S: Send + 'static,
    I: Fn() -> S + Send + Sync + 'static,
    F: Fn(&mut S, T) + Clone + Send + Sync + 'static,
    D: Fn(S) + Send + Sync + 'static,
{
    type Down = FoldTo<I, F, D, S>;

    fn deploy(self, name: &str, deploy: &mut Deploy<'_, '_>) -> Self::Down {
        deploy.expect_sink();
        FoldTo {
            shared: Arc::new(Shared {
                init: self.init,
                done: self.done,
                inputs: Mutex::new(Inputs::new()),
                name: name.to_owned(),
                of_job: deploy.shared().clone(),
                job: deploy.job(),
            }),
            fold: self.fold,
            folded: PhantomData,
        }
    }
}

/// What the producers share; the lock is taken at their beginnings and ends.
struct Shared<I, D> {
    init: I,
    done: D,
    inputs: Mutex<Inputs>,
    name: String,
    of_job: JobShared,
    job: Recipient<JobMsg>,
}

impl<I, D> Shared<I, D> {
    fn ended(&self, edge: EdgeId) {
        if self.inputs.lock().unwrap_or_else(PoisonError::into_inner).ended(edge) {
            self.job.tell(JobMsg::SinkFinished);
        }
    }
}

/// The way into a fold.
pub struct FoldTo<I, F, D, S> {
    shared: Arc<Shared<I, D>>,
    fold: F,
    folded: PhantomData<fn() -> S>,
}

impl<I, F, D, S> fmt::Debug for FoldTo<I, F, D, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FoldTo<{}>", std::any::type_name::<S>())
    }
}

impl<I, F: Clone, D, S> Clone for FoldTo<I, F, D, S> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            fold: self.fold.clone(),
            folded: PhantomData,
        }
    }
}

impl<T, S, I, F, D> Downstream<T> for FoldTo<I, F, D, S>
where
    T: Send + 'static,
    S: Send + 'static,
    I: Fn() -> S + Send + Sync + 'static,
    F: Fn(&mut S, T) + Clone + Send + Sync + 'static,
    D: Fn(S) + Send + Sync + 'static,
{
    type Collector = Folding<I, F, D, S>;

    fn open(&self, edge: EdgeId) {
        self.shared
            .inputs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .opened(edge);
    }

    fn idle(&self, _: EdgeId) {}

    fn close(&self, edge: EdgeId) {
        self.shared.ended(edge);
    }

    fn connect(&self, edge: EdgeId, _: &mut Wiring) -> Self::Collector {
        Folding {
            folded: Some((self.shared.init)()),
            records: 0,
            counters: self.shared.of_job.registry.counters(&self.shared.name),
            fold: self.fold.clone(),
            edge,
            shared: self.shared.clone(),
        }
    }
}

/// The part of one producer.
pub struct Folding<I, F, D, S> {
    /// Gone when the producer has ended.
    folded: Option<S>,
    /// Not yet counted.
    records: u64,
    counters: Arc<StageCounters>,
    fold: F,
    edge: EdgeId,
    shared: Arc<Shared<I, D>>,
}

impl<I, F, D, S> fmt::Debug for Folding<I, F, D, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Folding<{}>", std::any::type_name::<S>())
    }
}

impl<S, I, F, D> Flow for Folding<I, F, D, S>
where
    S: Send + 'static,
    I: Send + Sync + 'static,
    F: Send + 'static,
    D: Fn(S) + Send + Sync + 'static,
{
    fn mark(&mut self, _: Mark) {}

    #[inline]
    fn is_ready(&self) -> bool {
        true
    }

    fn flush(&mut self) {
        let records = std::mem::take(&mut self.records);
        self.counters.records_in.add(records);
        self.counters.records_out.add(records);
    }

    fn granted(&mut self, grant: Grant) -> Option<Grant> {
        Some(grant)
    }

    fn end(&mut self) {
        if let Some(folded) = self.folded.take() {
            self.flush();
            (self.shared.done)(folded);
            self.shared.ended(self.edge);
        }
    }

    fn has_ended(&self) -> bool {
        self.folded.is_none()
    }

    fn batches_in_flight(&self) -> usize {
        0
    }
}

impl<T, S, I, F, D> Collector<T> for Folding<I, F, D, S>
where
    T: Send + 'static,
    S: Send + 'static,
    I: Send + Sync + 'static,
    F: Fn(&mut S, T) + Send + 'static,
    D: Fn(S) + Send + Sync + 'static,
{
    #[inline]
    fn collect(&mut self, record: T, _: Timestamp) {
        if let Some(folded) = &mut self.folded {
            self.records += 1;
            (self.fold)(folded, record);
        }
    }
}
