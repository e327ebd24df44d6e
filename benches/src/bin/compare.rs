//! Prints one table: each workload on the runtime with 1 and 2 workers beside the bare loop that bounds it, if it has one.
//!
//! `cargo run --release -p potoroo-benches --bin compare [-- [--quick] [--runs N] [workload ...]]`. Every cell is the median of runs that alternate
//! between the columns, so that a disturbance of the machine hits all of them; each run has a system of its own. The
//! table goes to standard output, progress to standard error. It keeps no history: criterion does.

use potoroo_benches::{ALL, MANY, Outcome, Workload, system};
use std::fmt;
use std::process::ExitCode;

/// How often each cell is measured, if nothing else is said.
const RUNS: usize = 5;

/// Messages of one run, divided by how much heavier they are: some tenths of a second.
const MESSAGES: u64 = 10_000 * MANY;

/// As above, to see whether everything works; never less than [`MANY`].
const QUICK_MESSAGES: u64 = 20 * MANY;

/// One column.
#[derive(Clone, Copy)]
enum Column {
    Limit,
    Workers(usize),
}

const COLUMNS: [Column; 3] = [Column::Limit, Column::Workers(1), Column::Workers(2)];

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit => write!(f, "bare loop"),
            Self::Workers(1) => write!(f, "1 worker"),
            Self::Workers(workers) => write!(f, "{workers} workers"),
        }
    }
}

impl Column {
    /// One run, and the share of its messages that stayed on their core.
    fn run(self, workload: &Workload, messages: u64) -> Option<(Outcome, f64)> {
        match self {
            Self::Limit => workload.limit.map(|limit| (limit(messages), 1.0)),
            Self::Workers(workers) => {
                let system = system(workers);
                let outcome = (workload.run)(&system, messages);
                Some((outcome, system.shutdown().stats.total().locality_ratio()))
            }
        }
    }
}

/// The runs of one workload on one column.
#[derive(Default)]
struct Cell {
    rates: Vec<f64>,
    locality: Vec<f64>,
}

impl Cell {
    fn text(&self) -> String {
        let rates = sorted(&self.rates);
        if rates.is_empty() {
            return "–".into();
        }
        let (median, lowest, highest) = (rates[rates.len() / 2], rates[0], rates[rates.len() - 1]);
        format!("{median:.2} ({lowest:.2}–{highest:.2})")
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

fn median(values: &[f64]) -> f64 {
    sorted(values)[values.len() / 2]
}

/// Measures one workload and prints its row.
fn row(workload: &Workload, messages: u64, runs: usize) {
    let mut cells = COLUMNS.map(|_| Cell::default());
    let mut first = None;
    for run in 1..=runs {
        eprint!("{}: run {run} of {runs}:", workload.name);
        for (column, cell) in COLUMNS.iter().zip(&mut cells) {
            let Some((outcome, locality)) = column.run(workload, messages) else {
                continue;
            };
            cell.rates.push(outcome.rate_millions());
            cell.locality.push(locality);
            let work = (outcome.messages, outcome.checksum);
            assert_eq!(
                *first.get_or_insert(work),
                work,
                "{}: two runs did not do the same work",
                workload.name
            );
            eprint!(" {column} {:.2}", outcome.rate_millions());
        }
        eprintln!();
    }
    let [limit, one, two] = &cells;
    let of_limit = match limit.rates.as_slice() {
        [] => "–".into(),
        rates => format!("{:.1} %", 100.0 * median(&one.rates) / median(rates)),
    };
    let (messages, checksum) = first.unwrap_or_default();
    println!(
        "| {:23} | {messages:10} | {:22} | {:20} | {:20} | {of_limit:>11} | {:7.1} % | {checksum:016x} |",
        workload.name,
        limit.text(),
        one.text(),
        two.text(),
        100.0 * median(&two.locality),
    );
}

/// What is asked for.
struct Plan {
    messages: u64,
    runs: usize,
    workloads: Vec<&'static Workload>,
}

impl Plan {
    fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut plan = Self {
            messages: MESSAGES,
            runs: RUNS,
            workloads: Vec::new(),
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => plan.messages = QUICK_MESSAGES,
                "--runs" => {
                    let runs = args.next().unwrap_or_default();
                    plan.runs = runs
                        .parse()
                        .ok()
                        .filter(|runs| *runs > 0)
                        .ok_or(format!("no number of runs: {runs}"))?;
                }
                name => {
                    let known = ALL.iter().find(|workload| workload.name == name);
                    plan.workloads.push(known.ok_or_else(|| {
                        let names: Vec<_> = ALL.iter().map(|workload| workload.name).collect();
                        format!("there is no workload {name}; there are {}", names.join(", "))
                    })?);
                }
            }
        }
        if plan.workloads.is_empty() {
            plan.workloads.extend(ALL);
        }
        Ok(plan)
    }
}

fn main() -> ExitCode {
    let plan = match Plan::parse(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(what) => {
            eprintln!("compare: {what}\nusage: compare [--quick] [--runs N] [workload ...]");
            return ExitCode::from(2);
        }
    };
    println!(
        "Million messages per second: median of {} runs (lowest–highest).\n",
        plan.runs
    );
    println!(
        "| {:23} | {:>10} | {:22} | {:20} | {:20} | {:>11} | {:>9} | {:16} |",
        "workload", "messages", "bare loop, 1 thread", "1 worker", "2 workers", "1 of limit", "2 local", "checksum"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for workload in plan.workloads {
        let messages = (plan.messages / workload.heavier).max(MANY) / MANY * MANY;
        row(workload, messages, plan.runs);
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(words: &str) -> Result<Plan, String> {
        Plan::parse(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn without_names_all_workloads_run() {
        let plan = plan("--quick").expect("a plan");
        assert_eq!(
            (plan.messages, plan.runs, plan.workloads.len()),
            (QUICK_MESSAGES, RUNS, ALL.len())
        );
    }

    #[test]
    fn rows_can_be_chosen() {
        let plan = plan("big_120 --runs 3 ping_pong").expect("a plan");
        let names: Vec<_> = plan.workloads.iter().map(|workload| workload.name).collect();
        assert_eq!((plan.runs, names.as_slice()), (3, ["big_120", "ping_pong"].as_slice()));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for words in ["--runs", "--runs 0", "--runs many", "pingpong", "--fast"] {
            assert!(plan(words).is_err(), "{words}");
        }
    }
}
