//! A partition's part in a step by which key groups move; the whole story is in `exchange/routes.rs`.
//!
//! A partition keeps this from the first it hears of a step until it has done its part: the divides it has seen, what it holds
//! back, and the states that have come. It lacks the stage: what is done with records and states is done there.

use crate::element::{Batch, EdgeId, Element, Grouped, KeyGroup};
use crate::job::MoveStep;
use potoroo_runtime::sys::clock;
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Moving<I> {
    partition: u16,
    step: u64,
    since: clock::Time,
    /// What the step is. Divides and states may come before it: they have other senders.
    plan: Option<Arc<MoveStep>>,
    divided: BTreeSet<EdgeId>,
    /// Edges of which nothing is taken in until the step is over here.
    blocked: BTreeSet<EdgeId>,
    states: Vec<(Vec<KeyGroup>, Box<dyn Any + Send>)>,
    /// Records of groups whose state is not here yet.
    early: VecDeque<Element<I>>,
    /// What came on blocked edges.
    held: VecDeque<Element<I>>,
    /// What there was to give has been given.
    pub(super) has_given: bool,
}

impl<I: Grouped + Send + 'static> Moving<I> {
    pub(super) fn new(partition: usize, step: u64) -> Self {
        Self {
            partition: u16::try_from(partition).expect("at most KEY_GROUPS partitions"),
            step,
            since: clock::now(),
            plan: None,
            divided: BTreeSet::new(),
            blocked: BTreeSet::new(),
            states: Vec::new(),
            early: VecDeque::new(),
            held: VecDeque::new(),
            has_given: false,
        }
    }

    pub(super) fn begin(&mut self, plan: Arc<MoveStep>) {
        debug_assert_eq!(plan.step, self.step);
        self.plan = Some(plan);
    }

    pub(super) fn divided(&mut self, edge: EdgeId) {
        self.divided.insert(edge);
    }

    pub(super) fn came(&mut self, groups: Vec<KeyGroup>, state: Box<dyn Any + Send>) {
        self.states.push((groups, state));
    }

    /// Keeps what may not be taken in now, and gives the rest back.
    pub(super) fn sift(&mut self, element: Element<I>) -> Option<Element<I>> {
        match element {
            Element::Batch(batch) => self.sift_batch(batch).map(Element::Batch),
            Element::End(edge) | Element::Idle(edge) if self.divided.contains(&edge) => {
                self.held.push_back(element);
                None
            }
            other => Some(other),
        }
    }

    fn sift_batch(&mut self, mut batch: Box<Batch<I>>) -> Option<Box<Batch<I>>> {
        let edge = batch.edge;
        if !self.divided.contains(&edge) {
            return Some(batch);
        }
        // Without the plan nobody knows whose records these are.
        let Some(plan) = self.plan.as_ref().filter(|_| !self.blocked.contains(&edge)) else {
            self.blocked.insert(edge);
            self.held.push_back(Element::Batch(batch));
            return None;
        };
        let mine = self.partition;
        let mut is_early = |record: &mut I| {
            let group = record.group();
            plan.moves.iter().any(|one| one.to == mine && Some(one.group) == group)
        };
        let early: Vec<I> = batch.items.extract_if(.., &mut is_early).collect();
        if !early.is_empty() {
            self.early.push_back(Element::Batch(Box::new(Batch {
                items: early,
                divide: None,
                mark: None,
                edge,
                lane: batch.lane,
                // The credit comes back with the rest.
                back: None,
            })));
        }
        Some(batch)
    }

    /// Keeps what was said on an edge behind its divide; says whether it did.
    pub(super) fn keeps_mark(&mut self, batch: &Batch<I>) -> bool {
        let keeps = batch.mark.is_some() && self.divided.contains(&batch.edge);
        if keeps {
            self.blocked.insert(batch.edge);
        }
        keeps
    }

    /// Keeps a batch for later.
    pub(super) fn keep(&mut self, batch: Box<Batch<I>>) {
        self.held.push_back(Element::Batch(batch));
    }

    /// What the step is, once all divides have been seen: from then on this partition has nothing more of the groups that it
    /// gives away.
    pub(super) fn divided_plan(&self) -> Option<&Arc<MoveStep>> {
        let plan = self.plan.as_ref()?;
        plan.edges.is_subset(&self.divided).then_some(plan)
    }

    /// What goes from here, by partition.
    pub(super) fn to_give(plan: &MoveStep, partition: usize) -> BTreeMap<u16, Vec<KeyGroup>> {
        let mut to_give: BTreeMap<u16, Vec<KeyGroup>> = BTreeMap::new();
        for one in plan.moves.iter().filter(|one| usize::from(one.from) == partition) {
            to_give.entry(one.to).or_default().push(one.group);
        }
        to_give
    }

    /// Whether the states of all groups that come here are here.
    pub(super) fn has_all(&self) -> bool {
        let expected = |plan: &Arc<MoveStep>| plan.moves.iter().filter(|one| one.to == self.partition).count();
        let came = self.states.iter().map(|(groups, _)| groups.len()).sum();
        self.plan.as_ref().map(expected) == Some(came)
    }

    /// The states that have come, and of which groups.
    pub(super) fn states(&mut self) -> impl Iterator<Item = (Vec<KeyGroup>, Box<dyn Any + Send>)> {
        self.states.drain(..)
    }

    /// For how long records could wait here.
    pub(super) fn pause(&self) -> Duration {
        clock::now().since(self.since)
    }

    /// What was kept, in the order in which it is to be taken in: records that came before a mark of their edge come first.
    pub(super) fn kept(self) -> impl DoubleEndedIterator<Item = Element<I>> {
        self.early.into_iter().chain(self.held)
    }
}
