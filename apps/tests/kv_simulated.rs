//! The key-value server in simulated worlds: what its clients are told is what one client after the other would be told.

use potoroo::kv::server::{self, Settings};
use potoroo_runtime::System;
use potoroo_runtime::sim::{self, Call, FaultKind, Faults, History, Model, Report, Sim};
use potoroo_runtime::sys::net::{TcpListener, TcpStream};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

const PORT: u16 = 6379;
const CLIENTS: usize = 4;
const CALLS_EACH: usize = 12;
const KEYS: [&str; 3] = ["a", "b", "c"];

/// One key.
struct Key;

#[derive(Clone, Debug)]
enum Op {
    Get,
    Set(i64),
    Increment,
    Delete,
}

impl Model for Key {
    type Op = Op;
    /// As the server says it.
    type Answer = String;
    type State = Option<i64>;

    fn start(&self) -> Option<i64> {
        None
    }

    fn apply(&self, state: &mut Option<i64>, op: &Op) -> String {
        match op {
            Op::Get => match state {
                Some(value) => format!("${}\r\n{value}\r\n", value.to_string().len()),
                None => "$-1\r\n".to_owned(),
            },
            Op::Set(value) => {
                *state = Some(*value);
                "+OK\r\n".to_owned()
            }
            Op::Increment => {
                let value = state.unwrap_or(0) + 1;
                *state = Some(value);
                format!(":{value}\r\n")
            }
            Op::Delete => format!(":{}\r\n", u8::from(state.take().is_some())),
        }
    }
}

fn request(op: &Op, key: &str) -> String {
    match op {
        Op::Get => format!("GET {key}\r\n"),
        Op::Set(value) => format!("SET {key} {value}\r\n"),
        Op::Increment => format!("INCR {key}\r\n"),
        Op::Delete => format!("DEL {key}\r\n"),
    }
}

fn is_whole(answer: &[u8]) -> bool {
    let lines = answer.windows(2).filter(|pair| pair == b"\r\n").count();
    let is_text = answer.starts_with(b"$") && !answer.starts_with(b"$-");
    answer.ends_with(b"\r\n") && lines == 1 + usize::from(is_text)
}

/// A client: one call at a time; it connects again when it is cut off, and never hears how its call went.
struct Client {
    stream: Option<TcpStream>,
    /// A key's place, and the call.
    under_way: Option<(usize, Call)>,
    answer: Vec<u8>,
    waits: u32,
    calls: usize,
}

impl Client {
    fn new() -> Self {
        Self {
            stream: None,
            under_way: None,
            answer: Vec::new(),
            waits: 0,
            calls: 0,
        }
    }

    fn cut_off(&mut self) {
        *self = Self {
            calls: self.calls,
            ..Self::new()
        };
    }

    fn go_on(&mut self, sim: &Sim, server: SocketAddr, keys: &mut [History<Key>]) {
        let Some(stream) = &mut self.stream else {
            self.stream = TcpStream::connect(server).ok();
            return;
        };
        if let Ok(Some(_)) | Err(_) = stream.take_error() {
            return self.cut_off();
        }
        let Some((key, call)) = self.under_way else {
            if stream.peer_address().is_err() || self.calls == CALLS_EACH {
                self.waits += 1;
                if self.waits > 100 {
                    self.cut_off();
                }
                return;
            }
            let key = sim.choose(KEYS.len());
            let op = match sim.choose(5) {
                0 => Op::Set(sim.choose(1_000) as i64),
                1 => Op::Delete,
                2 => Op::Increment,
                _ => Op::Get,
            };
            self.waits = 0;
            self.calls += 1;
            let text = request(&op, KEYS[key]);
            self.under_way = Some((key, keys[key].call(op)));
            if stream.send(text.as_bytes()).is_err() {
                self.cut_off();
            }
            return;
        };
        let mut piece = [0; 50];
        match stream.recv(&mut piece) {
            Ok(count @ 1..) => self.answer.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock && self.waits < 1_000 => self.waits += 1,
            _ => return self.cut_off(),
        }
        if is_whole(&self.answer) {
            let answer = String::from_utf8(std::mem::take(&mut self.answer)).expect("text");
            keys[key].answer(call, answer);
            self.under_way = None;
            self.waits = 0;
        }
    }

    fn is_done(&self) -> bool {
        self.calls == CALLS_EACH && self.under_way.is_none()
    }
}

fn serve() -> System {
    let system = System::builder().workers(2).pin(false).build().expect("starts");
    let socket = TcpListener::bind(([0, 0, 0, 0], PORT).into()).expect("the port is free");
    let settings = Settings {
        password: None,
        max_clients: 100,
        max_request_bytes: 10_000,
    };
    server::start(&system, socket, settings, 3).expect("it has an address");
    system
}

fn many_clients(sim: &Sim) {
    let node = sim.node("server");
    node.start(serve);
    let mut keys: Vec<History<Key>> = KEYS.iter().map(|_| History::new(Key)).collect();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::new()).collect();
    for _ in 0..20_000 {
        if clients.iter().all(Client::is_done) {
            break;
        }
        let client = sim.choose(CLIENTS);
        clients[client].go_on(sim, node.address(PORT), &mut keys);
        for _ in 0..sim.choose(8) {
            sim.step();
        }
        if sim.choose(4) == 0 {
            sim.advance(Duration::from_millis(1 + sim.choose(5) as u64));
        }
    }
    assert!(clients.iter().all(Client::is_done), "nobody waits for ever");
    for (key, history) in KEYS.iter().zip(&keys) {
        if let Err(why) = history.check() {
            sim.fail(format!("key {key:?}: {why}"));
        }
    }
}

fn explore(faults: Faults, runs: u64) -> Report {
    sim::explore(many_clients).faults(faults).random(runs).run()
}

#[test]
fn each_key_answers_as_if_asked_by_one_after_the_other() {
    explore(Faults::none(), 30);
}

#[test]
fn it_does_so_when_connections_are_lost() {
    let faults = Faults {
        latency_max: Duration::from_millis(3),
        reset: 0.03,
        half_open: 0.005,
        ..Faults::none()
    };
    let report = explore(faults.clone(), 30);
    assert!(report.injected.count(FaultKind::Reset) > 10, "{report}");
    assert_eq!(explore(faults.clone(), 3).hash, explore(faults, 3).hash);
}
