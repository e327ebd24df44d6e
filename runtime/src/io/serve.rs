//! The usual acceptor: a connection of the same kind for everybody, where there are fewest.

use super::connection::Connection;
use super::listener::{Acceptor, Listener};
use super::protocol::Protocol;
use super::spread::Spread;
#[cfg(all(feature = "tls", not(potoroo_loom)))]
use super::tls::TlsServer;
use super::transport::Transport;
use crate::actor::{Context, Turn};
#[cfg(unix)]
use crate::sys::net::UnixStream;
use crate::sys::net::{Countable, Stream, TcpStream};
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;

/// Accepts everybody and gives each a [`Connection`] with a protocol of its own, on the worker that has the fewest. The
/// folder's first page has an example. Who wants to know of messages or of ends writes an [`Acceptor`].
pub struct Serve<P, C, F> {
    codec: C,
    protocol: F,
    /// Made with the first connection, when the number of workers is known.
    spread: Option<Spread>,
    #[cfg(all(feature = "tls", not(potoroo_loom)))]
    tls: Option<TlsServer>,
    serves: PhantomData<fn() -> P>,
}

impl<P, C, F> fmt::Debug for Serve<P, C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("spread", &self.spread)
            .finish_non_exhaustive()
    }
}

impl<P, C, F> Serve<P, C, F>
where
    P: Protocol,
    C: Clone + Into<P::Codec> + Send + 'static,
    F: FnMut(Option<SocketAddr>) -> P + Send + 'static,
{
    /// Makes each connection of a clone of `codec` and of what `protocol` makes for the peer, which has no address if it
    /// comes by a Unix socket.
    pub fn new(codec: C, protocol: F) -> Self {
        Self {
            codec,
            protocol,
            spread: None,
            #[cfg(all(feature = "tls", not(potoroo_loom)))]
            tls: None,
            serves: PhantomData,
        }
    }

    /// Shares the counts of open connections with others.
    #[must_use]
    pub fn spread(mut self, spread: Spread) -> Self {
        self.spread = Some(spread);
        self
    }

    /// Speaks TLS with everybody.
    #[cfg(all(feature = "tls", not(potoroo_loom)))]
    #[must_use]
    pub fn tls(mut self, tls: TlsServer) -> Self {
        self.tls = Some(tls);
        self
    }

    fn serve<S>(&mut self, mut stream: S, peer: Option<SocketAddr>, ctx: &mut Context<'_, Listener<Self>>) -> Turn
    where
        S: Countable + Into<Stream>,
    {
        let spread = self.spread.get_or_insert_with(|| Spread::new(ctx.workers()));
        let worker = spread.place(&mut stream, ctx);
        let transport = self.transport(stream.into())?;
        let (codec, protocol) = (self.codec.clone(), (self.protocol)(peer));
        ctx.spawn_on(worker, move |ctx| Connection::open(transport, codec, protocol, ctx));
        Ok(())
    }

    #[cfg(all(feature = "tls", not(potoroo_loom)))]
    fn transport(&self, stream: Stream) -> Result<Transport, crate::actor::Fault> {
        match &self.tls {
            Some(tls) => Ok(tls.accept(stream)?),
            None => Ok(stream.into()),
        }
    }

    #[cfg(not(all(feature = "tls", not(potoroo_loom))))]
    #[expect(clippy::unnecessary_wraps, reason = "with TLS it can fail")]
    fn transport(&self, stream: Stream) -> Result<Transport, crate::actor::Fault> {
        Ok(stream.into())
    }
}

impl<P, C, F> Acceptor for Serve<P, C, F>
where
    P: Protocol,
    C: Clone + Into<P::Codec> + Send + 'static,
    F: FnMut(Option<SocketAddr>) -> P + Send + 'static,
{
    type Msg = ();

    fn accepted(&mut self, stream: TcpStream, peer: SocketAddr, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        self.serve(stream, Some(peer), ctx)
    }

    #[cfg(unix)]
    fn accepted_unix(&mut self, stream: UnixStream, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        self.serve(stream, None, ctx)
    }
}
