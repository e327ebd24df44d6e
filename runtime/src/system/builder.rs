//! The settings of a system, each with its default and its reason.

use super::error::Error;
use super::kit;
use super::root::Root;
use super::{Door, System};
use crate::actor::{ActorCell, ActorId, ActorRef, Birth, Context, ExitReason, Factory};
use crate::arena::{ARENA_POOL_BYTES, EVACUATION_FACTOR, EVACUATION_FLOOR_BYTES};
use crate::mailbox::MailboxLimits;
use crate::scheduler::blocking::BlockingTuning;
use crate::scheduler::deque::Deque;
use crate::scheduler::desk::Desk;
use crate::scheduler::doorbell::Doorbell;
use crate::scheduler::header::Header;
use crate::scheduler::letters::{self, OnDeadLetter};
use crate::scheduler::shared::{MemoryTuning, OnFailure, Peer, Shared, Tuning};
#[cfg(not(potoroo_loom))]
use crate::scheduler::simulated::SimulatedWorker;
use crate::scheduler::worker::Worker;
use crate::sync::atomic::AtomicU64;
use crate::sync::{Arc, Counter, Mutex, thread};
use crate::sys::{barrier, clock, cores, simulated};
use std::fmt;
use std::io::Write;
use std::ptr::NonNull;
use std::time::Duration;

/// The most workers one system may have.
pub const WORKERS_MAX: usize = 1024;

/// How long an ask waits for its answer when nothing else is said.
pub const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// The most events that each worker of a recorded system may keep.
pub const RECORDED_EVENTS_MAX: usize = 1 << 22;

/// A system to be configured. Every setting has a default that suits most programs.
pub struct SystemBuilder {
    workers: Option<usize>,
    pin: Option<bool>,
    name: String,
    tuning: Tuning,
    on_failure: OnFailure,
    pub(super) on_dead_letter: Option<OnDeadLetter>,
}

impl Default for SystemBuilder {
    fn default() -> Self {
        Self {
            workers: None,
            pin: None,
            name: "potoroo".to_owned(),
            tuning: Tuning {
                turn_messages_max: 4096,
                turn_time_max: Duration::from_micros(50),
                spin: Duration::from_micros(5),
                share_worth: Duration::from_micros(10),
                io_interval: Duration::from_micros(50),
                rescue_after: Some(Duration::from_millis(1)),
                ask_timeout: ASK_TIMEOUT,
                blocking: BlockingTuning {
                    threads_max: 16,
                    queue_max: 1024,
                },
                record: None,
                arena_pool_bytes: ARENA_POOL_BYTES,
                mailbox: MailboxLimits::default(),
                memory: MemoryTuning {
                    limit_bytes: None,
                    evacuation_floor_bytes: EVACUATION_FLOOR_BYTES,
                    evacuation_factor: EVACUATION_FACTOR,
                },
            },
            on_failure: Box::new(|id, type_name, reason| {
                if simulated::is_on() {
                    // The world hears of it, and says so with the run.
                    return;
                }
                // A terminal that is gone takes no part in this: its error is nobody's.
                let _ = writeln!(std::io::stderr(), "potoroo: actor {type_name} {id} failed: {reason}");
            }),
            on_dead_letter: None,
        }
    }
}

impl SystemBuilder {
    /// How many workers, that is, threads: 1 to [`WORKERS_MAX`]. Default: one per core that the affinity mask and the
    /// cgroup's CPU quota leave to this process.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// Whether each worker is pinned to a core of its own. Default: yes, if there are at least as many usable cores as
    /// workers; pinning more threads than cores would only make them wait for each other.
    #[must_use]
    pub fn pin(mut self, pin: bool) -> Self {
        self.pin = Some(pin);
        self
    }

    /// The first part of the threads' names. Default: `potoroo`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many messages one turn handles at most; what arrives during a turn waits for the next one in any case.
    /// Default: 4096, so that a receiver of many senders keeps up with a turn each of theirs; the time limit is what
    /// keeps turns short.
    #[must_use]
    pub fn turn_messages_max(mut self, messages: u32) -> Self {
        self.tuning.turn_messages_max = messages;
        self
    }

    /// How long one turn may take before it ends at the next message that looks at the clock (every 32nd, or more often
    /// where messages have been long). Default:
    /// 50 µs. A handler is never interrupted.
    #[must_use]
    pub fn turn_time_max(mut self, time: Duration) -> Self {
        self.tuning.turn_time_max = time;
        self
    }

    /// How long a worker without work looks out for more before it sleeps. Default: 5 µs, a fraction of what a wake-up
    /// across cores costs. Zero suits machines whose cores belong to others as well.
    #[must_use]
    pub fn spin(mut self, spin: Duration) -> Self {
        self.tuning.spin = spin;
        self
    }

    /// How much waiting work (cells × mean turn) makes it worth while to offer half of it to a hungry worker. Default:
    /// 10 µs: less than that is done before the other has woken up.
    #[must_use]
    pub fn share_worth(mut self, work: Duration) -> Self {
        self.tuning.share_worth = work;
        self
    }

    /// How often a busy worker polls its sockets. Default: 50 µs.
    #[must_use]
    pub fn io_interval(mut self, interval: Duration) -> Self {
        self.tuning.io_interval = interval;
        self
    }

    /// How long an actor may stay in one turn before a worker without work takes over those that wait behind it. Default:
    /// 1 ms; the look is taken about as often, so help comes within some milliseconds. `None`: never, and idle workers do
    /// not watch. Needs two workers, and Linux with `membarrier`.
    #[must_use]
    pub fn rescue_after(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.tuning.rescue_after = time.into();
        self
    }

    /// How long an ask waits for its answer when nothing else is said. Default: [`ASK_TIMEOUT`]. There is no ask without a
    /// time-out, and none may be zero. Inside actors it is checked eight times in that period, so that an ask waits up to an
    /// eighth longer and costs no reading of the clock; [`AskInside::within`] and [`Ask::within`] are exact.
    ///
    /// [`Ask::within`]: crate::Ask::within
    /// [`AskInside::within`]: crate::AskInside::within
    #[must_use]
    pub fn ask_timeout(mut self, time: Duration) -> Self {
        self.tuning.ask_timeout = time;
        self
    }

    /// How many threads do what blocks ([`Context::blocking`](crate::Context::blocking)). They start when they are needed and
    /// go when they are not. Default: 16, and at least 1.
    #[must_use]
    pub fn blocking_threads_max(mut self, threads: usize) -> Self {
        self.tuning.blocking.threads_max = threads;
        self
    }

    /// How much blocking work waits at most while all threads are busy; what comes then is refused. Default: 1024.
    #[must_use]
    pub fn blocking_queue_max(mut self, jobs: usize) -> Self {
        self.tuning.blocking.queue_max = jobs;
        self
    }

    /// Records turns, looks and sleeps, and what is measured of them; [`ShutdownReport::recording`] has it. Each worker
    /// keeps the latest `events`, at most [`RECORDED_EVENTS_MAX`], of 56 bytes each; with 0 there are only the figures.
    /// Default: not recorded. A recorded turn costs two readings of the clock and some bookkeeping, about 0.1 µs; an
    /// unrecorded one a branch.
    ///
    /// [`ShutdownReport::recording`]: crate::ShutdownReport::recording
    #[must_use]
    pub fn record(mut self, events: usize) -> Self {
        self.tuning.record = Some(events);
        self
    }

    /// How many bytes the arenas of one actor may hold. Default: no limit. [`Context::limit_memory`] says otherwise for
    /// one actor, and says what happens at the limit.
    ///
    /// [`Context::limit_memory`]: crate::Context::limit_memory
    #[must_use]
    pub fn actor_memory_max(mut self, bytes: u64) -> Self {
        self.tuning.memory.limit_bytes = Some(bytes);
        self
    }

    /// When an actor's state is moved into a fresh arena: at the end of a turn in which the dead bytes exceed both
    /// `floor_bytes` and `factor` times the live ones. Defaults: [`EVACUATION_FLOOR_BYTES`], [`EVACUATION_FACTOR`]. A larger
    /// factor costs memory, a smaller one time. Only actors that name their state are evacuated; see
    /// [`Actor::arena_state`](crate::Actor::arena_state).
    #[must_use]
    pub fn evacuation(mut self, floor_bytes: u64, factor: f64) -> Self {
        self.tuning.memory.evacuation_floor_bytes = floor_bytes;
        self.tuning.memory.evacuation_factor = factor;
        self
    }

    /// How much may wait in one mailbox, and what happens then: [`MailboxLimits`] has the defaults.
    /// [`Context::limit_mailbox`](crate::Context::limit_mailbox) says otherwise for one actor.
    #[must_use]
    pub fn mailbox(mut self, limits: MailboxLimits) -> Self {
        self.tuning.mailbox = limits;
        self
    }

    /// How many bytes of emptied chunks each worker keeps for new arenas. Default: [`ARENA_POOL_BYTES`]. One arena
    /// leaves at most a quarter of it.
    #[must_use]
    pub fn arena_pool_bytes(mut self, bytes: usize) -> Self {
        self.tuning.arena_pool_bytes = bytes;
        self
    }

    /// Who hears of actors that end by a fault or a panic. Called on the worker, so it must be short; a panic in it is
    /// caught and ignored. Default: one line on standard error.
    #[must_use]
    pub fn on_failure(mut self, hear: impl Fn(ActorId, &'static str, &ExitReason) + Send + Sync + 'static) -> Self {
        self.on_failure = Box::new(hear);
        self
    }

    /// Starts the workers.
    ///
    /// In a simulated world ([`sim`](crate::sim)) there are no threads: the world gives the workers their steps.
    pub fn build(mut self) -> Result<System, Error> {
        let usable = cores::usable();
        if let Some(messages) = simulated::with(|world| world.turn_messages_max()).flatten() {
            self.tuning.turn_messages_max = messages;
        }
        let workers = self.workers.unwrap_or(usable);
        if workers == 0 || workers > WORKERS_MAX {
            return Err(Error::configuration(format!(
                "a system needs 1 to {WORKERS_MAX} workers, not {workers}"
            )));
        }
        if self.tuning.turn_messages_max == 0 {
            return Err(Error::configuration("a turn must handle at least 1 message, not 0"));
        }
        if self.tuning.blocking.threads_max == 0 {
            return Err(Error::configuration("blocking work needs at least 1 thread, not 0"));
        }
        if self.tuning.ask_timeout.is_zero() {
            return Err(Error::configuration("an ask must wait for more than no time"));
        }
        if let Some(events) = self.tuning.record.filter(|events| *events > RECORDED_EVENTS_MAX) {
            return Err(Error::configuration(format!(
                "a worker can keep at most {RECORDED_EVENTS_MAX} events, not {events}"
            )));
        }
        let mut tuning = self.tuning;
        if simulated::is_on() || !barrier::register() {
            // Without the barrier nobody can tell whether a worker lets go of its desk. In a simulated world nobody is stuck.
            tuning.rescue_after = None;
        }
        let factor = self.tuning.memory.evacuation_factor;
        if !(factor.is_finite() && factor > 0.0) {
            return Err(Error::configuration(format!(
                "the factor of evacuation must be finite and above 0, not {factor}"
            )));
        }
        let pin = self.pin.unwrap_or(workers <= usable);
        let allowed = cores::allowed();
        let core_of = |index: usize| (pin && !allowed.is_empty()).then(|| allowed[index % allowed.len()]);
        let places: Vec<_> = (0..workers)
            .map(|index| core_of(index).map(cores::Place::of).unwrap_or_default())
            .collect();

        let mut peers = Vec::with_capacity(workers);
        let mut deques = Vec::with_capacity(workers);
        for index in 0..workers {
            let doorbell = Doorbell::take()
                .map_err(|e| Error::resource(format!("cannot make the poller of worker {index}"), e))?;
            doorbell.set_ask_timeout(self.tuning.ask_timeout);
            let (deque, stealer) = Deque::new();
            deques.push(deque);
            peers.push(Peer {
                doorbell,
                desk: Desk::new(doorbell, self.tuning.turn_messages_max as usize, clock::now()),
                neighbors: neighbors(index, &places),
                stealer,
                waiting_ns: Counter::default(),
                sleeps: AtomicU64::new(0),
            });
        }
        let shared = Arc::new(Shared::new(
            &self.name,
            peers,
            tuning,
            self.on_failure,
            self.on_dead_letter,
            kit::upstairs(),
        ));

        let home = shared.peers[0].doorbell;
        let root = ActorCell::create(
            &Birth::At(home),
            Factory::new(|_: &mut Context<'_, Root>| Ok(Root)),
            None,
            &shared.tuning.mailbox,
        );
        // SAFETY: the root's own count keeps it alive until it is notified, and longer.
        let root_ref = ActorRef::new(unsafe { root.as_ref() });
        // SAFETY: the cell was made claimed, so the duty is ours (M2).
        unsafe { home.notify(root.cast()) };

        let mut threads = Vec::with_capacity(workers);
        let simulated = simulated::is_on();
        let deques = if simulated {
            hand_over(deques, &shared, root.cast());
            Vec::new()
        } else {
            deques
        };
        for (index, deque) in deques.into_iter().enumerate() {
            let core = core_of(index);
            let shared_by_worker = shared.clone();
            let thread = thread::Builder::new()
                .name(format!("{}-{index}", self.name))
                .spawn(move || {
                    if let Some(core) = core {
                        // A refusal costs speed, nothing else.
                        cores::pin(core);
                    }
                    let worker = Worker::new(index, shared_by_worker, deque);
                    worker.run();
                    worker.into_recording()
                });
            match thread {
                Ok(thread) => threads.push(thread),
                Err(cause) => {
                    // The workers that run already go home.
                    root_ref.stop();
                    shared.end();
                    for thread in threads {
                        let _ = thread.join();
                    }
                    return Err(Error::resource(
                        format!("cannot start the thread of worker {index} of {workers}"),
                        cause,
                    ));
                }
            }
        }
        letters::open(root_ref.id(), shared.letters.clone());
        Ok(System {
            shared,
            root: root_ref,
            door: Mutex::new(Door {
                closed: false,
                threads,
                simulated,
            }),
        })
    }
}

/// Gives the workers to the simulated world of this thread.
#[cfg(not(potoroo_loom))]
fn hand_over(deques: Vec<Deque>, shared: &Arc<Shared>, root: NonNull<Header>) {
    for (index, deque) in (0..).zip(deques) {
        let worker = Worker::new(index, shared.clone(), deque);
        let stepped = SimulatedWorker::new(worker, (index == 0).then_some(root));
        simulated::with(|world| world.adopt(Box::new(stepped)));
    }
}

/// Models have no simulated worlds.
#[cfg(potoroo_loom)]
fn hand_over(_: Vec<Deque>, _: &Arc<Shared>, _: NonNull<Header>) {}

/// The other workers, the nearest first; among equals those that follow first, so that not all turn to the same one.
fn neighbors(index: usize, places: &[cores::Place]) -> Box<[usize]> {
    let mut others: Vec<usize> = (1..places.len()).map(|step| (index + step) % places.len()).collect();
    others.sort_by_key(|other| places[index].distance(&places[*other]));
    others.into_boxed_slice()
}

impl fmt::Debug for SystemBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemBuilder")
            .field("workers", &self.workers)
            .field("pin", &self.pin)
            .field("name", &self.name)
            .field("tuning", &self.tuning)
            .finish_non_exhaustive()
    }
}
