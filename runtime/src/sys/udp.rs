//! UDP: datagrams, never blocking.
//!
//! Datagrams are lost, doubled and reordered by the network, and dropped by either kernel whose buffer is full. It lacks
//! anything against that.

use super::poller::EventSource;
use super::simulated;
use super::socket::Socket;
use std::io;
use std::net::SocketAddr;

/// A datagram is never longer than this.
pub const DATAGRAM_BYTES_MAX: usize = 65_535;

/// A UDP socket.
#[derive(Debug)]
pub struct UdpSocket(Socket<mio::net::UdpSocket>);

impl UdpSocket {
    /// Binds a socket to `address`.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        if simulated::is_on() {
            return simulated::network(|network| network.bind_datagrams(address)).map(|id| Self(Socket::simulated(id)));
        }
        mio::net::UdpSocket::bind(address).map(|socket| Self(Socket::Real(socket)))
    }

    /// The address in use; tells the port when 0 was asked for.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.0
            .with(|socket| socket.local_addr(), |network, id| network.local_address(id))
    }

    /// The next datagram: how many bytes it put into `into` (a longer one is cut off), and who sent it; or `WouldBlock`.
    pub fn recv_from(&self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match &self.0 {
            Socket::Real(socket) => socket.recv_from(into),
            Socket::Simulated(socket) => socket.with(|network, id| network.recv_from(id, into)),
        }
    }

    /// Sends a datagram, or says `WouldBlock`.
    pub fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.0.with(
            |socket| socket.send_to(bytes, to),
            |network, id| network.send_to(id, bytes, to),
        )
    }

    pub(crate) fn source(&mut self) -> EventSource<'_> {
        self.0.source()
    }
}
