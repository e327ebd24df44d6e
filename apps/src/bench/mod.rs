//! `bench`: runs one benchmark of the suite, shows how it goes, and says what it found.
//!
//! The workloads are those of `potoroo-benches`; each checks a sum over what its actors handled, so a run that lost
//! something is an error and no figure. It keeps no history and compares nothing: that is the benches' own programs.

mod flamegraph;
mod profile;
mod profile_text;
mod progress;
mod report;
mod run;
mod trace;

pub use profile::Profile;
pub use report::RunReport;

use crate::cli::BenchArgs;
use crate::error::AppError;
use crate::human::count;
use crate::serve::check_writable_path;
use crate::terminal::print;
use potoroo_benches::suite::SUITE;

/// Does what the options of `bench` say.
pub fn bench(args: &BenchArgs) -> Result<(), AppError> {
    let Some(bench) = args.bench else {
        return list();
    };
    for path in [&args.trace, &args.flamegraph].into_iter().flatten() {
        check_writable_path(path)?;
    }
    let mut reports = Vec::new();
    if let Some(path) = &args.flamegraph {
        reports = flamegraph::record(args, bench, path)?;
        if args.json {
            reports.iter().try_for_each(|report| print(report.json()?))?;
        }
    } else {
        for number in 1..=args.runs.get() {
            let report = run::run(args, bench, number)?;
            if args.json {
                print(report.json()?)?;
            }
            reports.push(report);
        }
    }
    if !args.json {
        print(report::table(&reports))?;
        if let Some(profile) = reports.last().and_then(|report| report.profile.as_ref()) {
            print(format_args!("\nProfile of run {}, recorded\n\n{profile}", args.runs))?;
        }
    }
    Ok(())
}

/// What there is to run.
fn list() -> Result<(), AppError> {
    let width = SUITE.iter().map(|bench| bench.name.len()).max().unwrap_or(0);
    for bench in SUITE {
        let messages = count(bench.messages_by_default());
        print(format_args!("{:width$}  {messages:>10}  {}", bench.name, bench.about))?;
    }
    Ok(())
}
