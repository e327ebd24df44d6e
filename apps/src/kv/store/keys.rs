//! Commands on keys of any kind, and on all of them.
//!
//! `KEYS` and `SCAN` do not see keys whose time is up; `DBSIZE` counts them until they are removed, as Redis does. What
//! spans shards is put together by the connection, from parts that are written as bare numbers of 8 bytes.

use super::scan::Scan;
use super::{Doing, NEVER, is, number};
use crate::kv::glob;
use crate::kv::reply::NOT_AN_INTEGER;

/// Writes one part of a sum.
fn part(doing: &mut Doing<'_>, number: i64) {
    doing.reply.out.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn del(doing: &mut Doing<'_>) {
    let removed = doing.store.remove(doing.key, doing.now_ms);
    doing.reply.integer(i64::from(removed));
}

pub(super) fn del_one(doing: &mut Doing<'_>) {
    let removed = doing.store.remove(doing.key, doing.now_ms);
    part(doing, i64::from(removed));
}

pub(super) fn exists(doing: &mut Doing<'_>) {
    let exists = doing.store.live(doing.key, doing.now_ms).is_some();
    doing.reply.integer(i64::from(exists));
}

pub(super) fn exists_one(doing: &mut Doing<'_>) {
    let exists = doing.store.live(doing.key, doing.now_ms).is_some();
    part(doing, i64::from(exists));
}

/// When `EXPIRE` is to change anything.
#[derive(Default)]
struct Conditions {
    none: bool,
    some: bool,
    later: bool,
    earlier: bool,
}

impl Conditions {
    /// Whether a deadline may go from `old_ms` to `new_ms`. No deadline is the latest of all.
    fn hold(&self, old_ms: u64, new_ms: u64) -> bool {
        !(self.none && old_ms != NEVER
            || self.some && old_ms == NEVER
            || self.later && new_ms <= old_ms
            || self.earlier && new_ms >= old_ms)
    }
}

pub(super) fn expire(doing: &mut Doing<'_>, unit_ms: i64, absolute: bool) {
    let mut only = Conditions::default();
    for word in &doing.words[1..] {
        match *word {
            word if is(word, "NX") => only.none = true,
            word if is(word, "XX") => only.some = true,
            word if is(word, "GT") => only.later = true,
            word if is(word, "LT") => only.earlier = true,
            word => return doing.reply.error_bytes(&[b"ERR Unsupported option ", word]),
        }
    }
    if only.none && (only.some || only.later || only.earlier) {
        return doing
            .reply
            .error("ERR NX and XX, GT or LT options at the same time are not compatible");
    }
    if only.later && only.earlier {
        return doing
            .reply
            .error("ERR GT and LT options at the same time are not compatible");
    }
    let Some(number) = number::parse(doing.words[0]) else {
        return doing.reply.error(NOT_AN_INTEGER);
    };
    let from = if absolute { 0 } else { doing.now_ms as i64 };
    let Some(due_ms) = number.checked_mul(unit_ms).and_then(|ms| ms.checked_add(from)) else {
        let command = match (unit_ms, absolute) {
            (1, false) => "pexpire",
            (1, true) => "pexpireat",
            (_, false) => "expire",
            (_, true) => "expireat",
        };
        return doing
            .reply
            .error(&format!("ERR invalid expire time in '{command}' command"));
    };
    // A moment in the past, even before 1970, is one at which the key is gone.
    let due_ms = due_ms.max(0) as u64;
    let held = match doing.store.live(doing.key, doing.now_ms) {
        Some(entry) => only.hold(entry.deadline_ms, due_ms),
        None => false,
    };
    if held {
        if due_ms <= doing.now_ms {
            doing.store.remove(doing.key, doing.now_ms);
        } else {
            doing.store.set_deadline(doing.key, due_ms);
        }
    }
    doing.reply.integer(i64::from(held));
}

pub(super) fn ttl(doing: &mut Doing<'_>, unit_ms: u64, absolute: bool) {
    let left = match doing.store.live(doing.key, doing.now_ms) {
        None => -2,
        Some(entry) if entry.deadline_ms == NEVER => -1,
        // A moment is cut to seconds, a time is rounded.
        Some(entry) if absolute => (entry.deadline_ms / unit_ms) as i64,
        Some(entry) => ((entry.deadline_ms - doing.now_ms + unit_ms / 2) / unit_ms) as i64,
    };
    doing.reply.integer(left);
}

pub(super) fn persist(doing: &mut Doing<'_>) {
    let had = doing
        .store
        .live(doing.key, doing.now_ms)
        .is_some_and(|entry| entry.deadline_ms != NEVER);
    if had {
        doing.store.set_deadline(doing.key, NEVER);
    }
    doing.reply.integer(i64::from(had));
}

pub(super) fn type_of(doing: &mut Doing<'_>) {
    let name = doing
        .store
        .live(doing.key, doing.now_ms)
        .map_or("none", |entry| entry.value.type_name());
    doing.reply.simple(name);
}

pub(super) fn all(doing: &mut Doing<'_>) {
    let pattern = doing.key.bytes;
    let at = doing.reply.out.len();
    part(doing, 0);
    let mut found: i64 = 0;
    for slice in &doing.store.slices {
        for entry in slice.entries.iter() {
            if entry.deadline_ms > doing.now_ms && glob::matches(pattern, &entry.key) {
                doing.reply.bulk(&entry.key);
                found += 1;
            }
        }
    }
    doing.reply.out[at..at + 8].copy_from_slice(&found.to_le_bytes());
}

pub(super) fn scan(doing: &mut Doing<'_>) {
    match Scan::parse(doing.key.bytes, doing.words) {
        Ok(scan) => scan.run(doing.store, doing.now_ms, &mut doing.reply),
        Err(error) => doing.reply.error(error),
    }
}

pub(super) fn held(doing: &mut Doing<'_>) {
    let held = doing.store.held();
    for number in [held.keys, held.expiring, held.used_bytes, held.reserved_bytes] {
        part(doing, number as i64);
    }
}
