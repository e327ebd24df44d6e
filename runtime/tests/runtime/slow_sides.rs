//! Back-pressure through sockets: a slow actor slows the peer down that writes to it, a slow peer the actor.

use potoroo_runtime::io::{Connection, Frame, Frames, Framing, Link, Listener, Protocol, Serve};
use potoroo_runtime::sys::net::TcpListener;
use potoroo_runtime::{Actor, ActorRef, Context, MailboxLimits, Recipient, System, Turn};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const LINES: Framing = Framing::Lines { line_bytes_max: 1000 };

fn system() -> System {
    System::builder()
        .workers(2)
        .mailbox(MailboxLimits::default().soft_messages(64))
        .build()
        .expect("starts")
}

/// Stands still in its first message until it may go on.
struct Slow {
    open: Arc<AtomicBool>,
    handled: Arc<AtomicU64>,
}

impl Actor for Slow {
    type Msg = usize;

    fn handle(&mut self, _: usize, _: &mut Context<'_, Self>) -> Turn {
        while !self.open.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_micros(100));
        }
        self.handled.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Passes the length of each line on.
struct Lengths(ActorRef<Slow>);

impl Protocol for Lengths {
    type Msg = ();
    type Codec = Frames;

    fn frame(&mut self, frame: Frame<'_>, _: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        self.0.tell(frame.bytes.len());
        Ok(())
    }
}

#[test]
fn a_slow_actor_holds_back_the_peer_that_floods_it() {
    let system = system();
    let (open, handled) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let slow = {
        let (open, handled) = (open.clone(), handled.clone());
        system.spawn_on(0, move |_| Ok(Slow { open, handled }))
    };
    let socket = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let address = socket.local_address().expect("bound");
    system.spawn_on(1, move |ctx| {
        let serve = Serve::new(LINES, move |_: Option<SocketAddr>| Lengths(slow.clone()));
        Listener::new(socket, serve, ctx)
    });
    let mut client = TcpStream::connect(address).expect("somebody listens");
    client
        .set_write_timeout(Some(Duration::from_millis(300)))
        .expect("a socket");
    // Short lines, so that what the kernel's buffers hold is many messages, and what the mailbox may hold few.
    let line = b"12345\n".repeat(1000);
    let mut sent = 0_u64;
    while client.write_all(&line).is_ok() {
        sent += 1000;
        assert!(sent < 50_000_000, "nobody holds this peer back");
    }
    let most = system.stats().total().received_remote + system.stats().total().sent_local;
    assert!(most < sent, "{most} of {sent} lines have been taken out of the socket");
    open.store(true, Ordering::Release);
    // The last write may have been cut short anywhere; whole lines before it have all been sent.
    while handled.load(Ordering::Relaxed) < sent {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(system.stats().total().mutes > 0);
}

/// Writes what it is told to a peer.
struct Writer(mpsc::Sender<Recipient<u64>>);

struct Number(u64);

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl Protocol for Writer {
    type Msg = Number;
    type Codec = Frames;

    fn opened(&mut self, _: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        self.0.send(ctx.me().recipient())?;
        Ok(())
    }

    fn frame(&mut self, _: Frame<'_>, _: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        Ok(())
    }

    fn message(&mut self, number: Number, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        writeln!(link.out(), "{:>99}", number.0)?;
        Ok(())
    }
}

/// Tells all numbers, a hundred in a turn.
struct Source {
    to: Recipient<u64>,
    told: Arc<AtomicU64>,
}

const NUMBERS: u64 = 500_000;

impl Actor for Source {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        let first = self.told.load(Ordering::Relaxed);
        for number in first..first + 100 {
            self.to.tell(number);
        }
        self.told.store(first + 100, Ordering::Relaxed);
        if first + 100 < NUMBERS {
            ctx.me().tell(());
        }
        Ok(())
    }
}

#[test]
fn a_peer_that_does_not_read_holds_back_the_actor_that_writes_to_it() {
    let system = system();
    let socket = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let address = socket.local_address().expect("bound");
    let (tell, opened) = mpsc::channel();
    system.spawn_on(1, move |ctx| {
        let serve = Serve::new(LINES, move |_: Option<SocketAddr>| Writer(tell.clone()));
        Listener::new(socket, serve, ctx)
    });
    let client = TcpStream::connect(address).expect("somebody listens");
    let to = opened.recv().expect("accepted");
    let told = Arc::new(AtomicU64::new(0));
    let source = {
        let told = told.clone();
        system.spawn_on(0, move |_| Ok(Source { to, told }))
    };
    source.tell(());
    // All would be 50 MB: the kernel takes a few, the connection's mark is one.
    let mut before = u64::MAX;
    while before != told.load(Ordering::Relaxed) {
        before = told.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!((1..NUMBERS).contains(&before), "{before}");
    let lines = BufReader::new(client).lines();
    for (expected, line) in (0..NUMBERS).zip(lines) {
        let line = line.expect("text");
        assert_eq!(line.trim().parse(), Ok(expected));
    }
    assert_eq!(told.load(Ordering::Relaxed), NUMBERS);
}
