//! A job from its start to its summary: progress, Ctrl-C, the end.
//!
//! It exists because every `run` command and the demo wait for a job in the same way. It knows nothing of what the job
//! does.

use crate::cli::RunArgs;
use crate::endpoint::Endpoint;
use crate::error::AppError;
use crate::human::count;
use crate::latency::{Latencies, LatencyNs};
use crate::partial_file::{PartialFile, same_file};
use crate::summary::Summary;
use crate::terminal::{print, tell};
use potoroo_actors::{DeadLetters, Encode, Job, JobStatus, Pipeline};
use potoroo_runtime::System;
use potoroo_runtime::sys::clock::wall_ns;
use potoroo_runtime::sys::process::rss_bytes_max;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the job is looked at; also the precision of "the last record".
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// How often progress is shown.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// How often a sink publishes its latencies while it runs.
const PUBLISH_INTERVAL_NS: u64 = 500_000_000;

/// A key group with a larger share of a stage's records than this is told of at the end,
const HOT_SHARE: f64 = 0.1;

/// if there were so many of them: the share is an estimate by samples, and that of a few is worth nothing.
const HOT_RECORDS: u64 = 100_000;

/// How long the system may take to come to rest once its job has ended.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(1);

/// A system with the workers asked for.
pub fn start_system(workers: Option<NonZeroUsize>) -> Result<System, AppError> {
    let mut builder = System::builder();
    if let Some(workers) = workers {
        builder = builder.workers(workers.get());
    }
    builder.build().map_err(|source| AppError::System { source })
}

/// Says what comes of a failure of the job, from end to end.
pub fn tell_guarantee(pipeline: &Pipeline, quiet: bool) {
    if !quiet {
        tell(format_args!("guarantee: {}", pipeline.guarantee()));
    }
}

/// The dead-letter output asked for.
pub fn dead_letters(path: Option<&Path>) -> Result<DeadLetters, AppError> {
    match path {
        Some(path) => DeadLetters::to_file(path).map_err(|error| AppError::write(path, error)),
        None => Ok(DeadLetters::to_standard_error()),
    }
}

/// The latencies that a sink has measured; the sink writes, the progress line reads.
#[derive(Clone, Debug, Default)]
pub struct SharedLatencies(Arc<Mutex<Latencies>>);

impl SharedLatencies {
    fn set(&self, latencies: &Latencies) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(latencies);
    }

    /// The percentiles that were published last.
    pub fn percentiles(&self) -> LatencyNs {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).percentiles()
    }
}

/// An encoder that also measures: the time from a record's arrival until it is encoded for the sink.
#[derive(Debug)]
pub struct MeasuredEncoder<E, A> {
    encode: E,
    arrived_ns: A,
    now_ns: u64,
    published_ns: u64,
    latencies: Latencies,
    shared: SharedLatencies,
}

impl<E, A> MeasuredEncoder<E, A> {
    /// Encodes with `encode`; `arrived_ns` tells when a record's bytes were read. What is measured appears in `shared`.
    pub fn new(encode: E, arrived_ns: A, shared: SharedLatencies) -> Self {
        Self {
            encode,
            arrived_ns,
            now_ns: 0,
            published_ns: 0,
            latencies: Latencies::new(),
            shared,
        }
    }
}

impl<T, E, A> Encode<T> for MeasuredEncoder<E, A>
where
    E: FnMut(&T, &mut Vec<u8>) + Send + 'static,
    A: Fn(&T) -> u64 + Send + 'static,
{
    fn begin_batch(&mut self) {
        self.now_ns = wall_ns();
        if self.now_ns >= self.published_ns + PUBLISH_INTERVAL_NS {
            self.published_ns = self.now_ns;
            self.shared.set(&self.latencies);
        }
    }

    #[inline]
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) {
        self.latencies
            .record(self.now_ns.saturating_sub((self.arrived_ns)(record)));
        (self.encode)(record, out);
    }

    fn end(&mut self) {
        self.shared.set(&self.latencies);
    }
}

/// What a finished job did.
#[derive(Clone, Debug)]
pub struct Served {
    /// The counters of its stages.
    pub status: JobStatus,
    /// When its first record arrived (5 ms precision), in ns since 1970.
    pub first_ns: u64,
    /// When it last did something (5 ms precision), in ns since 1970.
    pub last_ns: u64,
    /// Whether Ctrl-C ended it.
    pub interrupted: bool,
}

impl Served {
    /// Records that the named sources took in.
    pub fn taken_in(&self, sources: &[&str]) -> u64 {
        taken_in(&self.status, sources)
    }
}

fn taken_in(status: &JobStatus, sources: &[&str]) -> u64 {
    sources
        .iter()
        .filter_map(|source| status.stage(source))
        .map(|stage| stage.records_in)
        .sum()
}

/// What the waiting side has to know of a job.
#[derive(Clone, Copy, Debug)]
pub struct Watch<'a> {
    /// The names of its sources.
    pub sources: &'a [&'a str],
    /// The name of its sink.
    pub sink: &'a str,
    /// The latencies to show, if any are measured.
    pub latencies: Option<&'a SharedLatencies>,
    /// Whether to keep silent.
    pub quiet: bool,
}

/// What Ctrl-C or a request to end sets; a second one ends the process.
pub fn stop_signals() -> Result<Arc<AtomicBool>, AppError> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // First the way out for a second signal, armed by the first.
        signal_hook::flag::register_conditional_shutdown(signal, 130, interrupted.clone())
            .and_then(|_| signal_hook::flag::register(signal, interrupted.clone()))
            .map_err(|source| AppError::Signals { source })?;
    }
    Ok(interrupted)
}

/// Waits until the job ends, or drains it on Ctrl-C (a second one gives up). Shows progress once a second.
pub fn wait(job: Job, watch: Watch<'_>) -> Result<Served, AppError> {
    wait_and_look(job, watch, |_| Ok(()))
}

/// As [`wait`], and calls `look` every few milliseconds with whether Ctrl-C was pressed; its error ends the waiting.
pub fn wait_and_look(
    mut job: Job,
    watch: Watch<'_>,
    mut look: impl FnMut(bool) -> Result<(), AppError>,
) -> Result<Served, AppError> {
    let interrupted = stop_signals()?;
    let mut draining = false;
    let mut progress = Progress::new();
    // The first record came after the last look that saw none: that look is the beginning.
    let (mut first_ns, mut last_ns, mut seen) = (wall_ns(), wall_ns(), (0, 0));
    loop {
        let ended = job.wait_for(LOOK_INTERVAL);
        let status = job.status();
        let now_ns = wall_ns();
        let now = (
            taken_in(&status, watch.sources),
            status.stage(watch.sink).map_or(0, |sink| sink.records_out),
        );
        if now != seen {
            (seen, last_ns) = (now, now_ns);
        } else if seen == (0, 0) {
            (first_ns, last_ns) = (now_ns, now_ns);
        }
        if let Some(outcome) = ended {
            let letters = job.dead_letters().flush();
            outcome.map_err(|error| AppError::Job {
                reason: error.to_string(),
            })?;
            letters.map_err(|source| AppError::write("the dead letters", source))?;
            if !watch.quiet {
                tell_hot_groups(&status);
            }
            return Ok(Served {
                status,
                first_ns,
                last_ns,
                interrupted: draining,
            });
        }
        look(interrupted.load(Ordering::Relaxed))?;
        if interrupted.load(Ordering::Relaxed) && !draining {
            draining = true;
            job.drain();
            if !watch.quiet {
                tell("draining; Ctrl-C again to give up");
            }
        }
        if !watch.quiet {
            progress.show(&status, now.0, &watch);
        }
    }
}

/// Says which stages have a key group that has much of all records: more partitions would not help them.
fn tell_hot_groups(status: &JobStatus) {
    for stage in &status.stages {
        let hottest = stage.hottest().filter(|hottest| hottest.of >= HOT_RECORDS);
        if let Some(hottest) = hottest.filter(|hottest| hottest.share() > HOT_SHARE) {
            tell(format_args!("{}: most in {hottest}", stage.name));
        }
    }
}

/// The line that appears once a second.
struct Progress {
    shown: Instant,
    taken_in: u64,
}

impl Progress {
    fn new() -> Self {
        Self {
            shown: Instant::now(),
            taken_in: 0,
        }
    }

    fn show(&mut self, status: &JobStatus, taken_in: u64, watch: &Watch<'_>) {
        let elapsed = self.shown.elapsed();
        if elapsed < PROGRESS_INTERVAL {
            return;
        }
        let rate = (taken_in - self.taken_in) as f64 / elapsed.as_secs_f64();
        let waiting: u64 = status.stages.iter().map(|stage| stage.batches_waiting).sum();
        let out = status.stage(watch.sink).map_or(0, |sink| sink.records_out);
        let mut line = format!(
            "{} in ({}/s), {} out, {} batches waiting, {} dead letters",
            count(taken_in),
            count(rate.round() as u64),
            count(out),
            waiting,
            count(status.dead_letters),
        );
        // Nothing is shown before something is measured.
        let measured = watch.latencies.map(SharedLatencies::percentiles);
        if let Some(latency_ns) = measured.filter(|latency_ns| latency_ns.max > 0) {
            line.push_str(&format!(", latency {latency_ns}"));
        }
        tell(line);
        self.shown = Instant::now();
        self.taken_in = taken_in;
    }
}

/// Shuts the system down and fills in what it knows.
pub fn summarize(system: System, served: &Served, messages: u64, rejected: u64, latency_ns: LatencyNs) -> Summary {
    let workers = system.workers();
    let stats = system.shutdown_within(SHUTDOWN_WITHIN).stats;
    let seconds = served.last_ns.saturating_sub(served.first_ns) as f64 / 1e9;
    Summary {
        messages,
        seconds,
        messages_per_s: if seconds > 0.0 { messages as f64 / seconds } else { 0.0 },
        rejected,
        dead_letters: served.status.dead_letters,
        latency_ns,
        rss_bytes_max: rss_bytes_max(),
        workers,
        locality_ratio: stats.total().locality_ratio(),
    }
}

/// Prints and writes the summary as the options say.
pub fn report(summary: &Summary, json: Option<&Path>, quiet: bool) -> Result<(), AppError> {
    // The file first: it is there even if the table cannot be shown.
    json.map_or(Ok(()), |path| summary.write_json(path))?;
    if quiet { Ok(()) } else { print(summary) }
}

/// Refuses what would fail at the end, before the work and not after it: a summary file that cannot be written, and one
/// file for two outputs, of which the last written would be all that is left.
pub fn check_outputs(args: &RunArgs, out: &Endpoint) -> Result<(), AppError> {
    let out = match out {
        Endpoint::File(path) => Some(path.as_path()),
        Endpoint::Tcp(_) => None,
    };
    let outputs = [
        ("--out", out),
        ("--json", args.json.as_deref()),
        ("--dead-letters", args.dead_letters.as_deref()),
    ];
    for (at, &(name, path)) in outputs.iter().enumerate() {
        for &(other_name, other) in &outputs[..at] {
            if let (Some(path), Some(other)) = (path, other)
                && same_file(path, other)
            {
                return Err(AppError::Options(format!(
                    "{other_name} and {name} are both {}; each needs a file of its own",
                    path.display()
                )));
            }
        }
    }
    args.json.as_deref().map_or(Ok(()), check_writable_path)
}

/// Refuses a path that cannot be written.
pub fn check_writable_path(path: &Path) -> Result<(), AppError> {
    PartialFile::create(path).map(drop)
}
