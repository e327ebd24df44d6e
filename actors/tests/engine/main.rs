//! The stream engine from outside: results against naive models, order, bounds, ends and failures.

mod bounds;
mod connectors;
mod ends;
mod event_time;
mod follow;
mod formats;
mod graphs;
mod results;
mod sinks;
mod timers;
mod window_models;
mod windows;

use potoroo_runtime::System;
use std::sync::{Arc, Mutex};

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
