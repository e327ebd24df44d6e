//! Interval join: records of a key whose event times differ by no less than this and no more than that.
//!
//! Whoever comes second finds the other kept, so each pair is given once, by the time of the later of the two. A record is kept
//! until the watermark says that nobody in its reach can come any more; one that has no such time ahead is not kept at all.

use super::timeline::Timeline;
use super::{Pairing, reject, schedule};
use crate::element::{Either, KeySelector, Routed, Timed, Timestamp};
use crate::exchange::SideTag;
use crate::operator::{FIRINGS_MAX, Operator, Output, Progress, Setup};
use crate::state::{Agenda, Coming, KeyGroupTable, Life, moves_entities};
use potoroo_runtime::{Fault, Turn};
use std::ops::Range;
use std::time::Duration;

/// How far a right record is from a left one, in event time: [`before`] it or [`after`] it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(i64);

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// So long before the left record.
pub fn before(duration: Duration) -> Offset {
    Offset(-nanos(duration))
}

/// So long after the left record.
pub fn after(duration: Duration) -> Offset {
    Offset(nanos(duration))
}

/// What happens with a record for which there is no room among those that are kept of its side and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Full {
    /// The one of the least event time goes, which may be the record itself.
    DropOldest,
    /// The record goes, after it has met all that are kept of the other side.
    DropIncoming,
    /// The job ends.
    Fail,
}

/// From how long before a record to how long after it others are in its reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    lower: i64,
    upper: i64,
}

/// How long after `earlier` this is.
fn difference(time: Timestamp, earlier: Timestamp) -> i128 {
    i128::from(time.nanos()) - i128::from(earlier.nanos())
}

impl Reach {
    /// # Panics
    ///
    /// If nothing lies between.
    pub(crate) fn new(Offset(lower): Offset, Offset(upper): Offset) -> Self {
        assert!(lower <= upper, "an interval from {lower} ns to {upper} ns is empty");
        Self { lower, upper }
    }

    /// As it looks from the other side.
    fn flipped(self) -> Self {
        Self {
            lower: -self.upper,
            upper: -self.lower,
        }
    }

    /// The places of those in reach of a record at `time`.
    fn others<T>(self, time: Timestamp, timeline: &Timeline<T>) -> Range<usize> {
        let from = timeline.first_where(|other| difference(other, time) >= i128::from(self.lower));
        let to = timeline.first_where(|other| difference(other, time) > i128::from(self.upper));
        from..to
    }

    /// Whether nobody in reach of a record at `time` can come any more.
    fn is_over(self, time: Timestamp, watermark: Timestamp) -> bool {
        watermark == Timestamp::MAX || difference(watermark, time) > i128::from(self.upper)
    }

    /// The last instant in reach of a record at `time`, or its own.
    fn last_of(self, time: Timestamp) -> Timestamp {
        Timestamp::from_nanos(time.nanos().saturating_add(self.upper.max(0)))
    }

    /// The first watermark with which it is over.
    fn over_at(self, time: Timestamp) -> Timestamp {
        Timestamp::from_nanos(time.nanos().saturating_add(self.upper).saturating_add(1))
    }
}

/// What was said about the join.
pub(crate) struct IntervalRules<L, R, P> {
    pub(crate) reach: Reach,
    /// How many records of each side of a key are kept at most.
    pub(crate) most: Option<(usize, Full)>,
    pub(crate) rejected_left: Option<SideTag<L>>,
    pub(crate) rejected_right: Option<SideTag<R>>,
    pub(crate) pairing: P,
}

impl<L, R, P: Clone> Clone for IntervalRules<L, R, P> {
    fn clone(&self) -> Self {
        Self {
            pairing: self.pairing.clone(),
            ..*self
        }
    }
}

struct Held<T> {
    record: T,
    /// It has met somebody.
    is_matched: bool,
}

/// What is kept of one key.
struct Sides<L, R> {
    left: Timeline<Held<L>>,
    right: Timeline<Held<R>>,
    on_agenda: Option<Timestamp>,
}

impl<L, R> Sides<L, R> {
    /// When the next record is to be forgotten.
    fn due(&self, reach: Reach) -> Option<Timestamp> {
        let left = self.left.first().map(|time| reach.over_at(time));
        let right = self.right.first().map(|time| reach.flipped().over_at(time));
        left.into_iter().chain(right).min()
    }
}

/// A key as it looks to a record of one side.
struct View<'a, A, B> {
    reach: Reach,
    own: &'a mut Timeline<Held<A>>,
    other: &'a mut Timeline<Held<B>>,
    most: Option<(usize, Full)>,
    rejected: Option<SideTag<A>>,
}

impl<A: Send + 'static, B> View<'_, A, B> {
    /// Gives the pairs that a record makes with those that came before it, and keeps it for those that come after.
    fn take<U>(
        self,
        Timed { time, record }: Timed<A>,
        both: impl Fn(&A, &B) -> U,
        alone: impl Fn(&A) -> Option<U>,
        out: &mut Output<U>,
    ) -> Turn {
        if time < out.watermark() {
            reject(self.rejected, record, time, out);
            return Ok(());
        }
        let met = self.reach.others(time, self.other);
        let is_matched = !met.is_empty();
        for held in self.other.range_mut(met) {
            held.record.is_matched = true;
            out.emit_at(both(&record, &held.record.record), time.max(held.time));
        }
        if self.reach.is_over(time, out.watermark()) {
            if !is_matched && let Some(result) = alone(&record) {
                out.emit_at(result, time);
            }
            return Ok(());
        }
        let is_full = self.most.filter(|(most, _)| self.own.len() >= *most);
        match is_full.map(|(_, full)| full) {
            None => self.own.insert(time, Held { record, is_matched }),
            Some(Full::DropOldest) => {
                self.own.insert(time, Held { record, is_matched });
                if let Some(Timed { time, record }) = self.own.pop_first() {
                    reject(self.rejected, record.record, time, out);
                }
            }
            Some(Full::DropIncoming) => reject(self.rejected, record, time, out),
            Some(Full::Fail) => return Err(Fault::new("a key has more records to keep than the join may")),
        }
        Ok(())
    }
}

/// Forgets what nobody can meet any more, `room` records at most.
fn forget<T, U>(
    timeline: &mut Timeline<Held<T>>,
    (reach, now): (Reach, Timestamp),
    alone: impl Fn(&T) -> Option<U>,
    room: &mut usize,
    out: &mut Output<U>,
) {
    while *room > 0
        && let Some(Timed { time, record: held }) = timeline.pop_first_if(|time| reach.is_over(time, now))
    {
        *room -= 1;
        if !held.is_matched
            && let Some(result) = alone(&held.record)
        {
            out.emit_at(result, reach.last_of(time));
        }
    }
}

/// See the module.
pub(crate) struct IntervalOperator<L, R, S: KeySelector<Either<L, R>>, P> {
    rules: IntervalRules<L, R, P>,
    selector: S,
    table: KeyGroupTable<S::Key, Sides<L, R>>,
    agenda: Agenda,
}

impl<L, R, S: KeySelector<Either<L, R>>, P> IntervalOperator<L, R, S, P> {
    pub(crate) fn new(rules: IntervalRules<L, R, P>, setup: Setup<S>) -> Self {
        Self {
            rules,
            selector: setup.selector,
            table: KeyGroupTable::new(setup.arena),
            agenda: Agenda::default(),
        }
    }
}

impl<L, R, S, P> Operator<Routed<Either<L, R>>> for IntervalOperator<L, R, S, P>
where
    L: Send + 'static,
    R: Send + 'static,
    S: KeySelector<Either<L, R>>,
    P: Pairing<L, R>,
{
    type Out = P::Out;

    fn batch(&mut self, records: &mut Vec<Routed<Either<L, R>>>, out: &mut Output<P::Out>) -> Turn {
        let Self {
            rules,
            selector,
            table,
            agenda,
        } = self;
        let IntervalRules {
            reach, most, pairing, ..
        } = rules;
        let mut coming = Coming::all(records, table);
        while let Some(Routed { hash, time, record }) = coming.next(table) {
            let entity = table.entity(
                hash,
                |key| selector.is_key(&record, key),
                || {
                    let sides = Sides {
                        left: Timeline::new(),
                        right: Timeline::new(),
                        on_agenda: None,
                    };
                    (selector.key(&record), sides)
                },
            );
            let Sides { left, right, .. } = &mut entity.state;
            match record {
                Either::Left(record) => View {
                    reach: *reach,
                    own: left,
                    other: right,
                    most: *most,
                    rejected: rules.rejected_left,
                }
                .take(
                    Timed { time, record },
                    |left, right| pairing.both(left, right),
                    |left| pairing.left(left),
                    out,
                )?,
                Either::Right(record) => View {
                    reach: reach.flipped(),
                    own: right,
                    other: left,
                    most: *most,
                    rejected: rules.rejected_right,
                }
                .take(
                    Timed { time, record },
                    |right, left| pairing.both(left, right),
                    |right| pairing.right(right),
                    out,
                )?,
            }
            let life = Life {
                hash,
                life: entity.life,
            };
            match entity.state.due(*reach) {
                None => drop(table.remove(hash, |entity| entity.life == life.life)),
                due => schedule(agenda, &mut entity.state.on_agenda, due, life),
            }
        }
        Ok(())
    }

    fn watermark(&mut self, now: Timestamp, out: &mut Output<P::Out>) -> Result<Progress, Fault> {
        let Self {
            rules: IntervalRules { reach, pairing, .. },
            table,
            agenda,
            ..
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
            let sides = &mut entity.state;
            if sides.on_agenda != Some(time) {
                continue;
            }
            sides.on_agenda = None;
            forget(
                &mut sides.left,
                (*reach, now),
                |left| pairing.left(left),
                &mut room,
                out,
            );
            let flipped = (reach.flipped(), now);
            forget(&mut sides.right, flipped, |right| pairing.right(right), &mut room, out);
            match sides.due(*reach) {
                None => drop(table.remove(life.hash, |entity| entity.life == life.life)),
                due => schedule(agenda, &mut sides.on_agenda, due, life),
            }
        }
        Ok(Progress::More)
    }

    fn keys(&self) -> usize {
        self.table.len()
    }

    moves_entities!(table, agenda);
}
