//! The key-value server as clients have it: a process, a socket, and either the client of crates.io or bytes by hand.

mod clients;
mod limits;
mod raw;
mod tools;

use crate::support::Process;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A server in a process of its own.
struct Server {
    process: Process,
    address: SocketAddr,
}

impl Server {
    /// Two workers and three shards, so that shards share workers and connections meet shards of another one.
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(more: &[&str]) -> Self {
        let usual = ["run", "kv", "--listen=127.0.0.1:0", "--workers=2", "--shards=3"];
        let process = Process::start(usual.iter().chain(more).copied());
        let address = process.address("listening");
        Self { process, address }
    }

    /// A connection of the client from crates.io.
    fn client(&self) -> redis::Connection {
        self.client_at("")
    }

    /// As [`client`](Self::client), with what follows the address in its URL.
    fn client_at(&self, tail: &str) -> redis::Connection {
        redis::Client::open(format!("redis://{}{tail}", self.address))
            .and_then(|client| client.get_connection())
            .expect("a connection")
    }

    /// A plain connection.
    fn raw(&self) -> Raw {
        let socket = TcpStream::connect(self.address).expect("a connection");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
        Raw(socket)
    }

    /// A number of `INFO`.
    fn info(&self, field: &str) -> u64 {
        let text: String = redis::cmd("INFO").query(&mut self.client()).expect("info");
        let value = text.lines().find_map(|line| line.strip_prefix(&format!("{field}:")));
        value
            .unwrap_or_else(|| panic!("no {field} in {text}"))
            .parse()
            .expect("a number")
    }

    /// A number of `/proc/PID/status`, in KiB.
    fn status_kib(&self, field: &str) -> u64 {
        let path = format!("/proc/{}/status", self.process.id());
        let text = std::fs::read_to_string(path).expect("a running process");
        let line = text.lines().find_map(|line| line.strip_prefix(field)).expect(field);
        line.trim_matches([':', ' ', '\t'])
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .expect("a number")
    }

    fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id()))
            .expect("a running process")
            .count()
    }
}

/// Bytes by hand.
struct Raw(TcpStream);

impl Raw {
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).expect("taken");
    }

    /// Sends, and expects exactly this.
    fn check(&mut self, sent: &str, expected: &str) {
        self.send(sent);
        let mut got = vec![0; expected.len()];
        self.0
            .read_exact(&mut got)
            .unwrap_or_else(|error| panic!("{sent:?}: {error}"));
        assert_eq!(String::from_utf8_lossy(&got), expected, "{sent:?}");
    }

    /// All that comes until the server closes.
    fn rest(mut self) -> String {
        let mut rest = Vec::new();
        // A reset after the last byte is an end as well.
        let _ = self.0.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// A command as clients send it.
fn encoded(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend_from_slice(word);
        bytes.extend(b"\r\n");
    }
    bytes
}
