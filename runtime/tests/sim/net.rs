//! The simulated network: what TCP promises holds, each fault happens and has its effect, and programs get through.

use potoroo_runtime::io::{
    Connection, DatagramProtocol, Datagrams, Frame, Frames, Framing, Limits, Link, Listener, Protocol, Serve, UdpPort,
};
use potoroo_runtime::sim::{self, FaultKind, Faults, Report, Sim};
use potoroo_runtime::sys::net::{TcpListener, TcpStream, UdpSocket};
use potoroo_runtime::{Actor, ActorRef, Context, ExitReason, Recipient, Signal, System, Turn};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

const FRAMES: Framing = Framing::LengthPrefixed {
    frame_bytes_max: 1 << 20,
};
const ANY: ([u8; 4], u16) = ([0, 0, 0, 0], 0);
const SECOND: Duration = Duration::from_secs(1);

/// Sends every frame back.
struct Echo;

impl Protocol for Echo {
    type Msg = ();
    type Codec = Frames;

    fn frame(&mut self, frame: Frame<'_>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        link.send_frame(frame.bytes);
        Ok(())
    }
}

fn serve(system: &System, port: u16) -> SocketAddr {
    let socket = TcpListener::bind((ANY.0, port).into()).expect("the port is free");
    let address = socket.local_address().expect("bound");
    system.spawn(move |ctx| Listener::new(socket, Serve::new(FRAMES, |_| Echo), ctx));
    address
}

/// Asks for echoes of all numbers that are left, and tells who comes back.
struct Asking {
    left: Vec<u64>,
    padding: usize,
    answers: Recipient<u64>,
}

impl Protocol for Asking {
    type Msg = ();
    type Codec = Frames;

    fn limits(&self) -> Limits {
        Limits {
            connect_within: SECOND * 2,
            idle_max: Some(SECOND * 20),
            ..Limits::default()
        }
    }

    fn opened(&mut self, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        for number in &self.left {
            let mut payload = number.to_be_bytes().to_vec();
            payload.resize(8 + self.padding, *number as u8);
            link.send_frame(&payload);
        }
        Ok(())
    }

    fn frame(&mut self, frame: Frame<'_>, _: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        let (number, rest) = frame.bytes.split_first_chunk().expect("as long as what was sent");
        let number = u64::from_be_bytes(*number);
        assert_eq!(rest.len(), self.padding);
        assert!(rest.iter().all(|byte| *byte == number as u8), "bytes of another frame");
        self.answers.tell(number);
        Ok(())
    }
}

/// Asks again over another connection what was not answered over the last.
struct Client {
    server: SocketAddr,
    padding: usize,
    left: BTreeSet<u64>,
    answers: Recipient<u64>,
}

enum ClientMsg {
    Connect,
    Answer(u64),
}

impl From<u64> for ClientMsg {
    fn from(number: u64) -> Self {
        Self::Answer(number)
    }
}

impl Actor for Client {
    type Msg = ClientMsg;

    fn handle(&mut self, msg: ClientMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            ClientMsg::Connect => {
                let asking = Asking {
                    left: self.left.iter().copied().collect(),
                    padding: self.padding,
                    answers: ctx.me().recipient(),
                };
                let server = self.server;
                ctx.spawn(move |ctx| Connection::connect(server, FRAMES, asking, ctx));
            }
            // An answer that came over a connection that was given up comes again over the next.
            ClientMsg::Answer(number) if self.left.remove(&number) => self.answers.tell(number),
            ClientMsg::Answer(_) => {}
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        if let Signal::ChildExited { reason, .. } = signal {
            assert!(!matches!(reason, ExitReason::Panicked(_)), "{reason:?}");
            if !self.left.is_empty() {
                ctx.after(Duration::from_millis(100), ClientMsg::Connect);
            }
        }
        Ok(())
    }
}

fn client(system: &System, server: SocketAddr, numbers: u64, padding: usize, answers: Recipient<u64>) {
    let left = (0..numbers).collect();
    let client: ActorRef<Client> = system.spawn(move |_| {
        Ok(Client {
            server,
            padding,
            left,
            answers,
        })
    });
    client.tell(ClientMsg::Connect);
}

/// Lets time pass until the probe has been told so much, and makes sure that it is told no more.
fn gather(sim: &Sim, answers: &sim::Probe<u64>, numbers: u64, patience: u32) {
    for _ in 0..patience {
        if answers.waiting() as u64 >= numbers {
            break;
        }
        sim.advance(SECOND);
    }
    sim.advance(SECOND);
    let mut got = answers.drain();
    got.sort_unstable();
    assert_eq!(got, (0..numbers).collect::<Vec<_>>(), "each is answered once");
}

fn echo(sim: &Sim) {
    let answers = sim.probe();
    let server = serve(sim, 0);
    client(sim, server, 12, 3_000, answers.recipient());
    gather(sim, &answers, 12, 5);
}

#[test]
fn frames_survive_being_cut_in_every_way() {
    sim::explore(echo).random(150).run();
    sim::explore(echo).random(50).workers(1).seed(1_000).run();
    sim::explore(echo).pct(2, 30).run();
}

fn reconnecting(sim: &Sim) {
    let (here, there) = (sim.here(), sim.node("server"));
    there.start(|| {
        let system = System::builder().workers(2).pin(false).build().expect("starts");
        serve(&system, 7);
        system
    });
    let answers = sim.probe();
    client(sim, there.address(7), 20, 500, answers.recipient());
    sim.advance(SECOND * 30);
    if sim.choose(4) == 0 {
        sim.partition(&here, &there);
        sim.advance(SECOND * 30);
    }
    sim.calm();
    gather(sim, &answers, 20, 600);
}

fn through_a_bad_network(runs: u64, seed: u64) -> Report {
    sim::explore(reconnecting)
        .faults(Faults::harsh())
        .random(runs)
        .seed(seed)
        .run()
}

#[test]
fn who_asks_again_gets_each_answer_once_through_any_fault() {
    let report = through_a_bad_network(120, 0);
    for kind in [
        FaultKind::Refused,
        FaultKind::Ignored,
        FaultKind::Reset,
        FaultKind::Stalled,
        FaultKind::HalfOpen,
        FaultKind::Partition,
    ] {
        assert!(report.injected.count(kind) > 0, "{kind:?} has not happened: {report}");
    }
}

#[test]
fn a_seed_is_a_run_with_a_network_in_it() {
    assert_eq!(through_a_bad_network(10, 7).hash, through_a_bad_network(10, 7).hash);
    assert_ne!(through_a_bad_network(10, 7).hash, through_a_bad_network(10, 8).hash);
}

/// A connection of the scenario itself: who connected, and who was connected to.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(ANY.into()).expect("a port is free");
    let mut address = listener.local_address().expect("bound");
    address.set_ip([127, 0, 0, 1].into());
    let client = TcpStream::connect_within(address, SECOND).expect("somebody listens");
    let (server, peer) = listener.accept().expect("it has connected");
    assert!(peer.ip().is_loopback());
    assert_eq!(server.peer_address().expect("connected"), peer);
    (client, server)
}

/// All that arrives within a while.
fn arrived(sim: &Sim, stream: &mut TcpStream, within: Duration) -> Result<Vec<u8>, ErrorKind> {
    sim.advance(within);
    let (mut all, mut piece) = (Vec::new(), [0; 700]);
    loop {
        match stream.recv(&mut piece) {
            Ok(0) => return Ok(all),
            Ok(count) => all.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(all),
            Err(error) => return Err(error.kind()),
        }
    }
}

fn random(scenario: impl Fn(&Sim), faults: Faults) -> Report {
    sim::explore(scenario).random(40).faults(faults).run()
}

#[test]
fn a_stream_is_bounded_keeps_its_order_and_ends_in_each_direction_by_itself() {
    random(
        |sim| {
            let (mut client, mut server) = pair();
            let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
            let mut sent = client.send(&bytes).expect("there is room");
            let full = client.send(&bytes[sent..]).expect_err("a buffer has an end").kind();
            assert_eq!(full, ErrorKind::WouldBlock);
            let mut got = Vec::new();
            while got.len() < bytes.len() {
                got.extend(arrived(sim, &mut server, SECOND).expect("no fault"));
                sim.advance(SECOND);
                if sent < bytes.len() {
                    sent += client.send(&bytes[sent..]).expect("what was read has made room");
                }
            }
            assert_eq!(got, bytes);
            client.shut_down_write().expect("once");
            assert_eq!(client.send(b"x").expect_err("it is shut").kind(), ErrorKind::BrokenPipe);
            assert_eq!(server.send(b"still").expect("the other way is open"), 5);
            assert_eq!(arrived(sim, &mut server, SECOND), Ok(Vec::new()));
            assert_eq!(server.recv(&mut [0; 4]).expect("the end"), 0);
            assert_eq!(arrived(sim, &mut client, SECOND), Ok(b"still".to_vec()));
        },
        Faults {
            latency_max: Duration::from_millis(10),
            ..Faults::none()
        },
    );
}

#[test]
fn who_closes_with_bytes_unread_resets() {
    random(
        |sim| {
            let (mut client, server) = pair();
            client.send(b"question").expect("there is room");
            sim.advance(SECOND);
            drop(server);
            assert_eq!(arrived(sim, &mut client, SECOND), Err(ErrorKind::ConnectionReset));
        },
        Faults::none(),
    );
}

#[test]
fn a_reset_is_an_error_on_both_sides() {
    let report = random(
        |sim| {
            let (mut client, mut server) = pair();
            client.send(b"question").expect("there is room");
            assert_eq!(arrived(sim, &mut server, SECOND), Err(ErrorKind::ConnectionReset));
            assert_eq!(arrived(sim, &mut client, SECOND), Err(ErrorKind::ConnectionReset));
        },
        Faults {
            reset: 1.0,
            ..Faults::none()
        },
    );
    assert_eq!(report.injected.count(FaultKind::Reset), report.runs);
}

#[test]
fn a_half_open_connection_says_nothing_until_the_sender_gives_up() {
    let report = random(
        |sim| {
            let (mut client, mut server) = pair();
            client.send(b"question").expect("there is room");
            assert_eq!(arrived(sim, &mut server, SECOND * 600), Ok(Vec::new()));
            assert_eq!(arrived(sim, &mut client, SECOND), Ok(Vec::new()));
            assert_eq!(arrived(sim, &mut client, SECOND * 600), Err(ErrorKind::TimedOut));
            assert_eq!(
                arrived(sim, &mut server, SECOND),
                Ok(Vec::new()),
                "it has sent nothing, and hears nothing"
            );
        },
        Faults {
            half_open: 1.0,
            ..Faults::none()
        },
    );
    assert!(report.injected.count(FaultKind::HalfOpen) >= 40);
}

#[test]
fn connecting_is_refused_or_never_answered() {
    let try_to_connect = |port: u16| TcpStream::connect_within(([127, 0, 0, 1], port).into(), SECOND * 300);
    random(
        move |_| {
            let error = try_to_connect(9).expect_err("nobody listens");
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        },
        Faults::none(),
    );
    let refused = Faults {
        refuse: 1.0,
        ..Faults::none()
    };
    let ignored = Faults {
        ignore: 1.0,
        ..Faults::none()
    };
    for (faults, expected) in [(refused, ErrorKind::ConnectionRefused), (ignored, ErrorKind::TimedOut)] {
        random(
            move |sim| {
                let listener = TcpListener::bind(ANY.into()).expect("a port is free");
                let port = listener.local_address().expect("bound").port();
                let before = sim.now();
                let error = try_to_connect(port).expect_err("a fault");
                assert_eq!(error.kind(), expected);
                assert_eq!(expected == ErrorKind::TimedOut, sim.now() - before > SECOND * 100);
            },
            faults,
        );
    }
}

#[test]
fn what_is_stalled_arrives_late_and_in_order() {
    let report = random(
        |sim| {
            let (mut client, mut server) = pair();
            client.send(b"one").expect("there is room");
            client.send(b"two").expect("there is room");
            assert_eq!(arrived(sim, &mut server, SECOND * 100), Ok(b"onetwo".to_vec()));
        },
        Faults {
            stall: 0.5,
            stall_max: SECOND * 50,
            ..Faults::none()
        },
    );
    assert!(report.injected.count(FaultKind::Stalled) > 20);
}

#[test]
fn a_partition_holds_back_what_is_sent_into_it_until_it_heals() {
    random(
        |sim| {
            let (here, there) = (sim.here(), sim.node("there"));
            let listener = there.run(|| TcpListener::bind((ANY.0, 7).into()).expect("free"));
            let mut client = TcpStream::connect_within(there.address(7), SECOND).expect("connected");
            let (mut server, peer) = there.run(|| listener.accept().expect("one waits"));
            assert_eq!(peer.ip(), here.address(0).ip());
            sim.partition_one_way(&here, &there);
            client.send(b"to").expect("there is room");
            server.send(b"fro").expect("there is room");
            assert_eq!(arrived(sim, &mut server, SECOND * 60), Ok(Vec::new()));
            assert_eq!(arrived(sim, &mut client, SECOND), Ok(b"fro".to_vec()));
            sim.heal();
            assert_eq!(arrived(sim, &mut server, SECOND), Ok(b"to".to_vec()));
            sim.partition(&here, &there);
            let error = TcpStream::connect_within(there.address(7), SECOND * 5).expect_err("nobody answers");
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        },
        Faults::none(),
    );
}

#[test]
fn addresses_are_as_on_a_machine() {
    random(
        |sim| {
            let node = sim.node("other");
            let first = TcpListener::bind(([127, 0, 0, 1], 80).into()).expect("free");
            assert_eq!(first.local_address().expect("bound").port(), 80);
            let taken = TcpListener::bind((ANY.0, 80).into()).expect_err("taken").kind();
            assert_eq!(taken, ErrorKind::AddrInUse);
            let elsewhere = TcpListener::bind(node.address(80))
                .expect_err("another machine's")
                .kind();
            assert_eq!(elsewhere, ErrorKind::AddrNotAvailable);
            let other = node.run(|| TcpListener::bind((ANY.0, 80).into()).expect("free there"));
            drop(first);
            let again = TcpListener::bind_each((ANY.0, 80).into(), 2).expect("free again");
            assert_eq!(again.len(), 2);
            drop((again, other));
            #[cfg(unix)]
            {
                let refused = potoroo_runtime::sys::net::UnixListener::bind("/nowhere").expect_err("there are none");
                assert_eq!(refused.kind(), ErrorKind::Unsupported);
            }
        },
        Faults::none(),
    );
}

/// Tells the numbers that arrive.
struct Numbers(Recipient<u64>);

impl DatagramProtocol for Numbers {
    type Msg = ();

    fn datagram(&mut self, bytes: &[u8], _: SocketAddr, _: &mut UdpPort, _: &mut Context<'_, Datagrams<Self>>) -> Turn {
        let number = bytes.try_into().expect("eight bytes");
        self.0.tell(u64::from_be_bytes(number));
        Ok(())
    }
}

/// Sends 100 numbers, and gives what arrives.
fn datagrams(sim: &Sim) -> Vec<u64> {
    let socket = UdpSocket::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let address = socket.local_address().expect("bound");
    let numbers = sim.probe();
    let receiver = Numbers(numbers.recipient());
    sim.spawn(move |ctx| Datagrams::open(socket, receiver, ctx));
    sim.run_until_quiet();
    let sender = UdpSocket::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    for number in 0..100_u64 {
        sender.send_to(&number.to_be_bytes(), address).expect("sent");
    }
    sim.advance(SECOND);
    numbers.drain()
}

#[test]
fn datagrams_are_lost_doubled_and_reordered() {
    let all: Vec<u64> = (0..100).collect();
    let expected = all.clone();
    sim::explore(move |sim| assert_eq!(datagrams(sim), expected))
        .exhaustive()
        .run();
    let lossy = Faults {
        datagram_loss: 0.1,
        ..Faults::none()
    };
    let report = random(|sim| assert!(datagrams(sim).len() < 100), lossy);
    assert!(report.injected.count(FaultKind::DatagramLost) > 100);
    let doubling = Faults {
        datagram_twice: 0.1,
        ..Faults::none()
    };
    random(|sim| assert!(datagrams(sim).len() > 100), doubling);
    let late = Faults {
        datagram_late: 0.1,
        ..Faults::none()
    };
    random(
        move |sim| {
            let mut got = datagrams(sim);
            assert_ne!(got, all, "some are overtaken");
            got.sort_unstable();
            assert_eq!(got, all);
        },
        late,
    );
}
