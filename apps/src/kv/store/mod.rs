//! The keys of one shard, what they hold, and when they expire.
//!
//! The state lies in [`SLICES`] parts, each with a table and an arena of its own, chosen by bits of the key's hash: a table
//! that grows, and an arena that is evacuated, hold up the shard for one slice's worth of work and no more. A key that
//! is past its deadline is gone for every command; it is removed when one comes upon it, or by [`Store::sweep`]. Time
//! comes from outside. It lacks eviction: what does not fit in memory is not taken.
//!
//! Commands are in the files `strings`, `keys`, `lists` and `hashes`; [`execute`] chooses.

mod blob;
mod fields;
mod hashes;
mod keys;
mod list;
mod lists;
mod op;
mod scan;
mod strings;

pub use blob::Blob;
pub use op::{Op, execute};
pub use scan::shard_of_cursor;

use super::number;
use super::reply::Reply;
use fields::Fields;
use list::List;
use potoroo_runtime::arena::{Arena, ArenaBox, ArenaTable, Evacuate, SubArena};
use potoroo_runtime::evacuate;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The parts of a shard.
pub const SLICES: usize = 256;

/// The deadline of a key that has none.
pub const NEVER: u64 = u64::MAX;

/// A value may not become longer, in bytes; Redis's `proto-max-bulk-len`.
pub const VALUE_BYTES_MAX: usize = 512 * 1024 * 1024;

/// A key with its hash, which is made once.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// The key.
    pub bytes: &'a [u8],
    /// [`hash`] of it.
    pub hash: u64,
}

/// The hash that chooses shard, slice and place. `seed` keeps others from knowing which keys meet.
#[inline]
pub fn hash(seed: u64, key: &[u8]) -> u64 {
    xxh3_64_with_seed(key, seed)
}

/// Which of `shards` a key of this hash is in.
#[inline]
pub fn shard_of(hash: u64, shards: usize) -> usize {
    // Bits that neither the choice of the slice nor the table looks at.
    (usize::from((hash >> 32) as u16) * shards) >> 16
}

#[inline]
fn slice_of(hash: u64) -> usize {
    usize::from((hash >> 48) as u8)
}

/// What a key holds.
#[derive(Debug)]
pub enum Value {
    /// Bytes, which may be a number.
    Text(Blob),
    /// A list.
    List(ArenaBox<List>),
    /// A hash.
    Hash(ArenaBox<Fields>),
}

impl Value {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Hash(_) => "hash",
        }
    }
}

impl Evacuate for Value {
    fn evacuate(&mut self, to: &Arena) {
        match self {
            Self::Text(text) => text.evacuate(to),
            Self::List(list) => list.evacuate(to),
            Self::Hash(fields) => fields.evacuate(to),
        }
    }
}

/// A key and what it holds.
#[derive(Debug)]
pub struct Entry {
    key: Blob,
    value: Value,
    /// When it expires, in ms since 1970.
    deadline_ms: u64,
}
evacuate!(Entry { key, value });

/// One part of a shard.
#[derive(Debug)]
struct Slice {
    /// In an arena of its own, which goes when the table grows; what the entries hold is in the slice's.
    entries: SubArena<ArenaTable<Entry>>,
    seed: u64,
    /// How many entries have a deadline.
    expiring: usize,
    /// Every deadline that was set, and the hash of its key; some have been changed since.
    deadlines: BinaryHeap<Reverse<(u64, u64)>>,
}

impl Evacuate for Slice {
    fn evacuate(&mut self, to: &Arena) {
        self.entries.iter_mut().for_each(|entry| entry.evacuate(to));
        if self.entries.len() < self.entries.capacity() / 8 {
            self.resize(to);
        }
    }
}

impl Slice {
    /// Makes room for one entry more. `arena` is any of the same actor.
    #[inline]
    fn reserve_one(&mut self, arena: &Arena) {
        if self.entries.len() == self.entries.capacity() {
            self.resize(arena);
        }
    }

    /// Moves the table to an arena of its own, with room for as many entries again.
    #[cold]
    fn resize(&mut self, arena: &Arena) {
        let seed = self.seed;
        let mut fresh = SubArena::new_in(arena, ArenaTable::new_in);
        let (table, to) = fresh.parts_mut();
        std::mem::swap(table, &mut *self.entries);
        table.move_to(to, (table.len() * 2).max(3), |entry| hash(seed, &entry.key));
        self.entries = fresh;
    }

    #[inline]
    fn find(&mut self, key: Key<'_>) -> Option<&mut Entry> {
        self.entries.find_mut(key.hash, |entry| *entry.key == *key.bytes)
    }

    fn remove(&mut self, key: Key<'_>) -> Option<Entry> {
        let removed = self.entries.remove(key.hash, |entry| *entry.key == *key.bytes)?;
        self.expiring -= usize::from(removed.deadline_ms != NEVER);
        Some(removed)
    }

    /// Removes the entry of `key` if its time is up.
    #[cold]
    fn expire(&mut self, key: Key<'_>, now_ms: u64) {
        if self.find(key).is_some_and(|entry| entry.deadline_ms <= now_ms) {
            self.remove(key);
        }
    }

    /// Notes a deadline that an entry has got; `expiring` counts it already.
    fn note_deadline(&mut self, deadline_ms: u64, hash: u64) {
        self.deadlines.push(Reverse((deadline_ms, hash)));
        if self.deadlines.len() > self.expiring * 2 + 64 {
            // More than half of them mean nothing any more.
            let seed = self.seed;
            let with_one = self.entries.iter().filter(|entry| entry.deadline_ms != NEVER);
            let noted: Vec<_> = with_one
                .map(|entry| Reverse((entry.deadline_ms, self::hash(seed, &entry.key))))
                .collect();
            self.deadlines = BinaryHeap::from(noted);
        }
    }

    fn set_deadline(&mut self, key: Key<'_>, deadline_ms: u64) {
        let Some(entry) = self.find(key) else {
            return;
        };
        let old_ms = std::mem::replace(&mut entry.deadline_ms, deadline_ms);
        self.expiring += usize::from(deadline_ms != NEVER);
        self.expiring -= usize::from(old_ms != NEVER);
        if deadline_ms != NEVER && deadline_ms != old_ms {
            self.note_deadline(deadline_ms, key.hash);
        }
    }
}

/// The keys of one shard.
#[derive(Debug)]
pub struct Store {
    arena: Arena,
    slices: Vec<SubArena<Slice>>,
    seed: u64,
    /// Which shard of how many this is.
    index: usize,
    shards: usize,
    /// The slice that is swept next.
    sweep_at: usize,
}
evacuate!(Store { arena, slices });

/// What a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Keys, those included that have expired and not been come upon.
    pub keys: u64,
    /// Keys with a deadline.
    pub expiring: u64,
    /// Bytes in use, dead ones included.
    pub used_bytes: u64,
    /// Bytes taken from the system.
    pub reserved_bytes: u64,
}

fn empty_slice(arena: &Arena, seed: u64) -> SubArena<Slice> {
    SubArena::new_in(arena, |arena| Slice {
        entries: SubArena::new_in(arena, ArenaTable::new_in),
        seed,
        expiring: 0,
        deadlines: BinaryHeap::new(),
    })
}

impl Store {
    /// The empty shard `index` of `shards`, for keys hashed with `seed`.
    pub fn new_in(arena: &Arena, seed: u64, index: usize, shards: usize) -> Self {
        Self {
            arena: arena.clone(),
            slices: (0..SLICES).map(|_| empty_slice(arena, seed)).collect(),
            seed,
            index,
            shards,
            sweep_at: 0,
        }
    }

    #[inline]
    fn slice(&mut self, hash: u64) -> &mut SubArena<Slice> {
        &mut self.slices[slice_of(hash)]
    }

    /// The entry of `key`, if there is one and its time is not up.
    #[inline]
    fn live(&mut self, key: Key<'_>, now_ms: u64) -> Option<&mut Entry> {
        let slice = self.slice(key.hash);
        if slice.expiring > 0 {
            slice.expire(key, now_ms);
        }
        slice.find(key)
    }

    /// The value of `key`, made by `make` if there is none, and the arena to build in. A new key has no deadline.
    #[inline]
    fn live_or_insert(
        &mut self,
        key: Key<'_>,
        now_ms: u64,
        make: impl FnOnce(&Arena) -> Value,
    ) -> (&mut Entry, &Arena, bool) {
        let slice = self.slice(key.hash);
        if slice.expiring > 0 {
            slice.expire(key, now_ms);
        }
        let (slice, arena) = slice.parts_mut();
        slice.reserve_one(arena);
        let seed = slice.seed;
        let mut new = false;
        let entry = slice.entries.find_or_insert_with(
            key.hash,
            |entry| *entry.key == *key.bytes,
            |entry| hash(seed, &entry.key),
            || {
                new = true;
                Entry {
                    key: Blob::new_in(key.bytes, arena),
                    value: make(arena),
                    deadline_ms: NEVER,
                }
            },
        );
        (entry, arena, new)
    }

    fn remove(&mut self, key: Key<'_>, now_ms: u64) -> bool {
        self.slice(key.hash)
            .remove(key)
            .is_some_and(|entry| entry.deadline_ms > now_ms)
    }

    fn set_deadline(&mut self, key: Key<'_>, deadline_ms: u64) {
        self.slice(key.hash).set_deadline(key, deadline_ms);
    }

    /// Removes at most `budget` keys whose time is up; says whether there are more of them.
    pub fn sweep(&mut self, now_ms: u64, budget: usize) -> bool {
        let mut left = budget;
        for _ in 0..SLICES {
            let slice = &mut self.slices[self.sweep_at];
            while let Some(Reverse((deadline_ms, hash))) = slice.deadlines.peek().copied()
                && deadline_ms <= now_ms
            {
                if left == 0 {
                    return true;
                }
                left -= 1;
                slice.deadlines.pop();
                // If the deadline has been changed since, this one means nothing.
                let due = slice.entries.remove(hash, |entry| entry.deadline_ms == deadline_ms);
                slice.expiring -= usize::from(due.is_some());
            }
            self.sweep_at = (self.sweep_at + 1) % SLICES;
        }
        false
    }

    /// What is held.
    pub fn held(&self) -> Held {
        let bytes = self.arena.owner_bytes();
        let deadlines: usize = self.slices.iter().map(|slice| slice.deadlines.capacity()).sum();
        let deadline_bytes = (deadlines * size_of::<(u64, u64)>()) as u64;
        Held {
            keys: self.slices.iter().map(|slice| slice.entries.len() as u64).sum(),
            expiring: self.slices.iter().map(|slice| slice.expiring as u64).sum(),
            used_bytes: bytes.used() + deadline_bytes,
            reserved_bytes: bytes.reserved + bytes.foreign + deadline_bytes,
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        for slice in &mut self.slices {
            if !slice.entries.is_empty() || !slice.deadlines.is_empty() {
                *slice = empty_slice(&self.arena, self.seed);
            }
        }
    }
}

/// One command on its way through a store.
struct Doing<'a> {
    store: &'a mut Store,
    key: Key<'a>,
    /// What follows the key.
    words: &'a [&'a [u8]],
    now_ms: u64,
    reply: Reply<'a>,
}

/// Whether `word` is `name`, which is in upper case.
fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod scan_tests;
#[cfg(test)]
mod tests;
