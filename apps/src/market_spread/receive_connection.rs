//! One connection of the receiver: splits its bytes into results and times each.
//!
//! It exists apart from the accepting because this is what runs at full speed. The clock is read
//! once per read call, not once per frame: all frames that a call completes have arrived by then.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::clock::realtime_ns;
use super::frames::{HEADER_BYTES, OUTCOME_FRAME_BYTES, OUTCOME_PAYLOAD_BYTES, OrderId, decode_outcome};
use super::order_ids;
use super::schedule::{Schedule, due_ns};
use crate::cli::Rate;
use crate::error::AppError;
use crate::latency::Latencies;

const BUFFER_BYTES: usize = 256 * 1024;

/// Where all connections copy their frames to.
pub(super) struct Sink {
    pub(super) file: Mutex<File>,
    pub(super) path: PathBuf,
}

impl Sink {
    /// Writes whole frames, so that those of two connections do not mix.
    fn write(&self, frames: &[u8]) -> Result<(), AppError> {
        // A thread that died while writing has reported that itself.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file.write_all(frames);
        written.map_err(|source| AppError::write(&self.path, source))
    }
}

/// What one connection, or all of them, received.
#[derive(Default)]
pub(super) struct Received {
    pub(super) frames: u64,
    pub(super) bytes: u64,
    /// When the first and the last byte came.
    pub(super) span_ns: Option<(u64, u64)>,
    /// Against due times.
    pub(super) latencies: Option<Latencies>,
    /// (message, time), for when the sender's stamps are known.
    pub(super) arrivals: Vec<(u64, u64)>,
}

impl Received {
    pub(super) fn merge(&mut self, mut other: Self) {
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.span_ns = match (self.span_ns, other.span_ns) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        match (&mut self.latencies, other.latencies) {
            (Some(all), Some(more)) => all.merge(&more),
            (all, more) => *all = all.take().or(more),
        }
        self.arrivals.append(&mut other.arrivals);
    }
}

/// A connection to receive from.
pub(super) struct Connection {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) peer: SocketAddr,
    pub(super) socket: TcpStream,
    pub(super) schedule: Option<Schedule>,
    pub(super) sink: Option<Arc<Sink>>,
}

impl Connection {
    /// Receives until the peer closes.
    pub(super) fn receive(mut self) -> Result<Received, AppError> {
        let mut received = Received::default();
        let schedule = self.schedule.take();
        let mut timer = schedule.as_ref().map(Timer::new);
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut filled = 0;
        loop {
            let read = match self.socket.read(&mut buffer[filled..]) {
                Ok(0) if filled == 0 => break,
                Ok(0) => {
                    let reason = format!(
                        "the connection ended inside a frame, {filled} bytes of {OUTCOME_FRAME_BYTES} had come"
                    );
                    return Err(self.broken(received.bytes, reason));
                }
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    return Err(self.broken(received.bytes, format!("cannot read on: {error}")));
                }
            };
            let now_ns = realtime_ns();
            let (first_ns, _) = received.span_ns.unwrap_or((now_ns, now_ns));
            received.span_ns = Some((first_ns, now_ns));
            filled += read;
            let whole = filled - filled % OUTCOME_FRAME_BYTES;
            for frame in buffer[..whole].chunks_exact(OUTCOME_FRAME_BYTES) {
                let id = order_of(frame).map_err(|reason| self.broken(received.bytes, reason))?;
                if let Some(timer) = &mut timer {
                    timer
                        .time(id, now_ns)
                        .map_err(|reason| self.broken(received.bytes, reason))?;
                }
                received.frames += 1;
                received.bytes += OUTCOME_FRAME_BYTES as u64;
            }
            if let Some(sink) = &self.sink {
                sink.write(&buffer[..whole])?;
            }
            // A header that is wrong must not wait for a payload that may never come.
            if let Some(header) = buffer[whole..filled].first_chunk() {
                check_header(*header).map_err(|reason| self.broken(received.bytes, reason))?;
            }
            buffer.copy_within(whole..filled, 0);
            filled -= whole;
        }
        if let Some(timer) = timer {
            received.latencies = Some(timer.latencies);
            received.arrivals = timer.arrivals;
        }
        Ok(received)
    }

    #[cold]
    fn broken(&self, offset_bytes: u64, reason: String) -> AppError {
        AppError::Received {
            connection: self.number,
            peer: self.peer,
            offset_bytes,
            reason,
        }
    }
}

/// The order that a result frame is about.
fn order_of(frame: &[u8]) -> Result<OrderId, String> {
    let (header, payload) = frame.split_first_chunk().ok_or("no header")?;
    check_header(*header)?;
    let outcome = decode_outcome(payload).map_err(|error| format!("a bad result: {error}"))?;
    Ok(outcome.order.id)
}

fn check_header(header: [u8; HEADER_BYTES]) -> Result<(), String> {
    match u32::from_be_bytes(header) as usize {
        OUTCOME_PAYLOAD_BYTES => Ok(()),
        other => Err(format!(
            "a frame of {other} bytes, expected a result of {OUTCOME_PAYLOAD_BYTES}"
        )),
    }
}

/// Turns arrivals into latencies, or keeps them for later.
struct Timer<'a> {
    schedule: &'a Schedule,
    offset: u64,
    latencies: Latencies,
    arrivals: Vec<(u64, u64)>,
}

impl<'a> Timer<'a> {
    fn new(schedule: &'a Schedule) -> Self {
        Self {
            schedule,
            offset: order_ids::offset(schedule.seed),
            latencies: Latencies::new(),
            arrivals: Vec::new(),
        }
    }

    fn time(&mut self, id: OrderId, now_ns: u64) -> Result<(), String> {
        // Orders are the odd messages, so half of the ids of another seed give themselves away.
        let index = id.to_index_from(self.offset).filter(|at| at % 2 == 1);
        let index = index.ok_or_else(|| {
            format!(
                "order id {id} does not come from seed {}; is it the sender's?",
                self.schedule.seed
            )
        })?;
        match self.schedule.rate {
            Rate::PerSecond(rate) => {
                let due_ns = due_ns(self.schedule.start_ns, rate, index);
                self.latencies.record(now_ns.saturating_sub(due_ns));
            }
            Rate::Max => self.arrivals.push((index, now_ns)),
        }
        Ok(())
    }
}
