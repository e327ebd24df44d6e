//! UDP: datagrams, never blocking.
//!
//! Datagrams are lost, doubled and reordered by the network, and dropped by either kernel whose buffer is full. It lacks
//! anything against that.

use super::poller::EventSource;
use std::io;
use std::net::SocketAddr;

/// A datagram is never longer than this.
pub const DATAGRAM_BYTES_MAX: usize = 65_535;

/// A UDP socket.
#[derive(Debug)]
pub struct UdpSocket(mio::net::UdpSocket);

impl UdpSocket {
    /// Binds a socket to `address`.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        mio::net::UdpSocket::bind(address).map(Self)
    }

    /// The address in use; tells the port when 0 was asked for.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// The next datagram: how many bytes it put into `into` (a longer one is cut off), and who sent it; or `WouldBlock`.
    pub fn recv_from(&self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(into)
    }

    /// Sends a datagram, or says `WouldBlock`.
    pub fn send_to(&self, bytes: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.0.send_to(bytes, to)
    }

    pub(crate) fn source(&mut self) -> &mut EventSource {
        &mut self.0
    }
}
