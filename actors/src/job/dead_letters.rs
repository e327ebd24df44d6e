//! Where records go that cannot be decoded or handled.
//!
//! Each is counted and written with all that is known of it: of what cannot be decoded source, connection, offset, reason and
//! first bytes; of what a stage cannot handle stage, key, event time and reason. Writing happens in the turn
//! that found the record, under a lock: this is the path of errors, and a flood of them should slow its sender down
//! rather than fill memory. On standard error a rate limit keeps the terminal readable, and says how much it kept back;
//! a file gets everything.

use crate::element::Timestamp;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many bytes of a record are shown.
const SHOWN_BYTES_MAX: usize = 64;

/// How many letters standard error gets per second.
const PRINTED_PER_SECOND: u32 = 10;

/// A record that could not be handled, or a connection that had to be closed.
#[derive(Clone, Copy)]
pub struct DeadLetter<'a> {
    /// The source's name.
    pub source: &'a str,
    /// The peer's address, or the file.
    pub connection: &'a dyn fmt::Display,
    /// Where in the stream it begins, in bytes.
    pub offset: u64,
    /// What is wrong.
    pub reason: &'a dyn fmt::Display,
    /// Its bytes, as far as they came.
    pub bytes: &'a [u8],
}

impl fmt::Display for DeadLetter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} offset {}: {}",
            self.source, self.connection, self.offset, self.reason
        )?;
        if !self.bytes.is_empty() {
            let shown = &self.bytes[..self.bytes.len().min(SHOWN_BYTES_MAX)];
            write!(f, " [{} bytes: ", self.bytes.len())?;
            for byte in shown {
                write!(f, "{byte:02x}")?;
            }
            if shown.len() < self.bytes.len() {
                write!(f, "…")?;
            }
            write!(f, "]")?;
        }
        Ok(())
    }
}

impl fmt::Debug for DeadLetter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A record that a stage could not handle.
#[derive(Clone, Copy)]
pub struct FailedRecord<'a> {
    /// The stage's name.
    pub stage: &'a str,
    /// The record's key, where it has one.
    pub key: Option<&'a dyn fmt::Debug>,
    /// The record, where the stage knows how to show it.
    pub record: Option<&'a str>,
    /// Its event time; [`Timestamp::MIN`] in a stream without.
    pub time: Timestamp,
    /// What is wrong.
    pub reason: &'a dyn fmt::Display,
}

impl fmt::Display for FailedRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.stage)?;
        if let Some(key) = self.key {
            write!(f, " key {key:?}")?;
        }
        if self.time != Timestamp::MIN {
            write!(f, " at {}", self.time)?;
        }
        write!(f, ": {}", self.reason)?;
        if let Some(record) = self.record {
            write!(f, " [{}]", record.escape_debug())?;
        }
        Ok(())
    }
}

impl fmt::Debug for FailedRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

enum Output {
    StandardError {
        /// Since when `printed` counts.
        since: Instant,
        printed: u32,
        kept_back: u64,
    },
    File(BufWriter<File>),
    Nowhere,
}

struct Inner {
    count: u64,
    output: Output,
    /// The first failure to write, told at the end.
    failed: Option<io::Error>,
}

/// The dead-letter output of a job; cheap to clone.
#[derive(Clone)]
pub struct DeadLetters(Arc<Mutex<Inner>>);

impl DeadLetters {
    fn new(output: Output) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            count: 0,
            output,
            failed: None,
        })))
    }

    /// To standard error, at most ten a second.
    pub fn to_standard_error() -> Self {
        Self::new(Output::StandardError {
            since: Instant::now(),
            printed: 0,
            kept_back: 0,
        })
    }

    /// To a file, all of them, a line each. The file is made now.
    pub fn to_file(path: &Path) -> io::Result<Self> {
        Ok(Self::new(Output::File(BufWriter::new(File::create(path)?))))
    }

    /// Counted only.
    pub fn counted() -> Self {
        Self::new(Output::Nowhere)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.inner().count
    }

    /// Counts and writes one.
    pub fn put(&self, letter: &DeadLetter<'_>) {
        self.write(letter);
    }

    /// Counts and writes a record that a stage could not handle.
    pub fn put_record(&self, record: &FailedRecord<'_>) {
        self.write(record);
    }

    fn write(&self, letter: &dyn fmt::Display) {
        let mut inner = self.inner();
        inner.count += 1;
        let written = match &mut inner.output {
            Output::StandardError {
                since,
                printed,
                kept_back,
            } => {
                if since.elapsed() >= Duration::from_secs(1) {
                    report_kept_back(kept_back);
                    *since = Instant::now();
                    *printed = 0;
                }
                if *printed < PRINTED_PER_SECOND {
                    *printed += 1;
                    show(format_args!("dead letter: {letter}"));
                } else {
                    *kept_back += 1;
                }
                Ok(())
            }
            Output::File(file) => writeln!(file, "{letter}"),
            Output::Nowhere => Ok(()),
        };
        if let Err(error) = written {
            inner.failed.get_or_insert(error);
        }
    }

    /// Writes out what is buffered; the first error of any write so far.
    pub fn flush(&self) -> io::Result<()> {
        let mut inner = self.inner();
        let flushed = match &mut inner.output {
            Output::StandardError { kept_back, .. } => {
                report_kept_back(kept_back);
                Ok(())
            }
            Output::File(file) => file.flush(),
            Output::Nowhere => Ok(()),
        };
        inner.failed.take().map_or(flushed, Err)
    }
}

fn report_kept_back(kept_back: &mut u64) {
    let count = std::mem::take(kept_back);
    if count > 0 {
        show(format_args!("dead letter: {count} more were not shown"));
    }
}

/// A line on standard error. If nobody reads that any more the letter is only counted; `eprintln!` would panic.
fn show(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").field("count", &self.count()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_every_letter_with_all_that_is_known() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("letters");
        let letters = DeadLetters::to_file(&path).expect("writable");
        for offset in 0..20 {
            letters.put(&DeadLetter {
                source: "orders",
                connection: &"127.0.0.1:9",
                offset,
                reason: &"of unknown type 9",
                bytes: &[9; 100],
            });
        }
        letters.flush().expect("written");
        assert_eq!(letters.count(), 20);
        let text = std::fs::read_to_string(path).expect("readable");
        assert_eq!(text.lines().count(), 20);
        let last = text.lines().last().expect("a line");
        assert!(
            last.starts_with("orders 127.0.0.1:9 offset 19: of unknown type 9 [100 bytes: 0909"),
            "{last}"
        );
        assert!(last.ends_with("…]"), "{last}");
    }
}
