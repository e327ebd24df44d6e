//! What leads out of a stage: to whoever takes its results, and to the readers of its side outputs.

use crate::element::{EdgeId, Grant};
use crate::exchange::{AnySideWay, Downstream, SideLanes, Sides, Slot, Through, ToPort, Wiring};
use potoroo_runtime::Recipient;

/// The ways out of a stage.
pub(crate) struct Ways<U> {
    main: ToPort<U>,
    sides: Vec<Box<dyn AnySideWay>>,
}

impl<U: Send + 'static> Ways<U> {
    /// The ways out, if anybody takes anything.
    pub(crate) fn of(out: &Slot<U>, sides: &Sides) -> Option<Self> {
        let ways = Self {
            main: out.way(),
            sides: sides.ways(),
        };
        (ways.main.is_taken() || !ways.sides.is_empty()).then_some(ways)
    }

    pub(super) fn open(&self, edge: EdgeId) {
        self.main.open(edge.branch(0));
        for (at, side) in (1..).zip(&self.sides) {
            side.open(edge.branch(at));
        }
    }

    pub(super) fn connect(&self, edge: EdgeId, me: Recipient<Grant>) -> (Through<U>, SideLanes) {
        let mut wiring = Wiring::new(me);
        let main = self.main.connect(edge.branch(0), &mut wiring);
        let sides = (1..).zip(&self.sides);
        let sides = sides.map(|(at, side)| side.connect(edge.branch(at), &mut wiring));
        (main, SideLanes::new(sides.collect()))
    }
}
