//! The options of the three small applications, each of which is one page.
//!
//! They are here and not beside the others only so that neither file is too long to read.

use super::{parse_count, parse_positive};
use clap::Args;
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroUsize};

/// Options of `run pool`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  potoroo run pool
  potoroo run pool --up-to 100M --members 8 --fail-one-in 3")]
pub struct RunPoolArgs {
    /// Count the primes below this number, 100,000,000 at most
    #[arg(long, value_name = "N", default_value = "20_000_000", value_parser = parse_up_to)]
    pub up_to: u64,
    /// How many ranges the numbers are cut into
    #[arg(long, value_name = "N", default_value = "1_000", value_parser = parse_positive)]
    pub jobs: u64,
    /// How many workers the pool has
    #[arg(long, value_name = "N", default_value = "4")]
    pub members: NonZeroU16,
    /// One attempt in N fails; 0: none
    #[arg(long, value_name = "N", default_value = "10", value_parser = parse_count)]
    pub fail_one_in: u64,
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// Print nothing but the result and errors
    #[arg(long)]
    pub quiet: bool,
}

/// Options of `run chat`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  potoroo run chat
  nc 127.0.0.1 7000        then type: /help")]
pub struct RunChatArgs {
    /// Where to listen; with port 0 the system chooses, and the line `listening on` on stderr says which
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7000")]
    pub listen: SocketAddr,
    /// How many clients may be connected; one more waits until somebody leaves
    #[arg(long, value_name = "N", default_value = "1_000", value_parser = parse_positive)]
    pub max_clients: u64,
    /// Seconds without a byte in either direction after which a client is let go
    #[arg(long, value_name = "S", default_value = "600", value_parser = parse_positive)]
    pub idle_s: u64,
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
}

/// Options of `run proxy`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  python3 -m http.server 9000 --bind 127.0.0.1
  potoroo run proxy --to 127.0.0.1:9000 --rate 10
  curl -i http://127.0.0.1:8080/")]
pub struct RunProxyArgs {
    /// Where to listen; with port 0 the system chooses, and the line `listening on` on stderr says which
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The server to forward to
    #[arg(long, value_name = "HOST:PORT")]
    pub to: SocketAddr,
    /// Requests a second
    #[arg(long, value_name = "N", default_value = "100", value_parser = parse_positive)]
    pub rate: u64,
    /// How many may go at once after a quiet time
    #[arg(long, value_name = "N", default_value = "10", value_parser = parse_positive)]
    pub burst: u64,
    /// How many may be under way at the server
    #[arg(long, value_name = "N", default_value = "8")]
    pub in_flight: NonZeroUsize,
    /// How many may wait for their turn
    #[arg(long, value_name = "N", default_value = "100", value_parser = parse_count)]
    pub waiting: u64,
    /// Seconds in which a request has to be answered, waiting included
    #[arg(long, value_name = "S", default_value = "10", value_parser = parse_positive)]
    pub timeout_s: u64,
    /// How many clients may be connected; one more waits until somebody leaves
    #[arg(long, value_name = "N", default_value = "1_000", value_parser = parse_positive)]
    pub max_clients: u64,
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
}

fn parse_up_to(text: &str) -> Result<u64, String> {
    match parse_positive(text)? {
        number @ ..=100_000_000 => Ok(number),
        _ => Err("at most 100,000,000".to_owned()),
    }
}
