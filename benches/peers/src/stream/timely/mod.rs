//! The workloads on timely dataflow.
//!
//! Each worker has a source of its own: 1,000 records, then it says how far it has come; it waits when 64 such batches are on their
//! way. Workers step until the dataflow has ended, which includes dropping what it kept. Containers are timely's own, `Vec`s of
//! 8 KiB, and records are exchanged by key where there is state by key.

mod market;
mod nexmark;
mod windows;
mod words;

pub(super) use market::market;
pub(super) use nexmark::nexmark;
pub(super) use words::words;

use super::Timed;
use ::timely::container::CapacityContainerBuilder;
use ::timely::dataflow::channels::pact::Pipeline;
use ::timely::dataflow::operators::Probe;
use ::timely::dataflow::operators::generic::{Operator, source};
use ::timely::dataflow::operators::probe::Handle;
use ::timely::dataflow::{Scope, StreamVec};
use ::timely::progress::frontier::MutableAntichain;
use potoroo::nexmark::total::Total;
use potoroo_runtime::sys::process::cpu_time;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::time::Instant;

/// How many records a source gives at once.
const BATCH: usize = 1000;

/// How many batches may be on their way before the source waits.
const BATCHES_UNDER_WAY: usize = 64;

/// What a worker's sink has added up, and how far it has come.
#[derive(Clone)]
struct Results {
    total: Rc<RefCell<Total>>,
    probe: Handle<u64>,
}

impl Results {
    /// Ends a stream: adds up what `value` gives of each record.
    fn add_up<T: 'static>(&self, records: StreamVec<'_, u64, T>, value: impl Fn(&T) -> u64 + 'static) {
        let sum = self.total.clone();
        records
            .unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(Pipeline, "results", move |_, _| {
                move |input, _| {
                    input.for_each_stamp(|_, batches| {
                        let mut total = sum.borrow_mut();
                        for record in batches.flat_map(|batch| batch.drain(..)) {
                            total.add(value(&record));
                        }
                    });
                }
            })
            .probe_with(&self.probe);
    }

    /// Begins a stream with `records`. `time` says when what comes next happens, given the number of batches before it.
    fn read<'scope, I>(
        &self,
        scope: Scope<'scope, u64>,
        mut records: I,
        mut time: impl FnMut(&I::Item, u64) -> u64 + 'static,
    ) -> StreamVec<'scope, u64, I::Item>
    where
        I: Iterator<Item: 'static> + 'static,
    {
        let probe = self.probe.clone();
        source(scope, "source", move |capability, info| {
            let activator = scope.activator_for(info.address);
            let mut next = records.next();
            let mut capability = Some(capability);
            let mut under_way = VecDeque::new();
            let mut batches = 0;
            move |output| {
                let Some(now) = &mut capability else {
                    return;
                };
                while under_way.front().is_some_and(|time| !probe.less_equal(time)) {
                    under_way.pop_front();
                }
                if under_way.len() < BATCHES_UNDER_WAY {
                    if let Some(first) = next.take() {
                        let mut session = output.session(now);
                        session.give(first);
                        session.give_iterator(records.by_ref().take(BATCH - 1));
                    }
                    under_way.push_back(*now.time());
                    batches += 1;
                    next = records.next();
                    match &next {
                        Some(record) => now.downgrade(&time(record, batches)),
                        None => {
                            capability = None;
                            return;
                        }
                    }
                }
                activator.activate();
            }
        })
    }
}

/// The time of records that have none: batches are counted.
fn by_batch<T>(_: &T, batches: u64) -> u64 {
    batches
}

/// Where a frontier is, in milliseconds.
fn reached(frontier: &MutableAntichain<u64>) -> i64 {
    frontier.frontier().first().map_or(i64::MAX, |time| time.cast_signed())
}

/// On which worker a number is at home.
#[inline]
fn route(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
}

/// A record that changes workers of one process only: it is moved, and never written down.
struct InProcess<T>(T);

impl<T> Serialize for InProcess<T> {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("the workers are one process"))
    }
}

impl<'de, T> Deserialize<'de> for InProcess<T> {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("the workers are one process"))
    }
}

/// Says, unless it was told that all went well, that a worker has failed: the others would wait for it for ever.
struct Whole(Arc<AtomicBool>, bool);

impl Drop for Whole {
    fn drop(&mut self) {
        self.0.fetch_or(!self.1, Ordering::Relaxed);
    }
}

/// Runs a dataflow with a worker for each of `inputs`. The clock runs from when all workers are there to when all have ended.
fn timed<I: Send + 'static>(
    inputs: Vec<I>,
    build: impl for<'scope> Fn(Scope<'scope, u64>, I, &Results) + Send + Sync + 'static,
) -> Timed {
    let workers = inputs.len();
    let config = if workers == 1 {
        ::timely::Config::thread()
    } else {
        ::timely::Config::process(workers)
    };
    let inputs: Mutex<Vec<Option<I>>> = Mutex::new(inputs.into_iter().map(Some).collect());
    let barrier = Barrier::new(workers);
    let failed = Arc::new(AtomicBool::new(false));
    let guards = ::timely::execute(config, move |worker| {
        let input = inputs.lock().unwrap_or_else(PoisonError::into_inner)[worker.index()].take();
        let input = input.expect("each worker is made once");
        let results = Results {
            total: Rc::default(),
            probe: Handle::new(),
        };
        barrier.wait();
        let (since, cpu) = (Instant::now(), cpu_time());
        worker.dataflow(|scope| build(scope, input, &results));
        let mut whole = Whole(failed.clone(), false);
        while worker.has_dataflows() {
            worker.step();
            assert!(!failed.load(Ordering::Relaxed), "another worker has failed");
        }
        whole.1 = true;
        barrier.wait();
        let (took, cpu) = (since.elapsed(), cpu_time().saturating_sub(cpu));
        let total = *results.total.borrow();
        Timed { total, took, cpu }
    });
    let of_workers = guards
        .unwrap_or_else(|error| panic!("timely does not start: {error}"))
        .join();
    let of_workers = of_workers
        .into_iter()
        .map(|one| one.unwrap_or_else(|error| panic!("timely: {error}")));
    of_workers
        .reduce(|mut all, one| {
            all.total.add_all(one.total);
            // All of the process, each time.
            all.cpu = all.cpu.max(one.cpu);
            all.took = all.took.max(one.took);
            all
        })
        .expect("there is a worker")
}
