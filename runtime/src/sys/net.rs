//! Sockets: the few TCP operations that connections and listeners need, never blocking.
//!
//! Bytes go through `recv` and `send` of this module so that a simulated network can take their place. It lacks
//! buffering and framing (see `io`).

use super::admission::Place;
use super::poller::EventSource;
use crate::sync::Arc;
use crate::sync::atomic::AtomicUsize;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};

pub use super::admission::Admission;
pub use super::stream::{ListeningSocket, Stream};
pub use super::udp::{DATAGRAM_BYTES_MAX, UdpSocket};
#[cfg(unix)]
pub use super::unix::{UnixListener, UnixStream};

/// How many connections may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const ACCEPT_BACKLOG: i32 = 1024;

/// A listening socket.
#[derive(Debug)]
pub struct TcpListener(mio::net::TcpListener);

impl TcpListener {
    /// Binds and listens. The address may be taken again right after a previous owner has gone (`SO_REUSEADDR`).
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::listen(Self::socket(address)?, address)
    }

    /// Binds `count` sockets to one address (`SO_REUSEPORT`), for a listener on each worker: the kernel deals the
    /// connections out, by a hash of their addresses. Where the kernel cannot (anywhere but on Linux) it is an error of
    /// the kind [`Unsupported`](io::ErrorKind::Unsupported): listen with one socket then.
    pub fn bind_each(mut address: SocketAddr, count: usize) -> io::Result<Vec<Self>> {
        let mut sockets = Vec::with_capacity(count);
        for _ in 0..count {
            let socket = Self::socket(address)?;
            Self::share_port(&socket)?;
            let socket = Self::listen(socket, address)?;
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
        Ok(Self(mio::net::TcpListener::from_std(socket.into())))
    }

    /// The address in use; tells the port when 0 was asked for.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// The next connection that waits, or `WouldBlock`.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.0.accept()?;
        Ok((TcpStream::prepared(stream)?, peer))
    }

    pub(crate) fn source(&mut self) -> &mut EventSource {
        &mut self.0
    }
}

/// A connected (or connecting) stream of bytes.
#[derive(Debug)]
pub struct TcpStream {
    inner: mio::net::TcpStream,
    /// What counts this stream: given back when it closes.
    places: Vec<Place>,
}

impl TcpStream {
    /// Starts connecting; the outcome comes with the first readiness and [`take_error`](Self::take_error).
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::prepared(mio::net::TcpStream::connect(address)?)
    }

    /// Takes over a stream that was connected by blocking code.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Self::prepared(mio::net::TcpStream::from_std(stream))
    }

    fn prepared(stream: mio::net::TcpStream) -> io::Result<Self> {
        // Batches are coalesced by the turn that writes them; Nagle's delay would only add to the latency.
        stream.set_nodelay(true)?;
        Ok(Self {
            inner: stream,
            places: Vec::new(),
        })
    }

    /// Reads what is there: the number of bytes, 0 at the end of the stream, or `WouldBlock`.
    pub fn recv(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.inner.read(into)
    }

    /// Writes what the kernel takes: the number of bytes, or `WouldBlock`.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    /// Writes what the kernel takes of several pieces, in order, in one call: the number of bytes, or `WouldBlock`.
    pub fn send_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.inner.write_vectored(pieces)
    }

    /// The error that ended a connection attempt, if it failed.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }

    /// The other side's address; an error while the connection is not established.
    pub fn peer_address(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }

    /// Says that nothing more will be written; reading goes on.
    pub fn shut_down_write(&self) -> io::Result<()> {
        self.inner.shutdown(Shutdown::Write)
    }

    /// Counts this stream as long as it is open.
    pub(crate) fn hold(&mut self, place: Place) {
        self.places.push(place);
    }

    pub(crate) fn source(&mut self) -> &mut EventSource {
        &mut self.inner
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
