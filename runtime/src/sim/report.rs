//! What came of an exploration: how far it went, or the run that failed and how to repeat it.

use super::faults::Injected;
use crate::sync::thread;
use std::fmt;

/// The variable that says which run is to be repeated, and only that.
pub(super) const REPLAY: &str = "POTOROO_SIM";

/// A run that can be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// The one of this seed.
    Seed(u64),
    /// The one in which these alternatives were taken, in order.
    Choices(Vec<u32>),
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed(seed) => write!(f, "seed={seed}"),
            Self::Choices(choices) => {
                let choices: Vec<String> = choices.iter().map(u32::to_string).collect();
                write!(f, "choices={}", choices.join("."))
            }
        }
    }
}

impl Run {
    /// Reads what was printed: `seed=17` or `choices=0.1.0`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} names no run: it must be seed=NUMBER or choices=NUMBER.NUMBER...");
        match text.split_once('=') {
            Some(("seed", seed)) => seed.parse().map(Self::Seed).map_err(|_| wrong()),
            Some(("choices", "")) => Ok(Self::Choices(Vec::new())),
            Some(("choices", choices)) => {
                let choices: Result<Vec<u32>, _> = choices.split('.').map(str::parse).collect();
                choices.map(Self::Choices).map_err(|_| wrong())
            }
            _ => Err(wrong()),
        }
    }
}

/// What an exploration that found nothing has done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// How many runs.
    pub runs: u64,
    /// How many of them took an order that had been seen; of an exhaustive search.
    pub redundant_runs: u64,
    /// How many steps: turns, or pieces of what workers do.
    pub steps: u64,
    /// Whether no order is left that could show anything new.
    pub complete: bool,
    /// Tells explorations apart that went another way; the same for the same runs.
    pub hash: u64,
    /// What went wrong by itself, as [`Explore::faults`](super::Explore::faults) said, and by crashes.
    pub injected: Injected,
    /// How long it took.
    pub seconds: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            runs,
            steps,
            seconds,
            injected,
            ..
        } = self;
        write!(f, "{runs} runs, {steps} steps, {seconds:.2} s")?;
        if injected.total() > 0 {
            write!(f, ", faults: {injected}")?;
        }
        if self.complete {
            write!(f, ", all orders seen")?;
        }
        Ok(())
    }
}

/// A run in which the scenario failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// What was wrong.
    pub what: String,
    /// Which run that was.
    pub run: Run,
    /// After so many others.
    pub runs_before: u64,
    /// How long it was, in steps.
    pub steps: u64,
    /// Who told whom what, as text.
    pub chart: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, run, steps, .. } = self;
        writeln!(f, "a simulated run failed: {what}")?;
        writeln!(
            f,
            "  {run}, run {} of this exploration, after {steps} steps",
            self.runs_before + 1
        )?;
        match thread::current().name().filter(|name| *name != "main") {
            Some(test) => writeln!(
                f,
                "  repeat it: {REPLAY}='{run}' cargo test {test} -- --exact --nocapture"
            )?,
            None => writeln!(f, "  repeat it with {REPLAY}='{run}' in the environment")?,
        }
        if !self.chart.is_empty() {
            writeln!(f, "  what happened (● handled, ├ told, ↻ told itself, ✕ ended):")?;
            write!(f, "{}", self.chart)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}
