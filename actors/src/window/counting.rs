//! Windows by number of records, and the window of everything.
//!
//! Both know no lateness: a record counts when it comes. What is left when the stream ends gives its result then.

use super::aggregate::Aggregate;
use super::options::Options;
use super::spans::Span;
use super::{Firing, Windowed, Windows};
use crate::element::{KeySelector, Routed, Timestamp};
use crate::operator::{FIRINGS_MAX, Operator, Output, Progress, Setup};
use crate::state::{Agenda, Coming, KeyGroupTable, Life, moves_entities};
use potoroo_runtime::{Fault, Turn};
use std::num::NonZeroU64;
use std::time::Duration;

/// Windows by number of records. See [`by_count`] and [`global`].
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    size: Option<NonZeroU64>,
}

/// Each `size` records of a key are a window. Its span is that of their times.
pub fn by_count(size: NonZeroU64) -> Counted {
    Counted { size: Some(size) }
}

/// One window of all records of a key, which is complete at the end of the stream; early results say how it stands.
pub fn global() -> Counted {
    Counted { size: None }
}

impl Windows for Counted {
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
        CountedOperator {
            size: self.size.map_or(u64::MAX, NonZeroU64::get),
            options: *options,
            aggregate: aggregate.clone(),
            selector: setup.selector,
            table: KeyGroupTable::new(setup.arena),
            last: Agenda::default(),
        }
    }
}

/// The window of one key.
struct Open<P> {
    partial: P,
    records: u64,
    span: Span,
}

struct CountedOperator<T, S: KeySelector<T>, A: Aggregate<T>> {
    size: u64,
    options: Options<T>,
    aggregate: A,
    selector: S,
    table: KeyGroupTable<S::Key, Open<A::Partial>>,
    /// All keys, in the order in which they came.
    last: Agenda,
}

fn empty<T, A: Aggregate<T>>(aggregate: &A) -> Open<A::Partial> {
    Open {
        partial: aggregate.identity(),
        records: 0,
        span: Span {
            start: Timestamp::MAX,
            end: Timestamp::MIN,
        },
    }
}

fn result<K: Clone, T, A: Aggregate<T>>(
    aggregate: &A,
    key: &K,
    open: &Open<A::Partial>,
    firing: Firing,
) -> Windowed<K, A::Output> {
    Windowed {
        key: key.clone(),
        span: open.span,
        value: aggregate.output(&open.partial),
        firing,
    }
}

impl<T, S, A> Operator<Routed<T>> for CountedOperator<T, S, A>
where
    T: Send + 'static,
    S: KeySelector<T>,
    A: Aggregate<T>,
{
    type Out = Windowed<S::Key, A::Output>;

    fn batch(&mut self, records: &mut Vec<Routed<T>>, out: &mut Output<Self::Out>) -> Turn {
        let Self {
            size,
            options,
            aggregate,
            selector,
            table,
            last,
        } = self;
        let mut coming = Coming::all(records, table);
        while let Some(Routed { hash, time, record }) = coming.next(table) {
            let mut is_new = false;
            let entity = table.entity(
                hash,
                |key| selector.is_key(&record, key),
                || {
                    is_new = true;
                    (selector.key(&record), empty(aggregate))
                },
            );
            if is_new {
                last.add(
                    Timestamp::MAX,
                    Life {
                        hash,
                        life: entity.life,
                    },
                );
            }
            let open = &mut entity.state;
            aggregate.update(&mut open.partial, record);
            open.records += 1;
            open.span.start = open.span.start.min(time);
            open.span.end = open.span.end.max(time + Duration::from_nanos(1));
            if open.records == *size {
                out.emit_at(result(aggregate, &entity.key, open, Firing::OnTime), time);
                entity.state = empty(aggregate);
            } else if options.fires_early(open.records) {
                out.emit_at(result(aggregate, &entity.key, open, Firing::Early), time);
            }
        }
        Ok(())
    }

    fn watermark(&mut self, now: Timestamp, out: &mut Output<Self::Out>) -> Result<Progress, Fault> {
        for _ in 0..FIRINGS_MAX {
            let Some((_, life)) = self.last.take_due(now) else {
                return Ok(Progress::Done);
            };
            let removed = self.table.remove(life.hash, |entity| entity.life == life.life);
            if let Some(entity) = removed.filter(|entity| entity.state.records > 0) {
                let result = result(&self.aggregate, &entity.key, &entity.state, Firing::OnTime);
                out.emit_at(result, entity.state.span.end.before());
            }
        }
        Ok(Progress::More)
    }

    fn keys(&self) -> usize {
        self.table.len()
    }

    moves_entities!(table, last);
}
