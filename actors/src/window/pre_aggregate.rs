//! Aggregates that begin before the exchange.
//!
//! A producer keeps what it has seen of each key, and sends one part per key instead of each record: at the end of its turn,
//! before each mark, and when it holds as many keys as it may. So a part never waits, no watermark overtakes a record, and a hot
//! key costs the exchange a part per turn. The parts of a producer are combined in the order in which they were made.
//!
//! Windows cut event time into panes, and a part holds records of one pane only: then each window gets what it would have got
//! record by record. It lacks sessions and windows by count, for which single records matter.

use super::aggregate::Aggregate;
use super::spans::Grid;
use crate::element::{EdgeId, Grant, Key, KeySelector, Mark, Timestamp};
use crate::exchange::{Collector, Downstream, Flow, Wiring};
use std::fmt;
use std::marker::PhantomData;

/// What one producer has kept of some records of a key.
#[derive(Clone, Debug)]
pub struct Part<K, P> {
    hash: u64,
    /// Whose records.
    pub key: K,
    /// What was kept of them.
    pub partial: P,
}

/// Parts by their keys: the hash of a key was taken when the part was begun.
pub struct ByPart<K>(PhantomData<fn() -> K>);

impl<K> ByPart<K> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<K> Clone for ByPart<K> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<K> fmt::Debug for ByPart<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByPart<{}>", std::any::type_name::<K>())
    }
}

impl<K: Key, P> KeySelector<Part<K, P>> for ByPart<K> {
    type Key = K;

    #[inline]
    fn hash64(&self, part: &Part<K, P>) -> u64 {
        part.hash
    }

    #[inline]
    fn is_key(&self, part: &Part<K, P>, key: &K) -> bool {
        part.key == *key
    }

    #[inline]
    fn key(&self, part: &Part<K, P>) -> K {
        part.key.clone()
    }
}

/// The rest of an aggregate, behind the exchange: combines parts.
pub struct Combining<A, T> {
    pub(crate) aggregate: A,
    pub(crate) records: PhantomData<fn(T)>,
}

impl<A: Clone, T> Clone for Combining<A, T> {
    fn clone(&self) -> Self {
        Self {
            aggregate: self.aggregate.clone(),
            records: PhantomData,
        }
    }
}

impl<A: fmt::Debug, T> fmt::Debug for Combining<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Combining").field(&self.aggregate).finish()
    }
}

impl<K, T: 'static, A: Aggregate<T>> Aggregate<Part<K, A::Partial>> for Combining<A, T> {
    type Partial = A::Partial;
    type Output = A::Output;

    fn identity(&self) -> A::Partial {
        self.aggregate.identity()
    }

    #[inline]
    fn update(&self, partial: &mut A::Partial, part: Part<K, A::Partial>) {
        self.aggregate.combine(partial, &part.partial);
    }

    fn combine(&self, partial: &mut A::Partial, later: &A::Partial) {
        self.aggregate.combine(partial, later);
    }

    fn output(&self, partial: &A::Partial) -> A::Output {
        self.aggregate.output(partial)
    }
}

/// Windows whose records may be taken together pane by pane.
pub trait Panes: super::Windows {
    /// Where the panes begin.
    #[doc(hidden)]
    fn panes(&self) -> PaneGrid;
}

/// See [`Panes`].
#[derive(Clone, Copy, Debug)]
pub struct PaneGrid(pub(super) Grid);

/// The plan of a step that aggregates before the exchange.
pub(crate) struct PreAggregateTo<S, A, D, T> {
    pub(crate) selector: S,
    pub(crate) aggregate: A,
    /// Without, all of event time is one pane.
    pub(crate) panes: Option<PaneGrid>,
    pub(crate) keys_max: usize,
    pub(crate) next: D,
    pub(crate) records: PhantomData<fn(T)>,
}

impl<S: Clone, A: Clone, D: Clone, T> Clone for PreAggregateTo<S, A, D, T> {
    fn clone(&self) -> Self {
        Self {
            selector: self.selector.clone(),
            aggregate: self.aggregate.clone(),
            panes: self.panes,
            keys_max: self.keys_max,
            next: self.next.clone(),
            records: PhantomData,
        }
    }
}

impl<T, S, A, D> Downstream<T> for PreAggregateTo<S, A, D, T>
where
    T: Send + 'static,
    S: KeySelector<T>,
    A: Aggregate<T>,
    D: Downstream<Part<S::Key, A::Partial>>,
{
    type Collector = PreAggregating<S, A, D::Collector, S::Key, A::Partial>;

    fn open(&self, edge: EdgeId) {
        self.next.open(edge);
    }

    fn idle(&self, edge: EdgeId) {
        self.next.idle(edge);
    }

    fn close(&self, edge: EdgeId) {
        self.next.close(edge);
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Self::Collector {
        PreAggregating {
            selector: self.selector.clone(),
            aggregate: self.aggregate.clone(),
            panes: self.panes,
            keys_max: self.keys_max,
            kept: Vec::new(),
            places: vec![0; (2 * self.keys_max).next_power_of_two()].into(),
            next: self.next.connect(edge, wiring),
        }
    }
}

/// A part in the making.
struct Kept<K, P> {
    pane: Timestamp,
    /// The latest of its records'.
    time: Timestamp,
    /// Which of the places names it.
    place: usize,
    part: Part<K, P>,
}

/// See [`PreAggregateTo`].
pub(crate) struct PreAggregating<S, A, C, K, P> {
    selector: S,
    aggregate: A,
    panes: Option<PaneGrid>,
    keys_max: usize,
    /// In the order in which they were begun, so that no hash decides in which order they go.
    kept: Vec<Kept<K, P>>,
    /// By hash: one more than the index of a part, or 0; half of them at least are 0, so a search comes to an end.
    places: Box<[u32]>,
    next: C,
}

impl<S, A, C, K, P> PreAggregating<S, A, C, K, P>
where
    K: Send + 'static,
    P: Send + 'static,
    C: Collector<Part<K, P>>,
{
    /// Hands all parts on.
    fn give(&mut self) {
        for Kept { time, place, part, .. } in self.kept.drain(..) {
            self.places[place] = 0;
            self.next.collect(part, time);
        }
    }
}

impl<S, A, C, K, P> Flow for PreAggregating<S, A, C, K, P>
where
    S: Send + 'static,
    A: Send + 'static,
    K: Send + 'static,
    P: Send + 'static,
    C: Collector<Part<K, P>>,
{
    fn mark(&mut self, mark: Mark) {
        self.give();
        self.next.mark(mark);
    }

    #[inline]
    fn is_ready(&self) -> bool {
        self.next.is_ready()
    }

    fn flush(&mut self) {
        self.give();
        self.next.flush();
    }

    fn granted(&mut self, grant: Grant) -> Option<Grant> {
        self.next.granted(grant)
    }

    fn end(&mut self) {
        self.give();
        self.next.end();
    }

    fn has_ended(&self) -> bool {
        self.next.has_ended()
    }

    fn batches_in_flight(&self) -> usize {
        self.next.batches_in_flight()
    }
}

impl<T, S, A, C> Collector<T> for PreAggregating<S, A, C, S::Key, A::Partial>
where
    T: Send + 'static,
    S: KeySelector<T>,
    A: Aggregate<T>,
    C: Collector<Part<S::Key, A::Partial>>,
{
    #[inline]
    fn collect(&mut self, record: T, time: Timestamp) {
        let hash = self.selector.hash64(&record);
        let pane = self.panes.map_or(Timestamp::MIN, |panes| panes.0.at_or_before(time));
        let mask = self.places.len() - 1;
        // Panes follow each other on one key: they begin their search at places far apart.
        let mixed = hash
            ^ pane
                .nanos()
                .cast_unsigned()
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(32);
        let mut place = mixed as usize & mask;
        while let Some(index) = (self.places[place] as usize).checked_sub(1) {
            let kept = &mut self.kept[index];
            if kept.part.hash == hash && kept.pane == pane && self.selector.is_key(&record, &kept.part.key) {
                kept.time = kept.time.max(time);
                self.aggregate.update(&mut kept.part.partial, record);
                return;
            }
            place = (place + 1) & mask;
        }
        if self.kept.len() == self.keys_max {
            self.give();
            place = mixed as usize & mask;
        }
        let key = self.selector.key(&record);
        let mut partial = self.aggregate.identity();
        self.aggregate.update(&mut partial, record);
        self.kept.push(Kept {
            pane,
            time,
            place,
            part: Part { hash, key, partial },
        });
        self.places[place] = u32::try_from(self.kept.len()).expect("at most the keys that are allowed");
    }
}
