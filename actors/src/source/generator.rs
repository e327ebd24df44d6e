//! Sources that make their records up: from iterators, or step by step with marks between the records; as fast as they are
//! taken, or at a rate.
//!
//! A rate is an open loop: record `i` of `n` instances is due `i · n / rate` after the start, whatever happened to those
//! before it, and what is late is made as soon as it can be. So a job that falls behind is seen to.

use super::{Replay, Source, SourceMsg};
use crate::element::{EdgeId, Mark, Timestamp};
use crate::exchange::{Collector, Downstream, Wiring};
use crate::job::{Deploy, StageCounters};
use potoroo_runtime::sys::clock::{self, Time};
use potoroo_runtime::{Actor, Context, Fault, Signal, Turn};
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

/// How many records one turn makes at most.
const RECORDS_PER_TURN: u64 = 1024;

/// How many records are made between two looks whether there is room.
const RECORDS_PER_LOOK: u64 = 64;

/// How long is waited for what is due, at least: records that are due sooner go together.
const WAIT_MIN: Duration = Duration::from_micros(200);

/// Records from iterators, one iterator per instance.
#[derive(Debug)]
pub struct GeneratorSource<F, T> {
    make: F,
    instances: usize,
    rate: Option<NonZeroU64>,
    records: PhantomData<fn() -> T>,
}

impl<F, T> GeneratorSource<F, T> {
    /// So many records a second, over all instances; without this, as many as are taken.
    ///
    /// ```
    /// use potoroo_actors::source;
    /// use std::num::NonZeroU64;
    ///
    /// let source = source::generate(2, |_instance| 0..1_000_u64).rate(NonZeroU64::new(100_000).unwrap());
    /// # let _ = source;
    /// ```
    #[must_use]
    pub fn rate(mut self, records_per_second: NonZeroU64) -> Self {
        self.rate = Some(records_per_second);
        self
    }
}

/// A source of `instances` actors, spread over the workers; `make` gives the iterator of each instance, by index. The
/// source ends when every iterator has.
pub fn generate<F, It>(instances: usize, make: F) -> GeneratorSource<impl Fn(usize) -> PlainRecords<It>, It::Item>
where
    F: Fn(usize) -> It,
    It: Iterator,
{
    GeneratorSource {
        make: move |instance| PlainRecords(make(instance)),
        instances,
        rate: None,
        records: PhantomData,
    }
}

/// One step of a source that says more than records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// A record without event time.
    Record(T),
    /// A record and its event time.
    At(Timestamp, T),
    /// A watermark, idleness, or the end of it.
    Mark(Mark),
    /// Sends what has gathered, and lets others have their turns.
    Turn,
}

/// A source of `instances` actors that goes step by step: for tests, which say where watermarks stand and where batches end.
///
/// ```
/// use potoroo_actors::element::{Mark, Timestamp};
/// use potoroo_actors::runtime::System;
/// use potoroo_actors::source::Step;
/// use potoroo_actors::{Pipeline, sink, source};
///
/// let system = System::new()?;
/// let pipeline = Pipeline::new();
/// let at = Timestamp::from_secs;
/// pipeline
///     .source("steps", source::steps(1, move |_| [Step::At(at(3), "a"), Step::Mark(Mark::Watermark(at(3)))].into_iter()))
///     .map_timed(|record, time| (record, time))
///     .sink("out", sink::each(move |(record, time)| assert_eq!((record, time), ("a", at(3)))));
/// pipeline.start(&system).wait()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn steps<F, It, T>(instances: usize, make: F) -> GeneratorSource<F, T>
where
    F: Fn(usize) -> It,
    It: Iterator<Item = Step<T>>,
{
    GeneratorSource {
        make,
        instances,
        rate: None,
        records: PhantomData,
    }
}

/// What an iterator of a source gives.
pub trait Produce<T>: sealed::Sealed {
    #[doc(hidden)]
    fn put<C: Collector<T>>(self, out: &mut C) -> bool;
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for super::Plain<T> {}
    impl<T> Sealed for super::Step<T> {}
}

/// A record and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Plain<T>(T);

/// Gives each item of an iterator as it is. `Map` would need a pointer to a function here, and call it for each record.
#[derive(Clone, Debug)]
pub struct PlainRecords<It>(It);

impl<It: Iterator> Iterator for PlainRecords<It> {
    type Item = Plain<It::Item>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(Plain)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<T> Produce<T> for Plain<T> {
    #[inline]
    fn put<C: Collector<T>>(self, out: &mut C) -> bool {
        out.collect(self.0, Timestamp::MIN);
        true
    }
}

impl<T> Produce<T> for Step<T> {
    fn put<C: Collector<T>>(self, out: &mut C) -> bool {
        match self {
            Self::Record(record) => out.collect(record, Timestamp::MIN),
            Self::At(time, record) => out.collect(record, time),
            Self::Mark(mark) => out.mark(mark),
            Self::Turn => return false,
        }
        true
    }
}

impl<F, It, T> Source for GeneratorSource<F, T>
where
    F: Fn(usize) -> It + Send + 'static,
    It: Iterator<Item: Produce<T>> + Send + 'static,
    T: Send + 'static,
{
    type Record = T;

    fn replay(&self) -> Replay {
        Replay::Replayable
    }

    fn actors(&self) -> Option<usize> {
        Some(self.instances)
    }

    fn deploy<D: Downstream<T>>(self, name: &str, down: &D, deploy: &mut Deploy<'_, '_>) {
        for instance in 0..self.instances {
            let edge = deploy.announce(down);
            let counters = deploy.counters(name);
            let records = (self.make)(instance);
            let pace = self.rate.map(|rate| Pace {
                rate: rate.get() as f64 / self.instances as f64,
                since: Time::NEVER,
                made: 0,
                is_ahead: false,
                waiting: false,
            });
            let down = down.clone();
            let actor = deploy.spawn(name, instance, move |ctx| {
                Generator::new(records, pace, &down, edge, counters, ctx)
            });
            deploy.add_source(actor.recipient());
        }
    }
}

/// When the records of one instance are due.
struct Pace {
    /// A second.
    rate: f64,
    since: Time,
    made: u64,
    /// Nothing was due when it last looked.
    is_ahead: bool,
    /// A timer is set.
    waiting: bool,
}

impl Pace {
    /// How many are due by now and not made.
    fn due(&mut self) -> u64 {
        let now = clock::now();
        if self.since == Time::NEVER {
            self.since = now;
        }
        // The first is due at once.
        let due = (now.since(self.since).as_secs_f64() * self.rate) as u64 + 1;
        due.saturating_sub(self.made)
    }

    /// How long until the next is due.
    fn wait(&self) -> Duration {
        let next = Duration::from_secs_f64(self.made as f64 / self.rate);
        next.saturating_sub(clock::now().since(self.since)).max(WAIT_MIN)
    }
}

/// One instance.
struct Generator<It, C, T> {
    /// Gone when it has ended or must not go on.
    records: Option<It>,
    out: C,
    counters: Arc<StageCounters>,
    pace: Option<Pace>,
    made: PhantomData<fn() -> T>,
}

impl<It, C, T> Generator<It, C, T>
where
    It: Iterator<Item: Produce<T>> + Send + 'static,
    T: Send + 'static,
    C: Collector<T>,
{
    fn new<D: Downstream<T, Collector = C>>(
        records: It,
        pace: Option<Pace>,
        down: &D,
        edge: EdgeId,
        counters: Arc<StageCounters>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<Self, Fault> {
        ctx.run_again();
        Ok(Self {
            records: Some(records),
            out: down.connect(edge, &mut Wiring::new(ctx.me().recipient())),
            counters,
            pace,
            made: PhantomData,
        })
    }

    fn produce(&mut self) {
        let Some(records) = &mut self.records else {
            return;
        };
        let most = match &mut self.pace {
            Some(pace) => {
                let due = pace.due();
                pace.is_ahead = due == 0;
                due.min(RECORDS_PER_TURN)
            }
            None => RECORDS_PER_TURN,
        };
        let mut made = 0;
        'turn: while made < most && self.out.is_ready() {
            for _ in 0..RECORDS_PER_LOOK.min(most - made) {
                let Some(record) = records.next() else {
                    self.records = None;
                    break 'turn;
                };
                if !record.put(&mut self.out) {
                    break 'turn;
                }
                made += 1;
            }
        }
        if let Some(pace) = &mut self.pace {
            pace.made += made;
        }
        self.counters.records_in.add(made);
        self.counters.records_out.add(made);
    }
}

impl<It, C, T> Actor for Generator<It, C, T>
where
    It: Iterator<Item: Produce<T>> + Send + 'static,
    T: Send + 'static,
    C: Collector<T>,
{
    type Msg = SourceMsg;

    fn handle(&mut self, msg: Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            SourceMsg::Drain => self.records = None,
            SourceMsg::Granted(grant) => drop(self.out.granted(grant)),
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        match (signal, &mut self.pace) {
            (Signal::RunAgain, _) => self.produce(),
            (Signal::Timer(_), Some(pace)) => {
                pace.waiting = false;
                pace.is_ahead = false;
            }
            _ => {}
        }
        Ok(())
    }

    fn turn_end(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        self.counters.batches_waiting.set(self.out.batches_in_flight() as u64);
        if self.records.is_none() {
            self.out.end();
            if self.out.has_ended() {
                ctx.stop();
            }
        } else {
            self.out.flush();
            match &mut self.pace {
                _ if !self.out.is_ready() => {}
                Some(pace) if pace.waiting => {}
                // While those after it were at work something has become due, at a high rate: it looks once more before it
                // waits, which takes far longer than they do.
                Some(pace) if !pace.is_ahead => ctx.run_again(),
                Some(pace) => {
                    pace.waiting = true;
                    ctx.signal_after(pace.wait());
                }
                None => ctx.run_again(),
            }
        }
        Ok(())
    }
}
