//! What travels on the control lane of a mailbox.
//!
//! Control messages are handled before data, between two data messages: a stop is seen under a flood, and a reply does
//! not wait behind the requests that depend on it.

use super::exit::ExitReason;
use super::header::CellRef;
use super::tie::Tie;
use crate::sys::poller::Readiness;
use std::any::Any;
use std::fmt;

/// What came of an ask.
pub(crate) type ReplyValue = Result<Box<dyn Any + Send>, AskError>;

/// Why an ask got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AskError {
    /// The time was up; an answer that comes later is dropped.
    TimedOut,
    /// The receiver (or whoever it passed the [`Reply`](crate::Reply) to) dropped it unanswered, or had ended.
    Dropped,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => write!(f, "no answer in time"),
            Self::Dropped => write!(f, "the request was dropped unanswered"),
        }
    }
}

impl std::error::Error for AskError {}

/// One control message.
pub(crate) enum Control {
    /// End after the current message.
    Stop(ExitReason),
    /// Take this actor as a child (the root's way of adopting what was spawned from outside).
    Adopt(CellRef),
    /// A child has ended.
    ChildExited { child: CellRef, reason: ExitReason },
    /// A timer of the slot and generation is due.
    Timer { slot: u32, generation: u32 },
    /// An answer to the ask of the slot and generation.
    Reply {
        slot: u32,
        generation: u32,
        value: ReplyValue,
    },
    /// A socket that the actor watches is ready.
    Ready { socket: usize, readiness: Readiness },
    /// Have a turn: `Context::run_again` asked for it.
    RunAgain,
    /// The actor's arenas use nearly what they may.
    MemoryPressure { used_bytes: u64, limit_bytes: u64 },
    /// A restartable child has been made: the first time, or again.
    ChildStarted { child: CellRef },
    /// A restartable child has come to the end of one life and waits for [`Control::Restart`] or [`Control::Retire`].
    ChildPaused { child: CellRef, reason: Box<ExitReason> },
    /// Begin the next life.
    Restart,
    /// There is no next life.
    Retire,
    /// The parent is between two lives: end this one, if there is one, and say so.
    Settle,
    /// A child is between two lives because it was told to settle.
    ChildSettled { child: CellRef },
    /// Of monitors and links.
    Tie(Tie),
}
