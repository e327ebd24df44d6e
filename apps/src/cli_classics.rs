//! The options of Wallaroo's small applications.

use super::{RunArgs, parse_positive};
use crate::classics::alerts::Kind;
use crate::classics::trending_hashtags::Rule;
use crate::ends::{Form, Input, Output};
use crate::error::AppError;
use clap::Args;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// Options of applications that take one stream and give one.
#[derive(Debug, Args)]
#[command(after_help = "\
An input is stdin, file:PATH (.gz and .zst are unpacked), dir:PATH, follow:PATH (as tail -F), tcp://HOST:PORT or unix:PATH, \
to listen on, or http://HOST:PORT[/PATH], to post to. An output is stdout, file:PATH, dir:PATH (numbered files), tcp://HOST:PORT or unix:PATH, to connect to, or \
http://HOST:PORT/PATH, to post to.

Examples:
  printf '20\\n-40\\n' | potoroo run celsius --quiet
  printf 'a 1\\nb 2\\na 3\\n' | potoroo run alphabet --quiet
  potoroo run alphabet --input tcp://127.0.0.1:7100 --form frames --out file:totals.bin --once")]
pub struct RunStreamArgs {
    /// Where records come from
    #[arg(long, value_name = "INPUT", default_value = "stdin")]
    pub input: Input,
    /// Where results go
    #[arg(long, value_name = "OUTPUT", default_value = "stdout")]
    pub out: Output,
    /// How records are told apart: lines or frames
    #[arg(long, value_name = "FORM", default_value_t = Form::Lines)]
    pub form: Form,
    /// What all jobs have.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Options of `run multi-sink`.
#[derive(Debug, Args)]
pub struct RunMultiSinkArgs {
    /// The input and the first output.
    #[command(flatten)]
    pub stream: RunStreamArgs,
    /// Where the results go as well
    #[arg(long, value_name = "OUTPUT")]
    pub also: Output,
}

/// Options of `run alerts`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  potoroo run alerts --transactions 20
  printf 'ann 900\\nbob -5000\\nann 200\\n' | potoroo run alerts --kind stateful --input stdin --quiet
  printf '0 ann 900\\n4 ann 200\\n5 ann 900\\n' | potoroo run alerts --kind windowed --input stdin --quiet")]
pub struct RunAlertsArgs {
    /// What is minded: `stateless`, each transaction; `stateful`, the total of each user; `windowed`, the total of each user in
    /// each five seconds
    #[arg(long, value_name = "KIND", default_value = "stateless")]
    pub kind: Kind,
    /// Where transactions come from, a line `user amount` each, or `seconds user amount` if windowed
    /// [default: they are made up]
    #[arg(long, value_name = "INPUT")]
    pub input: Option<Input>,
    /// How many are made up
    #[arg(long, value_name = "N", default_value = "10_000", value_parser = parse_positive, conflicts_with = "input")]
    pub transactions: u64,
    /// Where alerts go
    #[arg(long, value_name = "OUTPUT", default_value = "stdout")]
    pub out: Output,
    /// What all jobs have.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Options of `run sequence-window`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  seq 1000000 | potoroo run sequence-window --input stdin --out file:windows.txt
  potoroo run sequence-window --validate windows.txt --last 1000000")]
pub struct RunSequenceWindowArgs {
    /// Where numbers come from: 1, 2, 3, and so on
    #[arg(long, value_name = "INPUT", required_unless_present = "validate")]
    pub input: Option<Input>,
    /// Where windows go
    #[arg(long, value_name = "OUTPUT", required_unless_present = "validate")]
    pub out: Option<Output>,
    /// How records are told apart: lines or frames
    #[arg(long, value_name = "FORM", default_value_t = Form::Lines)]
    pub form: Form,
    /// Run nothing, but look through the output of a run
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input", "out"])]
    pub validate: Option<PathBuf>,
    /// With --validate: the last number that went in
    #[arg(long, value_name = "N", requires = "validate", value_parser = parse_positive)]
    pub last: Option<u64>,
    /// What all jobs have.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Options of `run trending-hashtags`.
#[derive(Debug, Args)]
#[command(after_help = "\
A line of output is FROM..UNTIL and hashtags with their counts. A line of input that is more than 10 s of its own time behind \
the latest is left out.

Examples:
  potoroo run trending-hashtags --lines 5000
  printf '0 #one #two\\n3 #two\\n' | potoroo run trending-hashtags --input stdin --quiet
  potoroo run trending-hashtags --input tcp://127.0.0.1:7100 --top 3 --within-s 60 --every-s 10")]
pub struct RunTrendingHashtagsArgs {
    /// Where text comes from, a line `seconds text` each [default: it is made up]
    #[arg(long, value_name = "INPUT")]
    pub input: Option<Input>,
    /// How many lines are made up, ten for each second
    #[arg(long, value_name = "N", default_value = "10_000", value_parser = parse_positive, conflicts_with = "input")]
    pub lines: u64,
    /// How many hashtags are told
    #[arg(long, value_name = "N", default_value = "10")]
    pub top: NonZeroUsize,
    /// Over how many seconds they are counted; a multiple of --every-s
    #[arg(long, value_name = "S", default_value = "300", value_parser = parse_positive)]
    pub within_s: u64,
    /// After how many seconds they are told again
    #[arg(long, value_name = "S", default_value = "60", value_parser = parse_positive)]
    pub every_s: u64,
    /// Where results go
    #[arg(long, value_name = "OUTPUT", default_value = "stdout")]
    pub out: Output,
    /// What all jobs have.
    #[command(flatten)]
    pub run: RunArgs,
}

impl RunTrendingHashtagsArgs {
    /// The longest time over which hashtags are counted: a year.
    const WITHIN_S_MAX: u64 = 366 * 24 * 3600;

    /// What the options say about counting.
    pub fn rule(&self) -> Result<Rule, AppError> {
        let Self { within_s, every_s, .. } = *self;
        if !within_s.is_multiple_of(every_s) || within_s > Self::WITHIN_S_MAX {
            return Err(AppError::Options(format!(
                "--within-s {within_s} is no multiple of --every-s {every_s}, or more than a year"
            )));
        }
        Ok(Rule {
            top: self.top.get(),
            within: Duration::from_secs(within_s),
            every: Duration::from_secs(every_s),
        })
    }
}
