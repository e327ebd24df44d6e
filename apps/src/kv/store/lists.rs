//! Commands on lists.
//!
//! A list that becomes empty is no key any more. It lacks blocking, and changes in the middle.

use super::list::{End, List};
use super::number;
use super::{Doing, Value};
use crate::kv::reply::{NOT_AN_INTEGER, WRONG_TYPE};
use potoroo_runtime::arena::ArenaBox;

/// The list of the key: `None` if there is no key, an error if it holds something else.
fn list<'a>(doing: &'a mut Doing<'_>) -> Result<Option<&'a mut List>, ()> {
    match doing.store.live(doing.key, doing.now_ms).map(|entry| &mut entry.value) {
        None => Ok(None),
        Some(Value::List(list)) => Ok(Some(list)),
        Some(_) => Err(()),
    }
}

pub(super) fn push(doing: &mut Doing<'_>, end: End, only_old: bool) {
    if only_old && matches!(list(doing), Ok(None)) {
        return doing.reply.integer(0);
    }
    let (entry, arena, _) = doing.store.live_or_insert(doing.key, doing.now_ms, |arena| {
        Value::List(ArenaBox::new_in(List::new_in(arena), arena))
    });
    let Value::List(list) = &mut entry.value else {
        return doing.reply.error(WRONG_TYPE);
    };
    for word in doing.words {
        list.push(end, word, arena);
    }
    doing.reply.count(list.len());
}

pub(super) fn pop(doing: &mut Doing<'_>, end: End) {
    if doing.words.len() > 1 {
        let command = if end == End::Left { "lpop" } else { "rpop" };
        return doing
            .reply
            .error(&format!("ERR wrong number of arguments for '{command}' command"));
    }
    let count = match doing.words.first().map(|word| number::parse(word)) {
        None => None,
        Some(Some(count)) if count >= 0 => Some(usize::try_from(count).unwrap_or(usize::MAX)),
        Some(_) => return doing.reply.error("ERR value is out of range, must be positive"),
    };
    let slice = doing.store.slice(doing.key.hash);
    if slice.expiring > 0 {
        slice.expire(doing.key, doing.now_ms);
    }
    let (slice, arena) = slice.parts_mut();
    let list = match slice.find(doing.key).map(|entry| &mut entry.value) {
        None if count.is_none() => return doing.reply.null(),
        None => return doing.reply.null_array(),
        Some(Value::List(list)) => list,
        Some(_) => return doing.reply.error(WRONG_TYPE),
    };
    match count {
        None => match list.pop(end) {
            Some(blob) => doing.reply.bulk(&blob),
            None => doing.reply.null(),
        },
        Some(count) => {
            let count = count.min(list.len());
            doing.reply.array(count);
            for blob in std::iter::from_fn(|| list.pop(end)).take(count) {
                doing.reply.bulk(&blob);
            }
        }
    }
    if list.is_empty() {
        slice.remove(doing.key);
    } else {
        list.shrink(arena);
    }
}

pub(super) fn range(doing: &mut Doing<'_>) {
    let (Some(start), Some(stop)) = (number::parse(doing.words[0]), number::parse(doing.words[1])) else {
        return doing.reply.error(NOT_AN_INTEGER);
    };
    let list = match doing.store.live(doing.key, doing.now_ms).map(|entry| &entry.value) {
        None => return doing.reply.array(0),
        Some(Value::List(list)) => list,
        Some(_) => return doing.reply.error(WRONG_TYPE),
    };
    let len = list.len() as i64;
    let from_left = |index: i64| if index < 0 { index.saturating_add(len) } else { index };
    let start = from_left(start).max(0);
    let stop = from_left(stop).min(len - 1);
    if start > stop {
        return doing.reply.array(0);
    }
    doing.reply.array((stop - start + 1) as usize);
    for index in start..=stop {
        doing.reply.bulk(list.get(index as usize).unwrap_or_default());
    }
}

pub(super) fn index(doing: &mut Doing<'_>) {
    let list = match doing.store.live(doing.key, doing.now_ms).map(|entry| &entry.value) {
        None => return doing.reply.null(),
        Some(Value::List(list)) => list,
        Some(_) => return doing.reply.error(WRONG_TYPE),
    };
    let Some(index) = number::parse(doing.words[0]) else {
        return doing.reply.error(NOT_AN_INTEGER);
    };
    let index = if index < 0 {
        index.saturating_add(list.len() as i64)
    } else {
        index
    };
    match usize::try_from(index).ok().and_then(|index| list.get(index)) {
        Some(bytes) => doing.reply.bulk(bytes),
        None => doing.reply.null(),
    }
}

pub(super) fn len(doing: &mut Doing<'_>) {
    match list(doing).map(|list| list.map_or(0, |list| list.len())) {
        Ok(len) => doing.reply.count(len),
        Err(()) => doing.reply.error(WRONG_TYPE),
    }
}
