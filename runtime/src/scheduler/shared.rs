//! What the workers of one system share: each other's doorbells and stealable ends, the injector, hunger, the end.
//!
//! Nothing here lies on the path of a local message. It lacks any list of actors: the tree owns them.

use super::blocking::{BlockingPool, BlockingTuning};
use super::deque::{Injector, Stealer};
use super::desk::Desk;
use super::doorbell::Doorbell;
use super::exit::ExitReason;
use super::header::ActorId;
use super::letters::{Letters, OnDeadLetter};
use super::trial::Trial;
use crate::mailbox::MailboxLimits;
use crate::mutant;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use crate::sync::{Arc, Counter};
use crate::sys::{clock, simulated};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What the others see of one worker.
pub(crate) struct Peer {
    pub(crate) doorbell: &'static Doorbell,
    pub(crate) desk: Desk,
    /// The other workers, by their index, the nearest first.
    pub(crate) neighbors: Box<[usize]>,
    pub(crate) stealer: Stealer,
    /// How long the work waiting in the run queue would take, in ns, as of the worker's last look.
    pub(crate) waiting_ns: Counter,
    /// Rises each time the worker goes to sleep, so that two looks can tell one sleep from two.
    pub(crate) sleeps: AtomicU64,
}

/// The numbers that shape a worker's decisions; see [`SystemBuilder`](crate::SystemBuilder) for their meaning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning {
    pub(crate) turn_messages_max: u32,
    pub(crate) turn_time_max: Duration,
    pub(crate) spin: Duration,
    pub(crate) share_worth: Duration,
    pub(crate) io_interval: Duration,
    pub(crate) rescue_after: Option<Duration>,
    pub(crate) ask_timeout: Duration,
    pub(crate) blocking: BlockingTuning,
    /// How many events each worker keeps, if the system is recorded.
    pub(crate) record: Option<usize>,
    pub(crate) arena_pool_bytes: usize,
    pub(crate) memory: MemoryTuning,
    pub(crate) mailbox: MailboxLimits,
}

/// The part of them that is about the memory of actors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryTuning {
    pub(crate) limit_bytes: Option<u64>,
    pub(crate) evacuation_floor_bytes: u64,
    pub(crate) evacuation_factor: f64,
}

/// The common ground of one system's workers.
pub(crate) struct Shared {
    pub(crate) peers: Box<[Peer]>,
    pub(crate) injector: Injector,
    /// How many workers look for work or sleep for lack of it. Written only on the way in and out of idleness.
    hungry: AtomicUsize,
    /// How many workers look for work.
    searching: AtomicUsize,
    /// How many actors are muted: messages wait that nobody will handle before something else happens.
    muted: AtomicUsize,
    ended: AtomicBool,
    /// How many workers are awake in turns, on their own desks, to see whether somebody is stuck.
    pub(super) watching: AtomicUsize,
    /// How many workers have lost their tenure.
    pub(super) rescued: AtomicUsize,
    pub(super) trial: Trial,
    pub(crate) blocking: Arc<BlockingPool>,
    pub(crate) tuning: Tuning,
    on_failure: OnFailure,
    pub(crate) letters: Arc<Letters>,
    /// What the floors above share in one system.
    pub(crate) upstairs: Upstairs,
}

/// What the floors above share in one system; they know what it is.
pub(crate) type Upstairs = Box<dyn Any + Send + Sync>;

/// Who hears of actors that end by a fault or a panic: id, type, reason.
pub(crate) type OnFailure = Box<dyn Fn(ActorId, &'static str, &ExitReason) + Send + Sync>;

impl Shared {
    pub(crate) fn new(
        name: &str,
        peers: Vec<Peer>,
        tuning: Tuning,
        on_failure: OnFailure,
        on_dead_letter: Option<OnDeadLetter>,
        upstairs: Upstairs,
    ) -> Self {
        Self {
            letters: Arc::new(Letters::new(peers.len(), on_dead_letter)),
            peers: peers.into_boxed_slice(),
            injector: Injector::new(),
            hungry: AtomicUsize::new(0),
            searching: AtomicUsize::new(0),
            muted: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            watching: AtomicUsize::new(0),
            rescued: AtomicUsize::new(0),
            trial: Trial::new(clock::now()),
            blocking: BlockingPool::new(name, tuning.blocking),
            tuning,
            on_failure,
            upstairs,
        }
    }

    /// Reports an actor that ended by a fault or a panic; no failure is silent.
    pub(crate) fn report_failure(&self, id: ActorId, type_name: &'static str, reason: &ExitReason) {
        // The hook is the user's code, and what calls it is the last thing that may be interrupted: the end of a life.
        let heard = catch_unwind(AssertUnwindSafe(|| (self.on_failure)(id, type_name, reason)));
        drop(heard);
        simulated::with(|world| world.failed(id.0, type_name, &reason.to_string()));
    }

    /// Announces that a worker has nothing to do.
    pub(crate) fn become_hungry(&self) {
        // Relaxed: a hint to busy workers; nothing is read because of it but the sleep states, which have fences.
        self.hungry.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes the announcement back.
    pub(crate) fn become_sated(&self) {
        self.hungry.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether anybody is hungry: a load of a line that rarely changes.
    #[inline]
    pub(crate) fn anyone_hungry(&self) -> bool {
        self.hungry.load(Ordering::Relaxed) > 0
    }

    /// Wakes one sleeping worker, the nearest to `from` that sleeps, or `from` itself. The work must have been published
    /// before.
    pub(crate) fn wake_one(&self, from: usize) {
        let neighbors = self.peers[from].neighbors.iter().copied();
        for index in neighbors.chain([from]) {
            let doorbell = self.peers[index].doorbell;
            if doorbell.sleep().must_wake() {
                doorbell.wake();
                return;
            }
        }
    }

    /// As [`wake_one`](Self::wake_one), unless somebody is looking for work this moment: one searcher at a time, who wakes
    /// the next if it finds more than it can do.
    pub(crate) fn wake_a_searcher(&self, from: usize) {
        // Pairs with the fence of a searcher that is going to sleep: either we see that it does not search any more, or its
        // second look sees what was published.
        fence(Ordering::SeqCst);
        if self.searching.load(Ordering::Relaxed) == 0 {
            self.wake_one(from);
        }
    }

    /// A worker begins to look for work without doing any.
    pub(super) fn begin_to_search(&self) {
        self.searching.fetch_add(1, Ordering::Relaxed);
    }

    /// And ends. If it goes to sleep now it announces that and looks once more (S6).
    pub(super) fn end_search(&self) {
        self.searching.fetch_sub(1, Ordering::Relaxed);
    }

    /// The messages that each worker has handled so far.
    pub(super) fn handled(&self) -> impl Iterator<Item = u64> {
        self.peers.iter().map(|peer| peer.desk.counters.handled.get())
    }

    /// Whether some worker has offered cells.
    pub(crate) fn anything_to_steal(&self) -> bool {
        !self.injector.is_empty() || self.peers.iter().any(|peer| !peer.stealer.is_empty())
    }

    /// An actor has been muted.
    pub(crate) fn one_more_muted(&self) {
        // Relaxed: whoever reads it looks at the sleep of the workers before and after, which orders it.
        self.muted.fetch_add(1, Ordering::Relaxed);
    }

    /// An actor goes on.
    pub(crate) fn one_less_muted(&self) {
        self.muted.fetch_sub(1, Ordering::Relaxed);
    }

    /// The last actor has ended: all workers go home.
    pub(crate) fn end(&self) {
        // Release pairs with the Acquire in `has_ended`; the rings that follow carry fences.
        self.ended.store(true, Ordering::Release);
        for peer in &self.peers {
            if mutant!("end_rings_nobody") {
                continue;
            }
            peer.doorbell.ring();
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Whether no message is left: every worker sleeps through the whole look, nothing is under way to any of them, and
    /// nobody is muted. Timers and sockets that may bring new work are not counted.
    pub(crate) fn is_quiet(&self) -> bool {
        // First of all: whoever has seen that a visitor has pushed something sees the visit here, or its notification below.
        if self.peers.iter().any(|peer| peer.doorbell.has_visitors()) && !mutant!("quiet_overlooks_visitors") {
            return false;
        }
        let sleeps = |peer: &Peer| {
            let awake = !peer.doorbell.sleep().is_asleep() && !crate::mutant!("sim_quiet_too_soon");
            (!awake && !peer.doorbell.has_notifications()).then(|| peer.sleeps.load(Ordering::Acquire))
        };
        let before: Option<Vec<u64>> = self.peers.iter().map(sleeps).collect();
        // Blocking work brings its result to a worker before it is done.
        if before.is_none()
            || !self.blocking.is_idle()
            || self.anything_to_steal()
            || self.muted.load(Ordering::Relaxed) > 0
        {
            return false;
        }
        // Acquire, after the lists were seen empty: if a worker emptied one just now, the second look sees it awake.
        fence(Ordering::Acquire);
        let after: Option<Vec<u64>> = self.peers.iter().map(sleeps).collect();
        before == after || mutant!("quiet_looks_once")
    }
}
