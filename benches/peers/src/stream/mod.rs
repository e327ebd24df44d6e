//! Streams: word count, market spread and the queries of Nexmark as bare loops, on timely dataflow and on Potoroo's stream engine,
//! side by side in one table.
//!
//! All columns take the same records from the same iterators, and each run checks how many results there were and their sum. It
//! lacks engines in other languages, latency, and whatever costs more than time: checkpoints, sockets, changes while running.

pub mod chart;
pub mod market;
pub mod measure;
pub mod report;
pub mod words;

mod bare;
mod potoroo;
mod task;
mod timely;

pub use task::Task;

use ::potoroo::nexmark::Query;
use ::potoroo::nexmark::total::Total;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What is done with records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// Word count, a word being its rank.
    WordsU32,
    /// Word count, a word being 16 bytes.
    WordsInline,
    /// Word count, a word being a `String`.
    WordsStr,
    /// Market spread.
    Market,
    /// A query of Nexmark.
    Nexmark(Query),
}

impl Workload {
    /// All of them, in the order of tables.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let first = [Self::WordsU32, Self::WordsInline, Self::WordsStr, Self::Market];
        first.into_iter().chain(Query::ALL.map(Self::Nexmark)).collect()
    }

    /// What it is called in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WordsU32 => "words_u32",
            Self::WordsInline => "words_inl",
            Self::WordsStr => "words_str",
            Self::Market => "market",
            Self::Nexmark(query) => query.name(),
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = Self::all();
        let names = || {
            all.iter()
                .map(|workload| workload.name())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let found = all.iter().find(|workload| workload.name() == name).copied();
        found.ok_or_else(|| format!("one of {}", names()))
    }
}

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Column {
    /// A loop, a record at a time.
    Loop,
    /// A loop over batches.
    Batches,
    /// Timely dataflow, in its best form.
    Timely,
    /// Timely dataflow, with two streams that meet.
    TimelyTwo,
    /// This project.
    Potoroo,
}

impl Column {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 5] = [Self::Loop, Self::Batches, Self::Timely, Self::TimelyTwo, Self::Potoroo];

    /// What it is called in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Loop => "bare loop",
            Self::Batches => "in batches",
            Self::Timely => "timely",
            Self::TimelyTwo => "timely, two streams",
            Self::Potoroo => "potoroo",
        }
    }

    /// Whether it does this on so many threads.
    #[must_use]
    pub fn does(self, workload: Workload, workers: usize) -> bool {
        let is_words = matches!(
            workload,
            Workload::WordsU32 | Workload::WordsInline | Workload::WordsStr
        );
        match self {
            Self::Loop => workers == 1,
            Self::Batches => workers == 1 && is_words,
            Self::TimelyTwo => matches!(workload, Workload::Nexmark(Query::Q3 | Query::Q8)),
            Self::Timely | Self::Potoroo => true,
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a run gave, and what it took.
#[derive(Clone, Copy, Debug)]
pub struct Timed {
    /// What came out.
    pub total: Total,
    /// By the clock.
    pub took: Duration,
    /// CPU time of the process meanwhile.
    pub cpu: Duration,
}
