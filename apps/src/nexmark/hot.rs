//! Query 5's operator: how often each key came in sliding windows, and the keys of a partition that came most often.
//!
//! Counts are kept per pane, the part of a window that it does not share with the next; closing a pane adds its counts to the
//! sums of the window and takes those away that have left it. A record costs one look-up, whatever the size of the window.

use hashbrown::HashTable;
use potoroo_actors::element::{Key, Routed, Timestamp};
use potoroo_actors::runtime::{Fault, Turn};
use potoroo_actors::{Operator, Output, Progress};
use std::collections::VecDeque;

/// How far apart windows begin.
pub const SLIDE_MILLIS: i64 = 2_000;

/// How many panes a window has.
pub const PANES: i64 = 5;

/// A key and how often it came.
#[derive(Clone, Copy)]
struct Count {
    key: u64,
    count: u64,
}

/// Adds `count` to what is known of a key.
#[inline]
fn add(counts: &mut HashTable<Count>, hash: u64, key: u64, count: u64) {
    let entry = counts.entry(hash, |known| known.key == key, |known| known.key.hash64());
    entry.or_insert(Count { key, count: 0 }).get_mut().count += count;
}

/// The end in milliseconds, and what came.
struct Pane {
    end: i64,
    counts: HashTable<Count>,
}

/// The first pane, if `is_it` holds for it.
fn take_first(panes: &mut VecDeque<Pane>, is_it: impl FnOnce(&Pane) -> bool) -> Option<Pane> {
    if panes.front().is_some_and(is_it) {
        return panes.pop_front();
    }
    None
}

/// A key that came most often, of those of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hot {
    /// The end of the window.
    pub(super) end: Timestamp,
    pub(super) key: u64,
    pub(super) count: u64,
}

/// Records are keys. See the module.
#[derive(Default)]
pub(super) struct HotKeys {
    /// Those that records may still come for, in order.
    open: VecDeque<Pane>,
    /// Those of the window that was fired last, in order.
    closed: VecDeque<Pane>,
    /// The sums of `closed`.
    sums: HashTable<Count>,
    /// The end of the next window, if anything is known for it.
    next: Option<i64>,
}

impl HotKeys {
    /// Which pane a record belongs to.
    #[inline]
    fn pane(&mut self, millis: i64) -> &mut Pane {
        let end = millis - millis.rem_euclid(SLIDE_MILLIS) + SLIDE_MILLIS;
        let at = match self.open.iter().rposition(|pane| pane.end == end) {
            Some(at) => at,
            None => self.new_pane(end),
        };
        &mut self.open[at]
    }

    #[cold]
    fn new_pane(&mut self, end: i64) -> usize {
        let at = self.open.partition_point(|pane| pane.end < end);
        let counts = HashTable::new();
        self.open.insert(at, Pane { end, counts });
        self.next = Some(self.next.map_or(end, |next| next.min(end)));
        at
    }

    /// Fires the window that ends at `end`.
    fn fire(&mut self, end: i64, out: &mut Output<Hot>) {
        if let Some(pane) = take_first(&mut self.open, |pane| pane.end == end) {
            for Count { key, count } in &pane.counts {
                add(&mut self.sums, key.hash64(), *key, *count);
            }
            self.closed.push_back(pane);
        }
        let most = self.sums.iter().map(|known| known.count).max().unwrap_or(0);
        let end_time = Timestamp::from_millis(end);
        out.set_time(end_time.before());
        for Count { key, count } in self.sums.iter().filter(|known| known.count == most) {
            out.emit(Hot {
                end: end_time,
                key: *key,
                count: *count,
            });
        }
        let last_left = end - (PANES - 1) * SLIDE_MILLIS;
        if let Some(left) = take_first(&mut self.closed, |pane| pane.end <= last_left) {
            self.take_away(&left);
        }
        self.next = match self.open.front() {
            _ if !self.closed.is_empty() => Some(end + SLIDE_MILLIS),
            Some(pane) => Some(pane.end),
            None => None,
        };
    }

    fn take_away(&mut self, pane: &Pane) {
        for Count { key, count } in &pane.counts {
            if let Ok(mut known) = self.sums.find_entry(key.hash64(), |known| known.key == *key) {
                known.get_mut().count -= count;
                if known.get().count == 0 {
                    known.remove();
                }
            }
        }
    }
}

impl Operator<Routed<u64>> for HotKeys {
    type Out = Hot;

    fn batch(&mut self, records: &mut Vec<Routed<u64>>, _: &mut Output<Hot>) -> Turn {
        for Routed { hash, time, record } in records.drain(..) {
            add(&mut self.pane(time.millis()).counts, hash, record, 1);
        }
        Ok(())
    }

    fn watermark(&mut self, now: Timestamp, out: &mut Output<Hot>) -> Result<Progress, Fault> {
        // A handful of windows at most: nothing comes twice between two watermarks but what has come already.
        while let Some(end) = self.next.filter(|end| Timestamp::from_millis(*end) <= now) {
            self.fire(end, out);
        }
        Ok(Progress::Done)
    }

    fn keys(&self) -> usize {
        self.sums.len()
    }
}
