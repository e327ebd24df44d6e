//! What a client has said about itself, and what its commands come to: requests to shards, or replies at once.
//!
//! It knows no socket: words come in, a [`Round`] is filled. Commands on keys are here; those on the connection and the
//! server are in `admin.rs`, those on channels in `subscriptions.rs`.

use super::batch::Batch;
use super::command::{self, Command, Kind};
use super::connection::KvConnection;
use super::reply::{Reply, Version};
use super::round::{Finish, Round, part_of};
use super::server::Shared;
use super::store::{self, Op, shard_of, shard_of_cursor};
use potoroo_runtime::ActorRef;
use std::collections::HashSet;
use std::sync::Arc;

/// Of a command that is not known, so many bytes are quoted.
const QUOTED_BYTES: usize = 128;

/// A client.
#[derive(Debug)]
pub struct Session {
    /// What all connections share.
    pub shared: Arc<Shared>,
    /// Its connection.
    pub me: ActorRef<KvConnection>,
    /// Its number.
    pub id: u64,
    /// Where it is.
    pub address: String,
    /// The version it speaks.
    pub version: Version,
    /// Whether it has told the password, or none is wanted.
    pub authenticated: bool,
    /// Its name, empty if it has none.
    pub name: Vec<u8>,
    /// What it says of its library: name and version.
    pub library: [Vec<u8>; 2],
    /// What it listens to.
    pub channels: HashSet<Box<[u8]>>,
    /// The patterns of channels that it listens to.
    pub patterns: HashSet<Box<[u8]>>,
    /// What it has asked for and the shards have not been told.
    pub round: Round,
    /// Nothing more is taken from it.
    pub leaving: bool,
    /// Commands that it has given.
    pub commands: u64,
}

impl Session {
    /// A client that has just connected.
    pub fn new(shared: Arc<Shared>, me: ActorRef<KvConnection>, id: u64, address: String) -> Self {
        let shards = shared.shards.len();
        Self {
            authenticated: shared.settings.password.is_none(),
            shared,
            me,
            id,
            address,
            version: Version::Two,
            name: Vec::new(),
            library: Default::default(),
            channels: HashSet::new(),
            patterns: HashSet::new(),
            round: Round::new(shards),
            leaving: false,
            commands: 0,
        }
    }

    /// Whether it listens to any channel.
    #[inline]
    pub fn is_listening(&self) -> bool {
        !(self.channels.is_empty() && self.patterns.is_empty())
    }

    /// A reply that needs no shard.
    #[inline]
    pub(super) fn reply(&mut self) -> Reply<'_> {
        Reply::new(self.round.literals(), self.version)
    }

    /// Asks `shard` for something; the reply is yet to be given its place.
    #[inline]
    pub(super) fn ask(&mut self, shard: usize, op: Op, hash: u64, words: &[&[u8]]) {
        let batch = match &mut self.round.batches[shard] {
            Some(batch) => batch,
            none => none.insert(Box::new(Batch::new(self.me.clone(), shard))),
        };
        batch.push(op, self.version, hash, words);
    }

    /// The hash of a key or a channel, and its shard.
    #[inline]
    pub(super) fn place(&self, key: &[u8]) -> (u64, usize) {
        let hash = store::hash(self.shared.seed, key);
        (hash, shard_of(hash, self.shared.shards.len()))
    }

    /// One operation on the key `words[0]`, whose reply is next.
    #[inline]
    pub(super) fn one(&mut self, op: Op, words: &[&[u8]]) {
        let (hash, shard) = self.place(words[0]);
        self.ask(shard, op, hash, words);
        self.round.expect(shard);
    }

    /// Takes a command. No words are none.
    #[inline]
    pub fn command(&mut self, words: &[&[u8]]) {
        let Some(name) = words.first() else {
            return;
        };
        self.commands += 1;
        let Some(command) = command::find(name) else {
            return self.unknown(words);
        };
        if !command.takes(words.len()) {
            return self.wrong_number(command.name);
        }
        if (!self.authenticated || self.is_listening())
            && let Some(error) = self.refusal(command)
        {
            return self.reply().error(&error);
        }
        match command.kind {
            Kind::One(op) => self.one(op, &words[1..]),
            Kind::Set if words.len() == 3 => self.one(Op::Set, &words[1..]),
            Kind::Set => self.one(Op::SetWith, &words[1..]),
            _ => self.other(command, words),
        }
    }

    #[cold]
    fn unknown(&mut self, words: &[&[u8]]) {
        let cut = |word: &[u8], most: usize| word[..word.len().min(most)].to_vec();
        let mut arguments: Vec<u8> = Vec::new();
        for word in &words[1..] {
            if arguments.len() >= QUOTED_BYTES {
                break;
            }
            let left = QUOTED_BYTES - arguments.len();
            arguments.push(b'\'');
            arguments.extend(cut(word, left));
            arguments.extend(b"' ");
        }
        let name = cut(words[0], QUOTED_BYTES);
        if !self.authenticated {
            return self.reply().error("NOAUTH Authentication required.");
        }
        self.reply().error_bytes(&[
            b"ERR unknown command '",
            &name,
            b"', with args beginning with: ",
            &arguments,
        ]);
    }

    pub(super) fn wrong_number(&mut self, command: &str) {
        self.reply()
            .error(&format!("ERR wrong number of arguments for '{command}' command"));
    }

    /// Why a client in this state may not give a command.
    #[cold]
    fn refusal(&self, command: &Command) -> Option<String> {
        let kind = command.kind;
        if !self.authenticated {
            let allowed = matches!(kind, Kind::Auth | Kind::Hello | Kind::Quit | Kind::Reset);
            return (!allowed).then(|| "NOAUTH Authentication required.".to_owned());
        }
        let allowed = self.version == Version::Three
            || matches!(
                kind,
                Kind::Subscribe
                    | Kind::Unsubscribe
                    | Kind::PSubscribe
                    | Kind::PUnsubscribe
                    | Kind::Ping
                    | Kind::Quit
                    | Kind::Reset
            );
        (!allowed).then(|| {
            format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this \
                 context",
                command.name
            )
        })
    }

    #[inline(never)]
    fn other(&mut self, command: &Command, words: &[&[u8]]) {
        let arguments = &words[1..];
        match command.kind {
            Kind::Many(op) => match arguments {
                [_] => self.one(op, arguments),
                keys => self.sum(part_of(op), keys),
            },
            Kind::MGet => {
                self.reply().array(arguments.len());
                for key in arguments {
                    self.one(Op::GetOne, &[key]);
                }
            }
            Kind::MSet if !arguments.len().is_multiple_of(2) => self.wrong_number("mset"),
            Kind::MSet => {
                for pair in arguments.chunks_exact(2) {
                    self.one(Op::SetOne, pair);
                }
                self.reply().ok();
            }
            Kind::Keys => self.gather(Op::Keys, arguments),
            Kind::Scan => self.scan(arguments),
            Kind::DbSize => self.sum_of_all(Op::Held, Finish::Integer),
            Kind::FlushAll => match arguments {
                [] => self.flush(),
                [how] if how.eq_ignore_ascii_case(b"SYNC") || how.eq_ignore_ascii_case(b"ASYNC") => self.flush(),
                _ => self.reply().error(super::reply::SYNTAX),
            },
            Kind::Publish => self.one(Op::Publish, arguments),
            Kind::Subscribe => self.subscribe(arguments),
            Kind::Unsubscribe => self.unsubscribe(arguments),
            Kind::PSubscribe => self.psubscribe(arguments),
            Kind::PUnsubscribe => self.punsubscribe(arguments),
            Kind::PubSub => self.pubsub(arguments),
            _ => self.admin(command, arguments),
        }
    }

    /// An operation on each of several keys, and the sum of what they reply.
    fn sum(&mut self, op: Op, keys: &[&[u8]]) {
        for key in keys {
            let (hash, shard) = self.place(key);
            self.ask(shard, op, hash, &[key]);
            self.round.expect_part(shard);
        }
        self.round.finish(Finish::Integer, self.version);
    }

    /// The same of all shards, and the sums of what they reply.
    pub(super) fn sum_of_all(&mut self, op: Op, finish: Finish) {
        for shard in 0..self.shared.shards.len() {
            self.ask(shard, op, 0, &[]);
            self.round.expect_part(shard);
        }
        self.round.finish(finish, self.version);
    }

    /// The same of all shards, and one array of what they reply.
    pub(super) fn gather(&mut self, op: Op, words: &[&[u8]]) {
        for shard in 0..self.shared.shards.len() {
            self.ask(shard, op, 0, words);
            self.round.expect_piece(shard);
        }
        self.round.finish(Finish::Array, self.version);
    }

    /// The same of all shards, which reply nothing.
    pub(super) fn tell_all(&mut self, op: Op, words: &[&[u8]]) {
        for shard in 0..self.shared.shards.len() {
            self.ask(shard, op, 0, words);
            self.round.expect(shard);
        }
    }

    fn flush(&mut self) {
        self.tell_all(Op::FlushAll, &[]);
        self.reply().ok();
    }

    fn scan(&mut self, words: &[&[u8]]) {
        // What is no cursor is answered by any shard; what points behind the last one is the end.
        let shard = shard_of_cursor(words[0]).unwrap_or(0);
        if shard < self.shared.shards.len() {
            self.ask(shard, Op::Scan, 0, words);
            self.round.expect(shard);
        } else {
            let mut reply = self.reply();
            reply.array(2);
            reply.bulk(b"0");
            reply.array(0);
        }
    }
}
