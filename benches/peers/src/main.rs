//! `peers`: runs the workloads on every peer and prints one table.
//!
//! The table goes to standard output, progress to standard error. It lacks a comparison with earlier runs; keep the
//! JSON for that.

use clap::Parser;
use potoroo_peers::measure::{Settings, measure};
use potoroo_peers::{Peer, Workload, chart, report};
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Runs the same message workloads on several actor runtimes and prints one table.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// How often each cell is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// One round of runs so short that the numbers mean nothing: does it work?
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    /// Only these peers
    #[arg(long, value_name = "PEER,…", value_delimiter = ',')]
    only: Vec<Peer>,
    /// Only these workloads
    #[arg(long, value_name = "WORKLOAD,…", value_delimiter = ',')]
    workload: Vec<Workload>,
    /// Numbers of worker threads
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,2", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Vec<u16>,
    /// Draws a chart into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Writes every run into this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn or_all<T: Copy + PartialEq>(chosen: &[T], all: &[T]) -> Vec<T> {
    let wanted = |one: &&T| chosen.is_empty() || chosen.contains(one);
    all.iter().filter(wanted).copied().collect()
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut threads: Vec<usize> = options.threads.iter().copied().map(usize::from).collect();
    threads.sort_unstable();
    threads.dedup();
    let settings = Settings {
        peers: or_all(&options.only, &Peer::ALL),
        workloads: or_all(&options.workload, &Workload::ALL),
        threads,
        rounds: if options.quick { 1 } else { options.rounds.into() },
        run: Duration::from_millis(if options.quick { 3 } else { 300 }),
    };
    let cells = measure(&settings);
    println!(
        "Million messages per second: median of {} (lowest–highest).\n\n{}",
        settings.rounds,
        report::markdown(&cells)
    );
    if let Some(file) = &options.json {
        fs::write(file, report::json(&cells)).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if let Some(file) = &options.svg {
        chart::draw(&cells, file).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}
