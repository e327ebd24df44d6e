//! One step of a world: of any worker, whole, or one turn of any actor.

use super::super::choice::Who;
use super::super::places::Whose;
use super::{NUDGE_ONE_IN, STEP_TIME, SimWorld, Slot};
use crate::scheduler::worker::Worker;
use crate::sys::clock::Time;
use crate::sys::simulated::{Errand, Nudge, Standing};
use std::rc::Rc;

impl SimWorld {
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
    pub(super) fn step_whole(&self, limit: Time) -> bool {
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
        let step = || self.on_worker(slot, |stepped| stepped.step(place));
        if runnable == 0 {
            self.step_of_anybody(*index, step);
        } else {
            if self.trace.is_some() {
                self.account();
                self.look_before(Who::Actor(actor), *index);
            }
            step();
        }
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

    /// Gives one actor the turns that it has, and nobody else any.
    pub(in super::super) fn give_turns_to(&self, id: u64) {
        loop {
            self.settle();
            let slots = self.slots();
            let place_on = |slot: &Rc<Slot>| match slot.stepped.standing() {
                Standing::Awake { runnable } => (0..runnable).find(|place| slot.stepped.runnable(*place) == id),
                Standing::Asleep | Standing::Ended => None,
            };
            let found = slots.iter().find_map(|slot| Some((slot, place_on(slot)?)));
            let Some((slot, place)) = found else { break };
            self.account();
            self.look_before(Who::Actor(id), 0);
            self.on_worker(slot, |stepped| stepped.step(place));
        }
        self.hand_back();
    }

    /// One turn of some actor.
    pub(super) fn step_turn(&self, limit: Time, race_the_clock: bool) -> bool {
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
        if !self.chooser.borrow().is_in_order() {
            turns.sort_unstable_by_key(|(who, _)| *who);
        }
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
        if !self.over.get() && self.is_watched() {
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

    /// Errands are what threads that are no workers do, and the world itself; some worker may stand still meanwhile.
    fn run_errand(&self, whose: Option<Whose>, errand: Errand) {
        match whose {
            None => Worker::outside(errand),
            Some(whose) if self.places.paused_until(whose.node) > self.now.get() => {
                self.enqueue(self.places.paused_until(whose.node), Some(whose), errand);
            }
            Some(whose) if self.places.is_alive(whose) => self.places.run_at(whose.node, || Worker::outside(errand)),
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
}
