//! A running system: workers, the root of the tree, the way in from outside, the way down.
//!
//! [`System::new`] starts one pinned worker per usable core; [`SystemBuilder`] says otherwise. It lacks a global
//! instance: several systems may live in one process, and tests make their own.

mod builder;
mod error;
mod kit;
mod root;
mod supervise;

pub use builder::{ASK_TIMEOUT, RECORDED_EVENTS_MAX, SystemBuilder, WORKERS_MAX};
pub use error::{Error, ErrorKind};

use crate::actor::{Actor, ActorCell, ActorRef, Birth, Context, Factory, Fault};
use crate::observe::{Recording, SystemStats, WorkerRecording};
use crate::scheduler::control::Control;
use crate::scheduler::deque::Runnable;
use crate::scheduler::header::CellRef;
use crate::scheduler::letters::{self, DeadLetterCount};
use crate::scheduler::shared::Shared;
use crate::scheduler::worker::Worker;
use crate::sync::{Arc, Mutex, MutexGuard, lock, thread};
use crate::sys::{clock, simulated};
use root::Root;
use std::fmt;
use std::time::Duration;

/// How long [`System::shutdown`] waits for messages to be handled before it stops the actors all the same.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(10);

/// How long, in virtual time, the actors of a simulated system have to end: without any limit of theirs a wait would not end.
const END_MAX: Duration = Duration::from_secs(3600);

/// How often a shutdown looks whether the system is quiet.
const QUIET_POLL_INTERVAL: Duration = Duration::from_micros(200);

/// Workers, and the tree of actors on them.
///
/// Dropping a system shuts it down.
pub struct System {
    shared: Arc<Shared>,
    root: ActorRef<Root>,
    door: Mutex<Door>,
}

/// The way in and the way out.
struct Door {
    /// No actor is taken in any more.
    closed: bool,
    threads: Vec<thread::JoinHandle<Option<WorkerRecording>>>,
    /// A simulated world steps the workers, and they have not been sent home yet.
    simulated: bool,
}

/// What a shutdown found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Whether all messages were handled before the actors were stopped; otherwise the deadline passed first, and what
    /// was left is counted in the dead letters.
    pub drained: bool,
    /// The final counters.
    pub stats: SystemStats,
    /// The dead letters by the type of the actors they were for, the most first.
    pub dead_letters: Vec<DeadLetterCount>,
    /// What was recorded, if [`SystemBuilder::record`] asked for it.
    pub recording: Option<Recording>,
}

impl System {
    /// A system with one pinned worker per usable core.
    pub fn new() -> Result<Self, Error> {
        Self::builder().build()
    }

    /// A system to be configured.
    pub fn builder() -> SystemBuilder {
        SystemBuilder::default()
    }

    fn door(&self) -> MutexGuard<'_, Door> {
        lock(&self.door)
    }

    /// Starts an actor on whichever worker takes it first. `factory` runs on that worker; the reference is good at
    /// once. After a shutdown has begun the actor ends before it starts.
    pub fn spawn<A: Actor>(
        &self,
        factory: impl FnOnce(&mut Context<'_, A>) -> Result<A, Fault> + Send + 'static,
    ) -> ActorRef<A> {
        self.spawn_as(Birth::Anywhere, factory)
    }

    /// Starts an actor on a certain worker, where it stays.
    ///
    /// # Panics
    ///
    /// If there is no worker of this index; see [`workers`](Self::workers).
    pub fn spawn_on<A: Actor>(
        &self,
        worker: usize,
        factory: impl FnOnce(&mut Context<'_, A>) -> Result<A, Fault> + Send + 'static,
    ) -> ActorRef<A> {
        assert!(
            worker < self.workers(),
            "there is no worker {worker}: this system has {}",
            self.workers()
        );
        self.spawn_as(Birth::At(self.shared.peers[worker].doorbell), factory)
    }

    fn spawn_as<A: Actor>(
        &self,
        birth: Birth,
        factory: impl FnOnce(&mut Context<'_, A>) -> Result<A, Fault> + Send + 'static,
    ) -> ActorRef<A> {
        let child = ActorCell::create(
            &birth,
            Factory::new(factory),
            Some(self.root.cell_ref()),
            &self.shared.tuning.mailbox,
        );
        // SAFETY: the actor's own count keeps the cell alive; it cannot end before it is queued below.
        let cell = unsafe { child.as_ref() };
        let reference = ActorRef::new(cell);
        // Under the lock: whoever is adopted is adopted before the root is told to stop.
        let door = self.door();
        if door.closed {
            cell.abandon();
            return reference;
        }
        self.root.cell_ref().control(Control::Adopt(CellRef::new(&cell.header)));
        match birth {
            Birth::At(doorbell) => {
                // SAFETY: the cell was made claimed, so the duty is ours (M2), and it is alive until its notification
                // is taken (S4).
                unsafe { doorbell.notify(child.cast()) };
            }
            Birth::Anywhere | Birth::Here | Birth::Later => {
                self.shared.injector.push(Runnable(child.cast()));
                self.shared.wake_one(0);
            }
        }
        drop(door);
        reference
    }

    /// How many workers the system has.
    pub fn workers(&self) -> usize {
        self.shared.peers.len()
    }

    /// The counters of this moment.
    pub fn stats(&self) -> SystemStats {
        SystemStats {
            workers: self
                .shared
                .peers
                .iter()
                .map(|peer| peer.desk.counters.snapshot())
                .collect(),
            external_dead_letters: self.shared.letters.outside(),
        }
    }

    /// Waits until no message is left, nobody runs, nobody is muted and no blocking work is done, or `at_most` has passed; says
    /// which. Timers and sockets may bring new work afterwards, and so may threads outside. What this says is never too early:
    /// all workers have been seen asleep, twice, with nothing under way to any of them in between, and no thread outside in the
    /// middle of telling something.
    ///
    /// ```
    /// # use potoroo_runtime::{Actor, Context, System, Turn};
    /// # use std::time::Duration;
    /// struct Countdown;
    ///
    /// impl Actor for Countdown {
    ///     type Msg = u32;
    ///     fn handle(&mut self, left: u32, ctx: &mut Context<'_, Self>) -> Turn {
    ///         if left > 0 {
    ///             ctx.me().tell(left - 1);
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let system = System::new()?;
    /// system.spawn(|_| Ok(Countdown)).tell(1000);
    /// assert!(system.run_until_quiet(Duration::from_secs(10)));
    /// assert_eq!(system.stats().total().handled, 1001);
    /// # Ok::<(), potoroo_runtime::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// On a worker, which would wait for itself.
    pub fn run_until_quiet(&self, at_most: Duration) -> bool {
        assert!(
            Worker::with_current(|worker| worker.is_none()),
            "an actor cannot wait until nobody runs: have a thread outside do it"
        );
        let until = clock::now() + at_most;
        loop {
            if self.shared.is_quiet() {
                return true;
            }
            if clock::now() >= until {
                return false;
            }
            clock::sleep(QUIET_POLL_INTERVAL);
        }
    }

    /// Drains and stops everything, waiting at most [`DRAIN_DEADLINE`] for the messages.
    ///
    /// # Panics
    ///
    /// On a worker: an actor cannot wait for its own end. Let it tell a thread outside instead.
    pub fn shutdown(self) -> ShutdownReport {
        self.shut_down(DRAIN_DEADLINE)
    }

    /// Drains and stops everything: takes no new actors, waits until no message is left or `drain` has passed, stops
    /// the actors (children before parents, the last started first) and ends the workers. Timers and sockets are not
    /// waited for. Panics like [`shutdown`](Self::shutdown).
    pub fn shutdown_within(self, drain: Duration) -> ShutdownReport {
        self.shut_down(drain)
    }

    /// Whether it was on a simulated node that has crashed: nobody of it will ever do anything again.
    fn is_gone(&self) -> bool {
        simulated::with(|world| world.is_gone(self.root.id().0)).unwrap_or(false)
    }

    pub(crate) fn shut_down(&self, drain: Duration) -> ShutdownReport {
        assert!(
            Worker::with_current(|worker| worker.is_none()),
            "an actor cannot shut its own system down: have a thread outside do it"
        );
        self.door().closed = true;
        if self.is_gone() {
            self.door().simulated = false;
            return ShutdownReport {
                drained: false,
                stats: self.stats(),
                dead_letters: self.dead_letters(),
                recording: None,
            };
        }
        // Blocking work has until then as well.
        let until = clock::now() + drain;
        let drained = self.run_until_quiet(drain);
        self.root.stop();
        if std::mem::take(&mut self.door().simulated) {
            simulated::wait(clock::now() + END_MAX, &mut || self.shared.has_ended());
        }
        let threads = std::mem::take(&mut self.door().threads);
        // A worker's panic is a bug of the runtime; its message has been printed by the hook.
        let recorded = threads.into_iter().filter_map(|thread| thread.join().ok().flatten());
        let workers: Vec<WorkerRecording> = recorded.collect();
        self.shared.blocking.close(until);
        ShutdownReport {
            drained,
            stats: self.stats(),
            dead_letters: self.dead_letters(),
            recording: (!workers.is_empty()).then_some(Recording { workers }),
        }
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let door = self.door();
        // What a failed simulation leaves is the world's to bury.
        let left_to_the_world = door.simulated && (thread::panicking() || self.is_gone());
        let running = !door.threads.is_empty() || door.simulated;
        drop(door);
        if running && !left_to_the_world {
            self.shut_down(DRAIN_DEADLINE);
        }
        letters::close(self.root.id());
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("workers", &self.workers()).finish()
    }
}
