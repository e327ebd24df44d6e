//! References: how one actor (or a thread) reaches another.
//!
//! An [`ActorRef`] is one counted pointer. It keeps the cell's memory, not the actor: what is told to an ended actor is
//! given back or counted as a dead letter. A [`Recipient`] forgets the actor's type and remembers one kind of message.

use super::ask::Reply;
use super::carried::asking;
use super::cell::ActorCell;
use super::outside::Ask;
use super::send::TellError;
use super::unanswered::Unanswered;
use super::{Actor, ActorId};
use crate::scheduler::control::{AskError, Control};
use crate::scheduler::exit::ExitReason;
use crate::scheduler::header::{CellRef, Header};
use crate::scheduler::letters::{self, DeadLetterCause};
use crate::scheduler::worker::Worker;
use crate::sys::clock;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Duration;

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
    pub(super) fn cell(&self) -> &ActorCell<A> {
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
        if let Err(refused) = self.cell().tell(msg) {
            not_told(self.cell(), refused);
        }
    }

    /// Sends `msg`, or gives it back: if the actor has ended, or has more than it can do (then nobody is muted). To another
    /// worker it leaves at once, and takes along what the present turn has sent before; [`tell`](Self::tell) is cheaper.
    pub fn try_tell(&self, msg: A::Msg) -> Result<(), TellError<A::Msg>> {
        self.cell().try_tell(msg)
    }

    /// Sends `msg` from a thread outside, waiting for at most `at_most` while the actor has more than it can do; gives it
    /// back if that time does not suffice, or the actor has ended.
    ///
    /// # Panics
    ///
    /// On a worker: a handler must not block. There [`tell`](Self::tell) slows its sender down in another way: see
    /// [`MailboxLimits`](crate::MailboxLimits).
    pub fn tell_blocking(&self, msg: A::Msg, at_most: Duration) -> Result<(), TellError<A::Msg>> {
        assert!(
            Worker::with_current(|worker| worker.is_none()),
            "a handler must not block: use `tell`, or `try_tell`, inside actors"
        );
        self.cell().tell_until(msg, clock::now() + at_most)
    }

    /// Whether the actor has more than it can do, as far as can be seen from here.
    pub fn is_flooded(&self) -> bool {
        self.cell().looks_flooded()
    }

    /// Asks from outside the system: block on the result or await it. Inside actors use
    /// [`Context::ask`](super::Context::ask).
    pub fn ask<R: Send + 'static>(&self, make: impl FnOnce(Reply<R>) -> A::Msg) -> Ask<R> {
        let (ask, reply) = Ask::of(&self.cell);
        let msg = make(reply);
        asking(|| self.tell(msg));
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
            if let Err(refused) = cell.tell(msg.into()) {
                not_told(cell, refused);
            }
        }
        Recipient {
            cell: self.cell.clone(),
            tell: tell::<A, M>,
        }
    }
}

/// A message that its receiver does not take.
#[cold]
fn not_told<A: Actor>(cell: &ActorCell<A>, refused: TellError<A::Msg>) {
    match refused {
        TellError::Ended(msg) => {
            letters::count(&cell.header, 1, DeadLetterCause::Refused);
            let _stopped = Unanswered::because(AskError::Stopped);
            drop(msg);
        }
        TellError::Full(msg) => cell.reject(msg),
    }
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
    pub(crate) fn cell_ref(&self) -> &CellRef {
        &self.cell
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
