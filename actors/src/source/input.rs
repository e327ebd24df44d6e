//! Bytes that are had by waiting: files one after the other, packed or not, and standard input.
//!
//! An input is asked for its next piece on a thread of the pool for blocking work; it lacks any knowledge of records.

use flate2::read::MultiGzDecoder;
use potoroo_runtime::sys::files::InputFile;
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How many bytes are asked for at once.
pub(super) const PIECE_BYTES: usize = 256 * 1024;

/// What comes of asking.
pub(super) enum Event {
    /// Another file begins, with this name.
    Began(String),
    /// So many bytes of it, at the front of the buffer.
    Bytes(Vec<u8>, usize),
    /// It is over.
    Ended,
    /// It is over, and what was left of its last record cannot be trusted.
    Torn(&'static str),
    /// Nothing for now.
    Quiet,
    /// Nothing more at all.
    Over,
    /// It cannot be read on.
    Failed(String),
}

/// Something to read from, by waiting.
pub(super) trait Input: Send {
    /// What comes next. The buffer may be any that has been used.
    fn next(&mut self, buffer: Vec<u8>) -> Event;
}

/// Reads once.
pub(super) fn read(from: &mut dyn Read, mut buffer: Vec<u8>) -> io::Result<(Vec<u8>, usize)> {
    buffer.resize(PIECE_BYTES, 0);
    loop {
        match from.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome.map(|count| (buffer, count)),
        }
    }
}

/// A file as the runtime reads it, in a simulated world as well.
struct Plain(InputFile);

impl Read for Plain {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

/// Files, in order.
pub(super) struct Files {
    /// The first are open already: a pipe cannot be opened twice.
    waiting: VecDeque<(PathBuf, Option<InputFile>)>,
    current: Option<(PathBuf, Box<dyn Read + Send>)>,
}

/// How many files are kept open before their turn.
const OPEN_MAX: usize = 64;

impl Files {
    /// Opens each, so that a missing one is found now.
    pub(super) fn open(paths: impl IntoIterator<Item = PathBuf>) -> Result<Self, (PathBuf, io::Error)> {
        let mut waiting = VecDeque::new();
        for path in paths {
            match InputFile::open(&path) {
                Ok(file) => {
                    let file = Some(file).filter(|_| waiting.len() < OPEN_MAX);
                    waiting.push_back((path, file));
                }
                Err(error) => return Err((path, error)),
            }
        }
        Ok(Self { waiting, current: None })
    }
}

/// What a file holds, unpacked if its name says that it is packed.
fn unpacked(path: &Path, file: InputFile) -> io::Result<Box<dyn Read + Send>> {
    let file = Plain(file);
    Ok(match path.extension().and_then(OsStr::to_str) {
        Some("gz") => Box::new(MultiGzDecoder::new(file)),
        Some("zst") => Box::new(zstd::Decoder::new(file)?),
        _ => Box::new(file),
    })
}

impl Input for Files {
    fn next(&mut self, buffer: Vec<u8>) -> Event {
        let failed = |path: &Path, error| Event::Failed(format!("cannot read {}: {error}", path.display()));
        if let Some((path, file)) = &mut self.current {
            return match read(file, buffer) {
                Ok((_, 0)) => {
                    self.current = None;
                    Event::Ended
                }
                Ok((bytes, count)) => Event::Bytes(bytes, count),
                Err(error) => failed(path, error),
            };
        }
        let Some((path, file)) = self.waiting.pop_front() else {
            return Event::Over;
        };
        let opened = file.map_or_else(|| InputFile::open(&path), Ok);
        match opened.and_then(|file| unpacked(&path, file)) {
            Ok(file) => {
                let name = path.display().to_string();
                self.current = Some((path, file));
                Event::Began(name)
            }
            Err(error) => failed(&path, error),
        }
    }
}

/// What the process is given.
pub(super) struct StandardInput {
    pub(super) begun: bool,
    pub(super) ended: bool,
}

impl Input for StandardInput {
    fn next(&mut self, buffer: Vec<u8>) -> Event {
        if !self.begun {
            self.begun = true;
            return Event::Began("standard input".into());
        }
        if self.ended {
            return Event::Over;
        }
        // Without the lock of `Stdin`, nobody else could ask; with its buffer, bytes are copied once more, which is little
        // beside what a pipe costs.
        match read(&mut io::stdin().lock(), buffer) {
            Ok((_, 0)) => {
                self.ended = true;
                Event::Ended
            }
            Ok((bytes, count)) => Event::Bytes(bytes, count),
            Err(error) => Event::Failed(format!("cannot read standard input: {error}")),
        }
    }
}
