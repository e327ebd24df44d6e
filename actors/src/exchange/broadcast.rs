//! To the partitions of a stage that hears two streams: one by key, the other whole in each partition.

use super::collector::{Collector, Downstream, Flow, Wiring};
use super::lanes::{flow_of_outlets, outlets, tell_all};
use super::outlet::Outlet;
use super::routes::{Table, even_table};
use crate::element::{EdgeId, Either, Element, FOR_ALL, Grant, KeySelector, Mark, Routed, Timestamp, key_group};
use potoroo_runtime::Recipient;
use std::sync::Arc;

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
            table: even_table(outlets.len()),
            outlets,
            selector: self.selector.clone(),
        }
    }
}

/// Routes records to partitions by key, as the left of two.
#[derive(Debug)]
pub(crate) struct Beside<T, C, S> {
    outlets: Vec<Outlet<Routed<Either<T, C>>>>,
    table: Table,
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
        let lane = self.table[key_group(hash).0 as usize];
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
            hash: FOR_ALL,
            time,
            record: Either::Right(record),
        };
        for outlet in others {
            outlet.push(routed(record.clone()));
        }
        last.push(routed(record));
    }
}
