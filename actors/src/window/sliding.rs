//! Windows that overlap: each record lies in several.
//!
//! Event time is cut into panes, as long as the greatest common divisor of length and slide; a record goes into one pane of its
//! key. The aggregate of a window is kept while it slides, over two stacks: what leaves is at the front, aggregated from each
//! pane to the middle; what comes is at the back, in one aggregate. So each pane is combined about three times, whatever the
//! ratio of length and slide, and the aggregate need not be invertible.

use super::aggregate::Aggregate;
use super::options::{Late, Options};
use super::pre_aggregate::{self, PaneGrid};
use super::spans::{Grid, Span, nanos};
use super::{Firing, Windowed, Windows};
use crate::element::{KeySelector, Routed, Timestamp};
use crate::operator::{FIRINGS_MAX, Operator, Output, Progress, Setup};
use crate::state::{Agenda, Coming, KeyGroupTable, Life, moves_entities};
use potoroo_runtime::{Fault, Turn};
use std::collections::VecDeque;
use std::time::Duration;

/// Windows of one length, each a slide after the one before. See [`sliding`].
#[derive(Clone, Copy, Debug)]
pub struct Sliding {
    size: Duration,
    slide: Duration,
    /// Where windows begin, and where panes do.
    starts: Grid,
    panes: Grid,
    pane: i64,
}

/// Windows of length `size`, one of which begins each `slide`, and one at 1970.
///
/// # Panics
///
/// If one of the two is nothing, or the slide is longer than the windows.
pub fn sliding(size: Duration, slide: Duration) -> Sliding {
    let (size_nanos, slide_nanos) = (nanos("the length of a window", size), nanos("the slide", slide));
    assert!(
        slide <= size,
        "a slide of {slide:?} leaves gaps between windows of {size:?}"
    );
    let (mut pane, mut rest) = (size_nanos, slide_nanos);
    while rest != 0 {
        (pane, rest) = (rest, pane % rest);
    }
    Sliding {
        size,
        slide,
        starts: Grid::new(slide_nanos, Duration::ZERO),
        panes: Grid::new(pane, Duration::ZERO),
        pane,
    }
}

impl Sliding {
    /// One of the windows begins this long after 1970.
    #[must_use]
    pub fn offset(mut self, offset: Duration) -> Self {
        self.starts = Grid::new(nanos("the slide", self.slide), offset);
        self.panes = Grid::new(self.pane, offset);
        self
    }

    /// Windows of one length without gap and overlap, which begin on a grid of that step.
    pub(super) fn side_by_side(size: i64, starts: Grid) -> Self {
        let length = Duration::from_nanos(size.unsigned_abs());
        Self {
            size: length,
            slide: length,
            starts,
            panes: starts,
            pane: size,
        }
    }

    /// From the start of one window to the start of the next.
    pub(crate) fn slide(&self) -> Duration {
        self.slide
    }

    pub(crate) fn span_from(&self, start: Timestamp) -> Span {
        Span {
            start,
            end: start + self.size,
        }
    }

    /// The last window that the time lies in.
    pub(crate) fn last_of(&self, time: Timestamp) -> Span {
        self.span_from(self.starts.at_or_before(time))
    }

    /// The first window that the time lies in and that ends after `after`.
    pub(crate) fn first_of(&self, time: Timestamp, after: Timestamp) -> Span {
        // The first start that is after `time - size` is one slide after the last that is not.
        let not_before = time.max(after) - self.size;
        let first = self.starts.at_or_before(not_before) + self.slide;
        self.span_from(first.min(self.starts.at_or_before(time)))
    }
}

impl Windows for Sliding {
    fn operator<T, S, A>(
        &self,
        options: &Options<T>,
        aggregate: &A,
        setup: Setup<S>,
    ) -> impl Operator<Routed<T>, Out = Windowed<S::Key, A::Output>> + use<T, S, A>
    where
        T: Send + 'static,
        S: KeySelector<T>,
        A: Aggregate<T>,
    {
        SlidingOperator {
            rules: Rules {
                windows: *self,
                options: *options,
                aggregate: aggregate.clone(),
            },
            selector: setup.selector,
            table: KeyGroupTable::new(setup.arena),
            agenda: Agenda::default(),
        }
    }
}

impl pre_aggregate::Panes for Sliding {
    fn panes(&self) -> PaneGrid {
        PaneGrid(self.panes)
    }
}

struct Rules<T, A> {
    windows: Sliding,
    options: Options<T>,
    aggregate: A,
}

/// What is kept for one key.
struct Panes<P> {
    /// By their starts: those that are only kept for late records, the front, the back, and those that no window has reached.
    panes: VecDeque<(Timestamp, P)>,
    /// Panes before the front.
    front_from: usize,
    /// The front, aggregated from each pane to the middle; the first pane is the last here.
    front: Vec<P>,
    /// Panes before the end of the back.
    back_to: usize,
    back: P,
    /// The end of the window that gives a result next, if one is on the agenda.
    next: Option<Timestamp>,
    records: u64,
}

impl<P> Panes<P> {
    fn new<T, A: Aggregate<T, Partial = P>>(rules: &Rules<T, A>) -> Self {
        Self {
            panes: VecDeque::new(),
            front_from: 0,
            front: Vec::new(),
            back_to: 0,
            back: rules.aggregate.identity(),
            next: None,
            records: 0,
        }
    }

    /// The place of the pane that begins at `start`.
    fn pane<T, A: Aggregate<T, Partial = P>>(&mut self, start: Timestamp, rules: &Rules<T, A>) -> usize {
        if let Some((last, _)) = self.panes.back()
            && *last == start
        {
            return self.panes.len() - 1;
        }
        let at = self.panes.partition_point(|(other, _)| *other < start);
        if self.panes.get(at).is_none_or(|(other, _)| *other != start) {
            self.panes.insert(at, (start, rules.aggregate.identity()));
            if at < self.back_to {
                self.back_to += 1;
                self.front_from += usize::from(at < self.front_from);
            }
        }
        at
    }

    /// Forgets the aggregates: a pane that they contain has changed. They are made anew when they are next needed.
    fn forget_aggregates<T, A: Aggregate<T, Partial = P>>(&mut self, rules: &Rules<T, A>) {
        self.front.clear();
        self.back = rules.aggregate.identity();
        self.back_to = self.front_from;
    }

    /// The aggregate of a window that is not before any that this was called for.
    fn slide_to<T, A: Aggregate<T, Partial = P>>(&mut self, span: Span, rules: &Rules<T, A>) -> Option<P> {
        let aggregate = &rules.aggregate;
        while let Some((start, pane)) = self.panes.get(self.back_to)
            && *start < span.end
        {
            aggregate.combine(&mut self.back, pane);
            self.back_to += 1;
        }
        while self.front_from < self.back_to && self.panes[self.front_from].0 < span.start {
            if self.front.is_empty() {
                // All of the back becomes the front, from its last pane to its first.
                for (_, pane) in self.panes.range(self.front_from..self.back_to).rev() {
                    let mut whole = aggregate.identity();
                    aggregate.combine(&mut whole, pane);
                    if let Some(later) = self.front.last() {
                        aggregate.combine(&mut whole, later);
                    }
                    self.front.push(whole);
                }
                self.back = aggregate.identity();
            }
            self.front.pop();
            self.front_from += 1;
        }
        if self.front_from == self.back_to {
            return None;
        }
        let mut whole = aggregate.identity();
        if let Some(front) = self.front.last() {
            aggregate.combine(&mut whole, front);
        }
        aggregate.combine(&mut whole, &self.back);
        Some(whole)
    }

    /// The aggregate of any window, pane by pane.
    fn aggregate_of<T, A: Aggregate<T, Partial = P>>(&self, span: Span, rules: &Rules<T, A>) -> P {
        let mut whole = rules.aggregate.identity();
        for (_, pane) in self.panes.iter().filter(|(start, _)| span.contains(*start)) {
            rules.aggregate.combine(&mut whole, pane);
        }
        whole
    }

    /// Drops the panes that no window needs any more.
    fn drop_gone<T, A: Aggregate<T, Partial = P>>(&mut self, watermark: Timestamp, rules: &Rules<T, A>) {
        while self.front_from > 0
            && let Some((start, _)) = self.panes.front()
            && rules.options.is_gone(rules.windows.last_of(*start).end, watermark)
        {
            self.panes.pop_front();
            self.front_from -= 1;
            self.back_to -= 1;
        }
    }

    /// The window that gives a result after `after`.
    fn next_window<T, A>(&self, after: Timestamp, rules: &Rules<T, A>) -> Option<Span> {
        let windows = &rules.windows;
        self.panes
            .range(self.front_from..)
            .map(|(start, _)| *start)
            .find(|start| windows.last_of(*start).end > after)
            .map(|start| windows.first_of(start, after))
    }
}

struct SlidingOperator<T, S: KeySelector<T>, A: Aggregate<T>> {
    rules: Rules<T, A>,
    selector: S,
    table: KeyGroupTable<S::Key, Panes<A::Partial>>,
    agenda: Agenda,
}

impl<T: Send + 'static, S: KeySelector<T>, A: Aggregate<T>> SlidingOperator<T, S, A> {
    #[cold]
    fn late(&mut self, routed: Routed<T>, out: &mut Output<Windowed<S::Key, A::Output>>) -> Option<Routed<T>> {
        let Routed { hash, time, record } = routed;
        out.set_time(time);
        match self.rules.options.late {
            Late::Drop => out.drop_records(1),
            Late::SideOutput(tag) => out.side(&tag, record),
            Late::FirePerRecord => {
                let key = self.selector.key(&record);
                let mut partial = self.rules.aggregate.identity();
                self.rules.aggregate.update(&mut partial, record);
                out.emit(Windowed {
                    key,
                    span: self.rules.windows.last_of(time),
                    value: self.rules.aggregate.output(&partial),
                    firing: Firing::Late,
                });
            }
            Late::PlaceInOldest => {
                // The first pane of the oldest window that is not gone.
                let kept = out.watermark() - self.rules.options.lateness;
                let time = self.rules.windows.first_of(kept, kept).start;
                return Some(Routed { hash, time, record });
            }
        }
        None
    }
}

impl<T, S, A> Operator<Routed<T>> for SlidingOperator<T, S, A>
where
    T: Send + 'static,
    S: KeySelector<T>,
    A: Aggregate<T>,
{
    type Out = Windowed<S::Key, A::Output>;

    fn batch(&mut self, records: &mut Vec<Routed<T>>, out: &mut Output<Self::Out>) -> Turn {
        let watermark = out.watermark();
        let mut coming = Coming::all(records, &self.table);
        while let Some(mut routed) = coming.next(&self.table) {
            if routed.time < watermark {
                let last = self.rules.windows.last_of(routed.time);
                if self.rules.options.is_gone(last.end, watermark) {
                    match self.late(routed, out) {
                        Some(placed) => routed = placed,
                        None => continue,
                    }
                }
            }
            let Self {
                rules,
                selector,
                table,
                agenda,
            } = self;
            let Routed { hash, time, record } = routed;
            let entity = table.entity(
                hash,
                |key| selector.is_key(&record, key),
                || (selector.key(&record), Panes::new(rules)),
            );
            let life = Life {
                hash,
                life: entity.life,
            };
            let (key, panes) = (&entity.key, &mut entity.state);
            let at = panes.pane(rules.windows.panes.at_or_before(time), rules);
            rules.aggregate.update(&mut panes.panes[at].1, record);
            panes.records += 1;
            if at < panes.back_to {
                panes.forget_aggregates(rules);
            }
            if panes.next.is_none_or(|next| time < next) {
                // A window before the next one may have its first record, or the key may be new.
                let first = rules.windows.first_of(time, watermark);
                if first.end > watermark && panes.next.is_none_or(|next| first.end < next) {
                    panes.next = Some(first.end);
                    agenda.add(first.end, life);
                }
            }
            let mut fire = |span: Span, firing, time| {
                let value = rules.aggregate.output(&panes.aggregate_of(span, rules));
                let result = Windowed {
                    key: key.clone(),
                    span,
                    value,
                    firing,
                };
                out.emit_at(result, time);
            };
            if time < watermark {
                // Windows that have given their result and are kept are corrected.
                let mut span = rules.windows.first_of(time, watermark - rules.options.lateness);
                while span.is_complete(watermark) && span.contains(time) {
                    fire(span, Firing::Late, span.end.before());
                    span = rules.windows.span_from(span.start + rules.windows.slide);
                }
                if panes.next.is_none() {
                    // Only kept for late records.
                    agenda.add(rules.windows.last_of(time).end + rules.options.lateness, life);
                }
            } else if rules.options.fires_early(panes.records) {
                fire(rules.windows.first_of(time, watermark), Firing::Early, time);
            }
        }
        Ok(())
    }

    fn watermark(&mut self, now: Timestamp, out: &mut Output<Self::Out>) -> Result<Progress, Fault> {
        let Self {
            rules, table, agenda, ..
        } = self;
        for _ in 0..FIRINGS_MAX {
            let Some((time, life)) = agenda.take_due(now) else {
                return Ok(Progress::Done);
            };
            let Some(entity) = table.find_life(life.hash, life.life) else {
                continue;
            };
            let panes = &mut entity.state;
            if panes.next == Some(time) {
                let span = Span {
                    start: time - rules.windows.size,
                    end: time,
                };
                if let Some(whole) = panes.slide_to(span, rules) {
                    let result = Windowed {
                        key: entity.key.clone(),
                        span,
                        value: rules.aggregate.output(&whole),
                        firing: Firing::OnTime,
                    };
                    out.emit_at(result, time.before());
                }
                panes.next = panes.next_window(time, rules).map(|span| span.end);
                if let Some(next) = panes.next {
                    agenda.add(next, life);
                }
            }
            panes.drop_gone(now, rules);
            if panes.next.is_none() {
                match panes.panes.back() {
                    // Kept for late records, until the last window is gone.
                    Some((start, _)) => {
                        let gone = rules.windows.last_of(*start).end + rules.options.lateness;
                        if gone > now {
                            agenda.add(gone, life);
                        } else {
                            table.remove(life.hash, |entity| entity.life == life.life);
                        }
                    }
                    None => drop(table.remove(life.hash, |entity| entity.life == life.life)),
                }
            }
        }
        Ok(Progress::More)
    }

    fn keys(&self) -> usize {
        self.table.len()
    }

    moves_entities!(table, agenda);
}
