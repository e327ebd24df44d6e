//! A body on its way to records, a slice in each turn, so that a long one keeps no other actor from its turn.

use super::client::Service;
use super::taking::Held;
use crate::job::DeadLetter;
use crate::source::Format;
use crate::source::intake::put;
use potoroo_runtime::io::{Codec, FrameError, FrameReader};

/// How many bytes of a body are decoded in a turn.
const SLICE_BYTES: usize = 128 * 1024;

/// A body on its way to records.
pub(super) struct Decoding<M: Format> {
    reader: FrameReader<M::Codec>,
    body: Vec<u8>,
    /// How much of the body the reader has.
    used: usize,
    held: Held,
    records: Vec<M::Record>,
    frames: u64,
    bad: u64,
    wall_ns: u64,
}

/// A record that cannot be decoded.
pub(super) struct Bad {
    offset: u64,
    line: Option<u64>,
    reason: String,
    bytes: Vec<u8>,
}

impl Bad {
    fn of(error: &FrameError) -> Self {
        Self {
            offset: error.offset(),
            line: None,
            reason: format!("{error}; nothing after it can be trusted"),
            bytes: Vec::new(),
        }
    }

    /// For the client.
    pub(super) fn describe(&self) -> String {
        let line = self.line.map_or(String::new(), |line| format!("line {line}, "));
        format!("{line}byte {}: {}", self.offset, self.reason)
    }
}

/// How far decoding has come.
pub(super) enum Progress {
    /// The rest after other actors' turns.
    More,
    Done,
    /// The body is refused.
    Bad(Bad),
    /// A bad record stops the job.
    JobFailed,
}

impl<M: Format> Decoding<M> {
    pub(super) fn new(format: &M, body: Vec<u8>, held: Held, wall_ns: u64) -> Self {
        Self {
            reader: FrameReader::new(format.codec()),
            body,
            used: 0,
            held,
            records: Vec::new(),
            frames: 0,
            bad: 0,
            wall_ns,
        }
    }

    /// The records, how many were bad, and the room that the body holds.
    pub(super) fn into_records(self) -> (Vec<M::Record>, u64, Held) {
        (self.records, self.bad, self.held)
    }

    fn frame(
        format: &M,
        frame: &<M::Codec as Codec>::Frame<'_>,
        number: u64,
        wall_ns: u64,
    ) -> Result<Option<M::Record>, Bad> {
        format.decode(frame, wall_ns).map_err(|reason| {
            let place = format.place(frame, number);
            Bad {
                offset: place.offset,
                line: place.line,
                reason,
                bytes: place.bytes.to_vec(),
            }
        })
    }

    /// The next record, if there is one in what the reader has.
    fn next(&mut self, format: &M) -> Result<Option<Option<M::Record>>, Bad> {
        let number = self.frames + 1;
        let broken = match self.reader.next_frame() {
            Ok(Some(frame)) => {
                self.frames = number;
                return Self::frame(format, &frame, number, self.wall_ns).map(Some);
            }
            Ok(None) => None,
            Err(error) => Some(Bad::of(&error)),
        };
        if let Some(bad) = broken {
            // The rest is left out.
            self.used = self.body.len();
            self.reader = FrameReader::new(format.codec());
            return Err(bad);
        }
        if self.used < self.body.len() {
            return Ok(None);
        }
        match self.reader.finish() {
            Ok(Some(frame)) => {
                self.frames = number;
                Self::frame(format, &frame, number, self.wall_ns).map(Some)
            }
            Ok(None) => Ok(None),
            Err(error) => Err(Bad::of(&error)),
        }
    }

    pub(super) fn decode(&mut self, service: &Service<M>, client: &str) -> Progress {
        let slice_end = self.used.saturating_add(SLICE_BYTES);
        loop {
            match self.next(&service.format) {
                Ok(Some(record)) => self.records.extend(record),
                Ok(None) if self.used == self.body.len() => return Progress::Done,
                Ok(None) if self.used >= slice_end => return Progress::More,
                Ok(None) => {
                    let rest = &self.body[self.used..];
                    let filled = self.reader.fill(|room| {
                        let count = rest.len().min(room.len());
                        room[..count].copy_from_slice(&rest[..count]);
                        Ok(count)
                    });
                    // Memory does not fail.
                    self.used += filled.unwrap_or(0);
                }
                Err(bad) => {
                    let Some(bad_records) = service.bad_records else {
                        return Progress::Bad(bad);
                    };
                    self.bad += 1;
                    let reason = match bad.line {
                        Some(line) => format!("{} (line {line})", bad.reason),
                        None => bad.reason,
                    };
                    let letter = DeadLetter {
                        source: &service.source,
                        connection: &client,
                        offset: bad.offset,
                        reason: &reason,
                        bytes: &bad.bytes,
                    };
                    let mut failed = false;
                    put(&service.dead_letters, &letter, bad_records, &service.job, &mut failed);
                    if failed {
                        return Progress::JobFailed;
                    }
                }
            }
        }
    }
}
