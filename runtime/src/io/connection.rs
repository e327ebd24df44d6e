//! A connection: bytes to frames, frames to a [`Protocol`], output back to bytes.
//!
//! One turn reads once, hands over every whole frame, lets the protocol finish, and writes what came of it. If more is
//! there to be read it asks for another turn, after the other actors of its worker have had theirs.

use super::framing::{Frame, FrameReader, Framing};
use super::link::{CloseReason, Link};
use crate::actor::{Actor, Context, ExitReason, Fault, Signal, Turn};
use crate::sys::net::TcpStream;
use std::io;
use std::net::SocketAddr;

/// What a connection does with frames.
pub trait Protocol: Sized + Send + 'static {
    /// What can be told to the connection from other actors.
    type Msg: Send + 'static;

    /// The connection is there.
    fn opened(&mut self, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        let _ = (link, ctx);
        Ok(())
    }

    /// Bytes have been read; their frames follow. The moment to read a clock once for all of them.
    fn bytes_read(&mut self, count: usize) {
        let _ = count;
    }

    /// A whole frame, borrowed from the read buffer.
    fn frame(&mut self, frame: Frame<'_>, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn;

    /// Something was told to the connection.
    fn message(&mut self, msg: Self::Msg, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        let _ = (msg, link, ctx);
        Ok(())
    }

    /// Called once at the end of each turn. What the turn sent has been written as far as the kernel took it: if
    /// [`Link::unsent_bytes`] is not 0 now, there will be another turn when the kernel takes more.
    fn turn_end(&mut self, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        let _ = (link, ctx);
        Ok(())
    }

    /// Nothing more will be read. By default the actor ends, after a peer that finished in order has been sent what is
    /// left.
    fn closed(&mut self, why: &CloseReason, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        match why {
            CloseReason::PeerFinished => link.finish(),
            _ => ctx.stop(),
        }
        Ok(())
    }

    /// After [`Link::finish`]: all has been sent and the peer told so. The actor ends.
    fn finished(&mut self) {}

    /// The last call, whatever ended the connection.
    fn stopping(&mut self, why: &ExitReason, ctx: &mut Context<'_, Connection<Self>>) {
        let _ = (why, ctx);
    }
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Connecting,
    Open,
    /// The reading side is over and the protocol knows it.
    Closed,
}

/// An actor that owns one TCP connection.
#[derive(Debug)]
pub struct Connection<P: Protocol> {
    protocol: P,
    link: Link,
    reader: FrameReader,
    progress: Progress,
    readable: bool,
    token: usize,
}

impl<P: Protocol> Connection<P> {
    /// A factory body for an accepted stream: call it on the worker where the connection is to live.
    pub fn open(stream: TcpStream, framing: Framing, protocol: P, ctx: &mut Context<'_, Self>) -> Result<Self, Fault> {
        // A peer that is gone already is found out by the first read.
        let peer = stream.peer_address().unwrap_or_else(|_| ([0, 0, 0, 0], 0).into());
        let mut connection = Self::watched(stream, peer, framing, protocol, ctx)?;
        connection.progress = Progress::Open;
        connection.protocol.opened(&mut connection.link, ctx)?;
        Ok(connection)
    }

    /// A factory body that connects to `address`. [`Protocol::opened`] or [`Protocol::closed`] tells the outcome.
    pub fn connect(
        address: SocketAddr,
        framing: Framing,
        protocol: P,
        ctx: &mut Context<'_, Self>,
    ) -> Result<Self, Fault> {
        let stream = TcpStream::connect(address)?;
        Self::watched(stream, address, framing, protocol, ctx)
    }

    fn watched(
        stream: TcpStream,
        peer: SocketAddr,
        framing: Framing,
        protocol: P,
        ctx: &mut Context<'_, Self>,
    ) -> Result<Self, Fault> {
        let mut link = Link::new(stream, peer);
        let token = ctx.watch(&mut link.stream)?;
        Ok(Self {
            protocol,
            link,
            reader: FrameReader::new(framing),
            progress: Progress::Connecting,
            readable: false,
            token,
        })
    }

    /// The connection attempt has ended, one way or the other.
    fn connected(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        match self.link.stream.take_error() {
            Ok(Some(error)) | Err(error) => self.close(&CloseReason::ConnectFailed(error), ctx),
            Ok(None) => match self.link.stream.peer_address() {
                Ok(_) => {
                    self.progress = Progress::Open;
                    self.protocol.opened(&mut self.link, ctx)
                }
                // Readiness came before the attempt ended; there will be another.
                Err(e) if e.kind() == io::ErrorKind::NotConnected => Ok(()),
                Err(error) => self.close(&CloseReason::ConnectFailed(error), ctx),
            },
        }
    }

    fn close(&mut self, why: &CloseReason, ctx: &mut Context<'_, Self>) -> Turn {
        if self.progress == Progress::Closed {
            return Ok(());
        }
        self.progress = Progress::Closed;
        self.protocol.closed(why, &mut self.link, ctx)
    }

    /// Reads once and hands over what is whole.
    fn read(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        if self.progress != Progress::Open || self.link.paused {
            return Ok(());
        }
        // Frames that a pause left in the buffer go first.
        if !self.hand_over(ctx)? || !self.readable {
            return Ok(());
        }
        match self.reader.fill(|room| self.link.stream.recv(room)) {
            Ok(0) => {
                self.readable = false;
                match self.reader.finish() {
                    Ok(Some(frame)) => self.protocol.frame(frame, &mut self.link, ctx)?,
                    Ok(None) => {}
                    Err(error) => return self.close(&CloseReason::BadFrame(error), ctx),
                }
                return self.close(&CloseReason::PeerFinished, ctx);
            }
            Ok(count) => {
                self.protocol.bytes_read(count);
                self.hand_over(ctx)?;
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.readable = false,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return self.close(&CloseReason::Broken(e), ctx),
        }
        if self.readable && !self.link.paused {
            ctx.run_again();
        }
        Ok(())
    }

    /// Hands over the whole frames of the buffer; says whether reading may go on.
    fn hand_over(&mut self, ctx: &mut Context<'_, Self>) -> Result<bool, Fault> {
        while !self.link.paused && !ctx.is_stopping() {
            match self.reader.next_frame() {
                Ok(Some(frame)) => self.protocol.frame(frame, &mut self.link, ctx)?,
                Ok(None) => return Ok(true),
                Err(error) => {
                    self.close(&CloseReason::BadFrame(error), ctx)?;
                    return Ok(false);
                }
            }
        }
        Ok(false)
    }

    fn flush(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        if self.progress == Progress::Connecting {
            return Ok(());
        }
        if let Err(error) = self.link.flush() {
            let reason = CloseReason::Broken(error);
            self.close(&reason, ctx)?;
            ctx.stop();
            return Ok(());
        }
        if self.link.is_finished() {
            // A peer that has gone first cannot be told; all it asked for has been sent.
            let _ = self.link.stream.shut_down_write();
            self.protocol.finished();
            ctx.stop();
        }
        Ok(())
    }
}

impl<P: Protocol> Actor for Connection<P> {
    type Msg = P::Msg;

    fn handle(&mut self, msg: P::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        self.protocol.message(msg, &mut self.link, ctx)
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        match signal {
            Signal::Ready { readiness, .. } => {
                self.readable |= readiness.readable;
                self.link.writable |= readiness.writable;
                if self.progress == Progress::Connecting {
                    self.connected(ctx)?;
                }
                // What waited goes out first, so that the protocol sees how much is still unsent.
                self.flush(ctx)?;
                self.read(ctx)
            }
            Signal::RunAgain => self.read(ctx),
            _ => Ok(()),
        }
    }

    fn turn_end(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        // Flushed before, so that the protocol sees what the kernel really left: a protocol that holds something back for
        // unsent bytes hears of them again only if some stay unsent. Flushed after, for what it adds.
        self.flush(ctx)?;
        self.protocol.turn_end(&mut self.link, ctx)?;
        if std::mem::take(&mut self.link.resumed) {
            ctx.run_again();
        }
        self.flush(ctx)
    }

    fn stopping(&mut self, why: &ExitReason, ctx: &mut Context<'_, Self>) {
        self.protocol.stopping(why, ctx);
        // Closing the socket does the same; this only keeps the poller's books in order.
        let _ = ctx.forget(&mut self.link.stream, self.token);
    }
}
