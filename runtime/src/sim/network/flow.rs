//! What is under way between the two ends of a connection.
//!
//! Each end has a lane to the other: what it has sent, in order, with the time at which each piece arrives. A lane whose
//! receiver cannot be reached waits, as a sender that repeats itself would, and gives up after a quarter of an hour; it
//! moves again when the partition heals or the node is back.

use super::super::FaultKind;
use super::super::places::{at, choose, now};
use super::{BACKLOG, Net, Phase, READABLE, State, ring};
use crate::sys::clock::Time;
use crate::sys::simulated;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

/// How long a connection attempt goes on without an answer: six repetitions on Linux.
const CONNECT_FOR: Duration = Duration::from_secs(127);

/// How long bytes are sent again without an answer: fifteen repetitions on Linux.
const SEND_FOR: Duration = Duration::from_secs(924);

/// After how long a connection attempt is repeated that found the listener's queue full.
const CONNECT_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A request for a connection.
    Connect,
    /// Its answer.
    Established,
    Bytes(Vec<u8>),
    /// So many bytes have been read.
    Ack(usize),
    /// Nothing more follows.
    Fin,
    /// The connection is broken.
    Reset,
}

impl Net {
    /// Sends bytes in arbitrary pieces.
    pub(super) fn push_bytes(self: &Rc<Self>, from: u64, mut bytes: Vec<u8>) {
        while !bytes.is_empty() {
            let cut = match self.places.is_random && choose(2) == 1 {
                true => 1 + choose(bytes.len()),
                false => bytes.len(),
            };
            let rest = bytes.split_off(cut);
            self.push(from, Item::Bytes(bytes));
            bytes = rest;
        }
    }

    /// Sends something.
    pub(super) fn push(self: &Rc<Self>, from: u64, item: Item) {
        let carries = matches!(item, Item::Bytes(_));
        let stalled = carries && self.places.strikes(FaultKind::Stalled, |faults| faults.stall);
        let half_open = carries && self.places.strikes(FaultKind::HalfOpen, |faults| faults.half_open);
        let begins = {
            let mut state = self.state.borrow_mut();
            let Some(stream) = state.streams.get_mut(&from) else {
                return;
            };
            simulated::touch(self.comparable(stream.other.unwrap_or(from).max(from)));
            stream.shut |= item == Item::Fin;
            let mut due = now() + stream.latency / 2 + self.places.some(stream.latency);
            if stalled {
                due = due + self.places.some(self.places.faults.borrow().stall_max);
            }
            // What was sent later arrives later.
            due = due.max(stream.lane.back().map_or(Time::ZERO, |(due, _)| *due));
            match (&item, stream.lane.back_mut()) {
                (Item::Ack(more), Some((_, Item::Ack(count)))) => *count += more,
                _ => stream.lane.push_back((due, item)),
            }
            let begins = !std::mem::replace(&mut stream.under_way, true);
            let (here, peer, other) = (stream.whose.node, stream.peer, stream.other);
            if half_open {
                stream.silent = true;
                if let Some(other) = other.and_then(|other| state.streams.get_mut(&other)) {
                    other.silent = true;
                }
            }
            drop(state);
            if carries {
                self.may_part(here, self.places.node_at(here, peer.ip()));
            }
            begins
        };
        if begins {
            self.go_on(from);
        }
    }

    /// Two nodes that talk may be partitioned.
    pub(super) fn may_part(self: &Rc<Self>, from: usize, to: Option<usize>) {
        let Some(to) = to.filter(|to| *to != from) else { return };
        if !self.places.strikes(FaultKind::Partition, |faults| faults.partition) {
            return;
        }
        let both = choose(2) == 0;
        let until = now() + self.places.some(self.places.faults.borrow().partition_max);
        self.places.set_cut(from, to, true);
        if both {
            self.places.set_cut(to, from, true);
        }
        let net = self.clone();
        at(
            until,
            Box::new(move || {
                net.places.set_cut(from, to, false);
                if both {
                    net.places.set_cut(to, from, false);
                }
                net.go_on_everywhere();
            }),
        );
    }

    /// Has the front of a lane arrive when it is due; by turns that is now.
    fn go_on(self: &Rc<Self>, from: u64) {
        let due = {
            let mut state = self.state.borrow_mut();
            let Some(stream) = state.streams.get_mut(&from) else {
                return;
            };
            let due = stream.lane.front().map(|(due, _)| *due);
            stream.under_way = due.is_some();
            due
        };
        let Some(due) = due else { return };
        if !self.places.is_random && due <= now() {
            self.arrive(from);
            return;
        }
        let net = self.clone();
        at(due, Box::new(move || net.arrive(from)));
    }

    /// After a partition: all lanes that have waited go on.
    pub(in super::super) fn go_on_everywhere(self: &Rc<Self>) {
        let waiting: Vec<u64> = {
            let mut state = self.state.borrow_mut();
            let waiting = state
                .streams
                .iter_mut()
                .filter(|(_, stream)| !stream.under_way && !stream.lane.is_empty());
            waiting
                .map(|(id, stream)| {
                    stream.under_way = true;
                    *id
                })
                .collect()
        };
        for id in waiting {
            self.go_on(id);
        }
    }

    /// The front of a lane arrives, if it can.
    fn arrive(self: &Rc<Self>, from: u64) {
        let item = {
            let mut state = self.state.borrow_mut();
            let Some(stream) = state.streams.get_mut(&from) else {
                return;
            };
            let target = self.places.node_at(stream.whose.node, stream.peer.ip());
            let reaches = target.is_some_and(|target| self.places.reaches(stream.whose.node, target));
            if stream.silent || !reaches {
                stream.under_way = false;
                let patience = match stream.phase {
                    Phase::Connecting => CONNECT_FOR,
                    _ => SEND_FOR,
                };
                let (net, moves) = (self.clone(), stream.moves);
                at(now() + patience, Box::new(move || net.give_up(from, moves)));
                return;
            }
            stream.moves += 1;
            let Some((_, item)) = stream.lane.pop_front() else {
                stream.under_way = false;
                return;
            };
            item
        };
        let is_bytes = matches!(item, Item::Bytes(_));
        if is_bytes && self.places.strikes(FaultKind::Reset, |faults| faults.reset) {
            let other = self.state.borrow().streams.get(&from).and_then(|stream| stream.other);
            self.break_off(from, ErrorKind::ConnectionReset);
            if let Some(other) = other {
                self.break_off(other, ErrorKind::ConnectionReset);
            }
            return;
        }
        self.deliver(from, item);
        self.go_on(from);
        let mut state = self.state.borrow_mut();
        let is_over = |stream: &super::Stream| stream.closed && stream.lane.is_empty();
        if state.streams.get(&from).is_some_and(is_over) {
            state.streams.remove(&from);
        }
    }

    fn deliver(self: &Rc<Self>, from: u64, item: Item) {
        if item == Item::Connect {
            self.ask_for_connection(from);
            return;
        }
        let mut state = self.state.borrow_mut();
        let other = state.streams.get(&from).and_then(|stream| stream.other);
        let to = other.and_then(|other| Some((other, state.streams.get_mut(&other)?)));
        let Some((to, stream)) = to.filter(|(_, stream)| !stream.closed) else {
            drop(state);
            if matches!(item, Item::Bytes(_)) {
                // Who sends to nobody is told.
                self.break_off(from, ErrorKind::ConnectionReset);
            }
            if let (Item::Reset, Some(other)) = (&item, other) {
                self.state.borrow_mut().streams.remove(&other);
            }
            return;
        };
        match item {
            Item::Connect => {}
            Item::Established => stream.phase = Phase::Open,
            Item::Bytes(bytes) => stream.arrived.extend(bytes),
            Item::Fin => stream.finished = true,
            Item::Ack(count) => {
                stream.unread = stream.unread.saturating_sub(count);
                if !std::mem::take(&mut stream.wants_room) {
                    return;
                }
            }
            Item::Reset => {
                drop(state);
                self.break_off(to, ErrorKind::ConnectionReset);
                return;
            }
        }
        state.edge(to);
    }

    /// A request for a connection has arrived.
    fn ask_for_connection(self: &Rc<Self>, from: u64) {
        let found = {
            let state = self.state.borrow();
            let Some(stream) = state.streams.get(&from) else { return };
            let (node, peer) = (stream.whose.node, stream.peer);
            let to = self.places.node_at(node, peer.ip());
            let listens = |(id, listener): (&u64, &super::Listener)| {
                let address = listener.address;
                let fits = Some(listener.whose.node) == to && address.port() == peer.port();
                // A listener at the loopback address hears its own node only.
                let hears = address.ip().is_unspecified() || address.ip() == peer.ip();
                (fits && hears).then_some(*id)
            };
            let all: Vec<u64> = state.listeners.iter().filter_map(listens).collect();
            (!all.is_empty()).then(|| (all[choose(all.len().max(1))], peer, stream.local))
        };
        let refused = || self.places.strikes(FaultKind::Refused, |faults| faults.refuse);
        let Some((listener, here, there)) = found.filter(|_| !refused()) else {
            let net = self.clone();
            let latency = self.state.borrow().streams.get(&from).map(|stream| stream.latency);
            let refuse = move || net.break_off(from, ErrorKind::ConnectionRefused);
            match self.places.is_random {
                true => at(now() + latency.unwrap_or_default(), Box::new(refuse)),
                false => refuse(),
            }
            return;
        };
        let Some(whose) = self.whose_listener(listener) else {
            return;
        };
        let mut accepted = self.end(whose, here, there);
        let id = {
            let mut state = self.state.borrow_mut();
            let State { listeners, streams, .. } = &mut *state;
            let (Some(listener), Some(stream)) = (listeners.get_mut(&listener), streams.get_mut(&from)) else {
                return;
            };
            if listener.waiting.len() >= BACKLOG {
                stream.lane.push_front((now() + CONNECT_AGAIN_AFTER, Item::Connect));
                return;
            }
            accepted.latency = stream.latency;
            accepted.phase = Phase::Open;
            accepted.other = Some(from);
            let id = state.new_id();
            state.streams.insert(id, accepted);
            if let Some(stream) = state.streams.get_mut(&from) {
                stream.other = Some(id);
            }
            id
        };
        // The answer is on its way before anybody can send anything after it.
        self.push(id, Item::Established);
        let mut state = self.state.borrow_mut();
        if let Some(listener) = state.listeners.get_mut(&listener) {
            listener.waiting.push_back(id);
            ring(&listener.watcher, READABLE);
        }
    }

    fn whose_listener(&self, id: u64) -> Option<super::Whose> {
        self.state.borrow().listeners.get(&id).map(|listener| listener.whose)
    }

    /// Nothing of a lane has arrived for a long time.
    fn give_up(self: &Rc<Self>, from: u64, moves: u64) {
        let is_stuck = {
            let state = self.state.borrow();
            let stream = state.streams.get(&from);
            stream.is_some_and(|stream| stream.moves == moves && !stream.under_way)
        };
        if is_stuck {
            self.break_off(from, ErrorKind::TimedOut);
        }
    }

    /// An end learns that its connection is broken.
    pub(super) fn break_off(&self, id: u64, why: ErrorKind) {
        let mut state = self.state.borrow_mut();
        let Some(stream) = state.streams.get_mut(&id) else {
            return;
        };
        stream.lane.clear();
        if stream.closed {
            state.streams.remove(&id);
            return;
        }
        stream.phase = Phase::Broken;
        stream.error = Some(why);
        state.edge(id);
    }

    /// An end goes without having been held by anybody.
    pub(super) fn abort(self: &Rc<Self>, id: u64) {
        let is_there = match self.state.borrow_mut().streams.get_mut(&id) {
            Some(stream) => {
                stream.closed = true;
                stream.lane.clear();
                true
            }
            None => false,
        };
        if is_there {
            self.push(id, Item::Reset);
        }
    }
}
