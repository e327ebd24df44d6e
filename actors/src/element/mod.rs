//! What travels on an edge between two stages.
//!
//! An edge runs from one producing actor to one consuming actor and keeps its order: batches of records, then an end.
//! Watermarks and barriers will travel in the same enum, in order with the batches. A batch carries the way back to its
//! producer, so that the consumer can return the credit together with the emptied buffer.

mod key;

pub use key::{KEY_GROUPS, Key, KeyGroup, key_group};

use potoroo_runtime::Recipient;

/// Names an edge; unique within a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeId(pub(crate) u64);

/// A record with its key and the hash that routed it.
#[derive(Clone, Debug)]
pub struct Keyed<K, T> {
    /// The frozen 64-bit hash of the key.
    pub hash: u64,
    /// Whose record this is.
    pub key: K,
    /// The record.
    pub record: T,
}

/// What a stage is told by the stages before it.
#[derive(Debug)]
pub enum Element<I> {
    /// An edge exists now: the stage does not end before this edge does.
    Open(EdgeId),
    /// Records, in order.
    Batch {
        /// The records.
        items: Vec<I>,
        /// To whom the credit and the emptied buffer go.
        back: Recipient<Grant<Vec<I>>>,
        /// Which of the producer's lanes this is, for the way back.
        lane: u32,
    },
    /// Nothing more comes on this edge.
    End(EdgeId),
}

/// A credit: the consumer has taken a batch in and the producer may send one more.
#[derive(Debug)]
pub struct Grant<X> {
    /// The lane that the credit is for.
    pub lane: u32,
    /// The emptied buffer, to be filled again.
    pub buffer: X,
}
