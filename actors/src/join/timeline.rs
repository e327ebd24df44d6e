//! The records of one side of one key, by event time.

use crate::element::{Timed, Timestamp};
use crate::window::Span;
use std::collections::VecDeque;
use std::ops::Range;

/// Records by event time; those of one time in the order in which they came.
#[derive(Debug)]
pub(super) struct Timeline<T> {
    records: VecDeque<Timed<T>>,
}

impl<T> Timeline<T> {
    pub(super) fn new() -> Self {
        Self {
            records: VecDeque::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Puts a record behind all that are not after it: near the end, if streams are nearly in order.
    pub(super) fn insert(&mut self, time: Timestamp, record: T) {
        match self.records.back() {
            Some(last) if time < last.time => {
                let at = self.first_where(|other| other > time);
                self.records.insert(at, Timed { time, record });
            }
            _ => self.records.push_back(Timed { time, record }),
        }
    }

    /// When the first record happened.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.time(0)
    }

    /// When the record at a place happened.
    pub(super) fn time(&self, at: usize) -> Option<Timestamp> {
        self.records.get(at).map(|timed| timed.time)
    }

    /// When the first record happened that is not before `start`.
    pub(super) fn first_from(&self, start: Timestamp) -> Option<Timestamp> {
        self.time(self.first_where(|time| time >= start))
    }

    pub(super) fn get(&self, at: usize) -> Option<&T> {
        self.records.get(at).map(|timed| &timed.record)
    }

    /// The place of the first record whose time is so; once times are so, all later ones are.
    pub(super) fn first_where(&self, is_so: impl Fn(Timestamp) -> bool) -> usize {
        self.records.partition_point(|timed| !is_so(timed.time))
    }

    /// The places of the records that lie in a span.
    pub(super) fn within(&self, span: Span) -> Range<usize> {
        let from = self.first_where(|time| time >= span.start);
        let to = self.first_where(|time| time >= span.start && !span.contains(time));
        from..to
    }

    pub(super) fn range(&self, places: Range<usize>) -> impl Iterator<Item = &T> {
        self.records.range(places).map(|timed| &timed.record)
    }

    pub(super) fn range_mut(&mut self, places: Range<usize>) -> impl Iterator<Item = &mut Timed<T>> {
        self.records.range_mut(places)
    }

    pub(super) fn pop_first(&mut self) -> Option<Timed<T>> {
        self.records.pop_front()
    }

    /// Takes the first record out, if its time is so.
    pub(super) fn pop_first_if(&mut self, is_so: impl FnOnce(Timestamp) -> bool) -> Option<Timed<T>> {
        if is_so(self.first()?) { self.pop_first() } else { None }
    }

    /// Puts all records of another in.
    pub(super) fn merge(&mut self, other: Self) {
        for Timed { time, record } in other.records {
            self.insert(time, record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_one_time_keep_their_order_and_the_last_span_has_no_end() {
        let at = Timestamp::from_nanos;
        let mut timeline = Timeline::new();
        for (time, record) in [(5, 'a'), (3, 'b'), (5, 'c'), (3, 'd'), (i64::MAX, 'e'), (4, 'f')] {
            timeline.insert(at(time), record);
        }
        let all: String = timeline.range(0..6).collect();
        assert_eq!(all, "bdface");
        let span = |start, end| Span {
            start: at(start),
            end: at(end),
        };
        assert_eq!(timeline.within(span(4, 5)), 2..3);
        assert_eq!(timeline.within(span(5, i64::MAX)), 3..6);
        assert_eq!(timeline.within(span(6, 7)), 5..5);
        assert_eq!(timeline.pop_first_if(|time| time > at(3)), None);
        assert_eq!(
            timeline.pop_first_if(|time| time == at(3)).map(|timed| timed.record),
            Some('b')
        );
    }
}
