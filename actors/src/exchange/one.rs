//! To one actor: an unkeyed sink.

use super::collector::{Collector, Downstream, Flow, Wiring};
use super::outlet::Outlet;
use crate::element::{EdgeId, Element, Grant, Mark, Timestamp};
use potoroo_runtime::Recipient;

/// The way to one actor. Event time and marks stay behind: a record that needs its time at the end carries it.
#[derive(Debug)]
pub struct ToOne<T> {
    to: Recipient<Element<T>>,
}

impl<T> ToOne<T> {
    /// To the actor behind `to`.
    pub fn new(to: Recipient<Element<T>>) -> Self {
        Self { to }
    }
}

impl<T> Clone for ToOne<T> {
    fn clone(&self) -> Self {
        Self { to: self.to.clone() }
    }
}

impl<T: Send + 'static> Downstream<T> for ToOne<T> {
    type Collector = Outlet<T>;

    fn open(&self, edge: EdgeId) {
        self.to.tell(Element::Open(edge));
    }

    fn idle(&self, edge: EdgeId) {
        self.to.tell(Element::Idle(edge));
    }

    fn close(&self, edge: EdgeId) {
        self.to.tell(Element::End(edge));
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Outlet<T> {
        Outlet::new(self.to.clone(), wiring.me(), wiring.next_lane(), edge)
    }
}

impl<T: Send + 'static> Flow for Outlet<T> {
    fn mark(&mut self, _: Mark) {}

    #[inline]
    fn is_ready(&self) -> bool {
        Outlet::is_ready(self)
    }

    fn flush(&mut self) {
        Outlet::flush(self);
    }

    fn granted(&mut self, grant: Grant) -> Option<Grant> {
        Outlet::granted(self, grant)
    }

    fn end(&mut self) {
        Outlet::end(self);
    }

    fn has_ended(&self) -> bool {
        Outlet::has_ended(self)
    }

    fn batches_in_flight(&self) -> usize {
        Outlet::batches_in_flight(self)
    }
}

impl<T: Send + 'static> Collector<T> for Outlet<T> {
    #[inline]
    fn collect(&mut self, record: T, _: Timestamp) {
        self.push(record);
    }
}
