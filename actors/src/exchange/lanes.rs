//! To several actors of one stage: by key, in turn, or to all of them.

use super::collector::{Collector, Downstream, Flow, Wiring};
use super::outlet::Outlet;
use crate::element::{
    EdgeId, Either, Element, Grant, KEY_GROUPS, KeySelector, Mark, Routed, Timed, Timestamp, key_group,
};
use potoroo_runtime::Recipient;
use std::sync::Arc;

/// To the partitions of a keyed stage.
pub(crate) struct KeyedTo<T, S> {
    pub(crate) partitions: Arc<[Recipient<Element<Routed<T>>>]>,
    pub(crate) selector: S,
}

impl<T, S: Clone> Clone for KeyedTo<T, S> {
    fn clone(&self) -> Self {
        Self {
            partitions: self.partitions.clone(),
            selector: self.selector.clone(),
        }
    }
}

fn tell_all<I>(actors: &[Recipient<Element<I>>], element: impl Fn() -> Element<I>) {
    for actor in actors {
        actor.tell(element());
    }
}

fn outlets<I: Send + 'static>(actors: &[Recipient<Element<I>>], edge: EdgeId, wiring: &mut Wiring) -> Vec<Outlet<I>> {
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
        tell_all(&self.partitions, || Element::Open(edge));
    }

    fn idle(&self, edge: EdgeId) {
        tell_all(&self.partitions, || Element::Idle(edge));
    }

    fn close(&self, edge: EdgeId) {
        tell_all(&self.partitions, || Element::End(edge));
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Exchange<T, S> {
        let outlets = outlets(&self.partitions, edge, wiring);
        Exchange {
            lane_of: lanes_of_groups(outlets.len()),
            outlets,
            selector: self.selector.clone(),
        }
    }
}

/// Which partition owns which key group: contiguous ranges that differ by at most one group.
fn lanes_of_groups(partitions: usize) -> Box<[u16]> {
    (0..KEY_GROUPS)
        .map(|group| u16::try_from(group * partitions / KEY_GROUPS).expect("at most KEY_GROUPS partitions"))
        .collect()
}

/// Routes records to partitions by key.
#[derive(Debug)]
pub(crate) struct Exchange<T, S> {
    outlets: Vec<Outlet<Routed<T>>>,
    lane_of: Box<[u16]>,
    selector: S,
}

/// What all ways to several actors have in common.
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

impl<T: Send + 'static, S: Send + 'static> Flow for Exchange<T, S> {
    flow_of_outlets!();
}

impl<T, S> Collector<T> for Exchange<T, S>
where
    T: Send + 'static,
    S: KeySelector<T>,
{
    #[inline]
    fn collect(&mut self, record: T, time: Timestamp) {
        let hash = self.selector.hash64(&record);
        let lane = self.lane_of[key_group(hash).0 as usize];
        self.outlets[lane as usize].push(Routed { hash, time, record });
    }
}

/// To the partitions of a stage that also hears a broadcast: records by key.
pub(crate) struct BesideTo<T, C, S> {
    pub(crate) partitions: Arc<[Recipient<Element<Routed<Either<T, C>>>>]>,
    pub(crate) selector: S,
}

impl<T, C, S: Clone> Clone for BesideTo<T, C, S> {
    fn clone(&self) -> Self {
        Self {
            partitions: self.partitions.clone(),
            selector: self.selector.clone(),
        }
    }
}

impl<T, C, S> Downstream<T> for BesideTo<T, C, S>
where
    T: Send + 'static,
    C: Send + 'static,
    S: KeySelector<T>,
{
    type Collector = Beside<T, C, S>;

    fn open(&self, edge: EdgeId) {
        tell_all(&self.partitions, || Element::Open(edge));
    }

    fn idle(&self, edge: EdgeId) {
        tell_all(&self.partitions, || Element::Idle(edge));
    }

    fn close(&self, edge: EdgeId) {
        tell_all(&self.partitions, || Element::End(edge));
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Beside<T, C, S> {
        let outlets = outlets(&self.partitions, edge, wiring);
        Beside {
            lane_of: lanes_of_groups(outlets.len()),
            outlets,
            selector: self.selector.clone(),
        }
    }
}

/// Routes records to partitions by key, as the left of two.
#[derive(Debug)]
pub(crate) struct Beside<T, C, S> {
    outlets: Vec<Outlet<Routed<Either<T, C>>>>,
    lane_of: Box<[u16]>,
    selector: S,
}

impl<T: Send + 'static, C: Send + 'static, S: Send + 'static> Flow for Beside<T, C, S> {
    flow_of_outlets!();
}

impl<T, C, S> Collector<T> for Beside<T, C, S>
where
    T: Send + 'static,
    C: Send + 'static,
    S: KeySelector<T>,
{
    #[inline]
    fn collect(&mut self, record: T, time: Timestamp) {
        let hash = self.selector.hash64(&record);
        let lane = self.lane_of[key_group(hash).0 as usize];
        let record = Either::Left(record);
        self.outlets[lane as usize].push(Routed { hash, time, record });
    }
}

/// To all partitions of a stage: each record to each of them, as the right of two.
pub(crate) struct BroadcastTo<T, C> {
    pub(crate) partitions: Arc<[Recipient<Element<Routed<Either<T, C>>>>]>,
}

impl<T, C> Clone for BroadcastTo<T, C> {
    fn clone(&self) -> Self {
        Self {
            partitions: self.partitions.clone(),
        }
    }
}

impl<T: Send + 'static, C: Clone + Send + 'static> Downstream<C> for BroadcastTo<T, C> {
    type Collector = Broadcast<T, C>;

    fn open(&self, edge: EdgeId) {
        tell_all(&self.partitions, || Element::Open(edge));
    }

    fn idle(&self, edge: EdgeId) {
        tell_all(&self.partitions, || Element::Idle(edge));
    }

    fn close(&self, edge: EdgeId) {
        tell_all(&self.partitions, || Element::End(edge));
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Broadcast<T, C> {
        Broadcast {
            outlets: outlets(&self.partitions, edge, wiring),
        }
    }
}

/// Copies each record to all partitions. Each has credits of its own, so the slowest sets the pace.
#[derive(Debug)]
pub(crate) struct Broadcast<T, C> {
    outlets: Vec<Outlet<Routed<Either<T, C>>>>,
}

impl<T: Send + 'static, C: Send + 'static> Flow for Broadcast<T, C> {
    flow_of_outlets!();
}

impl<T: Send + 'static, C: Clone + Send + 'static> Collector<C> for Broadcast<T, C> {
    fn collect(&mut self, record: C, time: Timestamp) {
        let Some((last, others)) = self.outlets.split_last_mut() else {
            return;
        };
        let routed = |record| Routed {
            hash: 0,
            time,
            record: Either::Right(record),
        };
        for outlet in others {
            outlet.push(routed(record.clone()));
        }
        last.push(routed(record));
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_groups_are_spread_evenly_and_in_order() {
        for partitions in [1, 2, 3, 7, 1024] {
            let lanes = lanes_of_groups(partitions);
            assert!(lanes.is_sorted());
            for partition in 0..partitions {
                let owned = lanes.iter().filter(|lane| **lane as usize == partition).count();
                let even = KEY_GROUPS / partitions;
                assert!(
                    owned == even || owned == even + 1,
                    "{partition} of {partitions}: {owned}"
                );
            }
        }
    }
}
