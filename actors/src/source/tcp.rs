//! A source that listens: every connection is an actor of its own, spread over the workers.
//!
//! The listener announces the edge of a connection before it starts it, and ends its own edge when it accepts nobody any
//! more. A connection ends its edge when its peer has finished, when its stream is broken, or when the job drains; what
//! it has decoded by then is passed on first.

use super::intake::{Intake, IntakePlan};
use super::{Decode, Source, SourceMsg};
use crate::element::EdgeId;
use crate::exchange::{Collector, Downstream};
use crate::job::{Deploy, Drain, JobShared};
use potoroo_runtime::io::{
    Acceptor, CloseReason, Connection, Frame, Frames, Framing, Limits, Link, Listener, ListenerMsg, Protocol,
};
use potoroo_runtime::sys::clock::wall_ns;
use potoroo_runtime::sys::net::{TcpListener, TcpStream};
use potoroo_runtime::{ActorId, Context, ExitReason, Recipient, Turn};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Records from TCP connections.
#[derive(Debug)]
pub struct TcpSource<F> {
    socket: TcpListener,
    framing: Framing,
    decode: F,
    once: bool,
}

impl<F: Decode> TcpSource<F> {
    /// A source that serves `socket` until the job drains.
    pub fn new(socket: TcpListener, framing: Framing, decode: F) -> Self {
        Self {
            socket,
            framing,
            decode,
            once: false,
        }
    }

    /// Accepts one connection and ends with it.
    #[must_use]
    pub fn once(mut self, once: bool) -> Self {
        self.once = once;
        self
    }
}

impl<F: Decode> Source for TcpSource<F> {
    type Record = F::Record;

    fn deploy<D: Downstream<F::Record>>(self, name: &str, down: &D, deploy: &mut Deploy<'_, '_>) {
        let edge = deploy.announce(down);
        // The listener itself gives nothing, and must not hold up event time.
        down.idle(edge);
        let shared = deploy.shared().clone();
        let first_worker = deploy.next_worker();
        let plan = IntakePlan::new(name, self.decode, down, deploy);
        let Self {
            socket, framing, once, ..
        } = self;
        let listener = deploy.spawn(name, first_worker, move |ctx| {
            let acceptor = Accepting {
                plan,
                framing,
                once,
                edge: Some(edge),
                shared,
                next_worker: first_worker,
                connections: BTreeMap::new(),
            };
            Listener::new(socket, acceptor, ctx)
        });
        deploy.add_source(listener.recipient());
    }
}

/// The listener's part.
struct Accepting<F, D> {
    plan: IntakePlan<F, D>,
    framing: Framing,
    once: bool,
    /// The listener's own edge, while it accepts.
    edge: Option<EdgeId>,
    shared: JobShared,
    next_worker: usize,
    connections: BTreeMap<ActorId, Recipient<Drain>>,
}

impl<F: Decode, D: Downstream<F::Record>> Accepting<F, D> {
    fn stop_accepting(&mut self, ctx: &mut Context<'_, Listener<Self>>) {
        if let Some(edge) = self.edge.take() {
            ctx.me().tell(ListenerMsg::StopAccepting);
            self.plan.down.close(edge);
        }
    }
}

impl<F: Decode, D: Downstream<F::Record>> Acceptor for Accepting<F, D> {
    type Msg = Drain;

    fn accepted(&mut self, stream: TcpStream, peer: SocketAddr, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        if self.edge.is_none() {
            // One connection was wanted, and it has come: this one is refused.
            return Ok(());
        }
        let edge = self.shared.new_edge();
        self.plan.down.open(edge);
        let counters = self.shared.registry.counters(&self.plan.source);
        let plan = self.plan.clone();
        let framing = self.framing;
        let worker = self.next_worker % ctx.workers();
        self.next_worker += 1;
        let connection = ctx.spawn_on(
            worker,
            move |ctx: &mut Context<'_, Connection<Receiving<F, D::Collector>>>| {
                let receiving = Receiving {
                    intake: plan.connect(edge, counters, ctx.me().recipient()),
                    peer,
                    wall_ns: wall_ns(),
                    over: false,
                };
                Connection::open(stream, framing, receiving, ctx)
            },
        );
        self.connections.insert(connection.id(), connection.recipient());
        if self.once {
            self.stop_accepting(ctx);
        }
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
struct Receiving<F, C> {
    intake: Intake<F, C>,
    peer: SocketAddr,
    /// When the bytes of this turn were read.
    wall_ns: u64,
    /// Nothing more is taken in.
    over: bool,
}

impl<F: Decode, C: Collector<F::Record>> Protocol for Receiving<F, C> {
    type Msg = SourceMsg;
    type Codec = Frames;

    fn limits(&self) -> Limits {
        // A sender that was stopped within a frame and goes on has lost nothing.
        Limits::patient()
    }

    fn bytes_read(&mut self, count: usize) {
        self.wall_ns = wall_ns();
        self.intake.counters.bytes.add(count as u64);
    }

    #[inline]
    fn frame(&mut self, frame: Frame<'_>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        if !self.intake.frame(frame, self.wall_ns, &self.peer) {
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
        if self.intake.turn_end(self.over) {
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
            other => self
                .intake
                .dead_letter(&self.peer, self.intake.counters.bytes.get(), other, &[]),
        }
        Ok(())
    }
}
