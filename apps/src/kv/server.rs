//! What all connections share, and the listener that makes them.
//!
//! Connections are spread over the workers in turn, shards likewise. Counters that every command touches are kept by
//! worker, each on a cache line of its own. It lacks Unix sockets and TLS.

use super::connection::{Client, KvConnection};
use super::shard::{Shard, ShardMsg};
use potoroo_runtime::io::{Acceptor, Listener};
use potoroo_runtime::sys::entropy;
use potoroo_runtime::sys::net::{TcpListener, TcpStream};
use potoroo_runtime::{ActorId, ActorRef, Context, ExitReason, System, Turn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Instant;

/// The version of Redis whose commands these are: clients look at it to know what they may use.
pub const VERSION: &str = "7.0.15";

/// What is chosen when the server starts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What clients have to tell first, if anything.
    pub password: Option<String>,
    /// How many clients may be connected.
    pub max_clients: usize,
    /// How long a request may be, in bytes.
    pub max_request_bytes: usize,
}

impl Settings {
    /// The settings that `CONFIG GET` knows, under Redis's names.
    pub fn list(&self, port: u16) -> Vec<(&'static str, String)> {
        vec![
            ("appendonly", "no".to_owned()),
            ("databases", "1".to_owned()),
            ("maxclients", self.max_clients.to_string()),
            ("maxmemory", "0".to_owned()),
            ("maxmemory-policy", "noeviction".to_owned()),
            ("port", port.to_string()),
            ("proto-max-bulk-len", self.max_request_bytes.to_string()),
            ("save", String::new()),
            ("timeout", "0".to_owned()),
        ]
    }
}

/// The counters of one worker.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    commands: AtomicU64,
}

/// What all connections share.
#[derive(Debug)]
pub struct Shared {
    /// What was chosen.
    pub settings: Settings,
    /// Where clients connect to.
    pub address: SocketAddr,
    /// When the server started.
    pub started: Instant,
    /// What keys are hashed with.
    pub seed: u64,
    /// The shards.
    pub shards: Vec<ActorRef<Shard>>,
    /// By worker.
    pub workers: Vec<Counters>,
    /// The number of the next client.
    pub next_client: AtomicU64,
    /// Clients that are connected.
    pub connected: AtomicUsize,
    connections: AtomicU64,
    rejected: AtomicU64,
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Clients that have connected.
    pub connections: u64,
    /// Those that were too many.
    pub rejected: u64,
    /// Commands that clients have given.
    pub commands: u64,
}

impl Shared {
    /// Counts commands that came in on this worker.
    #[inline]
    pub fn count_commands(&self, worker: usize, commands: u64) {
        self.workers[worker].commands.fetch_add(commands, Relaxed);
    }

    /// What has happened so far.
    pub fn totals(&self) -> Totals {
        Totals {
            connections: self.connections.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            commands: self.workers.iter().map(|worker| worker.commands.load(Relaxed)).sum(),
        }
    }

    /// How many keys there are. It asks the shards and waits.
    pub fn keys(&self) -> u64 {
        let asked: Vec<_> = self.shards.iter().map(|shard| shard.ask(ShardMsg::Count)).collect();
        // A shard that does not answer is ending.
        asked.into_iter().filter_map(|keys| keys.wait().ok()).sum()
    }
}

/// Makes connections.
#[derive(Debug)]
struct Door {
    shared: Arc<Shared>,
    next_worker: usize,
}

impl Acceptor for Door {
    type Msg = ();

    fn accepted(&mut self, mut stream: TcpStream, peer: SocketAddr, ctx: &mut Context<'_, Listener<Self>>) -> Turn {
        let shared = &self.shared;
        if shared.connected.load(Relaxed) >= shared.settings.max_clients {
            shared.rejected.fetch_add(1, Relaxed);
            // A new socket takes a line; if not, closing it says enough.
            let _ = stream.send(b"-ERR max number of clients reached\r\n");
            return Ok(());
        }
        shared.connected.fetch_add(1, Relaxed);
        shared.connections.fetch_add(1, Relaxed);
        let shared = shared.clone();
        let worker = self.next_worker;
        self.next_worker = (worker + 1) % ctx.workers();
        ctx.spawn_on::<KvConnection>(worker, move |ctx| Client::open(stream, peer, &shared, ctx));
        Ok(())
    }

    fn connection_ended(&mut self, _: ActorId, _: ExitReason, _: &mut Context<'_, Listener<Self>>) -> Turn {
        self.shared.connected.fetch_sub(1, Relaxed);
        Ok(())
    }
}

/// Starts shards and the listener on a system. The address of `socket` is in what is returned.
pub fn start(
    system: &System,
    socket: TcpListener,
    settings: Settings,
    shards: usize,
) -> Result<Arc<Shared>, std::io::Error> {
    let address = socket.local_address()?;
    let seed = entropy::seed();
    let workers = system.workers();
    let shards = (0..shards)
        .map(|index| system.spawn_on(index % workers, move |ctx| Shard::new(seed, index, shards, ctx)))
        .collect();
    let shared = Arc::new(Shared {
        settings,
        address,
        started: Instant::now(),
        seed,
        shards,
        workers: std::iter::repeat_with(Counters::default).take(workers).collect(),
        next_client: AtomicU64::new(1),
        connected: AtomicUsize::new(0),
        connections: AtomicU64::new(0),
        rejected: AtomicU64::new(0),
    });
    let door = Door {
        shared: shared.clone(),
        next_worker: 0,
    };
    system.spawn_on(0, move |ctx| Listener::new(socket, door, ctx));
    Ok(shared)
}
