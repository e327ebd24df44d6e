//! Where the time goes: runs under `perf`, folded and drawn.
//!
//! The program starts `perf record` on itself, so that nothing but the runs is sampled, and draws what `perf script` says
//! of it. Stacks are unwound by the tables that every Rust program has, since frame pointers are not kept. What `perf`
//! measures is up to it: cycles, or the processor's time where a machine has no counters. It lacks inlined functions,
//! which `perf script` is slow to find, and any interaction beyond the tooltips of the drawing.

mod fold;
mod svg;

use super::RunReport;
use super::run::itself;
use crate::cli::BenchArgs;
use crate::error::AppError;
use crate::human::count;
use crate::partial_file::PartialFile;
use crate::temporary::TemporaryDirectory;
use crate::terminal::tell;
use potoroo_benches::suite::Bench;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Samples per second of running processor time; no divisor of anything that recurs.
const FREQUENCY_HZ: &str = "--freq=1999";

/// How much of each stack is kept: ours are not deep.
const CALL_GRAPH: &str = "--call-graph=dwarf,8192";

/// Has the runs sampled, draws them into `path` and gives what they found.
pub(super) fn record(args: &BenchArgs, bench: &'static Bench, path: &Path) -> Result<Vec<RunReport>, AppError> {
    let directory = TemporaryDirectory::create("flamegraph")?;
    let data = directory.file("perf.data");
    if !args.quiet {
        let runs = args.runs.get();
        let plural = if runs == 1 { "" } else { "s" };
        tell(format_args!("{}: {runs} run{plural} under perf", bench.name));
    }
    let mut record = Command::new("perf");
    record.args([OsStr::new("record"), OsStr::new(FREQUENCY_HZ), OsStr::new(CALL_GRAPH)]);
    record.arg("--output").arg(&data).arg("--");
    let runs = itself(args, bench, args.runs.get(), true)?;
    record.arg(runs.get_program()).args(runs.get_args());
    let recorded = perf(record)?;
    let reports = String::from_utf8_lossy(&recorded.stdout)
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<Vec<RunReport>, _>>();
    let reports = reports.map_err(|error| AppError::Process {
        what: "the runs under perf",
        source: error.into(),
    })?;

    let mut script = Command::new("perf");
    script.arg("script").arg("--input").arg(&data);
    script.args(["--fields=comm,tid,ip,sym", "--no-inline"]);
    let stacks = fold::fold(&String::from_utf8_lossy(&perf(script)?.stdout));
    if stacks.samples() == 0 {
        return Err(AppError::Job {
            reason: "perf took no samples: the runs were too short; use more --messages or --runs".to_owned(),
        });
    }
    let title = format!("potoroo bench {}: {} samples", bench.name, count(stacks.samples()));
    let mut file = PartialFile::create(path)?;
    file.write(svg::draw(&title, &stacks).as_bytes())?;
    file.finish()?;
    if !args.quiet {
        tell(format_args!(
            "{}: {} samples drawn in {}",
            bench.name,
            count(stacks.samples()),
            path.display()
        ));
    }
    Ok(reports)
}

/// What `perf` says, or why it does not.
fn perf(mut command: Command) -> Result<Output, AppError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => AppError::Job {
                reason:
                    "cannot find perf, which a flame graph needs; install it (the package is linux-perf on Debian, \
                     linux-tools-generic on Ubuntu, perf on Fedora)"
                        .to_owned(),
            },
            _ => AppError::Process { what: "perf", source },
        })?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<_> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Err(AppError::Job {
        reason: format!(
            "perf failed ({}): {}; if it is not permitted, lower kernel.perf_event_paranoid or run as root",
            output.status,
            said.join(" ")
        ),
    })
}
