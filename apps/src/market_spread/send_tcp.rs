//! The open loop over TCP: every message at its due time, late ones as soon as possible.
//!
//! It exists apart from the sender's files because its subject is time. One thread makes and writes
//! both streams in turn; a stream that is not read holds up the other, which is what a single busy
//! client would see, and no deadlock as long as the server reads both independently. A message is
//! never skipped and never given a new due time: a slow server cannot make the load go away.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::clock::{realtime_ns, time_field};
use super::frames::{ORDER_FRAME_BYTES, QUOTE_FRAME_BYTES};
use super::generator::Generator;
use super::schedule::{due_count, due_ns};
use super::send::SendReport;
use crate::cli::{Rate, SendArgs};
use crate::error::AppError;
use crate::human::count;
use crate::terminal::tell;

/// How long a server that is just starting is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// Time for the initial quotes to arrive before the first message is due.
const START_DELAY_NS: u64 = 200_000_000;
/// About 64 KiB of orders, and a little less of quotes.
const BATCH_MESSAGES: u64 = 2 * (64 * 1024 / ORDER_FRAME_BYTES) as u64;
/// The shortest sleep when not behind. Linux adds 50 µs of its own and waking takes a while, so that
/// messages leave in steps of about 100 µs, and sending takes a part of a core instead of all of it.
const SLEEP_NS_MIN: u64 = 20_000;
/// The longest sleep, so that the progress line keeps its second.
const SLEEP_NS_MAX: u64 = 100_000_000;
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// Sends all messages of the generator as the options say.
pub(super) fn send(
    args: &SendArgs,
    mut generator: Generator,
    orders_address: SocketAddr,
    quotes_address: SocketAddr,
) -> Result<SendReport, AppError> {
    let mut stamps = args.stamps.as_deref().map(Stamper::create).transpose()?;
    let mut progress = Progress::new(args);
    let mut orders_line = Line::connect("orders", orders_address)?;
    let mut quotes_line = Line::connect("quotes", quotes_address)?;
    let (mut orders, mut quotes) = (Vec::new(), Vec::new());

    generator.set_time(time_field(realtime_ns()));
    generator.initial_quotes(&mut quotes);
    quotes_line.write(&quotes, &mut progress)?;
    let mut report = SendReport {
        messages: args.messages,
        initial_quotes: (quotes.len() / QUOTE_FRAME_BYTES) as u64,
        bytes: quotes.len() as u64,
        ..SendReport::default()
    };

    let start_ns = match args.start_at_ns {
        Some(start_ns) => start_ns,
        None => realtime_ns() + START_DELAY_NS,
    };
    report.start_ns = start_ns;
    // A start in the past makes everything late, but not the sending slower.
    let begun_ns = start_ns.max(realtime_ns());
    while generator.index() < args.messages {
        let index = generator.index();
        let now_ns = realtime_ns();
        let (first_due_ns, due) = match args.rate {
            Rate::Max if now_ns < start_ns => (start_ns, 0),
            Rate::Max => (now_ns, args.messages),
            Rate::PerSecond(rate) => (due_ns(start_ns, rate, index), due_count(start_ns, rate, now_ns)),
        };
        let late_ns = now_ns.saturating_sub(first_due_ns);
        report.late_ns_max = report.late_ns_max.max(late_ns);
        progress.tick(late_ns);
        let batch = due.saturating_sub(index).min(BATCH_MESSAGES);
        if batch > 0 {
            orders.clear();
            quotes.clear();
            generator.set_time(time_field(now_ns));
            generator.fill(&mut orders, &mut quotes, batch);
            if let Some(stamps) = &mut stamps {
                stamps.stamp(index, realtime_ns())?;
            }
            quotes_line.write(&quotes, &mut progress)?;
            orders_line.write(&orders, &mut progress)?;
            report.bytes += (orders.len() + quotes.len()) as u64;
            progress.sent = generator.index();
        }
        // Also after sending all that was due: by now a few more are, and sending these few at once
        // would spin on system calls for a handful of messages each.
        if batch < BATCH_MESSAGES && generator.index() < args.messages {
            let next_due_ns = match args.rate {
                Rate::Max => start_ns,
                Rate::PerSecond(rate) => due_ns(start_ns, rate, generator.index()),
            };
            sleep_until(next_due_ns);
        }
    }
    let end_ns = realtime_ns();
    // Before the connections end: their end is what lets the receiver look for the stamps.
    if let Some(stamps) = stamps {
        stamps.finish()?;
    }
    quotes_line.finish(&progress)?;
    orders_line.finish(&progress)?;
    report.orders_for_rejected = generator.orders_for_rejected();
    Ok(report.with_seconds(end_ns.saturating_sub(begun_ns) as f64 / 1e9))
}

/// Sleeps until a message is due, within the bounds.
fn sleep_until(due_ns: u64) {
    let ahead_ns = due_ns.saturating_sub(realtime_ns());
    let sleep_ns = ahead_ns.clamp(SLEEP_NS_MIN, SLEEP_NS_MAX);
    thread::sleep(Duration::from_nanos(sleep_ns));
}

/// One connection, with what its errors have to say.
struct Line {
    stream: &'static str,
    address: SocketAddr,
    socket: TcpStream,
}

impl Line {
    fn connect(stream: &'static str, address: SocketAddr) -> Result<Self, AppError> {
        let begun = Instant::now();
        let socket = loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let error = match TcpStream::connect_timeout(&address, left.max(RETRY_INTERVAL)) {
                Ok(socket) => break socket,
                Err(error) => error,
            };
            if begun.elapsed() >= PATIENCE {
                return Err(AppError::Connect {
                    stream,
                    address,
                    patience_s: PATIENCE.as_secs(),
                    source: error,
                });
            }
            thread::sleep(RETRY_INTERVAL);
        };
        let line = Self {
            stream,
            address,
            socket,
        };
        // The timeout is not there to give up, but to tell a person that nothing moves.
        line.socket
            .set_nodelay(true)
            .and_then(|()| line.socket.set_write_timeout(Some(PROGRESS_INTERVAL)))
            .map_err(|source| line.lost(source, &Progress::silent()))?;
        Ok(line)
    }

    fn write(&mut self, mut bytes: &[u8], progress: &mut Progress) -> Result<(), AppError> {
        while !bytes.is_empty() {
            match self.socket.write(bytes) {
                Ok(0) => return Err(self.lost(ErrorKind::WriteZero.into(), progress)),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => progress.stalled(self.stream),
                Err(error) => return Err(self.lost(error, progress)),
            }
        }
        Ok(())
    }

    fn finish(self, progress: &Progress) -> Result<(), AppError> {
        let ended = self.socket.shutdown(Shutdown::Write);
        ended.map_err(|source| self.lost(source, progress))
    }

    #[cold]
    fn lost(&self, source: io::Error, progress: &Progress) -> AppError {
        AppError::Lost {
            stream: self.stream,
            address: self.address,
            sent: progress.sent,
            messages: progress.messages,
            source,
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// The line on stderr, once a second.
struct Progress {
    quiet: bool,
    messages: u64,
    sent: u64,
    printed: Instant,
    printed_sent: u64,
}

impl Progress {
    fn new(args: &SendArgs) -> Self {
        Self {
            quiet: args.quiet,
            messages: args.messages,
            ..Self::silent()
        }
    }

    fn silent() -> Self {
        Self {
            quiet: true,
            messages: 0,
            sent: 0,
            printed: Instant::now(),
            printed_sent: 0,
        }
    }

    fn tick(&mut self, late_ns: u64) {
        let since = self.printed.elapsed();
        if since >= PROGRESS_INTERVAL {
            let rate = (self.sent - self.printed_sent) as f64 / since.as_secs_f64();
            let late_ms = late_ns as f64 / 1e6;
            self.print(&format!("{}/s, {late_ms:.1} ms behind", count(rate.round() as u64)));
        }
    }

    fn stalled(&mut self, stream: &str) {
        if self.printed.elapsed() >= PROGRESS_INTERVAL {
            self.print(&format!("waiting for the {stream} to be read"));
        }
    }

    fn print(&mut self, what: &str) {
        if !self.quiet {
            let (sent, messages) = (count(self.sent), count(self.messages));
            tell(format_args!("sent {sent} of {messages} messages, {what}"));
        }
        self.printed = Instant::now();
        self.printed_sent = self.sent;
    }
}

/// Writes when each batch was sent.
struct Stamper<'a> {
    path: &'a Path,
    file: BufWriter<File>,
}

impl<'a> Stamper<'a> {
    fn create(path: &'a Path) -> Result<Self, AppError> {
        let file = File::create(path).map_err(|source| AppError::write(path, source))?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
        })
    }

    fn stamp(&mut self, first_index: u64, now_ns: u64) -> Result<(), AppError> {
        let mut stamp = [0; super::schedule::STAMP_BYTES];
        stamp[..8].copy_from_slice(&first_index.to_be_bytes());
        stamp[8..].copy_from_slice(&now_ns.to_be_bytes());
        let written = self.file.write_all(&stamp);
        written.map_err(|source| AppError::write(self.path, source))
    }

    fn finish(mut self) -> Result<(), AppError> {
        let flushed = self.file.flush();
        flushed.map_err(|source| AppError::write(self.path, source))
    }
}
