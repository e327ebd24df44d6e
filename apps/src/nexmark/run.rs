//! `run nexmark`: a query, its results and how fast it was.
//!
//! The clock runs from the start of the job to its end. CPU time is that of the process meanwhile: besides the workers only the
//! thread that waits, which sleeps.

use super::generate::{Events, Made};
use super::total::Total;
use super::{Query, bare, start};
use crate::allocator;
use crate::cli::nexmark::{RunNexmarkArgs, SourceMode};
use crate::cli::workers_or_cores;
use crate::error::AppError;
use crate::human::{count, three_digits};
use crate::serve::start_system;
use crate::terminal::print;
use potoroo_runtime::sys::process::cpu_time;
use serde::Serialize;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// For this many events the results are known.
pub const CHECKED_EVENTS: u64 = 3_000_000;

/// How long a system may take to come to rest once its job has ended.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(1);

/// The results of [`CHECKED_EVENTS`] events.
#[must_use]
pub fn check_value(query: Query) -> Total {
    let (out, chk) = match query {
        Query::Q0 => (2_760_000, 0x1225_e523_89cd),
        Query::Q1 => (2_760_000, 0x107a_78ef_a626),
        Query::Q2 => (21_986, 0x24_b706_81db),
        Query::Q3 => (18_429, 0x640e_7160),
        Query::Q4 => (386_716, 0xa43_e5cf_b4e7),
        Query::Q5 => (179, 0x3_0600_1caf),
        Query::Q6 => (167_791, 0x465_a73d_b809),
        Query::Q7 => (31, 0xb5cc_889c),
        Query::Q8 => (25_320, 0x2e6c_0876),
        Query::Q11 => (59_918, 0x13_d18a_0fbc),
        Query::Q18 => (2_760_000, 0x1225_e523_89cd),
        Query::Q20 => (553_731, 0x3a2_5933_5ac5),
    };
    Total { out, chk }
}

/// What is said of a query.
#[derive(Debug, Serialize)]
struct Report {
    query: &'static str,
    /// `engine` or `loop`.
    by: &'static str,
    source: &'static str,
    allocator: &'static str,
    events: u64,
    workers: usize,
    partitions: usize,
    out: u64,
    chk: String,
    events_per_s: u64,
    cpu_ns_per_event: f64,
}

/// One run.
struct Measured {
    total: Total,
    took: Duration,
    cpu: Duration,
}

/// Does what the options of `run nexmark` say. Results that are not the known ones are an error.
pub fn run(args: &RunNexmarkArgs) -> Result<(), AppError> {
    let workers = if args.bare_loop {
        NonZeroUsize::MIN
    } else {
        workers_or_cores(args.workers)
    };
    let partitions = args.partitions.unwrap_or(workers);
    let made = (args.source == SourceMode::Pre).then(|| Made::new(args.events, workers.get(), args.quiet));
    let events = || match &made {
        Some(made) => made.copy(),
        None => (0..workers.get())
            .map(|index| Events::making(args.events, index, workers.get()))
            .collect(),
    };
    if !args.json {
        print(format_args!(
            "{:<5} {:>10} {:>18} {:>12} {:>10}",
            "query", "out", "chk", "M events/s", "CPU ns"
        ))?;
    }
    for query in args.query.each() {
        let mut runs = Vec::new();
        for _ in 0..args.runs.get() {
            let measured = if args.bare_loop {
                measure_loop(query, events())
            } else {
                measure_engine(query, events(), workers, partitions)?
            };
            check(query, args, measured.total, workers, partitions)?;
            runs.push(measured);
        }
        runs.sort_by_key(|run| run.took);
        let run = &runs[runs.len() / 2];
        let events = args.events as f64;
        let report = Report {
            query: query.name(),
            by: if args.bare_loop { "loop" } else { "engine" },
            source: args.source.name(),
            allocator: allocator::NAME,
            events: args.events,
            workers: workers.get(),
            partitions: partitions.get(),
            out: run.total.out,
            chk: format!("{:x}", run.total.chk),
            events_per_s: (events / run.took.as_secs_f64()) as u64,
            cpu_ns_per_event: (run.cpu.as_nanos() as f64 / events * 10.0).round() / 10.0,
        };
        if args.json {
            print(serde_json::to_string(&report).expect("a report is numbers and names"))?;
        } else {
            print(format_args!(
                "{:<5} {:>10} {:>18} {:>12} {:>10.1}",
                report.query,
                count(report.out),
                report.chk,
                three_digits(report.events_per_s as f64 / 1e6),
                report.cpu_ns_per_event
            ))?;
        }
    }
    Ok(())
}

fn measure_loop(query: Query, events: Vec<Events>) -> Measured {
    let (since, cpu) = (Instant::now(), cpu_time());
    let total = bare::run(query, events.into_iter().flatten());
    Measured {
        total,
        took: since.elapsed(),
        cpu: cpu_time().saturating_sub(cpu),
    }
}

fn measure_engine(
    query: Query,
    events: Vec<Events>,
    workers: NonZeroUsize,
    partitions: NonZeroUsize,
) -> Result<Measured, AppError> {
    let system = start_system(Some(workers))?;
    let (since, cpu) = (Instant::now(), cpu_time());
    let (job, total) = start(query, &system, events, partitions);
    job.wait().map_err(|error| AppError::Job {
        reason: error.to_string(),
    })?;
    let (took, cpu) = (since.elapsed(), cpu_time().saturating_sub(cpu));
    // What does not come to rest goes with the process.
    let _ = system.shutdown_within(SHUTDOWN_WITHIN);
    Ok(Measured {
        total: total.get(),
        took,
        cpu,
    })
}

/// Compares with what is known.
fn check(
    query: Query,
    args: &RunNexmarkArgs,
    total: Total,
    workers: NonZeroUsize,
    partitions: NonZeroUsize,
) -> Result<(), AppError> {
    let known = check_value(query);
    if args.events != CHECKED_EVENTS || total == known || !query.is_determined(workers.get(), partitions.get()) {
        return Ok(());
    }
    Err(AppError::Job {
        reason: format!(
            "{}: out {} and chk {:x}, but {} and {:x} are known",
            query.name(),
            total.out,
            total.chk,
            known.out,
            known.chk
        ),
    })
}
