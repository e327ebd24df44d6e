//! Who chooses: at random, by priorities, by systematic search, or as it was chosen before.

use super::random::Random;
use super::reduce::{Footprint, Reducer};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// One thing that can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// An actor has its turn.
    Actor(u64),
    /// Something is done on no worker.
    Errand(u64),
    /// Time goes on to the next timer.
    Clock,
    /// The scenario itself does something; never chosen.
    Outside,
}

/// Makes the choices of one run.
pub(super) enum Chooser {
    Random(Random),
    Priorities(Priorities),
    Search(Rc<RefCell<Reducer>>),
    Replay {
        choices: Vec<u32>,
        next: usize,
    },
    /// Whoever is first.
    First,
}

impl Chooser {
    /// One of `alternatives`, which are not none.
    pub(super) fn pick(&mut self, alternatives: &[Who]) -> usize {
        match self {
            Self::Random(random) => random.below(alternatives.len() as u64) as usize,
            Self::Priorities(priorities) => priorities.pick(alternatives),
            Self::Search(reducer) => reducer.borrow_mut().pick(alternatives),
            Self::Replay { choices, next } => {
                let choice = choices.get(*next).copied().unwrap_or(0) as usize;
                *next += 1;
                choice.min(alternatives.len() - 1)
            }
            Self::First => 0,
        }
    }

    /// A number below `n`, for what is not searched through.
    pub(super) fn below(&mut self, n: usize) -> usize {
        match self {
            Self::Random(random) => random.below(n as u64) as usize,
            Self::Priorities(priorities) => priorities.random.below(n as u64) as usize,
            Self::Search(_) | Self::Replay { .. } | Self::First => 0,
        }
    }

    /// What the thing chosen last has done.
    pub(super) fn done(&mut self, footprint: Footprint) {
        if let Self::Search(reducer) = self {
            reducer.borrow_mut().done(footprint);
        }
    }

    /// What the scenario itself has done since.
    pub(super) fn outside(&mut self, footprint: &Footprint) {
        if let Self::Search(reducer) = self {
            reducer.borrow_mut().outside(footprint);
        }
    }

    /// Whether it takes what comes as it comes.
    pub(super) fn is_in_order(&self) -> bool {
        matches!(self, Self::First)
    }

    /// Whether it wants to know that.
    pub(super) fn wants_footprints(&self) -> bool {
        matches!(self, Self::Search(_))
    }
}

/// Probabilistic concurrency testing (Burckhardt and others, ASPLOS 2010): whoever has the highest priority goes on, and at
/// a few random moments the one who would go on becomes the last of all. A bug that needs `d` such moments is met with a
/// probability of at least 1 / (n · k^(d-1)), of n actors and k steps.
pub(super) struct Priorities {
    random: Random,
    of: BTreeMap<Who, u64>,
    changes: Vec<u64>,
    step: u64,
    lowest: u64,
}

impl Priorities {
    /// With so many changes of priority among so many steps.
    pub(super) fn new(mut random: Random, changes: u32, steps: u64) -> Self {
        let changes = (0..changes).map(|_| random.below(steps.max(1))).collect();
        Self {
            random,
            of: BTreeMap::new(),
            changes,
            step: 0,
            // Those that were changed stand below those that were not, the latest last.
            lowest: 1 << 32,
        }
    }

    fn pick(&mut self, alternatives: &[Who]) -> usize {
        for who in alternatives {
            let random = &mut self.random;
            self.of.entry(*who).or_insert_with(|| (1 << 33) + random.below(1 << 32));
        }
        let first = |of: &BTreeMap<Who, u64>| {
            let by_priority = (0..alternatives.len()).max_by_key(|index| of[&alternatives[*index]]);
            by_priority.unwrap_or(0)
        };
        if self.changes.contains(&self.step) {
            self.lowest -= 1;
            let chosen = alternatives[first(&self.of)];
            self.of.insert(chosen, self.lowest);
        }
        self.step += 1;
        first(&self.of)
    }
}
