//! What a handler may do: the runtime as seen from inside one turn.
//!
//! A context lives for one turn of one actor and cannot leave it. Timers and asks are added to it in their own files.

use super::actor_ref::ActorRef;
use super::cell::{ActorCell, Birth};
use super::factory::Factory;
use super::{Actor, ActorId};
use crate::arena::{Entered, Scratch};
use crate::scheduler::exit::Fault;
use crate::scheduler::header::{Attention, CellRef};
use crate::scheduler::worker::Worker;
use crate::sys::clock::{self, Time};
use crate::sys::net::{ListeningSocket, Stream, TcpListener, TcpStream, UdpSocket};
use std::fmt;
use std::io;

/// The runtime, as seen by an actor during one turn.
pub struct Context<'t, A: Actor> {
    pub(super) cell: &'t ActorCell<A>,
    pub(super) worker: &'t Worker,
    /// The actor's arena, entered for this turn if the actor has one.
    pub(super) entered: Option<Entered>,
}

/// A socket that a worker can watch.
pub trait Watchable: sealed::Sealed {
    #[doc(hidden)]
    fn event_source(&mut self) -> sealed::Source<'_>;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::TcpListener {}
    impl Sealed for super::TcpStream {}
    impl Sealed for super::Stream {}
    impl Sealed for super::ListeningSocket {}
    impl Sealed for super::UdpSocket {}
    #[expect(missing_debug_implementations, reason = "cannot be named outside")]
    pub struct Source<'a>(pub(super) crate::sys::poller::EventSource<'a>);
}

impl Watchable for TcpListener {
    fn event_source(&mut self) -> sealed::Source<'_> {
        sealed::Source(self.source())
    }
}

impl Watchable for TcpStream {
    fn event_source(&mut self) -> sealed::Source<'_> {
        sealed::Source(self.source())
    }
}

impl Watchable for Stream {
    fn event_source(&mut self) -> sealed::Source<'_> {
        sealed::Source(self.source())
    }
}

impl Watchable for ListeningSocket {
    fn event_source(&mut self) -> sealed::Source<'_> {
        sealed::Source(self.source())
    }
}

impl Watchable for UdpSocket {
    fn event_source(&mut self) -> sealed::Source<'_> {
        sealed::Source(self.source())
    }
}

impl<'t, A: Actor> Context<'t, A> {
    #[inline(always)]
    pub(super) fn new(cell: &'t ActorCell<A>, worker: &'t Worker, entered: Option<Entered>) -> Self {
        Self { cell, worker, entered }
    }

    /// A reference to this actor.
    pub fn me(&self) -> ActorRef<A> {
        ActorRef::new(self.cell)
    }

    /// The name of this actor in reports.
    pub fn id(&self) -> ActorId {
        self.cell.header.id
    }

    /// Ends this actor after the present handler: its children first, the last started first, then itself. What is
    /// left in its mailbox goes to [`Actor::undelivered`].
    pub fn stop(&mut self) {
        self.ask_for(Attention::STOP);
    }

    /// Whether [`stop`](Self::stop) has been called in this turn.
    pub fn is_stopping(&self) -> bool {
        // SAFETY: M1: this is a turn of the home.
        self.cell
            .header
            .plain
            .with(|plain| unsafe { (*plain).attention & Attention::STOP != 0 })
    }

    /// Starts a child. `factory` runs on a worker, in the child's first turn; an error or a panic in it ends the child
    /// and is reported to this actor like any other exit. The reference is good at once.
    pub fn spawn<B: Actor>(
        &mut self,
        factory: impl FnOnce(&mut Context<'_, B>) -> Result<B, Fault> + Send + 'static,
    ) -> ActorRef<B> {
        self.spawn_as(&Birth::Here, Factory::new(factory))
    }

    /// Starts a child on a certain worker, where it stays.
    ///
    /// # Panics
    ///
    /// If there is no worker of this index; see [`workers`](Self::workers).
    pub fn spawn_on<B: Actor>(
        &mut self,
        worker: usize,
        factory: impl FnOnce(&mut Context<'_, B>) -> Result<B, Fault> + Send + 'static,
    ) -> ActorRef<B> {
        let peers = &self.worker.shared().peers;
        assert!(
            worker < peers.len(),
            "there is no worker {worker}: this system has {}",
            peers.len()
        );
        self.spawn_as(&Birth::At(peers[worker].doorbell), Factory::new(factory))
    }

    fn spawn_as<B: Actor>(&mut self, birth: &Birth, factory: Factory<B>) -> ActorRef<B> {
        let parent = CellRef::new(&self.cell.header);
        let child = ActorCell::create(birth, factory, Some(parent), &self.worker.tuning().mailbox);
        // SAFETY: the actor's own count keeps the new cell alive; it cannot end before it is queued below.
        let cell = unsafe { child.as_ref() };
        let reference = ActorRef::new(cell);
        // SAFETY: M1: this is a turn of the home.
        let running = self
            .cell
            .header
            .plain
            .with(|plain| unsafe { (*plain).attention & Attention::ENDING == 0 });
        if !running {
            // An actor that is ending has no children any more: this one ends before it begins.
            cell.abandon();
            return reference;
        }
        // SAFETY: M1 and S5: this is a turn of the parent.
        unsafe {
            self.cell
                .with_extras(|extras| extras.children.link(CellRef::new(&cell.header)));
        }
        match *birth {
            Birth::Here => self.worker.bring_up(child.cast()),
            // SAFETY: the cell was made claimed, so the duty is ours (M2), and it is alive until its notification is
            // taken (S4).
            Birth::At(doorbell) => unsafe { doorbell.notify(child.cast()) },
            Birth::Anywhere | Birth::Later => unreachable!("a handler's children start at once"),
        }
        reference
    }

    /// Has another turn soon, after the other runnable actors of this worker have had theirs: this actor gets
    /// [`Signal::RunAgain`](super::Signal::RunAgain) then.
    pub fn run_again(&mut self) {
        self.ask_for(Attention::AGAIN);
    }

    /// Memory for the rest of this turn.
    pub fn scratch(&self) -> &'t Scratch {
        self.worker.scratch()
    }

    /// The present time. Costs about 25 ns.
    pub fn now(&self) -> Time {
        clock::now()
    }

    /// The index of the worker that runs this turn.
    pub fn worker(&self) -> usize {
        self.worker.index()
    }

    /// How many workers the system has.
    pub fn workers(&self) -> usize {
        self.worker.shared().peers.len()
    }

    /// How many messages wait in this actor's local queue, not counting what is still in its inbox.
    pub fn queue_len(&self) -> usize {
        // SAFETY: M1: this is a turn of the home.
        unsafe { self.cell.queue_len() }
    }

    /// Watches a socket: readiness comes as [`Signal::Ready`](super::Signal::Ready) with the token returned here. The
    /// actor stays on this worker from now on.
    pub fn watch(&mut self, socket: &mut dyn Watchable) -> io::Result<usize> {
        let token = self
            .worker
            .watch(socket.event_source().0, CellRef::new(&self.cell.header))?;
        // SAFETY: M1: this is a turn of the home.
        self.cell
            .header
            .plain
            .with_mut(|plain| unsafe { (*plain).pinned = true });
        // SAFETY: as above.
        unsafe { self.cell.with_extras(|extras| extras.sockets.push(token)) };
        Ok(token)
    }

    /// Stops watching a socket.
    pub fn forget(&mut self, socket: &mut dyn Watchable, token: usize) -> io::Result<()> {
        // SAFETY: M1: this is a turn of the home.
        let known = unsafe {
            self.cell.with_extras(|extras| {
                let at = extras.sockets.iter().position(|t| *t == token);
                at.map(|at| extras.sockets.swap_remove(at))
            })
        };
        match known {
            Some(token) => self.worker.forget(socket.event_source().0, token),
            None => Ok(()),
        }
    }

    /// Sets a bit that the turn looks at when the handler has returned.
    pub(super) fn ask_for(&mut self, bit: u16) {
        // SAFETY: M1: this is a turn of the home.
        self.cell
            .header
            .plain
            .with_mut(|plain| unsafe { (*plain).attention |= bit });
    }
}

impl<A: Actor> fmt::Debug for Context<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("id", &self.id()).finish()
    }
}
