//! Connections: frames in and out, limits, pauses, ends, over real sockets.

use potoroo_runtime::io::{
    Acceptor, CloseReason, Connection, Frame, Frames, Framing, Link, Listener, ListenerMsg, Protocol,
};
use potoroo_runtime::sys::net::{TcpListener, TcpStream};
use potoroo_runtime::{ActorRef, Context, System, Turn};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};

/// Sends every frame back, pausing while the peer does not read.
struct Echo {
    tell: Sender<String>,
}

/// How much may be unsent before reading pauses.
const UNSENT_BYTES_MAX: usize = 100_000;

impl Protocol for Echo {
    type Msg = ();
    type Codec = Frames;

    fn frame(&mut self, frame: Frame<'_>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        link.send_frame(frame.bytes);
        if link.unsent_bytes() > UNSENT_BYTES_MAX {
            link.pause();
        }
        Ok(())
    }

    fn turn_end(&mut self, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        if link.unsent_bytes() == 0 {
            link.resume();
        }
        Ok(())
    }

    fn closed(&mut self, why: &CloseReason, link: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        let _ = self.tell.send(why.to_string());
        match why {
            CloseReason::PeerFinished => link.finish(),
            _ => ctx.stop(),
        }
        Ok(())
    }
}

struct Server {
    framing: Framing,
    tell: Sender<String>,
}

impl Acceptor for Server {
    type Msg = ();

    fn accepted(&mut self, stream: TcpStream, peer: SocketAddr, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        let echo = Echo {
            tell: self.tell.clone(),
        };
        let framing = self.framing;
        let worker = usize::from(peer.port()) % ctx.workers();
        ctx.spawn_on(worker, move |ctx| Connection::open(stream, framing, echo, ctx));
        Ok(())
    }
}

fn serve(system: &System, framing: Framing) -> (ActorRef<Listener<Server>>, SocketAddr, Receiver<String>) {
    let socket = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let address = socket.local_address().expect("bound");
    let (tell, heard) = mpsc::channel();
    let listener = system.spawn(move |ctx| Listener::new(socket, Server { framing, tell }, ctx));
    (listener, address, heard)
}

const FRAMES: Framing = Framing::LengthPrefixed {
    frame_bytes_max: 10_000,
};

fn connect(address: SocketAddr) -> std::net::TcpStream {
    std::net::TcpStream::connect(address).expect("somebody listens")
}

fn frame(bytes: &[u8]) -> Vec<u8> {
    let mut frame = (bytes.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(bytes);
    frame
}

#[test]
fn a_hundred_connections_get_their_own_frames_back() {
    let system = System::builder().workers(2).build().expect("starts");
    let (_, address, _heard) = serve(&system, FRAMES);
    std::thread::scope(|scope| {
        for n in 0..100_u32 {
            scope.spawn(move || {
                let mut client = connect(address);
                for round in 0..50_u32 {
                    let sent = frame(format!("{n} says {round}").as_bytes());
                    client.write_all(&sent).expect("taken");
                    let mut back = vec![0; sent.len()];
                    client.read_exact(&mut back).expect("answered");
                    assert_eq!(back, sent);
                }
            });
        }
    });
}

#[test]
fn a_peer_that_reads_late_gets_everything_and_holds_back_its_own_sending() {
    let system = System::builder().workers(2).build().expect("starts");
    let (_, address, _heard) = serve(&system, FRAMES);
    let mut client = connect(address);
    let mut reader = client.try_clone().expect("a second handle");
    // 40 MB: far more than both kernels' buffers hold.
    const COUNT: u32 = 4000;
    let writer = std::thread::spawn(move || {
        for n in 0..COUNT {
            let mut payload = vec![0; 10_000];
            payload[..4].copy_from_slice(&n.to_be_bytes());
            client.write_all(&frame(&payload)).expect("taken");
        }
        client.shutdown(std::net::Shutdown::Write).expect("open");
    });
    std::thread::sleep(std::time::Duration::from_millis(50));
    for n in 0..COUNT {
        let mut back = vec![0; 10_004];
        reader.read_exact(&mut back).expect("answered");
        assert_eq!(back[4..8], n.to_be_bytes());
    }
    assert_eq!(reader.read(&mut [0; 1]).expect("an orderly end"), 0);
    writer.join().expect("no panic");
}

#[test]
fn the_last_line_is_answered_after_a_half_close() {
    let system = System::builder().workers(1).build().expect("starts");
    let (_, address, heard) = serve(&system, Framing::Lines { line_bytes_max: 100 });
    let mut client = connect(address);
    client.write_all(b"one\ntwo").expect("taken");
    client.shutdown(std::net::Shutdown::Write).expect("open");
    let mut back = Vec::new();
    client.read_to_end(&mut back).expect("an orderly end");
    assert_eq!(back, [frame(b"one"), frame(b"two")].concat());
    assert_eq!(heard.recv().as_deref(), Ok("the peer closed the connection"));
}

#[test]
fn a_frame_beyond_the_limit_ends_its_connection_and_no_other() {
    let system = System::builder().workers(2).build().expect("starts");
    let (_, address, heard) = serve(&system, FRAMES);
    let mut good = connect(address);
    let mut bad = connect(address);
    bad.write_all(&frame(b"fine")).expect("taken");
    bad.write_all(&[0, 1, 0, 0]).expect("taken");
    let mut back = Vec::new();
    // Whether the answer to the good frame gets out before the reset is a race.
    let _ = bad.read_to_end(&mut back);
    assert_eq!(
        heard.recv().as_deref(),
        Ok("the frame at byte 8 has a length of 65536 bytes, the limit is 10000")
    );
    good.write_all(&frame(b"still here")).expect("taken");
    let mut back = vec![0; 14];
    good.read_exact(&mut back).expect("answered");
    assert_eq!(back, frame(b"still here"));
}

#[test]
fn a_listener_that_stops_accepting_keeps_its_connections() {
    let system = System::builder().workers(2).build().expect("starts");
    let (listener, address, _heard) = serve(&system, FRAMES);
    let mut client = connect(address);
    let mut ask = |text: &[u8]| {
        client.write_all(&frame(text)).expect("taken");
        let mut back = vec![0; 4 + text.len()];
        client.read_exact(&mut back).expect("answered");
        assert_eq!(back, frame(text));
    };
    ask(b"before");
    listener.tell(ListenerMsg::StopAccepting);
    while std::net::TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    ask(b"after");
}

#[test]
fn a_connection_attempt_that_fails_is_told_to_the_protocol() {
    let nobody = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        socket.local_addr().expect("bound")
    };
    let system = System::builder().workers(1).build().expect("starts");
    let (tell, heard) = mpsc::channel();
    system.spawn_on(0, move |ctx| Connection::connect(nobody, FRAMES, Echo { tell }, ctx));
    let reason = heard.recv().expect("the protocol hears of it");
    assert!(reason.starts_with("cannot connect: "), "{reason}");
}
