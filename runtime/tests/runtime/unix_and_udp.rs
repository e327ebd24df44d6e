//! Unix sockets and datagrams: the same protocols over other sockets.

use potoroo_runtime::io::{
    Acceptor, CloseReason, Connection, DatagramProtocol, Datagrams, Frame, Frames, Framing, Link, Listener,
    ListenerMsg, Protocol, Serve, Spread, UdpPort,
};
use potoroo_runtime::sys::net::{TcpListener, TcpStream, UdpSocket, UnixListener, UnixStream};
use potoroo_runtime::{Context, System, Turn};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};

const LINES: Framing = Framing::Lines { line_bytes_max: 1000 };

/// A path of this test's own.
fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("potoroo-{}-{name}.socket", std::process::id()))
}

struct Echo;

impl Protocol for Echo {
    type Msg = ();
    type Codec = Frames;

    fn frame(&mut self, frame: Frame<'_>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        link.send(frame.bytes);
        link.send(b"\n");
        Ok(())
    }
}

struct Server;

impl Acceptor for Server {
    type Msg = ();

    fn accepted(&mut self, stream: TcpStream, _: SocketAddr, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        ctx.spawn(move |ctx| Connection::open(stream, LINES, Echo, ctx));
        Ok(())
    }

    fn accepted_unix(&mut self, stream: UnixStream, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        ctx.spawn_on((ctx.worker() + 1) % ctx.workers(), move |ctx| {
            Connection::open(stream, LINES, Echo, ctx)
        });
        Ok(())
    }
}

#[test]
fn a_unix_socket_serves_the_same_protocol_and_its_path_goes_with_it() {
    let path = path("serves");
    let system = System::builder().workers(2).build().expect("starts");
    let socket = UnixListener::bind(&path).expect("the path is free");
    let listener = system.spawn(move |ctx| Listener::new(socket, Server, ctx));
    let mut client = std::os::unix::net::UnixStream::connect(&path).expect("somebody listens");
    client.write_all(b"one\ntwo\n").expect("taken");
    client.shutdown(std::net::Shutdown::Write).expect("open");
    let mut back = String::new();
    client.read_to_string(&mut back).expect("an orderly end");
    assert_eq!(back, "one\ntwo\n");
    listener.tell(ListenerMsg::StopAccepting);
    while path.exists() {
        std::thread::yield_now();
    }
}

#[test]
fn a_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not() {
    let path = path("replaced");
    // A listener of std leaves its path behind.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("the path is free"));
    assert!(path.exists());
    let socket = UnixListener::bind(&path).expect("nobody listens there");
    assert_eq!(socket.path(), path);
    let error = UnixListener::bind(&path).expect_err("somebody listens there");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    drop(socket);
    assert!(!path.exists());
    // What is no socket is nobody's to replace.
    std::fs::write(&path, "precious").expect("a writable directory");
    assert!(UnixListener::bind(&path).is_err());
    assert_eq!(std::fs::read_to_string(&path).expect("still there"), "precious");
    std::fs::remove_file(&path).expect("still there");
}

#[test]
fn one_kind_of_connection_is_served_to_everybody() {
    let path = path("everybody");
    let system = System::builder().workers(2).build().expect("starts");
    let spread = Spread::new(2);
    let by_path = UnixListener::bind(&path).expect("the path is free");
    let by_port = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let address = by_port.local_address().expect("bound");
    let serve = |peers: Sender<bool>| {
        Serve::new(LINES, move |peer| {
            let _ = peers.send(peer.is_some());
            Echo
        })
        .spread(spread.clone())
    };
    let (tell, heard) = mpsc::channel();
    let (serves_path, serves_port) = (serve(tell.clone()), serve(tell));
    system.spawn_on(0, move |ctx| Listener::new(by_path, serves_path, ctx));
    system.spawn_on(1, move |ctx| Listener::new(by_port, serves_port, ctx));
    let mut local = std::os::unix::net::UnixStream::connect(&path).expect("somebody listens");
    local.write_all(b"local\n").expect("taken");
    let mut back = [0; 6];
    local.read_exact(&mut back).expect("answered");
    assert_eq!(&back, b"local\n");
    let mut remote = std::net::TcpStream::connect(address).expect("somebody listens");
    remote.write_all(b"afar.\n").expect("taken");
    remote.read_exact(&mut back).expect("answered");
    assert_eq!(&back, b"afar.\n");
    assert_eq!(heard.iter().take(2).collect::<Vec<_>>(), [false, true]);
    assert_eq!((spread.open_on(0), spread.open_on(1)), (1, 1));
}

/// Sends what it is told and tells what comes back.
struct Asking(Sender<String>);

impl Protocol for Asking {
    type Msg = &'static str;
    type Codec = Frames;

    fn opened(&mut self, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        link.send(b"from the beginning\n");
        Ok(())
    }

    fn frame(&mut self, frame: Frame<'_>, _: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        let _ = self.0.send(String::from_utf8_lossy(frame.bytes).into_owned());
        Ok(())
    }

    fn message(&mut self, text: &'static str, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        link.send(text.as_bytes());
        Ok(())
    }

    fn closed(&mut self, why: &CloseReason, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        let _ = self.0.send(why.to_string());
        link.finish();
        Ok(())
    }
}

#[test]
fn two_ends_of_a_pair_and_a_client_of_a_path() {
    let path = path("client");
    let system = System::builder().workers(2).build().expect("starts");
    let socket = UnixListener::bind(&path).expect("the path is free");
    system.spawn(move |ctx| Listener::new(socket, Server, ctx));
    let (tell, heard) = mpsc::channel();
    let to = path.clone();
    let asking = system.spawn(move |ctx| Connection::connecting(UnixStream::connect(to)?, LINES, Asking(tell), ctx));
    assert_eq!(heard.recv().as_deref(), Ok("from the beginning"));
    asking.tell("more\n");
    assert_eq!(heard.recv().as_deref(), Ok("more"));

    let (one, other) = UnixStream::pair().expect("a pair");
    let (tell, heard) = mpsc::channel();
    system.spawn_on(0, move |ctx| Connection::open(one, LINES, Echo, ctx));
    system.spawn_on(1, move |ctx| Connection::open(other, LINES, Asking(tell), ctx));
    assert_eq!(heard.recv().as_deref(), Ok("from the beginning"));
}

/// Sends each datagram back, or, told so, many to one address.
struct Mirror;

impl DatagramProtocol for Mirror {
    type Msg = (SocketAddr, usize, Sender<(usize, u64)>);

    fn datagram(
        &mut self,
        bytes: &[u8],
        from: SocketAddr,
        port: &mut UdpPort,
        _: &mut Context<'_, Datagrams<Self>>,
    ) -> Turn {
        port.send_to(bytes, from);
        Ok(())
    }

    fn message(&mut self, msg: Self::Msg, port: &mut UdpPort, _: &mut Context<'_, Datagrams<Self>>) -> Turn {
        let (to, count, tell) = msg;
        port.set_unsent_bytes_max(10_000);
        let sent = (0..count).filter(|_| port.send_to(&[7; 1000], to)).count();
        assert!(port.unsent_bytes() <= 10_000, "{} bytes", port.unsent_bytes());
        let _ = tell.send((sent, port.dropped()));
        Ok(())
    }
}

#[test]
fn datagrams_of_many_come_back_to_each() {
    let system = System::builder().workers(2).build().expect("starts");
    let socket = UdpSocket::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let address = socket.local_address().expect("bound");
    system.spawn(move |ctx| Datagrams::open(socket, Mirror, ctx));
    let clients: Vec<_> = (0..10)
        .map(|_| std::net::UdpSocket::bind("127.0.0.1:0").expect("a port is free"))
        .collect();
    for round in 0..200_u32 {
        // One each at a time: nothing of this is too much for the kernel's buffers.
        for (n, client) in clients.iter().enumerate() {
            client
                .send_to(format!("{n} says {round}").as_bytes(), address)
                .expect("taken");
        }
        for (n, client) in clients.iter().enumerate() {
            let mut back = [0; 100];
            let (count, from) = client.recv_from(&mut back).expect("comes back");
            assert_eq!(
                (&back[..count], from),
                (format!("{n} says {round}").as_bytes(), address)
            );
        }
    }
    // The longest one there can be.
    let mut back = vec![0; 70_000];
    clients[0].send_to(&[1; 65_507], address).expect("taken");
    assert_eq!(clients[0].recv_from(&mut back).expect("comes back").0, 65_507);
    // An empty one is one.
    clients[0].send_to(&[], address).expect("taken");
    assert_eq!(clients[0].recv_from(&mut back).expect("comes back").0, 0);
}

#[test]
fn datagrams_that_nobody_takes_are_counted_and_never_pile_up() {
    let system = System::builder().workers(1).build().expect("starts");
    let socket = UdpSocket::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let address = socket.local_address().expect("bound");
    let port = system.spawn(move |ctx| Datagrams::open(socket, Mirror, ctx));
    let (tell, heard) = mpsc::channel();
    // There is no way from this socket to there: an address of the other family.
    let nowhere: SocketAddr = ([0, 0, 0, 0, 0, 0, 0, 1], 9).into();
    port.tell((nowhere, 50, tell.clone()));
    assert_eq!(heard.recv(), Ok((0, 50)));
    // The socket is as good as before.
    let client = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    client.send_to(b"hello", address).expect("taken");
    assert_eq!(client.recv_from(&mut [0; 10]).expect("comes back").0, 5);
    port.tell((client.local_addr().expect("bound"), 5000, tell));
    let (sent, dropped) = heard.recv().expect("not stopped by its own check");
    assert_eq!(sent as u64 + dropped, 5050);
}
