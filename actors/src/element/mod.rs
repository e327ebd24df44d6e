//! What travels on an edge between two stages.
//!
//! An edge runs from one producing actor to one consuming actor and keeps its order: batches of records, each with what
//! is to be known after it (a watermark, idleness), then an end. A batch lives in a box that carries the way back to its
//! producer: the consumer returns credit and emptied buffer together, so a steady stream allocates nothing.

mod either;
mod key;
mod time;

pub use either::Either;
pub use key::{BorrowedKey, ByKey, ByRef, EitherBy, KEY_GROUPS, Key, KeyGroup, KeySelector, key_group};
pub use time::Timestamp;

use potoroo_runtime::Recipient;
use std::any::Any;

/// Names an edge; unique within a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeId {
    producer: u64,
    /// Which of several ways out of the producer: it may reach the same consumer on more than one.
    branch: u64,
}

/// How many ways one fork of a stream may have.
pub(crate) const BRANCHES_MAX: usize = 63;

impl EdgeId {
    pub(crate) const fn new(producer: u64) -> Self {
        Self { producer, branch: 0 }
    }

    /// Where to begin when there is a choice.
    pub(crate) fn start(self) -> usize {
        self.producer as usize
    }

    /// The edge on the way `index` of a fork.
    pub(crate) fn branch(self, index: usize) -> Self {
        debug_assert!(index < BRANCHES_MAX);
        Self {
            producer: self.producer,
            branch: self.branch * (BRANCHES_MAX as u64 + 1) + index as u64 + 1,
        }
    }
}

/// A record and its event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed<T> {
    /// When it happened; [`Timestamp::MIN`] in a stream without event time.
    pub time: Timestamp,
    /// The record.
    pub record: T,
}

/// A record on its way to the partition of its key.
#[derive(Clone, Copy, Debug)]
pub struct Routed<T> {
    /// The frozen 64-bit hash of the key.
    pub hash: u64,
    /// When it happened; [`Timestamp::MIN`] in a stream without event time.
    pub time: Timestamp,
    /// The record.
    pub record: T,
}

/// What is to be known at a place between two records of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// No record before this time is expected any more. A record at this time is.
    Watermark(Timestamp),
    /// For now nothing comes here, and nobody should wait for it.
    Idle,
    /// Something may come again.
    Active,
}

/// Records of one edge, in order, and what is to be known after them.
#[derive(Debug)]
pub struct Batch<I> {
    /// The records. May be none, when only the mark matters.
    pub items: Vec<I>,
    /// The producer routes by another table from here on: the number of the step.
    pub(crate) divide: Option<u64>,
    /// What is said after the records, and after the divide.
    pub(crate) mark: Option<Mark>,
    pub(crate) edge: EdgeId,
    /// Which of the producer's lanes this is, for the way back.
    pub(crate) lane: u32,
    /// To whom the credit and the emptied buffer go; set while the batch is under way.
    pub(crate) back: Option<Recipient<Grant>>,
}

impl<I: Send + 'static> Batch<I> {
    /// Drops what is left in the batch, and returns the credit and the buffer to the producer.
    pub fn done(mut self: Box<Self>) {
        self.items.clear();
        if let Some(back) = self.back.take() {
            let lane = self.lane;
            let what = Granted::Credit(self);
            back.tell(Grant { lane, what });
        }
    }
}

/// What a stage is told by the stages before it.
#[derive(Debug)]
pub enum Element<I> {
    /// An edge exists now: the stage does not end before this edge does.
    Open(EdgeId),
    /// Records, in order.
    Batch(Box<Batch<I>>),
    /// For now nothing comes on this edge.
    Idle(EdgeId),
    /// Nothing more comes on this edge.
    End(EdgeId),
}

/// A credit: the consumer has taken a batch in and the producer may send one more. Or word that the routes have changed.
#[derive(Debug)]
pub struct Grant {
    /// The lane that it is for.
    pub(crate) lane: u32,
    pub(crate) what: Granted,
}

/// What a producer is granted.
#[derive(Debug)]
pub(crate) enum Granted {
    /// The emptied batch, to be filled again.
    Credit(Box<dyn Any + Send>),
    /// There is something to be seen at the routes into the stage.
    News,
    /// The source may have been silent for long.
    Silence,
}

/// The hash of what is for all partitions and has no key. A key may have it too.
pub(crate) const FOR_ALL: u64 = 0;

/// What arrives at a stage, and may belong to a key group.
pub(crate) trait Grouped {
    /// Whether there are keys.
    const HAS_GROUPS: bool;

    /// The key group, if there are keys.
    fn group(&self) -> Option<KeyGroup>;

    /// Whether this seems to be for all partitions.
    fn is_for_all(&self) -> bool;
}

impl<T> Grouped for Routed<T> {
    const HAS_GROUPS: bool = true;

    fn group(&self) -> Option<KeyGroup> {
        Some(key_group(self.hash))
    }

    fn is_for_all(&self) -> bool {
        self.hash == FOR_ALL
    }
}

impl<T> Grouped for Timed<T> {
    const HAS_GROUPS: bool = false;

    fn group(&self) -> Option<KeyGroup> {
        None
    }

    fn is_for_all(&self) -> bool {
        false
    }
}
