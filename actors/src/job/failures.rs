//! What becomes of a record that a stage cannot handle.
//!
//! A stage has one policy. The default stops the job, because a record that is left out makes results wrong that look right.
//! With the others the stage goes on without the record, and says so: it is counted, and may become a dead letter. It lacks
//! an undo: what a handler has done before it failed is its own.

use super::StageCounters;
use super::dead_letters::{DeadLetters, FailedRecord};
use crate::element::Timestamp;
use potoroo_runtime::{Fault, Turn};
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What a stage does about a record whose handler fails.
///
/// Failed records are counted in [`StageStatus::records_failed`](crate::StageStatus::records_failed), whatever the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Ends the job, with an error that names the stage and the reason.
    #[default]
    Stop,
    /// Goes on without the record.
    Skip,
    /// Goes on without the record, which becomes one of the job's [`DeadLetters`](crate::DeadLetters).
    DeadLetters,
}

/// How to show a record of a stage, if its author has said so.
pub(crate) type Show<T> = Option<Arc<dyn Fn(&T) -> String + Send + Sync>>;

/// Why a record failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The handler says so.
    Fault(Fault),
    /// The handler panicked.
    Panic(String),
}

impl Failure {
    pub(crate) fn is_panic(&self) -> bool {
        matches!(self, Self::Panic(_))
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Panic(text) => write!(f, "panic: {text}"),
        }
    }
}

/// What a caught panic says.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a value that is not text".to_owned())
}

/// Calls a handler; a panic in it is its failure. What it may have left half-done is for the caller to drop.
#[inline]
pub(crate) fn contained(handler: impl FnOnce() -> Turn) -> Result<(), Failure> {
    match catch_unwind(AssertUnwindSafe(handler)) {
        Ok(turn) => turn.map_err(Failure::Fault),
        Err(payload) => Err(Failure::Panic(panic_text(&*payload))),
    }
}

/// The policy of a stage, in the hands of one of its actors.
///
/// An operator of one's own gets it with its [`Setup`](crate::Setup).
#[derive(Clone, Debug)]
pub struct Failures {
    pub(crate) on_error: OnError,
    pub(crate) stage: Arc<str>,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) counters: Arc<StageCounters>,
}

impl Failures {
    /// The policy.
    pub fn on_error(&self) -> OnError {
        self.on_error
    }

    /// A record has failed: counts it, and does with it what the policy says. An error is for the operator to return: the job
    /// is to end.
    pub fn failed(&self, record: Option<&str>, key: Option<&dyn fmt::Debug>, time: Timestamp, fault: Fault) -> Turn {
        self.take(key, record, time, Failure::Fault(fault))
    }

    /// See [`failed`](Self::failed).
    #[cold]
    pub(crate) fn take(
        &self,
        key: Option<&dyn fmt::Debug>,
        record: Option<&str>,
        time: Timestamp,
        failure: Failure,
    ) -> Turn {
        self.counters.records_failed.add(1);
        match self.on_error {
            OnError::Stop => Err(match failure {
                Failure::Fault(fault) => fault,
                Failure::Panic(_) => Fault::new(failure.to_string()),
            }),
            OnError::Skip => Ok(()),
            OnError::DeadLetters => {
                self.dead_letters.put_record(&FailedRecord {
                    stage: &self.stage,
                    key,
                    record,
                    time,
                    reason: &failure,
                });
                Ok(())
            }
        }
    }
}
