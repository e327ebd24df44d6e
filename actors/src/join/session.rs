//! Window join over sessions: records of both sides hold a session together, and all left ones meet all right ones of it.
//!
//! A session that has given its results is kept as long as records may come late. When one becomes part of a greater one, its
//! results are retracted and those of the whole are given.

use super::windowed::{Label, Sides, WindowRules};
use super::{Pairing, schedule};
use crate::element::{Either, Key, KeySelector, Routed, Timestamp};
use crate::operator::{FIRINGS_MAX, Operator, Output, Progress, Setup};
use crate::state::{Agenda, Coming, KeyGroupTable, Life, moves_entities};
use crate::window::{Firing, Session, Span, Windowed};
use potoroo_runtime::{Fault, Turn};
use smallvec::SmallVec;

/// One session of one key.
struct Open<L, R> {
    /// From the first record to a gap after the last.
    span: Span,
    sides: Sides<L, R>,
    /// The results have been given.
    is_given: bool,
    /// How many of them, while they are being given.
    given: usize,
}

/// What is kept of one key.
struct Sessions<L, R> {
    /// By their starts. Nearly always one.
    open: SmallVec<[Open<L, R>; 1]>,
    on_agenda: Option<Timestamp>,
}

impl<L, R> Open<L, R> {
    /// When there is something to do: to give the results, or to forget the session.
    fn due<P>(&self, rules: &WindowRules<L, R, P>) -> Timestamp {
        if self.is_given {
            rules.gone_at(self.span.end)
        } else {
            self.span.end
        }
    }

    /// Gives all results at once.
    fn give_all<K: Key, P: Pairing<L, R>>(
        &self,
        pairing: &P,
        (key, firing): (&K, Firing),
        out: &mut Output<Windowed<K, P::Out>>,
    ) {
        let span = self.span;
        let label = Label { key, span, firing };
        let mut room = usize::MAX;
        self.sides
            .give(&self.sides.whole(), pairing, &label, (0, &mut room), out);
    }
}

impl<L, R> Sessions<L, R> {
    fn due<P>(&self, rules: &WindowRules<L, R, P>) -> Option<Timestamp> {
        self.open.iter().map(|open| open.due(rules)).min()
    }

    /// Puts a record into the session that it is part of. Gives it back if that is gone.
    fn take<K: Key, P: Pairing<L, R>>(
        &mut self,
        key: &K,
        record: (Timestamp, Either<L, R>),
        session: &Session,
        rules: &WindowRules<L, R, P>,
        out: &mut Output<Windowed<K, P::Out>>,
    ) -> Result<(), Either<L, R>> {
        let (time, record) = record;
        let watermark = out.watermark();
        let own = Span {
            start: time,
            end: time + session.gap(),
        };
        let from = self.open.partition_point(|open| open.span.end <= own.start);
        let to = self.open.partition_point(|open| open.span.start < own.end).max(from);
        let met = &self.open[from..to];
        let span = Span {
            start: met.first().map_or(own.start, |first| own.start.min(first.span.start)),
            end: met.last().map_or(own.end, |last| own.end.max(last.span.end)),
        };
        if rules.gone_at(span.end) <= watermark {
            return Err(record);
        }
        if met.is_empty() {
            let open = Open {
                span,
                sides: Sides::new(),
                is_given: false,
                given: 0,
            };
            self.open.insert(from, open);
        }
        let pairing = &rules.pairing;
        for open in self.open[from..to]
            .iter()
            .filter(|open| open.is_given && open.span != span)
        {
            open.give_all(pairing, (key, Firing::Retracted), out);
        }
        let others: SmallVec<[Open<L, R>; 1]> = match to - from {
            0 | 1 => SmallVec::new(),
            _ => self.open.drain(from + 1..to).collect(),
        };
        let whole = &mut self.open[from];
        if whole.is_given && whole.span == span {
            let label = Label {
                key,
                span,
                firing: Firing::Late,
            };
            whole.sides.amend(&record, &whole.sides.whole(), pairing, &label, out);
            whole.sides.insert(time, record);
            return Ok(());
        }
        for other in others {
            whole.sides.left.merge(other.sides.left);
            whole.sides.right.merge(other.sides.right);
        }
        whole.sides.insert(time, record);
        whole.span = span;
        whole.is_given = span.is_complete(watermark);
        if whole.is_given {
            whole.give_all(pairing, (key, Firing::Late), out);
        }
        Ok(())
    }
}

/// See the module.
pub(crate) struct SessionJoin<L, R, S: KeySelector<Either<L, R>>, P> {
    session: Session,
    rules: WindowRules<L, R, P>,
    selector: S,
    table: KeyGroupTable<S::Key, Sessions<L, R>>,
    agenda: Agenda,
}

impl<L, R, S: KeySelector<Either<L, R>>, P> SessionJoin<L, R, S, P> {
    pub(crate) fn new(session: Session, rules: WindowRules<L, R, P>, setup: Setup<S>) -> Self {
        Self {
            session,
            rules,
            selector: setup.selector,
            table: KeyGroupTable::new(setup.arena),
            agenda: Agenda::default(),
        }
    }
}

impl<L, R, S, P> Operator<Routed<Either<L, R>>> for SessionJoin<L, R, S, P>
where
    L: Send + 'static,
    R: Send + 'static,
    S: KeySelector<Either<L, R>>,
    P: Pairing<L, R>,
{
    type Out = Windowed<S::Key, P::Out>;

    fn batch(&mut self, records: &mut Vec<Routed<Either<L, R>>>, out: &mut Output<Self::Out>) -> Turn {
        let Self {
            session,
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
                || {
                    let sessions = Sessions {
                        open: SmallVec::new(),
                        on_agenda: None,
                    };
                    (selector.key(&record), sessions)
                },
            );
            let life = Life {
                hash,
                life: entity.life,
            };
            let sessions = &mut entity.state;
            if let Err(record) = sessions.take(&entity.key, (time, record), session, rules, out) {
                rules.reject(record, time, out);
            }
            match sessions.due(rules) {
                // A new key, whose first record came too late.
                None => drop(table.remove(hash, |entity| entity.life == life.life)),
                due => schedule(agenda, &mut sessions.on_agenda, due, life),
            }
        }
        Ok(())
    }

    fn watermark(&mut self, now: Timestamp, out: &mut Output<Self::Out>) -> Result<Progress, Fault> {
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
            let sessions = &mut entity.state;
            if sessions.on_agenda != Some(time) {
                continue;
            }
            sessions.on_agenda = None;
            for open in &mut sessions.open {
                if open.is_given || !open.span.is_complete(now) {
                    continue;
                }
                let label = Label {
                    key: &entity.key,
                    span: open.span,
                    firing: Firing::OnTime,
                };
                let from = (open.given, &mut room);
                match open.sides.give(&open.sides.whole(), &rules.pairing, &label, from, out) {
                    Some(given) => {
                        open.given = given;
                        break;
                    }
                    None => open.is_given = true,
                }
            }
            sessions
                .open
                .retain(|open| !open.is_given || rules.gone_at(open.span.end) > now);
            match sessions.due(rules) {
                None => drop(table.remove(life.hash, |entity| entity.life == life.life)),
                due => schedule(agenda, &mut sessions.on_agenda, due, life),
            }
        }
        Ok(Progress::More)
    }

    fn keys(&self) -> usize {
        self.table.len()
    }

    moves_entities!(table, agenda);
}
