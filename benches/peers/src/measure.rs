//! Runs the cells of the table: first each to find its size, then all of them in rounds.
//!
//! Within a round the peers take turns at each workload, and each round begins with another peer, so that a disturbance
//! of the machine hits all of them. It keeps no history and lacks any statistics beyond median, lowest and highest.

use crate::{Outcome, Peer, Workload};
use std::time::{Duration, Instant};

/// How many messages the first try of a cell has.
const FIRST_TRY: u64 = 20_000;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who.
    pub peers: Vec<Peer>,
    /// What.
    pub workloads: Vec<Workload>,
    /// On how many worker threads.
    pub threads: Vec<usize>,
    /// How often.
    pub rounds: usize,
    /// How long a run should take.
    pub run: Duration,
}

/// One peer at one workload on so many threads.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Who.
    pub peer: Peer,
    /// What.
    pub workload: Workload,
    /// On how many worker threads.
    pub threads: usize,
    /// The size of each run.
    pub messages: u64,
    /// The sum of each run: the same size gives the same sum.
    pub checksum: u64,
    /// Million messages per second, lowest first.
    pub rates: Vec<f64>,
}

impl Cell {
    /// The middle one.
    pub fn median(&self) -> f64 {
        self.rates[self.rates.len() / 2]
    }

    /// The lowest.
    pub fn lowest(&self) -> f64 {
        self.rates[0]
    }

    /// The highest.
    pub fn highest(&self) -> f64 {
        self.rates[self.rates.len() - 1]
    }
}

/// A cell to be measured, and how long its last run took with everything around it.
struct Task {
    cell: Cell,
    took: Duration,
}

impl Task {
    /// Finds the size with which a run takes about `run`.
    fn calibrated(peer: Peer, workload: Workload, threads: usize, run: Duration) -> Self {
        let mut messages = workload.rounded(FIRST_TRY);
        loop {
            let begun = Instant::now();
            let outcome = peer.run(workload, threads, messages);
            let factor = run.as_secs_f64() / outcome.elapsed.as_secs_f64();
            let size = workload.rounded((messages as f64 * factor.min(30.0)) as u64);
            if factor < 4.0 {
                return Self {
                    cell: Cell {
                        peer,
                        workload,
                        threads,
                        messages: size,
                        checksum: 0,
                        rates: Vec::new(),
                    },
                    took: begun.elapsed().mul_f64(factor),
                };
            }
            messages = size;
        }
    }

    fn run(&mut self) -> Outcome {
        let begun = Instant::now();
        let cell = &mut self.cell;
        let outcome = cell.peer.run(cell.workload, cell.threads, cell.messages);
        self.took = begun.elapsed();
        cell.checksum = outcome.checksum;
        cell.rates.push(outcome.rate_millions());
        outcome
    }
}

/// Measures; what it is at goes to standard error.
///
/// # Panics
///
/// If a run loses a message.
pub fn measure(settings: &Settings) -> Vec<Cell> {
    let begun = Instant::now();
    let mut groups: Vec<Vec<Task>> = Vec::new();
    for &workload in &settings.workloads {
        for &threads in &settings.threads {
            let mut group = Vec::new();
            for &peer in settings.peers.iter().filter(|peer| peer.plays_on(threads)) {
                let task = Task::calibrated(peer, workload, threads, settings.run);
                let messages = task.cell.messages;
                eprintln!(
                    "{} size of {workload}, {peer}, {threads} thr.: {messages}",
                    clock(begun.elapsed())
                );
                group.push(task);
            }
            groups.push(group);
        }
    }
    for round in 0..settings.rounds {
        for group in 0..groups.len() {
            let peers = groups[group].len();
            for turn in 0..peers {
                let outcome = groups[group][(turn + round) % peers].run();
                let cell = &groups[group][(turn + round) % peers].cell;
                let one_round: Duration = groups.iter().flatten().map(|task| task.took).sum();
                let this_round: Duration = groups[group + 1..].iter().flatten().map(|task| task.took).sum();
                let left = this_round + one_round * (settings.rounds - round - 1) as u32;
                eprintln!(
                    "{} round {} of {}: {}, {}, {} thr.: {:.2} M/s; about {} left",
                    clock(begun.elapsed()),
                    round + 1,
                    settings.rounds,
                    cell.workload,
                    cell.peer,
                    cell.threads,
                    outcome.rate_millions(),
                    clock(left)
                );
            }
        }
    }
    let mut cells: Vec<Cell> = groups.into_iter().flatten().map(|task| task.cell).collect();
    for cell in &mut cells {
        cell.rates.sort_by(f64::total_cmp);
    }
    cells
}

/// Minutes and seconds.
pub(crate) fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}
