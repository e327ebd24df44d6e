//! The command line: every command, option, default and help text.
//!
//! It exists so that the whole interface is readable in one place. It only describes: what needs
//! more than one option to judge (two endpoints of one kind, say) is checked by the commands.

use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use potoroo_benches::suite::{self, Bench};
use potoroo_runtime::RECORDED_EVENTS_MAX;

use crate::endpoint::Endpoint;
use crate::ends::{Input, Output};
use crate::market_spread::instruments::{INSTRUMENTS, REJECTING, Universe, UniverseError};
use crate::market_spread::schedule::Schedule;
use crate::query::At;
pub use crate::rate::Rate;
use crate::rate::parse_count;

#[path = "cli_classics.rs"]
pub mod classics;
#[path = "cli_nexmark.rs"]
pub mod nexmark;
#[path = "cli_small.rs"]
pub mod small;
#[path = "cli_soak.rs"]
pub mod soak;

/// An actor runtime that thinks local, and a stateful stream engine on top of it.
#[derive(Debug, Parser)]
#[command(name = "potoroo", version, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  potoroo demo
  potoroo run market-spread --orders tcp://127.0.0.1:7100 --quotes tcp://127.0.0.1:7101 --out tcp://127.0.0.1:7200
  potoroo help send market-spread")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run Market Spread with generated messages in this one process, and report speed and latency
    Demo(DemoArgs),
    /// Run an application: a job on streams, a server, or a small program to learn from
    #[command(subcommand)]
    Run(RunCommand),
    /// Generate a job's input and send it, or write it to files
    #[command(subcommand)]
    Send(SendCommand),
    /// Collect a job's results, and measure how long they took
    Receive(ReceiveArgs),
    /// Ask a running job for the state of a key
    Query(QueryArgs),
    /// Run a benchmark of the actor runtime, and look into the scheduler while it runs
    Bench(BenchArgs),
    /// Run everything at once for long, with faults, and account for every message
    ///
    /// Rings, floods, asks, timers, supervised workers, short lives, arenas, topics, connections, stream jobs and a key-value
    /// server, on one system. Again and again all of it comes to rest and is checked.
    Soak(soak::SoakArgs),
}

/// The applications that `run` knows.
#[derive(Debug, Subcommand)]
pub enum RunCommand {
    /// Reject orders for instruments whose latest quote has a wide spread
    ///
    /// On TCP the two streams race, as they do in Wallaroo: an order meets whatever quote of its instrument has arrived by
    /// then. With files the quotes are read to their end before the orders, so that the results are a function of the
    /// input.
    MarketSpread(RunMarketSpreadArgs),
    /// Count the words of a text
    WordCount(RunWordCountArgs),
    /// Run a query of Nexmark, the auction house, and say how fast it was
    ///
    /// The queries and the generator are those of the Nexmark suite. `out` is how many results there were, `chk` a sum over
    /// them; they are compared with the known values, and a difference is an error.
    Nexmark(nexmark::RunNexmarkArgs),
    /// Add up votes for letters
    Alphabet(classics::RunStreamArgs),
    /// Turn degrees Celsius into degrees Fahrenheit
    Celsius(classics::RunStreamArgs),
    /// As celsius, with two outputs that get the same
    MultiSink(classics::RunMultiSinkArgs),
    /// Tell of large transactions, or of users whose total, or whose total of five seconds, is out of range
    Alerts(classics::RunAlertsArgs),
    /// Give the last four numbers of the same parity, and check that none was lost, doubled or out of order
    SequenceWindow(classics::RunSequenceWindowArgs),
    /// Tell the hashtags that came most often in the last minutes, again each minute
    TrendingHashtags(classics::RunTrendingHashtagsArgs),
    /// Serve keys and values to clients of Redis
    ///
    /// Text, lists, hashes, deadlines, publish and subscribe, in memory alone. The keys are spread over shards, each an
    /// actor. What a command does to one key is atomic; a command on several keys, such as MSET, is atomic for each of them
    /// and not as a whole. There are no transactions and no scripts.
    Kv(RunKvArgs),
    /// Count primes with a supervised pool of workers that fail by design
    ///
    /// A worker that fails is started again, and the job it failed at is done again. The sum is checked in the end.
    Pool(small::RunPoolArgs),
    /// Serve a chat to people with nc or telnet
    ///
    /// Lines of text, rooms, nicknames. Who does not read misses lines, and holds nobody up.
    Chat(small::RunChatArgs),
    /// Forward HTTP to a server, no more than so many requests a second
    ///
    /// Requests wait their turn; when too many wait, the answer is 503 at once. The server is spoken to in HTTP/1.0, with a
    /// connection for each request. Requests and responses are held in memory, and bounded.
    Proxy(small::RunProxyArgs),
}

/// The jobs that `send` knows.
#[derive(Debug, Subcommand)]
pub enum SendCommand {
    /// Send generated orders and quotes
    MarketSpread(SendArgs),
}

/// Options of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  potoroo demo                          10 million messages at 1 million a second
  potoroo demo --rate max --workers 1   as fast as one core goes
  potoroo demo --messages 1M --json demo.json")]
pub struct DemoArgs {
    /// Messages to process, quotes and orders together
    #[arg(long, value_name = "N", default_value = "10_000_000", value_parser = parse_count)]
    pub messages: u64,
    /// Messages a second (as 1000000, 1_000_000, 1M or 250k), or `max`
    #[arg(long, value_name = "R|max", default_value = "1_000_000")]
    pub rate: Rate,
    /// Decides every message
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// One order in N is for an instrument that is rejected
    #[arg(long, value_name = "N", default_value = "100", value_parser = parse_positive)]
    pub reject_one_in: u64,
    /// Write the summary to FILE as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write messages that cannot be processed to FILE
    #[arg(long, value_name = "FILE")]
    pub dead_letters: Option<PathBuf>,
}

/// Options that all jobs of `run` have.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// End when the first connection of each listener has ended and all of it is processed
    /// [default: serve until Ctrl-C]
    #[arg(long)]
    pub once: bool,
    /// Write the summary to FILE as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write messages that cannot be processed to FILE
    #[arg(long, value_name = "FILE")]
    pub dead_letters: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(long)]
    pub quiet: bool,
}

/// Options of `run market-spread`.
#[derive(Debug, Args)]
#[command(after_help = "\
Endpoints are tcp://HOST:PORT or file:PATH. Inputs on TCP are listened on, the output is connected to.

Examples:
  potoroo run market-spread --orders tcp://127.0.0.1:7100 --quotes tcp://127.0.0.1:7101 --out tcp://127.0.0.1:7200
  potoroo run market-spread --orders file:orders.bin --quotes file:quotes.bin --out file:results.bin --once")]
pub struct RunMarketSpreadArgs {
    /// Where orders come from
    #[arg(long, value_name = "ENDPOINT")]
    pub orders: Endpoint,
    /// Where quotes come from
    #[arg(long, value_name = "ENDPOINT")]
    pub quotes: Endpoint,
    /// Where results go
    #[arg(long, value_name = "ENDPOINT")]
    pub out: Endpoint,
    /// The longest payload that is accepted; a longer one ends its connection
    #[arg(long, value_name = "N", default_value_t = 65_536)]
    pub frame_bytes_max: usize,
    /// What all jobs have.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Options of `run word-count`.
#[derive(Debug, Args)]
#[command(after_help = "\
An input is stdin, file:PATH (.gz and .zst are unpacked), dir:PATH, follow:PATH (as tail -F), tcp://HOST:PORT or unix:PATH, \
to listen on, or http://HOST:PORT[/PATH], to post to. An output is stdout, file:PATH, dir:PATH (numbered files), tcp://HOST:PORT or unix:PATH, to connect to, or \
http://HOST:PORT/PATH, to post to.

Examples:
  potoroo run word-count --input file:book.txt --out file:counts.txt
  potoroo run word-count --input tcp://127.0.0.1:7100 --out tcp://127.0.0.1:7200
  potoroo run word-count --input follow:log --out file:counts.txt --query unix:questions
  potoroo query --at unix:questions counts '\"the\"'")]
pub struct RunWordCountArgs {
    /// Where the text comes from
    #[arg(long, value_name = "INPUT", default_value = "stdin")]
    pub input: Input,
    /// Where the counts go
    #[arg(long, value_name = "OUTPUT", default_value = "stdout")]
    pub out: Output,
    /// Where `potoroo query` may ask for the count of a word, while the job runs
    #[arg(long, value_name = "ADDRESS")]
    pub query: Option<At>,
    /// What all jobs have.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Options of `query`.
#[derive(Debug, Args)]
#[command(after_help = "\
Prints the state as JSON, `null` if the key has none. An address is tcp://HOST:PORT or unix:PATH, as the job was given it with \
--query.

Examples:
  potoroo query --at unix:questions counts '\"the\"'
  potoroo query --at tcp://127.0.0.1:7300 counts '\"the\"'")]
pub struct QueryArgs {
    /// Where the job listens
    #[arg(long, value_name = "ADDRESS")]
    pub at: At,
    /// What to ask for; the error names what there is
    pub name: String,
    /// The key, as JSON
    pub key: String,
}

/// Options of `run kv`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  potoroo run kv
  potoroo run kv --listen 127.0.0.1:7000 --workers 2 --password secret")]
pub struct RunKvArgs {
    /// Where to listen; with port 0 the system chooses, and the line `listening on` on stderr says which
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:6379")]
    pub listen: SocketAddr,
    /// Worker threads [default: half as many as cores]
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// Parts that the keys are spread over, 65,535 at most [default: one per worker]
    #[arg(long, value_name = "N")]
    pub shards: Option<NonZeroU16>,
    /// What clients have to tell with AUTH before anything else
    #[arg(long, value_name = "P")]
    pub password: Option<String>,
    /// How many clients may be connected; more are told so and closed
    #[arg(long, value_name = "N", default_value = "10_000", value_parser = parse_positive)]
    pub max_clients: u64,
    /// How long a request may be, in bytes, 1 GiB at most; each connection may hold one
    #[arg(long, value_name = "N", default_value = "67_108_864", value_parser = parse_request_bytes)]
    pub max_request_bytes: usize,
    /// Print nothing but the address and errors
    #[arg(long)]
    pub quiet: bool,
}

/// Options of `send market-spread`.
#[derive(Debug, Args)]
#[command(after_help = "\
Endpoints are tcp://HOST:PORT or file:PATH, both of one kind. Files are a function of the seed and \
ignore the rate; their quotes begin with one for every instrument, as the quotes on TCP do.

The schedule is an open loop: message i is due i / rate seconds after the start, and a late one is \
sent late, never skipped and never given a later due time.

Examples:
  potoroo send market-spread --orders tcp://127.0.0.1:7100 --quotes tcp://127.0.0.1:7101 --messages 10M --rate 1M
  potoroo send market-spread --orders file:orders.bin --quotes file:quotes.bin --messages 1M --seed 7
  potoroo send market-spread --orders tcp://127.0.0.1:7100 --quotes tcp://127.0.0.1:7101 --rate max --stamps stamps.bin")]
pub struct SendArgs {
    /// Where orders go
    #[arg(long, value_name = "ENDPOINT")]
    pub orders: Endpoint,
    /// Where quotes go
    #[arg(long, value_name = "ENDPOINT")]
    pub quotes: Endpoint,
    /// Messages to send, quotes and orders together
    #[arg(long, value_name = "N", default_value = "10_000_000", value_parser = parse_count)]
    pub messages: u64,
    /// Messages a second (as 1000000, 1_000_000, 1M or 250k), or `max`
    #[arg(long, value_name = "R|max", default_value = "1_000_000")]
    pub rate: Rate,
    /// Decides every message
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// The instruments.
    #[command(flatten)]
    pub universe: UniverseArgs,
    /// One order in N is for an instrument that is rejected
    #[arg(long, value_name = "N", default_value = "70_000", value_parser = parse_positive)]
    pub reject_one_in: u64,
    /// When message 0 is due, in ns since 1970 [default: 200 ms after connecting]
    #[arg(long, value_name = "T")]
    pub start_at_ns: Option<u64>,
    /// With `--rate max`: write to FILE when each batch was sent, for `receive --schedule`
    #[arg(long, value_name = "FILE")]
    pub stamps: Option<PathBuf>,
    /// Write the report to FILE as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(long)]
    pub quiet: bool,
}

/// Options that choose the instruments: made up from the seed, or read from two files.
#[derive(Debug, Clone, Args)]
pub struct UniverseArgs {
    /// Instruments to make up
    #[arg(long, value_name = "N", default_value_t = INSTRUMENTS)]
    pub symbols: usize,
    /// How many of these are rejected
    #[arg(long, value_name = "N", default_value_t = REJECTING)]
    pub rejecting: usize,
    /// Read the instruments that are not rejected from a file with the columns
    /// _cusip,_name,_price,_ticker
    #[arg(long, value_name = "CSV", requires = "rejected_instruments")]
    #[arg(conflicts_with_all = ["symbols", "rejecting"])]
    pub instruments: Option<PathBuf>,
    /// Read the instruments that are rejected from such a file
    #[arg(long, value_name = "CSV", requires = "instruments")]
    pub rejected_instruments: Option<PathBuf>,
}

impl UniverseArgs {
    /// The instruments that the options choose.
    pub fn universe(&self, seed: u64) -> Result<Universe, UniverseError> {
        match (&self.instruments, &self.rejected_instruments) {
            (Some(nonrejected), Some(rejected)) => Universe::from_csv(nonrejected, rejected),
            // Only one of the two is no case: clap has refused it.
            _ => Universe::generated(seed, self.symbols, self.rejecting),
        }
    }
}

/// Options of `receive`.
#[derive(Debug, Args)]
#[command(after_help = "\
A latency is counted from when the order was due, whatever the sender did. At `rate=max` nothing is \
due; there it is counted from the moment in the sender's --stamps, which are read at the end.

Examples:
  potoroo receive --listen tcp://127.0.0.1:7200
  potoroo receive --listen tcp://127.0.0.1:0 --out file:results.bin --json results.json
  potoroo receive --listen tcp://127.0.0.1:7200 --schedule seed=1,start_ns=1767225600000000000,rate=1M
  potoroo receive --listen tcp://127.0.0.1:7200 --schedule seed=1,start_ns=0,rate=max,stamps=stamps.bin")]
pub struct ReceiveArgs {
    /// Where to listen, tcp://HOST:PORT; with port 0 the system chooses, and the line
    /// `listening on` on stderr, which even --quiet prints, says which
    #[arg(long, value_name = "ENDPOINT")]
    pub listen: Endpoint,
    /// How many connections to accept; it ends when all of them have
    #[arg(long, value_name = "N", default_value = "1")]
    pub connections: NonZeroUsize,
    /// Copy the frames as they are to file:PATH
    #[arg(long, value_name = "ENDPOINT")]
    pub out: Option<Endpoint>,
    /// Measure latencies: the sender's seed, start and rate, and at rate=max its stamps
    #[arg(long, value_name = "seed=S,start_ns=T,rate=R[,stamps=FILE]")]
    pub schedule: Option<Schedule>,
    /// Write the report to FILE as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Print nothing but the address and errors
    #[arg(long)]
    pub quiet: bool,
}

/// Options of `bench`.
#[derive(Debug, Args)]
#[command(after_help = "\
Every run has a system of its own and checks a sum over all messages. With --profile and --trace the scheduler is \
recorded, which makes turns slower; compare rates of runs without them.

Examples:
  potoroo bench --list
  potoroo bench ping-pong --workers 1
  potoroo bench ring-full --workers 2 --runs 5 --json
  potoroo bench skewed --profile --trace skewed.json
  potoroo bench fan-in --flamegraph fan-in.svg")]
pub struct BenchArgs {
    /// Which benchmark; --list names them
    #[arg(value_name = "NAME", value_parser = parse_bench, required_unless_present = "list")]
    pub bench: Option<&'static Bench>,
    /// List the benchmarks
    #[arg(long, exclusive = true)]
    pub list: bool,
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// Messages of a run, rounded to what the benchmark can do [default: about a second's worth]
    #[arg(long, value_name = "N", value_parser = parse_messages)]
    pub messages: Option<u64>,
    /// How often to run it; the table gives each run and the median
    #[arg(long, value_name = "N", default_value = "3")]
    pub runs: NonZeroU32,
    /// Print one JSON object per run instead of the table
    #[arg(long)]
    pub json: bool,
    /// Record the scheduler and say what it did: turns, waits, sharing, sleeps, longest turns, cycles
    #[arg(long)]
    pub profile: bool,
    /// Write the last run's latest events to FILE, for Perfetto or chrome://tracing
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// How many events each worker keeps for the trace
    #[arg(long, value_name = "N", default_value = "100k", value_parser = parse_events, requires = "trace")]
    pub trace_events: usize,
    /// Sample the runs with perf and draw where the time goes into FILE, as SVG
    #[arg(long, value_name = "FILE")]
    pub flamegraph: Option<PathBuf>,
    /// Print nothing but the results and errors
    #[arg(long)]
    pub quiet: bool,
}

/// The worker threads asked for, or one per core.
#[must_use]
pub fn workers_or_cores(workers: Option<NonZeroUsize>) -> NonZeroUsize {
    workers
        .or_else(|| std::thread::available_parallelism().ok())
        .unwrap_or(NonZeroUsize::MIN)
}

fn parse_bench(name: &str) -> Result<&'static Bench, String> {
    suite::find(name).ok_or_else(|| {
        let names: Vec<_> = suite::SUITE.iter().map(|bench| bench.name).collect();
        format!("there is no such benchmark; there are {}", names.join(", "))
    })
}

fn parse_messages(text: &str) -> Result<u64, String> {
    match parse_positive(text)? {
        number if number > suite::MESSAGES_MAX => Err(format!("at most {} fit", suite::MESSAGES_MAX)),
        number => Ok(number),
    }
}

fn parse_request_bytes(text: &str) -> Result<usize, String> {
    match parse_positive(text)? {
        number @ 1024..=0x4000_0000 => Ok(number as usize),
        _ => Err("expected 1,024 to 1,073,741,824".to_owned()),
    }
}

fn parse_events(text: &str) -> Result<usize, String> {
    let number = usize::try_from(parse_positive(text)?).unwrap_or(usize::MAX);
    if number > RECORDED_EVENTS_MAX {
        return Err(format!("a worker keeps at most {RECORDED_EVENTS_MAX}"));
    }
    Ok(number)
}

fn parse_positive(text: &str) -> Result<u64, String> {
    match parse_count(text)? {
        0 => Err("expected at least 1".to_owned()),
        number => Ok(number),
    }
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;
