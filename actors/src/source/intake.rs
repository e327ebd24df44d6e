//! What every source of bytes does with a frame: decode it and collect the record, or write a dead letter.

use super::{Arrival, Decode};
use crate::element::{EdgeId, Grant, Timestamp};
use crate::exchange::{Collector, Downstream, Wiring};
use crate::job::{DeadLetter, DeadLetters, Deploy, StageCounters};
use potoroo_runtime::Recipient;
use potoroo_runtime::io::Frame;
use std::fmt;
use std::sync::Arc;

/// What an intake is made of; each connection makes its own.
pub(super) struct IntakePlan<F, D> {
    pub(super) source: String,
    pub(super) decode: F,
    pub(super) down: D,
    pub(super) dead_letters: DeadLetters,
}

impl<F: Clone, D: Clone> Clone for IntakePlan<F, D> {
    fn clone(&self) -> Self {
        Self {
            source: self.source.clone(),
            decode: self.decode.clone(),
            down: self.down.clone(),
            dead_letters: self.dead_letters.clone(),
        }
    }
}

impl<F: Decode, D: Downstream<F::Record>> IntakePlan<F, D> {
    pub(super) fn new(name: &str, decode: F, down: &D, deploy: &Deploy<'_, '_>) -> Self {
        Self {
            source: name.to_owned(),
            decode,
            down: down.clone(),
            dead_letters: deploy.shared().dead_letters.clone(),
        }
    }

    /// The intake of the producer that gets its grants at `me`.
    pub(super) fn connect(
        self,
        edge: EdgeId,
        counters: Arc<StageCounters>,
        me: Recipient<Grant>,
    ) -> Intake<F, D::Collector> {
        Intake {
            out: self.down.connect(edge, &mut Wiring::new(me)),
            source: self.source,
            decode: self.decode,
            dead_letters: self.dead_letters,
            counters,
        }
    }
}

/// Frames in, records out.
pub(super) struct Intake<F, C> {
    pub(super) out: C,
    pub(super) counters: Arc<StageCounters>,
    source: String,
    decode: F,
    dead_letters: DeadLetters,
}

impl<F: Decode, C: Collector<F::Record>> Intake<F, C> {
    /// Takes one frame; says whether there is room for more.
    #[inline]
    pub(super) fn frame(&mut self, frame: Frame<'_>, wall_ns: u64, connection: &dyn fmt::Display) -> bool {
        let arrival = Arrival {
            wall_ns,
            offset: frame.offset,
        };
        match self.decode.decode(frame.bytes, arrival) {
            Ok(record) => {
                self.counters.records_in.add(1);
                self.out.collect(record, Timestamp::MIN);
            }
            Err(error) => self.dead_letter(connection, frame.offset, &error, frame.bytes),
        }
        self.out.is_ready()
    }

    /// Writes a dead letter.
    #[cold]
    pub(super) fn dead_letter(
        &self,
        connection: &dyn fmt::Display,
        offset: u64,
        reason: &dyn fmt::Display,
        bytes: &[u8],
    ) {
        self.dead_letters.put(&DeadLetter {
            source: &self.source,
            connection,
            offset,
            reason,
            bytes,
        });
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
