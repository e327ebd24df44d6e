//! The world that a simulated system lives in: it steps the workers, keeps the time, and makes every choice.
//!
//! Two ways of going on. *Whole*: workers are stepped one at a time, in any order, and every piece of what they do by
//! themselves (taking notifications, going to sleep, waking up, offering cells, delivering what a turn has sent) is a step
//! of its own, between which the others may do theirs. *By turns*: only the order of turns is chosen; all else happens at
//! once. The first meets the bugs of a runtime, the second those of a program, and has few enough orders to be searched
//! through. Time stands still in the second, and goes on a little with each step in the first, except when nobody can do
//! anything: then it jumps.

mod account;
mod door;
mod steps;

use super::choice::{Chooser, Who};
use super::disk::Disks;
use super::faults::Faults;
use super::network::Net;
use super::node::Inner;
use super::places::{Places, Whose};
use super::trace::Trace;
use crate::sys::clock::Time;
use crate::sys::simulated::{Errand, Standing, Stepped};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::Duration;

/// How the world goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grain {
    Whole,
    ByTurns,
}

/// How long a step takes in a world of whole workers.
const STEP_TIME: Duration = Duration::from_nanos(200);

/// In one of so many steps of a whole world a worker does something out of turn.
const NUDGE_ONE_IN: usize = 12;

/// How many steps others take at most while a worker is in the middle of one.
const PAUSE_STEPS_MAX: usize = 6;

/// How often the run queues are compared, in steps: it takes time in proportion to all that waits in them.
const QUEUES_CHECKED_EVERY: u64 = 4;

/// An errand without a time is done within so much.
const ERRAND_WITHIN_NS: usize = 200_000;

/// How many steps a system has at least to end in when its scenario is over.
const STEPS_TO_END_MAX: u64 = 100_000;

/// What is unwound with when a run has failed, or has come to its last step.
pub(super) struct Halt;

/// Why a run is no good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// What was found.
    Found(String),
    /// It did not end within the limit of steps.
    TooLong,
}

type Invariant = (String, Box<dyn FnMut() -> Result<(), String>>);

struct Slot {
    stepped: Box<dyn Stepped>,
    whose: Whose,
    /// In the middle of a step.
    busy: Cell<bool>,
}

/// What was seen of an actor.
#[derive(Clone)]
struct Seen {
    data: usize,
    /// How many messages were taken out of its mailbox before, counted from somewhere.
    taken: usize,
    control: usize,
    muted: bool,
    descriptions: Vec<String>,
}

/// What was seen before the step that is not accounted for yet.
struct Before {
    who: Who,
    worker: usize,
    at: Time,
    seen: BTreeMap<u64, Seen>,
    /// How many messages the worker had given to actors.
    handled: u64,
}

/// A world.
pub(super) struct SimWorld {
    grain: Grain,
    turn_messages_max: Option<u32>,
    steps_max: u64,
    now: Cell<Time>,
    slots: RefCell<Vec<Rc<Slot>>>,
    roots: RefCell<BTreeMap<u64, Whose>>,
    /// What is to be done, and by whom: by nobody, if it is the network's part.
    errands: RefCell<BTreeMap<(Time, u64), (Option<Whose>, Errand)>>,
    pub(super) places: Rc<Places>,
    pub(super) net: Rc<Net>,
    pub(super) disks: Disks,
    /// The nodes, to be ended with the run.
    pub(super) nodes: RefCell<Vec<Rc<Inner>>>,
    chooser: RefCell<Chooser>,
    /// The choices so far, for a world by turns.
    choices: RefCell<Vec<u32>>,
    steps: Cell<u64>,
    /// Of all that happened, in order.
    hash: Cell<u64>,
    first_id: u64,
    ids: Cell<u64>,
    errand_ids: Cell<u64>,
    depth: Cell<usize>,
    problem: RefCell<Option<Problem>>,
    /// Actors that have failed: nothing is said of those that may.
    failures: RefCell<Vec<String>>,
    pub(super) failures_allowed: bool,
    invariants: RefCell<Vec<Invariant>>,
    before: RefCell<Option<Before>>,
    touched: RefCell<BTreeSet<u64>>,
    trace: Option<RefCell<Trace>>,
    /// The scenario is over: what follows is no part of it.
    over: Cell<bool>,
}

/// What a world is made with.
pub(super) struct Making {
    pub(super) grain: Grain,
    pub(super) chooser: Chooser,
    pub(super) turn_messages_max: Option<u32>,
    pub(super) steps_max: u64,
    pub(super) traced: bool,
    pub(super) failures_allowed: bool,
    pub(super) faults: Faults,
}

impl SimWorld {
    pub(super) fn new(making: Making) -> Self {
        use crate::sync::global::{AtomicU64, Relaxed};
        /// Ids of actors in different worlds of one process differ in their upper half.
        static WORLDS: AtomicU64 = AtomicU64::new(1);
        let first_id = WORLDS.fetch_add(1, Relaxed) << 32;
        let places = Rc::new(Places::new(making.faults, making.grain == Grain::Whole));
        Self {
            net: Net::new(places.clone(), first_id),
            disks: Disks::new(places.clone()),
            places,
            nodes: RefCell::default(),
            grain: making.grain,
            turn_messages_max: making.turn_messages_max,
            steps_max: making.steps_max,
            now: Cell::new(Time::from_ns(1)),
            slots: RefCell::default(),
            roots: RefCell::default(),
            errands: RefCell::default(),
            chooser: RefCell::new(making.chooser),
            choices: RefCell::default(),
            steps: Cell::new(0),
            hash: Cell::new(0xCBF2_9CE4_8422_2325),
            first_id,
            ids: Cell::new(0),
            errand_ids: Cell::new(0),
            depth: Cell::new(0),
            problem: RefCell::default(),
            failures: RefCell::default(),
            failures_allowed: making.failures_allowed,
            invariants: RefCell::default(),
            before: RefCell::default(),
            touched: RefCell::default(),
            trace: making.traced.then(RefCell::default),
            over: Cell::new(false),
        }
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps.get()
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash.get()
    }

    pub(super) fn problem(&self) -> Option<Problem> {
        self.problem.borrow().clone()
    }

    pub(super) fn choices(&self) -> Vec<u32> {
        self.choices.borrow().clone()
    }

    pub(super) fn chart(&self) -> Option<String> {
        self.trace.as_ref().map(|trace| trace.borrow().chart())
    }

    /// A run is no good; the first reason counts.
    pub(super) fn fail(&self, what: String) {
        self.problem.borrow_mut().get_or_insert(Problem::Found(what));
    }

    /// Has `holds` looked at after each turn.
    pub(super) fn keep(&self, name: String, holds: Box<dyn FnMut() -> Result<(), String>>) {
        self.invariants.borrow_mut().push((name, holds));
    }

    /// What follows is no part of the scenario: it only has to end.
    pub(super) fn end_of_scenario(&self) {
        self.account();
        self.over.set(true);
        self.calm();
        self.places.resume();
        *self.chooser.borrow_mut() = Chooser::First;
    }

    /// Nothing goes wrong any more, and partitions heal.
    pub(super) fn calm(&self) {
        *self.places.faults.borrow_mut() = Faults::none();
        self.heal();
    }

    /// Partitions heal.
    pub(super) fn heal(&self) {
        self.places.heal();
        self.net.go_on_everywhere();
    }

    /// A node's power goes.
    pub(super) fn crash(&self, node: usize) {
        if self.places.fall(node) {
            self.disks.lose_power(node);
        }
        self.bury_the_fallen();
    }

    /// Tells the network of those who have crashed in the middle of a step.
    fn bury_the_fallen(&self) {
        for node in self.places.take_fallen() {
            self.note(node as u64);
            self.net.crash(node);
        }
    }

    /// A node's power comes back.
    pub(super) fn rise(&self, node: usize) {
        self.bury_the_fallen();
        self.places.rise(node);
        self.net.go_on_everywhere();
    }

    fn below(&self, n: usize) -> usize {
        if n < 2 { 0 } else { self.chooser.borrow_mut().below(n) }
    }

    fn note(&self, what: u64) {
        // FNV-1a, by eight bytes at a time: it tells runs apart, and nothing else hangs on it.
        self.hash
            .set((self.hash.get() ^ what).wrapping_mul(0x0000_0100_0000_01B3));
    }

    /// Counts a step. `false` if the run has come to its end.
    fn count_step(&self) -> bool {
        self.steps.set(self.steps.get() + 1);
        if self.over.get() {
            return self.steps.get() < self.steps_max.saturating_mul(2).saturating_add(STEPS_TO_END_MAX);
        }
        if self.steps.get() > self.steps_max {
            self.problem.borrow_mut().get_or_insert(Problem::TooLong);
        }
        self.problem.borrow().is_none()
    }

    /// The workers of nodes that run.
    fn slots(&self) -> Vec<Rc<Slot>> {
        let slots = self.slots.borrow();
        let alive = slots.iter().filter(|slot| self.places.is_alive(slot.whose));
        alive.cloned().collect()
    }

    /// The next time at which something is due.
    fn next_due(&self) -> Option<Time> {
        let errand = self.errands.borrow().keys().next().map(|(due, _)| *due);
        let timers = self.slots();
        let timers = timers.iter().filter_map(|slot| {
            let paused_until = self.places.paused_until(slot.whose.node);
            let timer = slot.stepped.next_timer().map(|due| due.max(paused_until));
            // Who is paused may have more to do than wait for a timer.
            timer
                .into_iter()
                .chain((paused_until > self.now.get()).then_some(paused_until))
                .min()
        });
        timers.chain(errand).min()
    }

    /// Lets time come to this point.
    fn pass(&self, to: Time) {
        if to > self.now.get() {
            self.now.set(to);
        }
    }

    fn on_worker(&self, slot: &Slot, f: impl FnOnce(&dyn Stepped)) {
        slot.busy.set(true);
        self.places.run_at(slot.whose.node, || f(&*slot.stepped));
        slot.busy.set(false);
    }

    /// Does one thing, or lets time jump to the next thing that is due by `limit`. `false`: there is nothing.
    pub(super) fn go_on(&self, limit: Time, race_the_clock: bool) -> bool {
        let went_on = match self.grain {
            Grain::Whole => self.step_whole(limit),
            Grain::ByTurns => self.step_turn(limit, race_the_clock),
        };
        self.bury_the_fallen();
        went_on
    }

    /// Looks whether a cell stands in two run queues, or twice in one: it would be run by two workers.
    fn check_queues(&self) {
        let mut queued = BTreeSet::new();
        for slot in self.slots() {
            let Standing::Awake { runnable } = slot.stepped.standing() else {
                continue;
            };
            for place in 0..runnable {
                let actor = slot.stepped.runnable(place);
                if !queued.insert(actor) {
                    self.fail(format!("actor #{} is to be run twice at once", actor - self.first_id));
                }
            }
        }
    }

    fn check_invariants(&self) {
        if self.over.get() || self.problem.borrow().is_some() {
            return;
        }
        if self.steps.get().is_multiple_of(QUEUES_CHECKED_EVERY) {
            self.check_queues();
        }
        let mut invariants = self.invariants.take();
        for (name, holds) in &mut invariants {
            if let Err(why) = holds() {
                self.fail(format!("the invariant \"{name}\" does not hold: {why}"));
            }
        }
        self.invariants.borrow_mut().extend(invariants);
    }

    /// Goes on until nothing can happen without time passing; then looks for work that everybody has forgotten.
    pub(super) fn run_until_quiet(&self) {
        let now = self.now.get();
        let limit = if self.grain == Grain::Whole { now } else { Time::ZERO };
        while self.go_on(limit, false) {
            self.halt_if_failed();
        }
        self.halt_if_failed();
        self.find_forgotten();
        self.halt_if_failed();
        self.hand_back();
    }

    /// Lets time pass; in a world by turns, timers race with whoever could have a turn.
    pub(super) fn advance(&self, time: Duration) {
        let until = self.now.get() + time;
        while (self.grain == Grain::ByTurns || self.now.get() < until) && self.go_on(until, true) {
            self.halt_if_failed();
        }
        self.halt_if_failed();
        self.pass(until);
        self.hand_back();
    }

    /// Lets the workers of systems that have ended go home.
    pub(super) fn send_home(&self) {
        while self.go_on(self.now.get(), false) {}
    }

    /// Failures of actors that were not allowed.
    pub(super) fn failures(&self) -> Vec<String> {
        self.failures.borrow().clone()
    }

    fn enqueue(&self, due: Time, whose: Option<Whose>, errand: Errand) {
        let id = self.errand_ids.get();
        self.errand_ids.set(id + 1);
        self.errands.borrow_mut().insert((due, id), (whose, errand));
    }

    /// Leaves the scenario if the run has failed. Not from inside a worker.
    fn halt_if_failed(&self) {
        if self.depth.get() == 0 && !self.over.get() && self.problem.borrow().is_some() {
            resume_unwind(Box::new(Halt));
        }
    }
}
