//! Which edges lead into a stage, and whether all of them have ended.
//!
//! An edge is announced by whoever makes it, and ended by its producer: two senders, so the end may arrive before the
//! announcement. Both orders count. A stage begins with one open edge, the deployment's own, so that it cannot believe
//! that all is over while edges are still being announced.

use crate::element::EdgeId;
use std::collections::HashSet;

/// The edge that stands for the deployment.
pub(crate) const DEPLOYMENT: EdgeId = EdgeId(0);

/// The edges into one actor.
#[derive(Debug)]
pub(crate) struct Inputs {
    open: HashSet<EdgeId>,
    /// Ended before they were announced.
    ended_early: HashSet<EdgeId>,
}

impl Inputs {
    /// One open edge: the deployment's.
    pub(crate) fn new() -> Self {
        Self {
            open: HashSet::from([DEPLOYMENT]),
            ended_early: HashSet::new(),
        }
    }

    /// An edge is announced.
    pub(crate) fn opened(&mut self, edge: EdgeId) {
        if !self.ended_early.remove(&edge) {
            self.open.insert(edge);
        }
    }

    /// An edge has ended; says whether that was the last.
    #[must_use]
    pub(crate) fn ended(&mut self, edge: EdgeId) -> bool {
        if !self.open.remove(&edge) {
            self.ended_early.insert(edge);
        }
        self.open.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_overtakes_its_announcement_counts_once() {
        let mut inputs = Inputs::new();
        assert!(!inputs.ended(EdgeId(7)));
        inputs.opened(EdgeId(7));
        inputs.opened(EdgeId(8));
        assert!(!inputs.ended(DEPLOYMENT));
        assert!(inputs.ended(EdgeId(8)));
    }
}
