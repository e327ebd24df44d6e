//! Monitors and links on the way: what two actors that want to hear of each other's end send each other.
//!
//! A request to be told travels as a guard. Whoever receives it keeps it and uses it up at its own end; where it is lost
//! instead (the receiver had ended, its mailbox went with it) dropping the guard tells the one who asked. So an answer
//! comes once, whatever happens, and nobody waits for one. What the receiver does with them is `actor/ties.rs`.

use super::control::Control;
use super::exit::ExitReason;
use super::header::CellRef;
use crate::sync::global::{AtomicU64, Relaxed};
use std::fmt;

/// Names one monitor or one link: unique for the life of the process, so that news of an old one is told from a new one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TieId(u64);

impl TieId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        // Relaxed: only that all are different counts.
        Self(NEXT.fetch_add(1, Relaxed))
    }
}

/// What monitors and links put on the control lane.
pub(crate) enum Tie {
    /// Tell this one when you end.
    Watch(Watch),
    /// Do not any more.
    Unwatch(TieId),
    /// Whom you watch has ended.
    Down { monitor: TieId, reason: Box<ExitReason> },
    /// Be linked to this one.
    Link(Link),
    /// Do not be any more.
    Unlink(TieId),
    /// Whom you are linked to has ended.
    LinkExit { link: TieId, reason: Box<ExitReason> },
}

/// A guard that tells one actor once of the end of another.
pub(crate) struct Teller<const LINK: bool> {
    /// `None` when it has been told, or is not to be.
    to: Option<CellRef>,
    id: TieId,
}

/// The guard of a monitor.
pub(crate) type Watch = Teller<false>;

/// The guard of a link.
pub(crate) type Link = Teller<true>;

impl<const LINK: bool> Teller<LINK> {
    /// A guard by which `to` will be told.
    pub(crate) fn new(to: CellRef, id: TieId) -> Self {
        Self { to: Some(to), id }
    }

    pub(crate) fn id(&self) -> TieId {
        self.id
    }

    /// Tells that the actor ended, and why.
    pub(crate) fn tell(mut self, reason: ExitReason) {
        self.tell_once(reason);
    }

    /// Uses the guard up, and gives who was to be told.
    pub(crate) fn accept(mut self) -> Option<CellRef> {
        self.to.take()
    }

    fn tell_once(&mut self, reason: ExitReason) {
        let Some(to) = self.to.take() else { return };
        let (id, reason) = (self.id, Box::new(reason));
        to.control(Control::Tie(if LINK {
            Tie::LinkExit { link: id, reason }
        } else {
            Tie::Down { monitor: id, reason }
        }));
    }
}

impl<const LINK: bool> Drop for Teller<LINK> {
    fn drop(&mut self) {
        self.tell_once(ExitReason::AlreadyEnded);
    }
}

impl<const LINK: bool> fmt::Debug for Teller<LINK> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Teller({:?})", self.id)
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;

    #[test]
    fn ties_make_no_control_message_longer() {
        // An inbox's node is as large as the larger of the actor's message and this; 40 is what a small answer takes.
        assert_eq!(size_of::<Control>(), 40);
    }
}
