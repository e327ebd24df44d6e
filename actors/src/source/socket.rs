//! A source that listens, on TCP or a Unix socket: every connection is an actor of its own, spread over the workers.
//!
//! The listener announces the edge of a connection before it starts it, and ends its own edge when it accepts nobody any
//! more. A connection ends its edge when its peer has finished, when its stream is broken, or when the job drains; what
//! it has decoded by then is passed on first.

use super::format::{Format, Framed};
use super::intake::{Intake, IntakePlan};
use super::{BadRecords, Decode, Source, SourceMsg};
use crate::element::EdgeId;
use crate::exchange::{Collector, Downstream};
use crate::job::{Deploy, Drain, JobShared};
use potoroo_runtime::io::{
    Acceptor, CloseReason, Codec, Connection, Framing, Limits, Link, Listener, ListenerMsg, Protocol,
};
use potoroo_runtime::sys::clock::wall_ns;
#[cfg(unix)]
use potoroo_runtime::sys::net::UnixStream;
use potoroo_runtime::sys::net::{ListeningSocket, Stream, TcpStream};
use potoroo_runtime::{ActorId, Context, ExitReason, Recipient, Turn};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Records from connections.
#[derive(Debug)]
pub struct SocketSource<M> {
    socket: ListeningSocket,
    format: M,
    bad_records: BadRecords,
    once: bool,
}

/// Records from connections, with a framing of the runtime and a decoder.
pub type TcpSource<F> = SocketSource<Framed<F>>;

impl<F: Decode> SocketSource<Framed<F>> {
    /// A source that serves `socket` until the job drains.
    pub fn new(socket: impl Into<ListeningSocket>, framing: Framing, decode: F) -> Self {
        Self::of(socket, Framed::new(framing, decode))
    }
}

impl<M: Format> SocketSource<M> {
    /// A source that serves `socket`, of TCP or a Unix socket, until the job drains.
    ///
    /// ```
    /// use potoroo_actors::runtime::sys::net::UnixListener;
    /// use potoroo_actors::source::{self, SocketSource};
    ///
    /// # let path = std::env::temp_dir().join(format!("potoroo-socket-{}", std::process::id()));
    /// let source = SocketSource::of(UnixListener::bind(path)?, source::lines()).once(true);
    /// # let _ = source;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn of(socket: impl Into<ListeningSocket>, format: M) -> Self {
        Self {
            socket: socket.into(),
            format,
            bad_records: BadRecords::default(),
            once: false,
        }
    }

    /// Accepts one connection and ends with it.
    #[must_use]
    pub fn once(mut self, once: bool) -> Self {
        self.once = once;
        self
    }

    /// What becomes of the job when a record cannot be decoded.
    #[must_use]
    pub fn bad_records(mut self, bad_records: BadRecords) -> Self {
        self.bad_records = bad_records;
        self
    }
}

impl<M: Format> Source for SocketSource<M> {
    type Record = M::Record;

    fn deploy<D: Downstream<M::Record>>(self, name: &str, down: &D, deploy: &mut Deploy<'_, '_>) {
        let edge = deploy.announce(down);
        // The listener itself gives nothing, and must not hold up event time.
        down.idle(edge);
        let shared = deploy.shared().clone();
        let first_worker = deploy.next_worker();
        let plan = IntakePlan::new(name, self.format, self.bad_records, down, deploy);
        let Self { socket, once, .. } = self;
        let listener = deploy.spawn(name, first_worker, move |ctx| {
            let acceptor = Accepting {
                plan,
                once,
                edge: Some(edge),
                shared,
                next_worker: first_worker,
                connections: BTreeMap::new(),
                accepted: 0,
            };
            Listener::new(socket, acceptor, ctx)
        });
        deploy.add_source(listener.recipient());
    }
}

/// The listener's part.
struct Accepting<M, D> {
    plan: IntakePlan<M, D>,
    once: bool,
    /// The listener's own edge, while it accepts.
    edge: Option<EdgeId>,
    shared: JobShared,
    next_worker: usize,
    connections: BTreeMap<ActorId, Recipient<Drain>>,
    accepted: u64,
}

impl<M: Format, D: Downstream<M::Record>> Accepting<M, D> {
    fn stop_accepting(&mut self, ctx: &mut Context<'_, Listener<Self>>) {
        if let Some(edge) = self.edge.take() {
            ctx.me().tell(ListenerMsg::StopAccepting);
            self.plan.down.close(edge);
        }
    }

    /// A connection, from `peer`.
    fn serve(&mut self, stream: Stream, peer: String, ctx: &mut Context<'_, Listener<Self>>) {
        if self.edge.is_none() {
            // One connection was wanted, and it has come: this one is refused.
            return;
        }
        let edge = self.shared.new_edge();
        self.plan.down.open(edge);
        let counters = self.shared.registry.counters(&self.plan.source);
        let plan = self.plan.clone();
        let worker = self.next_worker % ctx.workers();
        self.next_worker += 1;
        let connection = ctx.spawn_on(
            worker,
            move |ctx: &mut Context<'_, Connection<Receiving<M, D::Collector>>>| {
                let codec = plan.format.codec();
                let receiving = Receiving {
                    intake: plan.connect(edge, counters, ctx.me().recipient()),
                    peer,
                    wall_ns: wall_ns(),
                    over: false,
                };
                Connection::open(stream, codec, receiving, ctx)
            },
        );
        self.connections.insert(connection.id(), connection.recipient());
        if self.once {
            self.stop_accepting(ctx);
        }
    }
}

impl<M: Format, D: Downstream<M::Record>> Acceptor for Accepting<M, D> {
    type Msg = Drain;

    fn accepted(&mut self, stream: TcpStream, peer: SocketAddr, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        self.serve(stream.into(), peer.to_string(), ctx);
        Ok(())
    }

    #[cfg(unix)]
    fn accepted_unix(&mut self, stream: UnixStream, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        self.accepted += 1;
        let peer = format!("connection {}", self.accepted);
        self.serve(stream.into(), peer, ctx);
        Ok(())
    }

    fn message(&mut self, Drain: Drain, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        self.stop_accepting(ctx);
        for connection in self.connections.values() {
            connection.tell(Drain);
        }
        Ok(())
    }

    fn connection_ended(&mut self, id: ActorId, why: ExitReason, _: &mut Context<'_, Listener<Self>>) -> Turn {
        self.connections.remove(&id);
        match why {
            // A connection that failed took records with it: that is a failure of the job, not of one peer.
            ExitReason::Faulted(fault) => Err(fault),
            ExitReason::Panicked(what) => Err(potoroo_runtime::Fault::new(format!("a connection panicked: {what}"))),
            _ => Ok(()),
        }
    }
}

/// A connection's part.
struct Receiving<M, C> {
    intake: Intake<M, C>,
    /// Its address, or its number.
    peer: String,
    /// When the bytes of this turn were read.
    wall_ns: u64,
    /// Nothing more is taken in.
    over: bool,
}

impl<M: Format, C: Collector<M::Record>> Protocol for Receiving<M, C> {
    type Msg = SourceMsg;
    type Codec = M::Codec;

    fn limits(&self) -> Limits {
        // A sender that was stopped within a frame and goes on has lost nothing.
        Limits::patient()
    }

    fn bytes_read(&mut self, count: usize) {
        self.wall_ns = wall_ns();
        self.intake.counters.bytes.add(count as u64);
    }

    #[inline]
    fn frame(
        &mut self,
        frame: <M::Codec as Codec>::Frame<'_>,
        link: &mut Link,
        _: &mut Context<'_, Connection<Self>>,
    ) -> Turn {
        if !self.intake.frame(&frame, self.wall_ns, &self.peer) {
            link.pause();
        }
        Ok(())
    }

    fn message(&mut self, msg: Self::Msg, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        match msg {
            SourceMsg::Drain => {
                self.over = true;
                link.pause();
            }
            SourceMsg::Granted(grant) => {
                let _ = self.intake.out.granted(grant);
                if !self.over && self.intake.out.is_ready() {
                    link.resume();
                }
            }
        }
        Ok(())
    }

    fn turn_end(&mut self, _: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        // Without an end if the job has failed: what comes after must not take what came for all there is.
        if self.intake.failed || self.intake.turn_end(self.over) {
            ctx.stop();
        }
        Ok(())
    }

    fn closed(&mut self, why: &CloseReason, _: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        self.over = true;
        match why {
            CloseReason::PeerFinished => {}
            CloseReason::BadFrame(error) => {
                let reason = format!("{error}; nothing after it can be trusted, so the connection is closed");
                self.intake.dead_letter(&self.peer, error.offset(), &reason, &[]);
            }
            other => {
                let offset = self.intake.counters.bytes.get();
                self.intake.dead_letter(&self.peer, offset, other, &[]);
            }
        }
        Ok(())
    }
}
