//! Commands on channels, as the connection sees them.
//!
//! The client's own list is here, so that the numbers in the replies need no shard; a reply goes out when the shard knows
//! of the change, so that whoever publishes after it is heard.

use super::reply::Version;
use super::session::Session;
use super::store::Op;

impl Session {
    fn listening(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }

    fn confirm(&mut self, what: &str, name: Option<&[u8]>) {
        let count = self.listening();
        let mut reply = self.reply();
        reply.push(3);
        reply.bulk(what.as_bytes());
        match name {
            Some(name) => reply.bulk(name),
            None => reply.null(),
        }
        reply.count(count);
    }

    pub(super) fn subscribe(&mut self, names: &[&[u8]]) {
        for name in names {
            if self.channels.insert((*name).into()) {
                self.one(Op::Subscribe, &[name]);
            }
            self.confirm("subscribe", Some(name));
        }
    }

    pub(super) fn unsubscribe(&mut self, names: &[&[u8]]) {
        let all: Vec<_> = match names {
            [] => self.channels.iter().cloned().collect(),
            names => names.iter().map(|name| Box::from(*name)).collect(),
        };
        if all.is_empty() {
            self.confirm("unsubscribe", None);
        }
        for name in all {
            if self.channels.remove(&name) {
                self.one(Op::Unsubscribe, &[&name]);
            }
            self.confirm("unsubscribe", Some(&name));
        }
    }

    pub(super) fn psubscribe(&mut self, patterns: &[&[u8]]) {
        for pattern in patterns {
            if self.patterns.insert((*pattern).into()) {
                self.tell_all(Op::PSubscribe, &[pattern]);
            }
            self.confirm("psubscribe", Some(pattern));
        }
    }

    pub(super) fn punsubscribe(&mut self, patterns: &[&[u8]]) {
        let all: Vec<_> = match patterns {
            [] => self.patterns.iter().cloned().collect(),
            patterns => patterns.iter().map(|pattern| Box::from(*pattern)).collect(),
        };
        if all.is_empty() {
            self.confirm("punsubscribe", None);
        }
        for pattern in all {
            if self.patterns.remove(&pattern) {
                self.tell_all(Op::PUnsubscribe, &[&pattern]);
            }
            self.confirm("punsubscribe", Some(&pattern));
        }
    }

    /// Stops listening to anything, without a word.
    pub(super) fn forget_subscriptions(&mut self) {
        for name in std::mem::take(&mut self.channels) {
            self.one(Op::Unsubscribe, &[&name]);
        }
        for pattern in std::mem::take(&mut self.patterns) {
            self.tell_all(Op::PUnsubscribe, &[&pattern]);
        }
    }

    pub(super) fn pubsub(&mut self, words: &[&[u8]]) {
        let (what, arguments) = (words[0], &words[1..]);
        if what.eq_ignore_ascii_case(b"CHANNELS") && arguments.len() <= 1 {
            let pattern = arguments.first().copied().unwrap_or(b"*");
            self.gather(Op::Channels, &[pattern]);
        } else if what.eq_ignore_ascii_case(b"NUMSUB") {
            self.reply().array(arguments.len() * 2);
            for channel in arguments {
                self.reply().bulk(channel);
                let (hash, shard) = self.place(channel);
                self.ask(shard, Op::NumSub, hash, &[channel]);
                self.round.expect_part(shard);
                self.round.finish(super::round::Finish::Integer, self.version);
            }
        } else if what.eq_ignore_ascii_case(b"NUMPAT") && arguments.is_empty() {
            // All shards have the same patterns.
            self.ask(0, Op::NumPat, 0, &[]);
            self.round.expect(0);
        } else if what.eq_ignore_ascii_case(b"NUMPAT") {
            self.wrong_number("pubsub|numpat");
        } else {
            self.unknown_subcommand("PUBSUB", what);
        }
    }

    /// A message, encoded for RESP 3: it goes out as it is, but for the first byte.
    pub fn pushed(&self, message: &[u8], out: &mut Vec<u8>) {
        out.push(if self.version == Version::Three { b'>' } else { b'*' });
        out.extend_from_slice(&message[1..]);
    }
}
