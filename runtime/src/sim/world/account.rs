//! What a world sees of its actors: what a step has done to them, and what they wait for when nothing moves any more.

use super::super::choice::Who;
use super::super::reduce::Footprint;
use super::super::trace::Event;
use super::{Before, Seen, SimWorld, Slot};
use crate::sys::simulated::Glimpse;
use std::collections::BTreeMap;

impl SimWorld {
    pub(super) fn each_glimpse(&self, each: &mut dyn FnMut(&Glimpse<'_>)) {
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
                    taken: glimpse.taken,
                    control: glimpse.control,
                    muted: glimpse.muted,
                    descriptions,
                },
            );
        });
        seen
    }

    pub(super) fn look_before(&self, who: Who, worker: usize) {
        *self.before.borrow_mut() = Some(Before {
            who,
            worker,
            at: self.now.get(),
            seen: self.look(),
            handled: self.handled_on(worker),
        });
    }

    /// Has a worker do a step that may become somebody's turn: it had no runnable cell, and takes in what waits for it.
    pub(super) fn step_of_anybody(&self, worker: usize, step: impl FnOnce()) {
        if self.trace.is_none() || self.over.get() {
            return step();
        }
        let last = || self.before.borrow().as_ref().map(|before| (before.at, before.who));
        let (last_before, at) = (last(), self.now.get());
        let (seen, handled) = (self.look(), self.handled_on(worker));
        step();
        if last() != last_before {
            // Others have had turns in the middle of it.
            return;
        }
        let after = self.look();
        let had_a_turn = |id: &u64, was: &Seen| match after.get(id) {
            Some(is) => is.taken != was.taken || is.control < was.control,
            None => true,
        };
        if let Some(id) = seen.iter().find_map(|(id, was)| had_a_turn(id, was).then_some(*id)) {
            let until = seen.clone();
            self.account_until(until);
            *self.before.borrow_mut() = Some(Before {
                who: Who::Actor(id),
                worker,
                at,
                seen,
                handled,
            });
        }
    }

    /// How many messages a worker has given to actors so far.
    fn handled_on(&self, worker: usize) -> u64 {
        self.slots().get(worker).map_or(0, |slot| slot.stepped.handled())
    }

    /// Finds out what the last step has done, and what was done from outside since.
    pub(super) fn account(&self) {
        if self.over.get() || !self.is_watched() {
            return;
        }
        self.account_until(self.look());
    }

    /// As [`account`](Self::account), of what has happened until `after` was seen.
    fn account_until(&self, after: BTreeMap<u64, Seen>) {
        // What is there before the first step is the scenario's doing.
        let before = self.before.take().unwrap_or_else(|| Before {
            who: Who::Outside,
            worker: 0,
            at: self.now.get(),
            seen: BTreeMap::new(),
            handled: 0,
        });
        let mut footprint = Footprint {
            touched: std::mem::take(&mut self.touched.borrow_mut()),
            universal: !matches!(before.who, Who::Actor(_)),
            ..Footprint::default()
        };
        let mut event = Event {
            at: before.at,
            worker: before.worker,
            who: before.who,
            handled: Vec::new(),
            told: Vec::new(),
            born: Vec::new(),
            ended: Vec::new(),
        };
        for (id, was) in &before.seen {
            let runs = before.who == Who::Actor(*id);
            if runs {
                footprint.handled_control = was.control > 0;
                footprint.handled_data = was.data > 0 && !was.muted;
            }
            let is = after.get(id);
            let mut consumed = 0;
            if runs {
                // Positions rise with each message taken out, but for the end of a flood, where they begin anew.
                let taken = is.map(|is| is.taken.wrapping_sub(was.taken));
                consumed = taken.filter(|taken| *taken <= was.data).unwrap_or_else(|| {
                    // Of one that has ended the worker knows it, together with the timers that fired in the turn.
                    let handled = self.handled_on(before.worker).saturating_sub(before.handled);
                    was.data.min(handled as usize)
                });
                event.handled = was.descriptions.iter().take(consumed).cloned().collect();
            }
            let Some(is) = is else {
                footprint.universal = true;
                event.ended.push(*id);
                continue;
            };
            footprint.universal |= is.muted != was.muted;
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
        let outside = before.who == Who::Outside;
        let shows = !outside || !event.told.is_empty() || !event.ended.is_empty();
        if let Some(trace) = &self.trace
            && shows
        {
            trace.borrow_mut().events.push(event);
        }
        let mut chooser = self.chooser.borrow_mut();
        match outside {
            true => chooser.outside(&footprint),
            false => chooser.done(footprint),
        }
    }

    /// What has happened since this was asked last, for a traced world.
    pub(in super::super) fn take_events(&self) -> Vec<Event> {
        let events = self
            .trace
            .as_ref()
            .map(|trace| std::mem::take(&mut trace.borrow_mut().events));
        events.unwrap_or_default()
    }

    /// What an actor is called in charts.
    pub(in super::super) fn name_of(&self, id: u64) -> String {
        let trace = self.trace.as_ref().map(|trace| trace.borrow().name_of(id).to_owned());
        trace.unwrap_or_default()
    }

    /// Whether it must be known what each step does.
    pub(super) fn is_watched(&self) -> bool {
        self.trace.is_some() || self.chooser.borrow().wants_footprints()
    }

    /// The scenario goes on: what is done now is its own doing.
    pub(in super::super) fn hand_back(&self) {
        if self.over.get() || !self.is_watched() {
            return;
        }
        self.account();
        self.look_before(Who::Outside, 0);
    }

    /// At a moment when nothing can run: whether something should.
    pub(super) fn find_forgotten(&self) {
        for slot in self.slots() {
            if let Some(forgotten) = slot.stepped.forgotten() {
                self.fail(forgotten);
            }
        }
        let mut find = |glimpse: &Glimpse<'_>| {
            // Pressure of an actor's own is broken by a timer: while there is one, standing still says nothing.
            let stuck = !glimpse.muted || self.next_due().is_none();
            if glimpse.data + glimpse.control > 0 && stuck {
                let why = match (glimpse.muted, glimpse.scheduled) {
                    (true, _) => "is muted, and nobody will unmute it",
                    (false, true) => "is to have a turn, and gets none",
                    (false, false) => "is not scheduled",
                };
                self.fail(format!(
                    "nothing can run any more, and {} has {} messages and {} of control waiting; it {why}",
                    glimpse.type_name, glimpse.data, glimpse.control
                ));
            }
        };
        // Who is paused could run, and may not.
        let runs = |slot: &Slot| self.places.paused_until(slot.whose.node) <= self.now.get();
        for slot in self.slots().iter().filter(|slot| runs(slot)) {
            slot.stepped.look(&mut find);
        }
    }

    /// How many asks wait, by type of the asker.
    pub(in super::super) fn pending_asks(&self) -> BTreeMap<&'static str, usize> {
        let mut pending = BTreeMap::new();
        self.each_glimpse(&mut |glimpse| {
            if glimpse.asks > 0 {
                *pending.entry(glimpse.type_name).or_default() += glimpse.asks;
            }
        });
        pending
    }

    /// Shows one actor.
    pub(in super::super) fn glimpse(&self, id: u64, see: &mut dyn FnMut(&Glimpse<'_>)) {
        self.each_glimpse(&mut |glimpse| {
            if glimpse.id == id {
                see(glimpse);
            }
        });
    }
}
