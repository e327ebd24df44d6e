//! References: how one actor (or a thread) reaches another.
//!
//! An [`ActorRef`] is one counted pointer. It keeps the cell's memory, not the actor: what is told to an ended actor is
//! given back or counted as a dead letter. A [`Recipient`] forgets the actor's type and remembers one kind of message.

use super::ask::{Ask, Reply};
use super::cell::ActorCell;
use super::{Actor, ActorId};
use crate::mailbox::Refused;
use crate::observe::EXTERNAL_DEAD_LETTERS;
use crate::scheduler::control::Control;
use crate::scheduler::exit::ExitReason;
use crate::scheduler::header::{CellRef, Header};
use crate::scheduler::worker::Worker;
use crate::sync::global::Relaxed;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// A reference to an actor.
pub struct ActorRef<A: Actor> {
    cell: CellRef,
    actor: PhantomData<fn() -> A>,
}

impl<A: Actor> ActorRef<A> {
    pub(crate) fn new(cell: &ActorCell<A>) -> Self {
        Self {
            cell: CellRef::new(&cell.header),
            actor: PhantomData,
        }
    }

    /// The untyped reference behind this one.
    pub(crate) fn cell_ref(&self) -> CellRef {
        self.cell.clone()
    }

    #[inline(always)]
    fn cell(&self) -> &ActorCell<A> {
        // SAFETY: the reference is counted and was made from a cell of this type.
        unsafe { ActorCell::from_header(self.cell.as_ptr()) }
    }

    /// Sends `msg`, never blocking. Between actors of one core this is plain memory.
    ///
    /// Messages from one sender to one receiver are handled in the order sent. What goes to other workers leaves when the
    /// turn ends, or when 256 messages have been gathered. If the actor has ended, the message is
    /// dropped and counted as a dead letter; use [`try_tell`](Self::try_tell) to get it back.
    #[inline]
    pub fn tell(&self, msg: A::Msg) {
        if let Err(Refused(msg)) = self.cell().tell(msg) {
            count_dead_letters(1);
            drop(msg);
        }
    }

    /// Sends `msg`, or gives it back if the actor has ended. To another worker it leaves at once, and takes along what the
    /// present turn has sent before; [`tell`](Self::tell) is cheaper.
    pub fn try_tell(&self, msg: A::Msg) -> Result<(), Refused<A::Msg>> {
        self.cell().try_tell(msg)
    }

    /// Asks from outside the system: block on the result or await it. Inside actors use
    /// [`Context::ask`](super::Context::ask).
    pub fn ask<R: Send + 'static>(&self, make: impl FnOnce(Reply<R>) -> A::Msg) -> Ask<R> {
        let (ask, reply) = Ask::new();
        self.tell(make(reply));
        ask
    }

    /// Asks the actor to end after the message it is handling; what is left in its mailbox goes to
    /// [`Actor::undelivered`].
    pub fn stop(&self) {
        self.cell.control(Control::Stop(ExitReason::Stopped));
    }

    /// The name of the actor in reports.
    pub fn id(&self) -> ActorId {
        self.cell.header().id
    }

    /// A reference that accepts `M` and no longer says to whom.
    pub fn recipient<M>(&self) -> Recipient<M>
    where
        A::Msg: From<M>,
    {
        unsafe fn tell<A: Actor, M>(header: NonNull<Header>, msg: M)
        where
            A::Msg: From<M>,
        {
            // SAFETY: the recipient holds a reference made from a cell of this type.
            let cell = unsafe { ActorCell::<A>::from_header(header) };
            if let Err(Refused(msg)) = cell.tell(msg.into()) {
                count_dead_letters(1);
                drop(msg);
            }
        }
        Recipient {
            cell: self.cell.clone(),
            tell: tell::<A, M>,
        }
    }
}

/// Counts messages that reached nobody.
pub(super) fn count_dead_letters(count: u64) {
    Worker::with_current(|worker| match worker {
        Some(worker) => worker.counters().dead_letters.add(count),
        None => {
            EXTERNAL_DEAD_LETTERS.fetch_add(count, Relaxed);
        }
    });
}

impl<A: Actor> Clone for ActorRef<A> {
    fn clone(&self) -> Self {
        Self {
            cell: self.cell.clone(),
            actor: PhantomData,
        }
    }
}

impl<A: Actor> PartialEq for ActorRef<A> {
    fn eq(&self, other: &Self) -> bool {
        self.cell.as_ptr() == other.cell.as_ptr()
    }
}

impl<A: Actor> Eq for ActorRef<A> {}

impl<A: Actor> fmt::Debug for ActorRef<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = self.cell.header();
        write!(f, "ActorRef<{}>({})", (header.table.type_name)(), header.id)
    }
}

/// A reference to some actor that understands `M`.
pub struct Recipient<M> {
    cell: CellRef,
    tell: unsafe fn(NonNull<Header>, M),
}

impl<M> Recipient<M> {
    /// The untyped reference behind this one.
    pub(crate) fn cell_ref(&self) -> CellRef {
        self.cell.clone()
    }

    /// Sends `msg`, like [`ActorRef::tell`].
    #[inline]
    pub fn tell(&self, msg: M) {
        // SAFETY: the function was made together with the reference, for the same type.
        unsafe { (self.tell)(self.cell.as_ptr(), msg) };
    }

    /// The name of the actor in reports.
    pub fn id(&self) -> ActorId {
        self.cell.header().id
    }
}

impl<M> Clone for Recipient<M> {
    fn clone(&self) -> Self {
        Self {
            cell: self.cell.clone(),
            tell: self.tell,
        }
    }
}

impl<M> fmt::Debug for Recipient<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.id())
    }
}
