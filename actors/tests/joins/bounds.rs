//! What joins do with what they cannot keep or use: nothing goes in silence.

use crate::{Collected, Record, Side, Sides, at, count, key_of, run, span, system};
use potoroo_actors::element::{Either, Mark};
use potoroo_actors::join::{Full, after, before};
use potoroo_actors::source::Step;
use potoroo_actors::window::tumbling;
use potoroo_actors::{JobError, Pipeline, Stream, TimeToLive, sink, source};
use std::time::Duration;

fn left(time: i64, key: u8, id: u32) -> Step<Side> {
    Step::At(at(time), Either::Left((key, id)))
}

fn right(time: i64, key: u8, id: u32) -> Step<Side> {
    Step::At(at(time), Either::Right((key, id)))
}

fn watermark(time: i64) -> Step<Side> {
    Step::Mark(Mark::Watermark(at(time)))
}

/// Runs a join over these steps whose side outputs nobody reads; gives how many records it has dropped.
fn dropped<O: Send + 'static>(steps: &[Step<Side>], join: impl FnOnce(Sides) -> Stream<O>) -> Result<u64, JobError> {
    let system = system(1);
    let steps = steps.to_vec();
    let pipeline = Pipeline::new();
    let sides = pipeline
        .source("steps", source::steps(1, move |_| steps.clone().into_iter()))
        .collect("in one line")
        .key_by(key_of as fn(&Side) -> u8)
        .join_sides();
    join(sides).sink("out", sink::each(|_| {}));
    let mut job = pipeline.start(&system);
    loop {
        if let Some(outcome) = job.wait_for(Duration::from_secs(1)) {
            let status = job.status();
            return outcome.map(|()| status.stage("join").expect("a stage").records_dropped);
        }
    }
}

fn inner(left: &Record, right: &Record) -> (u32, u32) {
    (left.1, right.1)
}

#[test]
fn what_comes_late_is_counted_where_nobody_wants_it() {
    let late = [
        watermark(100),
        left(50, 1, 0),
        right(60, 1, 1),
        right(70, 2, 2),
        left(99, 1, 3),
    ];
    let everywhere = (before(span(10)), after(span(10)));
    let intervals = dropped(&late, |sides| {
        sides.interval(everywhere.0, everywhere.1).inner("join", inner)
    });
    assert_eq!(intervals.expect("it ends"), 4);
    let windows = dropped(&late, |sides| sides.window(tumbling(span(10))).inner("join", inner));
    assert_eq!(windows.expect("it ends"), 4);
    // The newest version of each key is of use, however late it comes.
    let versions = dropped(&late, |sides| {
        sides.as_of().inner("join", |left, right| inner(&left, right))
    });
    assert_eq!(versions.expect("it ends"), 2);
    // Late or not, only the first finds no row.
    let rows = dropped(&late, |sides| {
        sides.enrich().inner("join", |left, right| inner(&left, right))
    });
    assert_eq!(rows.expect("it ends"), 1);
}

#[test]
fn a_join_that_may_not_forget_fails_when_it_is_full() {
    let join = |sides: Sides| {
        sides
            .interval(before(span(10)), after(span(10)))
            .at_most(count(2), Full::Fail)
            .inner("join", inner)
    };
    let full = [right(1, 1, 0), right(2, 1, 1), left(2, 1, 2), right(2, 2, 3)];
    assert_eq!(dropped(&full, join).expect("there is room"), 0);
    let mut too_full = full.to_vec();
    // Old ones make room in time.
    too_full.extend([watermark(13), right(13, 1, 4), right(13, 1, 5)]);
    assert_eq!(dropped(&too_full, join).expect("there is room again"), 0);
    too_full.push(right(14, 1, 6));
    let error = dropped(&too_full, join).expect_err("there is none").to_string();
    assert!(error.contains("more records to keep"), "{error}");
}

#[test]
fn rows_expire_when_neither_side_touches_them() {
    let steps = [
        right(0, 1, 10),
        right(0, 2, 20),
        watermark(600),
        left(600, 1, 0),
        watermark(1100),
        left(1100, 1, 1),
        left(1100, 2, 2),
    ];
    let (system, out) = (system(1), Collected::new());
    let pipeline = Pipeline::new();
    pipeline
        .source("steps", source::steps(1, move |_| steps.into_iter()))
        .key_by(key_of)
        .time_to_live(TimeToLive::Event(span(1000)))
        .join_sides()
        .enrich()
        .left("join", |left, row| (left.1, row.map(|row| row.1)))
        .sink("out", sink::each(out.taker()));
    pipeline.start(&system).wait().expect("the job ends");
    assert_eq!(out.take(), [(0, Some(10)), (1, Some(10)), (2, None)]);
}

/// A record of any time meets another: streams without event time are one great interval, and one window.
#[test]
fn streams_without_event_time_are_joined_at_their_end() {
    let steps = [
        Step::Record(Either::Left((1, 0))),
        Step::Record(Either::Right((1, 1))),
        Step::Record(Either::Left((2, 2))),
    ];
    let windows = run(&steps, 1, 0, |sides| {
        let join = sides.window(tumbling(span(10)));
        join.full("join", |left, right| {
            (left.map(|left| left.1), right.map(|right| right.1))
        })
    });
    let mut pairs: Vec<_> = windows.given.into_iter().map(|(result, _)| result.value).collect();
    pairs.sort();
    assert_eq!(pairs, [(Some(0), Some(1)), (Some(2), None)]);
    let intervals = run(&steps, 1, 0, |sides| {
        sides.interval(before(span(1)), after(span(1))).inner("join", inner)
    });
    assert_eq!(intervals.given, [((0, 1), i64::MIN)]);
}
