//! Commands on text.
//!
//! A number is text that is written the one way numbers are written. It lacks floating-point sums and ranges.

use super::number::{self, Digits};
use super::{Blob, Doing, Entry, NEVER, VALUE_BYTES_MAX, Value, is};
use crate::kv::reply::{NOT_AN_INTEGER, OVERFLOW, SYNTAX, WRONG_TYPE};

/// The text of the key: `None` if there is no key, an error if it holds something else.
fn text<'a>(doing: &'a mut Doing<'_>) -> Result<Option<&'a Blob>, ()> {
    match doing.store.live(doing.key, doing.now_ms) {
        None => Ok(None),
        Some(Entry {
            value: Value::Text(text),
            ..
        }) => Ok(Some(text)),
        Some(_) => Err(()),
    }
}

#[inline]
pub(super) fn get(doing: &mut Doing<'_>) {
    match doing.store.live(doing.key, doing.now_ms).map(|entry| &entry.value) {
        Some(Value::Text(text)) => doing.reply.bulk(text),
        None => doing.reply.null(),
        Some(_) => doing.reply.error(WRONG_TYPE),
    }
}

pub(super) fn get_one(doing: &mut Doing<'_>) {
    match doing.store.live(doing.key, doing.now_ms).map(|entry| &entry.value) {
        Some(Value::Text(text)) => doing.reply.bulk(text),
        _ => doing.reply.null(),
    }
}

/// Gives the key a value, with the deadline that it has or with none.
#[inline]
fn store(doing: &mut Doing<'_>, value: &[u8], keep_deadline: bool) {
    let (entry, arena, new) = doing
        .store
        .live_or_insert(doing.key, doing.now_ms, |arena| Value::Text(Blob::new_in(value, arena)));
    if new {
        return;
    }
    match &mut entry.value {
        Value::Text(text) => text.set(value, arena),
        other => *other = Value::Text(Blob::new_in(value, arena)),
    }
    if entry.deadline_ms != NEVER && !keep_deadline {
        doing.store.set_deadline(doing.key, NEVER);
    }
}

#[inline]
pub(super) fn set(doing: &mut Doing<'_>) {
    store(doing, doing.words[0], false);
    doing.reply.ok();
}

pub(super) fn set_one(doing: &mut Doing<'_>) {
    store(doing, doing.words[0], false);
}

/// A deadline from a word; the error is written.
fn deadline(doing: &mut Doing<'_>, word: &[u8], unit_ms: i64, absolute: bool, command: &str) -> Option<u64> {
    let Some(number) = number::parse(word) else {
        doing.reply.error(NOT_AN_INTEGER);
        return None;
    };
    let from = if absolute { 0 } else { doing.now_ms as i64 };
    let due = number.checked_mul(unit_ms).and_then(|ms| ms.checked_add(from));
    match due {
        Some(due_ms) if number > 0 => Some(due_ms as u64),
        _ => {
            doing
                .reply
                .error(&format!("ERR invalid expire time in '{command}' command"));
            None
        }
    }
}

/// The options of `SET`.
#[derive(Default)]
struct Options<'a> {
    only_new: bool,
    only_old: bool,
    get: bool,
    keep_deadline: bool,
    /// The number, its unit in ms, whether it is a moment.
    deadline: Option<(&'a [u8], i64, bool)>,
}

/// `None` if they do not go together.
fn options<'a>(words: &[&'a [u8]]) -> Option<Options<'a>> {
    let mut options = Options::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let unit = match word {
            word if is(word, "NX") && !options.only_old => {
                options.only_new = true;
                continue;
            }
            word if is(word, "XX") && !options.only_new => {
                options.only_old = true;
                continue;
            }
            word if is(word, "GET") => {
                options.get = true;
                continue;
            }
            word if is(word, "KEEPTTL") && options.deadline.is_none() => {
                options.keep_deadline = true;
                continue;
            }
            word if is(word, "EX") => (1000, false),
            word if is(word, "PX") => (1, false),
            word if is(word, "EXAT") => (1000, true),
            word if is(word, "PXAT") => (1, true),
            _ => return None,
        };
        if options.keep_deadline || options.deadline.is_some() {
            return None;
        }
        options.deadline = Some((words.next()?, unit.0, unit.1));
    }
    Some(options)
}

pub(super) fn set_with(doing: &mut Doing<'_>) {
    let value = doing.words[0];
    let Some(options) = options(&doing.words[1..]) else {
        return doing.reply.error(SYNTAX);
    };
    let deadline_ms = match options.deadline {
        None => None,
        Some((word, unit_ms, absolute)) => match deadline(doing, word, unit_ms, absolute, "set") {
            Some(deadline_ms) => Some(deadline_ms),
            None => return,
        },
    };
    if options.get {
        let before = doing.reply.out.len();
        get(doing);
        if doing.reply.out[before..].first() == Some(&b'-') {
            return;
        }
    }
    let exists = doing.store.live(doing.key, doing.now_ms).is_some();
    if (exists && options.only_new) || (!exists && options.only_old) {
        if !options.get {
            doing.reply.null();
        }
        return;
    }
    store(doing, value, options.keep_deadline);
    if let Some(deadline_ms) = deadline_ms {
        doing.store.set_deadline(doing.key, deadline_ms);
    }
    if !options.get {
        doing.reply.ok();
    }
}

pub(super) fn set_nx(doing: &mut Doing<'_>) {
    let exists = doing.store.live(doing.key, doing.now_ms).is_some();
    if !exists {
        store(doing, doing.words[0], false);
    }
    doing.reply.integer(i64::from(!exists));
}

pub(super) fn set_ex(doing: &mut Doing<'_>, unit_ms: i64, command: &str) {
    if let Some(deadline_ms) = deadline(doing, doing.words[0], unit_ms, false, command) {
        store(doing, doing.words[1], false);
        doing.store.set_deadline(doing.key, deadline_ms);
        doing.reply.ok();
    }
}

pub(super) fn get_set(doing: &mut Doing<'_>) {
    get(doing);
    if text(doing).is_ok() {
        store(doing, doing.words[0], false);
    }
}

pub(super) fn get_del(doing: &mut Doing<'_>) {
    get(doing);
    if text(doing).is_ok() {
        doing.store.remove(doing.key, doing.now_ms);
    }
}

pub(super) fn add(doing: &mut Doing<'_>, delta: i64) {
    let old = match text(doing) {
        Ok(None) => Some(0),
        Ok(Some(text)) => number::parse(text),
        Err(()) => return doing.reply.error(WRONG_TYPE),
    };
    let Some(old) = old else {
        return doing.reply.error(NOT_AN_INTEGER);
    };
    let Some(sum) = old.checked_add(delta) else {
        return doing.reply.error(OVERFLOW);
    };
    store(doing, number::digits(sum, &mut Digits::default()), true);
    doing.reply.integer(sum);
}

pub(super) fn incr_by(doing: &mut Doing<'_>) {
    match number::parse(doing.words[0]) {
        Some(delta) => add(doing, delta),
        None => doing.reply.error(NOT_AN_INTEGER),
    }
}

pub(super) fn decr_by(doing: &mut Doing<'_>) {
    match number::parse(doing.words[0]).map(i64::checked_neg) {
        Some(Some(delta)) => add(doing, delta),
        Some(None) => doing.reply.error("ERR decrement would overflow"),
        None => doing.reply.error(NOT_AN_INTEGER),
    }
}

pub(super) fn append(doing: &mut Doing<'_>) {
    let more = doing.words[0];
    let (entry, arena, new) = doing
        .store
        .live_or_insert(doing.key, doing.now_ms, |arena| Value::Text(Blob::new_in(more, arena)));
    let Value::Text(text) = &mut entry.value else {
        return doing.reply.error(WRONG_TYPE);
    };
    if text.len() + more.len() > VALUE_BYTES_MAX {
        return doing
            .reply
            .error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    }
    if !new {
        text.append(more, arena);
    }
    doing.reply.count(text.len());
}

pub(super) fn str_len(doing: &mut Doing<'_>) {
    match text(doing).map(|text| text.map_or(0, |text| text.len())) {
        Ok(len) => doing.reply.count(len),
        Err(()) => doing.reply.error(WRONG_TYPE),
    }
}
