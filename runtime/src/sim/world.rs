//! The world that a simulated system lives in: it steps the workers, keeps the time, and makes every choice.
//!
//! Two ways of going on. *Whole*: workers are stepped one at a time, in any order, and every piece of what they do by
//! themselves (taking notifications, going to sleep, waking up, offering cells, delivering what a turn has sent) is a step
//! of its own, between which the others may do theirs. *By turns*: only the order of turns is chosen; all else happens at
//! once. The first meets the bugs of a runtime, the second those of a program, and has few enough orders to be searched
//! through. Time stands still in the second, and goes on a little with each step in the first, except when nobody can do
//! anything: then it jumps.

use super::choice::{Chooser, Who};
use super::disk::Disks;
use super::faults::Faults;
use super::network::Net;
use super::node::Inner;
use super::places::{Places, Whose};
use super::reduce::Footprint;
use super::trace::{Event, Trace};
use crate::sys::clock::Time;
use crate::sys::simulated::{Disk, Errand, Glimpse, Network, Nudge, Standing, Stepped, World};
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
struct Seen {
    data: usize,
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

    /// Whether the next timer of a worker is due.
    fn is_due(&self, slot: &Slot) -> bool {
        slot.stepped.next_timer().is_some_and(|due| due <= self.now.get())
    }

    fn is_ready(&self, slot: &Slot) -> bool {
        !slot.busy.get()
            && self.places.paused_until(slot.whose.node) <= self.now.get()
            && match slot.stepped.standing() {
                Standing::Awake { .. } => true,
                Standing::Asleep => slot.stepped.has_mail() || self.is_due(slot),
                Standing::Ended => false,
            }
    }

    /// One step of some worker, whole.
    fn step_whole(&self, limit: Time) -> bool {
        if !self.count_step() {
            return false;
        }
        self.now.set(self.now.get() + STEP_TIME);
        let slots = self.slots();
        let ready: Vec<usize> = (0..slots.len()).filter(|index| self.is_ready(&slots[*index])).collect();
        let errand_is_due = self
            .errands
            .borrow()
            .keys()
            .next()
            .is_some_and(|(due, _)| *due <= self.now.get());
        let alternatives = ready.len() + usize::from(errand_is_due);
        if alternatives == 0 {
            let Some(due) = self.next_due().filter(|due| *due <= limit) else {
                return false;
            };
            self.pass(due);
            return true;
        }
        let chosen = match self.over.get() {
            // Everybody in turn: somebody may be waiting for others as busily as it can.
            true => (self.steps.get() % alternatives as u64) as usize,
            false => self.below(alternatives),
        };
        let Some(index) = ready.get(chosen) else {
            self.do_errand();
            return true;
        };
        let slot = &slots[*index];
        let Standing::Awake { runnable } = slot.stepped.standing() else {
            self.note(*index as u64);
            self.on_worker(slot, |stepped| stepped.step(0));
            return true;
        };
        if !self.over.get() && self.below(NUDGE_ONE_IN) == 1 {
            let nudge = match self.below(4) {
                0 => Nudge::Look,
                1 => Nudge::Offer(1 + self.below(runnable.max(1))),
                _ => Nudge::SendOff(self.below(runnable), self.below(slots.len())),
            };
            self.on_worker(slot, |stepped| stepped.nudge(nudge));
            return true;
        }
        let place = self.below(runnable);
        let actor = slot.stepped.runnable(place);
        self.note((*index as u64) << 32 | actor & u64::from(u32::MAX));
        if self.trace.is_some() && runnable > 0 {
            self.account();
            self.look_before(Who::Actor(actor), *index);
        }
        self.on_worker(slot, |stepped| stepped.step(place));
        self.check_invariants();
        true
    }

    /// Everything that is no turn, until only turns are left; and the turns of roots, which only keep books.
    fn settle(&self) {
        loop {
            let mut settled = true;
            for slot in self.slots() {
                if !self.is_ready(&slot) {
                    continue;
                }
                match slot.stepped.standing() {
                    Standing::Awake { runnable } => {
                        let root = (0..runnable)
                            .find(|place| self.roots.borrow().contains_key(&slot.stepped.runnable(*place)));
                        if self.is_due(&slot) {
                            self.on_worker(&slot, |stepped| stepped.nudge(Nudge::Look));
                        } else if slot.stepped.has_mail() {
                            self.on_worker(&slot, |stepped| stepped.take_mail());
                        } else if let Some(root) = root {
                            self.on_worker(&slot, |stepped| stepped.step(root));
                        } else if runnable == 0 {
                            self.on_worker(&slot, |stepped| stepped.step(0));
                        } else {
                            continue;
                        }
                    }
                    Standing::Asleep => self.on_worker(&slot, |stepped| stepped.step(0)),
                    Standing::Ended => continue,
                }
                settled = false;
            }
            if settled {
                return;
            }
        }
    }

    /// One turn of some actor.
    fn step_turn(&self, limit: Time, race_the_clock: bool) -> bool {
        self.settle();
        let slots = self.slots();
        let mut turns: Vec<(Who, Option<(usize, usize)>)> = Vec::new();
        for (index, slot) in slots.iter().enumerate() {
            if let Standing::Awake { runnable } = slot.stepped.standing()
                && self.is_ready(slot)
            {
                turns.extend(
                    (0..runnable).map(|place| (Who::Actor(slot.stepped.runnable(place)), Some((index, place)))),
                );
            }
        }
        let now = self.now.get();
        turns.extend(
            self.errands
                .borrow()
                .keys()
                .filter(|(due, _)| *due <= now)
                .map(|(_, id)| (Who::Errand(*id), None)),
        );
        let due = self.next_timer().filter(|due| *due <= limit);
        if let Some(due) = due
            && (turns.is_empty() || race_the_clock)
        {
            if turns.is_empty() && !race_the_clock {
                self.pass(due);
                return true;
            }
            turns.push((Who::Clock, None));
        }
        if turns.is_empty() {
            return false;
        }
        // In an order that does not depend on who was queued when, as far as there is one.
        turns.sort_unstable_by_key(|(who, _)| *who);
        if !self.count_step() {
            return false;
        }
        self.account();
        let alternatives: Vec<Who> = turns.iter().map(|(who, _)| *who).collect();
        let chosen = self.chooser.borrow_mut().pick(&self.comparable(&alternatives));
        if !self.over.get() {
            self.choices.borrow_mut().push(chosen as u32);
        }
        let (who, place) = turns[chosen];
        self.note(chosen as u64);
        if !self.over.get() && (self.trace.is_some() || self.chooser.borrow().wants_footprints()) {
            self.look_before(who, place.map_or(0, |(index, _)| index));
        }
        match (who, place) {
            (Who::Actor(_), Some((index, place))) => self.on_worker(&slots[index], |stepped| stepped.step(place)),
            (Who::Errand(id), _) => self.do_one_errand(id),
            _ => self.pass(due.unwrap_or(now)),
        }
        self.check_invariants();
        true
    }

    /// Ids without the part that differs between worlds: another run of the scenario is another world.
    fn comparable(&self, alternatives: &[Who]) -> Vec<Who> {
        let comparable = |who: &Who| match who {
            Who::Actor(id) => Who::Actor(id - self.first_id),
            other => *other,
        };
        alternatives.iter().map(comparable).collect()
    }

    /// When the next timer or errand is due, for a world by turns: workers are awake or asleep, all their timers count.
    fn next_timer(&self) -> Option<Time> {
        let now = self.now.get();
        self.next_due().filter(|due| *due > now)
    }

    fn do_errand(&self) {
        let first = self.errands.borrow_mut().pop_first();
        if let Some(((_, id), (whose, errand))) = first {
            self.note(id);
            self.run_errand(whose, errand);
        }
    }

    fn run_errand(&self, whose: Option<Whose>, errand: Errand) {
        match whose {
            None => errand(),
            Some(whose) if self.places.is_alive(whose) => self.places.run_at(whose.node, errand),
            // What it holds belongs to nobody any more, and must tell nobody that it goes.
            Some(_) => std::mem::forget(errand),
        }
    }

    fn do_one_errand(&self, id: u64) {
        let key = self.errands.borrow().keys().find(|(_, errand)| *errand == id).copied();
        let errand = key.and_then(|key| self.errands.borrow_mut().remove(&key));
        if let Some((whose, errand)) = errand {
            self.run_errand(whose, errand);
        }
    }

    fn check_invariants(&self) {
        if self.over.get() || self.problem.borrow().is_some() {
            return;
        }
        let mut invariants = self.invariants.take();
        for (name, holds) in &mut invariants {
            if let Err(why) = holds() {
                self.fail(format!("the invariant \"{name}\" does not hold: {why}"));
            }
        }
        self.invariants.borrow_mut().extend(invariants);
    }

    fn each_glimpse(&self, each: &mut dyn FnMut(&Glimpse<'_>)) {
        for slot in self.slots() {
            slot.stepped.look(each);
        }
    }

    fn look(&self) -> BTreeMap<u64, Seen> {
        let mut seen = BTreeMap::new();
        let wants_text = self.trace.is_some();
        self.each_glimpse(&mut |glimpse| {
            if let Some(trace) = &self.trace {
                trace.borrow_mut().name(glimpse.id, glimpse.type_name);
            }
            let descriptions = match wants_text {
                true => (0..glimpse.data).map(glimpse.describe).collect(),
                false => Vec::new(),
            };
            seen.insert(
                glimpse.id,
                Seen {
                    data: glimpse.data,
                    control: glimpse.control,
                    muted: glimpse.muted,
                    descriptions,
                },
            );
        });
        seen
    }

    fn look_before(&self, who: Who, worker: usize) {
        *self.before.borrow_mut() = Some(Before {
            who,
            worker,
            at: self.now.get(),
            seen: self.look(),
        });
    }

    /// Finds out what the last step has done, and what was done from outside since.
    fn account(&self) {
        let Some(before) = self.before.take() else { return };
        let after = self.look();
        let mut footprint = Footprint {
            touched: std::mem::take(&mut self.touched.borrow_mut()),
            universal: !matches!(before.who, Who::Actor(_)),
            ..Footprint::default()
        };
        let mut event = Event {
            at: before.at,
            worker: before.worker,
            who: before.who,
            handled: None,
            told: Vec::new(),
            born: Vec::new(),
            ended: Vec::new(),
        };
        for (id, was) in &before.seen {
            let runs = before.who == Who::Actor(*id);
            if runs {
                footprint.handled_control = was.control > 0;
                event.handled = was.descriptions.first().cloned();
            }
            let Some(is) = after.get(id) else {
                footprint.universal = true;
                event.ended.push(*id);
                continue;
            };
            footprint.universal |= is.muted != was.muted;
            let consumed = usize::from(runs && was.data > 0 && !was.muted);
            if runs {
                footprint.handled_data = consumed > 0;
            }
            let told = (is.data + consumed).saturating_sub(was.data);
            if told > 0 {
                footprint.data.insert(id - self.first_id, told);
                let first = is.data.saturating_sub(told);
                event
                    .told
                    .extend(is.descriptions.iter().skip(first).map(|what| (*id, what.clone())));
            }
            let kept = if runs { 0 } else { was.control };
            if is.control > kept {
                footprint.control.insert(id - self.first_id, is.control - kept);
            }
        }
        for (id, is) in after.iter().filter(|(id, _)| !before.seen.contains_key(id)) {
            event.born.push(*id);
            footprint.control.insert(id - self.first_id, 1);
            if is.data > 0 {
                footprint.data.insert(id - self.first_id, is.data);
                event
                    .told
                    .extend(is.descriptions.iter().map(|what| (*id, what.clone())));
            }
        }
        if let Some(trace) = &self.trace
            && !self.over.get()
        {
            trace.borrow_mut().events.push(event);
        }
        if !self.over.get() {
            self.chooser.borrow_mut().done(footprint);
        }
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
    }

    /// Lets time pass; in a world by turns, timers race with whoever could have a turn.
    pub(super) fn advance(&self, time: Duration) {
        let until = self.now.get() + time;
        while (self.grain == Grain::ByTurns || self.now.get() < until) && self.go_on(until, true) {
            self.halt_if_failed();
        }
        self.halt_if_failed();
        self.pass(until);
    }

    /// At a moment when nothing can run: whether something should.
    fn find_forgotten(&self) {
        for slot in self.slots() {
            if let Some(forgotten) = slot.stepped.forgotten() {
                self.fail(forgotten);
            }
        }
        self.each_glimpse(&mut |glimpse| {
            if glimpse.data + glimpse.control > 0 && !glimpse.muted {
                let why = if glimpse.scheduled {
                    "is to have a turn"
                } else {
                    "is not scheduled"
                };
                self.fail(format!(
                    "nothing can run any more, and {} has {} messages and {} of control waiting; it {why}",
                    glimpse.type_name, glimpse.data, glimpse.control
                ));
            }
        });
    }

    /// How many asks wait, by type of the asker.
    pub(super) fn pending_asks(&self) -> BTreeMap<&'static str, usize> {
        let mut pending = BTreeMap::new();
        self.each_glimpse(&mut |glimpse| {
            if glimpse.asks > 0 {
                *pending.entry(glimpse.type_name).or_default() += glimpse.asks;
            }
        });
        pending
    }

    /// Shows one actor.
    pub(super) fn glimpse(&self, id: u64, see: &mut dyn FnMut(&Glimpse<'_>)) {
        self.each_glimpse(&mut |glimpse| {
            if glimpse.id == id {
                see(glimpse);
            }
        });
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

impl World for SimWorld {
    fn now(&self) -> Time {
        self.now.get()
    }

    fn wall_ns(&self) -> u64 {
        // The first second of 2026: some date, and always the same.
        1_767_225_600_000_000_000 + self.now.get().as_ns()
    }

    fn adopt(&self, worker: Box<dyn Stepped>) {
        let whose = self.places.present();
        worker.look(&mut |glimpse| {
            self.roots.borrow_mut().insert(glimpse.id, whose);
        });
        self.slots.borrow_mut().push(Rc::new(Slot {
            stepped: worker,
            whose,
            busy: Cell::new(false),
        }));
    }

    fn turn_messages_max(&self) -> Option<u32> {
        self.turn_messages_max
    }

    fn wait(&self, deadline: Time, done: &mut dyn FnMut() -> bool) {
        loop {
            if done() {
                return;
            }
            let over = self.grain == Grain::Whole && self.now.get() >= deadline;
            if over || !self.go_on(deadline, false) {
                break;
            }
            self.halt_if_failed();
        }
        self.halt_if_failed();
        self.pass(deadline);
    }

    fn choose(&self, n: usize) -> usize {
        self.below(n)
    }

    fn pause(&self) {
        if self.grain != Grain::Whole || self.depth.get() > 0 || self.over.get() {
            return;
        }
        self.depth.set(1);
        for _ in 0..self.below(4) {
            if !self.step_whole(Time::ZERO) {
                break;
            }
        }
        self.depth.set(0);
    }

    fn errand(&self, due: Option<Time>, errand: Errand) {
        let soon = || Duration::from_nanos(self.below(ERRAND_WITHIN_NS) as u64);
        let due = due.unwrap_or_else(|| match self.grain {
            Grain::Whole => self.now.get() + soon(),
            Grain::ByTurns => self.now.get(),
        });
        self.enqueue(due, Some(self.places.present()), errand);
    }

    fn next_id(&self) -> u64 {
        self.ids.set(self.ids.get() + 1);
        self.first_id + self.ids.get()
    }

    fn touch(&self, what: u64) {
        self.touched.borrow_mut().insert(what);
    }

    fn failed(&self, id: u64, type_name: &'static str, reason: &str) {
        if self.over.get() {
            return;
        }
        let what = format!("{type_name} #{} failed: {reason}", id - self.first_id);
        if !self.failures_allowed {
            self.fail(what.clone());
        }
        self.failures.borrow_mut().push(what);
    }

    fn event(&self, due: Time, event: Errand) {
        self.enqueue(due, None, event);
    }

    fn take_time(&self, time: Duration) {
        self.pass(self.now.get() + time);
    }

    fn is_gone(&self, root: u64) -> bool {
        let whose = self.roots.borrow().get(&root).copied();
        whose.is_some_and(|whose| !self.places.is_alive(whose))
    }

    fn network(&self) -> &dyn Network {
        &self.net
    }

    fn disk(&self) -> &dyn Disk {
        &self.disks
    }
}
