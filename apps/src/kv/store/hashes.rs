//! Commands on hashes.
//!
//! A hash that becomes empty is no key any more. It lacks floating-point sums, and walks through the fields.

use super::fields::{Field, Fields};
use super::number::{self, Digits};
use super::{Doing, Value};
use crate::kv::reply::{NOT_AN_INTEGER, Reply, WRONG_TYPE};
use potoroo_runtime::arena::{Arena, ArenaBox};

/// Calls `read` with the fields of the key, none if there is no key.
fn read(doing: &mut Doing<'_>, read: impl FnOnce(Option<&Fields>, &[&[u8]], &mut Reply<'_>)) {
    let value = doing.store.live(doing.key, doing.now_ms).map(|entry| &entry.value);
    match value {
        None => read(None, doing.words, &mut doing.reply),
        Some(Value::Hash(fields)) => read(Some(fields), doing.words, &mut doing.reply),
        Some(_) => doing.reply.error(WRONG_TYPE),
    }
}

/// Calls `change` with the fields of the key, which is made if there is none.
fn change(doing: &mut Doing<'_>, change: impl FnOnce(&mut Fields, &Arena, &[&[u8]], &mut Reply<'_>)) {
    let (entry, arena, _) = doing.store.live_or_insert(doing.key, doing.now_ms, |arena| {
        Value::Hash(ArenaBox::new_in(Fields::new_in(arena), arena))
    });
    match &mut entry.value {
        Value::Hash(fields) => change(fields, arena, doing.words, &mut doing.reply),
        _ => doing.reply.error(WRONG_TYPE),
    }
}

pub(super) fn set(doing: &mut Doing<'_>, only_ok: bool) {
    if !doing.words.len().is_multiple_of(2) {
        let command = if only_ok { "hmset" } else { "hset" };
        return doing
            .reply
            .error(&format!("ERR wrong number of arguments for '{command}' command"));
    }
    change(doing, |fields, arena, words, reply| {
        let pairs = words.chunks_exact(2);
        let new = pairs.filter(|pair| fields.set(pair[0], pair[1], arena)).count();
        if only_ok {
            reply.ok();
        } else {
            reply.count(new);
        }
    });
}

pub(super) fn set_nx(doing: &mut Doing<'_>) {
    change(doing, |fields, arena, words, reply| {
        let new = fields.get(words[0]).is_none();
        if new {
            fields.set(words[0], words[1], arena);
        }
        reply.integer(i64::from(new));
    });
}

/// A value, or that there is none.
fn write(fields: Option<&Fields>, name: &[u8], reply: &mut Reply<'_>) {
    match fields.and_then(|fields| fields.get(name)) {
        Some(value) => reply.bulk(value),
        None => reply.null(),
    }
}

pub(super) fn get(doing: &mut Doing<'_>) {
    read(doing, |fields, words, reply| write(fields, words[0], reply));
}

pub(super) fn get_many(doing: &mut Doing<'_>) {
    read(doing, |fields, words, reply| {
        reply.array(words.len());
        for name in words {
            write(fields, name, reply);
        }
    });
}

pub(super) fn del(doing: &mut Doing<'_>) {
    let fields = match doing.store.live(doing.key, doing.now_ms).map(|entry| &mut entry.value) {
        None => return doing.reply.integer(0),
        Some(Value::Hash(fields)) => fields,
        Some(_) => return doing.reply.error(WRONG_TYPE),
    };
    let removed = doing.words.iter().filter(|name| fields.remove(name)).count();
    if fields.is_empty() {
        doing.store.remove(doing.key, doing.now_ms);
    }
    doing.reply.count(removed);
}

pub(super) fn get_all(doing: &mut Doing<'_>) {
    read(doing, |fields, _, reply| {
        reply.map(fields.map_or(0, Fields::len));
        for Field { name, value } in fields.into_iter().flat_map(Fields::iter) {
            reply.bulk(name);
            reply.bulk(value);
        }
    });
}

pub(super) fn names(doing: &mut Doing<'_>) {
    read(doing, |fields, _, reply| {
        reply.array(fields.map_or(0, Fields::len));
        for field in fields.into_iter().flat_map(Fields::iter) {
            reply.bulk(&field.name);
        }
    });
}

pub(super) fn values(doing: &mut Doing<'_>) {
    read(doing, |fields, _, reply| {
        reply.array(fields.map_or(0, Fields::len));
        for field in fields.into_iter().flat_map(Fields::iter) {
            reply.bulk(&field.value);
        }
    });
}

pub(super) fn exists(doing: &mut Doing<'_>) {
    read(doing, |fields, words, reply| {
        let found = fields.is_some_and(|fields| fields.get(words[0]).is_some());
        reply.integer(i64::from(found));
    });
}

pub(super) fn len(doing: &mut Doing<'_>) {
    read(doing, |fields, _, reply| reply.count(fields.map_or(0, Fields::len)));
}

pub(super) fn incr_by(doing: &mut Doing<'_>) {
    let Some(delta) = number::parse(doing.words[1]) else {
        return doing.reply.error(NOT_AN_INTEGER);
    };
    // Looked at first, so that a failure makes no key.
    let old = match doing.store.live(doing.key, doing.now_ms).map(|entry| &entry.value) {
        None => Some(0),
        Some(Value::Hash(fields)) => fields.get(doing.words[0]).map_or(Some(0), |value| number::parse(value)),
        Some(_) => return doing.reply.error(WRONG_TYPE),
    };
    let Some(old) = old else {
        return doing.reply.error("ERR hash value is not an integer");
    };
    let Some(sum) = old.checked_add(delta) else {
        return doing.reply.error("ERR increment or decrement would overflow");
    };
    change(doing, |fields, arena, words, reply| {
        fields.set(words[0], number::digits(sum, &mut Digits::default()), arena);
        reply.integer(sum);
    });
}
