//! What every source of bytes does with a frame: decode it and collect the record, or write a dead letter.

use super::{BadRecords, Format};
use crate::element::{EdgeId, Grant, Timestamp};
use crate::exchange::{Collector, Downstream, Wiring};
use crate::job::{DeadLetter, DeadLetters, Deploy, JobMsg, StageCounters};
use potoroo_runtime::Recipient;
use potoroo_runtime::io::Codec;
use std::fmt;
use std::sync::Arc;

/// What an intake is made of; each connection makes its own.
#[derive(Clone)]
pub(super) struct IntakePlan<M, D> {
    pub(super) source: String,
    pub(super) format: M,
    pub(super) down: D,
    dead_letters: DeadLetters,
    bad_records: BadRecords,
    job: Recipient<JobMsg>,
}

impl<M: Format, D: Downstream<M::Record>> IntakePlan<M, D> {
    pub(super) fn new(name: &str, format: M, bad_records: BadRecords, down: &D, deploy: &Deploy<'_, '_>) -> Self {
        Self {
            source: name.to_owned(),
            format,
            down: down.clone(),
            dead_letters: deploy.shared().dead_letters.clone(),
            bad_records,
            job: deploy.job(),
        }
    }

    /// The intake of the producer that gets its grants at `me`.
    pub(super) fn connect(
        self,
        edge: EdgeId,
        counters: Arc<StageCounters>,
        me: Recipient<Grant>,
    ) -> Intake<M, D::Collector> {
        Intake {
            out: self.down.connect(edge, &mut Wiring::new(me)),
            source: self.source,
            format: self.format,
            dead_letters: self.dead_letters,
            bad_records: self.bad_records,
            job: self.job,
            counters,
            frames: 0,
            failed: false,
        }
    }
}

/// Frames in, records out.
pub(super) struct Intake<M, C> {
    pub(super) out: C,
    pub(super) counters: Arc<StageCounters>,
    pub(super) format: M,
    source: String,
    dead_letters: DeadLetters,
    bad_records: BadRecords,
    job: Recipient<JobMsg>,
    /// Of the present file or connection.
    frames: u64,
    /// The job has been told that it cannot go on: nothing more is taken in, and there is no end, so that nobody takes what
    /// came for all there is.
    pub(super) failed: bool,
}

impl<M: Format, C: Collector<M::Record>> Intake<M, C> {
    /// Another file begins.
    pub(super) fn begin(&mut self) {
        self.frames = 0;
    }

    /// Takes one frame; says whether there is room for more.
    #[inline]
    pub(super) fn frame(
        &mut self,
        frame: &<M::Codec as Codec>::Frame<'_>,
        wall_ns: u64,
        connection: &dyn fmt::Display,
    ) -> bool {
        self.frames += 1;
        match self.format.decode(frame, wall_ns) {
            Ok(Some(record)) => {
                self.counters.records_in.add(1);
                self.out.collect(record, Timestamp::MIN);
            }
            Ok(None) => {}
            Err(error) => {
                let place = self.format.place(frame, self.frames);
                let reason = match place.line {
                    Some(line) => format!("{error} (line {line})"),
                    None => error,
                };
                put(
                    &self.dead_letters,
                    &DeadLetter {
                        source: &self.source,
                        connection,
                        offset: place.offset,
                        reason: &reason,
                        bytes: place.bytes,
                    },
                    self.bad_records,
                    &self.job,
                    &mut self.failed,
                );
            }
        }
        self.out.is_ready() && !self.failed
    }

    /// Writes a dead letter about the stream.
    pub(super) fn dead_letter(
        &mut self,
        connection: &dyn fmt::Display,
        offset: u64,
        reason: &dyn fmt::Display,
        bytes: &[u8],
    ) {
        put(
            &self.dead_letters,
            &DeadLetter {
                source: &self.source,
                connection,
                offset,
                reason,
                bytes,
            },
            self.bad_records,
            &self.job,
            &mut self.failed,
        );
    }

    /// The world said no: the job ends.
    pub(super) fn fail(&mut self, reason: String) {
        self.failed = true;
        self.job.tell(JobMsg::Failed(reason));
    }

    /// The end of a turn: sends what has gathered, and the end if there will be no more. Says whether the end is out.
    pub(super) fn turn_end(&mut self, over: bool) -> bool {
        if over {
            self.out.end();
        } else {
            self.out.flush();
        }
        let ended = self.out.has_ended();
        // After the end nobody is here to see the last credits come back: what is under way is the next stage's then.
        let in_flight = if ended { 0 } else { self.out.batches_in_flight() };
        self.counters.batches_waiting.set(in_flight as u64);
        ended
    }
}

/// Writes a dead letter, and ends the job with it if that was asked for.
#[cold]
pub(super) fn put(
    dead_letters: &DeadLetters,
    letter: &DeadLetter<'_>,
    bad_records: BadRecords,
    job: &Recipient<JobMsg>,
    failed: &mut bool,
) {
    dead_letters.put(letter);
    if bad_records == BadRecords::StopJob {
        *failed = true;
        job.tell(JobMsg::Failed(format!(
            "a bad record stops the job, as asked: {letter}"
        )));
    }
}
