//! Windows side by side: each record lies in one.
//!
//! The open windows of a partition, oldest first, each a table of keys in an arena of its own.

use super::aggregate::Aggregate;
use super::dense::{Dense, Entry};
use super::options::{Late, Options};
use super::pre_aggregate::{PaneGrid, Panes};
use super::sliding::Sliding;
use super::spans::{Grid, Span, nanos};
use super::{Firing, Windowed, Windows};
use crate::element::{KeyGroup, KeySelector, Routed, Timestamp};
use crate::operator::{FIRINGS_MAX, Operator, Output, Progress, Setup};
use crate::state::in_groups;
use potoroo_runtime::arena::{Arena, SubArena};
use potoroo_runtime::{Fault, Turn};
use std::any::Any;
use std::collections::VecDeque;
use std::time::Duration;

/// Windows of one length, side by side. See [`tumbling`].
#[derive(Clone, Copy, Debug)]
pub struct Tumbling {
    size: i64,
    grid: Grid,
}

/// Windows of this length, side by side, one of which begins at 1970.
///
/// # Panics
///
/// If the length is nothing.
pub fn tumbling(size: Duration) -> Tumbling {
    let size = nanos("the length of a window", size);
    Tumbling {
        size,
        grid: Grid::new(size, Duration::ZERO),
    }
}

impl Tumbling {
    /// One of the windows begins this long after 1970, for days that do not begin at midnight UTC.
    #[must_use]
    pub fn offset(mut self, offset: Duration) -> Self {
        self.grid = Grid::new(self.size, offset);
        self
    }

    /// As windows that slide by their length.
    pub(crate) fn as_sliding(&self) -> Sliding {
        Sliding::side_by_side(self.size, self.grid)
    }

    fn span_of(&self, time: Timestamp) -> Span {
        let start = self.grid.at_or_before(time);
        Span {
            start,
            end: start + Duration::from_nanos(self.size.unsigned_abs()),
        }
    }
}

impl Windows for Tumbling {
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
        TumblingOperator {
            windows: *self,
            options: *options,
            aggregate: aggregate.clone(),
            selector: setup.selector,
            arena: setup.arena,
            open: VecDeque::new(),
            reached: Timestamp::MIN,
        }
    }
}

impl Panes for Tumbling {
    fn panes(&self) -> PaneGrid {
        PaneGrid(self.grid)
    }
}

/// What is kept for one key in one window.
struct Kept<P> {
    partial: P,
    /// Only counted where early results are wanted.
    records: u64,
}

/// A window of all keys.
struct Open<K, P> {
    span: Span,
    keys: SubArena<Dense<K, Kept<P>>>,
    /// How many keys have given their result.
    given: usize,
    /// All have.
    is_given: bool,
}

struct TumblingOperator<T, S: KeySelector<T>, A: Aggregate<T>> {
    windows: Tumbling,
    options: Options<T>,
    aggregate: A,
    selector: S,
    arena: Arena,
    /// By their starts.
    open: VecDeque<Open<S::Key, A::Partial>>,
    /// The last watermark that is done.
    reached: Timestamp,
}

impl<T: Send + 'static, S: KeySelector<T>, A: Aggregate<T>> TumblingOperator<T, S, A> {
    /// The place of the window that the time lies in, opened if need be. `likely` is looked at first.
    #[inline]
    fn window(&mut self, time: Timestamp, likely: usize, watermark: Timestamp) -> usize {
        match self.open.get(likely) {
            Some(open) if open.span.contains(time) => likely,
            _ => self.find_window(time, watermark),
        }
    }

    fn find_window(&mut self, time: Timestamp, watermark: Timestamp) -> usize {
        let at = self.open.partition_point(|open| open.span.start <= time);
        if at > 0 && self.open[at - 1].span.contains(time) {
            return at - 1;
        }
        let span = self.windows.span_of(time);
        let open = Open {
            span,
            keys: SubArena::new_in(&self.arena, Dense::new_in),
            given: 0,
            // All that comes into a window that begins late is late.
            is_given: span.is_complete(watermark),
        };
        self.open.insert(at, open);
        at
    }

    #[cold]
    fn late(&mut self, routed: Routed<T>, out: &mut Output<Windowed<S::Key, A::Output>>) -> Option<Routed<T>> {
        let Routed { hash, time, record } = routed;
        out.set_time(time);
        match self.options.late {
            Late::Drop => out.drop_records(1),
            Late::SideOutput(tag) => out.side(&tag, record),
            Late::FirePerRecord => {
                let key = self.selector.key(&record);
                let mut partial = self.aggregate.identity();
                self.aggregate.update(&mut partial, record);
                out.emit(Windowed {
                    key,
                    span: self.windows.span_of(time),
                    value: self.aggregate.output(&partial),
                    firing: Firing::Late,
                });
            }
            Late::PlaceInOldest => {
                // The window of the first time that is not too late.
                let time = out.watermark() - self.options.lateness;
                return Some(Routed { hash, time, record });
            }
        }
        None
    }
}

fn result<K: Clone, T, A: Aggregate<T>>(
    aggregate: &A,
    key: &K,
    span: Span,
    partial: &A::Partial,
    firing: Firing,
) -> Windowed<K, A::Output> {
    Windowed {
        key: key.clone(),
        span,
        value: aggregate.output(partial),
        firing,
    }
}

impl<T, S, A> Operator<Routed<T>> for TumblingOperator<T, S, A>
where
    T: Send + 'static,
    S: KeySelector<T>,
    A: Aggregate<T>,
{
    type Out = Windowed<S::Key, A::Output>;

    fn batch(&mut self, records: &mut Vec<Routed<T>>, out: &mut Output<Self::Out>) -> Turn {
        let watermark = out.watermark();
        let mut at = 0;
        for mut routed in records.drain(..) {
            // Before the watermark lie the windows that are over; whether this one is also gone is seen from its end.
            if routed.time < watermark && self.options.is_gone(self.windows.span_of(routed.time).end, watermark) {
                match self.late(routed, out) {
                    Some(placed) => routed = placed,
                    None => continue,
                }
            }
            let Routed { hash, time, record } = routed;
            at = self.window(time, at, watermark);
            let Self {
                open,
                options,
                aggregate,
                selector,
                ..
            } = self;
            let Open {
                span, keys, is_given, ..
            } = &mut open[at];
            let entry = keys.parts_mut().0.entry(
                hash,
                |key| selector.is_key(&record, key),
                || {
                    let partial = aggregate.identity();
                    (selector.key(&record), Kept { partial, records: 0 })
                },
            );
            aggregate.update(&mut entry.value.partial, record);
            if *is_given {
                out.emit_at(
                    result(aggregate, &entry.key, *span, &entry.value.partial, Firing::Late),
                    span.end.before(),
                );
            } else if options.early_every.is_some() {
                entry.value.records += 1;
                if options.fires_early(entry.value.records) {
                    out.emit_at(
                        result(aggregate, &entry.key, *span, &entry.value.partial, Firing::Early),
                        time,
                    );
                }
            }
        }
        Ok(())
    }

    fn watermark(&mut self, now: Timestamp, out: &mut Output<Self::Out>) -> Result<Progress, Fault> {
        let mut room = FIRINGS_MAX;
        for open in self.open.iter_mut().take_while(|open| open.span.is_complete(now)) {
            let Open {
                span,
                keys,
                given,
                is_given,
            } = open;
            let keys = keys.parts_mut().0;
            while !*is_given {
                match keys.at(*given) {
                    None => *is_given = true,
                    Some(_) if room == 0 => return Ok(Progress::More),
                    Some(entry) => {
                        let result = result(&self.aggregate, &entry.key, *span, &entry.value.partial, Firing::OnTime);
                        out.emit_at(result, span.end.before());
                        *given += 1;
                        room -= 1;
                    }
                }
            }
        }
        while let Some(open) = self.open.front()
            && self.options.is_gone(open.span.end, now)
        {
            self.open.pop_front();
        }
        self.reached = now;
        Ok(Progress::Done)
    }

    fn keys(&self) -> usize {
        self.open.iter().map(|open| open.keys.len()).sum()
    }

    const MOVES_GROUPS: bool = true;

    fn take_groups(&mut self, groups: &[KeyGroup]) -> Box<dyn Any + Send> {
        let is_one = in_groups(groups);
        let taken: MovedWindows<S::Key, A::Partial> = self
            .open
            .iter_mut()
            .map(|open| {
                let Open {
                    span, keys, is_given, ..
                } = open;
                let taken = keys.parts_mut().0.take_of(&is_one);
                open.given = if *is_given { keys.len() } else { 0 };
                (*span, taken)
            })
            .collect();
        Box::new(taken)
    }

    fn put_groups(&mut self, state: Box<dyn Any + Send>) {
        let windows = state.downcast::<MovedWindows<S::Key, A::Partial>>();
        for (span, entries) in *windows.expect("all partitions of a stage have the same operator") {
            let at = self.open.partition_point(|open| open.span.start < span.start);
            // What is only kept for late records has been given there, and counts as given here.
            let is_given = span.is_complete(self.reached);
            if self.open.get(at).is_none_or(|open| open.span != span) {
                let open = Open {
                    span,
                    keys: SubArena::new_in(&self.arena, Dense::new_in),
                    given: 0,
                    is_given,
                };
                self.open.insert(at, open);
            }
            let open = &mut self.open[at];
            open.keys.parts_mut().0.put(entries);
            open.given = if open.is_given { open.keys.len() } else { 0 };
        }
    }
}

/// Windows with the entries of some key groups, on their way to another partition.
type MovedWindows<K, P> = Vec<(Span, Vec<Entry<K, Kept<P>>>)>;
