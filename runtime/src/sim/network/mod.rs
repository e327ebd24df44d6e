//! The network of a simulated world: sockets, ports, and what is under way between them.
//!
//! Inside one connection it is TCP as programs see it: bytes arrive in order, in arbitrary pieces; buffers are bounded, so
//! that a writer hears `WouldBlock`; ends and resets travel like bytes; whoever closes without having read what has arrived
//! resets. Between connections anything may happen that [`Faults`](super::Faults) names. What is under way has a file of
//! its own (`flow.rs`), and so have datagrams. It lacks bandwidth: a piece takes as long whatever its size.

mod datagrams;
mod flow;

use super::places::{Places, Whose, choose};
use crate::sync::global::Arc;
use crate::sys::clock::Time;
use crate::sys::poller::{Bell, Readiness};
use crate::sys::simulated::Network;
use datagrams::Datagrams;
use flow::Item;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, IoSlice};
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

impl Network for Rc<Net> {
    fn listen(&self, address: SocketAddr, shared: bool) -> io::Result<u64> {
        let (whose, address) = self.local(address)?;
        let mut state = self.state.borrow_mut();
        let taken = state.listeners.values().any(|other| {
            other.whose.node == whose.node
                && other.address.port() == address.port()
                && !(shared && other.shared && other.address == address)
        });
        if taken {
            return Err(ErrorKind::AddrInUse.into());
        }
        let id = state.new_id();
        let listener = Listener {
            whose,
            address,
            shared,
            waiting: VecDeque::new(),
            watcher: None,
        };
        state.listeners.insert(id, listener);
        Ok(id)
    }

    fn accept(&self, listener: u64) -> io::Result<(u64, SocketAddr)> {
        let mut state = self.state.borrow_mut();
        let listener = state.listeners.get_mut(&listener).ok_or_else(gone)?;
        let id = listener.waiting.pop_front().ok_or(ErrorKind::WouldBlock)?;
        let stream = state.streams.get(&id).ok_or(ErrorKind::ConnectionAborted)?;
        Ok((id, stream.peer))
    }

    fn connect(&self, address: SocketAddr) -> io::Result<u64> {
        let node = self.places.present().node;
        let mut local: SocketAddr = (Places::address(node), 0).into();
        if self.places.node_at(node, address.ip()) == Some(node) {
            local.set_ip(address.ip());
        }
        let (whose, local) = self.local(local)?;
        let mut stream = self.end(whose, local, address);
        stream.silent = self.places.strikes(super::FaultKind::Ignored, |faults| faults.ignore);
        let id = {
            let mut state = self.state.borrow_mut();
            let id = state.new_id();
            state.streams.insert(id, stream);
            id
        };
        self.push(id, Item::Connect);
        Ok(id)
    }

    fn recv(&self, id: u64, into: &mut [u8]) -> io::Result<usize> {
        let count = {
            let mut state = self.state.borrow_mut();
            let stream = state.streams.get_mut(&id).ok_or_else(gone)?;
            if stream.arrived.is_empty() {
                if let Some(error) = stream.error.take() {
                    return Err(error.into());
                }
                let over = stream.finished || stream.phase == Phase::Broken;
                return if over { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
            }
            let count = into.len().min(stream.arrived.len());
            for (place, byte) in into.iter_mut().zip(stream.arrived.drain(..count)) {
                *place = byte;
            }
            if stream.phase == Phase::Broken {
                return Ok(count);
            }
            count
        };
        if count > 0 {
            self.push(id, Item::Ack(count));
        }
        Ok(count)
    }

    fn send(&self, id: u64, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let total: usize = pieces.iter().map(|piece| piece.len()).sum();
        let mut bytes: Vec<u8> = Vec::new();
        {
            let mut state = self.state.borrow_mut();
            let stream = state.streams.get_mut(&id).ok_or_else(gone)?;
            if !self.places.is_alive(stream.whose) {
                // The power went in this very step: whoever believes to be sending does not exist.
                return Ok(total);
            }
            match stream.phase {
                Phase::Connecting => return Err(ErrorKind::WouldBlock.into()),
                Phase::Broken => return Err(stream.error.take().unwrap_or(ErrorKind::BrokenPipe).into()),
                Phase::Open if stream.shut => return Err(ErrorKind::BrokenPipe.into()),
                Phase::Open => {}
            }
            let count = total.min(stream.capacity - stream.unread);
            stream.wants_room |= count < total;
            if count == 0 && total > 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            stream.unread += count;
            for piece in pieces {
                let left = count - bytes.len();
                bytes.extend_from_slice(&piece[..left.min(piece.len())]);
            }
        }
        let count = bytes.len();
        self.push_bytes(id, bytes);
        Ok(count)
    }

    fn shut_down_write(&self, id: u64) -> io::Result<()> {
        {
            let mut state = self.state.borrow_mut();
            let stream = state.streams.get_mut(&id).ok_or_else(gone)?;
            if stream.phase != Phase::Open {
                return Err(gone());
            }
            if stream.shut {
                return Ok(());
            }
        }
        self.push(id, Item::Fin);
        Ok(())
    }

    fn take_error(&self, id: u64) -> io::Result<Option<io::Error>> {
        let mut state = self.state.borrow_mut();
        let stream = state.streams.get_mut(&id).ok_or_else(gone)?;
        Ok(stream.error.take().map(io::Error::from))
    }

    fn peer_address(&self, id: u64) -> io::Result<SocketAddr> {
        let state = self.state.borrow();
        let stream = state.streams.get(&id).filter(|stream| stream.phase == Phase::Open);
        stream.map(|stream| stream.peer).ok_or_else(gone)
    }

    fn local_address(&self, id: u64) -> io::Result<SocketAddr> {
        let state = self.state.borrow();
        let listener = state.listeners.get(&id).map(|listener| listener.address);
        let stream = || state.streams.get(&id).map(|stream| stream.local);
        let datagrams = || state.datagrams.get(&id).map(|socket| socket.address);
        listener.or_else(stream).or_else(datagrams).ok_or_else(gone)
    }

    fn bind_datagrams(&self, address: SocketAddr) -> io::Result<u64> {
        Net::bind_datagrams(self, address)
    }

    fn send_to(&self, socket: u64, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.send_datagram(socket, bytes, to)
    }

    fn recv_from(&self, socket: u64, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.next_datagram(socket, into)
    }

    fn watch(&self, socket: u64, bell: Arc<Bell>, token: usize) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        let watcher = Some((bell, token));
        if let Some(listener) = state.listeners.get_mut(&socket) {
            if !listener.waiting.is_empty() {
                ring(&watcher, READABLE);
            }
            listener.watcher = watcher;
        } else if let Some(datagrams) = state.datagrams.get_mut(&socket) {
            ring(&watcher, datagrams.readiness());
            datagrams.watcher = watcher;
        } else {
            let stream = state.streams.get_mut(&socket).ok_or_else(gone)?;
            ring(&watcher, stream.readiness());
            stream.watcher = watcher;
        }
        Ok(())
    }

    fn forget(&self, socket: u64) {
        let mut state = self.state.borrow_mut();
        if let Some(listener) = state.listeners.get_mut(&socket) {
            listener.watcher = None;
        }
        if let Some(datagrams) = state.datagrams.get_mut(&socket) {
            datagrams.watcher = None;
        }
        if let Some(stream) = state.streams.get_mut(&socket) {
            stream.watcher = None;
        }
    }

    fn close(&self, socket: u64) {
        let listener = {
            let mut state = self.state.borrow_mut();
            state.datagrams.remove(&socket);
            state.listeners.remove(&socket)
        };
        match listener {
            // Nobody will ever accept those who wait.
            Some(listener) => listener.waiting.iter().for_each(|id| self.abort(*id)),
            None => self.close_stream(socket),
        }
    }
}
