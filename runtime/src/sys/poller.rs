//! Readiness: one `mio` poll per worker, which is also the place where that worker sleeps.
//!
//! A worker that finds nothing to do blocks here with the next timer as its time-out; anybody wakes it through the
//! [`Waker`]. Because everyone parks in a poll of their own, no sleeping thread ever has to hand the duty of watching
//! sockets to another. It lacks knowledge of actors: it returns tokens.

use super::simulated;
use crate::sync::global::{Arc, AtomicBool, Relaxed, StaticMutex, StaticMutexGuard};
use mio::{Events, Interest, Poll, Token};
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::time::Duration;

/// The token of the waker; sockets get smaller ones.
const WAKE: Token = Token(usize::MAX);

/// Time-outs up to this are kept to the nanosecond. For longer ones a millisecond more is little.
#[cfg(target_os = "linux")]
const EXACT_MAX: Duration = Duration::from_millis(20);

/// What a poller without a kernel knows, in a simulated world.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    is_on: AtomicBool,
    rung: AtomicBool,
    /// What has become ready since the last look, by token, in the order in which it did.
    edges: StaticMutex<Vec<(usize, Readiness)>>,
}

impl Bell {
    fn edges(&self) -> StaticMutexGuard<'_, Vec<(usize, Readiness)>> {
        self.edges.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A socket has become ready. As in a kernel, edges of one socket that nobody has looked at become one.
    #[cfg_attr(potoroo_loom, allow(dead_code, reason = "models run in no simulated world"))]
    pub(crate) fn edge(&self, token: usize, readiness: Readiness) {
        let mut edges = self.edges();
        match edges.iter_mut().find(|(known, _)| *known == token) {
            Some((_, known)) => *known = known.and(readiness),
            None => edges.push((token, readiness)),
        }
        self.rung.store(true, Relaxed);
    }
}

/// Rings a sleeping poller from any thread.
pub(crate) struct Waker {
    /// None of the kernel's, if it was made in a simulated world: worlds are many, and descriptors are not.
    inner: Option<mio::Waker>,
    bell: Arc<Bell>,
}

impl Waker {
    /// Makes the current or the next [`Poller::wait`] return.
    pub(crate) fn wake(&self) {
        if self.bell.is_on.load(Relaxed) {
            self.bell.rung.store(true, Relaxed);
            return;
        }
        // Writing to an eventfd fails only when its counter is full, and then the poller is awake already.
        let _ = self.inner.as_ref().map(mio::Waker::wake);
    }

    /// Whether it can wake a poller outside of simulated worlds.
    #[cfg_attr(potoroo_loom, allow(dead_code, reason = "a model has no pool of doorbells"))]
    pub(crate) fn has_kernel(&self) -> bool {
        self.inner.is_some()
    }

    /// Whether the poller belongs to a simulated world from now on, until it is said otherwise; then nothing has rung.
    pub(crate) fn simulate(&self, is_on: bool) {
        self.forget_edges();
        self.hear();
        self.bell.is_on.store(is_on, Relaxed);
    }

    /// The poller has heard the bell of a simulated world, and is going to look at its sockets.
    pub(crate) fn hear(&self) {
        self.bell.rung.store(false, Relaxed);
    }

    /// Whether a socket has become ready in a simulated world, and nobody has looked since.
    pub(crate) fn has_edges(&self) -> bool {
        !self.bell.edges().is_empty()
    }

    /// Nobody watches the sockets whose edges are left.
    pub(crate) fn forget_edges(&self) {
        self.bell.edges().clear();
    }

    /// Whether somebody has rung in a simulated world, and the poller has not waited since.
    pub(crate) fn has_rung(&self) -> bool {
        self.bell.rung.load(Relaxed)
    }
}

/// A socket that can be watched: the kernel's, or one of a simulated world, by its number.
pub(crate) enum EventSource<'a> {
    Real(&'a mut dyn mio::event::Source),
    Simulated(u64),
}

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

impl Readiness {
    fn and(self, other: Self) -> Self {
        Self {
            readable: self.readable | other.readable,
            writable: self.writable | other.writable,
            closed: self.closed | other.closed,
        }
    }
}

/// Waits for sockets and for the waker.
pub(crate) struct Poller {
    kernel: Option<(Poll, Events)>,
    bell: Arc<Bell>,
}

impl Poller {
    /// A poller and the waker that interrupts it.
    pub(crate) fn new(events_max: usize) -> io::Result<(Self, Waker)> {
        let kernel = match simulated::is_on() {
            true => None,
            false => Some((Poll::new()?, Events::with_capacity(events_max))),
        };
        let inner = kernel.as_ref().map(|(poll, _)| mio::Waker::new(poll.registry(), WAKE));
        let bell = Arc::new(Bell::default());
        let waker = Waker {
            inner: inner.transpose()?,
            bell: bell.clone(),
        };
        let poller = Self { kernel, bell };
        Ok((poller, waker))
    }

    /// Starts watching `source`; edges are reported under `token`.
    pub(crate) fn watch(&self, source: EventSource<'_>, token: usize) -> io::Result<()> {
        debug_assert!(Token(token) != WAKE);
        match (source, &self.kernel) {
            (EventSource::Real(source), Some((poll, _))) if !self.bell.is_on.load(Relaxed) => {
                source.register(poll.registry(), Token(token), Interest::READABLE | Interest::WRITABLE)
            }
            // It would never be looked at.
            (EventSource::Real(_), _) => Err(simulated::unsupported("sockets of the kernel")),
            (EventSource::Simulated(socket), _) => {
                simulated::network(|network| network.watch(socket, self.bell.clone(), token))
            }
        }
    }

    /// Stops watching `source`.
    pub(crate) fn forget(&self, source: EventSource<'_>) -> io::Result<()> {
        match (source, &self.kernel) {
            (EventSource::Real(source), Some((poll, _))) => source.deregister(poll.registry()),
            (EventSource::Real(_), None) => Ok(()),
            (EventSource::Simulated(socket), _) => simulated::network(|network| {
                network.forget(socket);
                Ok(())
            }),
        }
    }

    /// Waits until something is ready, the waker rings or `at_most` has passed (`None`: for ever), and calls `ready`
    /// for each socket.
    pub(crate) fn wait(
        &mut self,
        at_most: Option<Duration>,
        mut ready: impl FnMut(usize, Readiness),
    ) -> io::Result<()> {
        if self.bell.is_on.load(Relaxed) {
            self.bell.rung.store(false, Relaxed);
            let edges = std::mem::take(&mut *self.bell.edges());
            for (token, readiness) in edges {
                ready(token, readiness);
            }
            return Ok(());
        }
        let Some((poll, events)) = &mut self.kernel else {
            return Ok(());
        };
        #[cfg(target_os = "linux")]
        let at_most = match at_most {
            Some(soon) if !soon.is_zero() && soon <= EXACT_MAX => {
                wait_exactly(poll, soon);
                Some(Duration::ZERO)
            }
            _ => at_most,
        };
        match poll.poll(events, at_most) {
            Ok(()) => {}
            // A signal: whoever handles it will ring; nothing is lost by looking again.
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(e) => return Err(e),
        }
        for event in &*events {
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

/// Waits until there is something to be had from `poll`, or `at_most`, which is less than a second, has passed: epoll counts in
/// milliseconds and rounds up, so a timer that is due in a tick would fire many ticks late.
#[cfg(target_os = "linux")]
fn wait_exactly(poll: &Poll, at_most: Duration) {
    let mut watched = libc::pollfd {
        fd: poll.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let time_out = libc::timespec {
        tv_sec: 0,
        tv_nsec: at_most.subsec_nanos() as libc::c_long,
    };
    // SAFETY: both are valid for the call, and one descriptor is what there is. Whatever it returns, a signal or an error
    // included, the poll that follows finds out.
    unsafe { libc::ppoll(&raw mut watched, 1, &raw const time_out, std::ptr::null()) };
}
