//! What actors cost that do nothing: one actor spawns many with 8 bytes of state, and they wait.
//!
//! The clock runs from the first spawn until all have begun (their factories have run). The resident memory of the
//! process is read before, then when all wait, and again when each has handled one message; the differences are divided
//! by their number. The parent keeps a reference to each child, 8 bytes, which is subtracted. Memory that the process has
//! freed before would be used again and hide what actors take: measure once per process. Linux only.

use crate::fan_in;
use potoroo_runtime::{Actor, ActorRef, Context, Reply, System, Turn};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// Something has been lost if actors need longer than this.
const STALLED_AFTER: Duration = Duration::from_secs(300);

/// How often the measuring thread looks.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// How many actors.
    pub actors: u64,
    /// From the first spawn until all have begun.
    pub creation: Duration,
    /// Bytes of each when all have begun.
    pub bytes_begun: f64,
    /// Bytes of each after it has handled a message.
    pub bytes_used: f64,
}

/// What all write together.
#[derive(Default)]
struct Tally {
    begun: AtomicU64,
    handled: AtomicU64,
    sum: AtomicU64,
}

/// The state is its number.
struct Idler(u64);

impl Actor for Idler {
    type Msg = Arc<Tally>;

    fn handle(&mut self, tally: Arc<Tally>, _: &mut Context<'_, Self>) -> Turn {
        tally.sum.fetch_add(self.0, Relaxed);
        tally.handled.fetch_add(1, AcqRel);
        Ok(())
    }
}

enum Msg {
    Spawn {
        actors: u64,
        tally: Arc<Tally>,
        begun: Reply<Instant>,
    },
    /// Tell each of them something.
    Use(Arc<Tally>),
}

struct Parent {
    children: Vec<ActorRef<Idler>>,
}

impl Actor for Parent {
    type Msg = Msg;

    fn handle(&mut self, msg: Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            Msg::Spawn { actors, tally, begun } => {
                self.children.reserve_exact(actors as usize);
                begun.send(Instant::now());
                for number in 0..actors {
                    let tally = tally.clone();
                    self.children.push(ctx.spawn(move |_| {
                        tally.begun.fetch_add(1, AcqRel);
                        Ok(Idler(number))
                    }));
                }
            }
            Msg::Use(tally) => self.children.iter().for_each(|child| child.tell(tally.clone())),
        }
        Ok(())
    }
}

/// Bytes of this process that are in memory now.
///
/// # Panics
///
/// Where there is no `/proc`.
pub fn resident_bytes() -> u64 {
    told_by_kernel("VmRSS:")
}

/// The most bytes of this process that have been in memory.
///
/// # Panics
///
/// Where there is no `/proc`.
pub fn resident_bytes_max() -> u64 {
    told_by_kernel("VmHWM:")
}

fn told_by_kernel(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .map(|kib| kib * 1024)
        .expect("the platform does not tell how much memory is resident")
}

/// Waits until `counter` has come to `expected`.
fn wait_for(counter: &AtomicU64, expected: u64, what: &str) {
    let since = Instant::now();
    while counter.load(Relaxed) < expected {
        assert!(
            since.elapsed() < STALLED_AFTER,
            "idle_memory: {} of {expected} have {what}",
            counter.load(Relaxed)
        );
        thread::sleep(POLL_INTERVAL);
    }
    assert_eq!(counter.load(Acquire), expected, "idle_memory: too many have {what}");
}

/// Spawns so many `actors` and lets them wait.
///
/// # Panics
///
/// If an actor does not begin or does not get its message, or if the platform does not tell its memory.
pub fn run(system: &System, actors: u64) -> Idle {
    assert!(actors > 0, "idle_memory: no actors");
    let tally = Arc::new(Tally::default());
    let parent = system.spawn(|_| Ok(Parent { children: Vec::new() }));
    let before = resident_bytes();
    let spawned = tally.clone();
    let begun = parent
        .ask(move |begun| Msg::Spawn {
            actors,
            tally: spawned,
            begun,
        })
        .wait()
        .unwrap_or_else(|error| panic!("idle_memory: the parent does not begin: {error}"));
    wait_for(&tally.begun, actors, "begun");
    let creation = begun.elapsed();
    // Factories go when they have run.
    thread::sleep(10 * POLL_INTERVAL);
    let bytes = |now: u64| now.saturating_sub(before) as f64 / actors as f64 - size_of::<ActorRef<Idler>>() as f64;
    let bytes_begun = bytes(resident_bytes());
    parent.tell(Msg::Use(tally.clone()));
    wait_for(&tally.handled, actors, "handled a message");
    thread::sleep(10 * POLL_INTERVAL);
    let bytes_used = bytes(resident_bytes());
    assert_eq!(
        tally.sum.load(Relaxed),
        fan_in::checksum(actors),
        "idle_memory: an actor lost its state"
    );
    parent.stop();
    Idle {
        actors,
        creation,
        bytes_begun,
        bytes_used,
    }
}
