//! What travels between a connection and a shard: requests one way, their replies back, in one box that is used again.
//!
//! One message for everything that a turn of a connection has for a shard. The box knows its connection, so that a
//! reply costs no count of references. It is the request and the reply, never both at once.

use super::connection::KvConnection;
use super::reply::Version;
use super::resp::Words;
use super::store::Op;
use potoroo_runtime::ActorRef;
use std::fmt;

/// A shard that has written so many bytes of replies hands them over first, and does the rest when it is asked again.
pub const REPLY_BYTES: usize = 256 * 1024;

/// Buffers that have grown beyond this are not kept.
const KEEP_BYTES: usize = 64 * 1024;

/// One operation; its words lie in the batch.
#[derive(Clone, Copy, Debug)]
struct Request {
    op: Op,
    version: Version,
    words: u32,
    hash: u64,
}

/// The requests of one connection to one shard, and the replies to them.
pub struct Batch {
    /// Whose it is.
    pub home: ActorRef<KvConnection>,
    /// Which shard it is for.
    pub shard: usize,
    requests: Vec<Request>,
    /// Where each word ends.
    ends: Vec<u32>,
    bytes: Vec<u8>,
    /// Requests, words and bytes that are done with.
    done: usize,
    words_done: usize,
    bytes_done: usize,
    /// The replies that have not been taken.
    pub replies: Vec<u8>,
    /// Where each of them ends.
    reply_ends: Vec<usize>,
    /// Replies that have been taken.
    taken: usize,
}

impl Batch {
    /// An empty batch.
    pub fn new(home: ActorRef<KvConnection>, shard: usize) -> Self {
        Self {
            home,
            shard,
            requests: Vec::new(),
            ends: Vec::new(),
            bytes: Vec::new(),
            done: 0,
            words_done: 0,
            bytes_done: 0,
            replies: Vec::new(),
            reply_ends: Vec::new(),
            taken: 0,
        }
    }

    /// How many requests it holds.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether it holds no request.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// The bytes of its words.
    pub fn request_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a request.
    #[inline]
    pub fn push(&mut self, op: Op, version: Version, hash: u64, words: &[&[u8]]) {
        for word in words {
            self.bytes.extend_from_slice(word);
            self.ends.push(self.bytes.len() as u32);
        }
        self.requests.push(Request {
            op,
            version,
            words: words.len() as u32,
            hash,
        });
    }

    /// Has `execute` answer one request after the other, until all are done or the replies are long.
    #[inline]
    pub fn answer(
        &mut self,
        mut execute: impl FnMut(Op, Version, u64, &[&[u8]], &mut Vec<u8>, &ActorRef<KvConnection>),
    ) {
        self.take_replies();
        while self.replies.len() < REPLY_BYTES
            && let Some(request) = self.requests.get(self.done)
        {
            let words_to = self.words_done + request.words as usize;
            let mut from = self.bytes_done;
            let words: Words<'_> = self.ends[self.words_done..words_to]
                .iter()
                .map(|end| {
                    let word = &self.bytes[from..*end as usize];
                    from = *end as usize;
                    word
                })
                .collect();
            execute(
                request.op,
                request.version,
                request.hash,
                &words,
                &mut self.replies,
                &self.home,
            );
            self.reply_ends.push(self.replies.len());
            (self.words_done, self.bytes_done) = (words_to, from);
            self.done += 1;
        }
    }

    /// Whether all requests have been answered.
    pub fn is_answered(&self) -> bool {
        self.done == self.requests.len()
    }

    /// How many replies wait to be taken.
    pub fn replies_left(&self) -> usize {
        self.reply_ends.len() - self.taken
    }

    /// The next `count` replies, as they lie one after the other; there are as many.
    #[inline]
    pub fn next_replies(&mut self, count: usize) -> &[u8] {
        let from = match self.taken {
            0 => 0,
            taken => self.reply_ends[taken - 1],
        };
        self.taken += count;
        let to = match self.taken {
            0 => 0,
            taken => self.reply_ends[taken - 1],
        };
        &self.replies[from..to]
    }

    /// Forgets the replies.
    fn take_replies(&mut self) {
        self.replies.clear();
        self.reply_ends.clear();
        self.taken = 0;
    }

    /// Makes it as good as new, and gives back what is much.
    pub fn reset(&mut self) {
        self.take_replies();
        self.requests.clear();
        self.ends.clear();
        self.bytes.clear();
        (self.done, self.words_done, self.bytes_done) = (0, 0, 0);
        self.bytes.shrink_to(KEEP_BYTES);
        self.replies.shrink_to(KEEP_BYTES);
        self.requests.shrink_to(KEEP_BYTES / size_of::<Request>());
        self.ends.shrink_to(KEEP_BYTES / size_of::<u32>());
        self.reply_ends.shrink_to(KEEP_BYTES / size_of::<usize>());
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("shard", &self.shard)
            .field("requests", &self.requests.len())
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}
