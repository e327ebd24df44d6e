//! Sockets: the few TCP operations that connections and listeners need, never blocking.
//!
//! On a thread that simulates, the sockets are those of its world. It lacks buffering and framing (see `io`).

use super::admission::Place;
use super::poller::EventSource;
use super::simulated;
use super::socket::Socket;
use crate::sync::Arc;
use crate::sync::atomic::AtomicUsize;
use crate::sys::clock;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

pub use super::admission::Admission;
pub use super::stream::{ListeningSocket, Stream};
pub use super::udp::{DATAGRAM_BYTES_MAX, UdpSocket};
#[cfg(unix)]
pub use super::unix::{UnixListener, UnixStream};

/// How many connections may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const ACCEPT_BACKLOG: i32 = 1024;

/// A listening socket.
#[derive(Debug)]
pub struct TcpListener(Socket<mio::net::TcpListener>);

impl TcpListener {
    /// Binds and listens. The address may be taken again right after a previous owner has gone (`SO_REUSEADDR`).
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        if simulated::is_on() {
            return Self::listen_in_the_world(address, false);
        }
        Self::listen(Self::socket(address)?, address)
    }

    fn listen_in_the_world(address: SocketAddr, shared: bool) -> io::Result<Self> {
        simulated::network(|network| network.listen(address, shared)).map(|id| Self(Socket::simulated(id)))
    }

    /// Binds `count` sockets to one address (`SO_REUSEPORT`), for a listener on each worker: the kernel deals the
    /// connections out, by a hash of their addresses. Where the kernel cannot (anywhere but on Linux) it is an error of
    /// the kind [`Unsupported`](io::ErrorKind::Unsupported): listen with one socket then.
    pub fn bind_each(mut address: SocketAddr, count: usize) -> io::Result<Vec<Self>> {
        let mut sockets = Vec::with_capacity(count);
        for _ in 0..count {
            let socket = if simulated::is_on() {
                Self::listen_in_the_world(address, true)?
            } else {
                let socket = Self::socket(address)?;
                Self::share_port(&socket)?;
                Self::listen(socket, address)?
            };
            // The first may have been given a port by the kernel; the others take the same.
            address = socket.local_address()?;
            sockets.push(socket);
        }
        Ok(sockets)
    }

    #[cfg(target_os = "linux")]
    fn share_port(socket: &socket2::Socket) -> io::Result<()> {
        socket.set_reuse_port(true)
    }

    #[cfg(not(target_os = "linux"))]
    fn share_port(_: &socket2::Socket) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn socket(address: SocketAddr) -> io::Result<socket2::Socket> {
        socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM,
            Some(socket2::Protocol::TCP),
        )
    }

    fn listen(socket: socket2::Socket, address: SocketAddr) -> io::Result<Self> {
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(ACCEPT_BACKLOG)?;
        Ok(Self(Socket::Real(mio::net::TcpListener::from_std(socket.into()))))
    }

    /// The address in use; tells the port when 0 was asked for.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.0
            .with(|socket| socket.local_addr(), |network, id| network.local_address(id))
    }

    /// The next connection that waits, or `WouldBlock`.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.0.with(
            |socket| {
                let (stream, peer) = socket.accept()?;
                Ok((TcpStream::prepared(stream)?, peer))
            },
            |network, id| {
                let (stream, peer) = network.accept(id)?;
                Ok((TcpStream::simulated(stream), peer))
            },
        )
    }

    pub(crate) fn source(&mut self) -> EventSource<'_> {
        self.0.source()
    }
}

/// A connected (or connecting) stream of bytes.
#[derive(Debug)]
pub struct TcpStream {
    inner: Socket<mio::net::TcpStream>,
    /// What counts this stream: given back when it closes.
    places: Vec<Place>,
}

impl TcpStream {
    /// Starts connecting; the outcome comes with the first readiness and [`take_error`](Self::take_error).
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        if simulated::is_on() {
            return simulated::network(|network| network.connect(address)).map(Self::simulated);
        }
        Self::prepared(mio::net::TcpStream::connect(address)?)
    }

    /// Connects, and waits for it: for code outside of actors.
    ///
    /// ```
    /// use potoroo_runtime::sys::net::{TcpListener, TcpStream};
    /// use std::time::Duration;
    ///
    /// let socket = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    /// let stream = TcpStream::connect_within(socket.local_address()?, Duration::from_secs(5))?;
    /// assert_eq!(stream.peer_address()?, socket.local_address()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn connect_within(address: SocketAddr, at_most: Duration) -> io::Result<Self> {
        if !simulated::is_on() {
            return Self::from_std(std::net::TcpStream::connect_timeout(&address, at_most)?);
        }
        let stream = Self::connect(address)?;
        let mut outcome = None;
        simulated::wait(clock::now() + at_most, &mut || {
            outcome = match stream.take_error() {
                Ok(Some(error)) | Err(error) => Some(Err(error)),
                Ok(None) => stream.peer_address().is_ok().then_some(Ok(())),
            };
            outcome.is_some()
        });
        match outcome {
            Some(outcome) => outcome.map(|()| stream),
            None => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn simulated(id: u64) -> Self {
        Self {
            inner: Socket::simulated(id),
            places: Vec::new(),
        }
    }

    /// Takes over a stream that was connected by blocking code.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        if simulated::is_on() {
            return Err(simulated::unsupported("sockets of the kernel"));
        }
        stream.set_nonblocking(true)?;
        Self::prepared(mio::net::TcpStream::from_std(stream))
    }

    fn prepared(stream: mio::net::TcpStream) -> io::Result<Self> {
        // Batches are coalesced by the turn that writes them; Nagle's delay would only add to the latency.
        stream.set_nodelay(true)?;
        Ok(Self {
            inner: Socket::Real(stream),
            places: Vec::new(),
        })
    }

    /// Reads what is there: the number of bytes, 0 at the end of the stream, or `WouldBlock`.
    pub fn recv(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.inner {
            Socket::Real(socket) => socket.read(into),
            Socket::Simulated(socket) => socket.with(|network, id| network.recv(id, into)),
        }
    }

    /// Writes what the kernel takes: the number of bytes, or `WouldBlock`.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.inner {
            Socket::Real(socket) => socket.write(bytes),
            Socket::Simulated(socket) => socket.with(|network, id| network.send(id, &[IoSlice::new(bytes)])),
        }
    }

    /// Writes what the kernel takes of several pieces, in order, in one call: the number of bytes, or `WouldBlock`.
    pub fn send_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.inner {
            Socket::Real(socket) => socket.write_vectored(pieces),
            Socket::Simulated(socket) => socket.with(|network, id| network.send(id, pieces)),
        }
    }

    /// The error that ended a connection attempt, if it failed.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner
            .with(|socket| socket.take_error(), |network, id| network.take_error(id))
    }

    /// The other side's address; an error while the connection is not established.
    pub fn peer_address(&self) -> io::Result<SocketAddr> {
        self.inner
            .with(|socket| socket.peer_addr(), |network, id| network.peer_address(id))
    }

    /// Says that nothing more will be written; reading goes on.
    pub fn shut_down_write(&self) -> io::Result<()> {
        self.inner.with(
            |socket| socket.shutdown(Shutdown::Write),
            |network, id| network.shut_down_write(id),
        )
    }

    /// Counts this stream as long as it is open.
    pub(crate) fn hold(&mut self, place: Place) {
        self.places.push(place);
    }

    pub(crate) fn source(&mut self) -> EventSource<'_> {
        self.inner.source()
    }
}

/// A stream that can be counted while it is open.
pub trait Countable {
    /// Adds one to `counter` until the stream closes.
    #[doc(hidden)]
    fn count_in(&mut self, counter: &Arc<AtomicUsize>);
}

impl Countable for TcpStream {
    fn count_in(&mut self, counter: &Arc<AtomicUsize>) {
        self.hold(Place::take(counter));
    }
}

impl Read for TcpStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.recv(into)
    }
}

impl Write for TcpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.send_vectored(pieces)
    }

    /// There is nothing to flush: what was taken is the kernel's.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
