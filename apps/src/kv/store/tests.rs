//! Every command with every option, at a store of one shard, in the bytes of its replies.

use super::op::{Op, execute};
use super::{Held, Key, SLICES, Store, hash};
use crate::kv::command::{self, Kind};
use crate::kv::reply::Version;
use potoroo_runtime::arena::{Arena, Evacuate};
use potoroo_runtime::{Actor, Context, Reply, System, Turn};

struct Lender;

impl Actor for Lender {
    type Msg = Reply<Arena>;
    fn handle(&mut self, reply: Reply<Arena>, ctx: &mut Context<'_, Self>) -> Turn {
        reply.send(ctx.arena());
        Ok(())
    }
}

/// An arena of an actor that is gone: what is built in it lies in blocks of the heap.
pub(super) fn arena() -> Arena {
    use std::sync::OnceLock;
    static SYSTEM: OnceLock<System> = OnceLock::new();
    let system = SYSTEM.get_or_init(|| System::builder().workers(1).pin(false).build().unwrap());
    let lender = system.spawn(|_| Ok(Lender));
    let arena = lender.ask(|reply| reply).wait().unwrap();
    lender.stop();
    arena
}

pub(super) const SEED: u64 = 7;

/// A store, and what time it is there.
pub(super) struct Bench {
    pub(super) store: Store,
    pub(super) now_ms: u64,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self {
            store: Store::new_in(&arena(), SEED, 0, 1),
            now_ms: 1_000_000,
        }
    }

    pub(super) fn run(&mut self, op: Op, words: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let hash = words.first().map_or(0, |key| hash(SEED, key));
        execute(&mut self.store, op, hash, words, self.now_ms, Version::Two, &mut out);
        out
    }

    /// The reply to a line of words, without its last end of a line.
    fn line(&mut self, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let command = command::find(words[0]).unwrap_or_else(|| panic!("{line}"));
        let op = match command.kind {
            Kind::One(op) | Kind::Many(op) => op,
            Kind::Set if words.len() == 3 => Op::Set,
            Kind::Set => Op::SetWith,
            Kind::Scan => Op::Scan,
            _ => panic!("{line} is not for a store"),
        };
        let reply = String::from_utf8(self.run(op, &words[1..])).unwrap();
        reply.strip_suffix("\r\n").unwrap_or(&reply).replace("\r\n", " ")
    }

    pub(super) fn check(&mut self, lines: &[(&str, &str)]) {
        for (line, expected) in lines {
            assert_eq!(self.line(line), *expected, "{line}");
        }
    }
}

const WRONG: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
pub(super) const NO_INTEGER: &str = "-ERR value is not an integer or out of range";
pub(super) const SYNTAX: &str = "-ERR syntax error";

#[test]
fn set_with_each_option() {
    Bench::new().check(&[
        ("GET k", "$-1"),
        ("SET k v XX", "$-1"),
        ("SET k v NX", "+OK"),
        ("SET k w NX", "$-1"),
        ("GET k", "$1 v"),
        ("SET k w XX GET", "$1 v"),
        ("SET k x nx get", "$1 w"),
        ("SET new x NX GET", "$-1"),
        ("GET new", "$1 x"),
        ("SET k v EX 10", "+OK"),
        ("TTL k", ":10"),
        ("SET k v KEEPTTL", "+OK"),
        ("PTTL k", ":10000"),
        ("SET k v", "+OK"),
        ("TTL k", ":-1"),
        ("SET k v PX 1500", "+OK"),
        ("PTTL k", ":1500"),
        ("TTL k", ":2"),
        ("SET k v EXAT 1001", "+OK"),
        ("PTTL k", ":1000"),
        ("SET k v PXAT 1000001", "+OK"),
        ("PTTL k", ":1"),
        ("PEXPIRETIME k", ":1000001"),
        ("EXPIRETIME k", ":1000"),
        ("SET k v PXAT 999999", "+OK"),
        ("GET k", "$-1"),
        ("SET k v EX 0", "-ERR invalid expire time in 'set' command"),
        ("SET k v PX -1", "-ERR invalid expire time in 'set' command"),
        (
            "SET k v EX 9223372036854775807",
            "-ERR invalid expire time in 'set' command",
        ),
        ("SET k v EX x", NO_INTEGER),
        ("SET k v EX", SYNTAX),
        ("SET k v NX XX", SYNTAX),
        ("SET k v EX 1 PX 1", SYNTAX),
        ("SET k v EX 1 KEEPTTL", SYNTAX),
        ("SET k v KEEPTTL EX 1", SYNTAX),
        ("SET k v BAD", SYNTAX),
        ("RPUSH l a", ":1"),
        ("SET l v GET", WRONG),
        ("TYPE l", "+list"),
        ("SET l v", "+OK"),
        ("TYPE l", "+string"),
        ("SETNX k v", ":1"),
        ("SETNX k v", ":0"),
        ("SETEX k 10 v", "+OK"),
        ("TTL k", ":10"),
        ("SETEX k 0 v", "-ERR invalid expire time in 'setex' command"),
        ("PSETEX k 10 v", "+OK"),
        ("PTTL k", ":10"),
        ("GETSET k w", "$1 v"),
        ("TTL k", ":-1"),
        ("GETDEL k", "$1 w"),
        ("GETDEL k", "$-1"),
    ]);
}

#[test]
fn numbers_and_their_ends() {
    Bench::new().check(&[
        ("INCR n", ":1"),
        ("INCRBY n 41", ":42"),
        ("DECR n", ":41"),
        ("DECRBY n 42", ":-1"),
        ("GET n", "$2 -1"),
        ("SET n 9223372036854775807", "+OK"),
        ("INCR n", "-ERR increment or decrement would overflow"),
        ("DECRBY n -9223372036854775808", "-ERR decrement would overflow"),
        ("INCRBY n x", NO_INTEGER),
        ("SET n 01", "+OK"),
        ("INCR n", NO_INTEGER),
        ("SET n -9223372036854775808", "+OK"),
        ("DECR n", "-ERR increment or decrement would overflow"),
        ("SET n 5 EX 10", "+OK"),
        ("INCR n", ":6"),
        ("TTL n", ":10"),
        ("RPUSH l a", ":1"),
        ("INCR l", WRONG),
        ("APPEND l a", WRONG),
        ("STRLEN l", WRONG),
        ("GET l", WRONG),
        ("APPEND a hello", ":5"),
        ("APPEND a -this-goes-beyond-what-lies-in-place", ":41"),
        ("GET a", "$41 hello-this-goes-beyond-what-lies-in-place"),
        ("STRLEN a", ":41"),
        ("STRLEN none", ":0"),
    ]);
}

#[test]
fn deadlines() {
    let mut bench = Bench::new();
    bench.check(&[
        ("TTL k", ":-2"),
        ("EXPIRE k 10", ":0"),
        ("SET k v", "+OK"),
        ("TTL k", ":-1"),
        ("EXPIRE k 10 XX", ":0"),
        ("EXPIRE k 10 GT", ":0"),
        ("EXPIRE k 10 NX", ":1"),
        ("EXPIRE k 20 NX", ":0"),
        ("EXPIRE k 5 GT", ":0"),
        ("EXPIRE k 20 GT", ":1"),
        ("EXPIRE k 30 LT", ":0"),
        ("EXPIRE k 10 LT", ":1"),
        ("PTTL k", ":10000"),
        (
            "EXPIRE k 1 NX XX",
            "-ERR NX and XX, GT or LT options at the same time are not compatible",
        ),
        (
            "EXPIRE k 1 GT LT",
            "-ERR GT and LT options at the same time are not compatible",
        ),
        ("EXPIRE k 1 BAD", "-ERR Unsupported option BAD"),
        ("EXPIRE k x", NO_INTEGER),
        (
            "EXPIRE k 9223372036854775807",
            "-ERR invalid expire time in 'expire' command",
        ),
        ("PEXPIREAT k 1000500", ":1"),
        ("PTTL k", ":500"),
        ("EXPIREAT k 1002", ":1"),
        ("PTTL k", ":2000"),
        ("PERSIST k", ":1"),
        ("PERSIST k", ":0"),
        ("TTL k", ":-1"),
        ("PEXPIRE k 100", ":1"),
    ]);
    bench.now_ms += 99;
    bench.check(&[("EXISTS k", ":1")]);
    bench.now_ms += 1;
    bench.check(&[
        ("EXISTS k", ":0"),
        ("DEL k", ":0"),
        ("SET k v EX 1", "+OK"),
        ("EXPIRE k -1", ":1"),
        ("GET k", "$-1"),
    ]);
    bench.check(&[("SET k v EX 1", "+OK")]);
    bench.now_ms += 1000;
    // What has expired is no key for any command that would go on with it.
    bench.check(&[("SET k v KEEPTTL", "+OK"), ("TTL k", ":-1"), ("PEXPIRE k 5", ":1")]);
    bench.now_ms += 5;
    bench.check(&[("APPEND k x", ":1"), ("PTTL k", ":-1"), ("PEXPIRE k 5", ":1")]);
    bench.now_ms += 5;
    bench.check(&[("RPUSH k x", ":1"), ("TYPE k", "+list"), ("PEXPIRE k 5", ":1")]);
    bench.now_ms += 5;
    bench.check(&[("DEL k", ":0"), ("LPOP k", "$-1")]);
}

#[test]
fn lists() {
    Bench::new().check(&[
        ("RPUSH l a b c", ":3"),
        ("LPUSH l y z", ":5"),
        ("LRANGE l 0 -1", "*5 $1 z $1 y $1 a $1 b $1 c"),
        ("LRANGE l -2 100", "*2 $1 b $1 c"),
        ("LRANGE l 3 1", "*0"),
        ("LRANGE none 0 -1", "*0"),
        ("LRANGE l x 1", NO_INTEGER),
        ("LINDEX l 0", "$1 z"),
        ("LINDEX l -1", "$1 c"),
        ("LINDEX l 9", "$-1"),
        ("LLEN l", ":5"),
        ("LPOP l", "$1 z"),
        ("RPOP l", "$1 c"),
        ("LPOP l 2", "*2 $1 y $1 a"),
        ("LPOP l 0", "*0"),
        ("LPOP l -1", "-ERR value is out of range, must be positive"),
        ("RPOP l 9", "*1 $1 b"),
        ("EXISTS l", ":0"),
        ("LPOP l", "$-1"),
        ("LPOP l 1", "*-1"),
        ("LPUSHX l a", ":0"),
        ("RPUSHX l a", ":0"),
        ("EXISTS l", ":0"),
        ("SET t v", "+OK"),
        ("LPUSH t a", WRONG),
        ("LPOP t", WRONG),
        ("LLEN t", WRONG),
        ("LRANGE t 0 1", WRONG),
        ("GET t", "$1 v"),
    ]);
}

#[test]
fn hashes() {
    Bench::new().check(&[
        ("HSET h a 1 b 2", ":2"),
        ("HSET h a 3 c 4", ":1"),
        ("HGETALL h", "*6 $1 a $1 3 $1 b $1 2 $1 c $1 4"),
        ("HKEYS h", "*3 $1 a $1 b $1 c"),
        ("HVALS h", "*3 $1 3 $1 2 $1 4"),
        ("HMGET h a x", "*2 $1 3 $-1"),
        ("HMGET none a x", "*2 $-1 $-1"),
        ("HGET h a", "$1 3"),
        ("HGET h x", "$-1"),
        ("HEXISTS h a", ":1"),
        ("HEXISTS h x", ":0"),
        ("HLEN h", ":3"),
        ("HINCRBY h a 2", ":5"),
        ("HINCRBY h n -1", ":-1"),
        ("HINCRBY h a x", NO_INTEGER),
        ("HSET h t text", ":1"),
        ("HINCRBY h t 1", "-ERR hash value is not an integer"),
        ("HSET h m 9223372036854775807", ":1"),
        ("HINCRBY h m 1", "-ERR increment or decrement would overflow"),
        ("HINCRBY none a x", NO_INTEGER),
        ("EXISTS none", ":0"),
        ("HSET h a", "-ERR wrong number of arguments for 'hset' command"),
        ("HMSET h a 1", "+OK"),
        ("HSETNX h a 2", ":0"),
        ("HSETNX h z 2", ":1"),
        ("HDEL h a b x", ":2"),
        ("HDEL h c n t m z", ":5"),
        ("EXISTS h", ":0"),
        ("HGETALL h", "*0"),
        ("SET t v", "+OK"),
        ("HSET t a 1", WRONG),
        ("HGET t a", WRONG),
        ("HDEL t a", WRONG),
        ("HINCRBY t a 1", WRONG),
    ]);
}

#[test]
fn the_sweep_removes_what_is_due_and_no_more_than_it_may() {
    let mut bench = Bench::new();
    for key in 0..1000 {
        let key = format!("key {key}");
        bench.run(Op::SetEx, &[key.as_bytes(), b"10", b"v"]);
    }
    bench.run(Op::Set, &[b"stays", b"v"]);
    bench.run(Op::SetEx, &[b"later", b"20", b"v"]);
    // Deadlines that have changed mean nothing.
    bench.run(Op::Persist, &[b"key 1"]);
    bench.run(Op::Expire, &[b"key 2", b"15"]);
    assert!(!bench.store.sweep(bench.now_ms + 9_999, 100));
    assert_eq!(bench.store.held().keys, 1002);
    assert!(bench.store.sweep(bench.now_ms + 10_000, 100));
    assert!(bench.store.held().keys >= 902);
    assert!(!bench.store.sweep(bench.now_ms + 10_000, 2000));
    let Held { keys, expiring, .. } = bench.store.held();
    assert_eq!((keys, expiring), (4, 2));
    bench.now_ms += 10_000;
    for key in ["stays", "later", "key 1", "key 2"] {
        assert_eq!(bench.run(Op::Exists, &[key.as_bytes()]), b":1\r\n", "{key}");
    }
}

#[test]
fn a_deadline_that_is_set_again_and_again_takes_no_more_memory() {
    let mut bench = Bench::new();
    for _ in 0..100_000 {
        bench.run(Op::SetEx, &[b"k", b"10", b"v"]);
        bench.now_ms += 1;
    }
    let kept: usize = bench.store.slices.iter().map(|slice| slice.deadlines.len()).sum();
    assert!(kept < 100, "{kept} deadlines of one key");
}

#[test]
fn all_of_it_survives_an_evacuation() {
    let mut bench = Bench::new();
    let long = [b'x'; 100];
    for key in 0..500 {
        let key = format!("a key that does not lie in place: {key}");
        bench.run(Op::Set, &[key.as_bytes(), &long]);
        bench.run(Op::RPush, &[format!("list {key}").as_bytes(), b"a", &long, b"c"]);
        for field in 0..20 {
            let field = format!("field {field}");
            bench.run(Op::HSet, &[format!("hash {key}").as_bytes(), field.as_bytes(), &long]);
        }
    }
    let ask = |bench: &mut Bench| -> Vec<Vec<u8>> {
        (0..500)
            .flat_map(|key| {
                let key = format!("a key that does not lie in place: {key}");
                [
                    bench.run(Op::Get, &[key.as_bytes()]),
                    bench.run(Op::LRange, &[format!("list {key}").as_bytes(), b"0", b"-1"]),
                    bench.run(Op::HGet, &[format!("hash {key}").as_bytes(), b"field 17"]),
                    bench.run(Op::HGetAll, &[format!("hash {key}").as_bytes()]),
                ]
            })
            .collect()
    };
    let before = ask(&mut bench);
    for slice in &mut bench.store.slices {
        slice.compact();
    }
    let fresh = arena();
    bench.store.evacuate(&fresh);
    assert_eq!(ask(&mut bench), before);
    assert!(before.iter().all(|reply| !reply.starts_with(b"$-1")));
}

#[test]
fn tables_that_have_grown_leave_nothing_behind() {
    let mut bench = Bench::new();
    let keys = 20_000;
    for key in 0..keys {
        bench.run(Op::Set, &[format!("key:{key}").as_bytes(), b"v"]);
    }
    // A table is at most twice as large as it has to be, and rounded up to a power of two before that.
    let entry = size_of::<super::Entry>() as u64 + 1;
    let used = bench.store.held().used_bytes;
    assert!(used < keys * entry * 5 / 2, "{used} bytes for {keys} keys");
    for key in 0..keys {
        bench.run(Op::Del, &[format!("key:{key}").as_bytes()]);
    }
    for slice in &mut bench.store.slices {
        slice.compact();
    }
    let used = bench.store.held().used_bytes;
    assert!(used < 256 * 16 * entry, "{used} bytes for no key");
}

#[test]
fn flush_forgets_everything() {
    let mut bench = Bench::new();
    bench.check(&[("SET a 1 EX 10", "+OK"), ("RPUSH b 1", ":1")]);
    bench.run(Op::FlushAll, &[]);
    bench.check(&[("GET a", "$-1"), ("LLEN b", ":0")]);
    assert_eq!((bench.store.held().keys, bench.store.held().expiring), (0, 0));
    assert!(!bench.store.sweep(u64::MAX - 1, 10));
}

#[test]
fn keys_are_spread_over_shards_and_slices() {
    let mut shards = [0; 4];
    let mut slices = [0; SLICES];
    for key in 0..10_000 {
        let hash = hash(SEED, format!("key:{key}").as_bytes());
        shards[super::shard_of(hash, 4)] += 1;
        slices[super::slice_of(hash)] += 1;
    }
    assert!(shards.iter().all(|count| (2200..2800).contains(count)), "{shards:?}");
    assert!(slices.iter().all(|count| (10..80).contains(count)), "{slices:?}");
}

#[test]
fn an_expired_key_is_removed_by_the_command_that_comes_upon_it() {
    let mut bench = Bench::new();
    bench.check(&[("SET k v PX 1", "+OK")]);
    bench.now_ms += 1;
    assert_eq!(bench.store.held().keys, 1);
    bench.check(&[("GET k", "$-1")]);
    assert_eq!((bench.store.held().keys, bench.store.held().expiring), (0, 0));
}

#[test]
fn an_entry_takes_no_more_than_it_did() {
    assert!(size_of::<super::Entry>() <= 80, "{}", size_of::<super::Entry>());
    let key = Key { bytes: b"k", hash: 1 };
    assert_eq!(size_of_val(&key), 24);
}
