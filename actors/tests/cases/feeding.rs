//! What the cases have in common: peers that send lines when they are told to, and a stage that writes down what it sees.

use potoroo_actors::element::{Routed, Timestamp};
use potoroo_actors::runtime::io::Framing;
use potoroo_actors::runtime::sim::Node;
use potoroo_actors::runtime::sys::clock::{self, Time};
use potoroo_actors::runtime::sys::net::{TcpListener, TcpStream};
use potoroo_actors::runtime::{Fault, System, Turn};
use potoroo_actors::source::{Arrival, TcpSource};
use potoroo_actors::{Operator, Output, Progress};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::num::ParseIntError;
use std::sync::{Arc, Mutex};

pub(crate) const LINES: Framing = Framing::Lines { line_bytes_max: 100 };

pub(crate) fn system(workers: usize) -> System {
    System::builder().workers(workers).pin(false).build().expect("starts")
}

/// What decodes lines of whole numbers.
pub(crate) type Number = fn(&[u8], Arrival) -> Result<i64, ParseIntError>;

pub(crate) fn number(bytes: &[u8], _: Arrival) -> Result<i64, ParseIntError> {
    String::from_utf8_lossy(bytes).parse()
}

/// Whole numbers, from whoever connects to this port.
pub(crate) fn numbers(port: u16) -> TcpSource<Number> {
    TcpSource::new(listen(port), LINES, number as Number)
}

pub(crate) fn listen(port: u16) -> TcpListener {
    let any: SocketAddr = ([0, 0, 0, 0], port).into();
    TcpListener::bind(any).expect("the port is free")
}

/// A peer that sends lines.
pub(crate) struct Feeder {
    node: Node,
    stream: TcpStream,
    /// What there was no room for yet.
    rest: Vec<u8>,
}

impl Feeder {
    pub(crate) fn connect(node: Node, to: SocketAddr) -> Self {
        let stream = node.run(|| TcpStream::connect(to)).expect("the way is open");
        Self {
            node,
            stream,
            rest: Vec::new(),
        }
    }

    /// Whether the other side knows of it.
    pub(crate) fn is_connected(&self) -> bool {
        self.stream.peer_address().is_ok()
    }

    pub(crate) fn send(&mut self, line: impl std::fmt::Display) {
        self.rest.extend(format!("{line}\n").into_bytes());
        self.send_rest();
    }

    /// Sends what there was no room for, as far as there is now; says whether that is all.
    pub(crate) fn send_rest(&mut self) -> bool {
        let Self { node, stream, rest } = self;
        node.run(|| {
            while !rest.is_empty() {
                match stream.send(rest) {
                    Ok(sent) => drop(rest.drain(..sent)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                    Err(error) => panic!("{error}"),
                }
            }
            true
        })
    }
}

/// What a stage has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Record(i64),
    Watermark(Timestamp),
}

/// What was seen, and when.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<(Time, Seen)>>>);

impl Log {
    fn put(&self, seen: Seen) {
        self.0.lock().expect("no panic").push((clock::now(), seen));
    }

    pub(crate) fn all(&self) -> Vec<(Time, Seen)> {
        self.0.lock().expect("no panic").clone()
    }

    /// When this was seen first.
    pub(crate) fn when(&self, what: Seen) -> Option<Time> {
        let seen = self.all();
        seen.iter().find(|(_, seen)| *seen == what).map(|(when, _)| *when)
    }

    /// The last watermark in seconds, and that there was none less before it.
    pub(crate) fn reached(&self) -> Option<i64> {
        let mut reached = None;
        for (_, seen) in self.all() {
            if let Seen::Watermark(now) = seen {
                assert!(reached < Some(now), "from {reached:?} to {now}");
                reached = Some(now);
            }
        }
        reached.map(|reached| reached.millis() / 1000)
    }
}

/// Writes down what comes.
pub(crate) struct Watching(pub(crate) Log);

impl Operator<Routed<i64>> for Watching {
    type Out = ();

    fn batch(&mut self, records: &mut Vec<Routed<i64>>, _: &mut Output<()>) -> Turn {
        records
            .drain(..)
            .for_each(|routed| self.0.put(Seen::Record(routed.record)));
        Ok(())
    }

    fn watermark(&mut self, now: Timestamp, _: &mut Output<()>) -> Result<Progress, Fault> {
        self.0.put(Seen::Watermark(now));
        Ok(Progress::Done)
    }
}

pub(crate) fn seconds(second: &i64) -> Timestamp {
    Timestamp::from_secs(*second)
}
