//! Dead letters: messages that reached no handler, counted by the type of the actor they were for.
//!
//! They are the first sign of an actor that ended too early or of a reference kept too long, and a bare number says nothing
//! of either. Each worker counts on a shard of its own, so that a flood from several of them does not contend; threads
//! outside share one, in the system to whose tree the actor belonged. All of it is cold: a message that is delivered comes
//! nowhere near. It lacks the letters themselves: they are dropped, or given back by `try_tell`, or handed over by `undelivered`.

use super::header::{ActorId, Header};
use super::worker::Worker;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::global::{StaticMutex, StaticMutexGuard};
use crate::sync::{Arc, Mutex, lock};
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why messages are dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeadLetterCause {
    /// They were told to an actor that had ended.
    Refused,
    /// They were left in the mailbox of an actor that ended, and have been handed to
    /// [`Actor::undelivered`](crate::Actor::undelivered).
    LeftOver,
    /// The mailbox was full; see [`MailboxLimits::hard`](crate::MailboxLimits::hard).
    Rejected,
}

/// Messages that reached no handler, as the hook of [`SystemBuilder::on_dead_letter`](crate::SystemBuilder::on_dead_letter)
/// hears of them.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The actor they were for.
    pub actor: ActorId,
    /// Its type.
    pub type_name: &'static str,
    /// How many messages.
    pub count: u64,
    /// Why.
    pub cause: DeadLetterCause,
}

impl fmt::Display for DeadLetter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            actor,
            type_name,
            count,
            ..
        } = self;
        match self.cause {
            DeadLetterCause::Refused => write!(f, "{count} told to {type_name} {actor}, which has ended"),
            DeadLetterCause::LeftOver => write!(f, "{count} left by {type_name} {actor}, which has ended"),
            DeadLetterCause::Rejected => write!(f, "{count} told to {type_name} {actor}, whose mailbox was full"),
        }
    }
}

/// The dead letters of all actors of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetterCount {
    /// The type of actor they were for.
    pub type_name: &'static str,
    /// How many were told to actors that had ended.
    pub refused: u64,
    /// How many were left over by actors that ended.
    pub left_over: u64,
    /// How many met a full mailbox.
    pub rejected: u64,
}

impl DeadLetterCount {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.refused + self.left_over + self.rejected
    }

    fn of(type_name: &'static str) -> Self {
        Self {
            type_name,
            refused: 0,
            left_over: 0,
            rejected: 0,
        }
    }
}

/// Who hears of dead letters.
pub(crate) type OnDeadLetter = Box<dyn Fn(&DeadLetter) + Send + Sync>;

/// The dead letters of one system.
pub(crate) struct Letters {
    /// One per worker, and one for the threads outside.
    shards: Box<[Mutex<HashMap<&'static str, DeadLetterCount>>]>,
    /// How many the threads outside have told.
    outside: AtomicU64,
    hook: Option<OnDeadLetter>,
}

thread_local! {
    /// Whether this thread is in a hook: what a hook tells in vain is counted, and not reported to it again.
    static IN_HOOK: Cell<bool> = const { Cell::new(false) };
}

impl Letters {
    pub(crate) fn new(workers: usize, hook: Option<OnDeadLetter>) -> Self {
        Self {
            shards: (0..=workers).map(|_| Mutex::new(HashMap::new())).collect(),
            outside: AtomicU64::new(0),
            hook,
        }
    }

    /// How many the threads outside have told.
    pub(crate) fn outside(&self) -> u64 {
        // Relaxed: a number that publishes nothing.
        self.outside.load(Ordering::Relaxed)
    }

    /// By type, the most first.
    pub(crate) fn by_type(&self) -> Vec<DeadLetterCount> {
        let mut sum: HashMap<&'static str, DeadLetterCount> = HashMap::new();
        for shard in &self.shards {
            for (type_name, count) in lock(shard).iter() {
                let of_type = sum.entry(type_name).or_insert_with(|| DeadLetterCount::of(type_name));
                of_type.refused += count.refused;
                of_type.left_over += count.left_over;
                of_type.rejected += count.rejected;
            }
        }
        let mut list: Vec<_> = sum.into_values().collect();
        list.sort_unstable_by_key(|count| (std::cmp::Reverse(count.total()), count.type_name));
        list
    }

    /// Counts, and calls the hook by way of `around`, which sees to what the hook tells others.
    fn add(&self, shard: usize, letter: &DeadLetter, around: impl FnOnce(&dyn Fn())) {
        {
            let mut shard = lock(&self.shards[shard]);
            let of_type = shard
                .entry(letter.type_name)
                .or_insert_with(|| DeadLetterCount::of(letter.type_name));
            match letter.cause {
                DeadLetterCause::Refused => of_type.refused += letter.count,
                DeadLetterCause::LeftOver => of_type.left_over += letter.count,
                DeadLetterCause::Rejected => of_type.rejected += letter.count,
            }
        }
        let Some(hook) = &self.hook else { return };
        if !IN_HOOK.replace(true) {
            // The hook is the user's code, and what calls it must go on.
            around(&|| drop(catch_unwind(AssertUnwindSafe(|| hook(letter)))));
            IN_HOOK.set(false);
        }
    }
}

/// Counts messages for the actor of `to` that reached nobody.
#[cold]
pub(crate) fn count(to: &Header, count: u64, cause: DeadLetterCause) {
    let letter = DeadLetter {
        actor: to.id,
        type_name: (to.table.type_name)(),
        count,
        cause,
    };
    Worker::with_current(|worker| match worker {
        Some(worker) => {
            worker.counters().dead_letters.add(count);
            // Until it is settled nobody else delivers what the hook has told: elsewhere it would be news.
            let _held = worker.hold();
            let letters = &worker.shared().letters;
            letters.add(worker.index(), &letter, |hook| worker.with_sending_apart(hook));
        }
        None => {
            // A system that has been dropped counts no more.
            if let Some(letters) = system_of(to) {
                letters.outside.fetch_add(count, Ordering::Relaxed);
                letters.add(letters.shards.len() - 1, &letter, |hook| hook());
            }
        }
    });
}

/// The systems of this process, by the roots of their trees. An actor knows its parent, and so its root; no cell has room
/// for more, and nobody but a thread outside with a dead letter asks.
static SYSTEMS: StaticMutex<BTreeMap<ActorId, Arc<Letters>>> = StaticMutex::new(BTreeMap::new());

fn systems() -> StaticMutexGuard<'static, BTreeMap<ActorId, Arc<Letters>>> {
    SYSTEMS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A system begins to count what threads outside tell in vain.
pub(crate) fn open(root: ActorId, letters: Arc<Letters>) {
    systems().insert(root, letters);
}

/// And ends to.
pub(crate) fn close(root: ActorId) {
    let closed = systems().remove(&root);
    drop(closed);
}

fn system_of(actor: &Header) -> Option<Arc<Letters>> {
    let mut root = actor;
    while let Some(parent) = &root.parent {
        root = parent.header();
    }
    systems().get(&root.id).cloned()
}
