//! What carries a connection's bytes: a stream as it is, or TLS over one.

#[cfg(all(feature = "tls", not(potoroo_loom)))]
use super::tls::TlsStream;
#[cfg(unix)]
use crate::sys::net::UnixStream;
use crate::sys::net::{Stream, TcpStream};
use std::io::{self, IoSlice, Read, Write};

/// What carries a connection's bytes. Made from a [`TcpStream`], a `UnixStream`, or by a `TlsServer` or `TlsClient`.
#[derive(Debug)]
pub struct Transport(Kind);

#[derive(Debug)]
enum Kind {
    Plain(Stream),
    #[cfg(all(feature = "tls", not(potoroo_loom)))]
    Tls(Box<TlsStream>),
}

/// Does one thing with a plain stream and another with TLS.
macro_rules! either {
    ($transport:expr, $plain:ident => $with_plain:expr, $tls:ident => $with_tls:expr) => {
        match $transport {
            Kind::Plain($plain) => $with_plain,
            #[cfg(all(feature = "tls", not(potoroo_loom)))]
            Kind::Tls($tls) => $with_tls,
        }
    };
}

impl Transport {
    #[cfg(all(feature = "tls", not(potoroo_loom)))]
    pub(super) fn tls(stream: TlsStream) -> Self {
        Self(Kind::Tls(Box::new(stream)))
    }

    /// The TLS around the stream, if there is one.
    #[cfg(all(feature = "tls", not(potoroo_loom)))]
    pub(super) fn as_tls(&self) -> Option<&TlsStream> {
        either!(&self.0, _plain => None, tls => Some(tls))
    }

    /// The socket.
    pub(super) fn stream(&mut self) -> &mut Stream {
        either!(&mut self.0, plain => plain, tls => tls.stream())
    }

    pub(super) fn recv(&mut self, into: &mut [u8]) -> io::Result<usize> {
        either!(&mut self.0, plain => plain.read(into), tls => tls.recv(into))
    }

    /// Whether a read or a write that does less than was offered means that the kernel can do no more.
    pub(super) fn tells_the_kernels_mind(&self) -> bool {
        either!(&self.0, _plain => true, _tls => false)
    }

    /// Goes on with the handshake; whether it is over.
    pub(super) fn handshake(&mut self) -> io::Result<bool> {
        either!(&mut self.0, _plain => Ok(true), tls => tls.handshake())
    }

    /// Whether bytes of the user can go neither way yet.
    pub(super) fn is_shaking_hands(&self) -> bool {
        either!(&self.0, _plain => false, tls => tls.is_shaking_hands())
    }

    /// Whether there are bytes to be written that are not the user's any more.
    pub(super) fn wants_push(&self) -> bool {
        either!(&self.0, _plain => false, tls => tls.wants_push())
    }

    /// Writes those.
    pub(super) fn push(&mut self) -> io::Result<()> {
        either!(&mut self.0, _plain => Ok(()), tls => tls.push())
    }

    /// The user has nothing more to send; what says so to the peer may have to be pushed.
    pub(super) fn end_of_output(&mut self) {
        either!(&mut self.0, _plain => (), tls => tls.end_of_output());
    }
}

impl Write for Transport {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        either!(&mut self.0, plain => plain.write(bytes), tls => tls.write(&[IoSlice::new(bytes)]))
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        either!(&mut self.0, plain => plain.write_vectored(pieces), tls => tls.write(pieces))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}

impl From<Stream> for Transport {
    fn from(stream: Stream) -> Self {
        Self(Kind::Plain(stream))
    }
}

impl From<TcpStream> for Transport {
    fn from(stream: TcpStream) -> Self {
        Stream::from(stream).into()
    }
}

#[cfg(unix)]
impl From<UnixStream> for Transport {
    fn from(stream: UnixStream) -> Self {
        Stream::from(stream).into()
    }
}
