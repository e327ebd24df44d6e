//! Where records go.
//!
//! A sink returns credits as it gets rid of records, so a slow one slows its own producers and nobody else's. The job is
//! over when every sink has said that it has written everything.

mod each;
mod encode;
mod file;
mod fold;
mod guarantee;
mod http;
#[cfg(feature = "postgres")]
mod postgres;
mod retries;
mod rolling;
mod standard;
mod tcp;
mod writing;

pub use each::{EachSink, each};
pub use encode::{Framed, JsonLines, Lines, framed, json_lines, lines};
pub use file::FileSink;
pub use fold::{FoldSink, fold};
pub use guarantee::{Delivery, Guarantee};
pub use http::{HttpSink, HttpUrlError};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresError, PostgresSink, Row};
pub use rolling::RollingFileSink;
pub use standard::StdoutSink;
pub use tcp::TcpSink;

use crate::exchange::Downstream;
use crate::job::Deploy;

/// Turns records into bytes.
pub trait Encode<T>: Send + 'static {
    /// A batch begins: the moment to read a clock once for all of it.
    fn begin_batch(&mut self) {}

    /// Appends the bytes of one record.
    fn encode(&mut self, record: &T, out: &mut Vec<u8>);

    /// Nothing more comes; called before the job is told that the sink has finished.
    fn end(&mut self) {}
}

impl<F, T> Encode<T> for F
where
    F: FnMut(&T, &mut Vec<u8>) + Send + 'static,
{
    #[inline]
    fn encode(&mut self, record: &T, out: &mut Vec<u8>) {
        self(record, out);
    }
}

/// Something that can stand at the end of a pipeline.
pub trait Sink<T>: Send + 'static {
    /// The way in: [`ToOne`](crate::exchange::ToOne) for a sink with an actor of its own.
    type Down: Downstream<T>;

    /// What becomes of results when a job that failed is started again; by default they come again.
    fn delivery(&self) -> Delivery {
        Delivery::Repeating
    }

    /// Puts the sink into place; gives the way in.
    fn deploy(self, name: &str, deploy: &mut Deploy<'_, '_>) -> Self::Down;
}
