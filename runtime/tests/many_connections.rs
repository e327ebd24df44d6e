//! Connections that come and go leave nothing behind: no descriptor, no memory. Alone in its process, so that both can be
//! counted.

#![cfg(target_os = "linux")]

use potoroo_runtime::io::{Acceptor, Connection, Frame, Frames, Framing, Limits, Link, Listener, Protocol, Spread};
use potoroo_runtime::sys::net::{Admission, TcpListener, TcpStream};
use potoroo_runtime::sys::process::raise_open_files_max;
use potoroo_runtime::{Context, System, Turn};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

struct Echo;

impl Protocol for Echo {
    type Msg = ();
    type Codec = Frames;

    /// The timer of a connection is due long after its end, and must keep nothing of it.
    fn limits(&self) -> Limits {
        Limits {
            frame_within: Some(Duration::from_secs(3600)),
            ..Limits::default()
        }
    }

    fn frame(&mut self, frame: Frame<'_>, link: &mut Link, _: &mut Context<'_, Connection<Self>>) -> Turn {
        link.send(frame.bytes);
        link.send(b"\n");
        Ok(())
    }
}

struct Server(Spread);

impl Acceptor for Server {
    type Msg = ();

    fn accepted(&mut self, mut stream: TcpStream, _: SocketAddr, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        let worker = self.0.place(&mut stream, ctx);
        let lines = Framing::Lines {
            line_bytes_max: 100_000,
        };
        ctx.spawn_on(worker, move |ctx| Connection::open(stream, lines, Echo, ctx));
        Ok(())
    }
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux").count()
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = statm.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("a number");
    pages * 4096
}

/// How many connections come and go.
const IN_ALL: usize = 10_000;

/// How many of them are open at a time, if the process may: each has two descriptors here.
const AT_A_TIME: usize = 2_000;

/// Descriptors for everything else.
const OTHERS: usize = 100;

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    let allowed = usize::try_from(raise_open_files_max()).unwrap_or(usize::MAX);
    let at_a_time = AT_A_TIME.min(allowed.saturating_sub(OTHERS) / 2);
    assert!(
        at_a_time > 0,
        "{allowed} descriptors are too few for a server and a client"
    );
    let rounds = IN_ALL.div_ceil(at_a_time);
    let system = System::builder().workers(2).build().expect("starts");
    let socket = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port is free");
    let address = socket.local_address().expect("bound");
    let admission = Admission::unlimited();
    let admits = admission.clone();
    system.spawn_on(0, move |ctx| {
        Listener::limited(socket, Server(Spread::new(2)), admits, ctx)
    });
    let line = [vec![b'x'; 50_000], vec![b'\n']].concat();
    let round = || {
        let mut clients: Vec<_> = (0..at_a_time)
            .map(|_| std::net::TcpStream::connect(address).expect("somebody listens"))
            .collect();
        for client in &mut clients {
            client.write_all(&line).expect("taken");
            let mut back = vec![0; line.len()];
            client.read_exact(&mut back).expect("answered");
            assert!(back == line);
        }
        // All have spoken, half a line more has come from each, and all are still open.
        for client in &mut clients {
            client.write_all(b"half a line").expect("taken");
        }
        let open = resident_bytes();
        for (n, client) in clients.into_iter().enumerate() {
            // Some end in order, some within a frame, some by a reset.
            match n % 3 {
                0 => drop(client),
                // On a slow machine the half line may have taken too long for the server already.
                1 => drop(client.shutdown(std::net::Shutdown::Both)),
                _ => socket2::SockRef::from(&client)
                    .set_linger(Some(Duration::ZERO))
                    .expect("a socket"),
            }
        }
        while admission.open() > 0 {
            std::thread::yield_now();
        }
        open
    };
    let before = resident_bytes();
    let open = round();
    // A buffer of 64 KiB for each would be 131 MB.
    let each = open.saturating_sub(before) / at_a_time;
    assert!(
        each < 16 * 1024,
        "{each} bytes for each of {at_a_time} open connections"
    );
    let (descriptors_after_one, bytes_after_one) = (descriptors(), resident_bytes());
    for _ in 1..rounds {
        round();
    }
    assert_eq!(admission.admitted(), (rounds * at_a_time) as u64);
    assert_eq!(descriptors(), descriptors_after_one);
    let grown = resident_bytes().saturating_sub(bytes_after_one);
    assert!(
        grown < 4_000_000,
        "{grown} bytes more after {} more connections",
        (rounds - 1) * at_a_time
    );
}
