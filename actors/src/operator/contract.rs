//! What a stage wants of an operator, and what an operator is made with.
//!
//! The actor that calls it is in `stage.rs`. It lacks keys: an operator that has them keeps its own tables.

use super::output::Output;
use crate::element::{KeyGroup, Timed, Timestamp};
use crate::job::Failures;
use crate::state::TimeToLive;
use potoroo_runtime::arena::Arena;
use potoroo_runtime::{Fault, Turn};
use std::any::Any;

/// Whether an operator has done all that was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All of it.
    Done,
    /// A slice; there is more, to be done after other actors' turns.
    More,
}

/// All actors of a stage that has no state: they hand on what they get.
#[derive(Debug)]
pub(crate) struct Pass;

impl<T: Send + 'static> Operator<Timed<T>> for Pass {
    type Out = T;

    fn batch(&mut self, records: &mut Vec<Timed<T>>, out: &mut Output<T>) -> Turn {
        out.records.append(records);
        Ok(())
    }
}

/// How many timers or windows an operator should fire at most before it says [`Progress::More`].
pub const FIRINGS_MAX: usize = 1024;

/// What one partition of a stage does.
///
/// `I` is [`Routed`](crate::element::Routed) behind a keyed stream. Most of what is needed per key is easier to say as a
/// [`KeyedProcess`](crate::KeyedProcess); windows and joins, which keep state by time, are operators.
pub trait Operator<I>: Send + 'static {
    /// What it gives.
    type Out: Send + 'static;

    /// Takes all records of `records`, in order. An error ends the job; what else may become of a record is up to
    /// [`Setup::failures`].
    fn batch(&mut self, records: &mut Vec<I>, out: &mut Output<Self::Out>) -> Turn;

    /// Event time has come to `now`, also to be had from `out`: fires what is due, in slices. It is called again until it is
    /// done, and only then goes the watermark on to the next stage. At the end of the stream `now` is
    /// [`Timestamp::MAX`].
    fn watermark(&mut self, now: Timestamp, out: &mut Output<Self::Out>) -> Result<Progress, Fault> {
        let _ = (now, out);
        Ok(Progress::Done)
    }

    /// When [`clock`](Self::clock) is to be called, by the wall clock.
    fn clock_due(&self) -> Option<Timestamp> {
        None
    }

    /// The wall clock has come to `now`: fires what is due, in slices.
    fn clock(&mut self, now: Timestamp, out: &mut Output<Self::Out>) -> Result<Progress, Fault> {
        let _ = (now, out);
        Ok(Progress::Done)
    }

    /// All inputs have ended and the last watermark has been: gives what is left, in slices.
    fn end(&mut self, out: &mut Output<Self::Out>) -> Result<Progress, Fault> {
        let _ = out;
        Ok(Progress::Done)
    }

    /// How many keys have state, for the job's status.
    fn keys(&self) -> usize {
        0
    }

    /// Whether [`take_groups`](Self::take_groups) and [`put_groups`](Self::put_groups) do what they should, so that
    /// [`Job::rescale`](crate::Job::rescale) can be used.
    const MOVES_GROUPS: bool = false;

    /// Takes out all that is kept for the keys of these groups, timers included, to be taken in by another partition. No
    /// watermark is half done.
    fn take_groups(&mut self, groups: &[KeyGroup]) -> Box<dyn Any + Send> {
        let _ = groups;
        Box::new(())
    }

    /// Takes in what [`take_groups`](Self::take_groups) of another partition gave. The watermark is the same here.
    fn put_groups(&mut self, state: Box<dyn Any + Send>) {
        let _ = state;
    }
}

/// What an operator is made with.
#[derive(Debug)]
#[non_exhaustive]
pub struct Setup<S> {
    /// The partition's memory.
    pub arena: Arena,
    /// Which partition this is.
    pub partition: usize,
    /// How many there are; those that [`Job::rescale`](crate::Job::rescale) could put to work included.
    pub partitions: usize,
    /// How to find the key of a record.
    pub selector: S,
    /// How long state is to be kept.
    pub time_to_live: TimeToLive,
    /// What is to be done about records that fail.
    pub failures: Failures,
}
