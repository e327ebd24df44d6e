//! Side outputs: what a stage gives besides its results, each under a typed tag.
//!
//! For what comes seldom: late data, records that are refused. A record that goes to a tag nobody reads is dropped and
//! counted.

use super::collector::{Collector, Downstream, Flow, Wiring};
use super::port::{Slot, Through, ToPort};
use crate::element::{EdgeId, Grant, Mark, Timestamp};
use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

/// Names a side output, and says of what type its records are.
///
/// ```
/// use potoroo_actors::SideTag;
///
/// static REFUSED: SideTag<String> = SideTag::new("refused");
/// assert_eq!(REFUSED.name(), "refused");
/// ```
pub struct SideTag<T> {
    name: &'static str,
    records: PhantomData<fn() -> T>,
}

impl<T> SideTag<T> {
    /// A tag; the name tells it from the stage's other ones.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            records: PhantomData,
        }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T> Clone for SideTag<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SideTag<T> {}

impl<T> fmt::Debug for SideTag<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SideTag<{}>({:?})", std::any::type_name::<T>(), self.name)
    }
}

/// One side output whose type is not known.
pub(crate) trait AnySide: Send + Sync {
    fn name(&self) -> &'static str;
    fn slot(&self) -> &dyn Any;
    fn way(&self) -> Box<dyn AnySideWay>;
}

pub(crate) trait AnySideWay: Send + Sync {
    fn is_taken(&self) -> bool;
    fn open(&self, edge: EdgeId);
    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Box<dyn AnySideLane>;
}

pub(crate) trait AnySideLane: Flow {
    fn name(&self) -> &'static str;
    fn lane(&mut self) -> &mut dyn Any;
}

struct Side<T> {
    tag: SideTag<T>,
    slot: Slot<T>,
}

impl<T: Send + 'static> AnySide for Side<T> {
    fn name(&self) -> &'static str {
        self.tag.name
    }

    fn slot(&self) -> &dyn Any {
        &self.slot
    }

    fn way(&self) -> Box<dyn AnySideWay> {
        Box::new(SideWay {
            tag: self.tag,
            to: self.slot.way(),
        })
    }
}

struct SideWay<T> {
    tag: SideTag<T>,
    to: ToPort<T>,
}

impl<T: Send + 'static> AnySideWay for SideWay<T> {
    fn is_taken(&self) -> bool {
        self.to.is_taken()
    }

    fn open(&self, edge: EdgeId) {
        self.to.open(edge);
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Box<dyn AnySideLane> {
        Box::new(SideLane {
            tag: self.tag,
            to: self.to.connect(edge, wiring),
        })
    }
}

struct SideLane<T> {
    tag: SideTag<T>,
    to: Through<T>,
}

impl<T: Send + 'static> Flow for SideLane<T> {
    fn mark(&mut self, mark: Mark) {
        self.to.mark(mark);
    }

    fn is_ready(&self) -> bool {
        self.to.is_ready()
    }

    fn flush(&mut self) {
        self.to.flush();
    }

    fn granted(&mut self, grant: Grant) -> Option<Grant> {
        self.to.granted(grant)
    }

    fn end(&mut self) {
        self.to.end();
    }

    fn has_ended(&self) -> bool {
        self.to.has_ended()
    }

    fn batches_in_flight(&self) -> usize {
        self.to.batches_in_flight()
    }
}

impl<T: Send + 'static> AnySideLane for SideLane<T> {
    fn name(&self) -> &'static str {
        self.tag.name
    }

    fn lane(&mut self) -> &mut dyn Any {
        &mut self.to
    }
}

/// The side outputs of a stage that somebody reads.
#[derive(Clone, Default)]
pub(crate) struct Sides(Arc<Mutex<Vec<Box<dyn AnySide>>>>);

impl Sides {
    /// The slot behind a tag.
    ///
    /// # Panics
    ///
    /// If a tag of the same name and another type is in use.
    pub(crate) fn slot<T: Send + 'static>(&self, tag: &SideTag<T>) -> Slot<T> {
        let mut sides = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(side) = sides.iter().find(|side| side.name() == tag.name) {
            let slot = side.slot().downcast_ref::<Slot<T>>();
            return slot
                .unwrap_or_else(|| panic!("there are two side outputs {:?}, of different types", tag.name))
                .clone();
        }
        let slot = Slot::new();
        sides.push(Box::new(Side {
            tag: *tag,
            slot: slot.clone(),
        }));
        slot
    }

    /// The ways to all who read.
    pub(crate) fn ways(&self) -> Vec<Box<dyn AnySideWay>> {
        let sides = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sides
            .iter()
            .map(|side| side.way())
            .filter(|way| way.is_taken())
            .collect()
    }
}

/// The side outputs of one actor.
#[derive(Default)]
pub(crate) struct SideLanes(Vec<Box<dyn AnySideLane>>);

impl SideLanes {
    pub(crate) fn new(lanes: Vec<Box<dyn AnySideLane>>) -> Self {
        Self(lanes)
    }

    /// Puts a record to a tag; says whether anybody reads it.
    pub(crate) fn put<T: Send + 'static>(&mut self, tag: &SideTag<T>, record: T, time: Timestamp) -> bool {
        let Some(lane) = self.0.iter_mut().find(|lane| lane.name() == tag.name) else {
            return false;
        };
        let through = lane.lane().downcast_mut::<Through<T>>();
        through
            .unwrap_or_else(|| panic!("there are two side outputs {:?}, of different types", tag.name))
            .collect(record, time);
        true
    }

    pub(crate) fn each(&mut self) -> impl Iterator<Item = &mut Box<dyn AnySideLane>> {
        self.0.iter_mut()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Box<dyn AnySideLane>> {
        self.0.iter()
    }
}
