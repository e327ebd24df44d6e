//! Query 11's operator: how often each key came, until it did not come for a while.
//!
//! A session is over a gap after its last record; a record at just that time opens a new one. Records of several sources are out
//! of order among each other, so a record may bring two sessions together. Each session has one entry in a queue by time, which
//! is put back when its time has come and the session has gone on meanwhile: a record does not touch the queue.

use hashbrown::HashTable;
use potoroo_actors::element::{Key, Routed, Timestamp};
use potoroo_actors::runtime::{Fault, Turn};
use potoroo_actors::{FIRINGS_MAX, Operator, Output, Progress};
use std::collections::BTreeMap;

/// How long a key stays away until its session is over.
pub const GAP_MILLIS: i64 = 10_000;

/// Times are in milliseconds.
#[derive(Clone, Copy)]
struct Session {
    key: u64,
    first: i64,
    last: i64,
    /// Where its entry in the queue is.
    queued: i64,
    count: u64,
}

impl Session {
    fn end(&self) -> i64 {
        self.last + GAP_MILLIS
    }

    /// Whether there is no gap between this and another.
    #[inline]
    fn meets(&self, key: u64, first: i64, last: i64) -> bool {
        self.key == key && first < self.end() && self.first < last + GAP_MILLIS
    }
}

/// Records are keys; what is given are keys and counts. See the module.
#[derive(Default)]
pub(super) struct Sessions {
    open: HashTable<Session>,
    /// Hashes and keys, by when their sessions may be over.
    queue: BTreeMap<i64, Vec<(u64, u64)>>,
    /// The latest record.
    latest: i64,
}

impl Sessions {
    #[inline]
    fn record(&mut self, hash: u64, key: u64, millis: i64) {
        let is_latest = millis >= self.latest;
        self.latest = self.latest.max(millis);
        let Some(session) = self.open.find_mut(hash, |known| known.meets(key, millis, millis)) else {
            self.begin(hash, key, millis);
            return;
        };
        session.count += 1;
        if millis > session.last {
            session.last = millis;
            // Nothing lies after the latest record of all: there is nothing to meet.
            if is_latest {
                return;
            }
        } else if millis < session.first {
            session.first = millis;
        } else {
            return;
        }
        self.bring_together(hash, key, millis);
    }

    #[cold]
    fn begin(&mut self, hash: u64, key: u64, millis: i64) {
        let session = Session {
            key,
            first: millis,
            last: millis,
            queued: millis + GAP_MILLIS,
            count: 1,
        };
        self.queue.entry(session.queued).or_default().push((hash, key));
        self.open.insert_unique(hash, session, |known| known.key.hash64());
    }

    /// Two sessions may have become one by a record at `millis`.
    #[cold]
    fn bring_together(&mut self, hash: u64, key: u64, millis: i64) {
        let Ok(one) = self.open.find_entry(hash, |known| known.meets(key, millis, millis)) else {
            return;
        };
        let (mut session, _) = one.remove();
        if let Ok(other) = self
            .open
            .find_entry(hash, |known| known.meets(key, session.first, session.last))
        {
            let (other, _) = other.remove();
            session.first = session.first.min(other.first);
            session.last = session.last.max(other.last);
            session.count += other.count;
            // The earlier entry stays the session's; the later finds nothing.
            session.queued = session.queued.min(other.queued);
        }
        self.open.insert_unique(hash, session, |known| known.key.hash64());
    }

    /// The time of an entry of the queue has come.
    fn due(&mut self, queued: i64, (hash, key): (u64, u64), now: Timestamp, out: &mut Output<(u64, u64)>) {
        let known = self
            .open
            .find_entry(hash, |known| known.key == key && known.queued == queued);
        let Ok(mut known) = known else {
            return;
        };
        let end = known.get().end();
        if Timestamp::from_millis(end) <= now {
            let (session, _) = known.remove();
            out.emit_at((key, session.count), Timestamp::from_millis(end).before());
        } else {
            known.get_mut().queued = end;
            self.queue.entry(end).or_default().push((hash, key));
        }
    }
}

impl Operator<Routed<u64>> for Sessions {
    type Out = (u64, u64);

    fn batch(&mut self, records: &mut Vec<Routed<u64>>, _: &mut Output<Self::Out>) -> Turn {
        for Routed { hash, time, record } in records.drain(..) {
            self.record(hash, record, time.millis());
        }
        Ok(())
    }

    fn watermark(&mut self, now: Timestamp, out: &mut Output<Self::Out>) -> Result<Progress, Fault> {
        let mut fired = 0;
        while let Some(first) = self.queue.first_entry()
            && Timestamp::from_millis(*first.key()) <= now
        {
            if fired >= FIRINGS_MAX {
                return Ok(Progress::More);
            }
            let (queued, entries) = first.remove_entry();
            fired += entries.len();
            for entry in entries {
                self.due(queued, entry, now, out);
            }
        }
        Ok(Progress::Done)
    }

    fn keys(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
