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
use super::header::{CellRef, Header};
use super::outgoing::Outgoing;
use super::record::{self, MaybeRecorder};
use super::rescue::Watch;
use super::shared::{Peer, Shared, Tuning};
use super::sockets::Sockets;
use crate::arena::{BumpPool, Scratch};
use crate::mailbox::NodePool;
use crate::observe::WorkerCounters;
use crate::sync::atomic::Ordering;
use crate::sync::{Arc, UnsafeCell, thread_local_pointer};
use crate::sys::clock::{self, Time};
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

/// Between two looks around, a worker gives at most this many turns.
const TURNS_BETWEEN_LOOKS_MAX: u64 = 256;
/// And aims at this much time.
const LOOK_INTERVAL: Duration = Duration::from_micros(20);

/// What a turn is taken to cost before any has been measured: about that of a short handler.
const MEAN_TURN_NS_AT_FIRST: u64 = 50;

/// What a message costs that crosses from one core to another: about 100 ns with its allocation, its two cache lines and
/// its share of a notification.
const CROSSING_NS: u64 = 100;

/// One crossing in so many messages is few.
const FEW_CROSSINGS: u64 = 8;

/// Messages that take so many times as long as a crossing are long, whatever crosses.
const CLEARLY_LONGER: u64 = 4;

/// First turns that take longer than this do some work of their own, which may be worth sharing; making an actor takes
/// a tenth of it.
const LONG_BIRTH_NS: u64 = 2_000;

/// How long a hungry worker looks out for work before it sleeps: twice what waking it would take.
const HUNGRY_SPIN: Duration = Duration::from_micros(50);

/// Sleeps that are shorter than this on the average, wake-up included, would better have been spent looking out.
const SHORT_SLEEP_NS: u64 = 100_000;

/// What a longer sleep counts as, so that one of them does not outweigh many.
const LONG_SLEEP_NS: u64 = 400_000;

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something was done; step again.
    Worked,
    /// There is nothing to do.
    Idle,
}

/// What a timer points to: a slot in the timer table of an actor.
pub(crate) struct TimerTarget {
    pub(crate) cell: CellRef,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
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
    nodes: NodePool,
    pub(super) recorder: MaybeRecorder,
    pool: BumpPool,
    pace: Pace,
    /// What this worker has seen of the others' turns.
    pub(super) watch: RefCell<Watch>,
}

/// How fast turns pass, to know when to look around.
struct Pace {
    /// The number of turns at which to look around again.
    look_at: Cell<u64>,
    /// When the turn of this number, if it is long, has lasted long enough.
    turn_end: Cell<(u64, Time)>,
    looked_at: Cell<Time>,
    polled_at: Cell<Time>,
    mean_turn_ns: Cell<u64>,
    mean_message_ns: Cell<u64>,
    /// Turns given, actors born, messages handled and messages that crossed, either way, as of the last look.
    turns: Cell<u64>,
    born: Cell<u64>,
    handled: Cell<u64>,
    crossed: Cell<u64>,
    /// Whether quick first turns were given since the look before.
    bearing: Cell<bool>,
    mean_sleep_ns: Cell<u64>,
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
            pace: Pace {
                look_at: Cell::new(1),
                turn_end: Cell::new((0, now)),
                looked_at: Cell::new(now),
                polled_at: Cell::new(now),
                mean_turn_ns: Cell::new(MEAN_TURN_NS_AT_FIRST),
                mean_message_ns: Cell::new(MEAN_TURN_NS_AT_FIRST),
                turns: Cell::new(0),
                born: Cell::new(0),
                handled: Cell::new(0),
                crossed: Cell::new(0),
                bearing: Cell::new(false),
                mean_sleep_ns: Cell::new(LONG_SLEEP_NS),
            },
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
        struct Restore(*const Worker);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.with(|current| current.set(self.0));
            }
        }
        let _pool = self.pool.enter();
        let _restore = Restore(CURRENT.with(|current| current.replace(ptr::from_ref(self))));
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

    /// The mean length of recent turns.
    pub(super) fn mean_turn_ns(&self) -> u64 {
        self.pace.mean_turn_ns.get()
    }

    /// Whether this worker is busy with quick first turns.
    pub(super) fn is_bearing(&self) -> bool {
        self.pace.bearing.get()
    }

    /// Whether recent messages took less time each than a crossing would.
    pub(super) fn is_chatty(&self) -> bool {
        self.pace.mean_message_ns.get() < CROSSING_NS
    }

    /// Whether recent messages took so much longer than a crossing that sharing them needs no trial.
    pub(super) fn is_clearly_worth_sharing(&self) -> bool {
        self.pace.mean_message_ns.get() > CLEARLY_LONGER * CROSSING_NS
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

    /// Arms a timer of an actor on this worker's wheel.
    pub(crate) fn arm(&self, deadline: Time, target: TimerTarget) {
        let _held = self.hold();
        // SAFETY: S7: the tenure is held; inserting calls nothing.
        unsafe { self.desk().with_wheel(|wheel| wheel.insert(deadline, target)) };
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
        let again = unsafe { (cell.as_ref().table.run)(cell, self) };
        self.end_turn(cell, again);
    }

    /// Delivers what the present turn has gathered.
    pub(crate) fn deliver_outgoing(&self) {
        let _held = self.hold();
        // SAFETY: S7: the tenure is held; delivering calls nothing of the worker's.
        unsafe {
            self.desk().with_outgoing(|outgoing| {
                if !outgoing.is_empty() {
                    outgoing.deliver_all();
                }
            });
        }
    }

    /// Whether the present turn has lasted long enough, or has lost its worker's tenure, for the end of which a rescuer
    /// waits. The time runs from the first call in a turn. `waiting` messages are left to it.
    #[cold]
    pub(crate) fn time_is_up(&self, waiting: usize) -> bool {
        if self.desk().tenure.is_lost() {
            return true;
        }
        self.counters().mailbox_max.raise_to(waiting as u64);
        let now = clock::now();
        let turn = self.counters().turns.get();
        let (of_turn, end) = self.pace.turn_end.get();
        if of_turn != turn {
            self.pace.turn_end.set((turn, now + self.tuning().turn_time_max));
            return false;
        }
        now >= end
    }

    #[inline(always)]
    fn end_turn(&self, cell: NonNull<Header>, again: bool) {
        let desk = self.desk();
        if !desk.tenure.end_turn() {
            self.regain();
        }
        // SAFETY: S7: between turns; delivering calls nothing of the worker's.
        unsafe {
            desk.with_outgoing(|outgoing| {
                if !outgoing.is_empty() {
                    outgoing.deliver_all();
                }
            });
        }
        if again {
            self.enqueue(cell);
        }
        // SAFETY: only the owning thread has a `&Worker` (S3), and the turn's borrows ended with it (A5).
        self.scratch.with_mut(|scratch| unsafe { &mut *scratch }.end_turn());
    }

    /// The end of a turn that was left by a panic.
    ///
    /// One guard stands around all turns rather than one in each: a turn that goes well then pays nothing for it.
    fn end_turn_by_panic(&self, payload: Box<dyn Any + Send>) {
        if !self.desk().tenure.looks_revocable() {
            // Not in a turn: a bug of the runtime, see `run`.
            resume_unwind(payload);
        }
        let cell = self.desk().running();
        // SAFETY: the turn of this cell is not over, so the cell is alive (S4) and this worker's (S1).
        let again = unsafe { (cell.as_ref().table.panicked)(cell, self, &*payload) };
        self.end_turn(cell, again);
        self.record_turn_end(cell);
    }

    fn take_notifications(&self) {
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
        // The claim ends like a notification that arrives (M5): what was pushed meanwhile is taken in.
        // SAFETY: this worker is the home now.
        unsafe { (header.table.accept)(cell, self) };
    }

    /// Looks at the world: sockets, timers, what came from outside, hungry neighbors. Rare, because it reads the clock.
    #[cold]
    fn look_around(&self) {
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
    fn publish_pool(&self) {
        self.counters().bumps_reused.set(self.pool.reused());
        self.counters().bumps_pooled_bytes.set(self.pool.bytes() as u64);
    }

    /// Learns how long turns are and sets when to look again.
    fn keep_pace(&self, now: Time) {
        let given = self.counters().turns.get();
        let turns = given - self.pace.turns.replace(given);
        let elapsed_ns = now.since(self.pace.looked_at.replace(now)).as_nanos() as u64;
        // First turns make actors: they say nothing about the turns that follow.
        let born = self.counters().spawned.get();
        let births = born - self.pace.born.replace(born);
        let handled = self.counters().handled.get();
        let messages = handled - self.pace.handled.replace(handled);
        let crossed = self.counters().sent_remote.get() + self.counters().received_remote.get();
        let crossings = crossed - self.pace.crossed.replace(crossed);
        // A moving mean over about four looks. A sample far above it counts as twice the mean: it is more often a moment in
        // which the kernel had given the core to somebody else than a turn, and a real change comes again.
        let learn = |mean: &Cell<u64>, sample_ns: u64| {
            let believed_ns = sample_ns.min(2 * mean.get().max(10));
            mean.set((3 * mean.get() + believed_ns) / 4);
        };
        self.pace.bearing.set(births > 0 && elapsed_ns < turns * LONG_BIRTH_NS);
        if births == 0 && turns > 0 {
            learn(&self.pace.mean_turn_ns, elapsed_ns / turns);
            // What the crossings cost is no part of the work: counted in, it would make torn partners look as if they had
            // enough to do to be torn further. Turns without messages (sockets, timers, sources) count as one.
            let work_ns = elapsed_ns.saturating_sub(crossings * CROSSING_NS) / messages.max(turns);
            // Nor is what they do to the caches, which cannot be told apart: while many messages cross, they seem longer only
            // if they are so clearly.
            let few_cross = crossings * FEW_CROSSINGS < messages;
            if few_cross || work_ns < self.pace.mean_message_ns.get() || work_ns > CLEARLY_LONGER * CROSSING_NS {
                learn(&self.pace.mean_message_ns, work_ns);
            }
        }
        // Here the last sample counts at once: after long turns the next look must not be many of them away.
        let last_ns = elapsed_ns.checked_div(turns).unwrap_or(0);
        let per_look = LOOK_INTERVAL.as_nanos() as u64 / self.pace.mean_turn_ns.get().max(last_ns).max(1);
        self.pace
            .look_at
            .set(given + per_look.clamp(1, TURNS_BETWEEN_LOOKS_MAX));
    }

    /// Polls sockets for at most `at_most` (`None`: until the bell rings).
    fn poll(&self, at_most: Option<Duration>) {
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

    fn fire_timers(&self, now: Time) {
        // SAFETY: S7: called between turns; `control` queues and arms nothing.
        unsafe { self.fire_timers_of(self.desk(), now) };
    }

    /// Fires what is due on the wheel of a desk.
    ///
    /// # Safety
    ///
    /// The caller has the tenure of that desk (S7).
    pub(super) unsafe fn fire_timers_of(&self, desk: &Desk, now: Time) {
        // SAFETY: passed on; `control` queues and arms nothing.
        unsafe {
            desk.with_wheel(|wheel| {
                wheel.advance(now, |target| {
                    self.counters().timers.add(1);
                    target.cell.control(Control::Timer {
                        slot: target.slot,
                        generation: target.generation,
                    });
                });
            });
        }
    }

    fn next_timer(&self) -> Option<Time> {
        // SAFETY: S7: called between turns.
        unsafe { self.desk().with_wheel(|wheel| wheel.next_due()) }
    }

    /// Whether something waits that `step` would find (timers and sockets aside).
    fn something_waits(&self) -> bool {
        self.doorbell().has_notifications() || self.shared.anything_to_steal() || self.shared.has_ended()
    }

    /// Waits until there may be something to do. Says whether the system goes on.
    pub(crate) fn rest(&self) -> bool {
        if self.shared.has_ended() {
            return false;
        }
        self.peer().waiting_ns.set(0);
        self.publish_pool();
        // Between turns hardly anybody tells anything, but a message's destructor may.
        self.deliver_outgoing();
        // Hungry only after a while without work: a gap between two messages is no reason to tear partners apart.
        if !self.spin(self.tuning().spin) {
            self.shared.become_hungry();
            if !self.spin(self.hungry_spin()) {
                // SAFETY: S7: between turns.
                unsafe { self.desk().with_outgoing(Outgoing::forget) };
                self.nodes.flush();
                self.sleep();
            }
            self.shared.become_sated();
        }
        let now = clock::now();
        // Idle time is no turn time.
        self.pace.looked_at.set(now);
        self.pace.turns.set(self.counters().turns.get());
        self.fire_timers(now);
        true
    }

    /// How long to look out for work after hunger has been announced: as long as a wake-up across cores would take, if
    /// sleeps have been about that short lately; not at all if they were longer, since then it would only burn the core.
    fn hungry_spin(&self) -> Duration {
        if self.pace.mean_sleep_ns.get() < SHORT_SLEEP_NS && !self.tuning().spin.is_zero() {
            HUNGRY_SPIN
        } else {
            Duration::ZERO
        }
    }

    /// Looks out for a while, cheaper than a sleep and a wake-up (about 25 µs across cores) if something comes soon.
    fn spin(&self, at_most: Duration) -> bool {
        if at_most.is_zero() {
            return self.something_waits();
        }
        self.shared.begin_to_search();
        let until = clock::now() + at_most;
        let found = loop {
            if (0..16).any(|_| {
                crate::sync::hint::spin_loop();
                self.something_waits()
            }) {
                break true;
            }
            if clock::now() >= until {
                break false;
            }
        };
        self.shared.end_search();
        found
    }

    /// Sleeps in the poller until the bell rings, a socket is ready or a timer is due.
    fn sleep(&self) {
        let sleep = self.doorbell().sleep();
        sleep.announce();
        // The second look, after the announcement and its fence: see sleep.rs.
        if !self.something_waits() {
            self.counters().parks.add(1);
            self.peer().sleeps.fetch_add(1, Ordering::Release);
            let at_most = self.next_timer().map(|due| due.since(clock::now()));
            let watch_at_most = self.begin_to_watch();
            let before = clock::now();
            self.poll(at_most.into_iter().chain(watch_at_most).min());
            let after = clock::now();
            self.record_wake(before);
            self.pace.polled_at.set(after);
            let slept_ns = (after.since(before).as_nanos() as u64).min(LONG_SLEEP_NS);
            self.pace
                .mean_sleep_ns
                .set((3 * self.pace.mean_sleep_ns.get() + slept_ns) / 4);
            sleep.cancel();
            self.end_of_watch(watch_at_most.is_some());
        } else {
            sleep.cancel();
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
            self.nodes.enter(|| {
                let work = || while self.step() == Step::Worked || self.rest() {};
                while let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
                    self.end_turn_by_panic(payload);
                }
            })
        });
        self.publish_pool();
        // SAFETY: S7: between turns, for the last time.
        unsafe { self.desk().with_outgoing(Outgoing::forget) };
        self.doorbell().give_back();
    }
}
