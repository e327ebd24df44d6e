//! TCP as actors: a [`Listener`] accepts, a [`Connection`] turns bytes into frames and back.
//!
//! A connection lives on one worker and is watched by that worker's poller. Frames are borrowed from the read buffer, a
//! turn's output is written at once when the turn ends, and a protocol that cannot take more pauses its reading, which
//! the kernel passes on to the sender. Every limit is explicit. It lacks TLS and UDP.
//!
//! ```
//! use potoroo_runtime::io::{Acceptor, Connection, Frame, Frames, Framing, Link, Listener, Protocol};
//! use potoroo_runtime::sys::net::{TcpListener, TcpStream};
//! use potoroo_runtime::{Context, System, Turn};
//! use std::net::SocketAddr;
//!
//! struct Echo;
//!
//! impl Protocol for Echo {
//!     type Msg = ();
//!     type Codec = Frames;
//!     fn frame(&mut self, frame: Frame<'_>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
//!         link.send_frame(frame.bytes);
//!         Ok(())
//!     }
//! }
//!
//! struct EchoServer;
//!
//! impl Acceptor for EchoServer {
//!     type Msg = ();
//!     fn accepted(&mut self, stream: TcpStream, _: SocketAddr, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
//!         let framing = Framing::LengthPrefixed { frame_bytes_max: 1024 };
//!         ctx.spawn_on(ctx.worker(), move |ctx| Connection::open(stream, framing, Echo, ctx));
//!         Ok(())
//!     }
//! }
//!
//! let system = System::new()?;
//! let socket = TcpListener::bind("127.0.0.1:0".parse()?)?;
//! let address = socket.local_address()?;
//! system.spawn(move |ctx| Listener::new(socket, EchoServer, ctx));
//!
//! use std::io::{Read, Write};
//! let mut client = std::net::TcpStream::connect(address)?;
//! client.write_all(b"\0\0\0\x05hello")?;
//! let mut answer = [0; 9];
//! client.read_exact(&mut answer)?;
//! assert_eq!(&answer, b"\0\0\0\x05hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod buffers;
mod codec;
mod connection;
mod datagrams;
mod framing;
mod limits;
mod link;
mod listener;
mod output;
mod protocol;
mod reader;
mod spread;
#[cfg(all(feature = "tls", not(potoroo_loom)))]
pub mod tls;
mod transport;
mod watch;

pub use codec::{BUFFERED_BYTES_MAX, Codec, FrameError};
pub use connection::Connection;
pub use datagrams::{DatagramProtocol, Datagrams, UdpPort};
pub use framing::{Frame, Frames, Framing, LENGTH_BYTES};
pub use limits::Limits;
pub use link::{CloseReason, Link};
pub use listener::{Acceptor, Listener, ListenerMsg};
pub use protocol::Protocol;
pub use reader::FrameReader;
pub use spread::Spread;
pub use transport::Transport;
