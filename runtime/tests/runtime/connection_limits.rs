//! What connections may take: time, memory, number. Each limit is reached here by a peer that misbehaves.

use potoroo_runtime::io::{
    Acceptor, CloseReason, Connection, Frame, Frames, Framing, Limits, Link, Listener, Protocol, Spread,
};
use potoroo_runtime::sys::net::{Admission, Stream, TcpListener, TcpStream};
use potoroo_runtime::{Context, System, Turn};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

const LINES: Framing = Framing::Lines { line_bytes_max: 1000 };

/// Answers `large N` with N bytes and everything else with itself; says why it was closed and where it was.
#[derive(Clone)]
struct Probe {
    limits: Limits,
    tell: Sender<String>,
    unsent_most: usize,
}

impl Protocol for Probe {
    type Msg = ();
    type Codec = Frames;

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    fn opened(&mut self, _: &mut Link, ctx: &mut Context<'_, Connection<Self>>) -> Turn {
        let _ = self.tell.send(format!("opened on {}", ctx.worker()));
        Ok(())
    }

    fn frame(&mut self, frame: Frame<'_>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        let text = std::str::from_utf8(frame.bytes)?;
        match text.strip_prefix("large ") {
            Some(size) => link.send_owned(vec![b'x'; size.parse()?]),
            None => link.send(format!("{text}\n").as_bytes()),
        }
        self.unsent_most = self.unsent_most.max(link.unsent_bytes());
        Ok(())
    }

    fn closed(&mut self, why: &CloseReason, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        let _ = self.tell.send(format!("{} unsent at most; {why}", self.unsent_most));
        link.send(b"good bye\n");
        link.finish();
        Ok(())
    }

    fn stopping(&mut self, _: &potoroo_runtime::ExitReason, _: &mut Context<'_, Connection<Self>>) {
        let _ = self.tell.send("gone".into());
    }
}

struct Server {
    probe: Probe,
    spread: Spread,
}

impl Acceptor for Server {
    type Msg = ();

    fn accepted(&mut self, mut stream: TcpStream, _: SocketAddr, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        let probe = self.probe.clone();
        let worker = self.spread.place(&mut stream, ctx);
        ctx.spawn_on(worker, move |ctx| Connection::open(stream, LINES, probe, ctx));
        Ok(())
    }

    fn refused(&mut self, stream: &mut Stream, _: &mut Context<'_, Listener<Self>>) -> Turn {
        let _ = stream.write(b"full\n");
        Ok(())
    }
}

struct Serving {
    _system: System,
    address: SocketAddr,
    heard: Receiver<String>,
    spread: Spread,
    admission: Admission,
}

impl Serving {
    fn with(limits: Limits) -> Self {
        Self::admitting(limits, Admission::unlimited())
    }

    fn admitting(limits: Limits, admission: Admission) -> Self {
        let socket = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
        Self::on(vec![socket], limits, admission)
    }

    fn on(sockets: Vec<TcpListener>, limits: Limits, admission: Admission) -> Self {
        let system = System::builder().workers(2).build().expect("starts");
        let address = sockets[0].local_address().expect("bound");
        let (tell, heard) = mpsc::channel();
        let spread = Spread::new(2);
        for (worker, socket) in sockets.into_iter().enumerate() {
            let probe = Probe {
                limits: limits.clone(),
                tell: tell.clone(),
                unsent_most: 0,
            };
            let server = Server {
                probe,
                spread: spread.clone(),
            };
            let admission = admission.clone();
            system.spawn_on(worker, move |ctx| Listener::limited(socket, server, admission, ctx));
        }
        Self {
            _system: system,
            address,
            heard,
            spread,
            admission,
        }
    }

    fn connect(&self) -> std::net::TcpStream {
        std::net::TcpStream::connect(self.address).expect("somebody listens")
    }

    fn hear(&self) -> String {
        self.heard.recv().expect("the server lives")
    }

    /// What the next connection says about its end, after it has said where it was opened.
    fn why(&self) -> String {
        let opened = self.hear();
        assert!(opened.starts_with("opened on "), "{opened}");
        self.hear()
    }
}

fn rest(client: &mut std::net::TcpStream) -> String {
    let mut back = String::new();
    client.read_to_string(&mut back).expect("an orderly end");
    back
}

#[test]
fn a_connection_that_is_idle_ends() {
    let serving = Serving::with(Limits {
        idle_max: Some(Duration::from_millis(50)),
        ..Limits::default()
    });
    let mut client = serving.connect();
    client.write_all(b"hello\n").expect("taken");
    assert_eq!(rest(&mut client), "hello\ngood bye\n");
    assert_eq!(serving.why(), "6 unsent at most; the connection was idle for too long");
}

#[test]
fn a_frame_that_takes_too_long_ends_its_connection_with_an_answer() {
    let serving = Serving::with(Limits {
        frame_within: Some(Duration::from_millis(50)),
        frame_rate_min: 0,
        ..Limits::default()
    });
    let mut client = serving.connect();
    let mut another = serving.connect();
    client.write_all(b"hello\nnever end").expect("taken");
    assert_eq!(rest(&mut client), "hello\ngood bye\n");
    // Between frames there is all the time in the world.
    another.write_all(b"late\n").expect("taken");
    another.shutdown(std::net::Shutdown::Write).expect("open");
    assert_eq!(rest(&mut another), "late\ngood bye\n");
    let all: Vec<_> = (0..6).map(|_| serving.hear()).collect();
    let slow = "6 unsent at most; the frame at byte 6 takes too long: 9 bytes of it have come";
    assert!(all.iter().any(|heard| heard == slow), "{all:?}");
}

#[test]
fn a_peer_that_never_reads_is_given_up() {
    let serving = Serving::with(Limits {
        stall_max: Some(Duration::from_millis(100)),
        ..Limits::default()
    });
    let mut client = serving.connect();
    client.write_all(b"large 20000000\n").expect("taken");
    assert_eq!(serving.why(), "20000000 unsent at most; the peer reads nothing");
    assert_eq!(serving.hear(), "gone");
    let mut back = Vec::new();
    // The kernel's buffers still hold some; then comes an end or a reset, but not all of it.
    let _ = client.read_to_end(&mut back);
    assert!(back.len() < 20_000_000);
}

#[test]
fn a_peer_that_reads_too_little_is_cut_off_at_the_limit() {
    let serving = Serving::with(Limits {
        unsent_bytes_max: 30_000_000,
        ..Limits::default()
    });
    let mut client = serving.connect();
    client.write_all(b"large 40000000\n").expect("taken");
    let why = serving.why();
    assert!(why.contains("unsent, the limit is 30000000"), "{why}");
    assert_eq!(serving.hear(), "gone");
}

#[test]
fn what_is_unsent_holds_back_reading_without_help_of_the_protocol() {
    let serving = Serving::with(Limits {
        unsent_bytes_high: 100_000,
        unsent_bytes_low: 50_000,
        ..Limits::default()
    });
    let mut client = serving.connect();
    let mut reader = client.try_clone().expect("a second handle");
    // 40 MB: far more than both kernels' buffers hold.
    const COUNT: usize = 50_000;
    let line = [vec![b'x'; 799], vec![b'\n']].concat();
    let expected = line.clone();
    let written = Arc::new(AtomicUsize::new(0));
    let writes = Arc::clone(&written);
    let writer = std::thread::spawn(move || {
        for _ in 0..COUNT {
            client.write_all(&line).expect("taken");
            writes.fetch_add(1, Ordering::Relaxed);
        }
        client.shutdown(std::net::Shutdown::Write).expect("open");
    });
    // Nothing is read until nothing more can be written, however slow the machine is.
    let mut before = 0;
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let now = written.load(Ordering::Relaxed);
        if now > 0 && now == before {
            break;
        }
        before = now;
    }
    let mut back = vec![0; 800];
    for _ in 0..COUNT {
        reader.read_exact(&mut back).expect("answered");
        assert!(back == expected);
    }
    assert_eq!(rest(&mut reader), "good bye\n");
    writer.join().expect("no panic");
    let why = serving.why();
    let most: usize = why
        .split(' ')
        .next()
        .and_then(|most| most.parse().ok())
        .expect("a number");
    // The line that crossed the mark counts.
    assert!((100_001..=100_800).contains(&most), "{why}");
}

#[test]
fn a_reset_is_told_apart_from_an_end() {
    let serving = Serving::with(Limits::default());
    let mut client = serving.connect();
    client.write_all(b"hello\n").expect("taken");
    let mut back = [0; 6];
    client.read_exact(&mut back).expect("answered");
    // Closing resets now.
    socket2::SockRef::from(&client)
        .set_linger(Some(Duration::ZERO))
        .expect("a socket");
    drop(client);
    let why = serving.why();
    assert!(why.contains("the connection broke: "), "{why}");
}

#[test]
fn the_last_word_arrives_although_the_peer_goes_on_sending() {
    let serving = Serving::with(Limits {
        linger: Duration::from_secs(60),
        ..Limits::default()
    });
    let mut client = serving.connect();
    // No line of this length is accepted; 20 MB of it are under way when the answer comes.
    let junk = vec![b'x'; 20_000_000];
    client.write_all(&junk).expect("all of it is taken, by nobody");
    assert_eq!(rest(&mut client), "good bye\n");
    let why = serving.why();
    assert!(why.contains("the limit is 1000"), "{why}");
    drop(client);
    assert_eq!(serving.hear(), "gone");
}

#[test]
fn lingering_ends() {
    let serving = Serving::with(Limits {
        linger: Duration::from_millis(20),
        ..Limits::default()
    });
    let mut client = serving.connect();
    client.write_all(&[b'x'; 2000]).expect("taken");
    let why = serving.why();
    assert!(why.contains("the limit is 1000"), "{why}");
    assert_eq!(serving.hear(), "gone", "although the client is still there");
}

#[test]
fn an_attempt_to_connect_ends_in_time() {
    // A queue of one that is full: what comes more is left without an answer.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .expect("a port is free");
    socket.listen(0).expect("bound");
    let address = socket
        .local_addr()
        .expect("bound")
        .as_socket()
        .expect("of the internet");
    let mut waiting = Vec::new();
    while let Ok(client) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(client);
    }
    let system = System::builder().workers(1).build().expect("starts");
    let (tell, heard) = mpsc::channel();
    let probe = Probe {
        limits: Limits {
            connect_within: Duration::from_millis(100),
            ..Limits::default()
        },
        tell,
        unsent_most: 0,
    };
    system.spawn_on(0, move |ctx| Connection::connect(address, LINES, probe, ctx));
    assert_eq!(
        heard.recv().as_deref(),
        Ok("0 unsent at most; cannot connect: no answer in time")
    );
}

#[test]
fn one_connection_too_many_is_told_so() {
    let serving = Serving::admitting(Limits::default(), Admission::new(2));
    let first = serving.connect();
    let _second = serving.connect();
    let mut third = serving.connect();
    assert_eq!(rest(&mut third), "full\n");
    assert_eq!((serving.admission.open(), serving.admission.refused()), (2, 1));
    drop(first);
    while serving.admission.open() == 2 {
        std::thread::yield_now();
    }
    let mut fourth = serving.connect();
    fourth.write_all(b"hello\n").expect("taken");
    let mut back = [0; 6];
    fourth.read_exact(&mut back).expect("answered");
    assert_eq!(serving.admission.admitted(), 3);
}

#[test]
fn those_who_wait_get_in_when_others_leave() {
    let serving = Serving::admitting(Limits::default(), Admission::new(1).waiting());
    let first = serving.connect();
    while serving.admission.open() == 0 {
        std::thread::yield_now();
    }
    // The kernel has taken it, the listener has not.
    let mut second = serving.connect();
    second.write_all(b"hello\n").expect("taken");
    second
        .set_read_timeout(Some(Duration::from_millis(50)))
        .expect("a socket");
    let error = second.read(&mut [0; 6]).expect_err("nobody answers yet");
    assert!(
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{error}"
    );
    second.set_read_timeout(None).expect("a socket");
    drop(first);
    let mut back = [0; 6];
    second.read_exact(&mut back).expect("answered");
    assert_eq!((serving.admission.admitted(), serving.admission.refused()), (2, 0));
}

#[test]
fn connections_are_spread_evenly_and_stay_so() {
    let serving = Serving::with(Limits::default());
    let mut clients: Vec<_> = (0..50).map(|_| serving.connect()).collect();
    for _ in 0..50 {
        serving.hear();
    }
    assert_eq!((serving.spread.open_on(0), serving.spread.open_on(1)), (25, 25));
    // Only those on one worker leave.
    let mut kept = Vec::new();
    for (n, client) in clients.drain(..).enumerate() {
        if n % 2 == 0 {
            drop(client);
        } else {
            kept.push(client);
        }
    }
    let open = || serving.spread.open_on(0) + serving.spread.open_on(1);
    while open() > 25 {
        std::thread::yield_now();
    }
    let left = (serving.spread.open_on(0), serving.spread.open_on(1));
    assert!(left == (0, 25) || left == (25, 0), "{left:?}");
    kept.extend((0..25).map(|_| serving.connect()));
    while open() < 50 {
        std::thread::yield_now();
    }
    assert_eq!((serving.spread.open_on(0), serving.spread.open_on(1)), (25, 25));
}

#[cfg(target_os = "linux")]
#[test]
fn a_listener_on_each_worker_gets_some_of_the_connections() {
    let sockets = TcpListener::bind_each(([127, 0, 0, 1], 0).into(), 2).expect("a port is free");
    let system = System::builder().workers(2).build().expect("starts");
    let address = sockets[0].local_address().expect("bound");
    /// Stays where the kernel put it.
    struct Stay(Sender<usize>);
    impl Acceptor for Stay {
        type Msg = ();
        fn accepted(&mut self, _: TcpStream, _: SocketAddr, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
            let _ = self.0.send(ctx.worker());
            Ok(())
        }
    }
    let (tell, heard) = mpsc::channel();
    for (worker, socket) in sockets.into_iter().enumerate() {
        let stay = Stay(tell.clone());
        system.spawn_on(worker, move |ctx| Listener::new(socket, stay, ctx));
    }
    let clients: Vec<_> = (0..100)
        .map(|_| std::net::TcpStream::connect(address).expect("somebody listens"))
        .collect();
    let on: Vec<_> = heard.iter().take(clients.len()).collect();
    // A hash puts a hundred in one place once in 2^99 times.
    assert!(on.contains(&0) && on.contains(&1), "{on:?}");
}
