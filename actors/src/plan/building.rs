//! What a pipeline and its streams share while they are written: the graph, and how each stage is put into place.
//!
//! A stage is written after what it takes, so deployment runs from the last to the first: when a stage's turn comes, whoever
//! takes from it has put a way in into its slot.

use super::graph::{Edge, Graph, Node, NodeKind};
use crate::job::{Deploy, Plan};
use crate::sink::{Delivery, Guarantee};
use crate::source::Replay;
use std::cell::RefCell;
use std::rc::Rc;

/// A pipeline in the making.
#[derive(Default)]
struct Building {
    graph: Graph,
    plans: Vec<Plan>,
    sources: Vec<Replay>,
    sinks: Vec<Delivery>,
    /// The names of what may be asked for.
    queries: Vec<&'static str>,
}

/// See [`Building`]; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Site(Rc<RefCell<Building>>);

/// Where a stream comes from, for the graph.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    ends: Vec<End>,
}

#[derive(Clone, Debug)]
struct End {
    node: usize,
    side: Option<&'static str>,
    steps: Vec<&'static str>,
}

impl Origin {
    pub(crate) fn node(node: usize, side: Option<&'static str>) -> Self {
        Self {
            ends: vec![End {
                node,
                side,
                steps: Vec::new(),
            }],
        }
    }

    /// A step on the way.
    pub(crate) fn step(mut self, name: &'static str) -> Self {
        self.ends.iter_mut().for_each(|end| end.steps.push(name));
        self
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.ends.extend(other.ends);
        self
    }
}

impl Site {
    /// A stage that takes what comes from `origin`; gives its number.
    pub(crate) fn node(&self, name: &str, kind: NodeKind, actors: Option<usize>, origin: &Origin) -> usize {
        let mut building = self.0.borrow_mut();
        let node = building.graph.nodes.len();
        building.graph.nodes.push(Node {
            name: name.to_owned(),
            kind,
            actors,
        });
        building.graph.edges.extend(origin.ends.iter().map(|end| Edge {
            from: end.node,
            to: node,
            side: end.side,
            steps: end.steps.clone(),
        }));
        node
    }

    /// How a stage is put into place, later than all that are planned after it.
    pub(crate) fn plan(&self, plan: impl FnOnce(&mut Deploy<'_, '_>) + Send + 'static) {
        self.0.borrow_mut().plans.push(Box::new(plan));
    }

    /// What a source promises.
    pub(crate) fn replay(&self, replay: Replay) {
        self.0.borrow_mut().sources.push(replay);
    }

    /// What a sink promises.
    pub(crate) fn delivery(&self, delivery: Delivery) {
        self.0.borrow_mut().sinks.push(delivery);
    }

    /// A stage may be asked for its states under this name.
    ///
    /// # Panics
    ///
    /// If another may be, under the same.
    pub(crate) fn queryable(&self, name: &'static str) {
        let queries = &mut self.0.borrow_mut().queries;
        assert!(!queries.contains(&name), "there are two stages to ask for {name:?}");
        queries.push(name);
    }

    pub(crate) fn guarantee(&self) -> Guarantee {
        let building = self.0.borrow();
        Guarantee::of(building.sources.iter().copied(), building.sinks.iter().copied())
    }

    pub(crate) fn graph(&self) -> Graph {
        self.0.borrow().graph.clone()
    }

    /// The plans in the order in which they are to be carried out.
    pub(crate) fn take_plans(&self) -> Vec<Plan> {
        let mut plans = std::mem::take(&mut self.0.borrow_mut().plans);
        plans.reverse();
        plans
    }
}
