//! A source that reads files, one after the other, in the order given.
//!
//! Reading blocks the worker for the time of one read from the page cache, 64 KiB at a time.

use super::intake::{Intake, IntakePlan};
use super::{Decode, Source, SourceMsg};
use crate::exchange::{Collector, Downstream};
use crate::job::{Deploy, JobMsg};
use potoroo_runtime::io::{FrameReader, Framing};
use potoroo_runtime::sys::clock::wall_ns;
use potoroo_runtime::sys::files::InputFile;
use potoroo_runtime::{Actor, Context, Recipient, Signal, Turn};
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

/// Records from files.
#[derive(Debug)]
pub struct FileSource<F> {
    files: VecDeque<(PathBuf, InputFile)>,
    framing: Framing,
    decode: F,
}

impl<F: Decode> FileSource<F> {
    /// Opens all files now, so that a missing one is an error of the caller; the error comes with its path.
    pub fn open(
        paths: impl IntoIterator<Item = PathBuf>,
        framing: Framing,
        decode: F,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let files = paths
            .into_iter()
            .map(|path| match InputFile::open(&path) {
                Ok(file) => Ok((path, file)),
                Err(error) => Err((path, error)),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { files, framing, decode })
    }
}

impl<F: Decode> Source for FileSource<F> {
    type Record = F::Record;

    fn deploy<D: Downstream<F::Record>>(self, name: &str, down: &D, deploy: &mut Deploy<'_, '_>) {
        let edge = deploy.announce(down);
        let counters = deploy.counters(name);
        let job = deploy.job();
        let intake = IntakePlan::new(name, self.decode, down, deploy);
        let (files, framing) = (self.files, self.framing);
        let worker = deploy.next_worker();
        let actor = deploy.spawn(name, worker, move |ctx| {
            ctx.run_again();
            Ok(Reading {
                files,
                framing,
                reader: FrameReader::new(framing),
                wall_ns: wall_ns(),
                intake: intake.connect(edge, counters, ctx.me().recipient()),
                failed: false,
                job,
            })
        });
        deploy.add_source(actor.recipient());
    }
}

/// The actor that reads.
struct Reading<F: Decode, C> {
    /// The file at the front is being read.
    files: VecDeque<(PathBuf, InputFile)>,
    framing: Framing,
    reader: FrameReader,
    /// When the buffered bytes were read.
    wall_ns: u64,
    intake: Intake<F, C>,
    /// A file could not be read on.
    failed: bool,
    job: Recipient<JobMsg>,
}

impl<F: Decode, C: Collector<F::Record>> Reading<F, C> {
    /// Takes in what is buffered, as far as there is room, then reads once.
    fn produce(&mut self) {
        let Self {
            files, reader, intake, ..
        } = self;
        let Some((path, file)) = files.front_mut() else {
            return;
        };
        while intake.out.is_ready() {
            match reader.next_frame() {
                Ok(Some(frame)) => {
                    intake.frame(frame, self.wall_ns, &path.display());
                }
                Ok(None) => {
                    self.wall_ns = wall_ns();
                    match reader.fill(|room| file.read(room)) {
                        Ok(0) => self.file_is_over(),
                        Ok(count) => intake.counters.bytes.add(count as u64),
                        Err(error) => {
                            let reason = format!("cannot read {}: {error}", path.display());
                            self.job.tell(JobMsg::Failed(reason));
                            self.failed = true;
                        }
                    }
                    // One read a turn; what it brought is taken in by the next, after other actors' turns.
                    return;
                }
                Err(error) => {
                    let reason =
                        format!("{error}; nothing after it can be trusted, so the rest of the file is left out");
                    intake.dead_letter(&path.display(), error.offset(), &reason, &[]);
                    self.next_file();
                    return;
                }
            }
        }
    }

    /// The end of a file: its last line, or a complaint about half a frame.
    fn file_is_over(&mut self) {
        let Some((path, _)) = self.files.front() else {
            return;
        };
        match self.reader.finish() {
            Ok(Some(frame)) => {
                self.intake.frame(frame, self.wall_ns, &path.display());
            }
            Ok(None) => {}
            Err(error) => self.intake.dead_letter(&path.display(), error.offset(), &error, &[]),
        }
        self.next_file();
    }

    fn next_file(&mut self) {
        self.files.pop_front();
        self.reader = FrameReader::new(self.framing);
    }
}

impl<F: Decode, C: Collector<F::Record>> Actor for Reading<F, C> {
    type Msg = SourceMsg;

    fn handle(&mut self, msg: Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            SourceMsg::Drain => self.files.clear(),
            SourceMsg::Granted(grant) => drop(self.intake.out.granted(grant)),
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        if matches!(signal, Signal::RunAgain) {
            self.produce();
        }
        Ok(())
    }

    fn turn_end(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        if self.failed {
            // Without an end: what comes after must not take what was read for all there is.
            ctx.stop();
            return Ok(());
        }
        let over = self.files.is_empty();
        if self.intake.turn_end(over) {
            ctx.stop();
        } else if !over && self.intake.out.is_ready() {
            ctx.run_again();
        }
        Ok(())
    }
}
