//! Where a producing actor puts its records, and how such places are made.
//!
//! A [`Collector`] belongs to one producing actor. Stateless steps are collectors that pass on to another one, composed
//! at compile time: a fused chain is one loop without calls through pointers. A [`Downstream`] is the plan of one: it
//! knows the actors of the next stage, and each producer connects to get a collector of its own.

use super::outlet::Outlet;
use crate::element::{EdgeId, Element, Grant, KEY_GROUPS, Key, Keyed, key_group};
use potoroo_runtime::Recipient;
use std::sync::Arc;

/// Takes the records that one actor produces.
pub trait Collector<T>: Send + 'static {
    /// What comes back with a credit.
    type Buffer: Send + 'static;

    /// Takes one record.
    fn collect(&mut self, record: T);

    /// Whether more may come. A producer that finds this false finishes what it has begun and then waits for a grant.
    fn is_ready(&self) -> bool;

    /// Sends what has gathered; at the end of a turn.
    fn flush(&mut self);

    /// A credit came back.
    fn granted(&mut self, grant: Grant<Self::Buffer>);

    /// Nothing more comes.
    fn end(&mut self);

    /// Whether the end has been sent on every edge.
    fn has_ended(&self) -> bool;

    /// How many batches are under way or wait for credit.
    fn batches_in_flight(&self) -> usize;
}

/// The plan of a collector: each producer of a stage makes its own.
pub trait Downstream<T>: Clone + Send + Sync + 'static {
    type Collector: Collector<T>;

    /// Tells the next stage that an edge exists; before the producer starts.
    fn open(&self, edge: EdgeId);

    /// Tells the next stage that an edge which never had a producer is over.
    fn close(&self, edge: EdgeId);

    /// The collector of the producer that gets its grants at `me`.
    fn connect(&self, edge: EdgeId, me: Recipient<Grant<<Self::Collector as Collector<T>>::Buffer>>)
    -> Self::Collector;
}

/// To one actor: an unkeyed sink.
pub(crate) struct ToOne<T> {
    pub(crate) to: Recipient<Element<T>>,
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

    fn close(&self, edge: EdgeId) {
        self.to.tell(Element::End(edge));
    }

    fn connect(&self, edge: EdgeId, me: Recipient<Grant<Vec<T>>>) -> Outlet<T> {
        Outlet::new(self.to.clone(), me, 0, edge)
    }
}

impl<T: Send + 'static> Collector<T> for Outlet<T> {
    type Buffer = Vec<T>;

    #[inline]
    fn collect(&mut self, record: T) {
        self.push(record);
    }

    fn is_ready(&self) -> bool {
        Outlet::is_ready(self)
    }

    fn flush(&mut self) {
        Outlet::flush(self);
    }

    fn granted(&mut self, grant: Grant<Vec<T>>) {
        Outlet::granted(self, grant.buffer);
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

/// To the partitions of a keyed stage.
pub(crate) struct KeyedTo<K, T, F> {
    pub(crate) partitions: Arc<[Recipient<Element<Keyed<K, T>>>]>,
    pub(crate) key_of: F,
}

impl<K, T, F: Clone> Clone for KeyedTo<K, T, F> {
    fn clone(&self) -> Self {
        Self {
            partitions: self.partitions.clone(),
            key_of: self.key_of.clone(),
        }
    }
}

impl<K, T, F> Downstream<T> for KeyedTo<K, T, F>
where
    K: Key,
    T: Send + 'static,
    F: Fn(&T) -> K + Clone + Send + Sync + 'static,
{
    type Collector = Exchange<K, T, F>;

    fn open(&self, edge: EdgeId) {
        for partition in self.partitions.iter() {
            partition.tell(Element::Open(edge));
        }
    }

    fn close(&self, edge: EdgeId) {
        for partition in self.partitions.iter() {
            partition.tell(Element::End(edge));
        }
    }

    fn connect(&self, edge: EdgeId, me: Recipient<Grant<Vec<Keyed<K, T>>>>) -> Exchange<K, T, F> {
        let outlets: Vec<_> = (0..)
            .zip(self.partitions.iter())
            .map(|(lane, partition)| Outlet::new(partition.clone(), me.clone(), lane, edge))
            .collect();
        Exchange {
            lane_of: lanes_of_groups(outlets.len()),
            outlets,
            key_of: self.key_of.clone(),
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
pub(crate) struct Exchange<K, T, F> {
    outlets: Vec<Outlet<Keyed<K, T>>>,
    lane_of: Box<[u16]>,
    key_of: F,
}

impl<K, T, F> Collector<T> for Exchange<K, T, F>
where
    K: Key,
    T: Send + 'static,
    F: Fn(&T) -> K + Send + 'static,
{
    type Buffer = Vec<Keyed<K, T>>;

    #[inline]
    fn collect(&mut self, record: T) {
        let key = (self.key_of)(&record);
        let hash = key.hash64();
        let lane = self.lane_of[key_group(hash).0 as usize];
        self.outlets[lane as usize].push(Keyed { hash, key, record });
    }

    fn is_ready(&self) -> bool {
        self.outlets.iter().all(Outlet::is_ready)
    }

    fn flush(&mut self) {
        self.outlets.iter_mut().for_each(Outlet::flush);
    }

    fn granted(&mut self, grant: Grant<Self::Buffer>) {
        self.outlets[grant.lane as usize].granted(grant.buffer);
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
