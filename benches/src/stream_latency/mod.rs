//! How long records take through a pipeline of the stream engine: when nothing else is to be done, at a rate, beside a hot
//! key, and beside a slow sink.
//!
//! Where there is a rate, the loop is open: record `i` is due `i / rate` after the start, and its latency is from when it
//! was *due* until the sink has it, so what holds the source up counts too. All figures include what the machine does
//! meanwhile. It lacks a network: nothing comes through the kernel here.

pub mod hot_key;
pub mod idle;
pub mod open_loop;
pub mod slow_sink;

use hdrhistogram::Histogram;
use potoroo_runtime::sys::process::cpu_time;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Longer than any latency, in nanoseconds.
const LATENCY_NS_MAX: u64 = 600_000_000_000;

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// What was done, and which of its latencies these are.
    pub name: String,
    /// In nanoseconds.
    pub latencies: Histogram<u64>,
    /// CPU time of the workers per second, if it was measured.
    pub cpu: Option<f64>,
}

/// An empty histogram of nanoseconds.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(LATENCY_NS_MAX, 3).expect("3 digits are allowed")
}

/// Notes what took so long.
fn note(histogram: &mut Histogram<u64>, took: Duration) {
    histogram.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
}

/// What a sink has noted, of some classes of records; told when the sink ends.
struct Notes {
    classes: Vec<Histogram<u64>>,
    /// Results, and the sum of their numbers.
    sums: (u64, u64),
    tell: mpsc::Sender<Told>,
}

/// See [`Notes`].
type Told = (Vec<Histogram<u64>>, (u64, u64));

impl Notes {
    fn new(classes: usize) -> (Self, mpsc::Receiver<Told>) {
        let (tell, told) = mpsc::channel();
        let notes = Self {
            classes: (0..classes).map(|_| histogram()).collect(),
            sums: (0, 0),
            tell,
        };
        (notes, told)
    }

    #[inline]
    fn note(&mut self, class: usize, took: Duration) {
        note(&mut self.classes[class], took);
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        // A run that failed has nobody who listens.
        let _ = self.tell.send((std::mem::take(&mut self.classes), self.sums));
    }
}

/// The records of one instance of a source with a rate: when each is due.
struct Schedule {
    /// Between two records.
    period_ns: f64,
    made: u64,
    start: Option<Instant>,
}

impl Schedule {
    /// For one of `instances` that share a rate.
    fn new(rate: u64, instances: usize) -> Self {
        Self {
            period_ns: instances as f64 * 1e9 / rate as f64,
            made: 0,
            start: None,
        }
    }

    /// When the next record is due. The first is when it is made: the source's own schedule begins there.
    #[inline]
    fn next(&mut self) -> Instant {
        let start = *self.start.get_or_insert_with(Instant::now);
        let due = start + Duration::from_nanos((self.made as f64 * self.period_ns) as u64);
        self.made += 1;
        due
    }
}

/// The CPU time of everything but this thread, from when it was made.
struct OthersCpu {
    begun: Instant,
    all: Duration,
    own: Duration,
}

impl OthersCpu {
    fn begin() -> Self {
        Self {
            begun: Instant::now(),
            all: cpu_time(),
            own: own_cpu_time(),
        }
    }

    /// Per second.
    fn share(&self) -> f64 {
        let all = cpu_time().saturating_sub(self.all);
        let own = own_cpu_time().saturating_sub(self.own);
        all.saturating_sub(own).as_secs_f64() / self.begun.elapsed().as_secs_f64()
    }
}

/// The CPU time of this thread; zero where the kernel does not tell.
fn own_cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let on_cpu_ns = text.split(' ').next().and_then(|number| number.parse().ok());
    Duration::from_nanos(on_cpu_ns.unwrap_or(0))
}
