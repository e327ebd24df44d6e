//! What the actors of one run write together, so that the measuring thread can wait for them and check their sums.
//!
//! The actors note begin and end themselves: waking the measuring thread is not timed. Nothing here is touched per
//! message, except by the actors of `create`, each of which gets one. It lacks any word about which actor stalled.

use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A run that takes longer than this has lost a message.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// What the measuring thread is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Every actor of the cast is alive and knows whom to send to.
    Ready,
    /// The last message has been handled.
    Finished,
    /// The cast has added its sums and ended.
    Gone,
}

/// See the file.
#[derive(Debug)]
pub(crate) struct Ledger {
    not_ready: AtomicU64,
    unfinished: AtomicU64,
    not_gone: AtomicU64,
    checksum: AtomicU64,
    begun: OnceLock<Instant>,
    finished: OnceLock<Instant>,
    events: Sender<Event>,
}

impl Ledger {
    /// For so many actors and so many parts that must finish.
    pub(crate) fn new(cast: u64, parts: u64) -> (Arc<Self>, Receiver<Event>) {
        let (events, heard) = channel();
        let ledger = Self {
            not_ready: AtomicU64::new(cast),
            unfinished: AtomicU64::new(parts),
            not_gone: AtomicU64::new(cast),
            checksum: AtomicU64::new(0),
            begun: OnceLock::new(),
            finished: OnceLock::new(),
            events,
        };
        (Arc::new(ledger), heard)
    }

    /// An actor says that it is alive and wired.
    pub(crate) fn ready(&self) {
        self.count_down(&self.not_ready, Event::Ready);
    }

    /// The first message is about to be sent.
    pub(crate) fn begin(&self) {
        self.begun.get_or_init(Instant::now);
    }

    /// One of the parts that the run waits for is over.
    pub(crate) fn part_finished(&self) {
        if self.unfinished.fetch_sub(1, AcqRel) == 1 {
            self.finished.get_or_init(Instant::now);
            self.tell(Event::Finished);
        }
    }

    /// An actor adds what it has handled.
    pub(crate) fn add(&self, sum: u64) {
        self.checksum.fetch_add(sum, Relaxed);
    }

    /// An actor of the cast ends.
    pub(crate) fn gone(&self) {
        self.count_down(&self.not_gone, Event::Gone);
    }

    /// From the first message to the last, and the sum.
    pub(crate) fn result(&self) -> (Duration, u64) {
        let (Some(begun), Some(finished)) = (self.begun.get(), self.finished.get()) else {
            unreachable!("both are set before the last event");
        };
        (finished.duration_since(*begun), self.checksum.load(Relaxed))
    }

    fn count_down(&self, what: &AtomicU64, event: Event) {
        if what.fetch_sub(1, AcqRel) == 1 {
            self.tell(event);
        }
    }

    fn tell(&self, event: Event) {
        // After a stall nobody listens any more, and the panic has been printed.
        let _ = self.events.send(event);
    }
}

/// Waits for `wanted`.
///
/// # Panics
///
/// If something else comes, or nothing within a minute.
pub(crate) fn wait_for(heard: &Receiver<Event>, wanted: Event, who: &str) {
    match heard.recv_timeout(STALLED_AFTER) {
        Ok(event) => assert_eq!(event, wanted, "{who}: the events came in the wrong order"),
        Err(_) => panic!("{who}: not {wanted:?} after {STALLED_AFTER:?}: a message was lost"),
    }
}
