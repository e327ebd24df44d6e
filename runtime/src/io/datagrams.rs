//! UDP as an actor: datagrams in, datagrams out.
//!
//! A turn takes what is there, up to a bound, and hands each datagram over, borrowed from a buffer of the thread's pool. What
//! the kernel does not take is kept in order, within a bound; beyond it datagrams are dropped and counted, as the network
//! may do anyway.

use super::buffers;
use crate::actor::{Actor, Context, ExitReason, Fault, Signal, Turn};
use crate::sys::net::UdpSocket;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

/// How many datagrams one turn takes at most.
const DATAGRAMS_PER_TURN: usize = 64;

/// How much may wait for the kernel, unless [`UdpPort::set_unsent_bytes_max`] says otherwise.
const UNSENT_BYTES_MAX: usize = 1 << 20;

/// What is done with datagrams.
///
/// ```
/// use potoroo_runtime::io::{DatagramProtocol, Datagrams, UdpPort};
/// use potoroo_runtime::sys::net::UdpSocket;
/// use potoroo_runtime::{Context, System, Turn};
/// use std::net::SocketAddr;
///
/// struct Echo;
///
/// impl DatagramProtocol for Echo {
///     type Msg = ();
///     fn datagram(
///         &mut self,
///         bytes: &[u8],
///         from: SocketAddr,
///         port: &mut UdpPort,
///         _: &mut Context<'_, Datagrams<Self>>,
///     ) -> Turn {
///         port.send_to(bytes, from);
///         Ok(())
///     }
/// }
///
/// let system = System::new()?;
/// let socket = UdpSocket::bind("127.0.0.1:0".parse()?)?;
/// let address = socket.local_address()?;
/// system.spawn(move |ctx| Datagrams::open(socket, Echo, ctx));
///
/// let client = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// client.send_to(b"hello", address)?;
/// let mut back = [0; 9];
/// assert_eq!(client.recv_from(&mut back)?, (5, address));
/// assert_eq!(&back[..5], b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait DatagramProtocol: Sized + Send + 'static {
    /// What can be told to the actor.
    type Msg: Send + 'static;

    /// A datagram has come.
    fn datagram(
        &mut self,
        bytes: &[u8],
        from: SocketAddr,
        port: &mut UdpPort,
        ctx: &mut Context<'_, Datagrams<Self>>,
    ) -> Turn;

    /// Something was told to the actor.
    fn message(&mut self, msg: Self::Msg, port: &mut UdpPort, ctx: &mut Context<'_, Datagrams<Self>>) -> Turn {
        let _ = (msg, port, ctx);
        Ok(())
    }

    /// Called once at the end of each turn.
    fn turn_end(&mut self, port: &mut UdpPort, ctx: &mut Context<'_, Datagrams<Self>>) -> Turn {
        let _ = (port, ctx);
        Ok(())
    }
}

/// A UDP socket as its protocol sees it.
#[derive(Debug)]
pub struct UdpPort {
    socket: UdpSocket,
    writable: bool,
    unsent: VecDeque<(SocketAddr, Box<[u8]>)>,
    unsent_bytes: usize,
    unsent_bytes_max: usize,
    dropped: u64,
}

impl UdpPort {
    /// Sends a datagram, now or when the kernel takes it. Says whether it was kept or sent; if not it is dropped and
    /// counted, because too much waits already or because the kernel refuses it: too long, or no way to get there.
    pub fn send_to(&mut self, bytes: &[u8], to: SocketAddr) -> bool {
        let sent = self.unsent.is_empty() && self.try_send(bytes, to);
        let kept = sent || (!self.writable && self.unsent_bytes + bytes.len() <= self.unsent_bytes_max);
        if !kept {
            self.dropped += 1;
        } else if !sent {
            self.unsent_bytes += bytes.len();
            self.unsent.push_back((to, bytes.into()));
        }
        kept
    }

    /// The address in use.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_address()
    }

    /// What waits for the kernel, in bytes.
    pub fn unsent_bytes(&self) -> usize {
        self.unsent_bytes
    }

    /// How many bytes may wait for the kernel: 1 MiB at first.
    pub fn set_unsent_bytes_max(&mut self, bytes: usize) {
        self.unsent_bytes_max = bytes;
    }

    /// The datagrams that could be neither sent nor kept.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn try_send(&mut self, bytes: &[u8], to: SocketAddr) -> bool {
        while self.writable {
            match self.socket.send_to(bytes, to) {
                Ok(_) => return true,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        false
    }

    fn flush(&mut self) {
        while self.writable
            && let Some((to, bytes)) = self.unsent.pop_front()
        {
            if !self.try_send(&bytes, to) {
                if !self.writable {
                    self.unsent.push_front((to, bytes));
                    return;
                }
                self.dropped += 1;
            }
            self.unsent_bytes -= bytes.len();
        }
    }
}

/// An actor that owns one UDP socket.
#[derive(Debug)]
pub struct Datagrams<P> {
    protocol: P,
    port: UdpPort,
    readable: bool,
    token: usize,
}

impl<P: DatagramProtocol> Datagrams<P> {
    /// A factory body: call it on the worker where the socket is to live.
    pub fn open(mut socket: UdpSocket, protocol: P, ctx: &mut Context<'_, Self>) -> Result<Self, Fault> {
        let token = ctx.watch(&mut socket)?;
        Ok(Self {
            protocol,
            port: UdpPort {
                socket,
                writable: true,
                unsent: VecDeque::new(),
                unsent_bytes: 0,
                unsent_bytes_max: UNSENT_BYTES_MAX,
                dropped: 0,
            },
            readable: false,
            token,
        })
    }

    /// Takes what is there, up to a bound.
    fn receive(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        let mut buffer = buffers::take_input();
        let outcome = self.receive_into(&mut buffer, ctx);
        buffers::give_input(buffer);
        if self.readable {
            ctx.run_again();
        }
        outcome
    }

    fn receive_into(&mut self, buffer: &mut [u8], ctx: &mut Context<'_, Self>) -> Turn {
        for _ in 0..DATAGRAMS_PER_TURN {
            if !self.readable || ctx.is_stopping() {
                break;
            }
            match self.port.socket.recv_from(buffer) {
                Ok((count, from)) => self.protocol.datagram(&buffer[..count], from, &mut self.port, ctx)?,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                // What the network has to say about a datagram that was sent before: nothing that ends a socket.
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::Interrupted
                            | io::ErrorKind::ConnectionRefused
                            | io::ErrorKind::ConnectionReset
                            | io::ErrorKind::HostUnreachable
                            | io::ErrorKind::NetworkUnreachable
                    ) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }
}

impl<P: DatagramProtocol> Actor for Datagrams<P> {
    type Msg = P::Msg;

    fn handle(&mut self, msg: P::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        self.protocol.message(msg, &mut self.port, ctx)
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        match signal {
            Signal::Ready { readiness, .. } => {
                self.readable |= readiness.readable;
                self.port.writable |= readiness.writable;
                self.port.flush();
                self.receive(ctx)
            }
            Signal::RunAgain => self.receive(ctx),
            _ => Ok(()),
        }
    }

    fn turn_end(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        self.protocol.turn_end(&mut self.port, ctx)
    }

    fn stopping(&mut self, _: &ExitReason, ctx: &mut Context<'_, Self>) {
        // Closing the socket does the same; this only keeps the poller's books in order.
        let _ = ctx.forget(&mut self.port.socket, self.token);
    }
}

#[cfg(all(test, not(potoroo_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_does_not_take_waits_in_order_and_within_the_bound() {
        let here = |_| UdpSocket::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
        let (socket, peer) = (here(0), here(1));
        let to = peer.local_address().expect("bound");
        let mut port = UdpPort {
            socket,
            // As after a send that would block.
            writable: false,
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            unsent_bytes_max: 10,
            dropped: 0,
        };
        assert!(port.send_to(b"one", to) && port.send_to(b"two", to));
        assert!(!port.send_to(b"three", to), "too long for the rest of the room");
        assert!(port.send_to(b"four", to));
        assert_eq!((port.unsent_bytes(), port.dropped()), (10, 1));
        port.writable = true;
        port.flush();
        assert_eq!(port.unsent_bytes(), 0);
        assert!(port.send_to(b"five", to));
        let mut buffer = [0; 10];
        for expected in ["one", "two", "four", "five"] {
            let (count, _) = peer.recv_from(&mut buffer).expect("loopback delivers at once");
            assert_eq!(&buffer[..count], expected.as_bytes());
        }
    }
}
