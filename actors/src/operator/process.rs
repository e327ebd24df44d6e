//! State entities: a handler per record and per timer, each a transaction on the state of one key.
//!
//! The handler gets its state, the record and a context, and nothing of any other key. State appears with the first record of
//! a key and goes when the handler deletes it.

use super::context::{KeyContext, TimeDomain, Timer};
use super::contract::{FIRINGS_MAX, Operator, Progress, Setup};
use super::output::Output;
use super::stage::wall_clock;
use crate::element::{Key, KeyGroup, KeySelector, Routed, Timestamp, key_group};
use crate::job::{Failure, Failures, OnError, Show, contained};
use crate::state::{Coming, Due, Expiry, GroupArenas, KeyGroupTable, MovedStates, TimeToLive, Timers, in_groups};
use potoroo_runtime::arena::Arena;
use potoroo_runtime::{Fault, Turn};
use std::any::Any;

/// What a stage does with records of type `T`, key by key.
///
/// Each partition has a copy of its own, so that a process may keep scratch space; what is to be kept for a key belongs into
/// its state.
///
/// ```
/// use potoroo_actors::element::Timestamp;
/// use potoroo_actors::runtime::arena::Arena;
/// use potoroo_actors::runtime::{System, Turn};
/// use potoroo_actors::{KeyContext, KeyedProcess, Pipeline, Timer, sink, source, time};
/// use std::sync::mpsc;
/// use std::time::Duration;
///
/// /// Says which visitors have been away for a minute.
/// #[derive(Clone)]
/// struct Away;
///
/// impl KeyedProcess<u32, (u32, i64)> for Away {
///     type State = Timestamp;
///     type Out = (u32, i64);
///
///     fn state(&mut self, _visitor: &u32, _: &Arena) -> Timestamp {
///         Timestamp::MIN
///     }
///
///     fn on_record(&mut self, last: &mut Timestamp, _: (u32, i64), ctx: &mut KeyContext<'_, u32, (u32, i64)>) -> Turn {
///         ctx.delete_timer(*last + Duration::from_secs(60));
///         *last = ctx.time();
///         ctx.set_timer(*last + Duration::from_secs(60));
///         Ok(())
///     }
///
///     fn on_timer(&mut self, _: Timer, last: &mut Timestamp, ctx: &mut KeyContext<'_, u32, (u32, i64)>) -> Turn {
///         ctx.emit((*ctx.key(), last.millis() / 1000));
///         ctx.delete_state();
///         Ok(())
///     }
/// }
///
/// let system = System::new()?;
/// let (tell, told) = mpsc::channel();
/// let pipeline = Pipeline::new();
/// pipeline
///     .source("visits", source::generate(1, |_| [(7, 0), (8, 10), (7, 50), (8, 90)].into_iter()))
///     .timestamps(time::monotonic(|(_, seconds): &(u32, i64)| Timestamp::from_secs(*seconds)))
///     .key_by(|(visitor, _)| *visitor)
///     .process("away", Away)
///     .sink("out", sink::each(move |away| tell.send(away).expect("somebody listens")));
/// pipeline.start(&system).wait()?;
/// let mut away: Vec<(u32, i64)> = told.into_iter().collect();
/// away.sort();
/// // With one watermark at the end, only the last visits count.
/// assert_eq!(away, [(7, 50), (8, 90)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait KeyedProcess<K: Key, T>: Clone + Send + Sync + 'static {
    /// What is kept for a key.
    type State: Send + 'static;
    /// What is given.
    type Out: Send + 'static;

    /// Whether states have collections in an arena. Who says so has [`evacuate`](Self::evacuate), too.
    ///
    /// ```
    /// use potoroo_actors::runtime::Turn;
    /// use potoroo_actors::runtime::arena::{Arena, ArenaVec, Evacuate};
    /// use potoroo_actors::{KeyContext, KeyedProcess};
    ///
    /// /// The last prices of each thing, oldest first.
    /// #[derive(Clone)]
    /// struct Prices;
    ///
    /// impl KeyedProcess<u32, (u32, f64)> for Prices {
    ///     type State = ArenaVec<f64>;
    ///     type Out = (u32, usize);
    ///     const IN_ARENA: bool = true;
    ///
    ///     fn state(&mut self, _: &u32, arena: &Arena) -> ArenaVec<f64> {
    ///         ArenaVec::new_in(arena)
    ///     }
    ///
    ///     fn evacuate(&mut self, prices: &mut ArenaVec<f64>, to: &Arena) {
    ///         prices.evacuate(to);
    ///     }
    ///
    ///     fn on_record(
    ///         &mut self,
    ///         prices: &mut ArenaVec<f64>,
    ///         (thing, price): (u32, f64),
    ///         ctx: &mut KeyContext<'_, u32, (u32, usize)>,
    ///     ) -> Turn {
    ///         prices.push(price);
    ///         ctx.emit((thing, prices.len()));
    ///         Ok(())
    ///     }
    /// }
    /// ```
    const IN_ARENA: bool = false;

    /// The state of a key that has none yet. With [`IN_ARENA`](Self::IN_ARENA), `arena` is that of the key's group, for
    /// collections; otherwise leave it alone.
    fn state(&mut self, key: &K, arena: &Arena) -> Self::State;

    /// Moves what `state` has in its arena into another one: dead bytes are to go, or the key has come to another partition.
    /// [`Evacuate`](potoroo_runtime::arena::Evacuate) does it for collections and for structs of them.
    fn evacuate(&mut self, state: &mut Self::State, to: &Arena) {
        let _ = (state, to);
    }

    /// A record of a key. Records of one key come one after the other, in the order of each edge. What an
    /// error comes to is said by [`KeyedStream::on_error`](crate::KeyedStream::on_error); by default it ends the job.
    fn on_record(&mut self, state: &mut Self::State, record: T, ctx: &mut KeyContext<'_, K, Self::Out>) -> Turn;

    /// A timer of a key is due. A timer of event time sees the state with all records before its watermark and none that came
    /// after it.
    fn on_timer(&mut self, timer: Timer, state: &mut Self::State, ctx: &mut KeyContext<'_, K, Self::Out>) -> Turn {
        let _ = (timer, state, ctx);
        Ok(())
    }
}

/// The operator that gives each record to the state of its key.
pub(crate) struct ProcessOperator<K, T, S, P, St> {
    process: P,
    selector: S,
    table: KeyGroupTable<K, St>,
    /// For what states have, if they have something.
    arenas: GroupArenas,
    timers: Timers<K>,
    clock: Timers<K>,
    /// The timers that were set when the stream ended are due; those that they set are not.
    last_clock: Option<Timestamp>,
    expiry: Expiry,
    failures: Failures,
    /// How to show a record in a dead letter.
    show: Show<T>,
}

impl<K: Key, T, S, P, St> ProcessOperator<K, T, S, P, St> {
    pub(crate) fn new(process: P, show: &Show<T>, setup: Setup<S>) -> Self {
        Self {
            process,
            selector: setup.selector,
            arenas: GroupArenas::new(setup.arena.clone()),
            table: KeyGroupTable::new(setup.arena),
            timers: Timers::new(),
            clock: Timers::new(),
            last_clock: None,
            expiry: Expiry::new(setup.time_to_live),
            show: show
                .clone()
                .filter(|_| setup.failures.on_error() == OnError::DeadLetters),
            failures: setup.failures,
        }
    }

    /// The process itself, which may keep something for all keys.
    pub(crate) fn process_mut(&mut self) -> &mut P {
        &mut self.process
    }

    /// Removes what has not been touched for its time to live.
    fn expire(&mut self, now: Timestamp) -> Progress
    where
        P: KeyedProcess<K, T, State = St>,
    {
        let before = self.table.len();
        let is_all = self.expiry.expire(now, FIRINGS_MAX, &mut self.table);
        if P::IN_ARENA && self.table.len() < before {
            let Self {
                process, table, arenas, ..
            } = self;
            arenas.tidy_all(table, |state, to| process.evacuate(state, to));
        }
        if is_all { Progress::Done } else { Progress::More }
    }

    /// Shows the state of a key to whoever asks.
    pub(crate) fn show(&mut self, hash: u64, key: &K, look: impl FnOnce(Option<&St>)) {
        look(
            self.table
                .get_mut(hash, |known| known == key)
                .map(|entity| &entity.state),
        );
    }

    fn fire(&mut self, due: Due<K>, domain: TimeDomain, out: &mut Output<P::Out>) -> Turn
    where
        P: KeyedProcess<K, T, State = St>,
    {
        let Self {
            process,
            table,
            arenas,
            timers,
            clock,
            failures,
            ..
        } = self;
        let Due {
            time,
            number,
            hash,
            key,
            life,
        } = due;
        let Some(entity) = table.get_mut(hash, |known| *known == key).filter(|e| e.life == life) else {
            return Ok(());
        };
        // What a clock sets off happens, for event time, at the watermark.
        let at = match domain {
            TimeDomain::Event => time,
            TimeDomain::Processing => out.clock_time,
        };
        let mut ctx = KeyContext {
            key: &entity.key,
            hash,
            life: &life,
            time: at,
            out,
            timers,
            clock,
            deleted: false,
        };
        let timer = Timer { time, number, domain };
        let outcome = match failures.on_error() {
            OnError::Stop => process
                .on_timer(timer, &mut entity.state, &mut ctx)
                .map_err(Failure::Fault),
            _ => contained(|| process.on_timer(timer, &mut entity.state, &mut ctx)),
        };
        let mut deleted = ctx.deleted;
        if let Err(failure) = outcome {
            deleted |= failure.is_panic();
            failures.take(Some(&entity.key), None, time, failure)?;
        }
        if deleted {
            table.remove(hash, |entity| entity.life == life);
        }
        if P::IN_ARENA {
            arenas.tidy(key_group(hash), table, |state, to| process.evacuate(state, to));
        }
        Ok(())
    }

    fn fire_clock(&mut self, now: Timestamp, out: &mut Output<P::Out>) -> Result<Progress, Fault>
    where
        P: KeyedProcess<K, T, State = St>,
    {
        for _ in 0..FIRINGS_MAX {
            let Some(due) = self.clock.take_due(now) else {
                return Ok(Progress::Done);
            };
            self.fire(due, TimeDomain::Processing, out)?;
        }
        Ok(Progress::More)
    }

    /// Gives each record to the state of its key. `GUARDED`, a record that fails fails alone: what its handler changed stays,
    /// unless it panicked, when nobody knows what it has left half-done, and the state of that key goes.
    fn records<const GUARDED: bool>(&mut self, records: &mut Vec<Routed<T>>, out: &mut Output<P::Out>) -> Turn
    where
        S: KeySelector<T, Key = K>,
        P: KeyedProcess<K, T, State = St>,
    {
        let Self {
            process,
            selector,
            table,
            arenas,
            timers,
            clock,
            expiry,
            failures,
            show,
            ..
        } = self;
        let ttl = expiry.ttl();
        let wall = match ttl {
            TimeToLive::Processing(_) => wall_clock(),
            _ => Timestamp::MIN,
        };
        let mut coming = Coming::all(records, table);
        while let Some(Routed { hash, time, record }) = coming.next(table) {
            let entity = table.entity(
                hash,
                |key| selector.is_key(&record, key),
                || {
                    let key = selector.key(&record);
                    let arena = if P::IN_ARENA {
                        arenas.of(hash)
                    } else {
                        arenas.partition()
                    };
                    let state = process.state(&key, arena);
                    (key, state)
                },
            );
            match ttl {
                TimeToLive::Forever => {}
                TimeToLive::Event(_) => expiry.touch(entity, time),
                TimeToLive::Processing(_) => expiry.touch(entity, wall),
            }
            let text = match show {
                Some(show) if GUARDED => Some(show(&record)),
                _ => None,
            };
            let mut ctx = KeyContext {
                key: &entity.key,
                hash,
                life: &entity.life,
                time,
                out,
                timers,
                clock,
                deleted: false,
            };
            let outcome = if GUARDED {
                contained(|| process.on_record(&mut entity.state, record, &mut ctx))
            } else {
                process
                    .on_record(&mut entity.state, record, &mut ctx)
                    .map_err(Failure::Fault)
            };
            let mut deleted = ctx.deleted;
            if let Err(failure) = outcome {
                deleted |= failure.is_panic();
                failures.take(Some(&entity.key), text.as_deref(), time, failure)?;
            }
            if deleted {
                let life = entity.life;
                table.remove(hash, |entity| entity.life == life);
            }
            if P::IN_ARENA {
                arenas.tidy(key_group(hash), table, |state, to| process.evacuate(state, to));
            }
        }
        Ok(())
    }
}

impl<T, S, P, St> Operator<Routed<T>> for ProcessOperator<S::Key, T, S, P, St>
where
    T: Send + 'static,
    S: KeySelector<T>,
    P: KeyedProcess<S::Key, T, State = St>,
    St: Send + 'static,
{
    type Out = P::Out;

    fn batch(&mut self, records: &mut Vec<Routed<T>>, out: &mut Output<P::Out>) -> Turn {
        match self.failures.on_error() {
            OnError::Stop => self.records::<false>(records, out),
            _ => self.records::<true>(records, out),
        }
    }

    fn watermark(&mut self, now: Timestamp, out: &mut Output<P::Out>) -> Result<Progress, Fault> {
        for _ in 0..FIRINGS_MAX {
            let Some(due) = self.timers.take_due(now) else {
                let expires = matches!(self.expiry.ttl(), TimeToLive::Event(_)) && now < Timestamp::MAX;
                return Ok(if expires { self.expire(now) } else { Progress::Done });
            };
            self.fire(due, TimeDomain::Event, out)?;
        }
        Ok(Progress::More)
    }

    fn clock_due(&self) -> Option<Timestamp> {
        let expiry = match self.expiry.ttl() {
            TimeToLive::Processing(_) => self.expiry.next(),
            _ => None,
        };
        self.clock.next().into_iter().chain(expiry).min()
    }

    fn clock(&mut self, now: Timestamp, out: &mut Output<P::Out>) -> Result<Progress, Fault> {
        let fired = self.fire_clock(now, out)?;
        let expires = fired == Progress::Done && matches!(self.expiry.ttl(), TimeToLive::Processing(_));
        Ok(if expires { self.expire(now) } else { fired })
    }

    fn end(&mut self, out: &mut Output<P::Out>) -> Result<Progress, Fault> {
        let last = self.clock.last();
        let last = *self.last_clock.get_or_insert(last.unwrap_or(Timestamp::MIN));
        self.fire_clock(last, out)
    }

    fn keys(&self) -> usize {
        self.table.len()
    }

    const MOVES_GROUPS: bool = true;

    fn take_groups(&mut self, groups: &[KeyGroup]) -> Box<dyn Any + Send> {
        let is_one = in_groups(groups);
        let (timers, clock) = (self.timers.take_of(&is_one), self.clock.take_of(&is_one));
        let entities = MovedStates::take(groups, &mut self.table, &self.expiry);
        groups.iter().for_each(|group| self.arenas.forget(*group));
        Box::new(MovedGroups {
            entities,
            timers,
            clock,
        })
    }

    fn put_groups(&mut self, state: Box<dyn Any + Send>) {
        let groups = state.downcast::<MovedGroups<S::Key, St>>();
        let MovedGroups {
            entities,
            timers,
            clock,
        } = *groups.expect("all partitions of a stage have the same operator");
        let Self {
            process,
            table,
            arenas,
            expiry,
            ..
        } = self;
        let lives = entities.put(table, expiry, |hash, state| {
            if P::IN_ARENA {
                process.evacuate(state, arenas.of(hash));
            }
        });
        for (due, timers) in [(timers, &mut self.timers), (clock, &mut self.clock)] {
            // Timers of lives that are over are left behind.
            for due in due {
                if let Some(life) = lives.get(&(due.hash, due.life)) {
                    timers.set(due.time, due.number, due.hash, &due.key, *life);
                }
            }
        }
    }
}

/// All that is kept for the keys of some groups, on its way to another partition.
struct MovedGroups<K, St> {
    entities: MovedStates<K, St>,
    timers: Vec<Due<K>>,
    clock: Vec<Due<K>>,
}
