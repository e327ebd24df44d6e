//! A listener: accepts connections and hands each to an [`Acceptor`], which spawns what it likes.
//!
//! When the system is short of file descriptors, accepting pauses for a moment instead of spinning or dying: the
//! connections wait in the kernel's queue meanwhile. An [`Admission`] limits how many are open.

use crate::actor::{Actor, ActorId, Context, ExitReason, Fault, Signal, Turn};
#[cfg(unix)]
use crate::sys::net::UnixStream;
use crate::sys::net::{Admission, ListeningSocket, Stream, TcpStream};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// How long accepting pauses after the system refused a descriptor.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// How many connections one turn accepts at most.
const ACCEPTS_PER_TURN: usize = 64;

/// What a listener does with connections.
pub trait Acceptor: Sized + Send + 'static {
    /// What can be told to the listener.
    type Msg: Send + 'static;

    /// Somebody has connected. Spawn a [`Connection`](super::Connection), or drop the stream to refuse.
    fn accepted(&mut self, stream: TcpStream, peer: SocketAddr, ctx: &mut Context<'_, Listener<Self>>) -> Turn;

    /// Somebody has connected to a Unix socket. By default the stream is dropped, which refuses.
    #[cfg(unix)]
    fn accepted_unix(&mut self, stream: UnixStream, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        let _ = (stream, ctx);
        Ok(())
    }

    /// Somebody has connected while as many as are allowed are open, and is about to be closed. `stream` takes a last
    /// word, if it is short.
    fn refused(&mut self, stream: &mut Stream, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        let _ = (stream, ctx);
        Ok(())
    }

    /// Something was told to the listener.
    fn message(&mut self, msg: Self::Msg, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        let _ = (msg, ctx);
        Ok(())
    }

    /// A connection that this acceptor spawned has ended.
    fn connection_ended(&mut self, id: ActorId, why: ExitReason, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        let _ = (id, why, ctx);
        Ok(())
    }
}

/// What wakes a listener.
pub enum ListenerMsg<M> {
    /// Try again after descriptors ran out.
    Retry,
    /// Accept nobody any more and close the socket; connections that exist live on.
    StopAccepting,
    /// For the acceptor.
    Acceptor(M),
}

impl<M> From<M> for ListenerMsg<M> {
    fn from(msg: M) -> Self {
        Self::Acceptor(msg)
    }
}

impl<M> fmt::Debug for ListenerMsg<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retry => "Retry",
            Self::StopAccepting => "StopAccepting",
            Self::Acceptor(_) => "Acceptor",
        })
    }
}

/// An actor that owns one listening socket.
#[derive(Debug)]
pub struct Listener<P: Acceptor> {
    acceptor: P,
    /// Gone once accepting has stopped.
    socket: Option<(ListeningSocket, usize)>,
    admission: Admission,
    /// A `Retry` is under way.
    retrying: bool,
}

impl<P: Acceptor> Listener<P> {
    /// A factory body: call it on the worker where the listener is to live.
    pub fn new(socket: impl Into<ListeningSocket>, acceptor: P, ctx: &mut Context<'_, Self>) -> Result<Self, Fault> {
        Self::limited(socket, acceptor, Admission::unlimited(), ctx)
    }

    /// As [`new`](Self::new), with a limit on the connections that are open at a time.
    pub fn limited(
        socket: impl Into<ListeningSocket>,
        acceptor: P,
        admission: Admission,
        ctx: &mut Context<'_, Self>,
    ) -> Result<Self, Fault> {
        let mut socket = socket.into();
        let token = ctx.watch(&mut socket)?;
        Ok(Self {
            acceptor,
            socket: Some((socket, token)),
            admission,
            retrying: false,
        })
    }

    /// Accepts nobody any more; connections that exist live on.
    fn stop_accepting(&mut self, ctx: &mut Context<'_, Self>) {
        if let Some((mut socket, token)) = self.socket.take() {
            // Dropping the socket closes it in any case.
            let _ = ctx.forget(&mut socket, token);
        }
    }

    fn accept(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some((socket, _)) = &self.socket else {
                return Ok(());
            };
            if self.admission.holds_back() {
                self.retry(ctx);
                return Ok(());
            }
            let accepted = match socket {
                ListeningSocket::Tcp(socket) => socket.accept().map(|(stream, peer)| (stream.into(), Some(peer))),
                #[cfg(unix)]
                ListeningSocket::Unix(socket) => socket.accept().map(|stream| (stream.into(), None)),
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer, ctx)?,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // The peer went away between its connect and our accept.
                Err(e) if matches!(e.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {}
                Err(_) => {
                    self.retry(ctx);
                    return Ok(());
                }
            }
        }
        ctx.run_again();
        Ok(())
    }

    fn admit(&mut self, mut stream: Stream, peer: Option<SocketAddr>, ctx: &mut Context<'_, Self>) -> Turn {
        let Some(place) = self.admission.admit() else {
            return self.acceptor.refused(&mut stream, ctx);
        };
        stream.hold(place);
        match (stream, peer) {
            (Stream::Tcp(stream), Some(peer)) => self.acceptor.accepted(stream, peer, ctx),
            #[cfg(unix)]
            (Stream::Unix(stream), _) => self.acceptor.accepted_unix(stream, ctx),
            (Stream::Tcp(_), None) => unreachable!("TCP has addresses"),
        }
    }

    fn retry(&mut self, ctx: &mut Context<'_, Self>) {
        if !std::mem::replace(&mut self.retrying, true) {
            ctx.after(RETRY_AFTER, ListenerMsg::Retry);
        }
    }
}

impl<P: Acceptor> Actor for Listener<P> {
    type Msg = ListenerMsg<P::Msg>;

    fn handle(&mut self, msg: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            ListenerMsg::Retry => {
                self.retrying = false;
                self.accept(ctx)
            }
            ListenerMsg::StopAccepting => {
                self.stop_accepting(ctx);
                Ok(())
            }
            ListenerMsg::Acceptor(msg) => self.acceptor.message(msg, ctx),
        }
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        match signal {
            Signal::Ready { .. } | Signal::RunAgain => self.accept(ctx),
            Signal::ChildExited { id, reason } => self.acceptor.connection_ended(id, reason, ctx),
            _ => Ok(()),
        }
    }

    fn stopping(&mut self, _: &ExitReason, ctx: &mut Context<'_, Self>) {
        self.stop_accepting(ctx);
    }
}
