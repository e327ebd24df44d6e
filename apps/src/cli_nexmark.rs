//! The options of `run nexmark`.
//!
//! They are here and not beside the others only so that neither file is too long to read.

use super::parse_positive;
use crate::nexmark::Query;
use crate::nexmark::generate::EVENTS_MAX;
use clap::{Args, ValueEnum};
use std::num::{NonZeroU32, NonZeroUsize};

/// Options of `run nexmark`.
#[derive(Debug, Args)]
#[command(after_help = "\
`pre` makes all events before the clock starts, so that the engine is measured and not the generator; each event is still owned,
moved and dropped one by one. `generate` makes them in the sources, while the clock runs.

Examples:
  potoroo run nexmark --query q5
  potoroo run nexmark --query all --workers 1 --runs 3
  potoroo run nexmark --query q3 --events 10M --workers 2 --json
  potoroo run nexmark --query q3 --loop           the same query as one loop without an engine")]
pub struct RunNexmarkArgs {
    /// Which query, or `all`
    #[arg(long, value_name = "Q", value_parser = parse_queries)]
    pub query: Queries,
    /// Events to process, 16 million at most
    #[arg(long, value_name = "N", default_value = "3M", value_parser = parse_events)]
    pub events: u64,
    /// Worker threads, and as many sources [default: one per core]
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// Partitions of each stage that has keys [default: one per worker]
    #[arg(long, value_name = "N")]
    pub partitions: Option<NonZeroUsize>,
    /// When the events are made
    #[arg(long, value_enum, default_value = "pre")]
    pub source: SourceMode,
    /// How often to run it; the figures are those of the median run
    #[arg(long, value_name = "N", default_value = "1")]
    pub runs: NonZeroU32,
    /// Run the query as one loop on one thread, without the engine
    #[arg(long = "loop", conflicts_with_all = ["workers", "partitions"])]
    pub bare_loop: bool,
    /// Print one JSON object per query
    #[arg(long)]
    pub json: bool,
    /// Print nothing but the results and errors
    #[arg(long)]
    pub quiet: bool,
}

/// When events are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SourceMode {
    /// Before the clock starts.
    Pre,
    /// By the sources, while the clock runs.
    Generate,
}

impl SourceMode {
    /// As it is written on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pre => "pre",
            Self::Generate => "generate",
        }
    }
}

/// One query, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queries {
    /// This one.
    One(Query),
    /// All.
    All,
}

impl Queries {
    /// They, in order.
    #[must_use]
    pub fn each(self) -> Vec<Query> {
        match self {
            Self::One(query) => vec![query],
            Self::All => Query::ALL.to_vec(),
        }
    }
}

fn parse_queries(text: &str) -> Result<Queries, String> {
    if text == "all" {
        return Ok(Queries::All);
    }
    let query = Query::ALL.into_iter().find(|query| query.name() == text);
    query.map(Queries::One).ok_or_else(|| {
        let names = Query::ALL.map(Query::name).join(", ");
        format!("there is no such query; there are {names}, and `all`")
    })
}

fn parse_events(text: &str) -> Result<u64, String> {
    match parse_positive(text)? {
        number if number > EVENTS_MAX => {
            Err("at most 16,000,000: the generator's times are not exact beyond".to_owned())
        }
        number => Ok(number),
    }
}
