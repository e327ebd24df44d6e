//! A listener: accepts connections and hands each to an [`Acceptor`], which spawns what it likes.
//!
//! When the system is short of file descriptors, accepting pauses for a moment instead of spinning or dying: the
//! connections wait in the kernel's queue meanwhile.

use crate::actor::{Actor, ActorId, Context, ExitReason, Fault, Signal, Turn};
use crate::sys::net::{TcpListener, TcpStream};
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
    socket: Option<(TcpListener, usize)>,
}

impl<P: Acceptor> Listener<P> {
    /// A factory body: call it on the worker where the listener is to live.
    pub fn new(mut socket: TcpListener, acceptor: P, ctx: &mut Context<'_, Self>) -> Result<Self, Fault> {
        let token = ctx.watch(&mut socket)?;
        Ok(Self {
            acceptor,
            socket: Some((socket, token)),
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
            match socket.accept() {
                Ok((stream, peer)) => self.acceptor.accepted(stream, peer, ctx)?,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // The peer went away between its connect and our accept.
                Err(e) if matches!(e.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {}
                Err(_) => {
                    ctx.after(RETRY_AFTER, ListenerMsg::Retry);
                    return Ok(());
                }
            }
        }
        ctx.run_again();
        Ok(())
    }
}

impl<P: Acceptor> Actor for Listener<P> {
    type Msg = ListenerMsg<P::Msg>;

    fn handle(&mut self, msg: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            ListenerMsg::Retry => self.accept(ctx),
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
