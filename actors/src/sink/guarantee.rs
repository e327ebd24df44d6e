//! What sources and sinks promise, and what that comes to for a whole job.
//!
//! A job that does not fail takes in every record once and writes every result once, whatever its ends are. The guarantee is
//! about a job that fails. Today there are no checkpoints: nothing is restarted, and the way on is to start the job again
//! from the beginning.

use crate::source::Replay;
use std::fmt;

/// What becomes of results when a job that failed is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// They appear all together when the job has succeeded, or not at all, and take the place of earlier ones.
    Transactional,
    /// A result that comes again changes nothing.
    Idempotent,
    /// Those from before the failure come again.
    Repeating,
}

/// What a job promises from end to end, if it fails and is started again from the beginning.
///
/// ```
/// use potoroo_actors::sink::{Delivery, Guarantee};
/// use potoroo_actors::source::Replay;
///
/// let files = Guarantee::of([Replay::Replayable], [Delivery::Transactional]);
/// assert_eq!(files, Guarantee::ExactlyOnce);
/// assert_eq!(Guarantee::of([Replay::Replayable], [Delivery::Repeating]), Guarantee::AtLeastOnce);
/// assert_eq!(Guarantee::of([Replay::Volatile], [Delivery::Transactional]), Guarantee::AtMostOnce);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guarantee {
    /// What was in the job when it failed is lost; what was written may come again if its record does.
    AtMostOnce,
    /// Nothing is lost; what was written before comes again.
    AtLeastOnce,
    /// Each result is there once.
    ExactlyOnce,
}

impl Guarantee {
    /// What ends with these promises come to.
    pub fn of(sources: impl IntoIterator<Item = Replay>, sinks: impl IntoIterator<Item = Delivery>) -> Self {
        if sources.into_iter().any(|source| source == Replay::Volatile) {
            Self::AtMostOnce
        } else if sinks.into_iter().any(|sink| sink == Delivery::Repeating) {
            Self::AtLeastOnce
        } else {
            Self::ExactlyOnce
        }
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AtMostOnce => "at most once: after a failure, what a source has given cannot be had again",
            Self::AtLeastOnce => {
                "at least once: after a failure, start again from the beginning; results from before come again"
            }
            Self::ExactlyOnce => {
                "exactly once: after a failure, start again from the beginning; there is no checkpoint"
            }
        })
    }
}
