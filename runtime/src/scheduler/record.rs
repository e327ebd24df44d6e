//! Where the scheduler calls the recorder, if there is one.
//!
//! Apart from `worker.rs`, so that a step without a recorder pays one branch per turn and reads as it did. The recorder
//! is borrowed for single calls, never across a turn. Invariants cited: S1 to S4 in the folder's README.

use super::header::Header;
use super::worker::Worker;
use crate::observe::{Recorder, Subject, WorkerRecording};
use crate::sys::clock::{self, Time};
use std::cell::RefCell;
use std::ptr::{self, NonNull};

/// The recorder of a worker, if its system records.
pub(super) type MaybeRecorder = Option<Box<RefCell<Recorder>>>;

/// A recorder that keeps so many events, if asked for.
pub(super) fn recorder(events_max: Option<usize>) -> MaybeRecorder {
    events_max.map(|events| Box::new(RefCell::new(Recorder::new(events))))
}

/// Notes the look when it ends.
pub(super) struct RecordedLook<'w>(Option<(&'w RefCell<Recorder>, Time)>);

impl Drop for RecordedLook<'_> {
    fn drop(&mut self) {
        if let Some((recorder, begin)) = self.0 {
            recorder.borrow_mut().looked(begin);
        }
    }
}

impl Worker {
    /// Gives a turn and records it. The cell is as `give_turn` wants it.
    #[cold]
    pub(super) fn give_recorded_turn(&self, cell: NonNull<Header>) {
        let Some(recorder) = &self.recorder else { return };
        // SAFETY: a cell in the run queue is alive (S4).
        let header = unsafe { cell.as_ref() };
        let subject = Subject {
            actor: header.id.0,
            type_key: ptr::from_ref(header.table).addr(),
            type_name: header.table.type_name,
        };
        let queued = self.with_run_queue(|queue| queue.len());
        recorder.borrow_mut().turn_began(subject, queued, self.counters());
        self.give_turn(cell);
        self.record_turn_end(cell);
    }

    /// A turn has ended, also by a panic.
    pub(super) fn record_turn_end(&self, cell: NonNull<Header>) {
        let Some(recorder) = &self.recorder else { return };
        // The cell may be gone; its address still tells whether it went back into the queue.
        let (queued, is_last) = self.with_run_queue(|queue| (queue.len(), queue.last() == Some(cell)));
        recorder.borrow_mut().turn_ended(queued, is_last, self.counters());
    }

    /// A look around begins; it ends with what this returns.
    pub(super) fn record_look(&self) -> RecordedLook<'_> {
        RecordedLook(self.recorder.as_deref().map(|recorder| (recorder, clock::now())))
    }

    /// This worker has slept, since `parked`.
    pub(super) fn record_wake(&self, parked: Time) {
        if !self.doorbell().sleep().is_asleep() {
            self.counters().wakes.add(1);
        }
        if let Some(recorder) = &self.recorder {
            let rung_at = self.doorbell().rung_at();
            recorder.borrow_mut().slept(parked, rung_at, self.counters());
        }
    }

    /// What was recorded, when the worker has ended.
    pub(crate) fn into_recording(self) -> Option<WorkerRecording> {
        self.recorder.map(|recorder| recorder.into_inner().finish())
    }
}
