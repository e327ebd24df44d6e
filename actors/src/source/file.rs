//! A source that reads files, one after the other; a file that grows; or standard input.
//!
//! Reading is done by the pool for blocking work. Files that end in `.gz` or `.zst` are unpacked. It lacks offsets to go on
//! from: a job that is started again reads from the beginning.

use super::follow::Follow;
use super::format::{Format, Framed};
use super::input::{Files, Input, StandardInput};
use super::intake::IntakePlan;
use super::reading::Reading;
use super::{BadRecords, Decode, Replay, Source};
use crate::exchange::Downstream;
use crate::job::Deploy;
use potoroo_runtime::io::{FrameReader, Framing};
use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often a file that is followed is looked at, unless another time is set.
const POLL: Duration = Duration::from_millis(100);

/// Records from files.
pub struct FileSource<M> {
    input: Box<dyn Input>,
    format: M,
    replay: Replay,
    bad_records: BadRecords,
    poll: Duration,
}

impl<F: Decode> FileSource<Framed<F>> {
    /// Files of lines or frames. See [`files`](Self::files).
    pub fn open(
        paths: impl IntoIterator<Item = PathBuf>,
        framing: Framing,
        decode: F,
    ) -> Result<Self, (PathBuf, io::Error)> {
        Self::files(paths, Framed::new(framing, decode))
    }
}

impl<M: Format> FileSource<M> {
    fn new(input: impl Input + 'static, format: M, replay: Replay) -> Self {
        Self {
            input: Box::new(input),
            format,
            replay,
            bad_records: BadRecords::default(),
            poll: POLL,
        }
    }

    /// Files, in the order given. All are opened now, so that a missing one is an error of the caller; the error comes with
    /// its path.
    pub fn files(paths: impl IntoIterator<Item = PathBuf>, format: M) -> Result<Self, (PathBuf, io::Error)> {
        Files::open(paths).map(|files| Self::new(files, format, Replay::Replayable))
    }

    /// The files that are in a directory now, in the order of their names. Left out are those whose name begins with a dot
    /// or ends in `.partial`, and directories.
    pub fn directory(path: &Path, format: M) -> Result<Self, (PathBuf, io::Error)> {
        let list = || {
            let mut paths = Vec::new();
            for entry in fs::read_dir(path)? {
                let path = entry?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if !name.starts_with('.') && !name.ends_with(".partial") && !path.is_dir() {
                    paths.push(path);
                }
            }
            paths.sort();
            Ok(paths)
        };
        let paths = list().map_err(|error| (path.to_owned(), error))?;
        Self::files(paths, format)
    }

    /// A file that grows, by its name, as `tail -F` does: when another file has taken the name, the old one is read to its end
    /// and then the new one from its beginning; when it was truncated, it is read from the beginning. It may not be there
    /// yet. The source ends when the job drains.
    pub fn follow(path: impl Into<PathBuf>, format: M) -> Self {
        Self::new(Follow::new(path.into(), false), format, Replay::Volatile)
    }

    /// As [`follow`](Self::follow), without what is in the file at the start. For formats without a header, such as lines.
    pub fn follow_from_end(path: impl Into<PathBuf>, format: M) -> Self {
        Self::new(Follow::new(path.into(), true), format, Replay::Volatile)
    }

    /// Standard input, until it ends. There should be only one such source.
    pub fn standard_input(format: M) -> Self {
        let input = StandardInput {
            begun: false,
            ended: false,
        };
        Self::new(input, format, Replay::Volatile)
    }

    /// What becomes of the job when a record cannot be decoded.
    #[must_use]
    pub fn bad_records(mut self, bad_records: BadRecords) -> Self {
        self.bad_records = bad_records;
        self
    }

    /// How often a file that is followed is looked at when nothing comes: each 100 ms, unless this is set.
    #[must_use]
    pub fn poll(mut self, every: Duration) -> Self {
        self.poll = every;
        self
    }
}

impl<M> fmt::Debug for FileSource<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSource")
            .field("replay", &self.replay)
            .finish_non_exhaustive()
    }
}

impl<M: Format> Source for FileSource<M> {
    type Record = M::Record;

    fn replay(&self) -> Replay {
        self.replay
    }

    fn deploy<D: Downstream<M::Record>>(self, name: &str, down: &D, deploy: &mut Deploy<'_, '_>) {
        let edge = deploy.announce(down);
        let counters = deploy.counters(name);
        let intake = IntakePlan::new(name, self.format, self.bad_records, down, deploy);
        let (input, poll) = (Arc::new(Mutex::new(self.input)), self.poll);
        let name_of_source = name.to_owned();
        let worker = deploy.next_worker();
        let actor = deploy.spawn(name, worker, move |ctx| {
            ctx.run_again();
            let intake = intake.connect(edge, counters, ctx.me().recipient());
            Ok(Reading {
                input,
                reader: FrameReader::new(intake.format.codec()),
                intake,
                poll,
                name: name_of_source,
                asked: false,
                events: VecDeque::new(),
                piece: (Vec::new(), 0, 0),
                spare: Vec::new(),
                wall_ns: 0,
                skipping: false,
                over: false,
                more: false,
            })
        });
        deploy.add_source(actor.recipient());
    }
}
