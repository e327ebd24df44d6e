//! Searching through all orders of turns, but not through orders that differ in nothing.
//!
//! Dynamic partial-order reduction (Flanagan and Godefroid, POPL 2005) with sleep sets (Godefroid, 1996). A run is a
//! sequence of steps, each the turn of one actor. Two steps depend on each other if their order can be seen: they put
//! something into one mailbox, or one puts something on the control lane of the other, or one ends an actor, or both touch
//! what the program has said that they share. After each step the last earlier step that it depends on, and that did not
//! cause it, is found; there the search will also try the other order. A step that was tried and that nothing since depends
//! on sleeps: trying it again would give a run that was seen.
//!
//! ```text
//!   frames   0 ── 1 ── 2 ── ... ── n      one per step: who could go on, who went, who is still to be tried, who sleeps
//!                 ▲         │
//!                 └─ race ──┘             step n depends on step 1 and was not caused by it: at 1, try n's actor first
//! ```
//!
//! What causes what is kept as vector clocks: a turn knows what its actor knew before, and what the senders of the messages
//! that it handles knew. It lacks knowledge of what actors share behind the runtime's back, such as atomics: say so with
//! `sim::touch`, or the search will miss orders.

use super::choice::Who;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a step has done that others can see.
#[derive(Clone, Debug, Default)]
pub(super) struct Footprint {
    /// Messages put on the data lane of an actor, and how many.
    pub(super) data: BTreeMap<u64, usize>,
    /// The same of the control lane; new actors count as told.
    pub(super) control: BTreeMap<u64, usize>,
    /// Whether a data message was handled.
    pub(super) handled_data: bool,
    /// Whether the control lane was.
    pub(super) handled_control: bool,
    /// Things shared otherwise that were touched.
    pub(super) touched: BTreeSet<u64>,
    /// Its order with anything can be seen: an actor has ended, or time has passed.
    pub(super) universal: bool,
}

/// Which steps an actor has been told of: by actor, its last step.
type Clock = BTreeMap<Who, usize>;

#[derive(Debug)]
struct Frame {
    enabled: Vec<Who>,
    chosen: Who,
    /// To be tried here.
    backtrack: BTreeSet<Who>,
    /// Tried here, and what they did.
    done: BTreeMap<Who, Footprint>,
    /// Not to be tried here: the run would have been seen.
    sleep: BTreeMap<Who, Footprint>,
    footprint: Footprint,
    clock: Clock,
}

/// The state of a search, over all its runs.
#[derive(Debug, Default)]
pub(super) struct Reducer {
    frames: Vec<Frame>,
    /// The step of the present run.
    depth: usize,
    /// All that could be chosen sleeps: the rest of the run has been seen.
    redundant: bool,
    known: BTreeMap<Who, Clock>,
    /// By actor, the steps that told it what waits; nothing for what was there before the first.
    data: BTreeMap<u64, VecDeque<Option<usize>>>,
    control: BTreeMap<u64, Vec<Option<usize>>>,
    /// All orders are tried, also those that differ in nothing.
    pub(super) unreduced: bool,
    /// Runs that had been seen by another order.
    pub(super) redundant_runs: u64,
}

impl Reducer {
    pub(super) fn begin_run(&mut self) {
        self.depth = 0;
        self.redundant = false;
        self.known.clear();
        self.data.clear();
        self.control.clear();
    }

    pub(super) fn pick(&mut self, alternatives: &[Who]) -> usize {
        if self.redundant {
            return 0;
        }
        if let Some(frame) = self.frames.get(self.depth) {
            let place = alternatives.iter().position(|who| *who == frame.chosen);
            return place
                .expect("a scenario must do the same each time: no clocks, no threads, no random numbers of its own");
        }
        let sleep = match self.frames.last() {
            Some(before) if !self.unreduced => {
                let tried = before.sleep.iter().chain(&before.done);
                let independent =
                    tried.filter(|(who, footprint)| !depend(**who, footprint, before.chosen, &before.footprint));
                independent.map(|(who, footprint)| (*who, footprint.clone())).collect()
            }
            _ => BTreeMap::new(),
        };
        let Some(place) = alternatives.iter().position(|who| !sleep.contains_key(who)) else {
            self.redundant = true;
            self.redundant_runs += 1;
            return 0;
        };
        let chosen = alternatives[place];
        self.frames.push(Frame {
            enabled: alternatives.to_vec(),
            chosen,
            backtrack: match self.unreduced {
                true => alternatives.iter().copied().collect(),
                false => BTreeSet::from([chosen]),
            },
            done: BTreeMap::new(),
            sleep,
            footprint: Footprint::default(),
            clock: Clock::new(),
        });
        place
    }

    /// What the step just picked has done.
    pub(super) fn done(&mut self, footprint: Footprint) {
        if self.redundant || self.depth >= self.frames.len() {
            return;
        }
        let step = self.depth;
        self.depth += 1;
        let who = self.frames[step].chosen;
        let mut clock = self.known.get(&who).cloned().unwrap_or_default();
        if let Who::Actor(id) = who {
            let mut causes = Vec::new();
            if footprint.handled_control {
                causes.extend(self.control.remove(&id).unwrap_or_default());
            }
            if footprint.handled_data {
                causes.extend(self.data.get_mut(&id).and_then(VecDeque::pop_front));
            }
            for cause in causes.into_iter().flatten() {
                join(&mut clock, &self.frames[cause].clock);
            }
        }
        // The last step that this one races with.
        let race = (0..step).rev().find(|earlier| {
            let frame = &self.frames[*earlier];
            let caused = clock.get(&frame.chosen).is_some_and(|last| last >= earlier);
            frame.chosen != who && !caused && depend(frame.chosen, &frame.footprint, who, &footprint)
        });
        if let Some(race) = race {
            let frame = &mut self.frames[race];
            if frame.enabled.contains(&who) {
                frame.backtrack.insert(who);
            } else {
                frame.backtrack.extend(frame.enabled.iter().copied());
            }
        }
        for earlier in &self.frames[..step] {
            if depend(earlier.chosen, &earlier.footprint, who, &footprint) {
                join(&mut clock, &earlier.clock);
            }
        }
        clock.insert(who, step);
        self.told(&footprint, Some(step));
        self.known.insert(who, clock.clone());
        let frame = &mut self.frames[step];
        frame.clock = clock;
        frame.footprint = footprint;
    }

    /// What the scenario itself has done since the last step: it has seen that one's end.
    pub(super) fn outside(&mut self, footprint: &Footprint) {
        if !self.redundant {
            self.told(footprint, self.depth.checked_sub(1));
        }
    }

    fn told(&mut self, footprint: &Footprint, by: Option<usize>) {
        for (to, count) in &footprint.data {
            self.data
                .entry(*to)
                .or_default()
                .extend(std::iter::repeat_n(by, *count));
        }
        for (to, count) in &footprint.control {
            self.control
                .entry(*to)
                .or_default()
                .extend(std::iter::repeat_n(by, *count));
        }
    }

    /// Goes back to the last step where something else is to be tried. `false`: all has been.
    pub(super) fn next_run(&mut self) -> bool {
        while let Some(mut frame) = self.frames.pop() {
            frame.done.insert(frame.chosen, std::mem::take(&mut frame.footprint));
            let next = frame
                .backtrack
                .iter()
                .find(|who| !frame.done.contains_key(who) && !frame.sleep.contains_key(who));
            if let Some(next) = next {
                frame.chosen = *next;
                self.frames.push(frame);
                return true;
            }
        }
        false
    }
}

fn join(into: &mut Clock, other: &Clock) {
    for (who, step) in other {
        let known = into.entry(*who).or_insert(*step);
        *known = (*known).max(*step);
    }
}

/// Whether the order of two steps can be seen.
fn depend(who: Who, footprint: &Footprint, other_who: Who, other: &Footprint) -> bool {
    let reaches = |footprint: &Footprint, other_who: Who, other: &Footprint| {
        let Who::Actor(id) = other_who else { return true };
        footprint.control.contains_key(&id) || footprint.data.contains_key(&id) && other.handled_control
    };
    who == other_who
        || footprint.universal
        || other.universal
        || footprint.data.keys().any(|to| other.data.contains_key(to))
        || footprint.control.keys().any(|to| other.control.contains_key(to))
        || footprint.touched.iter().any(|what| other.touched.contains(what))
        || reaches(footprint, other_who, other)
        || reaches(other, who, footprint)
}
