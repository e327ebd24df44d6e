//! Every error that ends a command, in words for the person who typed it.
//!
//! It exists so that `main` prints one line, `error: …`, that says what happened, where, and what to
//! do. What is wrong with a single frame is `FrameError`; it ends a command only in the receiver.
//! Wrong options that clap can see are clap's.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use crate::human::count;
use crate::market_spread::generator::GeneratorError;
use crate::market_spread::instruments::UniverseError;
use crate::query::At;

/// Why a command ended without doing what it was asked.
#[derive(Debug, Error)]
pub enum AppError {
    /// Options that are each fine, but not together, or not for this command.
    #[error("{0}")]
    Options(String),
    /// A file could not be used.
    #[error("cannot {action} {}: {source}; {advice}", path.display())]
    File {
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// A port could not be listened on.
    #[error("cannot listen on {address}: {source}; choose a free port, or port 0 for any")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody answered within the time that a starting program is given.
    #[error(
        "cannot connect the {stream} to {address} within {patience_s} s: {source}; start the receiving program first"
    )]
    Connect {
        /// Which stream.
        stream: &'static str,
        /// Where.
        address: SocketAddr,
        /// How long was tried, in seconds.
        patience_s: u64,
        /// What the system said last.
        source: io::Error,
    },
    /// The other side went away.
    #[error("the {stream} connection to {address} was lost after {} of {} messages: {source}; look at what the program there printed", count(*sent), count(*messages))]
    Lost {
        /// Which stream.
        stream: &'static str,
        /// Where.
        address: SocketAddr,
        /// How many messages had been handed to the system before.
        sent: u64,
        /// How many there should have been.
        messages: u64,
        /// What the system said.
        source: io::Error,
    },
    /// What arrived on a connection is not what should.
    #[error("connection {connection} from {peer}, at byte {}: {reason}", count(*offset_bytes))]
    Received {
        /// Which connection, counted from 1.
        connection: usize,
        /// From where.
        peer: SocketAddr,
        /// Where in the connection's bytes the frame begins.
        offset_bytes: u64,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// The job ended before its work was done.
    #[error("{reason}")]
    Job {
        /// Which stage, and why.
        reason: String,
    },
    /// A running job could not be asked.
    #[error("cannot ask the job at {at}: {source}; start it with `--query {at}`")]
    Query {
        /// Where.
        at: At,
        /// What the system said.
        source: io::Error,
    },
    /// The actor system could not start.
    #[error("cannot start the actor system: {source}{}", cause(source))]
    System {
        /// What was wrong.
        source: potoroo_runtime::Error,
    },
    /// Another process of this program could not be started or asked.
    #[error("cannot run {what} as a process: {source}")]
    Process {
        /// Which.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Ctrl-C could not be listened for.
    #[error("cannot listen for Ctrl-C: {source}")]
    Signals {
        /// What the system said.
        source: io::Error,
    },
    /// The instruments cannot be had.
    #[error(transparent)]
    Universe(#[from] UniverseError),
    /// The messages cannot be generated.
    #[error(transparent)]
    Generator(#[from] GeneratorError),
}

impl AppError {
    /// The exit code: 2 when the command line is at fault, as clap has it, otherwise 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Options(_) => 2,
            _ => 1,
        }
    }

    /// A file that cannot be read.
    pub(crate) fn read(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File {
            action: "read",
            path: path.into(),
            source,
            advice: "check the path and its permissions",
        }
    }

    /// A peer that is not there.
    pub(crate) fn connect(stream: &'static str, address: SocketAddr, source: io::Error) -> Self {
        Self::Connect {
            stream,
            address,
            patience_s: 5,
            source,
        }
    }

    /// A file that cannot be written.
    pub(crate) fn write(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File {
            action: "write",
            path: path.into(),
            source,
            advice: "check the directory, its permissions and the free space",
        }
    }
}

/// The cause behind an error, as the end of its sentence.
fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(String::new, |cause| format!(": {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_says_which_and_how_far() {
        let error = AppError::Lost {
            stream: "orders",
            address: "127.0.0.1:7100".parse().unwrap(),
            sent: 12_345,
            messages: 1_000_000,
            source: io::Error::from(io::ErrorKind::BrokenPipe),
        };
        let text = error.to_string();
        assert!(
            text.starts_with("the orders connection to 127.0.0.1:7100 was lost after 12,345 of 1,000,000 messages: "),
            "{text}"
        );
        assert_eq!(error.exit_code(), 1);
    }

    #[test]
    fn errors_are_cheap_to_return() {
        assert!(size_of::<AppError>() <= 128);
    }
}
