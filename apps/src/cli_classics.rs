//! The options of Wallaroo's small applications.

use super::{RunArgs, parse_positive};
use crate::classics::alerts::Kind;
use crate::ends::{Form, Input, Output};
use clap::Args;
use std::path::PathBuf;

/// Options of applications that take one stream and give one.
#[derive(Debug, Args)]
#[command(after_help = "\
An input is stdin, file:PATH (.gz and .zst are unpacked), dir:PATH, follow:PATH (as tail -F), tcp://HOST:PORT or unix:PATH, \
to listen on. An output is stdout, file:PATH, dir:PATH (numbered files), tcp://HOST:PORT or unix:PATH, to connect to, or \
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
  printf 'ann 900\\nbob -5000\\nann 200\\n' | potoroo run alerts --kind stateful --input stdin --quiet")]
pub struct RunAlertsArgs {
    /// What is minded: `stateless`, each transaction; `stateful`, the total of each user
    #[arg(long, value_name = "KIND", default_value = "stateless")]
    pub kind: Kind,
    /// Where transactions come from, a line `user amount` each [default: they are made up]
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
