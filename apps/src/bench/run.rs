//! One run: a system of its own, the workload, the counters at the end.
//!
//! The peak of the resident memory is that of the run where the kernel lets a process begin its peak anew, and otherwise
//! that of the process so far; the report says which.

use super::progress::watch;
use super::report::{Memory, RunReport, WakeUpNs};
use crate::cli::BenchArgs;
use crate::error::AppError;
use crate::human::count;
use crate::serve::start_system;
use crate::terminal::tell;
use potoroo_benches::suite::{Bench, Extra, Measured};
use potoroo_runtime::SystemStats;
use potoroo_runtime::sys::process::{restart_rss_bytes_max, rss_bytes_max};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Run `number` of those asked for.
pub(super) fn run(args: &BenchArgs, bench: &'static Bench, number: u32) -> Result<RunReport, AppError> {
    let label = format!("{}: run {number} of {}", bench.name, args.runs);
    let report = if bench.needs_its_own_process() && args.runs.get() > 1 {
        run_elsewhere(args, bench)?
    } else {
        run_here(args, bench, &label)?
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

fn run_here(args: &BenchArgs, bench: &'static Bench, label: &str) -> Result<RunReport, AppError> {
    let messages = args.messages.unwrap_or_else(|| bench.messages_by_default());
    let system = start_system(args.workers)?;
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
    let stats = system.shutdown().stats;
    Ok(report(bench, workers, measured, memory, &stats))
}

fn report(bench: &Bench, workers: usize, measured: Measured, memory: Memory, stats: &SystemStats) -> RunReport {
    let seconds = measured.elapsed.as_secs_f64();
    let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let mut report = RunReport {
        name: bench.name.to_owned(),
        workers,
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
fn run_elsewhere(args: &BenchArgs, bench: &Bench) -> Result<RunReport, AppError> {
    let process = |source| AppError::Process {
        what: "one run",
        source,
    };
    let mut command = itself(args, bench)?;
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

/// This program, to do one run and print it as JSON.
pub(super) fn itself(args: &BenchArgs, bench: &Bench) -> Result<Command, AppError> {
    let program = std::env::current_exe().map_err(|source| AppError::Process {
        what: "this program",
        source,
    })?;
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).args(arguments(args, bench));
    Ok(command)
}

fn arguments(args: &BenchArgs, bench: &Bench) -> Vec<String> {
    let mut arguments: Vec<String> = ["bench", bench.name, "--runs=1", "--json", "--quiet"]
        .map(str::to_owned)
        .into();
    arguments.extend(args.workers.map(|workers| format!("--workers={workers}")));
    arguments.extend(args.messages.map(|messages| format!("--messages={messages}")));
    arguments
}
