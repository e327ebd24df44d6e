//! What a recorded system leaves behind: events, distributions, times by actor type.
//!
//! It is there when the system has been shut down, in [`ShutdownReport`](crate::ShutdownReport). How it is written to a
//! file is up to whoever reads it.

use super::Distribution;
use crate::sys::clock::Time;
use std::time::Duration;

/// What all workers recorded.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Recording {
    /// One entry per worker.
    pub workers: Vec<WorkerRecording>,
}

/// What one worker recorded.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WorkerRecording {
    /// The latest events, in the order in which they began. Those with a length do not overlap.
    pub events: Vec<Event>,
    /// How many earlier events made room for these.
    pub overwritten: u64,
    /// What was counted and measured of all turns, whatever became of their events.
    pub figures: Figures,
}

/// Measured with a clock; over all turns since the system started.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Figures {
    /// How long turns took, in ns, with a reading of the clock.
    pub turn_ns: Distribution,
    /// How many messages turns handled. Turns without any (control, sockets) count as 1.
    pub batch: Distribution,
    /// How long runnable actors waited for their turn, in ns: from the beginning of the turn in which they became
    /// runnable, so at most that turn too long; from the moment at which their worker was told, for those that another
    /// thread made runnable; from the end of their own turn, if they had more to do.
    pub queue_delay_ns: Distribution,
    /// How long it took from another thread's ring until a sleeping worker ran, in ns.
    pub wake_ns: Distribution,
    /// How long sleeps were, in ns.
    pub sleep_ns: Distribution,
    /// By actor type, the one with the longest turn first.
    pub types: Vec<TypeFigures>,
}

/// The turns of all actors of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypeFigures {
    /// The type.
    pub name: &'static str,
    /// Actors started.
    pub spawned: u64,
    /// Actors ended.
    pub ended: u64,
    /// Turns.
    pub turns: u64,
    /// Messages that they handled.
    pub messages: u64,
    /// How long they took together.
    pub total: Duration,
    /// How long the longest took.
    pub longest: Duration,
}

/// Something a worker did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// When it began.
    pub begin: Time,
    /// How long it took; zero for what has no length.
    pub length: Duration,
    /// What it was.
    pub kind: EventKind,
}

/// What an event was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A turn of an actor.
    Turn {
        /// The number of its [`ActorId`](crate::ActorId).
        actor: u64,
        /// Its type.
        type_name: &'static str,
        /// Messages handled.
        messages: u32,
    },
    /// A look around: sockets, timers, sharing.
    Look,
    /// A sleep.
    Sleep {
        /// From another thread's ring until the worker ran, if it was a ring that woke it.
        woken_after: Option<Duration>,
    },
    /// So many cells were offered to hungry workers. This and what follows is noted before the next turn.
    Exported(u64),
    /// So many cells were taken from other workers or from outside.
    Stolen(u64),
    /// So many cells drifted away.
    Drifted(u64),
    /// So many timers fired.
    TimersFired(u64),
    /// So many sockets were reported ready.
    SocketsReady(u64),
}

impl Recording {
    /// All workers together.
    pub fn total(&self) -> Figures {
        let mut total = Figures::default();
        for worker in &self.workers {
            total.add(&worker.figures);
        }
        total
    }
}

impl Figures {
    fn add(&mut self, other: &Self) {
        self.turn_ns.add(&other.turn_ns);
        self.batch.add(&other.batch);
        self.queue_delay_ns.add(&other.queue_delay_ns);
        self.wake_ns.add(&other.wake_ns);
        self.sleep_ns.add(&other.sleep_ns);
        self.types.extend_from_slice(&other.types);
        self.merge_types();
    }

    /// One entry for each name: a type may have come under several addresses, or on several workers.
    pub(super) fn merge_types(&mut self) {
        self.types.sort_unstable_by_key(|figures| figures.name);
        self.types.dedup_by(|next, kept| {
            let same = next.name == kept.name;
            if same {
                kept.spawned += next.spawned;
                kept.ended += next.ended;
                kept.turns += next.turns;
                kept.messages += next.messages;
                kept.total += next.total;
                kept.longest = kept.longest.max(next.longest);
            }
            same
        });
        self.types.sort_by_key(|figures| std::cmp::Reverse(figures.longest));
    }
}
