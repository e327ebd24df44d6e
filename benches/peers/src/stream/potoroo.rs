//! The workloads on Potoroo, as a user writes them. The pipelines of Nexmark are the program's.

use super::Timed;
use super::market::{Feed, Market, Message, Rejected};
use super::words::{Lexicon, Word};
use potoroo::nexmark::generate::Events;
use potoroo::nexmark::total::Total;
use potoroo::nexmark::{self, Query};
use potoroo_actors::element::Key;
use potoroo_actors::sink::Sink;
use potoroo_actors::{Job, Pipeline, sink, source};
use potoroo_runtime::System;
use potoroo_runtime::sys::process::cpu_time;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a system may take to come to rest when its job has ended.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(5);

/// Runs a job on a system of its own. The clock runs from the beginning of the job to its end; `start` gives the job, and how its
/// total is to be had then.
fn timed<T: FnOnce() -> Total>(workers: usize, start: impl FnOnce(&System) -> (Job, T)) -> Timed {
    let system = System::builder()
        .workers(workers)
        .build()
        .unwrap_or_else(|error| panic!("cannot start {workers} workers: {error}"));
    let (since, cpu) = (Instant::now(), cpu_time());
    let (job, total) = start(&system);
    job.wait().unwrap_or_else(|error| panic!("the job failed: {error}"));
    let (took, cpu) = (since.elapsed(), cpu_time().saturating_sub(cpu));
    // What does not come to rest goes with the process.
    let _ = system.shutdown_within(SHUTDOWN_WITHIN);
    Timed {
        total: total(),
        took,
        cpu,
    }
}

/// What the sinks have added up.
#[derive(Clone, Default)]
struct Sum(Arc<Mutex<Total>>);

impl Sum {
    fn get(&self) -> Total {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sink that adds up what `value` gives of each record.
    fn of<T: Send + 'static>(&self, value: impl Fn(&T) -> u64 + Clone + Send + Sync + 'static) -> impl Sink<T> {
        let all = self.0.clone();
        sink::fold(
            Total::default,
            move |total: &mut Total, record: T| total.add(value(&record)),
            move |part| all.lock().unwrap_or_else(PoisonError::into_inner).add_all(part),
        )
    }
}

/// Word count by words that are copied.
pub(super) fn words<W: Word + Key + Copy>(lexicon: Arc<Lexicon<W>>, records: u64, workers: usize) -> Timed {
    timed(workers, move |system| {
        let (pipeline, sum) = (Pipeline::new(), Sum::default());
        pipeline
            .source(
                "words",
                source::generate(workers, move |instance| lexicon.text(records, instance, workers)),
            )
            .key_by(|word| *word)
            .entity(
                "counts",
                |_| 0,
                |count: &mut u64, word, out| {
                    *count += 1;
                    out.emit((word, *count));
                    Ok(())
                },
            )
            .sink("results", sum.of(|(_, count): &(W, u64)| *count));
        (pipeline.start(system), move || sum.get())
    })
}

/// Word count by text.
pub(super) fn words_str(lexicon: Arc<Lexicon<String>>, records: u64, workers: usize) -> Timed {
    timed(workers, move |system| {
        let (pipeline, sum) = (Pipeline::new(), Sum::default());
        pipeline
            .source(
                "words",
                source::generate(workers, move |instance| lexicon.text(records, instance, workers)),
            )
            .key_by_ref(String::as_str)
            .entity(
                "counts",
                |_| 0,
                |count: &mut u64, word, out| {
                    *count += 1;
                    out.emit((word, *count));
                    Ok(())
                },
            )
            .sink("results", sum.of(|(_, count): &(String, u64)| *count));
        (pipeline.start(system), move || sum.get())
    })
}

/// Market spread.
pub(super) fn market(records: u64, workers: usize) -> Timed {
    timed(workers, move |system| {
        let (pipeline, sum) = (Pipeline::new(), Sum::default());
        pipeline
            .source(
                "feed",
                source::generate(workers, move |instance| Feed::new(records, instance, workers)),
            )
            .key_by(Message::symbol)
            .entity(
                "markets",
                |_| Market::default(),
                |market: &mut Market, message, out| {
                    if let Some(rejected) = market.take(message) {
                        out.emit(rejected);
                    }
                    Ok(())
                },
            )
            .sink("rejected", sum.of(|rejected: &Rejected| rejected.id));
        (pipeline.start(system), move || sum.get())
    })
}

/// A query of Nexmark, with a source and a partition for each worker.
pub(super) fn nexmark(query: Query, sources: Vec<Events>) -> Timed {
    let workers = NonZeroUsize::new(sources.len()).expect("there is a source");
    timed(workers.get(), move |system| {
        let (job, total) = nexmark::start(query, system, sources, workers);
        (job, move || total.get())
    })
}
