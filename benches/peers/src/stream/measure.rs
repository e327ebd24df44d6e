//! Runs the cells of the table in rounds.
//!
//! Within a round the columns take turns at each workload, and each round begins with another column, so that a disturbance of the
//! machine hits all of them. The workloads whose records are made while they run come first; the events of Nexmark, which are in
//! memory, are made for all of its queries at once.

use super::{Column, Task, Workload};
use crate::measure::clock;
use potoroo::nexmark::generate::Made;
use potoroo_runtime::sys::process::{restart_rss_bytes_max, rss_bytes_max};
use std::time::{Duration, Instant};

/// What to measure.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who.
    pub columns: Vec<Column>,
    /// What.
    pub workloads: Vec<Workload>,
    /// On how many worker threads.
    pub workers: Vec<usize>,
    /// How often.
    pub rounds: usize,
    /// How many records of word count and market spread.
    pub records: u64,
    /// How many events of Nexmark.
    pub events: u64,
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Million records per second.
    pub rate: f64,
    /// CPU time of the process per record.
    pub cpu_ns: f64,
    /// The most memory that was resident, with what the records and earlier runs have of it; 0 where the platform does not tell.
    pub memory_bytes: u64,
}

/// One column at one workload on so many threads.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Who.
    pub column: Column,
    /// What.
    pub workload: Workload,
    /// On how many worker threads.
    pub workers: usize,
    /// The size of each run.
    pub records: u64,
    /// Slowest first.
    pub runs: Vec<Run>,
}

impl Cell {
    fn middle(&self) -> Run {
        self.runs[self.runs.len() / 2]
    }

    /// The rate of the middle run.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.middle().rate
    }

    /// The lowest rate.
    #[must_use]
    pub fn lowest(&self) -> f64 {
        self.runs[0].rate
    }

    /// The highest rate.
    #[must_use]
    pub fn highest(&self) -> f64 {
        self.runs[self.runs.len() - 1].rate
    }

    /// CPU time per record of the run in the middle by that.
    #[must_use]
    pub fn cpu_ns(&self) -> f64 {
        let mut all: Vec<f64> = self.runs.iter().map(|run| run.cpu_ns).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    }

    /// The most memory of any run.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.memory_bytes).max().unwrap_or(0)
    }
}

/// A task and its cells.
struct Group<'made> {
    task: Task<'made>,
    cells: Vec<Cell>,
}

impl<'made> Group<'made> {
    fn new(settings: &Settings, workload: Workload, records: u64, made: &'made [Made]) -> Self {
        let workers_max = settings.workers.iter().copied().max().unwrap_or(1);
        let mut cells = Vec::new();
        for &workers in &settings.workers {
            for &column in settings.columns.iter().filter(|column| column.does(workload, workers)) {
                cells.push(Cell {
                    column,
                    workload,
                    workers,
                    records,
                    runs: Vec::new(),
                });
            }
        }
        let task = Task::new(workload, records, workers_max, made);
        Self { task, cells }
    }

    fn run(&mut self, cell: usize) -> Run {
        let cell = &mut self.cells[cell];
        restart_rss_bytes_max();
        let timed = self.task.run(cell.column, cell.workers);
        let records = cell.records as f64;
        let run = Run {
            rate: records / timed.took.as_secs_f64() / 1e6,
            cpu_ns: timed.cpu.as_nanos() as f64 / records,
            memory_bytes: rss_bytes_max(),
        };
        cell.runs.push(run);
        run
    }
}

/// Measures; what it is at goes to standard error.
///
/// # Panics
///
/// If a run does not give what it must.
#[must_use]
pub fn measure(settings: &Settings) -> Vec<Cell> {
    let begun = Instant::now();
    let (nexmark, others): (Vec<Workload>, Vec<Workload>) = settings
        .workloads
        .iter()
        .partition(|workload| matches!(workload, Workload::Nexmark(_)));
    let groups = others
        .into_iter()
        .map(|workload| Group::new(settings, workload, settings.records, &[]));
    let mut cells = rounds(groups.collect(), settings.rounds, begun);
    if !nexmark.is_empty() {
        let workers_max = settings.workers.iter().copied().max().unwrap_or(1);
        let made: Vec<Made> = (1..=workers_max)
            .map(|sources| {
                // One source is needed in any case, to know what must come out.
                let is_needed = sources == 1 || settings.workers.contains(&sources);
                Made::new(if is_needed { settings.events } else { 0 }, sources, true)
            })
            .collect();
        eprintln!("{} the events of Nexmark are made", clock(begun.elapsed()));
        let groups = nexmark
            .into_iter()
            .map(|workload| Group::new(settings, workload, settings.events, &made));
        cells.extend(rounds(groups.collect(), settings.rounds, begun));
    }
    for cell in &mut cells {
        cell.runs.sort_by(|one, other| one.rate.total_cmp(&other.rate));
    }
    cells
}

fn rounds(mut groups: Vec<Group<'_>>, rounds: usize, begun: Instant) -> Vec<Cell> {
    let since = Instant::now();
    let all = groups.iter().map(|group| group.cells.len()).sum::<usize>() * rounds;
    let mut done = 0;
    for round in 0..rounds {
        for group in &mut groups {
            let cells = group.cells.len();
            for turn in 0..cells {
                let at = (turn + round) % cells;
                let run = group.run(at);
                done += 1;
                let left = since.elapsed().mul_f64((all - done) as f64 / done as f64);
                let cell = &group.cells[at];
                eprintln!(
                    "{} round {} of {rounds}: {}, {}, {} thr.: {:.2} M/s, {:.0} ns; about {} left of these",
                    clock(begun.elapsed()),
                    round + 1,
                    cell.workload,
                    cell.column,
                    cell.workers,
                    run.rate,
                    run.cpu_ns,
                    clock(left + Duration::from_millis(500))
                );
            }
        }
    }
    groups.into_iter().flat_map(|group| group.cells).collect()
}
