//! A source that takes records from the bodies of `POST` requests.
//!
//! A request is answered with 202 when all its records are in the job, and nothing of a body is in the job if it is answered
//! otherwise: so a client that sends a body again until it hears 202 has had each of its records taken in once at least. When
//! the job cannot keep up answers are late, and when too many bodies wait the next is refused with 503 at once. It lacks TLS
//! and packed bodies: a proxy in front does both.

mod client;
mod decoding;
mod requests;
mod taking;

use super::{BadRecords, Format, Source};
use crate::element::EdgeId;
use crate::exchange::{Downstream, Wiring};
use crate::job::{Deploy, Drain};
use client::{Client, Service, answer_of};
use potoroo_runtime::io::{Acceptor, Connection, Listener, ListenerMsg};
use potoroo_runtime::sys::net::{Admission, ListeningSocket, Stream, TcpStream};
use potoroo_runtime::{ActorId, Context, ExitReason, Fault, Recipient, Turn};
use requests::Requests;
use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use taking::{Room, Taking};

#[cfg(unix)]
use potoroo_runtime::sys::net::UnixStream;

/// Records from the bodies of `POST` requests.
///
/// ```
/// use potoroo_actors::runtime::System;
/// use potoroo_actors::runtime::sys::net::TcpListener;
/// use potoroo_actors::source::{self, HttpSource};
/// use potoroo_actors::{Pipeline, sink};
/// use std::io::{Read, Write};
///
/// let socket = TcpListener::bind("127.0.0.1:0".parse()?)?;
/// let address = socket.local_address()?;
/// let system = System::new()?;
/// let pipeline = Pipeline::new();
/// pipeline
///     .source("numbers", HttpSource::new(socket, source::json_lines::<u32>()).path("/numbers"))
///     .sink("out", sink::each(|number: u32| assert!(number > 0)));
/// let job = pipeline.start(&system);
///
/// let mut client = std::net::TcpStream::connect(address)?;
/// let body = "1\n2\n3\n";
/// write!(client, "POST /numbers HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert!(answer.starts_with("HTTP/1.1 202 Accepted\r\n") && answer.ends_with("3 records\n"), "{answer}");
/// job.drain();
/// job.wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct HttpSource<M> {
    socket: ListeningSocket,
    format: M,
    path: Option<String>,
    bad_records: Option<BadRecords>,
    body_bytes_max: usize,
    waiting_bytes_max: usize,
    connections_max: usize,
    idle_max: Duration,
    request_within: Duration,
    once: bool,
}

impl<M: Format> HttpSource<M> {
    /// A source that serves `socket` until the job drains. Each body is a stream of its own in this format: a header of CSV
    /// comes with each.
    pub fn new(socket: impl Into<ListeningSocket>, format: M) -> Self {
        Self {
            socket: socket.into(),
            format,
            path: None,
            bad_records: None,
            body_bytes_max: 8 << 20,
            waiting_bytes_max: 64 << 20,
            connections_max: 1024,
            idle_max: Duration::from_secs(60),
            request_within: Duration::from_secs(30),
            once: false,
        }
    }

    /// Takes what is posted to this path alone, and answers 404 to all others. Default: any path.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Takes the good records of a body that has bad ones. Default: such a body is refused as a whole with 400, and the
    /// client is told which record is bad and why.
    #[must_use]
    pub fn bad_records(mut self, bad_records: BadRecords) -> Self {
        self.bad_records = Some(bad_records);
        self
    }

    /// How long a body may be; a longer one is refused with 413. Default: 8 MiB.
    #[must_use]
    pub fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.body_bytes_max = bytes;
        self
    }

    /// How many bytes of bodies may wait, of all clients together; what comes then is refused with 503. Default: 64 MiB.
    #[must_use]
    pub fn waiting_bytes_max(mut self, bytes: usize) -> Self {
        self.waiting_bytes_max = bytes;
        self
    }

    /// How many clients may be connected; one more is told 503 and closed. Default: 1024.
    #[must_use]
    pub fn connections_max(mut self, connections: usize) -> Self {
        self.connections_max = connections;
        self
    }

    /// How long a client may be silent while nothing is done for it; then its connection is closed. Default: 60 s.
    #[must_use]
    pub fn idle_max(mut self, idle: Duration) -> Self {
        self.idle_max = idle;
        self
    }

    /// How long a head may take to come, and then the body, which gets a second more for each 1024 bytes; a request that is
    /// slower is answered with 408. Default: 30 s.
    #[must_use]
    pub fn request_within(mut self, time: Duration) -> Self {
        self.request_within = time;
        self
    }

    /// Accepts one connection and ends with it.
    #[must_use]
    pub fn once(mut self, once: bool) -> Self {
        self.once = once;
        self
    }
}

impl<M: Format> Source for HttpSource<M> {
    type Record = M::Record;

    fn actors(&self) -> Option<usize> {
        Some(1)
    }

    fn deploy<D: Downstream<M::Record>>(self, name: &str, down: &D, deploy: &mut Deploy<'_, '_>) {
        let edge: EdgeId = deploy.announce(down);
        down.idle(edge);
        let counters = deploy.counters(name);
        let worker = deploy.next_worker();
        let plan = down.clone();
        let taking = deploy.spawn(name, worker, move |ctx: &mut Context<'_, Taking<_, D::Collector>>| {
            Ok(Taking {
                out: plan.connect(edge, &mut Wiring::new(ctx.me().recipient())),
                counters,
                offers: VecDeque::new(),
                is_idle: true,
                over: false,
            })
        });
        let service = Arc::new(Service {
            format: self.format,
            path: self.path,
            bad_records: self.bad_records,
            body_bytes_max: self.body_bytes_max,
            idle_max: self.idle_max,
            request_within: self.request_within,
            room: Room::new(self.waiting_bytes_max),
            taking: taking.recipient(),
            source: name.to_owned(),
            dead_letters: deploy.shared().dead_letters.clone(),
            job: deploy.job(),
        });
        let accepting = Accepting {
            service,
            taking: taking.recipient(),
            once: self.once,
            is_accepting: true,
            next_worker: worker,
            connections: BTreeMap::new(),
            accepted: 0,
        };
        let (socket, admission) = (self.socket, Admission::new(self.connections_max));
        let listener = deploy.spawn(name, worker, move |ctx| {
            Listener::limited(socket, accepting, admission, ctx)
        });
        deploy.add_source(listener.recipient());
    }
}

/// The listener's part.
struct Accepting<M: Format> {
    service: Arc<Service<M>>,
    /// Where the end of the stream is made.
    taking: Recipient<Drain>,
    once: bool,
    is_accepting: bool,
    next_worker: usize,
    connections: BTreeMap<ActorId, Recipient<Drain>>,
    accepted: u64,
}

impl<M: Format> Accepting<M> {
    fn stop_accepting(&mut self, ctx: &mut Context<'_, Listener<Self>>) {
        if std::mem::take(&mut self.is_accepting) {
            ctx.me().tell(ListenerMsg::StopAccepting);
        }
    }

    fn serve(&mut self, stream: Stream, peer: String, ctx: &mut Context<'_, Listener<Self>>) {
        if !self.is_accepting {
            // One connection was wanted, and it has come: this one is refused.
            return;
        }
        let client = Client::new(self.service.clone(), peer);
        let requests = Requests::new(self.service.body_bytes_max);
        let worker = self.next_worker % ctx.workers();
        self.next_worker += 1;
        let connection = ctx.spawn_on(worker, move |ctx| Connection::open(stream, requests, client, ctx));
        self.connections.insert(connection.id(), connection.recipient());
        if self.once {
            self.stop_accepting(ctx);
        }
    }
}

impl<M: Format> Acceptor for Accepting<M> {
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

    fn refused(&mut self, stream: &mut Stream, _: &mut Context<'_, Listener<Self>>) -> Turn {
        // A client that is gone hears nothing.
        let _ = stream.write_all(answer_of(503, false, "too many clients are connected").as_bytes());
        Ok(())
    }

    fn message(&mut self, Drain: Drain, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        self.stop_accepting(ctx);
        for connection in self.connections.values() {
            connection.tell(Drain);
        }
        // What has been offered by then is taken in; what is offered later is refused, and its client told so.
        self.taking.tell(Drain);
        Ok(())
    }

    fn connection_ended(&mut self, id: ActorId, why: ExitReason, _: &mut Context<'_, Listener<Self>>) -> Turn {
        self.connections.remove(&id);
        if self.once && self.connections.is_empty() {
            self.taking.tell(Drain);
        }
        match why {
            ExitReason::Faulted(fault) => Err(fault),
            ExitReason::Panicked(what) => Err(Fault::new(format!("a connection panicked: {what}"))),
            _ => Ok(()),
        }
    }
}
