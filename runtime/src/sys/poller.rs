//! Readiness: one `mio` poll per worker, which is also the place where that worker sleeps.
//!
//! A worker that finds nothing to do blocks here with the next timer as its time-out; anybody wakes it through the
//! [`Waker`]. Because everyone parks in a poll of their own, no sleeping thread ever has to hand the duty of watching
//! sockets to another. It lacks knowledge of actors: it returns tokens.

use crate::sync::global::{Arc, AtomicBool, Relaxed};
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::time::Duration;

/// The token of the waker; sockets get smaller ones.
const WAKE: Token = Token(usize::MAX);

/// What a poller without a kernel knows, in a simulated world.
#[derive(Default)]
struct Simulated {
    is_on: AtomicBool,
    rung: AtomicBool,
}

/// Rings a sleeping poller from any thread.
pub(crate) struct Waker {
    inner: mio::Waker,
    simulated: Arc<Simulated>,
}

impl Waker {
    /// Makes the current or the next [`Poller::wait`] return.
    pub(crate) fn wake(&self) {
        if self.simulated.is_on.load(Relaxed) {
            self.simulated.rung.store(true, Relaxed);
            return;
        }
        // Writing to an eventfd fails only when its counter is full, and then the poller is awake already.
        let _ = self.inner.wake();
    }

    /// Whether the poller belongs to a simulated world from now on, until it is said otherwise; then nothing has rung.
    pub(crate) fn simulate(&self, is_on: bool) {
        self.simulated.rung.store(false, Relaxed);
        self.simulated.is_on.store(is_on, Relaxed);
    }

    /// Whether somebody has rung in a simulated world, and the poller has not waited since.
    pub(crate) fn has_rung(&self) -> bool {
        self.simulated.rung.load(Relaxed)
    }
}

/// A socket that can be watched.
pub(crate) type EventSource = dyn mio::event::Source;

/// What a socket is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Bytes (or an end, or an error) can be read.
    pub readable: bool,
    /// Bytes can be written, or a connection attempt has ended.
    pub writable: bool,
    /// The other side has ended its sending, or the socket is broken: reading comes to an end, and there may be no other
    /// edge before it does.
    pub closed: bool,
}

/// Waits for sockets and for the waker.
pub(crate) struct Poller {
    poll: Poll,
    events: Events,
    simulated: Arc<Simulated>,
}

impl Poller {
    /// A poller and the waker that interrupts it.
    pub(crate) fn new(events_max: usize) -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let simulated = Arc::new(Simulated::default());
        let waker = Waker {
            inner: mio::Waker::new(poll.registry(), WAKE)?,
            simulated: simulated.clone(),
        };
        let poller = Self {
            simulated,
            poll,
            events: Events::with_capacity(events_max),
        };
        Ok((poller, waker))
    }

    /// Starts watching `source`; edges are reported under `token`.
    pub(crate) fn watch(&self, source: &mut EventSource, token: usize) -> io::Result<()> {
        debug_assert!(Token(token) != WAKE);
        source.register(
            self.poll.registry(),
            Token(token),
            Interest::READABLE | Interest::WRITABLE,
        )
    }

    /// Stops watching `source`.
    pub(crate) fn forget(&self, source: &mut EventSource) -> io::Result<()> {
        source.deregister(self.poll.registry())
    }

    /// Waits until something is ready, the waker rings or `at_most` has passed (`None`: for ever), and calls `ready`
    /// for each socket.
    pub(crate) fn wait(
        &mut self,
        at_most: Option<Duration>,
        mut ready: impl FnMut(usize, Readiness),
    ) -> io::Result<()> {
        if self.simulated.is_on.load(Relaxed) {
            self.simulated.rung.store(false, Relaxed);
            return Ok(());
        }
        match self.poll.poll(&mut self.events, at_most) {
            Ok(()) => {}
            // A signal: whoever handles it will ring; nothing is lost by looking again.
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(e) => return Err(e),
        }
        for event in &self.events {
            if event.token() == WAKE {
                continue;
            }
            // Errors and hang-ups count as both: the owner learns the details from the next read or write.
            let broken = event.is_error() || event.is_read_closed() || event.is_write_closed();
            ready(
                event.token().0,
                Readiness {
                    readable: event.is_readable() || broken,
                    writable: event.is_writable() || broken,
                    closed: broken,
                },
            );
        }
        Ok(())
    }
}
