//! The frame of every workload: one driver actor that spawns the cast, gives the first messages, and clears up.
//!
//! All actors of a workload are the driver's children, so on one worker every message among them is local. The thread
//! that measures only waits: actors note begin and end themselves, so waking that thread is not timed. The driver takes
//! no part between the first messages and the end.

use crate::Outcome;
use potoroo_runtime::{Actor, Context, ExitReason, Signal, System, Turn};
use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// A run that takes longer than this has lost a message.
const STALLED_AFTER: Duration = Duration::from_secs(300);

/// Sends the first messages.
pub(crate) type Begin = Box<dyn FnOnce() + Send>;

/// What the measuring thread is told.
enum Event {
    /// Every child is alive and knows whom to send to.
    Ready,
    /// The last message has been handled.
    Finished,
    /// All actors have ended and added their sums.
    Gone,
    /// A child ended on its own.
    Failed(String),
}

/// What the actors of one run write together. Nothing here is touched per message.
pub(crate) struct Ledger {
    not_ready: AtomicU64,
    unfinished: AtomicU64,
    checksum: AtomicU64,
    begun: OnceLock<Instant>,
    finished: OnceLock<Instant>,
    events: Sender<Event>,
}

impl Ledger {
    /// A child says that it is alive and wired.
    pub(crate) fn ready(&self) {
        if self.not_ready.fetch_sub(1, AcqRel) == 1 {
            self.tell(Event::Ready);
        }
    }

    /// One of the parts that the run waits for is over.
    pub(crate) fn part_finished(&self) {
        if self.unfinished.fetch_sub(1, AcqRel) == 1 {
            self.finished.get_or_init(Instant::now);
            self.tell(Event::Finished);
        }
    }

    /// An actor adds what it has handled, at its end.
    pub(crate) fn add(&self, sum: u64) {
        self.checksum.fetch_add(sum, Relaxed);
    }

    fn tell(&self, event: Event) {
        // After a stall nobody listens any more, and the panic has been printed.
        let _ = self.events.send(event);
    }
}

/// How many of what there are.
pub(crate) struct Cast {
    /// Children; each calls [`Ledger::ready`] once.
    pub(crate) children: u64,
    /// Parts; each ends with [`Ledger::part_finished`].
    pub(crate) parts: u64,
}

/// The driver's only message: send the first messages now.
pub(crate) struct Go;

/// The parent of all actors of a run.
pub(crate) struct Driver {
    begin: Option<Begin>,
    ledger: Arc<Ledger>,
}

impl Actor for Driver {
    type Msg = Go;

    fn handle(&mut self, _: Go, _: &mut Context<'_, Self>) -> Turn {
        if let Some(begin) = self.begin.take() {
            self.ledger.begun.get_or_init(Instant::now);
            begin();
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        if let Signal::ChildExited { id, reason } = signal {
            self.ledger.tell(Event::Failed(format!("actor {id}: {reason}")));
        }
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        self.ledger.tell(Event::Gone);
    }
}

/// What is asked of a run and what must come out of it.
pub(crate) struct Play {
    pub(crate) workload: &'static str,
    pub(crate) cast: Cast,
    pub(crate) messages: u64,
    pub(crate) expected: u64,
}

/// Runs `play` once. `set_up` spawns and wires the cast.
///
/// # Panics
///
/// If an actor fails, if a message is lost, or if the sums do not agree.
pub(crate) fn perform(
    system: &System,
    play: &Play,
    set_up: impl FnOnce(&mut Context<'_, Driver>, &Arc<Ledger>) -> Begin + Send + 'static,
) -> Outcome {
    assert!(play.messages > 0, "{}: a run needs messages", play.workload);
    let (events, heard) = channel();
    let ledger = Arc::new(Ledger {
        not_ready: AtomicU64::new(play.cast.children),
        unfinished: AtomicU64::new(play.cast.parts),
        checksum: AtomicU64::new(0),
        begun: OnceLock::new(),
        finished: OnceLock::new(),
        events,
    });
    let for_driver = ledger.clone();
    let driver = system.spawn(move |ctx| {
        Ok(Driver {
            begin: Some(set_up(ctx, &for_driver)),
            ledger: for_driver,
        })
    });

    play.wait_for(&heard, "being set up", |event| matches!(event, Event::Ready));
    driver.tell(Go);
    play.wait_for(&heard, "running", |event| matches!(event, Event::Finished));
    driver.stop();
    play.wait_for(&heard, "ending", |event| matches!(event, Event::Gone));

    let (Some(begun), Some(finished)) = (ledger.begun.get(), ledger.finished.get()) else {
        unreachable!("both were set before the last message was reported");
    };
    Outcome::checked(
        play.workload,
        play.messages,
        finished.duration_since(*begun),
        ledger.checksum.load(Relaxed),
        play.expected,
    )
}

impl Play {
    fn wait_for(&self, heard: &Receiver<Event>, what: &str, wanted: impl FnOnce(&Event) -> bool) {
        let workload = self.workload;
        match heard.recv_timeout(STALLED_AFTER) {
            Ok(event) if wanted(&event) => {}
            Ok(Event::Failed(who)) => panic!("{workload}: while {what}: {who}"),
            Ok(_) => panic!("{workload}: while {what}: the events came in the wrong order"),
            Err(RecvTimeoutError::Timeout) => {
                panic!("{workload}: still {what} after {STALLED_AFTER:?}: a message was lost")
            }
            Err(RecvTimeoutError::Disconnected) => unreachable!("the ledger here holds a sender"),
        }
    }
}
