//! As-of join: each record meets the version that was valid at its time.
//!
//! A version is valid from its event time until that of the next one of its key. A record waits until the watermark has passed
//! its time, since until then a version may come that is newer than all that are known. A version is dropped when the watermark
//! has come to the time of the next one: no record can need it any more.

use super::timeline::Timeline;
use super::{Lookup, reject, schedule};
use crate::element::{Either, KeySelector, Routed, Timed, Timestamp};
use crate::exchange::SideTag;
use crate::operator::{FIRINGS_MAX, Operator, Output, Progress, Setup};
use crate::state::{Agenda, Coming, KeyGroupTable, Life, moves_entities};
use potoroo_runtime::{Fault, Turn};
use std::time::Duration;

/// What was said about the join.
pub(crate) struct AsOfRules<L, R, P> {
    pub(crate) tolerance: Option<Duration>,
    pub(crate) rejected_left: Option<SideTag<L>>,
    pub(crate) rejected_right: Option<SideTag<R>>,
    pub(crate) lookup: P,
}

impl<L, R, P: Clone> Clone for AsOfRules<L, R, P> {
    fn clone(&self) -> Self {
        Self {
            lookup: self.lookup.clone(),
            ..*self
        }
    }
}

impl<L, R, P> AsOfRules<L, R, P> {
    /// Whether a version is too old for a record.
    fn is_too_old(&self, version: Timestamp, record: Timestamp) -> bool {
        self.tolerance
            .is_some_and(|tolerance| record.since(version) > tolerance)
    }
}

/// What is kept of one key.
struct History<L, R> {
    waiting: Timeline<L>,
    /// The newest that is not after the watermark, if it may be needed, and all that are.
    versions: Timeline<R>,
    on_agenda: Option<Timestamp>,
}

/// The instant after.
fn just_after(time: Timestamp) -> Timestamp {
    time + Duration::from_nanos(1)
}

/// Whether no version for a record of this time can come any more: one at the watermark may.
fn is_settled(time: Timestamp, watermark: Timestamp) -> bool {
    time < watermark || watermark == Timestamp::MAX
}

impl<L, R> History<L, R> {
    fn new() -> Self {
        Self {
            waiting: Timeline::new(),
            versions: Timeline::new(),
            on_agenda: None,
        }
    }

    /// The place after the newest version that is not after `time`.
    fn after_newest(&self, time: Timestamp) -> usize {
        self.versions.first_where(|version| version > time)
    }

    /// The version that was valid at `time`.
    fn version_at<P>(&self, time: Timestamp, rules: &AsOfRules<L, R, P>) -> Option<&R> {
        let at = self.after_newest(time).checked_sub(1)?;
        let is_of_use = self
            .versions
            .time(at)
            .is_some_and(|version| !rules.is_too_old(version, time));
        self.versions.get(at).filter(|_| is_of_use)
    }

    /// Whether a record that is not before the watermark can need a version of this time.
    fn is_of_use<P>(&self, version: Timestamp, watermark: Timestamp, rules: &AsOfRules<L, R, P>) -> bool {
        let newest = self.after_newest(watermark).checked_sub(1);
        let is_newest = newest
            .and_then(|at| self.versions.time(at))
            .is_none_or(|newest| newest <= version);
        version > watermark || is_newest && !rules.is_too_old(version, watermark)
    }

    /// Drops the versions that nobody can need any more.
    fn prune<P>(&mut self, watermark: Timestamp, rules: &AsOfRules<L, R, P>) {
        while self.versions.time(1).is_some_and(|next| next <= watermark) {
            self.versions.pop_first();
        }
        self.versions
            .pop_first_if(|first| first <= watermark && rules.is_too_old(first, watermark));
    }

    /// When there is something to do.
    fn due<P>(&self, rules: &AsOfRules<L, R, P>) -> Option<Timestamp> {
        let settled = self.waiting.first().map(just_after);
        let replaced = self.versions.time(1);
        let outlived = rules.tolerance.zip(self.versions.first());
        let outlived = outlived.map(|(tolerance, version)| just_after(version + tolerance));
        settled.into_iter().chain(replaced).chain(outlived).min()
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.versions.is_empty()
    }
}

/// See the module.
pub(crate) struct AsOfOperator<L, R, S: KeySelector<Either<L, R>>, P> {
    rules: AsOfRules<L, R, P>,
    selector: S,
    table: KeyGroupTable<S::Key, History<L, R>>,
    agenda: Agenda,
}

impl<L, R, S: KeySelector<Either<L, R>>, P> AsOfOperator<L, R, S, P> {
    pub(crate) fn new(rules: AsOfRules<L, R, P>, setup: Setup<S>) -> Self {
        Self {
            rules,
            selector: setup.selector,
            table: KeyGroupTable::new(setup.arena),
            agenda: Agenda::default(),
        }
    }
}

impl<L, R, S, P> Operator<Routed<Either<L, R>>> for AsOfOperator<L, R, S, P>
where
    L: Send + 'static,
    R: Send + 'static,
    S: KeySelector<Either<L, R>>,
    P: Lookup<L, R>,
{
    type Out = P::Out;

    fn batch(&mut self, records: &mut Vec<Routed<Either<L, R>>>, out: &mut Output<P::Out>) -> Turn {
        let Self {
            rules,
            selector,
            table,
            agenda,
        } = self;
        let watermark = out.watermark();
        let mut coming = Coming::all(records, table);
        while let Some(Routed { hash, time, record }) = coming.next(table) {
            let entity = table.entity(
                hash,
                |key| selector.is_key(&record, key),
                || (selector.key(&record), History::new()),
            );
            let history = &mut entity.state;
            match record {
                Either::Left(record) if time < watermark => reject(rules.rejected_left, record, time, out),
                Either::Left(record) => history.waiting.insert(time, record),
                // One that comes late may still be the newest for records that have not been joined.
                Either::Right(record) if !history.is_of_use(time, watermark, rules) => {
                    reject(rules.rejected_right, record, time, out);
                }
                Either::Right(record) => {
                    history.versions.insert(time, record);
                    history.prune(watermark, rules);
                }
            }
            let life = Life {
                hash,
                life: entity.life,
            };
            if entity.state.is_empty() {
                table.remove(hash, |entity| entity.life == life.life);
            } else {
                let due = entity.state.due(rules);
                schedule(agenda, &mut entity.state.on_agenda, due, life);
            }
        }
        Ok(())
    }

    fn watermark(&mut self, now: Timestamp, out: &mut Output<P::Out>) -> Result<Progress, Fault> {
        let Self {
            rules, table, agenda, ..
        } = self;
        let mut room = FIRINGS_MAX;
        while room > 0 {
            let Some((time, life)) = agenda.take_due(now) else {
                return Ok(Progress::Done);
            };
            room -= 1;
            let Some(entity) = table.find_life(life.hash, life.life) else {
                continue;
            };
            let history = &mut entity.state;
            if history.on_agenda != Some(time) {
                continue;
            }
            history.on_agenda = None;
            while room > 0
                && let Some(Timed { time, record }) = history.waiting.pop_first_if(|time| is_settled(time, now))
            {
                room -= 1;
                let result = match history.version_at(time, rules) {
                    Some(version) => Some(rules.lookup.found(record, version)),
                    None => rules.lookup.missed(record).ok(),
                };
                if let Some(result) = result {
                    out.emit_at(result, time);
                }
            }
            if !history.waiting.first().is_some_and(|time| is_settled(time, now)) {
                history.prune(now, rules);
            }
            if history.is_empty() {
                table.remove(life.hash, |entity| entity.life == life.life);
            } else {
                let due = history.due(rules);
                schedule(agenda, &mut history.on_agenda, due, life);
            }
        }
        Ok(Progress::More)
    }

    fn keys(&self) -> usize {
        self.table.len()
    }

    moves_entities!(table, agenda);
}
