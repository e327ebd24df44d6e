//! Where records come from.
//!
//! A source turns bytes (or nothing, for a generator) into records and pushes them through the steps fused to it. It
//! stops taking in while its collector is not ready, so back-pressure reaches the file, the generator or, through the
//! kernel, the peer. What cannot be decoded becomes a dead letter; the rest of the stream goes on, unless
//! [`BadRecords::StopJob`] was asked for. How bytes become records is a [`Format`], the same for files and sockets.

mod channel;
mod csv;
mod file;
mod follow;
mod format;
mod generator;
mod http;
mod input;
mod intake;
mod reading;
mod socket;

pub use channel::{ChannelSource, Feed, channel};
pub use csv::{Csv, CsvCodec, CsvFrame};
pub use file::FileSource;
pub use format::{Cut, Format, Framed, Json, Piece, Place, RECORD_BYTES_MAX, Text, json_lines, lines};
pub use generator::{GeneratorSource, Plain, PlainRecords, Produce, Step, generate, steps};
pub use http::HttpSource;
pub use socket::{SocketSource, TcpSource};

use crate::element::Grant;
use crate::exchange::Downstream;
use crate::job::{Deploy, Drain};
use std::fmt;

/// What is known about the arrival of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When the bytes were read: nanoseconds since 1970, one clock reading per read call.
    pub wall_ns: u64,
    /// Where the frame begins in its stream, in bytes.
    pub offset: u64,
}

/// Turns the bytes of a frame into a record.
pub trait Decode: Clone + Send + Sync + 'static {
    /// The record.
    type Record: Send + 'static;
    /// What can be wrong with the bytes.
    type Error: fmt::Display;

    /// Decodes one frame.
    fn decode(&self, bytes: &[u8], arrival: Arrival) -> Result<Self::Record, Self::Error>;
}

impl<F, T, E> Decode for F
where
    F: Fn(&[u8], Arrival) -> Result<T, E> + Clone + Send + Sync + 'static,
    T: Send + 'static,
    E: fmt::Display,
{
    type Record = T;
    type Error = E;

    #[inline]
    fn decode(&self, bytes: &[u8], arrival: Arrival) -> Result<T, E> {
        self(bytes, arrival)
    }
}

/// What becomes of the job when a record cannot be decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadRecords {
    /// It is a dead letter, and the stream goes on.
    #[default]
    DeadLetters,
    /// It is a dead letter, and the job fails.
    StopJob,
}

/// What a source can do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// It gives the same records again when it is started again.
    Replayable,
    /// What it has given is gone.
    Volatile,
}

/// Something that can stand at the head of a pipeline.
pub trait Source: Send + 'static {
    /// What it gives.
    type Record: Send + 'static;

    /// What it can do after a failure; by default nothing.
    fn replay(&self) -> Replay {
        Replay::Volatile
    }

    /// How many actors it will have, if that is known.
    fn actors(&self) -> Option<usize> {
        None
    }

    /// Puts the source into place, in front of `down`.
    fn deploy<D: Downstream<Self::Record>>(self, name: &str, down: &D, deploy: &mut Deploy<'_, '_>);
}

/// What the actor of a source is told.
#[derive(Debug)]
pub enum SourceMsg {
    /// Take nothing more in.
    Drain,
    /// A credit came back.
    Granted(Grant),
}

impl From<Drain> for SourceMsg {
    fn from(Drain: Drain) -> Self {
        Self::Drain
    }
}

impl From<Grant> for SourceMsg {
    fn from(grant: Grant) -> Self {
        Self::Granted(grant)
    }
}
