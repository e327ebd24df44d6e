//! Time to live: state that no record has touched for a while goes away.
//!
//! Time is counted in ticks of a 64th of the time to live, so that an entity needs four bytes for it, and a record only writes
//! them. Each entity stands once on the agenda, for when it would go; if it has been touched since, it is put there again.
//! So state goes one time to live after it was last touched, or up to a 32nd later.

use super::lives::{Agenda, Life};
use super::{Entity, KeyGroupTable};
use crate::element::{Key, Timestamp};
use std::time::Duration;

/// How long the state of a key is kept after its last record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeToLive {
    /// For ever: for keys whose number is bounded.
    #[default]
    Forever,
    /// This long in event time: until the watermark is this long after the key's latest record.
    Event(Duration),
    /// This long by the wall clock.
    Processing(Duration),
}

/// How many ticks a time to live has.
const TICKS: i64 = 64;

/// When an entity was last touched, for another partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Touched(i64);

/// When which state goes.
#[derive(Debug)]
pub(crate) struct Expiry {
    ttl: TimeToLive,
    /// Nanoseconds.
    tick: i64,
    /// The first tick that was seen.
    base: Option<i64>,
    agenda: Agenda,
}

impl Expiry {
    pub(crate) fn new(ttl: TimeToLive) -> Self {
        let duration = match ttl {
            TimeToLive::Forever => Duration::MAX,
            TimeToLive::Event(duration) | TimeToLive::Processing(duration) => duration,
        };
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        Self {
            ttl,
            tick: (nanos / TICKS + i64::from(nanos % TICKS != 0)).max(1),
            base: None,
            agenda: Agenda::default(),
        }
    }

    /// By which clock, if by any.
    pub(crate) fn ttl(&self) -> TimeToLive {
        self.ttl
    }

    /// The entity was touched at this time, by the clock that counts.
    #[inline]
    pub(crate) fn touch<K: Key, S>(&mut self, entity: &mut Entity<K, S>, time: Timestamp) {
        let tick = time.nanos().div_euclid(self.tick);
        let base = *self.base.get_or_insert(tick);
        // Ticks from 1, since 0 means that the entity is new.
        let ticks = tick.saturating_sub(base).clamp(0, i64::from(u32::MAX) - 1) as u32 + 1;
        if entity.touched == 0 {
            let life = Life {
                hash: entity.hash(),
                life: entity.life,
            };
            self.agenda.add(self.end_of(ticks), life);
        }
        entity.touched = entity.touched.max(ticks);
    }

    /// When an entity was last touched, whichever partition it is in: in ticks since 1970.
    pub(crate) fn touched<K, S>(&self, entity: &Entity<K, S>) -> Option<Touched> {
        let base = self.base.filter(|_| entity.touched > 0)?;
        Some(Touched(base.saturating_add(i64::from(entity.touched) - 1)))
    }

    /// An entity has come from another partition, where it was last touched then.
    pub(crate) fn came<K: Key, S>(&mut self, entity: &mut Entity<K, S>, touched: Touched) {
        entity.touched = 0;
        self.touch(entity, Timestamp::from_nanos(touched.0.saturating_mul(self.tick)));
    }

    /// When an entity goes that was last touched at this tick: the first time that is a time to live after all of it.
    fn end_of(&self, ticks: u32) -> Timestamp {
        let tick = self.base.unwrap_or(0).saturating_add(i64::from(ticks) + TICKS);
        Timestamp::from_nanos(tick.saturating_mul(self.tick))
    }

    /// When the next may go.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.agenda.next()
    }

    /// Removes what is to go at `now`, looking at `count` entities at most; says whether that was all.
    pub(crate) fn expire<K: Key, S>(&mut self, now: Timestamp, count: usize, table: &mut KeyGroupTable<K, S>) -> bool {
        for _ in 0..count {
            let Some((_, life)) = self.agenda.take_due(now) else {
                return true;
            };
            let Some(entity) = table.find_life(life.hash, life.life) else {
                continue;
            };
            let end = self.end_of(entity.touched);
            if end > now {
                self.agenda.add(end, life);
            } else {
                table.remove(life.hash, |entity| entity.life == life.life);
            }
        }
        false
    }
}
