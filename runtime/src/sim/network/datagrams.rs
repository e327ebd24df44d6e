//! Datagrams of a simulated network: lost, doubled, reordered, and dropped where a queue is full.

use super::super::FaultKind;
use super::super::places::{Whose, at, now};
use super::{Net, Watcher, gone, ring};
use crate::sys::net::DATAGRAM_BYTES_MAX;
use crate::sys::poller::Readiness;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// How many datagrams wait at a socket; the kernel drops the next.
const WAITING_MAX: usize = 256;

/// How much later than the others a datagram may be, at least.
const LATE: Duration = Duration::from_millis(20);

pub(super) struct Datagrams {
    pub(super) whose: Whose,
    pub(super) address: SocketAddr,
    waiting: VecDeque<(Vec<u8>, SocketAddr)>,
    pub(super) watcher: Watcher,
}

impl Datagrams {
    pub(super) fn readiness(&self) -> Readiness {
        Readiness {
            readable: !self.waiting.is_empty(),
            writable: true,
            closed: false,
        }
    }
}

impl Net {
    pub(super) fn bind_datagrams(&self, address: SocketAddr) -> io::Result<u64> {
        let (whose, address) = self.local(address)?;
        let mut state = self.state.borrow_mut();
        let same = |other: &Datagrams| other.whose.node == whose.node && other.address.port() == address.port();
        if state.datagrams.values().any(same) {
            return Err(ErrorKind::AddrInUse.into());
        }
        let id = state.new_id();
        let socket = Datagrams {
            whose,
            address,
            waiting: VecDeque::new(),
            watcher: None,
        };
        state.datagrams.insert(id, socket);
        Ok(id)
    }

    pub(super) fn send_datagram(self: &Rc<Self>, socket: u64, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(io::Error::other("a datagram cannot be as long"));
        }
        let (whose, mut from) = {
            let state = self.state.borrow();
            let socket = state.datagrams.get(&socket).ok_or_else(gone)?;
            (socket.whose, socket.address)
        };
        if !self.places.is_alive(whose) {
            return Ok(bytes.len());
        }
        let node = self.places.node_at(whose.node, to.ip());
        if from.ip().is_unspecified() {
            // As the receiver sees it.
            let local = node == Some(whose.node);
            from.set_ip(if local {
                to.ip()
            } else {
                super::Places::address(whose.node)
            });
        }
        self.may_part(whose.node, node);
        let Some(node) = node else { return Ok(bytes.len()) };
        if self
            .places
            .strikes(FaultKind::DatagramLost, |faults| faults.datagram_loss)
        {
            return Ok(bytes.len());
        }
        let twice = self
            .places
            .strikes(FaultKind::DatagramTwice, |faults| faults.datagram_twice);
        for _ in 0..1 + usize::from(twice) {
            let latency_max = self.places.faults.borrow().latency_max;
            let mut latency = self.places.some(latency_max);
            if self
                .places
                .strikes(FaultKind::DatagramLate, |faults| faults.datagram_late)
            {
                latency += latency_max.max(LATE);
            }
            let (net, bytes) = (self.clone(), bytes.to_vec());
            let arrive = move || {
                if net.places.reaches(whose.node, node) {
                    net.datagram_arrives(node, to, from, bytes);
                }
            };
            match self.places.is_random {
                true => at(now() + latency, Box::new(arrive)),
                false => arrive(),
            }
        }
        Ok(bytes.len())
    }

    fn datagram_arrives(&self, node: usize, to: SocketAddr, from: SocketAddr, bytes: Vec<u8>) {
        let mut state = self.state.borrow_mut();
        let here = |socket: &&mut Datagrams| {
            let ip = socket.address.ip();
            socket.whose.node == node && socket.address.port() == to.port() && (ip.is_unspecified() || ip == to.ip())
        };
        let Some(socket) = state.datagrams.values_mut().find(here) else {
            return;
        };
        if socket.waiting.len() < WAITING_MAX {
            socket.waiting.push_back((bytes, from));
            ring(&socket.watcher, socket.readiness());
        }
    }

    pub(super) fn next_datagram(&self, socket: u64, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let mut state = self.state.borrow_mut();
        let socket = state.datagrams.get_mut(&socket).ok_or_else(gone)?;
        let (bytes, from) = socket.waiting.pop_front().ok_or(ErrorKind::WouldBlock)?;
        let count = bytes.len().min(into.len());
        into[..count].copy_from_slice(&bytes[..count]);
        Ok((count, from))
    }
}
