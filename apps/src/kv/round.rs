//! One round of a connection: what it asks of the shards, and the order in which the replies go out.
//!
//! Commands are gathered while the round before is under way, one batch for each shard, and items that say how the
//! replies interleave: so the shards work beside each other and the client sees one order. A reply that several shards
//! have a part in is summed up, or put together, when the walk through the items comes to it.

use super::batch::Batch;
use super::reply::{Reply, Version};
use super::store::{Held, Op};

/// How many numbers the parts of one sum have at most.
const SUMS: usize = 4;

/// One step of putting the replies together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    /// The next bytes of the round's own.
    Literal(u32),
    /// The next replies of a shard.
    Run { shard: u32, count: u32 },
    /// A part of a sum.
    Sum { shard: u32 },
    /// A number to sum, and a piece of an array.
    Piece { shard: u32 },
    /// The end of a sum.
    Finish(Finish, Version),
}

/// What becomes of the parts of several shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// A number.
    Integer,
    /// An array of the pieces.
    Array,
    /// The reply to `INFO`.
    Info(super::info::Sections),
}

/// How far the replies have been written.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// All.
    All,
    /// The batch of this shard has to be sent to it again first.
    Until(usize),
}

/// What a connection asks of the shards at once.
#[derive(Debug, Default)]
pub struct Round {
    items: Vec<Item>,
    literals: Vec<u8>,
    /// What has been counted as a literal item.
    literals_end: usize,
    /// By shard; those that are under way are not here.
    pub batches: Vec<Option<Box<Batch>>>,
    /// Where the walk is.
    at: usize,
    literals_at: usize,
    sums: [i64; SUMS],
    pieces: Vec<u8>,
}

impl Round {
    /// A round among so many shards.
    pub fn new(shards: usize) -> Self {
        Self {
            batches: std::iter::repeat_with(|| None).take(shards).collect(),
            ..Self::default()
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.literals.is_empty()
    }

    /// Replies that need no shard. [`write`](Self::write) puts them where they were asked for.
    #[inline]
    pub fn literals(&mut self) -> &mut Vec<u8> {
        &mut self.literals
    }

    /// Ends the literal that has been written, if any.
    #[inline]
    fn end_literal(&mut self) {
        let len = self.literals.len() - self.literals_end;
        if len > 0 {
            self.items.push(Item::Literal(len as u32));
            self.literals_end = self.literals.len();
        }
    }

    /// One reply more of `shard` is next.
    #[inline]
    pub fn expect(&mut self, shard: usize) {
        self.end_literal();
        let shard = shard as u32;
        match self.items.last_mut() {
            Some(Item::Run { shard: last, count }) if *last == shard => *count += 1,
            _ => self.items.push(Item::Run { shard, count: 1 }),
        }
    }

    /// A part of a sum of `shard` is next.
    pub fn expect_part(&mut self, shard: usize) {
        self.end_literal();
        self.items.push(Item::Sum { shard: shard as u32 });
    }

    /// A piece of an array of `shard` is next.
    pub fn expect_piece(&mut self, shard: usize) {
        self.end_literal();
        self.items.push(Item::Piece { shard: shard as u32 });
    }

    /// The parts are all there.
    pub fn finish(&mut self, finish: Finish, version: Version) {
        self.items.push(Item::Finish(finish, version));
    }

    /// How much it holds, as far as a limit is concerned.
    pub fn bytes(&self) -> usize {
        let requests: usize = self.batches.iter().flatten().map(|batch| batch.request_bytes()).sum();
        requests + self.literals.len() + self.items.len() * size_of::<Item>()
    }

    /// Writes the replies, as far as they are there. `info` makes the reply to `INFO`.
    pub fn write(&mut self, out: &mut Vec<u8>, info: impl Fn(super::info::Sections, Held) -> String) -> Written {
        self.end_literal();
        while let Some(item) = self.items.get(self.at).copied() {
            match item {
                Item::Literal(len) => {
                    let to = self.literals_at + len as usize;
                    out.extend_from_slice(&self.literals[self.literals_at..to]);
                    self.literals_at = to;
                }
                Item::Run { shard, count } => {
                    let Some(batch) = &mut self.batches[shard as usize] else {
                        return Written::Until(shard as usize);
                    };
                    let there = batch.replies_left().min(count as usize);
                    out.extend_from_slice(batch.next_replies(there));
                    if there < count as usize {
                        let left = count - there as u32;
                        self.items[self.at] = Item::Run { shard, count: left };
                        return Written::Until(shard as usize);
                    }
                }
                Item::Sum { shard } | Item::Piece { shard } => {
                    let Some(batch) = self.batches[shard as usize]
                        .as_mut()
                        .filter(|batch| batch.replies_left() > 0)
                    else {
                        return Written::Until(shard as usize);
                    };
                    let part = batch.next_replies(1);
                    if matches!(item, Item::Sum { .. }) {
                        for (sum, number) in self.sums.iter_mut().zip(part.as_chunks::<8>().0) {
                            *sum += i64::from_le_bytes(*number);
                        }
                    } else if let Some((number, piece)) = part.split_first_chunk::<8>() {
                        self.sums[0] += i64::from_le_bytes(*number);
                        self.pieces.extend_from_slice(piece);
                    }
                }
                Item::Finish(finish, version) => {
                    let sums = std::mem::take(&mut self.sums);
                    let mut reply = Reply::new(out, version);
                    match finish {
                        Finish::Integer => reply.integer(sums[0]),
                        Finish::Array => {
                            reply.array(sums[0] as usize);
                            out.append(&mut self.pieces);
                        }
                        Finish::Info(sections) => {
                            let [keys, expiring, used_bytes, reserved_bytes] = sums.map(|sum| sum as u64);
                            let held = Held {
                                keys,
                                expiring,
                                used_bytes,
                                reserved_bytes,
                            };
                            reply.verbatim(&info(sections, held));
                        }
                    }
                }
            }
            self.at += 1;
        }
        Written::All
    }

    /// Makes it as good as new; the batches stay.
    pub fn reset(&mut self) {
        self.items.clear();
        self.literals.clear();
        self.pieces.clear();
        self.items.shrink_to(1024);
        self.literals.shrink_to(64 * 1024);
        self.pieces.shrink_to(64 * 1024);
        (self.at, self.literals_at, self.literals_end) = (0, 0, 0);
        for batch in self.batches.iter_mut().flatten() {
            batch.reset();
        }
    }
}

/// An operation whose replies are parts of a whole.
pub fn part_of(op: Op) -> Op {
    match op {
        Op::Del => Op::DelOne,
        Op::Exists => Op::ExistsOne,
        other => other,
    }
}
