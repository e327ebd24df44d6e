//! `peers`: runs the workloads on every peer and prints one table.
//!
//! The table goes to standard output, progress to standard error. It lacks a comparison with earlier runs; keep the
//! JSON for that.

use clap::{Args, Parser, Subcommand};
use potoroo::nexmark::generate::EVENTS_MAX;
use potoroo::nexmark::run::CHECKED_EVENTS;
use potoroo_peers::measure::{Settings, measure};
use potoroo_peers::{ALLOCATOR, Peer, Workload, chart, report, stream};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Runs the same message workloads on several actor runtimes and prints one table.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    actors: Actors,
}

#[derive(Subcommand)]
enum Command {
    /// Streams instead of actors: word count, market spread and Nexmark as loops, on timely dataflow and on Potoroo
    Stream(Streams),
}

#[derive(Args)]
struct Streams {
    /// How often each cell is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// One round of runs so short that the numbers mean nothing: does it work?
    #[arg(long, conflicts_with_all = ["rounds", "records", "events"])]
    quick: bool,
    /// Only these columns
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    only: Vec<stream::Column>,
    /// Only these workloads: words_u32, words_inl, words_str, market, q0 to q8, q11, q18, q20
    #[arg(long, value_name = "WORKLOAD,…", value_delimiter = ',')]
    workload: Vec<stream::Workload>,
    /// Numbers of worker threads
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,2", value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: Vec<u16>,
    /// Records of word count and of market spread
    #[arg(long, value_name = "N", default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    records: u64,
    /// Events of Nexmark; the results are known for the default
    #[arg(long, value_name = "N", default_value_t = CHECKED_EVENTS, value_parser = clap::value_parser!(u64).range(1..=EVENTS_MAX))]
    events: u64,
    /// Draws a chart into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Writes every run into this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct Actors {
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

fn once_each(threads: &[u16]) -> Vec<usize> {
    let mut threads: Vec<usize> = threads.iter().copied().map(usize::from).collect();
    threads.sort_unstable();
    threads.dedup();
    threads
}

fn write(file: &Path, text: String) -> Result<(), Box<dyn Error>> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()).into())
}

fn run_actors(options: &Actors) -> Result<(), Box<dyn Error>> {
    let settings = Settings {
        peers: or_all(&options.only, &Peer::ALL),
        workloads: or_all(&options.workload, &Workload::ALL),
        threads: once_each(&options.threads),
        rounds: if options.quick { 1 } else { options.rounds.into() },
        run: Duration::from_millis(if options.quick { 3 } else { 300 }),
    };
    let cells = measure(&settings);
    println!(
        "Million messages per second, on {ALLOCATOR}: median of {} (lowest–highest).\n\n{}",
        settings.rounds,
        report::markdown(&cells)
    );
    if let Some(file) = &options.json {
        write(file, report::json(&cells))?;
    }
    if let Some(file) = &options.svg {
        chart::draw(&cells, file).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

fn run_streams(options: &Streams) -> Result<(), Box<dyn Error>> {
    let (rounds, records, events) = if options.quick {
        (1, 20_000, 20_000)
    } else {
        (options.rounds.into(), options.records, options.events)
    };
    let settings = stream::measure::Settings {
        columns: or_all(&options.only, &stream::Column::ALL),
        workloads: or_all(&options.workload, &stream::Workload::all()),
        workers: once_each(&options.threads),
        rounds,
        records,
        events,
    };
    let cells = stream::measure::measure(&settings);
    println!(
        "Million records per second, on {ALLOCATOR}: median of {rounds} (lowest–highest), CPU time per record.\n\n{}\n\
         The most memory that was resident, in MiB.\n\n{}",
        stream::report::rates(&cells),
        stream::report::memory(&cells)
    );
    if let Some(file) = &options.json {
        write(file, stream::report::json(&cells))?;
    }
    if let Some(file) = &options.svg {
        stream::chart::draw(&cells, file).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match &options.command {
        Some(Command::Stream(streams)) => run_streams(streams),
        None => run_actors(&options.actors),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}
