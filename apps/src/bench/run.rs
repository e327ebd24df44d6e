//! One run: a system of its own, the workload, the counters at the end.
//!
//! The peak of the resident memory is that of the run where the kernel lets a process begin its peak anew, and otherwise
//! that of the process so far; the report says which.

use super::profile::{Processor, Profile};
use super::progress::watch;
use super::report::{Memory, RunReport, WakeUpNs};
use super::trace;
use crate::allocator;
use crate::cli::BenchArgs;
use crate::error::AppError;
use crate::human::count;
use crate::terminal::tell;
use potoroo_benches::suite::{Bench, Extra, Measured};
use potoroo_runtime::sys::perf::ProcessorCounters;
use potoroo_runtime::sys::process::{restart_rss_bytes_max, rss_bytes_max};
use potoroo_runtime::{System, SystemStats};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Run `number` of those asked for.
pub(super) fn run(args: &BenchArgs, bench: &'static Bench, number: u32) -> Result<RunReport, AppError> {
    let label = format!("{}: run {number} of {}", bench.name, args.runs);
    let is_last = number == args.runs.get();
    let report = if bench.needs_its_own_process() && args.runs.get() > 1 {
        run_elsewhere(args, bench, is_last)?
    } else {
        run_here(args, bench, &label, is_last)?
    };
    if !args.quiet {
        tell(format_args!(
            "{label}: {} messages in {:.3} s, {} a second, {:.1} % local",
            count(report.messages),
            report.seconds,
            count(report.messages_per_s.round() as u64),
            100.0 * report.locality_ratio,
        ));
    }
    Ok(report)
}

fn run_here(args: &BenchArgs, bench: &'static Bench, label: &str, is_last: bool) -> Result<RunReport, AppError> {
    let messages = args.messages.unwrap_or_else(|| bench.messages_by_default());
    let trace = args.trace.as_deref().filter(|_| is_last);
    // Before the workers start, so that they are counted.
    let processor = args.profile.then(ProcessorCounters::begin);
    let system = start_system(args, trace)?;
    let of_run = restart_rss_bytes_max();
    let measured =
        watch(label, args.quiet, &system, |system| bench.run(system, messages)).map_err(|reason| AppError::Job {
            reason: format!("{} failed: {reason}", bench.name),
        })?;
    let memory = Memory {
        bytes_max: rss_bytes_max(),
        of_run,
    };
    let workers = system.workers();
    let ended = system.shutdown();
    let mut report = report(bench, workers, measured, memory, &ended.stats);
    if let Some(counters) = &processor {
        report.profile = Profile::of(&ended, Processor::read(counters));
    }
    if let (Some(path), Some(recording)) = (trace, &ended.recording) {
        let written = trace::write(path, &format!("potoroo bench {}", bench.name), recording)?;
        if !args.quiet {
            tell(format_args!(
                "{label}: {} events written to {}; {} earlier ones were overwritten",
                count(written.events),
                path.display(),
                count(written.overwritten),
            ));
        }
    }
    Ok(report)
}

/// A system, recorded if anybody wants to see what is recorded.
fn start_system(args: &BenchArgs, trace: Option<&Path>) -> Result<System, AppError> {
    let mut builder = System::builder();
    if let Some(workers) = args.workers {
        builder = builder.workers(workers.get());
    }
    if args.profile || trace.is_some() {
        builder = builder.record(trace.map_or(0, |_| args.trace_events));
    }
    builder.build().map_err(|source| AppError::System { source })
}

fn report(bench: &Bench, workers: usize, measured: Measured, memory: Memory, stats: &SystemStats) -> RunReport {
    let seconds = measured.elapsed.as_secs_f64();
    let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let mut report = RunReport {
        name: bench.name.to_owned(),
        workers,
        allocator: allocator::NAME.to_owned(),
        messages: measured.messages,
        seconds,
        messages_per_s: measured.messages as f64 / seconds.max(1e-9),
        checksum: format!("{:016x}", measured.checksum),
        locality_ratio: stats.total().locality_ratio(),
        rss_bytes_max: memory.bytes_max,
        rss_of_run: memory.of_run,
        wake_up_ns: None,
        bytes_per_actor: None,
        bytes_per_used_actor: None,
        profile: None,
    };
    match measured.extra {
        Extra::None => {}
        Extra::WakeUp { p50, p99, max } => {
            report.wake_up_ns = Some(WakeUpNs {
                p50: ns(p50),
                p99: ns(p99),
                max: ns(max),
            });
        }
        Extra::IdleActors { begun, used } => {
            report.bytes_per_actor = Some(begun);
            report.bytes_per_used_actor = Some(used);
        }
    }
    report
}

/// Has a process of this program do one run.
fn run_elsewhere(args: &BenchArgs, bench: &Bench, is_last: bool) -> Result<RunReport, AppError> {
    let process = |source| AppError::Process {
        what: "one run",
        source,
    };
    let mut command = itself(args, bench, 1, is_last)?;
    let output = command.stderr(Stdio::inherit()).output().map_err(process)?;
    if !output.status.success() {
        return Err(AppError::Job {
            reason: format!(
                "a run of {} in a process of its own failed ({})",
                bench.name, output.status
            ),
        });
    }
    serde_json::from_slice(&output.stdout).map_err(|error| process(error.into()))
}

/// This program, to do so many runs and print them as JSON, the last with the trace asked for.
pub(super) fn itself(args: &BenchArgs, bench: &Bench, runs: u32, with_trace: bool) -> Result<Command, AppError> {
    let program = std::env::current_exe().map_err(|source| AppError::Process {
        what: "this program",
        source,
    })?;
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command.args(["bench", bench.name, "--json", "--quiet"]);
    command.arg(format!("--runs={runs}"));
    command.args(args.workers.map(|workers| format!("--workers={workers}")));
    command.args(args.messages.map(|messages| format!("--messages={messages}")));
    if args.profile {
        command.arg("--profile");
    }
    if let Some(path) = args.trace.as_deref().filter(|_| with_trace) {
        command.arg(format!("--trace-events={}", args.trace_events));
        command.arg("--trace").arg(path);
    }
    Ok(command)
}
