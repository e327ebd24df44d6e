//! Connections over loopback: orderly ones, half-closed ones, and ones that are reset in the middle.
//!
//! The server sends every frame back. Orderly clients, in the system and outside, must get exactly what they sent, in order
//! and whole; a client outside that has said all it has to say closes its side and reads to the end. Clients that are to be
//! reset close with answers unread, which makes the kernel send a reset. All connections must have gone in the end.

use crate::market_spread::random::SplitMix64;
use crate::soak::ledger::{Ledger, Open, Post, Ticket};
use crate::soak::part::Part;
use potoroo_runtime::io::{
    CloseReason, Connection, Frame, Frames, Framing, LENGTH_BYTES, Link, Listener, Protocol, Serve,
};
use potoroo_runtime::sys::net::TcpListener;
use potoroo_runtime::{Actor, ActorRef, Context, System, Turn};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Clients of a round, at most: in the system, and outside.
const INSIDE_MAX: u64 = 6;
const OUTSIDE_MAX: u64 = 6;

/// Frames of a client, at most, and their length.
const FRAMES_MAX: u64 = 200;
const FRAME_BYTES_MAX: u64 = 2_000;

const FRAMING: Framing = Framing::LengthPrefixed {
    frame_bytes_max: FRAME_BYTES_MAX as usize,
};

/// A client outside that hears nothing for so long has been forgotten.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends every frame back.
struct Echo {
    /// Settled with the connection.
    _open: Open,
}

impl Protocol for Echo {
    type Msg = ();
    type Codec = Frames;

    fn frame(&mut self, frame: Frame<'_>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        link.send_frame(frame.bytes);
        Ok(())
    }
}

/// The frame of this number.
fn payload(seed: u64, number: u64, out: &mut Vec<u8>) {
    let mut random = SplitMix64::for_purpose(seed, number);
    out.clear();
    out.resize(random.below(FRAME_BYTES_MAX) as usize, random.next_u64() as u8);
}

/// An orderly client in the system.
struct Client {
    ledger: Arc<Ledger>,
    seed: u64,
    frames: u64,
    received: u64,
    expected: Vec<u8>,
    /// Ends without a word after so many answers.
    leaves_after: u64,
    _open: Open,
}

impl Protocol for Client {
    type Msg = ();
    type Codec = Frames;

    fn opened(&mut self, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        for number in 0..self.frames {
            payload(self.seed, number, &mut self.expected);
            link.send_frame(&self.expected);
        }
        Ok(())
    }

    fn frame(&mut self, frame: Frame<'_>, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        payload(self.seed, self.received, &mut self.expected);
        if frame.bytes != self.expected {
            self.ledger
                .complain(format!("answer {} is not what was sent", self.received));
        }
        self.received += 1;
        self.ledger.did(1);
        if self.received == self.leaves_after {
            ctx.stop();
        } else if self.received == self.frames {
            link.finish();
        }
        Ok(())
    }

    fn closed(&mut self, why: &CloseReason, _: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        if self.received < self.frames {
            self.ledger.complain(format!(
                "a client had {} of {} answers when it was closed: {why}",
                self.received, self.frames
            ));
        }
        ctx.stop();
        Ok(())
    }
}

/// Opens the clients in the system.
struct Opener {
    ledger: Arc<Ledger>,
    address: SocketAddr,
}

impl Actor for Opener {
    type Msg = (SplitMix64, Ticket);

    fn handle(&mut self, (mut random, ticket): Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        for _ in 0..random.below(INSIDE_MAX) {
            let frames = 1 + random.below(FRAMES_MAX);
            let leaves = random.below(4) == 0;
            let client = Client {
                ledger: self.ledger.clone(),
                seed: random.next_u64(),
                frames,
                received: 0,
                expected: Vec::new(),
                leaves_after: if leaves { 1 + random.below(frames) } else { u64::MAX },
                _open: self.ledger.open(),
            };
            self.ledger.injected(u64::from(leaves));
            let (address, worker) = (self.address, random.below(ctx.workers() as u64) as usize);
            ctx.spawn_on(worker, move |ctx| Connection::connect(address, FRAMING, client, ctx));
        }
        ticket.handled();
        Ok(())
    }
}

/// All that a client outside says.
fn conversation(seed: u64, frames: u64) -> Vec<u8> {
    let (mut all, mut frame) = (Vec::new(), Vec::new());
    for number in 0..frames {
        payload(seed, number, &mut frame);
        all.extend((frame.len() as u32).to_be_bytes());
        all.extend(&frame);
    }
    all
}

/// Says it all, closes its side, and reads to the end: gets the answers.
fn half_close(address: SocketAddr, said: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = stream.try_clone()?;
    let mut answers = Vec::new();
    // Reads meanwhile, since the server holds back who does not.
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| reader.read_to_end(&mut answers).map(drop));
        stream.write_all(said)?;
        stream.shutdown(Shutdown::Write)?;
        reading.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
    })?;
    Ok(answers)
}

/// Says it all, waits for the first answer and goes, with the rest unread.
fn reset(address: SocketAddr, said: &[u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(said)?;
    stream.read_exact(&mut [0; LENGTH_BYTES])
}

fn outside(address: SocketAddr, ledger: &Ledger, mut random: SplitMix64) {
    for _ in 0..random.below(OUTSIDE_MAX) {
        let frames = 1 + random.below(FRAMES_MAX);
        let said = conversation(random.next_u64(), frames);
        ledger.injected(1);
        if random.below(2) == 0 {
            match half_close(address, &said) {
                Ok(answers) if answers == said => ledger.did(frames),
                Ok(answers) => ledger.complain(format!(
                    "{} bytes of answers came to {} bytes, or others",
                    answers.len(),
                    said.len()
                )),
                Err(error) => ledger.complain(format!("a client that closes its side: {error}")),
            }
        } else if let Err(error) = reset(address, &said) {
            ledger.complain(format!("a client to be reset: {error}"));
        }
    }
}

pub(super) struct Sockets {
    ledger: Arc<Ledger>,
    opener: ActorRef<Opener>,
    opener_post: Arc<Post>,
    /// The clients outside: one thread, which lives as long as this.
    clients: Option<Sender<(SplitMix64, Open)>>,
    thread: Option<JoinHandle<()>>,
}

impl Sockets {
    pub(super) fn start(system: &System) -> io::Result<Self> {
        let ledger = Ledger::new();
        let socket = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
        let address = socket.local_address()?;
        let books = ledger.clone();
        let serve = Serve::new(FRAMING, move |_| Echo { _open: books.open() });
        system.spawn(move |ctx| Listener::new(socket, serve, ctx));
        let opener = Opener {
            ledger: ledger.clone(),
            address,
        };
        let (clients, rounds) = channel::<(SplitMix64, Open)>();
        let books = ledger.clone();
        let thread = std::thread::spawn(move || {
            for (random, _open) in rounds {
                outside(address, &books, random);
            }
        });
        Ok(Self {
            opener: system.spawn(move |_| Ok(opener)),
            opener_post: ledger.post("who opens connections"),
            ledger,
            clients: Some(clients),
            thread: Some(thread),
        })
    }
}

impl Part for Sockets {
    fn name(&self) -> &'static str {
        "connections"
    }

    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn module(&self) -> &'static str {
        module_path!()
    }

    fn begin(&mut self, _: &System, mut random: SplitMix64) {
        let inside = SplitMix64::new(random.next_u64());
        self.opener.tell((inside, self.opener_post.ticket()));
        if let Some(clients) = &self.clients
            && clients.send((random, self.ledger.open())).is_err()
        {
            self.ledger.complain("the clients outside have gone");
        }
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        self.clients = None;
        if let Some(thread) = self.thread.take() {
            // Whatever it panicked about has been told.
            let _ = thread.join();
        }
    }
}
