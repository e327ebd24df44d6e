//! A worker: one thread's share of the system, as a thing that can be stepped.
//!
//! [`Worker::step`] does one small piece of work and says whether there was any; [`Worker::rest`] waits for more. A
//! thread loops over the two; a simulator can step all workers of a system on one thread. Everything here is touched by
//! the owning thread alone, except what stands in [`Shared`] and behind the doorbell. Protocols and invariants S1 to S5
//! are in the folder's README.

use super::control::Control;
use super::deque::{Deque, Runnable};
use super::desk::{Desk, RunQueue};
use super::doorbell::Doorbell;
use super::header::{After, Header};
use super::outgoing::Outgoing;
use super::pace::Pace;
use super::record::{self, MaybeRecorder};
use super::rescue::Watch;
use super::shared::{Peer, Shared, Tuning};
use super::sockets::Sockets;
use crate::arena::{BumpPool, Scratch};
use crate::mailbox::NodePool;
use crate::observe::WorkerCounters;
use crate::sync::{Arc, UnsafeCell, thread_local_pointer};
use crate::sys::clock;
use crate::sys::simulated;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{self, NonNull};
use std::time::Duration;

thread_local_pointer! {
    /// The worker that this thread is, while it is one.
    static CURRENT: Worker
}

/// Who the thread was before.
struct Restore(*const Worker);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.0));
    }
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something was done; step again.
    Worked,
    /// There is nothing to do.
    Idle,
}

/// One thread's share of the system.
pub(crate) struct Worker {
    index: usize,
    /// In `shared`; here without the way through the list of peers.
    desk: NonNull<Desk>,
    shared: Arc<Shared>,
    pub(super) deque: Deque,
    pub(super) sockets: UnsafeCell<Sockets>,
    scratch: UnsafeCell<Scratch>,
    /// Where the nodes of this worker's messages to others come from.
    pub(super) nodes: NodePool,
    pub(super) recorder: MaybeRecorder,
    pool: BumpPool,
    pub(super) pace: Pace,
    /// What this worker has seen of the others' turns.
    pub(super) watch: RefCell<Watch>,
}

impl Worker {
    pub(crate) fn new(index: usize, shared: Arc<Shared>, deque: Deque) -> Self {
        let now = clock::now();
        Self {
            index,
            desk: NonNull::from(&shared.peers[index].desk),
            nodes: NodePool::new(&shared.peers[index].doorbell.returns),
            recorder: record::recorder(shared.tuning.record),
            pool: BumpPool::new(shared.tuning.arena_pool_bytes),
            shared,
            deque,
            watch: RefCell::new(Watch::default()),
            sockets: UnsafeCell::new(Sockets::default()),
            scratch: UnsafeCell::new(Scratch::default()),
            pace: Pace::new(now),
        }
    }

    /// Runs `f` with the worker that the calling thread is, if it is one.
    #[inline(always)]
    pub(crate) fn with_current<R>(f: impl FnOnce(Option<&Self>) -> R) -> R {
        let current = CURRENT.with(Cell::get);
        // SAFETY: `enter` sets the pointer only while the worker is borrowed on this thread.
        f(unsafe { current.as_ref() })
    }

    /// Makes this the calling thread's worker during `f`.
    pub(crate) fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        let _pool = self.pool.enter();
        let _restore = Restore(CURRENT.with(|current| current.replace(ptr::from_ref(self))));
        f()
    }

    /// Runs `f` as a thread that is no worker: in a simulated world, what others do while a worker stands still in the middle
    /// of something happens on the worker's thread.
    #[cfg(not(potoroo_loom))]
    pub(crate) fn outside<R>(f: impl FnOnce() -> R) -> R {
        let _restore = Restore(CURRENT.with(|current| current.replace(ptr::null())));
        f()
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    #[inline(always)]
    pub(crate) fn desk(&self) -> &Desk {
        // SAFETY: the desk lies in `shared`, which this worker keeps alive.
        unsafe { self.desk.as_ref() }
    }

    #[inline(always)]
    pub(crate) fn doorbell(&self) -> &'static Doorbell {
        self.desk().doorbell
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn peer(&self) -> &Peer {
        &self.shared.peers[self.index]
    }

    #[inline(always)]
    pub(crate) fn counters(&self) -> &WorkerCounters {
        &self.desk().counters
    }

    pub(crate) fn tuning(&self) -> &Tuning {
        &self.shared.tuning
    }

    /// The run queue, for a moment: `f` must not call anything that reaches it again. Between turns, or while the tenure
    /// is held (S7).
    #[inline(always)]
    pub(super) fn with_run_queue<R>(&self, f: impl FnOnce(&mut RunQueue) -> R) -> R {
        // SAFETY: only the owning thread has a `&Worker` (S3), which has the tenure here, and the callers' closures do not
        // come back.
        unsafe { self.desk().with_run_queue(f) }
    }

    /// The memory of the present turn.
    #[inline(always)]
    pub(crate) fn scratch(&self) -> &Scratch {
        // SAFETY: only the owning thread has a `&Worker` (S3); the scratch is mutated between turns alone (A5).
        self.scratch.with(|scratch| unsafe { &*scratch })
    }

    /// Appends a cell to the run queue. It has this home and is in no other queue (S1, S2), and the tenure is held (S7).
    #[inline(always)]
    pub(crate) fn enqueue(&self, cell: NonNull<Header>) {
        self.with_run_queue(|queue| queue.push_back(cell));
    }

    /// Queues a new cell that was made to live here.
    pub(crate) fn bring_up(&self, child: NonNull<Header>) {
        let _held = self.hold();
        self.enqueue(child);
    }

    /// Does one piece of work: a turn, as a rule.
    #[inline]
    pub(crate) fn step(&self) -> Step {
        if self.doorbell().has_notifications() {
            self.take_notifications();
        }
        if self.desk().counters.turns.get() >= self.pace.look_at.get() {
            self.look_around();
        }
        match self.next_cell() {
            Some(cell) => {
                match self.recorder {
                    None => self.give_turn(cell),
                    Some(_) => self.give_recorded_turn(cell),
                }
                Step::Worked
            }
            None => Step::Idle,
        }
    }

    /// The next cell: own queue, own surplus, other workers' surplus, what came from outside.
    #[inline]
    fn next_cell(&self) -> Option<NonNull<Header>> {
        self.with_run_queue(RunQueue::pop_front)
            .or_else(|| self.next_cell_from_afar())
    }

    #[cold]
    fn next_cell_from_afar(&self) -> Option<NonNull<Header>> {
        simulated::pause();
        let taken = self.deque.pop().or_else(|| self.steal())?;
        self.welcome(taken);
        self.with_run_queue(RunQueue::pop_front)
    }

    #[inline]
    pub(super) fn give_turn(&self, cell: NonNull<Header>) {
        let desk = self.desk();
        desk.counters.turns.add(1);
        desk.begin_turn(cell);
        // SAFETY: a cell in the run queue is alive (S4), this worker is its home (S1) and nobody else runs it (S2).
        let after = unsafe { (cell.as_ref().table.run)(cell, self) };
        self.end_turn(cell, after);
    }

    #[inline(always)]
    fn end_turn(&self, cell: NonNull<Header>, after: After) {
        if !self.desk().tenure.end_turn() {
            return self.end_rescued_turn(cell, after);
        }
        self.close_turn(cell, after);
    }

    /// The end of a turn during which the tenure was lost. What was put aside is received last: the cell that had the turn
    /// may be among it, and is queued by that, or freed.
    #[cold]
    #[inline(never)]
    fn end_rescued_turn(&self, cell: NonNull<Header>, after: After) {
        self.reclaim();
        self.close_turn(cell, after);
        self.accept_set_aside();
    }

    #[inline(always)]
    fn close_turn(&self, cell: NonNull<Header>, after: After) {
        let desk = self.desk();
        // SAFETY: S7: between turns.
        let again = if unsafe { desk.with_outgoing(|outgoing| outgoing.is_empty()) } {
            after == After::Again
        } else {
            self.end_sending(cell, after)
        };
        if again {
            self.enqueue(cell);
        }
        // SAFETY: only the owning thread has a `&Worker` (S3), and the turn's borrows ended with it (A5).
        self.scratch.with_mut(|scratch| unsafe { &mut *scratch }.end_turn());
    }

    /// The end of a turn that was left by a panic.
    ///
    /// One guard stands around all turns rather than one in each: a turn that goes well then pays nothing for it.
    pub(super) fn end_turn_by_panic(&self, payload: Box<dyn Any + Send>) {
        if !self.desk().tenure.looks_revocable() {
            // Not in a turn: a bug of the runtime, see `run`.
            resume_unwind(payload);
        }
        let cell = self.desk().running();
        // SAFETY: the turn of this cell is not over, so the cell is alive (S4) and this worker's (S1).
        let after = unsafe { (cell.as_ref().table.panicked)(cell, self, &*payload) };
        self.end_turn(cell, after);
        self.record_turn_end(cell);
    }

    pub(super) fn take_notifications(&self) {
        self.doorbell().take_notifications(
            |cell| {
                // SAFETY: a notified cell is alive until its notification is taken (S4), and while the notification was
                // under way its home was fixed (M5), so it is this worker; a closed cell may come from a doorbell's former
                // owner and only waits to be released.
                unsafe { (cell.as_ref().table.accept)(cell, self) };
            },
            // SAFETY: S7: between turns, and nobody is at what is gathered.
            |empty| unsafe { self.desk().with_outgoing(|outgoing| outgoing.reuse(empty)) },
        );
    }

    /// Makes a cell that was taken out of a deque (claimed, without a home) one of this worker's.
    pub(super) fn welcome(&self, taken: Runnable) {
        let cell = taken.0;
        // SAFETY: a cell in a deque is alive (S4).
        let header = unsafe { cell.as_ref() };
        header.set_home(Some(self.doorbell()));
        self.enqueue(cell);
        if crate::mutant!("sim_stolen_cell_unread") {
            return;
        }
        // The claim ends like a notification that arrives (M5): what was pushed meanwhile is taken in.
        // SAFETY: this worker is the home now.
        unsafe { (header.table.accept)(cell, self) };
    }

    /// Looks at the world: sockets, timers, what came from outside, hungry neighbors. Rare, because it reads the clock.
    #[cold]
    pub(super) fn look_around(&self) {
        let _look = self.record_look();
        let now = clock::now();
        self.keep_pace(now);
        if now.since(self.pace.polled_at.get()) >= self.tuning().io_interval {
            self.pace.polled_at.set(now);
            self.poll(Some(Duration::ZERO));
        }
        self.fire_timers(now);
        self.publish_load();
        self.take_back_surplus();
        if !self.shared.injector.is_empty()
            && let Some(taken) = self.steal_from_outside()
        {
            self.welcome(taken);
        }
        self.publish_pool();
        self.shared.trial.tend(&self.shared, now);
        self.go_back_if_asked();
        self.share(now);
        self.go_on_rescuing();
    }

    /// Says what the pool of chunks holds.
    pub(super) fn publish_pool(&self) {
        self.counters().bumps_reused.set(self.pool.reused());
        self.counters().bumps_pooled_bytes.set(self.pool.bytes() as u64);
    }

    /// Polls sockets for at most `at_most` (`None`: until the bell rings).
    pub(super) fn poll(&self, at_most: Option<Duration>) {
        if at_most == Some(Duration::ZERO) && self.with_sockets(|sockets| sockets.is_empty()) {
            return;
        }
        // SAFETY: this worker took the doorbell out of the pool; readiness is only queued inside.
        let outcome = unsafe {
            self.doorbell().with_poller(|poller| {
                poller.wait(at_most, |socket, readiness| {
                    // The owner may have forgotten the socket after the kernel queued the event.
                    let owner = self.with_sockets(|sockets| sockets.owner(socket));
                    if let Some(owner) = owner {
                        self.counters().socket_events.add(1);
                        owner.control(Control::Ready { socket, readiness });
                    }
                })
            })
        };
        if let Err(error) = outcome {
            // Only a broken file descriptor or lack of kernel memory gets here; sleeping on would hide it.
            panic!("worker {}: waiting for sockets failed: {error}", self.index);
        }
    }

    /// The life of a worker thread.
    ///
    /// A panic in a turn ends that actor. One outside of turns is a bug of the runtime: the actors of this worker would
    /// never run again and the others would wait for them. Aborting says so, hanging would not.
    pub(crate) fn run(&self) {
        struct AbortOnPanic;
        impl Drop for AbortOnPanic {
            fn drop(&mut self) {
                if crate::sync::thread::panicking() {
                    let _ = writeln!(
                        std::io::stderr(),
                        "potoroo: a worker panicked outside of any actor; this is a bug of the runtime"
                    );
                    std::process::abort();
                }
            }
        }
        let _abort = AbortOnPanic;
        self.enter(|| {
            let work = || while self.step() == Step::Worked || self.rest() {};
            let work_on = || {
                while let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
                    self.end_turn_by_panic(payload);
                }
            };
            // A model has plain boxes for nodes.
            #[cfg(potoroo_loom)]
            work_on();
            #[cfg(not(potoroo_loom))]
            self.nodes.enter(work_on);
        });
        self.publish_pool();
        // SAFETY: S7: between turns, for the last time.
        unsafe { self.desk().with_outgoing(Outgoing::forget) };
        self.doorbell().give_back();
    }
}
