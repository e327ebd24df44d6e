//! What stages do besides handling records: failures that are survived, calls that are waited for, states that are asked
//! for, aggregates that begin before the exchange.

mod arenas;
mod calls;
mod errors;
mod pre_aggregate;
mod queries;

use potoroo_actors::element::{Mark, Timestamp};
use potoroo_actors::runtime::System;
use potoroo_actors::source::Step;
use potoroo_actors::{Job, JobError, JobStatus};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A system whose failures are the test's business and not the terminal's.
fn system(workers: usize) -> System {
    System::builder()
        .workers(workers)
        .on_failure(|_, _, _| {})
        .build()
        .expect("starts")
}

/// Collects what a sink is given.
struct Collected<T>(Arc<Mutex<Vec<T>>>);

impl<T: Send + 'static> Collected<T> {
    fn new() -> Self {
        Self(Arc::default())
    }

    /// A closure for `sink::each`.
    fn taker(&self) -> impl FnMut(T) + Send + use<T> {
        let all = self.0.clone();
        move |record| all.lock().expect("no panic").push(record)
    }

    fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

/// Waits for a job; gives its outcome and what it has done.
fn finish(mut job: Job) -> (Result<(), JobError>, JobStatus) {
    loop {
        if let Some(outcome) = job.wait_for(Duration::from_secs(10)) {
            return (outcome, job.status());
        }
    }
}

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

fn watermark<T>(nanos: i64) -> Step<T> {
    Step::Mark(Mark::Watermark(at(nanos)))
}
