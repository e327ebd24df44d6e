//! Clients that are many, that are greedy, that do not read; and the end.

use super::{Server, encoded};
use crate::support::{Process, eventually};
use std::io::Read;

#[test]
fn a_thousand_connections_leave_nothing_behind() {
    let server = Server::start();
    let open = |server: &Server| {
        let mut all: Vec<_> = (0..1000).map(|_| server.raw()).collect();
        for (at, raw) in all.iter_mut().enumerate() {
            match at % 4 {
                0 => raw.check("PING\r\n", "+PONG\r\n"),
                1 => raw.check("SET a 1\r\nGET a\r\n", "+OK\r\n$1\r\n1\r\n"),
                // Half a command.
                2 => raw.send("*2\r\n$3\r\nGET\r\n$1"),
                _ => {}
            }
        }
    };
    let closed = |server: &Server| {
        eventually("their end", || (server.info("connected_clients") == 1).then_some(()));
    };
    open(&server);
    closed(&server);
    let (descriptors, memory_kib) = (server.descriptors(), server.status_kib("VmRSS"));
    for _ in 0..3 {
        open(&server);
        closed(&server);
    }
    assert!(
        server.descriptors() <= descriptors + 2,
        "{} and {descriptors}",
        server.descriptors()
    );
    let grown_kib = server.status_kib("VmRSS").saturating_sub(memory_kib);
    assert!(grown_kib < 20_000, "{grown_kib} KiB more");
    assert_eq!(server.info("rejected_connections"), 0);
}

#[test]
fn a_client_that_does_not_read_costs_a_bounded_amount_and_gets_everything_later() {
    let server = Server::start();
    let mut raw = server.raw();
    let value = vec![b'v'; 1_000_000];
    raw.send(encoded(&[b"SET", b"large", &value]));
    raw.check("", "+OK\r\n");
    // Replies of 1 GB in all.
    const GETS: usize = 1000;
    raw.send(encoded(&[b"GET", b"large"]).repeat(GETS));
    raw.send("PING\r\n");
    // The server is served to others meanwhile.
    let mut other = server.raw();
    for number in 1..200 {
        other.check("INCR n\r\n", &format!(":{number}\r\n"));
    }
    let before_kib = server.status_kib("VmHWM");
    assert!(before_kib < 200_000, "{before_kib} KiB at most");
    let mut left = GETS * ("$1000000\r\n".len() + value.len() + 2);
    let mut room = vec![0; 1 << 20];
    while left > 0 {
        let most = left.min(room.len());
        let count = raw.0.read(&mut room[..most]).expect("replies");
        assert!(count > 0, "closed with {left} bytes to come");
        left -= count;
    }
    raw.check("", "+PONG\r\n");
    let after_kib = server.status_kib("VmHWM");
    assert!(after_kib < 200_000, "{after_kib} KiB at most");
}

#[test]
fn a_listener_that_does_not_read_is_cut_off() {
    let server = Server::start();
    let mut listener = server.raw();
    listener.check("SUBSCRIBE c\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    let mut publisher = server.raw();
    let message = encoded(&[b"PUBLISH", b"c", &vec![b'm'; 1_000_000]]);
    let mut told = 0;
    loop {
        publisher.send(&message);
        let mut reply = [0; 4];
        publisher.0.read_exact(&mut reply).expect("a reply");
        if &reply == b":0\r\n" {
            break;
        }
        told += 1;
        assert!(told < 1000, "never cut off");
    }
    // What the kernel holds and 32 MiB.
    assert!(told > 30, "cut off after {told} messages of 1 MB");
    assert!(server.status_kib("VmHWM") < 200_000);
}

#[test]
fn too_many_clients_are_told_so() {
    let server = Server::start_with(&["--max-clients=2"]);
    let mut first = server.raw();
    let mut second = server.raw();
    first.check("PING\r\n", "+PONG\r\n");
    second.check("PING\r\n", "+PONG\r\n");
    assert_eq!(server.raw().rest(), "-ERR max number of clients reached\r\n");
    drop(second);
    eventually("room for another", || {
        let mut raw = server.raw();
        raw.send("QUIT\r\n");
        (raw.rest() == "+OK\r\n").then_some(())
    });
}

#[test]
fn a_request_beyond_the_limit_ends_the_connection() {
    let server = Server::start_with(&["--max-request-bytes=100_000"]);
    let mut raw = server.raw();
    raw.send("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$100001\r\n");
    assert_eq!(raw.rest(), "-ERR Protocol error: invalid bulk length\r\n");
    let mut raw = server.raw();
    // Each word is short enough; all of them are not. The server may close before all is sent.
    let words = vec![&b"0123456789"[..]; 30_000];
    let _ = std::io::Write::write_all(&mut raw.0, &encoded(&words));
    let rest = raw.rest();
    assert!(
        rest.is_empty() || rest == "-ERR Protocol error: request is longer than max-request-bytes\r\n",
        "{rest:?}"
    );
    server.raw().check("PING\r\n", "+PONG\r\n");
}

#[test]
fn ctrl_c_ends_it_with_a_summary() {
    for signal in ["INT", "TERM"] {
        let server = Server::start();
        server
            .raw()
            .check("SET a 1\r\nSET b 2\r\nGET a\r\n", "+OK\r\n+OK\r\n$1\r\n1\r\n");
        // Somebody is still connected.
        let idle = server.raw();
        eventually("the connection", || {
            (server.info("connected_clients") == 2).then_some(())
        });
        server.process.signal(signal);
        let ended = server.process.end();
        ended.assert_success();
        assert!(
            ended.stdout.contains(" connections and ") && ended.stdout.contains("; 2 keys at the end"),
            "{ended:?}"
        );
        assert_eq!(idle.rest(), "");
    }
}

#[test]
fn an_address_in_use_is_an_error_that_says_so() {
    let server = Server::start();
    let ended = Process::start(["run", "kv", &format!("--listen={}", server.address)]).end();
    ended.assert_failure(1, &["cannot listen on", "choose a free port"]);
}
