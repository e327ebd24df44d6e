//! Sessions: records of a key with no gap of event time between them.
//!
//! A record begins a session from its time to a gap later, which becomes one with all that it overlaps. Sessions that have given
//! their result are kept as long as records may come late; when one of them becomes part of a greater one, its result is
//! retracted, so that the sum of what is told stays right.

use super::aggregate::Aggregate;
use super::options::{Late, Options};
use super::spans::{Span, nanos};
use super::{Firing, Windowed, Windows};
use crate::element::{KeySelector, Routed, Timestamp};
use crate::operator::{FIRINGS_MAX, Operator, Output, Progress, Setup};
use crate::state::{Agenda, Coming, Entity, KeyGroupTable, Life, moves_entities};
use potoroo_runtime::{Fault, Turn};
use smallvec::SmallVec;
use std::time::Duration;

/// Windows that a gap ends. See [`session`].
#[derive(Clone, Copy, Debug)]
pub struct Session {
    gap: Duration,
}

/// Sessions that end when a key has no record for `gap` of event time. A record exactly `gap` after the last begins a new one.
///
/// # Panics
///
/// If the gap is nothing.
pub fn session(gap: Duration) -> Session {
    nanos("the gap of a session", gap);
    Session { gap }
}

impl Session {
    /// How long without a record ends a session.
    pub(crate) fn gap(&self) -> Duration {
        self.gap
    }
}

impl Windows for Session {
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
        SessionOperator {
            rules: Rules {
                gap: self.gap,
                options: *options,
                aggregate: aggregate.clone(),
            },
            selector: setup.selector,
            table: KeyGroupTable::new(setup.arena),
            agenda: Agenda::default(),
        }
    }
}

struct Rules<T, A> {
    gap: Duration,
    options: Options<T>,
    aggregate: A,
}

/// One session of one key.
struct Open<P> {
    /// From the first record to a gap after the last.
    span: Span,
    partial: P,
    /// The result has been given.
    is_given: bool,
    /// The time for which it is on the agenda, if that is to come.
    on_agenda: Timestamp,
    records: u64,
}

impl<P> Open<P> {
    /// When there is something to do: to give the result, or to forget the session.
    fn due<T>(&self, options: &Options<T>) -> Timestamp {
        if self.is_given {
            self.span.end + options.lateness
        } else {
            self.span.end
        }
    }
}

/// The sessions of one key, by their starts. Nearly always one.
type Sessions<P> = SmallVec<[Open<P>; 1]>;

struct SessionOperator<T, S: KeySelector<T>, A: Aggregate<T>> {
    rules: Rules<T, A>,
    selector: S,
    table: KeyGroupTable<S::Key, Sessions<A::Partial>>,
    agenda: Agenda,
}

impl<T, A: Aggregate<T>> Rules<T, A> {
    fn emit<K: Clone>(
        &self,
        key: &K,
        open: &Open<A::Partial>,
        firing: Firing,
        time: Timestamp,
        out: &mut Output<Windowed<K, A::Output>>,
    ) {
        let result = Windowed {
            key: key.clone(),
            span: open.span,
            value: self.aggregate.output(&open.partial),
            firing,
        };
        out.emit_at(result, time);
    }

    #[cold]
    fn late<K>(&self, key: K, time: Timestamp, record: T, out: &mut Output<Windowed<K, A::Output>>)
    where
        T: Send + 'static,
    {
        out.set_time(time);
        match self.options.late {
            Late::Drop | Late::PlaceInOldest => out.drop_records(1),
            Late::SideOutput(tag) => out.side(&tag, record),
            Late::FirePerRecord => {
                let mut partial = self.aggregate.identity();
                self.aggregate.update(&mut partial, record);
                out.emit(Windowed {
                    key,
                    span: Span {
                        start: time,
                        end: time + self.gap,
                    },
                    value: self.aggregate.output(&partial),
                    firing: Firing::Late,
                });
            }
        }
    }

    /// The places of the sessions that overlap `span`.
    #[inline]
    fn overlapping(sessions: &Sessions<A::Partial>, span: Span) -> std::ops::Range<usize> {
        if let [only] = sessions.as_slice()
            && only.span.start < span.end
            && span.start < only.span.end
        {
            return 0..1;
        }
        let from = sessions.partition_point(|open| open.span.end <= span.start);
        let to = sessions.partition_point(|open| open.span.start < span.end);
        from..to.max(from)
    }

    /// Puts a record into the sessions of its key.
    fn take<K: Clone>(
        &self,
        (hash, entity): (u64, &mut Entity<K, Sessions<A::Partial>>),
        time: Timestamp,
        record: T,
        agenda: &mut Agenda,
        out: &mut Output<Windowed<K, A::Output>>,
    ) where
        T: Send + 'static,
    {
        let watermark = out.watermark();
        let life = Life {
            hash,
            life: entity.life,
        };
        let (key, sessions) = (&entity.key, &mut entity.state);
        let mut span = Span {
            start: time,
            end: time + self.gap,
        };
        let met = Self::overlapping(sessions, span);
        if let (Some(first), Some(last)) = (sessions.get(met.start), sessions[..met.end].last())
            && !met.is_empty()
        {
            span.start = span.start.min(first.span.start);
            span.end = span.end.max(last.span.end);
        }
        if self.options.is_gone(span.end, watermark) {
            return self.late(key.clone(), time, record, out);
        }
        if met.is_empty() {
            let open = Open {
                span,
                partial: self.aggregate.identity(),
                is_given: false,
                on_agenda: Timestamp::MIN,
                records: 0,
            };
            sessions.insert(met.start, open);
        }
        for open in &sessions[met.clone()] {
            if open.is_given && open.span != span {
                self.emit(key, open, Firing::Retracted, open.span.end.before(), out);
            }
        }
        let others: SmallVec<[Open<A::Partial>; 1]> = match met.len() {
            0 | 1 => SmallVec::new(),
            _ => sessions.drain(met.start + 1..met.end).collect(),
        };
        let whole = &mut sessions[met.start];
        self.aggregate.update(&mut whole.partial, record);
        whole.records += 1;
        for other in others {
            self.aggregate.combine(&mut whole.partial, &other.partial);
            whole.records += other.records;
            if whole.on_agenda <= watermark || other.on_agenda > watermark && other.on_agenda < whole.on_agenda {
                whole.on_agenda = other.on_agenda;
            }
        }
        whole.span = span;
        whole.is_given = span.is_complete(watermark);
        if whole.is_given {
            self.emit(key, whole, Firing::Late, span.end.before(), out);
        } else if self.options.fires_early(whole.records) {
            self.emit(key, whole, Firing::Early, time, out);
        }
        // A session that has grown is put on the agenda again when its old turn comes.
        let due = whole.due(&self.options);
        if whole.on_agenda <= watermark || due < whole.on_agenda {
            whole.on_agenda = due;
            agenda.add(whole.on_agenda, life);
        }
    }
}

impl<T, S, A> Operator<Routed<T>> for SessionOperator<T, S, A>
where
    T: Send + 'static,
    S: KeySelector<T>,
    A: Aggregate<T>,
{
    type Out = Windowed<S::Key, A::Output>;

    fn batch(&mut self, records: &mut Vec<Routed<T>>, out: &mut Output<Self::Out>) -> Turn {
        let Self {
            rules,
            selector,
            table,
            agenda,
        } = self;
        let mut coming = Coming::all(records, table);
        while let Some(Routed { hash, time, record }) = coming.next(table) {
            let entity = table.entity(
                hash,
                |key| selector.is_key(&record, key),
                || (selector.key(&record), Sessions::new()),
            );
            rules.take((hash, entity), time, record, agenda, out);
            if entity.state.is_empty() {
                // A new key, whose first record came too late.
                let life = entity.life;
                table.remove(hash, |entity| entity.life == life);
            }
        }
        Ok(())
    }

    fn watermark(&mut self, now: Timestamp, out: &mut Output<Self::Out>) -> Result<Progress, Fault> {
        let Self {
            rules, table, agenda, ..
        } = self;
        for _ in 0..FIRINGS_MAX {
            let Some((_, life)) = agenda.take_due(now) else {
                return Ok(Progress::Done);
            };
            let Some(entity) = table.find_life(life.hash, life.life) else {
                continue;
            };
            let options = &rules.options;
            for open in &mut entity.state {
                if !open.is_given && open.span.is_complete(now) {
                    open.is_given = true;
                    rules.emit(&entity.key, open, Firing::OnTime, open.span.end.before(), out);
                }
                let next = open.due(options);
                if open.on_agenda <= now && next > now {
                    open.on_agenda = next;
                    agenda.add(next, life);
                }
            }
            entity.state.retain(|open| !options.is_gone(open.span.end, now));
            if entity.state.is_empty() {
                table.remove(life.hash, |entity| entity.life == life.life);
            }
        }
        Ok(Progress::More)
    }

    fn keys(&self) -> usize {
        self.table.len()
    }

    moves_entities!(table, agenda);
}
