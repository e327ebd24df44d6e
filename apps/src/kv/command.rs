//! The commands: their names, what they need, and what they are.
//!
//! One table serves the dispatch, the checks of the numbers of words, and `COMMAND`. A name is found by one look into a
//! table of hashes that the compiler makes: no allocation, and no difference between upper and lower case.

use super::store::Op;

/// How a command is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the command of its name")]
pub enum Kind {
    /// On one key, by its shard.
    One(Op),
    /// On each of several keys, and the numbers are summed.
    Many(Op),
    Set,
    MGet,
    MSet,
    Keys,
    Scan,
    DbSize,
    FlushAll,
    Publish,
    Subscribe,
    Unsubscribe,
    PSubscribe,
    PUnsubscribe,
    PubSub,
    Ping,
    Echo,
    Auth,
    Hello,
    Select,
    Quit,
    Reset,
    Client,
    Info,
    Config,
    CommandInfo,
    Time,
}

/// What a command is about, as `COMMAND` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Reads keys.
    Read,
    /// Changes keys.
    Write,
    /// Channels and messages.
    Channel,
    /// The connection.
    Connection,
    /// The server.
    Server,
}

impl Sort {
    /// The flags of Redis that it stands for.
    pub fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["readonly"],
            Self::Write => &["write", "denyoom"],
            Self::Channel => &["pubsub", "noscript", "loading", "stale"],
            Self::Connection => &["noscript", "loading", "stale", "fast"],
            Self::Server => &["loading", "stale"],
        }
    }
}

/// A command.
#[derive(Debug)]
pub struct Command {
    /// Its name, in lower case.
    pub name: &'static str,
    /// How many words it takes, its name included; if negative, at least so many.
    pub arity: i8,
    /// How it is carried out.
    pub kind: Kind,
    /// What it is about.
    pub sort: Sort,
    /// The first key, the last one, and the step between keys.
    pub keys: [i8; 3],
    /// The group of Redis's documentation.
    pub group: &'static str,
    /// The version of Redis that had it first.
    pub since: &'static str,
    /// What it does.
    pub summary: &'static str,
    packed: u128,
}

#[expect(clippy::too_many_arguments, reason = "a row of the table below")]
const fn command(
    name: &'static str,
    arity: i8,
    kind: Kind,
    sort: Sort,
    keys: [i8; 3],
    group: &'static str,
    since: &'static str,
    summary: &'static str,
) -> Command {
    Command {
        name,
        arity,
        kind,
        sort,
        keys,
        group,
        since,
        summary,
        packed: pack(name.as_bytes()),
    }
}

/// All commands.
#[rustfmt::skip]
pub static COMMANDS: [Command; 73] = [
    command("get", 2, Kind::One(Op::Get), Sort::Read, [1, 1, 1], "string", "1.0.0", "Returns the value of a key."),
    command("set", -3, Kind::Set, Sort::Write, [1, 1, 1], "string", "1.0.0", "Sets the value of a key, with conditions and a deadline."),
    command("setnx", 3, Kind::One(Op::SetNx), Sort::Write, [1, 1, 1], "string", "1.0.0", "Sets the value of a key that does not exist."),
    command("setex", 4, Kind::One(Op::SetEx), Sort::Write, [1, 1, 1], "string", "2.0.0", "Sets the value of a key and its deadline in seconds."),
    command("psetex", 4, Kind::One(Op::PSetEx), Sort::Write, [1, 1, 1], "string", "2.6.0", "Sets the value of a key and its deadline in milliseconds."),
    command("getset", 3, Kind::One(Op::GetSet), Sort::Write, [1, 1, 1], "string", "1.0.0", "Sets the value of a key and returns the old one."),
    command("getdel", 2, Kind::One(Op::GetDel), Sort::Write, [1, 1, 1], "string", "6.2.0", "Returns the value of a key and deletes it."),
    command("mget", -2, Kind::MGet, Sort::Read, [1, -1, 1], "string", "1.0.0", "Returns the values of keys, each read by itself."),
    command("mset", -3, Kind::MSet, Sort::Write, [1, -1, 2], "string", "1.0.1", "Sets the values of keys, each by itself."),
    command("incr", 2, Kind::One(Op::Incr), Sort::Write, [1, 1, 1], "string", "1.0.0", "Adds one to a number."),
    command("incrby", 3, Kind::One(Op::IncrBy), Sort::Write, [1, 1, 1], "string", "1.0.0", "Adds to a number."),
    command("decr", 2, Kind::One(Op::Decr), Sort::Write, [1, 1, 1], "string", "1.0.0", "Subtracts one from a number."),
    command("decrby", 3, Kind::One(Op::DecrBy), Sort::Write, [1, 1, 1], "string", "1.0.0", "Subtracts from a number."),
    command("append", 3, Kind::One(Op::Append), Sort::Write, [1, 1, 1], "string", "2.0.0", "Appends to the value of a key."),
    command("strlen", 2, Kind::One(Op::StrLen), Sort::Read, [1, 1, 1], "string", "2.2.0", "Returns the length of a value."),
    command("del", -2, Kind::Many(Op::Del), Sort::Write, [1, -1, 1], "generic", "1.0.0", "Deletes keys, each by itself."),
    command("unlink", -2, Kind::Many(Op::Del), Sort::Write, [1, -1, 1], "generic", "4.0.0", "Deletes keys, each by itself."),
    command("exists", -2, Kind::Many(Op::Exists), Sort::Read, [1, -1, 1], "generic", "1.0.0", "Counts the keys that exist."),
    command("touch", -2, Kind::Many(Op::Exists), Sort::Read, [1, -1, 1], "generic", "3.2.1", "Counts the keys that exist."),
    command("expire", -3, Kind::One(Op::Expire), Sort::Write, [1, 1, 1], "generic", "1.0.0", "Sets the deadline of a key in seconds."),
    command("pexpire", -3, Kind::One(Op::PExpire), Sort::Write, [1, 1, 1], "generic", "2.6.0", "Sets the deadline of a key in milliseconds."),
    command("expireat", -3, Kind::One(Op::ExpireAt), Sort::Write, [1, 1, 1], "generic", "1.2.0", "Sets the deadline of a key as a moment in seconds."),
    command("pexpireat", -3, Kind::One(Op::PExpireAt), Sort::Write, [1, 1, 1], "generic", "2.6.0", "Sets the deadline of a key as a moment in milliseconds."),
    command("ttl", 2, Kind::One(Op::Ttl), Sort::Read, [1, 1, 1], "generic", "1.0.0", "Returns the time that a key has left, in seconds."),
    command("pttl", 2, Kind::One(Op::PTtl), Sort::Read, [1, 1, 1], "generic", "2.6.0", "Returns the time that a key has left, in milliseconds."),
    command("expiretime", 2, Kind::One(Op::ExpireTime), Sort::Read, [1, 1, 1], "generic", "7.0.0", "Returns the deadline of a key, in seconds."),
    command("pexpiretime", 2, Kind::One(Op::PExpireTime), Sort::Read, [1, 1, 1], "generic", "7.0.0", "Returns the deadline of a key, in milliseconds."),
    command("persist", 2, Kind::One(Op::Persist), Sort::Write, [1, 1, 1], "generic", "2.2.0", "Removes the deadline of a key."),
    command("type", 2, Kind::One(Op::Type), Sort::Read, [1, 1, 1], "generic", "1.0.0", "Returns what kind of value a key holds."),
    command("keys", 2, Kind::Keys, Sort::Read, [0, 0, 0], "generic", "1.0.0", "Returns the keys that match a pattern."),
    command("scan", -2, Kind::Scan, Sort::Read, [0, 0, 0], "generic", "2.8.0", "Walks through the keys."),
    command("lpush", -3, Kind::One(Op::LPush), Sort::Write, [1, 1, 1], "list", "1.0.0", "Adds elements at the left end of a list."),
    command("rpush", -3, Kind::One(Op::RPush), Sort::Write, [1, 1, 1], "list", "1.0.0", "Adds elements at the right end of a list."),
    command("lpushx", -3, Kind::One(Op::LPushX), Sort::Write, [1, 1, 1], "list", "2.2.0", "Adds elements at the left end of a list that exists."),
    command("rpushx", -3, Kind::One(Op::RPushX), Sort::Write, [1, 1, 1], "list", "2.2.0", "Adds elements at the right end of a list that exists."),
    command("lpop", -2, Kind::One(Op::LPop), Sort::Write, [1, 1, 1], "list", "1.0.0", "Takes elements off the left end of a list."),
    command("rpop", -2, Kind::One(Op::RPop), Sort::Write, [1, 1, 1], "list", "1.0.0", "Takes elements off the right end of a list."),
    command("lrange", 4, Kind::One(Op::LRange), Sort::Read, [1, 1, 1], "list", "1.0.0", "Returns a range of a list."),
    command("lindex", 3, Kind::One(Op::LIndex), Sort::Read, [1, 1, 1], "list", "1.0.0", "Returns one element of a list."),
    command("llen", 2, Kind::One(Op::LLen), Sort::Read, [1, 1, 1], "list", "1.0.0", "Returns the length of a list."),
    command("hset", -4, Kind::One(Op::HSet), Sort::Write, [1, 1, 1], "hash", "2.0.0", "Sets fields of a hash."),
    command("hmset", -4, Kind::One(Op::HMSet), Sort::Write, [1, 1, 1], "hash", "2.0.0", "Sets fields of a hash."),
    command("hsetnx", 4, Kind::One(Op::HSetNx), Sort::Write, [1, 1, 1], "hash", "2.0.0", "Sets a field of a hash that does not exist."),
    command("hget", 3, Kind::One(Op::HGet), Sort::Read, [1, 1, 1], "hash", "2.0.0", "Returns a field of a hash."),
    command("hmget", -3, Kind::One(Op::HMGet), Sort::Read, [1, 1, 1], "hash", "2.0.0", "Returns fields of a hash."),
    command("hdel", -3, Kind::One(Op::HDel), Sort::Write, [1, 1, 1], "hash", "2.0.0", "Deletes fields of a hash."),
    command("hgetall", 2, Kind::One(Op::HGetAll), Sort::Read, [1, 1, 1], "hash", "2.0.0", "Returns all fields of a hash and their values."),
    command("hkeys", 2, Kind::One(Op::HKeys), Sort::Read, [1, 1, 1], "hash", "2.0.0", "Returns the names of all fields of a hash."),
    command("hvals", 2, Kind::One(Op::HVals), Sort::Read, [1, 1, 1], "hash", "2.0.0", "Returns the values of all fields of a hash."),
    command("hexists", 3, Kind::One(Op::HExists), Sort::Read, [1, 1, 1], "hash", "2.0.0", "Says whether a hash has a field."),
    command("hlen", 2, Kind::One(Op::HLen), Sort::Read, [1, 1, 1], "hash", "2.0.0", "Returns the number of fields of a hash."),
    command("hincrby", 4, Kind::One(Op::HIncrBy), Sort::Write, [1, 1, 1], "hash", "2.0.0", "Adds to a number in a field of a hash."),
    command("dbsize", 1, Kind::DbSize, Sort::Read, [0, 0, 0], "server", "1.0.0", "Returns the number of keys."),
    command("flushall", -1, Kind::FlushAll, Sort::Write, [0, 0, 0], "server", "1.0.0", "Deletes all keys."),
    command("flushdb", -1, Kind::FlushAll, Sort::Write, [0, 0, 0], "server", "1.0.0", "Deletes all keys."),
    command("publish", 3, Kind::Publish, Sort::Channel, [0, 0, 0], "pubsub", "2.0.0", "Sends a message to a channel."),
    command("subscribe", -2, Kind::Subscribe, Sort::Channel, [0, 0, 0], "pubsub", "2.0.0", "Listens to channels."),
    command("unsubscribe", -1, Kind::Unsubscribe, Sort::Channel, [0, 0, 0], "pubsub", "2.0.0", "Stops listening to channels."),
    command("psubscribe", -2, Kind::PSubscribe, Sort::Channel, [0, 0, 0], "pubsub", "2.0.0", "Listens to channels that match patterns."),
    command("punsubscribe", -1, Kind::PUnsubscribe, Sort::Channel, [0, 0, 0], "pubsub", "2.0.0", "Stops listening to channels that match patterns."),
    command("pubsub", -2, Kind::PubSub, Sort::Channel, [0, 0, 0], "pubsub", "2.8.0", "Tells who listens to what."),
    command("ping", -1, Kind::Ping, Sort::Connection, [0, 0, 0], "connection", "1.0.0", "Answers."),
    command("echo", 2, Kind::Echo, Sort::Connection, [0, 0, 0], "connection", "1.0.0", "Returns what it is given."),
    command("auth", -2, Kind::Auth, Sort::Connection, [0, 0, 0], "connection", "1.0.0", "Tells the password."),
    command("hello", -1, Kind::Hello, Sort::Connection, [0, 0, 0], "connection", "6.0.0", "Chooses the version of the protocol."),
    command("select", 2, Kind::Select, Sort::Connection, [0, 0, 0], "connection", "1.0.0", "Chooses the database; there is one."),
    command("quit", -1, Kind::Quit, Sort::Connection, [0, 0, 0], "connection", "1.0.0", "Closes the connection."),
    command("reset", 1, Kind::Reset, Sort::Connection, [0, 0, 0], "connection", "6.2.0", "Makes the connection as new."),
    command("client", -2, Kind::Client, Sort::Connection, [0, 0, 0], "connection", "2.4.0", "Tells about the connection, and names it."),
    command("info", -1, Kind::Info, Sort::Server, [0, 0, 0], "server", "1.0.0", "Tells about the server."),
    command("config", -2, Kind::Config, Sort::Server, [0, 0, 0], "server", "2.0.0", "Returns the settings that match patterns."),
    command("command", -1, Kind::CommandInfo, Sort::Server, [0, 0, 0], "server", "2.8.13", "Tells about the commands."),
    command("time", 1, Kind::Time, Sort::Connection, [0, 0, 0], "server", "2.6.0", "Returns the time."),
];

/// The longest name fits.
const NAME_BYTES_MAX: usize = 16;

/// Makes letters lower-case; of other bytes no name has any.
const LOWER: u128 = 0x2020_2020_2020_2020_2020_2020_2020_2020;

/// A name of at most [`NAME_BYTES_MAX`] bytes as one number, in lower case.
#[inline]
const fn pack(name: &[u8]) -> u128 {
    let mut packed: u128 = 0;
    let mut at = 0;
    while at < name.len() {
        packed |= (name[at] as u128) << (8 * at);
        at += 1;
    }
    packed | LOWER
}

const SLOTS: usize = 512;

#[inline]
const fn slot(packed: u128) -> usize {
    let mixed = (packed as u64 ^ (packed >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 55) as usize
}

/// The index of a command and one, where its name or those before it lead.
static BY_NAME: [u8; SLOTS] = {
    let mut table = [0; SLOTS];
    let mut index = 0;
    while index < COMMANDS.len() {
        let mut at = slot(COMMANDS[index].packed);
        while table[at] != 0 {
            at = (at + 1) % SLOTS;
        }
        table[at] = index as u8 + 1;
        index += 1;
    }
    table
};

/// The command of this name, in whichever case.
#[inline]
pub fn find(name: &[u8]) -> Option<&'static Command> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let packed = pack(name);
    let mut at = slot(packed);
    loop {
        let index = BY_NAME[at].checked_sub(1)?;
        let command = &COMMANDS[usize::from(index)];
        // A blank and the padding are one to `pack`.
        if command.packed == packed && command.name.len() == name.len() {
            return Some(command);
        }
        at = (at + 1) % SLOTS;
    }
}

impl Command {
    /// Whether it takes so many words, its name included.
    #[inline]
    pub fn takes(&self, words: usize) -> bool {
        let least = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { words >= least } else { words == least }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_in_any_case_and_nothing_else_is() {
        for command in &COMMANDS {
            assert!(command.name.len() <= NAME_BYTES_MAX);
            assert_eq!(command.name, command.name.to_ascii_lowercase());
            for name in [command.name.to_owned(), command.name.to_ascii_uppercase()] {
                assert_eq!(find(name.as_bytes()).unwrap().name, command.name);
                assert!(find(format!("{name} ").as_bytes()).is_none_or(|other| other.name != command.name));
            }
        }
        for name in [
            "",
            "g",
            "gett",
            "get ",
            "get\0",
            "nosuchcommand",
            "averyveryverylongname",
        ] {
            assert!(find(name.as_bytes()).is_none(), "{name}");
        }
    }

    #[test]
    fn numbers_of_words_are_exact_or_the_least() {
        let get = find(b"get").unwrap();
        assert_eq!([1, 2, 3].map(|words| get.takes(words)), [false, true, false]);
        let set = find(b"set").unwrap();
        assert_eq!([2, 3, 7].map(|words| set.takes(words)), [false, true, true]);
    }
}
