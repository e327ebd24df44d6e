//! A stream of bytes of whatever kind: what connections and listeners are made on.

use super::admission::Place;
use super::net::{TcpListener, TcpStream};
use super::poller::EventSource;
#[cfg(unix)]
use super::unix::{UnixListener, UnixStream};
use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;

/// A stream of bytes.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Does the same with either kind.
macro_rules! either {
    ($stream:expr, $of:ident => $what:expr) => {
        match $stream {
            Stream::Tcp($of) => $what,
            #[cfg(unix)]
            Stream::Unix($of) => $what,
        }
    };
}

impl Stream {
    /// The error that ended a connection attempt, if it failed.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        either!(self, stream => stream.take_error())
    }

    /// The other side's address, if it has one: a Unix socket has none. An error while the connection is not established.
    pub fn peer_address(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Self::Tcp(stream) => stream.peer_address().map(Some),
            #[cfg(unix)]
            Self::Unix(stream) => stream.is_connected().map(|()| None),
        }
    }

    /// Says that nothing more will be written; reading goes on.
    pub fn shut_down_write(&self) -> io::Result<()> {
        either!(self, stream => stream.shut_down_write())
    }

    /// Counts this stream as long as it is open.
    pub(crate) fn hold(&mut self, place: Place) {
        either!(self, stream => stream.hold(place));
    }

    pub(crate) fn source(&mut self) -> EventSource<'_> {
        either!(self, stream => stream.source())
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

#[cfg(unix)]
impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        either!(self, stream => stream.read(into))
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, stream => stream.write(bytes))
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        either!(self, stream => stream.write_vectored(pieces))
    }

    fn flush(&mut self) -> io::Result<()> {
        either!(self, stream => stream.flush())
    }
}

/// A socket that accepts streams.
#[derive(Debug)]
pub enum ListeningSocket {
    /// Of TCP.
    Tcp(TcpListener),
    /// A Unix socket.
    #[cfg(unix)]
    Unix(UnixListener),
}

impl ListeningSocket {
    pub(crate) fn source(&mut self) -> EventSource<'_> {
        match self {
            Self::Tcp(socket) => socket.source(),
            #[cfg(unix)]
            Self::Unix(socket) => socket.source(),
        }
    }
}

impl From<TcpListener> for ListeningSocket {
    fn from(socket: TcpListener) -> Self {
        Self::Tcp(socket)
    }
}

#[cfg(unix)]
impl From<UnixListener> for ListeningSocket {
    fn from(socket: UnixListener) -> Self {
        Self::Unix(socket)
    }
}
