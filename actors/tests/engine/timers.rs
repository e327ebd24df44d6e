//! Timers by the clock, very many of them, and state that goes after a time to live.

use crate::event_time::{Order, Told, at, watermark};
use crate::{Collected, system};
use potoroo_actors::runtime::Turn;
use potoroo_actors::runtime::arena::Arena;
use potoroo_actors::source::Step;
use potoroo_actors::{KeyContext, KeyedProcess, Pipeline, TimeDomain, TimeToLive, Timer, sink, source};
use std::time::Duration;

/// Rings by the wall clock.
#[derive(Clone)]
struct Alarm(Duration);

impl KeyedProcess<u32, u32> for Alarm {
    type State = bool;
    type Out = (u32, TimeDomain);

    fn state(&mut self, _: &u32, _: &Arena) -> bool {
        false
    }

    fn on_record(&mut self, set: &mut bool, _: u32, ctx: &mut KeyContext<'_, u32, Self::Out>) -> Turn {
        if !*set {
            *set = true;
            ctx.set_clock_timer(self.0);
        }
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, _: &mut bool, ctx: &mut KeyContext<'_, u32, Self::Out>) -> Turn {
        let key = *ctx.key();
        ctx.emit((key, timer.domain));
        ctx.delete_state();
        Ok(())
    }
}

#[test]
fn timers_by_the_clock_ring_while_nothing_comes_and_at_the_end() {
    for delay in [Duration::from_millis(1), Duration::from_secs(100_000)] {
        let system = system(1);
        let out = Collected::new();
        let pipeline = Pipeline::new();
        let endless = delay.as_secs() == 0;
        pipeline
            .source(
                "numbers",
                // A source that has nothing more to give, and does not end before it is told to.
                source::steps(1, move |_| {
                    let numbers = (0..20_u32).map(Step::Record);
                    numbers.chain(std::iter::repeat_n(Step::Turn, if endless { usize::MAX } else { 0 }))
                }),
            )
            .key_by(|n| n % 10)
            .process("alarm", Alarm(delay))
            .sink("out", sink::each(out.taker()));
        let mut job = pipeline.start(&system);
        let rung = |job: &potoroo_actors::Job| job.status().stage("out").map_or(0, |stage| stage.records_in);
        while endless && rung(&job) < 10 {
            assert_eq!(job.wait_for(Duration::from_millis(1)), None);
        }
        job.drain();
        job.wait().expect("the job ends");
        let mut rung = out.take();
        rung.sort_by_key(|(key, _)| *key);
        let expected: Vec<_> = (0..10).map(|key| (key, TimeDomain::Processing)).collect();
        assert_eq!(rung, expected);
    }
}

#[test]
fn b9_very_many_timers_at_once_fire_in_order_and_let_others_go_on() {
    const TIMERS: i64 = 100_000;
    let system = system(1);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    pipeline
        .source(
            "steps",
            source::steps(1, |_| {
                let set = |n| Step::At(at(0), (1_u8, n, Order::Set(TIMERS - n, 0)));
                (0..TIMERS).map(set).chain([watermark(TIMERS + 1)])
            }),
        )
        .filter_map(|(key, n, order)| Some((key, n, order)))
        .key_by(|(key, n, _)| (*key, *n))
        .process("timers", Many)
        .sink("out", sink::each(out.taker()));
    pipeline.start(&system).wait().expect("the job ends");
    assert_eq!(out.take(), (1..=TIMERS).collect::<Vec<_>>());
}

/// A timer for each key.
#[derive(Clone)]
struct Many;

impl KeyedProcess<(u8, i64), Told> for Many {
    type State = ();
    type Out = i64;

    fn state(&mut self, _: &(u8, i64), _: &Arena) {}

    fn on_record(&mut self, (): &mut (), (_, _, order): Told, ctx: &mut KeyContext<'_, (u8, i64), i64>) -> Turn {
        if let Order::Set(time, _) = order {
            ctx.set_timer(at(time));
        }
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, (): &mut (), ctx: &mut KeyContext<'_, (u8, i64), i64>) -> Turn {
        ctx.emit(timer.time.nanos());
        ctx.delete_state();
        Ok(())
    }
}

#[test]
fn state_goes_a_time_to_live_after_its_last_record() {
    let system = system(1);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    let record = |time: i64, key: u8| Step::At(at(time), key);
    // 64 ns: a tick is one.
    let steps = [
        record(0, 1),
        record(0, 2),
        watermark(63),
        record(50, 1),
        watermark(100),
        record(100, 1),
        record(100, 2),
        watermark(164),
        record(164, 1),
        watermark(300),
        record(301, 1),
    ];
    pipeline
        .source("steps", source::steps(1, move |_| steps.into_iter()))
        .key_by(|key| *key)
        .time_to_live(TimeToLive::Event(Duration::from_nanos(64)))
        .entity(
            "counts",
            |_| 0,
            |count: &mut u32, key, out| {
                *count += 1;
                out.emit((key, *count));
                Ok(())
            },
        )
        .sink("out", sink::each(out.taker()));
    pipeline.start(&system).wait().expect("the job ends");
    let (of_1, of_2): (Vec<_>, Vec<_>) = out.take().into_iter().partition(|(key, _)| *key == 1);
    assert_eq!(of_1, [(1, 1), (1, 2), (1, 3), (1, 4), (1, 1)]);
    assert_eq!(of_2, [(2, 1), (2, 1)], "the record at 0 went at 65");
}

#[test]
fn state_that_goes_by_the_clock_goes_while_nothing_comes() {
    let system = system(1);
    let pipeline = Pipeline::new();
    pipeline
        .source(
            "numbers",
            source::steps(1, |_| {
                (0..5000_u32).map(Step::Record).chain(std::iter::repeat(Step::Turn))
            }),
        )
        .key_by(|n| *n)
        .time_to_live(TimeToLive::Processing(Duration::from_millis(5)))
        .entity(
            "keys",
            |_| (),
            |(), n, out| {
                out.emit(n);
                Ok(())
            },
        )
        .sink("out", sink::each(|_| {}));
    let mut job = pipeline.start(&system);
    let seen = |job: &potoroo_actors::Job| job.status().stage("out").map_or(0, |stage| stage.records_in);
    let keys = |job: &potoroo_actors::Job| job.status().stage("keys").map(|stage| stage.keys);
    while seen(&job) < 5000 || keys(&job) != Some(0) {
        assert_eq!(job.wait_for(Duration::from_millis(1)), None);
    }
    job.drain();
    job.wait().expect("the job ends");
}
