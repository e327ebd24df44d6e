//! Sources that keep together in event time: none runs further ahead of the slowest than it may.
//!
//! A stage that joins a fast source with a slow one keeps what the fast one gives until the slow one has come as far. Credits do not
//! bound that, since the stage takes everything in. So sources may agree on a drift: one whose watermark is further ahead of
//! the least of all is not ready, as if it had no credit, and takes nothing in. The slowest is never held, so somebody always
//! goes on. Idle sources, and those that have ended, hold nobody.
//!
//! The lock is taken once for each watermark, that is once in a turn, not by records. It lacks a view beyond one process.

use super::collector::{Collector, Downstream, Flow, Wiring};
use crate::element::{EdgeId, Grant, Granted, Mark, Timed, Timestamp};
use potoroo_runtime::Recipient;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The lane of word from the others: no outlet has it.
const NO_LANE: u32 = u32::MAX;

/// What several sources of a pipeline agree on; see [`Stream::align`](crate::Stream::align).
#[derive(Clone, Debug)]
pub struct Alignment {
    drift: Duration,
    members: Arc<Mutex<BTreeMap<EdgeId, Member>>>,
}

#[derive(Debug)]
struct Member {
    watermark: Timestamp,
    is_idle: bool,
    /// It waits for the others; how to tell it that they have gone on.
    waiting: Option<Recipient<Grant>>,
}

impl Alignment {
    /// Sources keep within `drift` of each other, and what one turn makes. Each pipeline needs one of its own.
    pub fn new(drift: Duration) -> Self {
        Self {
            drift,
            members: Arc::default(),
        }
    }

    fn members(&self) -> MutexGuard<'_, BTreeMap<EdgeId, Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something about a member, and tells those that may go on for it. Says how far a source may be.
    fn update(&self, change: impl FnOnce(&mut BTreeMap<EdgeId, Member>)) -> Timestamp {
        let mut members = self.members();
        change(&mut members);
        let active = members.values().filter(|member| !member.is_idle);
        let least = active.map(|member| member.watermark).min();
        // Nobody is active: nobody is to be waited for.
        let limit = least.map_or(Timestamp::MAX, |least| least + self.drift);
        for member in members.values_mut().filter(|member| member.watermark <= limit) {
            if let Some(waiting) = member.waiting.take() {
                waiting.tell(Grant {
                    lane: NO_LANE,
                    what: Granted::News,
                });
            }
        }
        limit
    }

    fn open(&self, edge: EdgeId) {
        let member = Member {
            watermark: Timestamp::MIN,
            is_idle: false,
            waiting: None,
        };
        self.members().entry(edge).or_insert(member);
    }

    fn set_idle(&self, edge: EdgeId, is_idle: bool) -> Timestamp {
        self.update(|members| {
            if let Some(member) = members.get_mut(&edge) {
                member.is_idle = is_idle;
            }
        })
    }

    fn close(&self, edge: EdgeId) {
        self.update(|members| drop(members.remove(&edge)));
    }
}

/// The plan of a step that keeps together with others.
#[derive(Clone)]
pub(crate) struct AlignTo<D> {
    pub(crate) alignment: Alignment,
    pub(crate) next: D,
}

impl<T: 'static, D: Downstream<T>> Downstream<T> for AlignTo<D> {
    type Collector = Aligned<D::Collector>;

    fn open(&self, edge: EdgeId) {
        self.alignment.open(edge);
        self.next.open(edge);
    }

    fn idle(&self, edge: EdgeId) {
        self.alignment.set_idle(edge, true);
        self.next.idle(edge);
    }

    fn close(&self, edge: EdgeId) {
        self.alignment.close(edge);
        self.next.close(edge);
    }

    fn connect(&self, edge: EdgeId, wiring: &mut Wiring) -> Self::Collector {
        self.alignment.open(edge);
        self.alignment.set_idle(edge, false);
        Aligned {
            membership: Membership {
                alignment: self.alignment.clone(),
                edge,
            },
            me: wiring.me(),
            watermark: Timestamp::MIN,
            is_held: false,
            next: self.next.connect(edge, wiring),
        }
    }
}

/// One source's place among the others; it ends with the source, however that ends.
struct Membership {
    alignment: Alignment,
    edge: EdgeId,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.alignment.close(self.edge);
    }
}

/// See [`AlignTo`].
pub(crate) struct Aligned<C> {
    membership: Membership,
    me: Recipient<Grant>,
    watermark: Timestamp,
    /// Too far ahead of the others.
    is_held: bool,
    next: C,
}

impl<C> Aligned<C> {
    /// Says how far this source has come, and looks whether it may go on.
    fn look(&mut self) {
        let Membership { alignment, edge } = &self.membership;
        let limit = alignment.update(|members| {
            if let Some(member) = members.get_mut(edge) {
                member.watermark = self.watermark;
                member.is_idle = false;
            }
        });
        self.is_held = self.watermark > limit;
        if self.is_held {
            let mut waits = false;
            alignment.update(|members| {
                if let Some(member) = members.get_mut(edge) {
                    member.waiting = Some(self.me.clone());
                    waits = true;
                }
            });
            self.is_held = waits;
        }
    }
}

impl<C: Flow> Flow for Aligned<C> {
    fn mark(&mut self, mark: Mark) {
        match mark {
            Mark::Watermark(time) if time > self.watermark => {
                self.watermark = time;
                self.look();
            }
            Mark::Watermark(_) => {}
            Mark::Active => self.look(),
            Mark::Idle => {
                let Membership { alignment, edge } = &self.membership;
                alignment.set_idle(*edge, true);
            }
        }
        self.next.mark(mark);
    }

    #[inline]
    fn is_ready(&self) -> bool {
        !self.is_held && self.next.is_ready()
    }

    fn flush(&mut self) {
        self.next.flush();
    }

    fn granted(&mut self, grant: Grant) -> Option<Grant> {
        if grant.lane == NO_LANE && self.is_held {
            self.look();
        }
        self.next.granted(grant)
    }

    fn end(&mut self) {
        let Membership { alignment, edge } = &self.membership;
        alignment.close(*edge);
        self.is_held = false;
        self.next.end();
    }

    fn has_ended(&self) -> bool {
        self.next.has_ended()
    }

    fn batches_in_flight(&self) -> usize {
        self.next.batches_in_flight()
    }
}

impl<T, C: Collector<T>> Collector<T> for Aligned<C> {
    #[inline]
    fn collect(&mut self, record: T, time: Timestamp) {
        self.next.collect(record, time);
    }

    fn collect_all(&mut self, records: &mut Vec<Timed<T>>) {
        self.next.collect_all(records);
    }
}
