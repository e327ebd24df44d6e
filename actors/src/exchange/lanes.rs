//! To several actors of one stage: by key, in turn, or to all of them.

use super::collector::{Collector, Downstream, Flow, Wiring};
use super::outlet::Outlet;
use super::routes::{Change, Routes, Table, owners};
use crate::element::{EdgeId, Element, Grant, Granted, KeySelector, Mark, Routed, Timed, Timestamp, key_group};
use potoroo_runtime::Recipient;
use std::sync::Arc;

/// To the partitions of a keyed stage.
pub(crate) struct KeyedTo<T, S> {
    /// All that there may ever be.
    pub(crate) partitions: Arc<[Recipient<Element<Routed<T>>>]>,
    pub(crate) selector: S,
    pub(crate) routes: Arc<Routes>,
}

impl<T, S: Clone> Clone for KeyedTo<T, S> {
    fn clone(&self) -> Self {
        Self {
            partitions: self.partitions.clone(),
            selector: self.selector.clone(),
            routes: self.routes.clone(),
        }
    }
}

pub(super) fn tell_all<I>(actors: &[Recipient<Element<I>>], element: impl Fn() -> Element<I>) {
    for actor in actors {
        actor.tell(element());
    }
}

pub(super) fn outlets<I: Send + 'static>(
    actors: &[Recipient<Element<I>>],
    edge: EdgeId,
    wiring: &mut Wiring,
) -> Vec<Outlet<I>> {
    actors
        .iter()
        .map(|actor| Outlet::new(actor.clone(), wiring.me(), wiring.next_lane(), edge))
        .collect()
}

impl<T, S> Downstream<T> for KeyedTo<T, S>
where
    T: Send + 'static,
    S: KeySelector<T>,
{
    type Collector = Exchange<T, S>;

    fn open(&self, edge: EdgeId) {
        self.routes.announced(edge);
        tell_all(&self.partitions, || Element::Open(edge));
    }

    fn idle(&self, edge: EdgeId) {
        self.routes.nobody_on(edge);
        tell_all(&self.partitions, || Element::Idle(edge));
    }

    fn close(&self, edge: EdgeId) {
        self.routes.nobody_on(edge);
        tell_all(&self.partitions, || Element::End(edge));
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Exchange<T, S> {
        let mut outlets = outlets(&self.partitions, edge, wiring);
        let joined = self.routes.join(edge, wiring.me(), outlets[0].lane());
        let active = owners(&joined.table);
        if joined.is_held {
            outlets.iter_mut().for_each(Outlet::hold);
        }
        Exchange {
            outlets,
            table: joined.table,
            active,
            selector: self.selector.clone(),
            routes: self.routes.clone(),
            edge,
            step: joined.step,
            watermark: None,
            is_idle: false,
            is_held: joined.is_held,
            is_ending: false,
            has_left: false,
        }
    }
}

/// Routes records to partitions by key.
#[derive(Debug)]
pub(crate) struct Exchange<T, S> {
    /// One for each partition that there may ever be.
    outlets: Vec<Outlet<Routed<T>>>,
    table: Table,
    /// The partitions that have groups; the others are not told about event time.
    active: Vec<u16>,
    selector: S,
    routes: Arc<Routes>,
    edge: EdgeId,
    /// How many steps of the routes have been made here.
    step: u64,
    /// What was last said about event time.
    watermark: Option<Timestamp>,
    is_idle: bool,
    /// Groups were under way when this producer connected, and are.
    is_held: bool,
    is_ending: bool,
    /// The end has been passed on.
    has_left: bool,
}

impl<T: Send + 'static, S> Exchange<T, S> {
    /// Looks what there is to do at the routes.
    fn look_at_routes(&mut self) {
        if let Some(change) = self.routes.change_since(self.step) {
            self.make(change);
        }
        if !self.routes.is_moving() {
            self.release();
        }
    }

    /// The step during which this producer connected is over.
    fn release(&mut self) {
        if std::mem::take(&mut self.is_held) {
            self.outlets.iter_mut().for_each(Outlet::release);
        }
    }

    /// Makes a step: from here on records go by the new table.
    fn make(&mut self, change: Change) {
        // It has begun, so the one before is over; and if its divide were held, nobody would ever get on.
        self.release();
        let before = std::mem::replace(&mut self.active, owners(&change.table));
        self.table = change.table;
        self.step = change.step;
        for partition in self.active.iter().filter(|now| before.binary_search(now).is_err()) {
            let outlet = &mut self.outlets[usize::from(*partition)];
            outlet.mark(self.watermark.map_or(Mark::Active, Mark::Watermark));
            if self.is_idle {
                outlet.mark(Mark::Idle);
            }
        }
        for partition in change.concerned.iter() {
            self.outlets[usize::from(*partition)].divide(self.step);
        }
    }

    /// Passes the end on once everything before it has been sent.
    fn leave_if_done(&mut self) {
        while self.is_ending && !self.has_left && self.outlets.iter().all(Outlet::is_empty) {
            match self.routes.leave(self.edge, self.step) {
                Some(change) => self.make(change),
                None => {
                    self.has_left = true;
                    self.outlets.iter_mut().for_each(Outlet::end);
                }
            }
        }
    }
}

impl<T: Send + 'static, S: Send + 'static> Flow for Exchange<T, S> {
    fn mark(&mut self, mark: Mark) {
        match mark {
            Mark::Watermark(time) => {
                self.watermark = self.watermark.max(Some(time));
                self.is_idle = false;
            }
            Mark::Idle => self.is_idle = true,
            Mark::Active => self.is_idle = false,
        }
        for partition in &self.active {
            self.outlets[usize::from(*partition)].mark(mark);
        }
    }

    #[inline]
    fn is_ready(&self) -> bool {
        self.outlets.iter().all(Outlet::is_ready)
    }

    fn flush(&mut self) {
        self.outlets.iter_mut().for_each(Outlet::flush);
        self.leave_if_done();
    }

    fn granted(&mut self, grant: Grant) -> Option<Grant> {
        let first = self.outlets.first()?.lane();
        let at = grant.lane.checked_sub(first).map_or(usize::MAX, |at| at as usize);
        match (self.outlets.get_mut(at), &grant.what) {
            (None, _) => Some(grant),
            (Some(outlet), Granted::Credit(_)) => outlet.granted(grant),
            (Some(_), Granted::News) => {
                self.look_at_routes();
                None
            }
            // No lane's.
            (Some(_), Granted::Silence) => Some(grant),
        }
    }

    fn end(&mut self) {
        self.is_ending = true;
        self.flush();
    }

    fn has_ended(&self) -> bool {
        self.has_left && self.outlets.iter().all(Outlet::has_ended)
    }

    fn batches_in_flight(&self) -> usize {
        self.outlets.iter().map(Outlet::batches_in_flight).sum()
    }
}

impl<T, S> Collector<T> for Exchange<T, S>
where
    T: Send + 'static,
    S: KeySelector<T>,
{
    #[inline]
    fn collect(&mut self, record: T, time: Timestamp) {
        let hash = self.selector.hash64(&record);
        let lane = self.table[key_group(hash).0 as usize];
        self.outlets[lane as usize].push(Routed { hash, time, record });
    }
}

/// What ways to several actors have in common, all of which are told everything.
macro_rules! flow_of_outlets {
    () => {
        fn mark(&mut self, mark: Mark) {
            self.outlets.iter_mut().for_each(|outlet| outlet.mark(mark));
        }

        #[inline]
        fn is_ready(&self) -> bool {
            self.outlets.iter().all(Outlet::is_ready)
        }

        fn flush(&mut self) {
            self.outlets.iter_mut().for_each(Outlet::flush);
        }

        fn granted(&mut self, grant: Grant) -> Option<Grant> {
            let first = self.outlets.first()?.lane();
            match grant
                .lane
                .checked_sub(first)
                .and_then(|at| self.outlets.get_mut(at as usize))
            {
                Some(outlet) => outlet.granted(grant),
                None => Some(grant),
            }
        }

        fn end(&mut self) {
            self.outlets.iter_mut().for_each(Outlet::end);
        }

        fn has_ended(&self) -> bool {
            self.outlets.iter().all(Outlet::has_ended)
        }

        fn batches_in_flight(&self) -> usize {
            self.outlets.iter().map(Outlet::batches_in_flight).sum()
        }
    };
}

pub(super) use flow_of_outlets;

/// To the actors of an unkeyed stage, a batch to each in turn.
pub(crate) struct InTurnTo<T> {
    pub(crate) actors: Arc<[Recipient<Element<Timed<T>>>]>,
}

impl<T> Clone for InTurnTo<T> {
    fn clone(&self) -> Self {
        Self {
            actors: self.actors.clone(),
        }
    }
}

impl<T: Send + 'static> Downstream<T> for InTurnTo<T> {
    type Collector = InTurn<T>;

    fn open(&self, edge: EdgeId) {
        tell_all(&self.actors, || Element::Open(edge));
    }

    fn idle(&self, edge: EdgeId) {
        tell_all(&self.actors, || Element::Idle(edge));
    }

    fn close(&self, edge: EdgeId) {
        tell_all(&self.actors, || Element::End(edge));
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> InTurn<T> {
        let outlets = outlets(&self.actors, edge, wiring);
        InTurn {
            // Producers begin at different actors, or the first would get all small batches.
            now: edge.start() % outlets.len(),
            outlets,
        }
    }
}

/// Deals batches out.
#[derive(Debug)]
pub(crate) struct InTurn<T> {
    outlets: Vec<Outlet<Timed<T>>>,
    now: usize,
}

impl<T: Send + 'static> Flow for InTurn<T> {
    flow_of_outlets!();
}

impl<T: Send + 'static> Collector<T> for InTurn<T> {
    #[inline]
    fn collect(&mut self, record: T, time: Timestamp) {
        if self.outlets[self.now].push(Timed { time, record }) {
            self.now = (self.now + 1) % self.outlets.len();
        }
    }
}
