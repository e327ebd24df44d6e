//! State entities: a handler per record and per timer, each a transaction on the state of one key.
//!
//! The handler gets its state, the record and a context, and nothing of any other key. State appears with the first record of
//! a key and goes when the handler deletes it.

use super::context::{KeyContext, TimeDomain, Timer};
use super::output::Output;
use super::stage::{FIRINGS_MAX, Operator, Progress, Setup, wall_clock};
use crate::element::{Key, KeySelector, Routed, Timestamp};
use crate::state::{Due, Expiry, KeyGroupTable, TimeToLive, Timers};
use potoroo_runtime::{Fault, Turn};
use std::sync::Arc;

/// What a stage does with records of type `T`, key by key.
///
/// Each partition has a copy of its own, so that a process may keep scratch space; what is to be kept for a key belongs into
/// its state.
///
/// ```
/// use potoroo_actors::element::Timestamp;
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
///     fn state(&mut self, _visitor: &u32) -> Timestamp {
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

    /// The state of a key that has none yet.
    fn state(&mut self, key: &K) -> Self::State;

    /// A record of a key. Records of one key come one after the other, in the order of each edge. An error ends the job.
    fn on_record(&mut self, state: &mut Self::State, record: T, ctx: &mut KeyContext<'_, K, Self::Out>) -> Turn;

    /// A timer of a key is due. A timer of event time sees the state with all records before its watermark and none that came
    /// after it.
    fn on_timer(&mut self, timer: Timer, state: &mut Self::State, ctx: &mut KeyContext<'_, K, Self::Out>) -> Turn {
        let _ = (timer, state, ctx);
        Ok(())
    }
}

/// The operator that gives each record to the state of its key.
pub(crate) struct ProcessOperator<K, S, P, St> {
    process: P,
    selector: S,
    table: KeyGroupTable<K, St>,
    timers: Timers<K>,
    clock: Timers<K>,
    /// The timers that were set when the stream ended are due; those that they set are not.
    last_clock: Option<Timestamp>,
    expiry: Expiry,
}

impl<K: Key, S, P, St> ProcessOperator<K, S, P, St> {
    pub(crate) fn new(process: P, setup: Setup<S>) -> Self {
        Self {
            process,
            selector: setup.selector,
            table: KeyGroupTable::new(setup.arena),
            timers: Timers::new(),
            clock: Timers::new(),
            last_clock: None,
            expiry: Expiry::new(setup.time_to_live),
        }
    }

    /// The process itself, which may keep something for all keys.
    pub(crate) fn process_mut(&mut self) -> &mut P {
        &mut self.process
    }

    /// Removes what has not been touched for its time to live.
    fn expire(&mut self, now: Timestamp) -> Progress {
        if self.expiry.expire(now, FIRINGS_MAX, &mut self.table) {
            Progress::Done
        } else {
            Progress::More
        }
    }

    fn fire<T>(&mut self, due: Due<K>, domain: TimeDomain, out: &mut Output<P::Out>) -> Turn
    where
        P: KeyedProcess<K, T, State = St>,
    {
        let Self {
            process,
            table,
            timers,
            clock,
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
            life,
            time: at,
            out,
            timers,
            clock,
            deleted: false,
        };
        let timer = Timer { time, number, domain };
        process.on_timer(timer, &mut entity.state, &mut ctx)?;
        if ctx.deleted {
            table.remove(hash, |entity| entity.life == life);
        }
        Ok(())
    }

    fn fire_clock<T>(&mut self, now: Timestamp, out: &mut Output<P::Out>) -> Result<Progress, Fault>
    where
        P: KeyedProcess<K, T, State = St>,
    {
        for _ in 0..FIRINGS_MAX {
            let Some(due) = self.clock.take_due(now) else {
                return Ok(Progress::Done);
            };
            self.fire::<T>(due, TimeDomain::Processing, out)?;
        }
        Ok(Progress::More)
    }
}

impl<T, S, P, St> Operator<Routed<T>> for ProcessOperator<S::Key, S, P, St>
where
    T: Send + 'static,
    S: KeySelector<T>,
    P: KeyedProcess<S::Key, T, State = St>,
    St: Send + 'static,
{
    type Out = P::Out;

    fn batch(&mut self, records: &mut Vec<Routed<T>>, out: &mut Output<P::Out>) -> Turn {
        let Self {
            process,
            selector,
            table,
            timers,
            clock,
            expiry,
            ..
        } = self;
        let ttl = expiry.ttl();
        let wall = match ttl {
            TimeToLive::Processing(_) => wall_clock(),
            _ => Timestamp::MIN,
        };
        for Routed { hash, time, record } in records.drain(..) {
            let entity = table.entity(
                hash,
                |key| selector.is_key(&record, key),
                || {
                    let key = selector.key(&record);
                    let state = process.state(&key);
                    (key, state)
                },
            );
            match ttl {
                TimeToLive::Forever => {}
                TimeToLive::Event(_) => expiry.touch(entity, time),
                TimeToLive::Processing(_) => expiry.touch(entity, wall),
            }
            let life = entity.life;
            let mut ctx = KeyContext {
                key: &entity.key,
                hash,
                life,
                time,
                out,
                timers,
                clock,
                deleted: false,
            };
            process.on_record(&mut entity.state, record, &mut ctx)?;
            if ctx.deleted {
                table.remove(hash, |entity| entity.life == life);
            }
        }
        Ok(())
    }

    fn watermark(&mut self, now: Timestamp, out: &mut Output<P::Out>) -> Result<Progress, Fault> {
        for _ in 0..FIRINGS_MAX {
            let Some(due) = self.timers.take_due(now) else {
                let expires = matches!(self.expiry.ttl(), TimeToLive::Event(_)) && now < Timestamp::MAX;
                return Ok(if expires { self.expire(now) } else { Progress::Done });
            };
            self.fire::<T>(due, TimeDomain::Event, out)?;
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
        let fired = self.fire_clock::<T>(now, out)?;
        let expires = fired == Progress::Done && matches!(self.expiry.ttl(), TimeToLive::Processing(_));
        Ok(if expires { self.expire(now) } else { fired })
    }

    fn end(&mut self, out: &mut Output<P::Out>) -> Result<Progress, Fault> {
        let last = self.clock.last();
        let last = *self.last_clock.get_or_insert(last.unwrap_or(Timestamp::MIN));
        self.fire_clock::<T>(last, out)
    }

    fn keys(&self) -> usize {
        self.table.len()
    }
}

/// A process of two functions: what [`KeyedStream::entity`](crate::KeyedStream::entity) makes.
pub(crate) struct Functions<I, H, U> {
    functions: Arc<(I, H)>,
    out: std::marker::PhantomData<fn() -> U>,
}

impl<I, H, U> Functions<I, H, U> {
    pub(crate) fn new(init: I, handler: H) -> Self {
        Self {
            functions: Arc::new((init, handler)),
            out: std::marker::PhantomData,
        }
    }
}

impl<I, H, U> Clone for Functions<I, H, U> {
    fn clone(&self) -> Self {
        Self {
            functions: self.functions.clone(),
            out: std::marker::PhantomData,
        }
    }
}

impl<K, T, St, U, I, H> KeyedProcess<K, T> for Functions<I, H, fn(St) -> U>
where
    K: Key,
    St: Send + 'static,
    U: Send + 'static,
    I: Fn(&K) -> St + Send + Sync + 'static,
    H: Fn(&mut St, T, &mut KeyContext<'_, K, U>) -> Turn + Send + Sync + 'static,
{
    type State = St;
    type Out = U;

    #[inline]
    fn state(&mut self, key: &K) -> St {
        (self.functions.0)(key)
    }

    #[inline]
    fn on_record(&mut self, state: &mut St, record: T, ctx: &mut KeyContext<'_, K, U>) -> Turn {
        (self.functions.1)(state, record, ctx)
    }
}
