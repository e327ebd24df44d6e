//! Sockets: the few TCP operations that connections and listeners need, never blocking.
//!
//! Bytes go through `recv` and `send` of this module so that a simulated network can take their place. It lacks
//! buffering and framing (see `io`).

use super::poller::EventSource;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};

/// How many connections may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const ACCEPT_BACKLOG: i32 = 1024;

/// A listening socket.
#[derive(Debug)]
pub struct TcpListener(mio::net::TcpListener);

impl TcpListener {
    /// Binds and listens. The address may be taken again right after a previous owner has gone (`SO_REUSEADDR`).
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM,
            Some(socket2::Protocol::TCP),
        )?;
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
pub struct TcpStream(mio::net::TcpStream);

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
        Ok(Self(stream))
    }

    /// Reads what is there: the number of bytes, 0 at the end of the stream, or `WouldBlock`.
    pub fn recv(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }

    /// Writes what the kernel takes: the number of bytes, or `WouldBlock`.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    /// Writes what the kernel takes of several pieces, in order, in one call: the number of bytes, or `WouldBlock`.
    pub fn send_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(pieces)
    }

    /// The error that ended a connection attempt, if it failed.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.take_error()
    }

    /// The other side's address; an error while the connection is not established.
    pub fn peer_address(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    /// Says that nothing more will be written; reading goes on.
    pub fn shut_down_write(&self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }

    pub(crate) fn source(&mut self) -> &mut EventSource {
        &mut self.0
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
