//! What can be done to a shard, and where it is done.
//!
//! The numbers of words have been checked before. It lacks what concerns no key: that is the connection's.

use super::list::End;
use super::{Doing, Key, Store, hashes, keys, lists, strings};
use crate::kv::reply::{Reply, Version};

/// An operation on one key, or on a whole shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the command of its name")]
pub enum Op {
    Get,
    /// One key of `MGET`: null for what is no text.
    GetOne,
    Set,
    /// `SET` with options.
    SetWith,
    /// One key of `MSET`: no reply.
    SetOne,
    SetNx,
    SetEx,
    PSetEx,
    GetSet,
    GetDel,
    Incr,
    IncrBy,
    Decr,
    DecrBy,
    Append,
    StrLen,
    Del,
    /// One key of several: its count as a part of a sum.
    DelOne,
    Exists,
    /// As `DelOne`.
    ExistsOne,
    Expire,
    PExpire,
    ExpireAt,
    PExpireAt,
    Ttl,
    PTtl,
    ExpireTime,
    PExpireTime,
    Persist,
    Type,
    LPush,
    RPush,
    LPushX,
    RPushX,
    LPop,
    RPop,
    LRange,
    LIndex,
    LLen,
    HSet,
    HMSet,
    HSetNx,
    HGet,
    HMGet,
    HDel,
    HGetAll,
    HKeys,
    HVals,
    HExists,
    HLen,
    HIncrBy,
    /// The keys that match a pattern, without the head of the array; their count as a part of a sum.
    Keys,
    Scan,
    FlushAll,
    /// The parts of sums that `INFO` and `DBSIZE` are made of.
    Held,
    Subscribe,
    Unsubscribe,
    PSubscribe,
    PUnsubscribe,
    Publish,
    /// As `DelOne`: the subscribers of a channel.
    NumSub,
    NumPat,
    /// The channels that match a pattern, as `Keys`.
    Channels,
}

/// Does `op`. `words` are the key, if `op` has one, and what follows it. Channels are not the store's.
pub fn execute(
    store: &mut Store,
    op: Op,
    hash: u64,
    words: &[&[u8]],
    now_ms: u64,
    version: Version,
    out: &mut Vec<u8>,
) {
    let (bytes, words) = words
        .split_first()
        .map_or((&[][..], words), |(key, words)| (*key, words));
    let mut doing = Doing {
        store,
        key: Key { bytes, hash },
        words,
        now_ms,
        reply: Reply::new(out, version),
    };
    let doing = &mut doing;
    match op {
        Op::Get => strings::get(doing),
        Op::Set => strings::set(doing),
        Op::GetOne => strings::get_one(doing),
        Op::SetWith => strings::set_with(doing),
        Op::SetOne => strings::set_one(doing),
        Op::SetNx => strings::set_nx(doing),
        Op::SetEx => strings::set_ex(doing, 1000, "setex"),
        Op::PSetEx => strings::set_ex(doing, 1, "psetex"),
        Op::GetSet => strings::get_set(doing),
        Op::GetDel => strings::get_del(doing),
        Op::Incr => strings::add(doing, 1),
        Op::Decr => strings::add(doing, -1),
        Op::IncrBy => strings::incr_by(doing),
        Op::DecrBy => strings::decr_by(doing),
        Op::Append => strings::append(doing),
        Op::StrLen => strings::str_len(doing),
        Op::Del => keys::del(doing),
        Op::DelOne => keys::del_one(doing),
        Op::Exists => keys::exists(doing),
        Op::ExistsOne => keys::exists_one(doing),
        Op::Expire => keys::expire(doing, 1000, false),
        Op::PExpire => keys::expire(doing, 1, false),
        Op::ExpireAt => keys::expire(doing, 1000, true),
        Op::PExpireAt => keys::expire(doing, 1, true),
        Op::Ttl => keys::ttl(doing, 1000, false),
        Op::PTtl => keys::ttl(doing, 1, false),
        Op::ExpireTime => keys::ttl(doing, 1000, true),
        Op::PExpireTime => keys::ttl(doing, 1, true),
        Op::Persist => keys::persist(doing),
        Op::Type => keys::type_of(doing),
        Op::LPush => lists::push(doing, End::Left, false),
        Op::RPush => lists::push(doing, End::Right, false),
        Op::LPushX => lists::push(doing, End::Left, true),
        Op::RPushX => lists::push(doing, End::Right, true),
        Op::LPop => lists::pop(doing, End::Left),
        Op::RPop => lists::pop(doing, End::Right),
        Op::LRange => lists::range(doing),
        Op::LIndex => lists::index(doing),
        Op::LLen => lists::len(doing),
        Op::HSet => hashes::set(doing, false),
        Op::HMSet => hashes::set(doing, true),
        Op::HSetNx => hashes::set_nx(doing),
        Op::HGet => hashes::get(doing),
        Op::HMGet => hashes::get_many(doing),
        Op::HDel => hashes::del(doing),
        Op::HGetAll => hashes::get_all(doing),
        Op::HKeys => hashes::names(doing),
        Op::HVals => hashes::values(doing),
        Op::HExists => hashes::exists(doing),
        Op::HLen => hashes::len(doing),
        Op::HIncrBy => hashes::incr_by(doing),
        Op::Keys => keys::all(doing),
        Op::Scan => keys::scan(doing),
        Op::FlushAll => doing.store.clear(),
        Op::Held => keys::held(doing),
        Op::Subscribe
        | Op::Unsubscribe
        | Op::PSubscribe
        | Op::PUnsubscribe
        | Op::Publish
        | Op::NumSub
        | Op::NumPat
        | Op::Channels => {}
    }
}
