//! The receiver: collects result frames and measures how long they took.
//!
//! It exists as its own process so that measuring does not share a clock, a scheduler or a mistake
//! with what is measured. It uses neither the runtime nor the engine, and it does not check that the
//! results are right; `reference` is for that.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::receive_connection::{Connection, Received, Sink};
use super::schedule::Stamps;
use crate::cli::ReceiveArgs;
use crate::endpoint::Endpoint;
use crate::error::AppError;
use crate::human::{count, size};
use crate::latency::{Latencies, LatencyNs};
use crate::serve;
use crate::summary::write_json;
use crate::terminal::tell;

/// How often a new connection is looked for; a connected peer need not wait for that to send.
const ACCEPT_INTERVAL: Duration = Duration::from_millis(10);

/// What was received.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ReceiveReport {
    /// Result frames.
    pub frames: u64,
    /// Their bytes, with headers.
    pub bytes: u64,
    /// From the first byte to the last, of all connections.
    pub seconds: f64,
    /// How long the results took; zeros without `--schedule`.
    pub latency_ns: LatencyNs,
}

/// Does what the options of `receive` say, until every connection has ended.
pub fn receive(args: &ReceiveArgs) -> Result<ReceiveReport, AppError> {
    let Endpoint::Tcp(address) = args.listen else {
        return Err(AppError::Options(format!(
            "--listen {} is no address; expected tcp://HOST:PORT",
            args.listen
        )));
    };
    let listen = |source| AppError::Listen { address, source };
    if let Some(path) = &args.json {
        serve::check_writable_path(path)?;
    }
    let listener = TcpListener::bind(address).map_err(listen)?;
    let actual = listener.local_addr().map_err(listen)?;
    // Even when quiet: with port 0 this line is the only way to learn the port.
    tell(format_args!("listening on {actual}"));
    receive_from(&listener, actual, args)
}

/// As `receive`, on a listener that is already there.
pub(crate) fn receive_from(
    listener: &TcpListener,
    address: SocketAddr,
    args: &ReceiveArgs,
) -> Result<ReceiveReport, AppError> {
    let sink = match &args.out {
        None => None,
        Some(Endpoint::File(path)) => {
            let file = File::create(path).map_err(|source| AppError::write(path, source))?;
            Some(Arc::new(Sink {
                file: Mutex::new(file),
                path: path.clone(),
            }))
        }
        Some(other) => {
            return Err(AppError::Options(format!(
                "--out {other} is no file; expected file:PATH"
            )));
        }
    };
    let (done, ended) = mpsc::channel();
    let mut acceptor = Acceptor {
        sockets: Vec::new(),
        threads: Vec::new(),
        ended,
        received: Received::default(),
    };
    let outcome = acceptor
        .accept_all(listener, args, sink.as_ref(), done)
        .map_err(|error| match error {
            Failed::Accepting(source) => AppError::Listen { address, source },
            Failed::Receiving(error) => error,
        });
    acceptor.join();
    outcome?;
    let report = report(acceptor.received, args)?;
    if let Some(path) = &args.json {
        write_json(&report, path)?;
    }
    if !args.quiet {
        print(&report, args);
    }
    Ok(report)
}

enum Failed {
    Accepting(io::Error),
    Receiving(AppError),
}

/// Accepts connections while it watches those it has: a broken one must end the command even when
/// another is still awaited.
struct Acceptor {
    sockets: Vec<TcpStream>,
    threads: Vec<JoinHandle<()>>,
    ended: Receiver<Result<Received, AppError>>,
    received: Received,
}

impl Acceptor {
    fn accept_all(
        &mut self,
        listener: &TcpListener,
        args: &ReceiveArgs,
        sink: Option<&Arc<Sink>>,
        done: Sender<Result<Received, AppError>>,
    ) -> Result<(), Failed> {
        listener.set_nonblocking(true).map_err(Failed::Accepting)?;
        while self.sockets.len() < args.connections.get() {
            match listener.accept() {
                Ok((socket, peer)) => {
                    // Some systems hand the listener's mode down.
                    socket.set_nonblocking(false).map_err(Failed::Accepting)?;
                    let kept = socket.try_clone().map_err(Failed::Accepting)?;
                    self.sockets.push(kept);
                    let connection = Connection {
                        number: self.sockets.len(),
                        peer,
                        socket,
                        schedule: args.schedule.clone(),
                        sink: sink.cloned(),
                    };
                    let done = done.clone();
                    self.threads.push(thread::spawn(move || {
                        // A failed send means that nobody waits any more.
                        let _ = done.send(connection.receive());
                    }));
                }
                Err(error) if is_passing(&error) => {
                    // `done` is held here, so an error is a timeout.
                    if let Ok(ended) = self.ended.recv_timeout(ACCEPT_INTERVAL) {
                        self.received.merge(ended.map_err(Failed::Receiving)?);
                    }
                }
                Err(error) => return Err(Failed::Accepting(error)),
            }
        }
        drop(done);
        // Until the last thread hangs up.
        while let Ok(ended) = self.ended.recv() {
            self.received.merge(ended.map_err(Failed::Receiving)?);
        }
        Ok(())
    }

    /// Ends what is still open, which after a failure is the rest, and waits for the threads.
    fn join(&mut self) {
        for socket in &self.sockets {
            // Fails for those that have ended, which is as well.
            let _ = socket.shutdown(Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

/// Errors of one would-be connection, not of the listener.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionAborted
    )
}

fn report(received: Received, args: &ReceiveArgs) -> Result<ReceiveReport, AppError> {
    let mut latencies = received.latencies.unwrap_or_default();
    if let Some(path) = args.schedule.as_ref().and_then(|one| one.stamps.as_ref()) {
        latencies = since_stamps(&Stamps::read(path)?, &received.arrivals)?;
    }
    let seconds = match received.span_ns {
        Some((first_ns, last_ns)) => last_ns.saturating_sub(first_ns) as f64 / 1e9,
        None => 0.0,
    };
    Ok(ReceiveReport {
        frames: received.frames,
        bytes: received.bytes,
        seconds,
        latency_ns: latencies.percentiles(),
    })
}

/// The latencies of arrivals, (message, time), at a rate without due times.
fn since_stamps(stamps: &Stamps, arrivals: &[(u64, u64)]) -> Result<Latencies, AppError> {
    let mut latencies = Latencies::new();
    for &(index, arrived_ns) in arrivals {
        let Some(sent_ns) = stamps.sent_ns(index) else {
            return Err(AppError::Options(format!(
                "the stamps begin after message {index}; are they of another run?"
            )));
        };
        latencies.record(arrived_ns.saturating_sub(sent_ns));
    }
    Ok(latencies)
}

fn print(report: &ReceiveReport, args: &ReceiveArgs) {
    tell(format_args!(
        "received {} results ({}) in {:.3} s",
        count(report.frames),
        size(report.bytes),
        report.seconds
    ));
    if args.schedule.is_some() && report.frames > 0 {
        tell(format_args!("latency {}", report.latency_ns));
    }
}

#[cfg(test)]
#[path = "receive_tests.rs"]
mod tests;
