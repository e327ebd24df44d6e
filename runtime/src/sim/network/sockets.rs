//! What programs do with sockets of a simulated network.

use super::super::FaultKind;
use super::super::places::Places;
use super::flow::Item;
use super::{Listener, Net, Phase, READABLE, gone, ring};
use crate::sync::global::Arc;
use crate::sys::poller::Bell;
use crate::sys::simulated::Network;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;

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
        stream.silent = self.places.strikes(FaultKind::Ignored, |faults| faults.ignore);
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
