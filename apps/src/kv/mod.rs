//! A key-value server that clients of Redis talk to: `potoroo run kv`.
//!
//! One actor for each shard of the keys, one for each connection. A connection cuts what it has read into commands, puts
//! those for one shard into one batch, and splices the replies in the order of the requests. A shard owns its part of the
//! keys alone, so a command on one key needs no lock and is atomic; a command on several keys is atomic for each of them.
//!
//! ```text
//!   bytes ─► resp ─► session ─► round ─► batch ═══► shard ─► store
//!            words   commands   order    one box ◄═══ replies
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | [`resp`], [`reply`], [`number`], [`glob`] | the protocol, without sockets and state |
//! | [`command`] | the table of commands |
//! | [`store`] | the keys of one shard |
//! | [`channels`] | publish and subscribe |
//! | [`batch`], [`round`] | what travels, and in which order replies go out |
//! | [`session`], `admin`, `subscriptions`, [`info`] | what commands come to |
//! | [`connection`], [`shard`], [`server`] | the actors |
//!
//! It lacks persistence, replication, eviction, transactions, scripts, blocking commands, sets, sorted sets and streams.

mod admin;
pub mod batch;
pub mod channels;
pub mod command;
pub mod connection;
pub mod info;
pub mod reply;
pub mod round;
pub mod server;
pub mod session;
pub mod shard;
pub mod store;
mod subscriptions;

pub use potoroo_wire::kv::{glob, number, resp};

use crate::cli::{RunKvArgs, workers_or_cores};
use crate::error::AppError;
use crate::human::{count, size};
use crate::serve::stop_signals;
use crate::terminal::{print, tell};
use potoroo_runtime::System;
use potoroo_runtime::sys::net::TcpListener;
use potoroo_runtime::sys::process::rss_bytes_max;
use server::{Settings, Totals};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How often Ctrl-C is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// How long the system may take to come to rest.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(1);

/// What a server did.
#[derive(Clone, Copy, Debug)]
pub struct Served {
    /// What has happened.
    pub totals: Totals,
    /// Keys at the end.
    pub keys: u64,
    /// How long it served, in seconds.
    pub seconds: f64,
    /// The most memory the process ever had.
    pub rss_bytes_max: u64,
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "served {} connections and {} commands in {:.3} s; {} keys at the end, {} of memory at most",
            count(self.totals.connections),
            count(self.totals.commands),
            self.seconds,
            count(self.keys),
            size(self.rss_bytes_max),
        )
    }
}

/// The system that suits a server whose clients may be on the same machine: half of the cores unless told otherwise,
/// since what the kernel does for the connections takes the rest; not pinned where cores are left over, so that the kernel
/// can put a worker where no client runs; and a worker without work sleeps at once.
fn start_system(workers: Option<NonZeroUsize>) -> Result<System, AppError> {
    let cores = workers_or_cores(None).get();
    let workers = workers.map_or((cores / 2).max(1), NonZeroUsize::get);
    let mut builder = System::builder().workers(workers).spin(Duration::ZERO);
    if workers < cores {
        builder = builder.pin(false);
    }
    builder.build().map_err(|source| AppError::System { source })
}

/// Does what the options of `run kv` say, until Ctrl-C.
pub fn run(args: &RunKvArgs) -> Result<Served, AppError> {
    let listen = |source| AppError::Listen {
        address: args.listen,
        source,
    };
    let socket = TcpListener::bind(args.listen).map_err(listen)?;
    let interrupted = stop_signals()?;
    let system = start_system(args.workers)?;
    let settings = Settings {
        password: args.password.clone(),
        max_clients: usize::try_from(args.max_clients).unwrap_or(usize::MAX),
        max_request_bytes: args.max_request_bytes,
    };
    let shards = args.shards.map_or(system.workers(), |shards| usize::from(shards.get()));
    let shared = server::start(&system, socket, settings, shards).map_err(listen)?;
    // Even when quiet: with port 0 this line is the only way to learn the port.
    tell(format_args!("listening on {}", shared.address));
    while !interrupted.load(Relaxed) {
        std::thread::sleep(LOOK_INTERVAL);
    }
    let served = Served {
        totals: shared.totals(),
        keys: shared.keys(),
        seconds: shared.started.elapsed().as_secs_f64(),
        rss_bytes_max: rss_bytes_max(),
    };
    system.shutdown_within(SHUTDOWN_WITHIN);
    if !args.quiet {
        print(served)?;
    }
    Ok(served)
}
