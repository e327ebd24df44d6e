//! Who looks at the clock for futures outside: one thread for the process, while there are any.
//!
//! A future that waits for an answer is polled when it is woken, and nobody wakes it when the answer never comes. What has
//! been awaited is noted here with its deadline; the thread starts with the first, and goes when nothing has been waited for
//! for a while. Answered asks are forgotten when they are half of what is noted, so the notes stay in proportion to what
//! really waits. It lacks precision: a thread of the operating system sleeps until the next deadline.

use crate::sync::{Arc, Condvar, Mutex, lock, thread};
use crate::sys::clock::{self, Time};
use crate::sys::simulated;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// How long the thread stays without anything to wait for.
const LINGER: Duration = Duration::from_secs(5);

/// How many are noted before the answered ones are looked for.
const PRUNE_AT_LEAST: usize = 64;

/// Something that can run out of time.
pub(super) trait Overdue: Send + Sync {
    /// Whether it need not be watched any more.
    fn is_settled(&self) -> bool;

    /// The time is up.
    fn expire(&self);
}

struct Note {
    due: Time,
    what: Arc<dyn Overdue>,
}

impl PartialEq for Note {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Note {}

impl PartialOrd for Note {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Note {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}

struct Notes {
    by_deadline: BinaryHeap<Reverse<Note>>,
    prune_at: usize,
    has_thread: bool,
}

static NOTES: Mutex<Notes> = Mutex::new(Notes {
    by_deadline: BinaryHeap::new(),
    prune_at: PRUNE_AT_LEAST,
    has_thread: false,
});
static CHANGED: Condvar = Condvar::new();

/// Lets `what` expire at `due` unless it is settled by then.
pub(super) fn watch(due: Time, what: Arc<dyn Overdue>) {
    let watched = what.clone();
    if simulated::with(|world| world.errand(Some(due), Box::new(move || watched.expire()))).is_some() {
        return;
    }
    let mut notes = lock(&NOTES);
    if notes.by_deadline.len() >= notes.prune_at {
        notes.by_deadline.retain(|Reverse(note)| !note.what.is_settled());
        notes.prune_at = PRUNE_AT_LEAST.max(2 * notes.by_deadline.len());
    }
    let is_first = notes.by_deadline.peek().is_none_or(|Reverse(first)| due < first.due);
    notes.by_deadline.push(Reverse(Note { due, what }));
    if !notes.has_thread {
        // Without the thread asks wait for their answers all the same, only not for the time-out; the next one tries again.
        let started = thread::Builder::new().name("potoroo-overdue".to_owned()).spawn(run);
        notes.has_thread = started.is_ok();
    } else if is_first {
        CHANGED.notify_one();
    }
}

/// The life of the thread.
fn run() {
    let mut notes = lock(&NOTES);
    loop {
        let now = clock::now();
        let next = notes.by_deadline.peek().map(|Reverse(note)| note.due);
        if next.is_some_and(|due| due <= now) {
            let over = notes.by_deadline.pop();
            drop(notes);
            if let Some(Reverse(note)) = over {
                // A waker is somebody else's code.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| note.what.expire()));
            }
            notes = lock(&NOTES);
            continue;
        }
        let at_most = next.map_or(LINGER, |due| due.since(now));
        let (back, waited) = CHANGED
            .wait_timeout(notes, at_most)
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        notes = back;
        if waited.timed_out() && notes.by_deadline.is_empty() {
            notes.has_thread = false;
            return;
        }
    }
}
