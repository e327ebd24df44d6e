//! The sender: generated orders and quotes, into two files or over two connections.
//!
//! It exists as its own process so that measuring does not share a clock, a scheduler or a mistake
//! with what is measured. It uses neither the runtime nor the engine. Files are written here, the
//! open loop over TCP is in `send_tcp`.

use serde::{Deserialize, Serialize};
use std::path::Path;

use super::generator::{Generator, GeneratorConfig};
use super::send_tcp;
use crate::cli::{Rate, SendArgs};
use crate::endpoint::Endpoint;
use crate::error::AppError;
use crate::human::{count, size};
use crate::latency::human_ns;
use crate::partial_file::{PartialFile, same_file};
use crate::serve;
use crate::summary::write_json;
use crate::terminal::tell;

/// Messages per write into the files: about a MiB of both together.
const FILE_BATCH_MESSAGES: u64 = 20_000;

/// What was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct SendReport {
    /// Messages, quotes and orders together, without the initial quotes.
    pub messages: u64,
    /// Quotes sent before them, one for every instrument.
    pub initial_quotes: u64,
    /// Orders for rejected instruments, which is how many results there will be.
    pub orders_for_rejected: u64,
    /// Bytes of both streams, with the initial quotes.
    pub bytes: u64,
    /// From the start, or the due time of message 0, to the last write.
    pub seconds: f64,
    /// Messages divided by seconds.
    pub messages_per_s: f64,
    /// When message 0 was due, in ns since 1970; 0 for files.
    pub start_ns: u64,
    /// The furthest that sending was behind the schedule, in ns; 0 without a schedule.
    pub late_ns_max: u64,
}

impl SendReport {
    /// Fills in what follows from the rest.
    pub(crate) fn with_seconds(mut self, seconds: f64) -> Self {
        self.seconds = seconds;
        self.messages_per_s = if seconds > 0.0 {
            self.messages as f64 / seconds
        } else {
            0.0
        };
        self
    }

    fn line(&self, has_schedule: bool) -> String {
        let late = if has_schedule {
            format!(", at most {} late", human_ns(self.late_ns_max))
        } else {
            String::new()
        };
        format!(
            "sent {} messages ({}) in {:.3} s, {}/s{late}; {} orders are for rejected instruments",
            count(self.messages),
            size(self.bytes),
            self.seconds,
            count(self.messages_per_s.round() as u64),
            count(self.orders_for_rejected),
        )
    }
}

/// Does what the options of `send market-spread` say.
pub fn send(args: &SendArgs) -> Result<SendReport, AppError> {
    if let Some(path) = &args.json {
        serve::check_writable_path(path)?;
    }
    let universe = args.universe.universe(args.seed)?;
    let config = GeneratorConfig {
        seed: args.seed,
        messages: args.messages,
        reject_one_in: args.reject_one_in,
    };
    let mut generator = Generator::new(&universe, config)?;
    if args.stamps.is_some() && args.rate != Rate::Max {
        return Err(AppError::Options(
            "--stamps is for --rate max; at a fixed rate every message has a due time".to_owned(),
        ));
    }
    let report = match (&args.orders, &args.quotes) {
        (Endpoint::File(orders), Endpoint::File(quotes)) => {
            if args.stamps.is_some() || args.start_at_ns.is_some() {
                return Err(AppError::Options(
                    "--stamps and --start-at-ns are for TCP; files have no schedule".to_owned(),
                ));
            }
            write_files(&mut generator, args.messages, orders, quotes)?
        }
        (&Endpoint::Tcp(orders), &Endpoint::Tcp(quotes)) => send_tcp::send(args, generator, orders, quotes)?,
        (orders, quotes) => {
            return Err(AppError::Options(format!(
                "--orders {orders} and --quotes {quotes} are of two kinds; both must be tcp://HOST:PORT or both file:PATH"
            )));
        }
    };
    if let Some(path) = &args.json {
        write_json(&report, path)?;
    }
    if !args.quiet {
        let has_schedule = report.start_ns > 0 && args.rate != Rate::Max;
        tell(report.line(has_schedule));
    }
    Ok(report)
}

fn write_files(
    generator: &mut Generator,
    messages: u64,
    orders_path: &Path,
    quotes_path: &Path,
) -> Result<SendReport, AppError> {
    if same_file(orders_path, quotes_path) {
        return Err(AppError::Options(format!(
            "--orders and --quotes are both {}; each stream needs its own file",
            orders_path.display()
        )));
    }
    let begun = std::time::Instant::now();
    let mut orders_file = PartialFile::create(orders_path)?;
    let mut quotes_file = PartialFile::create(quotes_path)?;
    let (mut orders, mut quotes) = (Vec::new(), Vec::new());
    generator.initial_quotes(&mut quotes);
    let initial_quotes = (quotes.len() / super::frames::QUOTE_FRAME_BYTES) as u64;
    let mut bytes = 0;
    loop {
        let made = generator.fill(&mut orders, &mut quotes, FILE_BATCH_MESSAGES);
        orders_file.write(&orders)?;
        quotes_file.write(&quotes)?;
        bytes += (orders.len() + quotes.len()) as u64;
        orders.clear();
        quotes.clear();
        if made == 0 {
            break;
        }
    }
    // The quotes first: whoever waits for the orders then finds both.
    quotes_file.finish()?;
    orders_file.finish()?;
    let report = SendReport {
        messages,
        initial_quotes,
        orders_for_rejected: generator.orders_for_rejected(),
        bytes,
        ..SendReport::default()
    };
    Ok(report.with_seconds(begun.elapsed().as_secs_f64()))
}

#[cfg(test)]
#[path = "send_tests.rs"]
mod tests;
