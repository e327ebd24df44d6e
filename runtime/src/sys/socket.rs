//! A socket of the kernel, or one of a simulated world, under one name.
//!
//! Which it is was decided by the thread that made it. The question which one it is stands beside a system call, and is one
//! comparison. It lacks the operations: each kind of socket has its own.

use super::poller::EventSource;
use super::simulated::{self, Network};
use std::io;

/// A socket of a simulated world: closed when it is dropped there. Elsewhere nobody misses it.
#[derive(Debug)]
pub(super) struct Simulated(u64);

impl Simulated {
    /// Does something with it in the thread's world.
    pub(super) fn with<R>(&self, f: impl FnOnce(&dyn Network, u64) -> io::Result<R>) -> io::Result<R> {
        simulated::network(|network| f(network, self.0))
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        simulated::with(|world| world.network().close(self.0));
    }
}

/// A socket.
#[derive(Debug)]
pub(super) enum Socket<S> {
    Real(S),
    Simulated(Simulated),
}

impl<S> Socket<S> {
    /// The socket of this number in the thread's world.
    pub(super) fn simulated(id: u64) -> Self {
        Self::Simulated(Simulated(id))
    }

    /// Does one thing with a socket of the kernel and another with a simulated one.
    #[inline]
    pub(super) fn with<R>(
        &self,
        real: impl FnOnce(&S) -> io::Result<R>,
        simulated: impl FnOnce(&dyn Network, u64) -> io::Result<R>,
    ) -> io::Result<R> {
        match self {
            Self::Real(socket) => real(socket),
            Self::Simulated(socket) => socket.with(simulated),
        }
    }
}

impl<S: mio::event::Source> Socket<S> {
    /// What a poller watches.
    pub(super) fn source(&mut self) -> EventSource<'_> {
        match self {
            Self::Real(socket) => EventSource::Real(socket),
            Self::Simulated(Simulated(id)) => EventSource::Simulated(*id),
        }
    }
}
