//! A job behind an endpoint, and clients by hand.

use potoroo_actors::runtime::System;
use potoroo_actors::runtime::sys::net::TcpListener;
use potoroo_actors::source::{Format, HttpSource};
use potoroo_actors::{DeadLetters, Job, Pipeline, sink};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Nothing here takes this long.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A job that gathers what is posted.
pub(crate) struct Server<T> {
    pub(crate) address: SocketAddr,
    pub(crate) job: Job,
    pub(crate) got: Arc<Mutex<Vec<T>>>,
    _system: System,
}

impl<T: Send + 'static> Server<T> {
    pub(crate) fn new<M: Format<Record = T>>(format: M, options: impl FnOnce(HttpSource<M>) -> HttpSource<M>) -> Self {
        let socket = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let address = socket.local_address().expect("bound");
        let got = Arc::new(Mutex::new(Vec::new()));
        let all = got.clone();
        let system = System::builder().workers(2).build().expect("a system");
        let pipeline = Pipeline::new().dead_letters(DeadLetters::counted());
        pipeline.source("http", options(HttpSource::new(socket, format))).sink(
            "all",
            sink::each(move |record| all.lock().expect("no panic").push(record)),
        );
        Self {
            address,
            job: pipeline.start(&system),
            got,
            _system: system,
        }
    }

    /// Drains the job: what it got, and how many dead letters.
    pub(crate) fn end(self) -> (Vec<T>, u64) {
        self.job.drain();
        let letters = self.job.dead_letters().clone();
        self.job.wait().expect("the job succeeds");
        (
            std::mem::take(&mut *self.got.lock().expect("no panic")),
            letters.count(),
        )
    }
}

pub(crate) struct Client(pub(crate) BufReader<TcpStream>);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn closes(&self) -> bool {
        self.fields.contains("connection: close\r\n")
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a time-out");
        Self(BufReader::new(stream))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).expect("taken");
    }

    pub(crate) fn answer(&mut self) -> Answer {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a status");
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status: {line:?}"));
        let mut fields = String::new();
        loop {
            let mut field = String::new();
            self.0.read_line(&mut field).expect("a field");
            if field.trim_end().is_empty() {
                break;
            }
            fields += &field.to_lowercase();
        }
        let length = fields.lines().find_map(|field| field.strip_prefix("content-length: "));
        let mut text = vec![0; length.map_or(0, |length| length.parse().expect("a number"))];
        self.0.read_exact(&mut text).expect("a body");
        Answer {
            status,
            fields,
            text: String::from_utf8(text).expect("text"),
        }
    }

    pub(crate) fn post(&mut self, body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        self.send(format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
        self.send(body);
        self.answer()
    }

    /// The other side closes.
    pub(crate) fn ends(mut self) -> bool {
        self.0.read_to_end(&mut Vec::new()).is_ok_and(|rest| rest == 0)
    }
}
