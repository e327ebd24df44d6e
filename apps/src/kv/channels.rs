//! Who listens to which channel.
//!
//! A channel belongs to the shard of its name; patterns are known to all shards, since each must hold them against the
//! channels it has. A message is encoded once for all subscribers. Nothing is kept for those who come later.

use super::connection::{ConnectionMsg, KvConnection};
use super::glob;
use super::reply::{Reply, Version};
use super::store::Op;
use potoroo_runtime::{ActorId, ActorRef};
use std::collections::HashMap;
use std::sync::Arc;

type Subscribers = Vec<ActorRef<KvConnection>>;

/// The channels of a shard.
#[derive(Debug, Default)]
pub struct Channels {
    channels: HashMap<Box<[u8]>, Subscribers>,
    patterns: HashMap<Box<[u8]>, Subscribers>,
}

fn add(map: &mut HashMap<Box<[u8]>, Subscribers>, name: &[u8], client: &ActorRef<KvConnection>) {
    let subscribers = map.entry(name.into()).or_default();
    if !subscribers.iter().any(|other| other.id() == client.id()) {
        subscribers.push(client.clone());
    }
}

fn remove(map: &mut HashMap<Box<[u8]>, Subscribers>, name: &[u8], client: ActorId) {
    if let Some(subscribers) = map.get_mut(name) {
        subscribers.retain(|other| other.id() != client);
        if subscribers.is_empty() {
            map.remove(name);
        }
    }
}

/// A message as it is sent, but for the first byte, which depends on the subscriber's version.
fn encoded(words: &[&[u8]]) -> Arc<[u8]> {
    let mut out = Vec::with_capacity(64 + words.iter().map(|word| word.len()).sum::<usize>());
    let mut reply = Reply::new(&mut out, Version::Three);
    reply.push(words.len());
    words.iter().for_each(|word| reply.bulk(word));
    out.into()
}

impl Channels {
    /// Does one of the operations on channels.
    pub fn execute(
        &mut self,
        op: Op,
        words: &[&[u8]],
        version: Version,
        out: &mut Vec<u8>,
        client: &ActorRef<KvConnection>,
    ) {
        let name = words.first().copied().unwrap_or_default();
        match op {
            Op::Subscribe => add(&mut self.channels, name, client),
            Op::PSubscribe => add(&mut self.patterns, name, client),
            Op::Unsubscribe => remove(&mut self.channels, name, client.id()),
            Op::PUnsubscribe => remove(&mut self.patterns, name, client.id()),
            Op::Publish => {
                let told = self.publish(name, words[1]);
                Reply::new(out, version).integer(told);
            }
            Op::NumSub => {
                let subscribers = self.channels.get(name).map_or(0, Vec::len);
                out.extend_from_slice(&(subscribers as i64).to_le_bytes());
            }
            Op::NumPat => Reply::new(out, version).count(self.patterns.len()),
            Op::Channels => {
                let at = out.len();
                out.extend_from_slice(&[0; 8]);
                let mut found: i64 = 0;
                for channel in self.channels.keys().filter(|channel| glob::matches(name, channel)) {
                    Reply::new(out, version).bulk(channel);
                    found += 1;
                }
                out[at..at + 8].copy_from_slice(&found.to_le_bytes());
            }
            _ => {}
        }
    }

    /// Tells a message to all who listen; says to how many.
    fn publish(&self, channel: &[u8], message: &[u8]) -> i64 {
        let mut told = 0;
        if let Some(subscribers) = self.channels.get(channel) {
            let message = encoded(&[b"message", channel, message]);
            for subscriber in subscribers {
                subscriber.tell(ConnectionMsg::Push(message.clone()));
            }
            told += subscribers.len() as i64;
        }
        for (pattern, subscribers) in &self.patterns {
            if glob::matches(pattern, channel) {
                let message = encoded(&[b"pmessage", pattern, channel, message]);
                for subscriber in subscribers {
                    subscriber.tell(ConnectionMsg::Push(message.clone()));
                }
                told += subscribers.len() as i64;
            }
        }
        told
    }

    /// Forgets a client.
    pub fn forget(&mut self, client: ActorId) {
        for map in [&mut self.channels, &mut self.patterns] {
            map.retain(|_, subscribers| {
                subscribers.retain(|other| other.id() != client);
                !subscribers.is_empty()
            });
        }
    }
}
