//! A connection: bytes to frames, frames to a [`Protocol`], output back to bytes.
//!
//! One turn reads once, hands over every whole frame, lets the protocol finish, and writes what came of it. If more is
//! there to be read it asks for another turn, after the other actors of its worker have had theirs. The folder's README
//! has the states.

use super::close::CloseReason;
use super::link::Link;
use super::protocol::Protocol;
use super::reader::FrameReader;
use super::transport::Transport;
use super::watch::Watch;
use crate::actor::{Actor, Context, ExitReason, Fault, Signal, Turn};
use crate::sys::net::TcpStream;
use std::io;
use std::net::SocketAddr;

/// How many bytes a turn throws away at most while it lingers.
const DISCARD_BYTES: usize = 1 << 20;

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    Connecting,
    /// TLS does not let bytes through yet.
    Handshaking,
    Open,
    /// The reading side is over and the protocol knows it.
    Closed,
    /// All has been sent and the peer knows it. What still comes is thrown away.
    Lingering,
}

/// An actor that owns one connection.
#[derive(Debug)]
pub struct Connection<P: Protocol> {
    protocol: P,
    pub(super) link: Link,
    pub(super) reader: FrameReader<P::Codec>,
    pub(super) progress: Progress,
    readable: bool,
    /// The end of the stream has been announced: read on until it comes.
    ending: bool,
    /// The end of the stream has come.
    ended: bool,
    pub(super) watch: Watch,
    token: usize,
}

impl<P: Protocol> Connection<P> {
    /// A factory body for an accepted stream: call it on the worker where the connection is to live.
    pub fn open(
        stream: impl Into<Transport>,
        codec: impl Into<P::Codec>,
        protocol: P,
        ctx: &mut Context<'_, Self>,
    ) -> Result<Self, Fault> {
        let mut connection = Self::watched(stream.into(), codec.into(), protocol, ctx)?;
        // A stream that has just been accepted takes bytes; if not, the first write finds out.
        connection.link.writable = true;
        connection.established(ctx)?;
        Ok(connection)
    }

    /// A factory body that connects to `address`. [`Protocol::opened`] or [`Protocol::closed`] tells the outcome.
    pub fn connect(
        address: SocketAddr,
        codec: impl Into<P::Codec>,
        protocol: P,
        ctx: &mut Context<'_, Self>,
    ) -> Result<Self, Fault> {
        let mut connection = Self::connecting(TcpStream::connect(address)?, codec, protocol, ctx)?;
        connection.link.peer = address;
        Ok(connection)
    }

    /// As [`connect`](Self::connect), for a stream that has begun to connect.
    pub fn connecting(
        stream: impl Into<Transport>,
        codec: impl Into<P::Codec>,
        protocol: P,
        ctx: &mut Context<'_, Self>,
    ) -> Result<Self, Fault> {
        let mut connection = Self::watched(stream.into(), codec.into(), protocol, ctx)?;
        connection.link.serves = false;
        connection.look_after(connection.link.limits.connect_within, ctx);
        Ok(connection)
    }

    fn watched(
        mut transport: Transport,
        codec: P::Codec,
        protocol: P,
        ctx: &mut Context<'_, Self>,
    ) -> Result<Self, Fault> {
        // A peer that is gone already is found out by the first read.
        let peer = transport.stream().peer_address().ok().flatten();
        let peer = peer.unwrap_or_else(|| ([0, 0, 0, 0], 0).into());
        let token = ctx.watch(transport.stream())?;
        let link = Link::new(transport, peer, protocol.limits());
        Ok(Self {
            protocol,
            link,
            reader: FrameReader::new(codec),
            progress: Progress::Connecting,
            readable: false,
            ending: false,
            ended: false,
            watch: Watch::default(),
            token,
        })
    }

    /// The connection attempt has ended, one way or the other.
    fn connected(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        match self.link.transport.stream().take_error() {
            Ok(Some(error)) | Err(error) => self.close(&CloseReason::ConnectFailed(error), ctx),
            Ok(None) => match self.link.transport.stream().peer_address() {
                Ok(peer) => {
                    self.link.peer = peer.unwrap_or(self.link.peer);
                    self.established(ctx)
                }
                // Readiness came before the attempt ended; there will be another.
                Err(e) if e.kind() == io::ErrorKind::NotConnected => Ok(()),
                Err(error) => self.close(&CloseReason::ConnectFailed(error), ctx),
            },
        }
    }

    /// The stream is there.
    fn established(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        if self.link.transport.is_shaking_hands() {
            self.progress = Progress::Handshaking;
            if self.watch.timer.is_none() {
                self.look_after(self.link.limits.connect_within, ctx);
            }
            return Ok(());
        }
        self.progress = Progress::Open;
        self.forget_timer(ctx);
        self.protocol.opened(&mut self.link, ctx)
    }

    /// Goes on with the handshake.
    fn shake_hands(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        match self.link.transport.handshake() {
            Ok(true) => self.established(ctx),
            Ok(false) => Ok(()),
            Err(error) => self.close(&CloseReason::of_handshake(error), ctx),
        }
    }

    pub(super) fn close(&mut self, why: &CloseReason, ctx: &mut Context<'_, Self>) -> Turn {
        if self.progress < Progress::Closed {
            self.progress = Progress::Closed;
            self.protocol.closed(why, &mut self.link, ctx)?;
        }
        if why.ends_both_directions() {
            ctx.stop();
        }
        Ok(())
    }

    /// Reads once, hands over what is whole, and keeps no more memory than what is left needs.
    fn read(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        if self.progress == Progress::Lingering {
            self.discard(ctx);
            return Ok(());
        }
        if self.progress != Progress::Open || self.link.is_held() {
            return Ok(());
        }
        if ctx.is_muted() {
            // Whom the frames are for has more than it can do: the turn comes when it has caught up.
            ctx.run_again();
            return Ok(());
        }
        // Frames that a pause left in the buffer go first.
        if self.hand_over(ctx)? && self.readable {
            self.read_once(ctx)?;
        }
        if self.progress != Progress::Open {
            self.reader.clear();
        }
        self.reader.rest();
        if self.readable && !self.link.is_held() {
            ctx.run_again();
        }
        Ok(())
    }

    fn read_once(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        let mut offered = 0;
        let read = self.reader.fill(|room| {
            offered = room.len();
            self.link.transport.recv(room)
        });
        match read {
            Ok(0) => {
                self.readable = false;
                self.ended = true;
                let end = match self.reader.finish() {
                    Ok(Some(frame)) => {
                        self.protocol.frame(frame, &mut self.link, ctx)?;
                        CloseReason::PeerFinished
                    }
                    Ok(None) => CloseReason::PeerFinished,
                    Err(error) => CloseReason::BadFrame(error),
                };
                self.close(&end, ctx)
            }
            Ok(count) => {
                // Less than was offered: the kernel has no more, and another edge will tell when it has. This saves a read
                // that would block. Only an end that was announced together with these bytes has no edge of its own.
                let is_drained = count < offered && self.link.transport.tells_the_kernels_mind();
                self.readable = !is_drained || self.ending;
                self.link.received_bytes += count as u64;
                self.protocol.bytes_read(count);
                self.hand_over(ctx).map(drop)
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(())
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(e) => {
                self.readable = false;
                self.close(&CloseReason::Broken(e), ctx)
            }
        }
    }

    /// Hands over the whole frames of the buffer; says whether reading may go on.
    fn hand_over(&mut self, ctx: &mut Context<'_, Self>) -> Result<bool, Fault> {
        while !self.link.holds() && !ctx.is_stopping() {
            let error = match self.reader.next_frame() {
                Ok(Some(frame)) => {
                    self.protocol.frame(frame, &mut self.link, ctx)?;
                    continue;
                }
                Ok(None) => return Ok(true),
                Err(error) => error,
            };
            self.close(&CloseReason::BadFrame(error), ctx)?;
            return Ok(false);
        }
        Ok(false)
    }

    /// Throws away what comes after the last word, so that closing the socket does not reset the connection.
    fn discard(&mut self, ctx: &mut Context<'_, Self>) {
        let mut left = DISCARD_BYTES;
        while self.readable && left > 0 {
            self.reader.clear();
            match self.reader.fill(|room| self.link.transport.recv(room)) {
                Ok(count) if count > 0 => left = left.saturating_sub(count),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                // The end, or a break: nobody is waiting for anything any more.
                _ => {
                    self.readable = false;
                    ctx.stop();
                }
            }
        }
        self.reader.clear();
        self.reader.rest();
        if self.readable {
            ctx.run_again();
        }
    }

    fn flush(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        match self.progress {
            Progress::Connecting => return Ok(()),
            Progress::Lingering => {
                self.link.forget_unsent();
                return Ok(());
            }
            Progress::Handshaking | Progress::Open | Progress::Closed => {}
        }
        if let Err(error) = self.link.flush() {
            self.close(&CloseReason::Broken(error), ctx)?;
            ctx.stop();
            return Ok(());
        }
        if self.link.is_finished() {
            self.part(ctx);
        }
        Ok(())
    }

    /// All has been sent.
    fn part(&mut self, ctx: &mut Context<'_, Self>) {
        // A peer that has gone first cannot be told; all it asked for has been sent.
        let _ = self.link.transport.stream().shut_down_write();
        self.protocol.finished();
        self.progress = Progress::Lingering;
        let linger = self.link.limits.linger;
        if self.ended || linger.is_zero() {
            ctx.stop();
            return;
        }
        self.forget_timer(ctx);
        self.look_after(linger, ctx);
        if self.readable {
            ctx.run_again();
        }
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
                self.ending |= readiness.closed;
                self.link.writable |= readiness.writable;
                if self.progress == Progress::Connecting {
                    self.connected(ctx)?;
                }
                if self.progress == Progress::Handshaking {
                    self.shake_hands(ctx)?;
                }
                // What waited goes out first, so that the protocol sees how much is still unsent.
                self.flush(ctx)?;
                self.read(ctx)
            }
            Signal::RunAgain => self.read(ctx),
            Signal::Timer(_) => self.look(ctx),
            _ => Ok(()),
        }
    }

    fn turn_end(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        // Flushed before, so that the protocol sees what the kernel really left: a protocol that holds something back for
        // unsent bytes hears of them again only if some stay unsent. Flushed after, for what it adds.
        self.flush(ctx)?;
        self.protocol.turn_end(&mut self.link, ctx)?;
        self.flush(ctx)?;
        if self.link.goes_on() {
            ctx.run_again();
        }
        if let Some(pressed) = self.link.pressure_changed() {
            ctx.set_pressure_by_socket(pressed);
        }
        let unsent_bytes = self.link.unsent_bytes();
        let limit = self.link.limits.unsent_bytes_max;
        if unsent_bytes > limit {
            return self.close(&CloseReason::TooMuchUnsent { unsent_bytes, limit }, ctx);
        }
        self.keep_watch(ctx);
        Ok(())
    }

    fn stopping(&mut self, why: &ExitReason, ctx: &mut Context<'_, Self>) {
        self.protocol.stopping(why, ctx);
        // Closing the socket does the same; this only keeps the poller's books in order.
        let _ = ctx.forget(self.link.transport.stream(), self.token);
    }
}
