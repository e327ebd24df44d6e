//! The network of a simulated world: sockets, ports, and what is under way between them.
//!
//! Inside one connection it is TCP as programs see it: bytes arrive in order, in arbitrary pieces; buffers are bounded, so
//! that a writer hears `WouldBlock`; ends and resets travel like bytes; whoever closes without having read what has arrived
//! resets. Between connections anything may happen that [`Faults`](super::Faults) names. What is under way has a file of
//! its own (`flow.rs`), and so have datagrams. It lacks bandwidth: a piece takes as long whatever its size.

mod datagrams;
mod flow;
mod sockets;

use super::places::{Places, Whose, choose};
use crate::sync::global::Arc;
use crate::sys::clock::Time;
use crate::sys::poller::{Bell, Readiness};
use datagrams::Datagrams;
use flow::Item;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// The first port of those that are given out.
const FIRST_FREE_PORT: u16 = 49_152;

/// How many connections may wait to be accepted.
const BACKLOG: usize = 1024;

/// How many bytes a connection may have under way in one direction: one of these.
const CAPACITIES: [usize; 4] = [64 << 10, 64 << 10, 4 << 10, 1 << 10];

/// Where the edges of a socket go.
type Watcher = Option<(Arc<Bell>, usize)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Open,
    Broken,
}

/// One end of a connection.
struct Stream {
    whose: Whose,
    local: SocketAddr,
    peer: SocketAddr,
    /// The other end, once there is one.
    other: Option<u64>,
    phase: Phase,
    error: Option<ErrorKind>,
    /// What can be read.
    arrived: VecDeque<u8>,
    /// Nothing more will arrive.
    finished: bool,
    /// Bytes sent and not read by the other side yet.
    unread: usize,
    capacity: usize,
    /// A writer waits for room.
    wants_room: bool,
    /// Nothing more will be sent.
    shut: bool,
    /// Nobody holds this end any more.
    closed: bool,
    /// Nothing that is sent here arrives.
    silent: bool,
    latency: Duration,
    /// What is under way to the other end, in order, and when it arrives.
    lane: VecDeque<(Time, Item)>,
    /// The world will see to the front of the lane.
    under_way: bool,
    /// How often the lane has moved on.
    moves: u64,
    watcher: Watcher,
}

impl Stream {
    fn readiness(&self) -> Readiness {
        let broken = self.phase == Phase::Broken;
        Readiness {
            readable: broken || !self.arrived.is_empty() || self.finished,
            writable: broken || self.phase == Phase::Open && self.unread < self.capacity,
            closed: broken || self.finished,
        }
    }
}

struct Listener {
    whose: Whose,
    address: SocketAddr,
    shared: bool,
    waiting: VecDeque<u64>,
    watcher: Watcher,
}

#[derive(Default)]
struct State {
    next_id: u64,
    /// By node.
    next_port: BTreeMap<usize, u16>,
    streams: BTreeMap<u64, Stream>,
    listeners: BTreeMap<u64, Listener>,
    datagrams: BTreeMap<u64, Datagrams>,
}

impl State {
    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn port(&mut self, node: usize) -> u16 {
        let next = self.next_port.entry(node).or_insert(FIRST_FREE_PORT);
        let port = *next;
        *next = port.checked_add(1).unwrap_or(FIRST_FREE_PORT);
        port
    }

    /// Reports what a stream is ready for now.
    fn edge(&self, id: u64) {
        if let Some(stream) = self.streams.get(&id) {
            ring(&stream.watcher, stream.readiness());
        }
    }
}

fn ring(watcher: &Watcher, readiness: Readiness) {
    if let Some((bell, token)) = watcher
        && (readiness.readable || readiness.writable || readiness.closed)
    {
        bell.edge(*token, readiness);
    }
}

const READABLE: Readiness = Readiness {
    readable: true,
    writable: false,
    closed: false,
};

/// The network of a world.
pub(super) struct Net {
    places: Rc<Places>,
    state: RefCell<State>,
    /// Sockets of different worlds have different numbers.
    first_id: u64,
}

impl Net {
    pub(super) fn new(places: Rc<Places>, first_id: u64) -> Rc<Self> {
        let state = State {
            next_id: first_id,
            ..State::default()
        };
        Rc::new(Self {
            places,
            state: RefCell::new(state),
            first_id,
        })
    }

    /// The number of a socket as it is in every run.
    fn comparable(&self, id: u64) -> u64 {
        id - self.first_id
    }

    /// The address that a socket of the running node gets for the one it asks for.
    fn local(&self, wanted: SocketAddr) -> io::Result<(Whose, SocketAddr)> {
        let whose = self.places.present();
        if !self.places.is_alive(whose) {
            return Err(no_power());
        }
        if self.places.node_at(whose.node, wanted.ip()) != Some(whose.node) {
            return Err(ErrorKind::AddrNotAvailable.into());
        }
        let mut local = wanted;
        if local.port() == 0 {
            local.set_port(self.state.borrow_mut().port(whose.node));
        }
        Ok((whose, local))
    }

    /// An end of a connection.
    fn end(&self, whose: Whose, local: SocketAddr, peer: SocketAddr) -> Stream {
        let capacity = match self.places.is_random {
            true => CAPACITIES[choose(CAPACITIES.len())],
            false => CAPACITIES[0],
        };
        let latency = self.places.some(self.places.faults.borrow().latency_max);
        Stream {
            whose,
            local,
            peer,
            other: None,
            phase: Phase::Connecting,
            error: None,
            arrived: VecDeque::new(),
            finished: false,
            unread: 0,
            capacity,
            wants_room: false,
            shut: false,
            closed: false,
            silent: false,
            latency,
            lane: VecDeque::new(),
            under_way: false,
            moves: 0,
            watcher: None,
        }
    }

    /// A node has crashed: it listens no more, and each of its connections is ended, reset, or just silent.
    pub(super) fn crash(self: &Rc<Self>, node: usize) {
        let mut farewells = Vec::new();
        {
            let mut state = self.state.borrow_mut();
            state.listeners.retain(|_, listener| listener.whose.node != node);
            state.datagrams.retain(|_, socket| socket.whose.node != node);
            let ours = |stream: &Stream| stream.whose.node == node;
            let ids = state.streams.iter().filter(|(_, stream)| ours(stream));
            let ids: Vec<u64> = ids.map(|(id, _)| *id).collect();
            for id in ids {
                let goodbye = match choose(3) {
                    1 => Some(Item::Reset),
                    2 => Some(Item::Fin),
                    _ => None,
                };
                match (goodbye, state.streams.get_mut(&id)) {
                    (Some(goodbye), Some(stream)) if stream.phase == Phase::Open => {
                        stream.closed = true;
                        stream.watcher = None;
                        if goodbye == Item::Reset {
                            stream.lane.clear();
                        }
                        farewells.push((id, goodbye));
                    }
                    _ => drop(state.streams.remove(&id)),
                }
            }
        }
        for (id, goodbye) in farewells {
            self.push(id, goodbye);
        }
    }

    fn close_stream(self: &Rc<Self>, id: u64) {
        let farewell = {
            let mut state = self.state.borrow_mut();
            let Some(stream) = state.streams.get_mut(&id) else {
                return;
            };
            stream.closed = true;
            stream.watcher = None;
            match stream.phase {
                Phase::Open if !stream.arrived.is_empty() => {
                    stream.lane.clear();
                    Some(Item::Reset)
                }
                Phase::Open if !stream.shut => Some(Item::Fin),
                Phase::Open if !stream.lane.is_empty() => return,
                _ => {
                    state.streams.remove(&id);
                    None
                }
            }
        };
        if let Some(farewell) = farewell {
            self.push(id, farewell);
        }
    }
}

fn gone() -> io::Error {
    ErrorKind::NotConnected.into()
}

fn no_power() -> io::Error {
    io::Error::other("the node has crashed")
}
