//! Connections that come and go leave nothing behind: no descriptor, no memory. Alone in its process, so that both can be
//! counted.

#![cfg(target_os = "linux")]

use potoroo_runtime::io::{Acceptor, Connection, Frame, Frames, Framing, Link, Listener, Protocol, Spread};
use potoroo_runtime::sys::net::{Admission, TcpListener, TcpStream};
use potoroo_runtime::{Context, System, Turn};
use std::io::{Read, Write};
use std::net::SocketAddr;

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

/// How many are open at a time, with two descriptors each: within the usual limit of 1024.
const AT_A_TIME: usize = 400;

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
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
        let mut clients: Vec<_> = (0..AT_A_TIME)
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
                1 => client.shutdown(std::net::Shutdown::Both).expect("open"),
                _ => socket2::SockRef::from(&client)
                    .set_linger(Some(std::time::Duration::ZERO))
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
    // A buffer of 64 KiB for each would be 26 MB.
    let each = open.saturating_sub(before) / AT_A_TIME;
    assert!(
        each < 16 * 1024,
        "{each} bytes for each of {AT_A_TIME} open connections"
    );
    let (descriptors_after_one, bytes_after_one) = (descriptors(), resident_bytes());
    for _ in 0..4 {
        round();
    }
    assert_eq!(admission.admitted(), 5 * AT_A_TIME as u64);
    assert_eq!(descriptors(), descriptors_after_one);
    let grown = resident_bytes().saturating_sub(bytes_after_one);
    assert!(
        grown < 4_000_000,
        "{grown} bytes more after {} more connections",
        4 * AT_A_TIME
    );
}
