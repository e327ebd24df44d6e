//! Window join over windows that lie on a grid: all left records of a key meet all right ones of the same window.
//!
//! A record is kept once per key, whatever the number of windows it lies in, until the last of them is gone. A window is a
//! stretch of each side; its results are given in slices, pair by pair.

use super::timeline::Timeline;
use super::{Pairing, reject, schedule};
use crate::element::{Either, Key, KeySelector, Routed, Timestamp};
use crate::exchange::SideTag;
use crate::operator::{FIRINGS_MAX, Operator, Output, Progress, Setup};
use crate::state::{Agenda, Coming, KeyGroupTable, Life, moves_entities};
use crate::window::{Firing, Session, Sliding, Span, Tumbling, Windowed};
use potoroo_runtime::{Fault, Turn};
use std::ops::Range;
use std::time::Duration;

/// The windows of a [window join](crate::Joining::window): [tumbling](crate::window::tumbling),
/// [sliding](crate::window::sliding) or [session](crate::window::session) windows.
#[derive(Clone, Copy, Debug)]
pub struct JoinWindows(pub(crate) Shape);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Aligned(Sliding),
    Session(Session),
}

impl From<Tumbling> for JoinWindows {
    fn from(windows: Tumbling) -> Self {
        Self(Shape::Aligned(windows.as_sliding()))
    }
}

impl From<Sliding> for JoinWindows {
    fn from(windows: Sliding) -> Self {
        Self(Shape::Aligned(windows))
    }
}

impl From<Session> for JoinWindows {
    fn from(windows: Session) -> Self {
        Self(Shape::Session(windows))
    }
}

/// What was said about a window join.
pub(crate) struct WindowRules<L, R, P> {
    pub(crate) lateness: Duration,
    pub(crate) rejected_left: Option<SideTag<L>>,
    pub(crate) rejected_right: Option<SideTag<R>>,
    pub(crate) pairing: P,
}

impl<L, R, P: Clone> Clone for WindowRules<L, R, P> {
    fn clone(&self) -> Self {
        Self {
            pairing: self.pairing.clone(),
            ..*self
        }
    }
}

impl<L, R, P> WindowRules<L, R, P> {
    /// When a window with this end is gone.
    pub(super) fn gone_at(&self, end: Timestamp) -> Timestamp {
        end + self.lateness
    }

    pub(super) fn reject<U>(&self, record: Either<L, R>, time: Timestamp, out: &mut Output<U>)
    where
        L: Send + 'static,
        R: Send + 'static,
    {
        match record {
            Either::Left(record) => reject(self.rejected_left, record, time, out),
            Either::Right(record) => reject(self.rejected_right, record, time, out),
        }
    }
}

/// Both sides of one key.
pub(super) struct Sides<L, R> {
    pub(super) left: Timeline<L>,
    pub(super) right: Timeline<R>,
}

/// What lies in one window of one key.
pub(super) struct Bag {
    pub(super) left: Range<usize>,
    pub(super) right: Range<usize>,
}

/// What is said with each result.
pub(super) struct Label<'a, K> {
    pub(super) key: &'a K,
    pub(super) span: Span,
    pub(super) firing: Firing,
}

impl<K: Key> Label<'_, K> {
    pub(super) fn give<O>(&self, value: O, out: &mut Output<Windowed<K, O>>) {
        let Self { key, span, firing } = *self;
        let result = Windowed {
            key: key.clone(),
            span,
            value,
            firing,
        };
        out.emit_at(result, span.end.before());
    }
}

impl<L, R> Sides<L, R> {
    pub(super) fn new() -> Self {
        Self {
            left: Timeline::new(),
            right: Timeline::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty() && self.right.is_empty()
    }

    pub(super) fn insert(&mut self, time: Timestamp, record: Either<L, R>) {
        match record {
            Either::Left(record) => self.left.insert(time, record),
            Either::Right(record) => self.right.insert(time, record),
        }
    }

    /// All of it.
    pub(super) fn whole(&self) -> Bag {
        Bag {
            left: 0..self.left.len(),
            right: 0..self.right.len(),
        }
    }

    fn bag(&self, span: Span) -> Bag {
        Bag {
            left: self.left.within(span),
            right: self.right.within(span),
        }
    }

    /// Gives the results of a window from the `from`th on, `room` at most; says how many have been given in all, if there are
    /// more.
    pub(super) fn give<K: Key, P: Pairing<L, R>>(
        &self,
        bag: &Bag,
        pairing: &P,
        label: &Label<'_, K>,
        (from, room): (usize, &mut usize),
        out: &mut Output<Windowed<K, P::Out>>,
    ) -> Option<usize> {
        let (lefts, rights) = (bag.left.len(), bag.right.len());
        let all = match (lefts, rights) {
            (_, 0) if P::LEFT => lefts,
            (0, _) if P::RIGHT => rights,
            _ => lefts * rights,
        };
        let to = all.min(from.saturating_add(*room));
        for at in from..to {
            // Left by left, each with all of the right.
            let (left, right) = match rights {
                0 => (at, 0),
                _ => (at / rights, at % rights),
            };
            let left = self.left.get(bag.left.start + left).filter(|_| lefts > 0);
            let right = self.right.get(bag.right.start + right).filter(|_| rights > 0);
            let value = match (left, right) {
                (Some(left), Some(right)) => Some(pairing.both(left, right)),
                (Some(left), None) => pairing.left(left),
                (None, Some(right)) => pairing.right(right),
                (None, None) => None,
            };
            if let Some(value) = value {
                label.give(value, out);
            }
        }
        *room -= to - from;
        (to < all).then_some(to)
    }

    /// What a record changes in the results of a window that have been given. It is not among the records yet.
    pub(super) fn amend<K: Key, P: Pairing<L, R>>(
        &self,
        record: &Either<L, R>,
        bag: &Bag,
        pairing: &P,
        label: &Label<'_, K>,
        out: &mut Output<Windowed<K, P::Out>>,
    ) {
        let void = Label {
            firing: Firing::Retracted,
            ..*label
        };
        let (lefts, rights) = (bag.left.clone(), bag.right.clone());
        match record {
            Either::Left(left) => {
                if rights.is_empty() {
                    pairing.left(left).into_iter().for_each(|value| label.give(value, out));
                }
                // The first left record: the right ones have been given as meeting nobody.
                if lefts.is_empty() && P::RIGHT {
                    let alone = self
                        .right
                        .range(rights.clone())
                        .filter_map(|right| pairing.right(right));
                    alone.for_each(|value| void.give(value, out));
                }
                let pairs = self.right.range(rights).map(|right| pairing.both(left, right));
                pairs.for_each(|value| label.give(value, out));
            }
            Either::Right(right) => {
                if lefts.is_empty() {
                    pairing
                        .right(right)
                        .into_iter()
                        .for_each(|value| label.give(value, out));
                }
                if rights.is_empty() && P::LEFT {
                    let alone = self.left.range(lefts.clone()).filter_map(|left| pairing.left(left));
                    alone.for_each(|value| void.give(value, out));
                }
                let pairs = self.left.range(lefts).map(|left| pairing.both(left, right));
                pairs.for_each(|value| label.give(value, out));
            }
        }
    }
}

/// What is kept of one key.
struct Panes<L, R> {
    sides: Sides<L, R>,
    /// The next window to give its results.
    next: Option<Span>,
    /// How many results of it have been given.
    given: usize,
    on_agenda: Option<Timestamp>,
}

impl<L, R> Panes<L, R> {
    /// When there is something to do.
    fn due<P>(&self, windows: &Sliding, rules: &WindowRules<L, R, P>) -> Option<Timestamp> {
        let firsts = [self.sides.left.first(), self.sides.right.first()];
        let first = firsts.into_iter().flatten().min();
        let gone = first.map(|time| rules.gone_at(windows.last_of(time).end));
        let complete = self.next.map(|span| span.end);
        complete.into_iter().chain(gone).min()
    }

    /// The first window after `last` that has records.
    fn window_after(&self, last: Span, windows: &Sliding) -> Option<Span> {
        if last.end == Timestamp::MAX {
            return None;
        }
        let next_start = last.start + windows.slide();
        let firsts = [
            self.sides.left.first_from(next_start),
            self.sides.right.first_from(next_start),
        ];
        let first = firsts.into_iter().flatten().min()?;
        Some(windows.first_of(first, last.end))
    }
}

/// See the module.
pub(crate) struct AlignedJoin<L, R, S: KeySelector<Either<L, R>>, P> {
    windows: Sliding,
    rules: WindowRules<L, R, P>,
    selector: S,
    table: KeyGroupTable<S::Key, Panes<L, R>>,
    agenda: Agenda,
}

impl<L, R, S: KeySelector<Either<L, R>>, P> AlignedJoin<L, R, S, P> {
    pub(crate) fn new(windows: Sliding, rules: WindowRules<L, R, P>, setup: Setup<S>) -> Self {
        Self {
            windows,
            rules,
            selector: setup.selector,
            table: KeyGroupTable::new(setup.arena),
            agenda: Agenda::default(),
        }
    }
}

impl<L, R, S, P> Operator<Routed<Either<L, R>>> for AlignedJoin<L, R, S, P>
where
    L: Send + 'static,
    R: Send + 'static,
    S: KeySelector<Either<L, R>>,
    P: Pairing<L, R>,
{
    type Out = Windowed<S::Key, P::Out>;

    fn batch(&mut self, records: &mut Vec<Routed<Either<L, R>>>, out: &mut Output<Self::Out>) -> Turn {
        let Self {
            windows,
            rules,
            selector,
            table,
            agenda,
        } = self;
        let watermark = out.watermark();
        let mut coming = Coming::all(records, table);
        while let Some(Routed { hash, time, record }) = coming.next(table) {
            let last = windows.last_of(time);
            if rules.gone_at(last.end) <= watermark {
                rules.reject(record, time, out);
                continue;
            }
            let entity = table.entity(
                hash,
                |key| selector.is_key(&record, key),
                || {
                    let panes = Panes {
                        sides: Sides::new(),
                        next: None,
                        given: 0,
                        on_agenda: None,
                    };
                    (selector.key(&record), panes)
                },
            );
            let life = Life {
                hash,
                life: entity.life,
            };
            let panes = &mut entity.state;
            // Windows that have given their results and are not gone.
            let mut span = windows.first_of(time, watermark - rules.lateness);
            while span.is_complete(watermark) && span.start <= last.start {
                let label = Label {
                    key: &entity.key,
                    span,
                    firing: Firing::Late,
                };
                let bag = panes.sides.bag(span);
                panes.sides.amend(&record, &bag, &rules.pairing, &label, out);
                span = windows.span_from(span.start + windows.slide());
            }
            panes.sides.insert(time, record);
            if !last.is_complete(watermark) {
                let first = windows.first_of(time, watermark);
                if panes.next.is_none_or(|next| first < next) {
                    panes.next = Some(first);
                }
            }
            let due = panes.due(windows, rules);
            schedule(agenda, &mut panes.on_agenda, due, life);
        }
        Ok(())
    }

    fn watermark(&mut self, now: Timestamp, out: &mut Output<Self::Out>) -> Result<Progress, Fault> {
        let Self {
            windows,
            rules,
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
            let panes = &mut entity.state;
            if panes.on_agenda != Some(time) {
                continue;
            }
            panes.on_agenda = None;
            if let Some(span) = panes.next.filter(|span| span.end <= time) {
                let label = Label {
                    key: &entity.key,
                    span,
                    firing: Firing::OnTime,
                };
                let bag = panes.sides.bag(span);
                let from = (panes.given, &mut room);
                match panes.sides.give(&bag, &rules.pairing, &label, from, out) {
                    Some(given) => panes.given = given,
                    None => {
                        panes.given = 0;
                        panes.next = panes.window_after(span, windows);
                    }
                }
            }
            // What waits for its window's results is not gone: that is later.
            if panes.next.is_none_or(|next| next.end > time) {
                let is_gone = |record| rules.gone_at(windows.last_of(record).end) <= time;
                while panes.sides.left.pop_first_if(is_gone).is_some() {}
                while panes.sides.right.pop_first_if(is_gone).is_some() {}
            }
            if panes.sides.is_empty() {
                table.remove(life.hash, |entity| entity.life == life.life);
            } else {
                let due = panes.due(windows, rules);
                schedule(agenda, &mut panes.on_agenda, due, life);
            }
        }
        Ok(Progress::More)
    }

    fn keys(&self) -> usize {
        self.table.len()
    }

    moves_entities!(table, agenda);
}
