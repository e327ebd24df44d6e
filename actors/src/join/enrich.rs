//! Enrichment: each record meets the latest row of its key that has been seen, by the order in which they came.
//!
//! A partition keeps one row for each key. Event time decides nothing here: which row a record meets depends on which of the two
//! was faster, so a run is not like the next. Where that matters, the [as-of join](crate::Joining::as_of) is right.

use super::{Lookup, reject};
use crate::element::{Either, KeyGroup, KeySelector, Routed, Timed, Timestamp};
use crate::exchange::SideTag;
use crate::operator::{FIRINGS_MAX, Operator, Output, Progress, Setup, wall_clock};
use crate::state::{Agenda, Coming, Expiry, KeyGroupTable, MovedEntities, MovedStates, TimeToLive};
use potoroo_runtime::{Fault, Turn};
use std::any::Any;
use std::collections::VecDeque;

/// What was said about the enrichment.
pub(crate) struct EnrichRules<L, P> {
    /// How many records of a key wait for its first row.
    pub(crate) wait: usize,
    pub(crate) unmatched: Option<SideTag<L>>,
    pub(crate) lookup: P,
}

impl<L, P: Clone> Clone for EnrichRules<L, P> {
    fn clone(&self) -> Self {
        Self {
            lookup: self.lookup.clone(),
            ..*self
        }
    }
}

impl<L: Send + 'static, P> EnrichRules<L, P> {
    /// There is no row for this record.
    fn missed<R>(&self, record: L, time: Timestamp, out: &mut Output<P::Out>)
    where
        P: Lookup<L, R>,
    {
        match self.lookup.missed(record) {
            Ok(result) => out.emit_at(result, time),
            Err(record) => reject(self.unmatched, record, time, out),
        }
    }
}

/// See the module.
pub(crate) struct EnrichOperator<L, R, S: KeySelector<Either<L, R>>, P> {
    rules: EnrichRules<L, P>,
    selector: S,
    rows: KeyGroupTable<S::Key, R>,
    expiry: Expiry,
    /// Of keys without a row.
    waiting: KeyGroupTable<S::Key, VecDeque<Timed<L>>>,
    /// What still waited at the end, once that has come.
    left_over: Option<VecDeque<Timed<L>>>,
    /// The last watermark before the end.
    reached: Timestamp,
}

impl<L, R, S: KeySelector<Either<L, R>>, P> EnrichOperator<L, R, S, P> {
    pub(crate) fn new(rules: EnrichRules<L, P>, setup: Setup<S>) -> Self {
        Self {
            rules,
            selector: setup.selector,
            rows: KeyGroupTable::new(setup.arena.clone()),
            expiry: Expiry::new(setup.time_to_live),
            waiting: KeyGroupTable::new(setup.arena),
            left_over: None,
            reached: Timestamp::MIN,
        }
    }

    /// A record of a key without a row waits, if there is room.
    fn wait(&mut self, Routed { hash, time, record }: Routed<Either<L, R>>, out: &mut Output<P::Out>)
    where
        L: Send + 'static,
        P: Lookup<L, R>,
    {
        let Self {
            rules,
            selector,
            waiting,
            ..
        } = self;
        let has_room = rules.wait > 0 && {
            let known = waiting.get_mut(hash, |key| selector.is_key(&record, key));
            known.is_none_or(|entity| entity.state.len() < rules.wait)
        };
        if !has_room {
            if let Either::Left(record) = record {
                rules.missed(record, time, out);
            }
            return;
        }
        let queue = waiting.entity(
            hash,
            |key| selector.is_key(&record, key),
            || (selector.key(&record), VecDeque::new()),
        );
        if let Either::Left(record) = record {
            queue.state.push_back(Timed { time, record });
        }
    }

    /// The first row of a key: who waited for it goes on.
    fn first_row(&mut self, Routed { hash, time, record }: Routed<Either<L, R>>, out: &mut Output<P::Out>)
    where
        P: Lookup<L, R>,
    {
        let key = self.selector.key(&record);
        let Either::Right(row) = record else {
            return;
        };
        if let Some(entity) = self.waiting.remove(hash, |entity| entity.key == key) {
            for waited in entity.state {
                // Not late for the stages after, although the watermark may have passed it.
                let time = waited.time.max(out.watermark());
                out.emit_at(self.rules.lookup.found(waited.record, &row), time);
            }
        }
        let entity = self.rows.entity(hash, |_| false, || (key, row));
        match self.expiry.ttl() {
            TimeToLive::Forever => {}
            TimeToLive::Event(_) => self.expiry.touch(entity, time),
            TimeToLive::Processing(_) => self.expiry.touch(entity, wall_clock()),
        }
    }

    fn expire(&mut self, now: Timestamp) -> Progress {
        if self.expiry.expire(now, FIRINGS_MAX, &mut self.rows) {
            Progress::Done
        } else {
            Progress::More
        }
    }
}

impl<L, R, S, P> Operator<Routed<Either<L, R>>> for EnrichOperator<L, R, S, P>
where
    L: Send + 'static,
    R: Send + 'static,
    S: KeySelector<Either<L, R>>,
    P: Lookup<L, R>,
{
    type Out = P::Out;

    fn batch(&mut self, records: &mut Vec<Routed<Either<L, R>>>, out: &mut Output<P::Out>) -> Turn {
        let ttl = self.expiry.ttl();
        let wall = match ttl {
            TimeToLive::Processing(_) => wall_clock(),
            _ => Timestamp::MIN,
        };
        let mut coming = Coming::all(records, &self.rows);
        while let Some(Routed { hash, time, record }) = coming.next(&self.rows) {
            let selector = &self.selector;
            let Some(entity) = self.rows.get_mut(hash, |key| selector.is_key(&record, key)) else {
                let routed = Routed { hash, time, record };
                match routed.record {
                    Either::Left(_) => self.wait(routed, out),
                    Either::Right(_) => self.first_row(routed, out),
                }
                continue;
            };
            match ttl {
                TimeToLive::Forever => {}
                TimeToLive::Event(_) => self.expiry.touch(entity, time),
                TimeToLive::Processing(_) => self.expiry.touch(entity, wall),
            }
            match record {
                Either::Left(record) => out.emit_at(self.rules.lookup.found(record, &entity.state), time),
                Either::Right(row) => entity.state = row,
            }
        }
        Ok(())
    }

    fn watermark(&mut self, now: Timestamp, out: &mut Output<P::Out>) -> Result<Progress, Fault> {
        if now < Timestamp::MAX {
            self.reached = now;
            return Ok(match self.expiry.ttl() {
                TimeToLive::Event(_) => self.expire(now),
                _ => Progress::Done,
            });
        }
        let Self { waiting, left_over, .. } = self;
        let left_over =
            left_over.get_or_insert_with(|| waiting.iter_mut().flat_map(|entity| entity.state.drain(..)).collect());
        let count = left_over.len().min(FIRINGS_MAX);
        for Timed { time, record } in left_over.drain(..count) {
            self.rules.missed(record, time.max(self.reached), out);
        }
        Ok(if left_over.is_empty() {
            Progress::Done
        } else {
            Progress::More
        })
    }

    fn clock_due(&self) -> Option<Timestamp> {
        match self.expiry.ttl() {
            TimeToLive::Processing(_) => self.expiry.next(),
            _ => None,
        }
    }

    fn clock(&mut self, now: Timestamp, _: &mut Output<P::Out>) -> Result<Progress, Fault> {
        Ok(self.expire(now))
    }

    fn keys(&self) -> usize {
        self.rows.len() + self.waiting.len()
    }

    const MOVES_GROUPS: bool = true;

    fn take_groups(&mut self, groups: &[KeyGroup]) -> Box<dyn Any + Send> {
        let rows = MovedStates::take(groups, &mut self.rows, &self.expiry);
        let waiting = MovedEntities::take(groups, &mut self.waiting, &mut Agenda::default());
        Box::new((rows, waiting))
    }

    fn put_groups(&mut self, state: Box<dyn Any + Send>) {
        let moved = state.downcast::<(MovedStates<S::Key, R>, Box<dyn Any + Send>)>();
        let (rows, waiting) = *moved.expect("all partitions of a stage have the same operator");
        rows.put(&mut self.rows, &mut self.expiry, |_, _| {});
        MovedEntities::put(waiting, &mut self.waiting, &mut Agenda::default());
    }
}
