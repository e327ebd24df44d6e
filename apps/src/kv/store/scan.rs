//! `SCAN`: a walk through the keys, some at a time, that needs no memory between its steps.
//!
//! The keys of a slice are taken in the order of the lower half of their hashes, a range of it at a time. So a cursor is
//! shard, slice and where the next range begins, and a key that is there all the time is seen exactly once, however the
//! tables grow meanwhile. A step looks at all keys of a slice and gives back at least a 64th of them: with many keys,
//! more than `COUNT` asks for.

use super::{SLICES, Store, hash, is, number};
use crate::kv::glob;
use crate::kv::reply::{NOT_AN_INTEGER, Reply, SYNTAX};

/// In how many ranges a slice is cut at most.
const RANGES_MAX: usize = 64;

/// The positions of a slice.
const POSITIONS: u64 = 1 << 32;

const SLICE_BITS: u32 = SLICES.trailing_zeros();

/// The shard that a cursor points into, if it is a cursor.
pub fn shard_of_cursor(cursor: &[u8]) -> Option<usize> {
    Some((parse(cursor)? >> (32 + SLICE_BITS)) as usize)
}

fn parse(cursor: &[u8]) -> Option<u64> {
    // Cursors are never negative, and ours never as large as half of what fits.
    match number::parse(cursor) {
        Some(number) => u64::try_from(number).ok(),
        None => std::str::from_utf8(cursor).ok()?.parse().ok(),
    }
}

/// What a step is asked to do.
pub(super) struct Scan<'a> {
    slice: usize,
    from: u64,
    count: usize,
    pattern: Option<&'a [u8]>,
    type_name: Option<&'a [u8]>,
}

impl<'a> Scan<'a> {
    pub(super) fn parse(cursor: &[u8], words: &[&'a [u8]]) -> Result<Self, &'static str> {
        let cursor = parse(cursor).ok_or("ERR invalid cursor")?;
        let mut scan = Self {
            slice: (cursor >> 32) as usize % SLICES,
            from: cursor % POSITIONS,
            count: 10,
            pattern: None,
            type_name: None,
        };
        let mut words = words.iter();
        while let Some(name) = words.next() {
            let value: &[u8] = words.next().ok_or(SYNTAX)?;
            match *name {
                name if is(name, "COUNT") => {
                    let count = number::parse(value).ok_or(NOT_AN_INTEGER)?;
                    scan.count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or(SYNTAX)?;
                }
                name if is(name, "MATCH") => scan.pattern = Some(value),
                name if is(name, "TYPE") => scan.type_name = Some(value),
                _ => return Err(SYNTAX),
            }
        }
        Ok(scan)
    }

    pub(super) fn run(mut self, store: &Store, now_ms: u64, reply: &mut Reply<'_>) {
        let mut found: Vec<&[u8]> = Vec::new();
        let mut seen = 0;
        while self.slice < SLICES && seen < self.count {
            let slice = &store.slices[self.slice];
            let len = slice.entries.len();
            let ranges = len.div_ceil(self.count).clamp(1, RANGES_MAX) as u64;
            let to = (self.from + POSITIONS.div_ceil(ranges)).min(POSITIONS);
            for entry in slice.entries.iter() {
                let position = hash(store.seed, &entry.key) % POSITIONS;
                if !(self.from..to).contains(&position) {
                    continue;
                }
                seen += 1;
                let wanted = entry.deadline_ms > now_ms
                    && self.pattern.is_none_or(|pattern| glob::matches(pattern, &entry.key))
                    && self
                        .type_name
                        .is_none_or(|name| name.eq_ignore_ascii_case(entry.value.type_name().as_bytes()));
                if wanted {
                    found.push(&entry.key);
                }
            }
            if to == POSITIONS {
                self.slice += 1;
                self.from = 0;
            } else {
                self.from = to;
            }
        }
        let (shard, slice) = match self.slice {
            SLICES => (store.index + 1, 0),
            slice => (store.index, slice),
        };
        let cursor = if shard == store.shards {
            0
        } else {
            (shard << SLICE_BITS | slice) as u64 * POSITIONS + self.from
        };
        reply.array(2);
        reply.bulk(number::digits(cursor as i64, &mut number::Digits::default()));
        reply.array(found.len());
        for key in found {
            reply.bulk(key);
        }
    }
}
