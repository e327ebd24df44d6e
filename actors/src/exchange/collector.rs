//! Where a producing actor puts its records, and how such places are made.
//!
//! A [`Collector`] belongs to one producing actor. Stateless steps are collectors that pass on to another one, composed
//! at compile time: a fused chain is one loop without calls through pointers. A [`Downstream`] is the plan of one: it
//! knows the actors of the next stage, and each producer connects to get a collector of its own.

use crate::element::{EdgeId, Grant, Mark, Timed, Timestamp};
use potoroo_runtime::Recipient;

/// The way out of a producing actor, whatever it carries.
pub trait Flow: Send + 'static {
    /// Says something at this place of the stream.
    fn mark(&mut self, mark: Mark);

    /// Whether more may come. A producer that finds this false finishes what it has begun and then waits for a grant.
    fn is_ready(&self) -> bool;

    /// Sends what has gathered; at the end of a turn.
    fn flush(&mut self);

    /// A credit came back. Gives it back if it belongs to somebody else.
    fn granted(&mut self, grant: Grant) -> Option<Grant>;

    /// Nothing more comes.
    fn end(&mut self);

    /// Whether the end has been sent on every edge.
    fn has_ended(&self) -> bool;

    /// How many batches are under way or wait for credit.
    fn batches_in_flight(&self) -> usize;
}

/// Takes the records that one actor produces.
pub trait Collector<T>: Flow {
    /// Takes one record.
    fn collect(&mut self, record: T, time: Timestamp);

    /// Takes all records of a buffer, in order. One loop, whatever the collector: the call through a pointer, if there is
    /// one, is paid once.
    fn collect_all(&mut self, records: &mut Vec<Timed<T>>) {
        for Timed { time, record } in records.drain(..) {
            self.collect(record, time);
        }
    }
}

/// What the collectors of one producing actor share while they are made.
#[derive(Debug)]
pub struct Wiring {
    /// Where grants come back.
    me: Recipient<Grant>,
    lanes: u32,
}

impl Wiring {
    /// For the producer that gets its grants at `me`.
    pub fn new(me: Recipient<Grant>) -> Self {
        Self { me, lanes: 0 }
    }

    pub(super) fn me(&self) -> Recipient<Grant> {
        self.me.clone()
    }

    /// A number for one more lane of this producer.
    pub(super) fn next_lane(&mut self) -> u32 {
        self.lanes += 1;
        self.lanes - 1
    }
}

/// The plan of a collector: each producer of a stage makes its own.
pub trait Downstream<T>: Clone + Send + Sync + 'static {
    /// What it makes.
    type Collector: Collector<T>;

    /// Tells the next stage that an edge exists; before the producer starts.
    fn open(&self, edge: EdgeId);

    /// Tells the next stage that nothing comes on an edge that has no producer yet.
    fn idle(&self, edge: EdgeId);

    /// Tells the next stage that an edge which never had a producer is over.
    fn close(&self, edge: EdgeId);

    /// The collector of one producer.
    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Self::Collector;
}
