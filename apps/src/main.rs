//! The program: reads the command line, does what it says, and turns an error into one line and an exit code.
#![forbid(unsafe_code)]

use clap::Parser;
use potoroo::bench;
use potoroo::chat;
use potoroo::classics::{alerts, alphabet, celsius, sequence_window, trending_hashtags};
use potoroo::cli::{Cli, Command, RunCommand, SendCommand};
use potoroo::kv;
use potoroo::market_spread::{demo, receive, run, send};
use potoroo::nexmark;
use potoroo::pool;
use potoroo::proxy;
use potoroo::query;
use potoroo::soak;
use potoroo::terminal::tell;
use potoroo::word_count;
use std::process::ExitCode;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo(args) => demo::demo(&args).map(drop),
        Command::Run(RunCommand::MarketSpread(args)) => run::run(&args).map(drop),
        Command::Run(RunCommand::WordCount(args)) => word_count::run(&args).map(drop),
        Command::Run(RunCommand::Nexmark(args)) => nexmark::run::run(&args),
        Command::Run(RunCommand::Alphabet(args)) => alphabet::run(&args).map(drop),
        Command::Run(RunCommand::Celsius(args)) => celsius::run(&args).map(drop),
        Command::Run(RunCommand::MultiSink(args)) => celsius::run_multi_sink(&args).map(drop),
        Command::Run(RunCommand::Alerts(args)) => alerts::run(&args).map(drop),
        Command::Run(RunCommand::SequenceWindow(args)) => sequence_window::run(&args),
        Command::Run(RunCommand::TrendingHashtags(args)) => trending_hashtags::run(&args).map(drop),
        Command::Run(RunCommand::Kv(args)) => kv::run(&args).map(drop),
        Command::Run(RunCommand::Pool(args)) => pool::run(&args).map(drop),
        Command::Run(RunCommand::Chat(args)) => chat::run(&args),
        Command::Run(RunCommand::Proxy(args)) => proxy::run(&args).map(drop),
        Command::Send(SendCommand::MarketSpread(args)) => send::send(&args).map(drop),
        Command::Query(args) => query::run(&args),
        Command::Bench(args) => bench::bench(&args),
        Command::Soak(args) => soak::soak(&args).map(drop),
        Command::Receive(args) => receive::receive(&args).map(drop),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(format_args!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}
