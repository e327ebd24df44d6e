//! With the client of crates.io: what an application does.

use super::Server;
use crate::support::eventually;
use redis::{Commands, ErrorKind, RedisResult, ServerErrorKind};
use std::collections::HashMap;

#[test]
fn text_lists_and_hashes() {
    let server = Server::start();
    let mut client = server.client();
    let _: () = client.set("greeting", "hello").expect("set");
    assert_eq!(client.get::<_, String>("greeting").expect("get"), "hello");
    assert_eq!(client.get::<_, Option<String>>("none").expect("get"), None);
    assert_eq!(client.append::<_, _, usize>("greeting", ", world").expect("append"), 12);
    assert!(client.set_nx::<_, _, bool>("once", 1).expect("setnx"));
    assert!(!client.set_nx::<_, _, bool>("once", 2).expect("setnx"));
    let _: () = client.mset(&[("a", 1), ("b", 2), ("c", 3)]).expect("mset");
    let values: Vec<Option<u32>> = client.mget(&["a", "none", "b", "c"]).expect("mget");
    assert_eq!(values, [Some(1), None, Some(2), Some(3)]);
    assert_eq!(client.exists::<_, u32>(&["a", "b", "none", "a"]).expect("exists"), 3);
    assert_eq!(client.del::<_, u32>(&["a", "b", "none"]).expect("del"), 2);
    assert_eq!(client.rpush::<_, _, u32>("list", &["x", "y", "z"]).expect("rpush"), 3);
    assert_eq!(
        client.lrange::<_, Vec<String>>("list", 0, -1).expect("lrange"),
        ["x", "y", "z"]
    );
    assert_eq!(client.lpop::<_, String>("list", None).expect("lpop"), "x");
    let _: () = client.hset_multiple("hash", &[("f", "1"), ("g", "2")]).expect("hset");
    assert_eq!(client.hincr::<_, _, _, i64>("hash", "f", 41).expect("hincrby"), 42);
    let all: HashMap<String, i64> = client.hgetall("hash").expect("hgetall");
    assert_eq!(all, HashMap::from([("f".to_owned(), 42), ("g".to_owned(), 2)]));
    assert_eq!(redis::cmd("DBSIZE").query::<u32>(&mut client).expect("dbsize"), 5);
    let mut keys: Vec<String> = client.keys("*").expect("keys");
    keys.sort_unstable();
    assert_eq!(keys, ["c", "greeting", "hash", "list", "once"]);
    let _: () = redis::cmd("FLUSHALL").query(&mut client).expect("flushall");
    assert_eq!(client.keys::<_, Vec<String>>("*").expect("keys"), Vec::<String>::new());
}

#[test]
fn errors_are_errors_of_the_client() {
    let server = Server::start();
    let mut client = server.client();
    let _: () = client.set("text", "x").expect("set");
    let wrong: RedisResult<i64> = client.lpush("text", "y");
    assert_eq!(wrong.expect_err("a text").code(), Some("WRONGTYPE"));
    let wrong: RedisResult<i64> = client.incr("text", 1);
    assert_eq!(
        wrong.expect_err("no number").kind(),
        ErrorKind::Server(ServerErrorKind::ResponseError)
    );
    // The connection goes on.
    assert_eq!(client.get::<_, String>("text").expect("get"), "x");
}

#[test]
fn a_pipeline_over_all_shards_comes_back_in_order() {
    let server = Server::start();
    let mut client = server.client();
    let mut sets = redis::pipe();
    let mut gets = redis::pipe();
    for number in 0..5000 {
        sets.set(format!("key:{number}"), number).ignore();
        gets.get(format!("key:{number}"));
        if number % 100 == 0 {
            gets.cmd("PING");
            gets.cmd("MGET").arg(&[format!("key:{number}"), "none".to_owned()]);
        }
    }
    let _: () = sets.query(&mut client).expect("set");
    let replies: Vec<redis::Value> = gets.query(&mut client).expect("get");
    let mut replies = replies.into_iter();
    for number in 0..5000_u32 {
        let value: u32 = redis::from_redis_value(replies.next().expect("a reply")).expect("a number");
        assert_eq!(value, number);
        if number % 100 == 0 {
            assert_eq!(replies.next(), Some(redis::Value::SimpleString("PONG".to_owned())));
            let pair: (u32, Option<u32>) = redis::from_redis_value(replies.next().expect("a reply")).expect("a pair");
            assert_eq!(pair, (number, None));
        }
    }
    let seen: std::collections::HashSet<String> = client
        .scan_match("key:*")
        .expect("scan")
        .collect::<Result<_, _>>()
        .expect("keys");
    assert_eq!(seen.len(), 5000);
}

#[test]
fn every_increment_of_many_clients_counts() {
    let server = Server::start();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let mut client = server.client();
            std::thread::spawn(move || {
                for round in 0..50 {
                    let mut pipe = redis::pipe();
                    for key in 0..10 {
                        pipe.incr(format!("counter:{key}"), round % 3).ignore();
                    }
                    let _: () = pipe.query(&mut client).expect("incr");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    let expected: i64 = 8 * (0..50).map(|round| round % 3).sum::<i64>();
    let mut client = server.client();
    for key in 0..10 {
        assert_eq!(client.get::<_, i64>(format!("counter:{key}")).expect("get"), expected);
    }
}

#[test]
fn resp_3_has_maps_and_nulls() {
    let server = Server::start();
    let mut client = server.client_at("/?protocol=resp3");
    let _: () = client.hset("hash", "f", 1).expect("hset");
    let all: redis::Value = client.hgetall("hash").expect("hgetall");
    assert!(matches!(&all, redis::Value::Map(pairs) if pairs.len() == 1), "{all:?}");
    assert_eq!(client.get::<_, redis::Value>("none").expect("get"), redis::Value::Nil);
    let hello: redis::Value = redis::cmd("HELLO").query(&mut client).expect("hello");
    assert!(matches!(hello, redis::Value::Map(_)), "{hello:?}");
}

#[test]
fn a_password_is_wanted_before_anything_else() {
    let server = Server::start_with(&["--password=secret"]);
    let mut raw = server.raw();
    raw.check("GET a\r\n", "-NOAUTH Authentication required.\r\n");
    raw.check("PING\r\n", "-NOAUTH Authentication required.\r\n");
    raw.check(
        "AUTH wrong\r\n",
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
    );
    raw.check("AUTH default secret\r\nGET a\r\n", "+OK\r\n$-1\r\n");
    raw.check("RESET\r\nGET a\r\n", "+RESET\r\n-NOAUTH Authentication required.\r\n");
    let refused = redis::Client::open(format!("redis://:wrong@{}", server.address))
        .and_then(|client| client.get_connection())
        .err()
        .expect("a refusal");
    assert_eq!(refused.kind(), ErrorKind::AuthenticationFailed, "{refused}");
    let mut client = redis::Client::open(format!("redis://:secret@{}/?protocol=resp3", server.address))
        .and_then(|client| client.get_connection())
        .expect("a connection");
    let _: () = client.set("a", 1).expect("set");
}

#[test]
fn messages_reach_who_listens() {
    let server = Server::start();
    let mut publisher = server.client();
    let mut listener = server.client();
    let mut patterns = server.client();
    let mut listener = listener.as_pubsub();
    let mut patterns = patterns.as_pubsub();
    for channel in ["news", "sport", "weather"] {
        listener.subscribe(channel).expect("subscribed");
    }
    patterns.psubscribe("n*").expect("subscribed");
    assert_eq!(publisher.publish::<_, _, u32>("news", "one").expect("published"), 2);
    assert_eq!(publisher.publish::<_, _, u32>("sport", "two").expect("published"), 1);
    assert_eq!(publisher.publish::<_, _, u32>("none", "three").expect("published"), 1);
    assert_eq!(publisher.publish::<_, _, u32>("other", "four").expect("published"), 0);
    let mut heard = Vec::new();
    for _ in 0..2 {
        let message = listener.get_message().expect("a message");
        heard.push((
            message.get_channel_name().to_owned(),
            message.get_payload::<String>().expect("text"),
        ));
    }
    heard.sort_unstable();
    assert_eq!(
        heard,
        [
            ("news".to_owned(), "one".to_owned()),
            ("sport".to_owned(), "two".to_owned())
        ]
    );
    let message = patterns.get_message().expect("a message");
    assert_eq!(
        (
            message.get_channel_name(),
            message.get_pattern::<String>().expect("text")
        ),
        ("news", "n*".to_owned())
    );
    listener.unsubscribe("news").expect("unsubscribed");
    assert_eq!(publisher.publish::<_, _, u32>("news", "five").expect("published"), 1);
    drop((listener, patterns));
}

#[test]
fn who_has_gone_does_not_listen() {
    let server = Server::start();
    let mut publisher = server.client();
    {
        let mut gone = server.client();
        let mut gone = gone.as_pubsub();
        gone.subscribe("news").expect("subscribed");
        gone.psubscribe("*").expect("subscribed");
        assert_eq!(publisher.publish::<_, _, u32>("news", "x").expect("published"), 2);
    }
    eventually("the end of the listener", || {
        (publisher.publish::<_, _, u32>("news", "x").expect("published") == 0).then_some(())
    });
}

#[test]
fn keys_expire_unseen() {
    let server = Server::start();
    let mut client = server.client();
    for key in 0..100 {
        let _: () = client.pset_ex(format!("short:{key}"), "v", 20).expect("psetex");
    }
    let _: () = client.set_ex("long", "v", 1000).expect("setex");
    eventually("the sweep", || {
        (redis::cmd("DBSIZE").query::<u32>(&mut client).expect("dbsize") == 1).then_some(())
    });
    let left: i64 = client.ttl("long").expect("ttl");
    assert!((990..=1000).contains(&left), "{left}");
}

#[test]
fn what_is_overwritten_again_and_again_takes_no_more_memory() {
    let server = Server::start();
    let mut client = server.client();
    for round in 0..400_usize {
        let mut pipe = redis::pipe();
        for key in 0..200 {
            // Lengths that never fit where the value before was.
            pipe.set(format!("key:{key}"), vec![b'x'; 100 + 300 * ((round + key) % 7)])
                .ignore();
        }
        let _: () = pipe.query(&mut client).expect("set");
    }
    // 200 values of 1,000 bytes on average: without evacuation 80 MB would be dead. Slices with less than 64 KiB of dead
    // bytes are left alone, and no more than 200 have any.
    let used = server.info("used_memory");
    assert!(used < 30_000_000, "{used} bytes in use");
    // The last round is number 399, a multiple of 7.
    assert_eq!(client.strlen::<_, usize>("key:0").expect("strlen"), 100);
}
