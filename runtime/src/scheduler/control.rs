//! What travels on the control lane of a mailbox.
//!
//! Control messages are handled before data, between two data messages: a stop is seen under a flood, and a reply does
//! not wait behind the requests that depend on it.

use super::carried::Carried;
use super::exit::ExitReason;
use super::header::CellRef;
use super::keepsake::Keepsake;
use super::tie::Tie;
use super::waiting::Waiting;
use crate::sys::poller::Readiness;
use std::fmt;

/// What came of an ask.
pub(crate) type ReplyValue = Result<Carried, AskError>;

/// Why an ask got no answer.
///
/// ```
/// use potoroo_runtime::{Actor, AskError, Context, Reply, System, Turn};
///
/// struct Shy;
///
/// impl Actor for Shy {
///     type Msg = Reply<u64>;
///     fn handle(&mut self, reply: Reply<u64>, _: &mut Context<'_, Self>) -> Turn {
///         drop(reply);
///         Ok(())
///     }
/// }
///
/// let system = System::new()?;
/// let shy = system.spawn(|_| Ok(Shy));
/// assert_eq!(shy.ask(|reply| reply).wait(), Err(AskError::Dropped));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AskError {
    /// The time was up. Whether the request was or will be handled is unknown; an answer that comes later is dropped.
    TimedOut,
    /// The actor has ended: before the request reached it, while the request waited in its mailbox or in its state, or by
    /// panicking over it.
    Stopped,
    /// The actor failed while it held the request, and has been restarted. It may be asked again; what it had done about
    /// the request is unknown.
    Restarted,
    /// The mailbox was full, at its hard limit. The request was not handled.
    Rejected,
    /// A handler of the receiver (or of whoever it passed the [`Reply`](crate::Reply) to) dropped it unanswered.
    Dropped,
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "no answer in time",
            Self::Stopped => "the actor that was asked has ended",
            Self::Restarted => "the actor that was asked failed and has been restarted",
            Self::Rejected => "the mailbox of the actor that was asked is full",
            Self::Dropped => "the request was dropped unanswered",
        })
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
    /// Poll the task of the slot and generation.
    Poll { slot: u32, generation: u32 },
    /// A socket that the actor watches is ready.
    Ready { socket: usize, readiness: Readiness },
    /// Have a turn: `Context::run_again` asked for it.
    RunAgain,
    /// Somebody has been muted because this actor is flooded.
    Muted(Waiting),
    /// The receiver for whose sake this actor has been muted, at that time, can do with more.
    Unmute { generation: u32 },
    /// The muted actor `origin` asks whether it waits for itself.
    Probe {
        origin: CellRef,
        generation: u32,
        hops: u32,
    },
    /// The actor's arenas use nearly what they may.
    MemoryPressure { used_bytes: u64, limit_bytes: u64 },
    /// End as soon as no message waits.
    Drain,
    /// Keep this until the end, or until it is let go.
    Keep(Box<dyn Keepsake>),
    /// Drop what is kept under this key.
    LetGo(u64),
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
