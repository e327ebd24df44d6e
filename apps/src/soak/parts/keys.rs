//! The key-value server with a client over loopback, which knows what every reply must be.
//!
//! The client sends commands in batches without waiting and compares what comes back byte by byte with what a plain map says.
//! Some clients go in the middle of a batch. The keys of a round are deleted at its end.

use crate::kv::server::{self, Settings, Shared};
use crate::market_spread::random::SplitMix64;
use crate::soak::ledger::{Ledger, Open};
use crate::soak::part::Part;
use potoroo_runtime::System;
use potoroo_runtime::sys::net::TcpListener;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Batches of a round, at most, and the commands in each.
const BATCHES_MAX: u64 = 40;
const COMMANDS_MAX: u64 = 100;

/// Few: a shard lies in 256 parts, and each that has ever held a key keeps what is dead in it until that is worth compacting.
/// So the memory at rest grows until all these parts have been compacted once, which takes some 50,000 commands for each of
/// these keys. It is to happen while the load warms up, where all parts together leave this one about 7,000 commands a second.
const KEYS: u64 = 8;
const VALUE_BYTES_MAX: u64 = 200;

const PATIENCE: Duration = Duration::from_secs(30);

fn command(words: &[&str], out: &mut Vec<u8>) {
    out.extend(format!("*{}\r\n", words.len()).bytes());
    for word in words {
        out.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
    }
}

/// What the server must hold.
#[derive(Default)]
struct Model {
    texts: BTreeMap<u64, String>,
    counters: BTreeMap<u64, u64>,
}

impl Model {
    /// Writes a command, and the reply that is due.
    fn next(&mut self, random: &mut SplitMix64, said: &mut Vec<u8>, due: &mut Vec<u8>) {
        let key = random.below(KEYS);
        let (text, counter) = (format!("text:{key}"), format!("counter:{key}"));
        match random.below(6) {
            0 | 1 => {
                let letter = char::from(b'a' + random.below(26) as u8);
                let value = String::from(letter).repeat(random.below(VALUE_BYTES_MAX) as usize);
                command(&["SET", &text, &value], said);
                self.texts.insert(key, value);
                due.extend(b"+OK\r\n");
            }
            2 => {
                command(&["DEL", &text], said);
                due.extend(format!(":{}\r\n", u64::from(self.texts.remove(&key).is_some())).bytes());
            }
            3 => {
                command(&["INCR", &counter], said);
                let count = self.counters.entry(key).or_default();
                *count += 1;
                due.extend(format!(":{count}\r\n").bytes());
            }
            _ => {
                command(&["GET", &text], said);
                match self.texts.get(&key) {
                    Some(value) => due.extend(format!("${}\r\n{value}\r\n", value.len()).bytes()),
                    None => due.extend(b"$-1\r\n"),
                }
            }
        }
    }

    /// Writes what deletes everything, and the replies that are due.
    fn clear(&mut self, said: &mut Vec<u8>, due: &mut Vec<u8>) -> u64 {
        let texts = self.texts.keys().map(|key| format!("text:{key}"));
        let counters = self.counters.keys().map(|key| format!("counter:{key}"));
        let mut commands = 0;
        for key in texts.chain(counters) {
            command(&["DEL", &key], said);
            due.extend(b":1\r\n");
            commands += 1;
        }
        (self.texts, self.counters) = Default::default();
        commands
    }
}

fn connect(server: &Shared) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server.address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Says something and compares what comes back.
fn converse(stream: &mut TcpStream, said: &[u8], due: &[u8]) -> io::Result<()> {
    stream.write_all(said)?;
    let mut replies = vec![0; due.len()];
    stream.read_exact(&mut replies)?;
    if replies != due {
        let at = replies.iter().zip(due).position(|(reply, due)| reply != due);
        let at = at.unwrap_or_default();
        let shown = |bytes: &[u8]| bytes[at..].escape_ascii().take(40).map(char::from).collect::<String>();
        return Err(io::Error::other(format!(
            "a reply was {:?} and not {:?}",
            shown(&replies),
            shown(due)
        )));
    }
    Ok(())
}

fn round(server: &Shared, ledger: &Ledger, mut random: SplitMix64) -> io::Result<()> {
    let mut model = Model::default();
    let mut stream = connect(server)?;
    let (mut said, mut due) = (Vec::new(), Vec::new());
    for _ in 0..random.below(BATCHES_MAX) {
        said.clear();
        due.clear();
        let commands = 1 + random.below(COMMANDS_MAX);
        (0..commands).for_each(|_| model.next(&mut random, &mut said, &mut due));
        converse(&mut stream, &said, &due)?;
        ledger.did(commands);
        if random.below(8) == 0 {
            // Somebody who only looks, and goes with replies unread in the middle of a command.
            ledger.injected(1);
            let mut rude = connect(server)?;
            rude.write_all(b"PING\r\nGET text:1\r\n*2\r\n$3\r\nGE")?;
        }
    }
    said.clear();
    due.clear();
    let commands = model.clear(&mut said, &mut due);
    converse(&mut stream, &said, &due)?;
    ledger.did(commands);
    match server.keys() {
        0 => Ok(()),
        keys => Err(io::Error::other(format!("{keys} keys are left of none"))),
    }
}

pub(super) struct Keys {
    ledger: Arc<Ledger>,
    server: Arc<Shared>,
    clients: Option<Sender<(SplitMix64, Open)>>,
    thread: Option<JoinHandle<()>>,
}

impl Keys {
    pub(super) fn start(system: &System) -> io::Result<Self> {
        let ledger = Ledger::new();
        let socket = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
        let settings = Settings {
            password: None,
            max_clients: 100,
            max_request_bytes: 1 << 20,
        };
        let server = server::start(system, socket, settings, system.workers())?;
        let (clients, rounds) = channel::<(SplitMix64, Open)>();
        let (shared, books) = (server.clone(), ledger.clone());
        let thread = std::thread::spawn(move || {
            for (random, _open) in rounds {
                if let Err(error) = round(&shared, &books, random) {
                    books.complain(error.to_string());
                }
            }
        });
        Ok(Self {
            ledger,
            server,
            clients: Some(clients),
            thread: Some(thread),
        })
    }
}

impl Part for Keys {
    fn name(&self) -> &'static str {
        "keys"
    }

    fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    fn module(&self) -> &'static str {
        module_path!()
    }

    fn begin(&mut self, _: &System, random: SplitMix64) {
        if let Some(clients) = &self.clients
            && clients.send((random, self.ledger.open())).is_err()
        {
            self.ledger.complain("the client has gone");
        }
    }

    fn is_settled(&self) -> bool {
        self.server.connected.load(std::sync::atomic::Ordering::Relaxed) == 0
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.clients = None;
        if let Some(thread) = self.thread.take() {
            // Whatever it panicked about has been told.
            let _ = thread.join();
        }
    }
}
