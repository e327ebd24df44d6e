//! Sockets as actors: a [`Listener`] accepts, a [`Connection`] turns bytes into frames and back, [`Datagrams`] are UDP.
//!
//! A connection lives on one worker and is watched by that worker's poller. Frames are borrowed from the read buffer, a
//! turn's output goes out in one write when the turn ends, and a connection holds buffers only while there is something in
//! them. Every wait for the other side ends, and every buffer is bounded: [`Limits`]. Streams are TCP, Unix sockets, or,
//! with the feature `tls`, TLS over either. The folder's README has the states and the limits. Files, which block, are
//! [`files`], by way of other threads. It lacks datagrams over Unix sockets.
//!
//! A server that sends every line back:
//!
//! ```
//! use potoroo_runtime::io::{Connection, Frame, Frames, Framing, Link, Listener, Protocol, Serve};
//! use potoroo_runtime::sys::net::TcpListener;
//! use potoroo_runtime::{Context, System, Turn};
//!
//! struct Echo;
//!
//! impl Protocol for Echo {
//!     type Msg = ();
//!     type Codec = Frames;
//!     fn frame(&mut self, line: Frame<'_>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
//!         link.send(line.bytes);
//!         link.send(b"\n");
//!         Ok(())
//!     }
//! }
//!
//! let system = System::new()?;
//! let socket = TcpListener::bind("127.0.0.1:0".parse()?)?;
//! let address = socket.local_address()?;
//! let lines = Framing::Lines { line_bytes_max: 1000 };
//! system.spawn(move |ctx| Listener::new(socket, Serve::new(lines, |_| Echo), ctx));
//!
//! // A client, in plain blocking code.
//! use std::io::{Read, Write};
//! let mut client = std::net::TcpStream::connect(address)?;
//! client.write_all(b"hello\nfriend\n")?;
//! let mut answer = [0; 13];
//! client.read_exact(&mut answer)?;
//! assert_eq!(&answer, b"hello\nfriend\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod buffers;
mod close;
mod codec;
mod connection;
mod datagrams;
pub mod files;
mod framing;
mod limits;
mod link;
mod listener;
mod output;
mod protocol;
mod reader;
mod serve;
mod spread;
mod timeouts;
#[cfg(all(feature = "tls", not(potoroo_loom)))]
pub mod tls;
mod transport;
mod watch;

pub use close::CloseReason;
pub use codec::{BUFFERED_BYTES_MAX, Codec, FrameError};
pub use connection::Connection;
pub use datagrams::{DatagramProtocol, Datagrams, UdpPort};
pub use framing::{Frame, Frames, Framing, LENGTH_BYTES};
pub use limits::Limits;
pub use link::Link;
pub use listener::{Acceptor, Listener, ListenerMsg};
pub use protocol::Protocol;
pub use reader::FrameReader;
pub use serve::Serve;
pub use spread::Spread;
pub use transport::Transport;
