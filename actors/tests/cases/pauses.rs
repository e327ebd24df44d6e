//! W10: event time is made of records alone. A source that stops for hours and then gives all at once has the same results, and the
//! same late records, as one that never stopped; by every strategy.

use super::feeding::{Feeder, numbers, seconds, system};
use potoroo_actors::element::{Mark, Timestamp};
use potoroo_actors::runtime::sim::{self, Sim};
use potoroo_actors::source::Step;
use potoroo_actors::time::Timestamps;
use potoroo_actors::window::{Late, Windowed, count, tumbling};
use potoroo_actors::{Pipeline, SideTag, sink, source, time};
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const RECORDS: i64 = 2000;
const KEYS: i64 = 5;
/// Of a window, in seconds.
const SIZE: i64 = 60;
const BOUND: Duration = Duration::from_secs(20);
const PORT: u16 = 8;
static LATE: SideTag<i64> = SideTag::new("late");

/// Seconds that go on by one and waver: most within the bound, some beyond it, some beyond all bounds.
fn wavering(n: i64) -> i64 {
    let back = match n * n % 97 {
        0 => 500,
        1 => 75,
        waver => waver % 20,
    };
    n * 3 - back
}

/// How many records each window has of each key, and which records are late, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Outcome {
    windows: BTreeMap<(i64, i64), u64>,
    late: Vec<i64>,
}

/// What the strategy says, by a plain loop: there is no clock in it.
fn expected(mut strategy: impl Timestamps<i64>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut watermark = Timestamp::MIN;
    for second in (0..RECORDS).map(wavering) {
        let time = strategy.time_of(&second);
        let start = second.div_euclid(SIZE) * SIZE;
        if seconds(&(start + SIZE)) <= watermark {
            outcome.late.push(second);
        } else {
            *outcome.windows.entry((second.rem_euclid(KEYS), start)).or_default() += 1;
        }
        assert_eq!(time, seconds(&second));
        watermark = watermark.max(strategy.watermark());
    }
    outcome
}

/// One record a second, in which the whole node stops for hours now and then, and what was due comes at once then; or all at once.
fn run(sim: &Sim, strategy: impl Timestamps<i64>, paced: bool) -> Outcome {
    let node = sim.node("pausing");
    let outcome: Arc<Mutex<Outcome>> = Arc::default();
    let given = outcome.clone();
    node.start(move || {
        let system = system(2);
        let pipeline = Pipeline::new();
        let steps = source::steps(1, |_| {
            // What a mark says is no matter here, but where it stands: there the strategy says how far it is.
            let here = Step::Mark(Mark::Watermark(Timestamp::MIN));
            (0..RECORDS).flat_map(move |n| [Step::Record(wavering(n)), here])
        });
        let steps = match paced {
            true => steps.rate(NonZeroU64::new(2).expect("not zero")),
            false => steps,
        };
        let counts = pipeline
            .source("records", steps)
            .timestamps(strategy.clone())
            .key_by(|second| second.rem_euclid(KEYS))
            .window(tumbling(Duration::from_secs(SIZE as u64)))
            .late(Late::SideOutput(LATE))
            .aggregate("counts", count());
        let (results, late) = (given.clone(), given.clone());
        // By key the partitions differ in speed; together they are in the order of the source again.
        counts.side_output(&LATE).sink(
            "late",
            sink::each(move |second| late.lock().expect("no panic").late.push(second)),
        );
        counts.sink(
            "out",
            sink::each(move |result: Windowed<i64, u64>| {
                let which = (result.key, result.span.start.millis() / 1000);
                let before = results.lock().expect("no panic").windows.insert(which, result.value);
                assert_eq!(before, None, "told twice");
            }),
        );
        drop(pipeline.start(&system));
        system
    });
    if paced {
        for _ in 0..4 {
            sim.advance(Duration::from_secs(sim.choose(400) as u64));
            node.pause(Duration::from_secs(3600 * (1 + sim.choose(10) as u64)));
        }
        sim.advance(Duration::from_secs(12 * 3600));
    }
    sim.advance(Duration::from_secs(2 * RECORDS as u64));
    let mut outcome = outcome.lock().expect("no panic").clone();
    outcome.late.sort_unstable();
    outcome
}

/// With pauses and without, it is what the loop says.
fn pauses_change_nothing(strategy: impl Timestamps<i64>, late_at_least: usize) {
    let mut expected = expected(strategy.clone());
    expected.late.sort_unstable();
    assert!(
        expected.late.len() >= late_at_least,
        "only {:?} are late",
        expected.late
    );
    for paced in [false, true] {
        let (strategy, expected) = (strategy.clone(), expected.clone());
        sim::explore(move |sim: &Sim| assert_eq!(run(sim, strategy.clone(), paced), expected))
            .random(if paced { 20 } else { 3 })
            .run();
    }
}

#[test]
fn w10_pauses_change_nothing_where_records_are_in_order() {
    pauses_change_nothing(time::monotonic(seconds), 30);
}

#[test]
fn w10_pauses_change_nothing_where_records_are_late_within_a_bound() {
    pauses_change_nothing(time::bounded(BOUND, seconds), 30);
}

#[test]
fn w10_pauses_change_nothing_where_records_say_how_far_they_are() {
    let said = |second: &i64| (second % 7 == 0).then(|| seconds(&(second - 10)));
    pauses_change_nothing(time::punctuated(seconds, said), 30);
}

/// Each connection has a watermark of its own: while one is silent for hours, the other is held, and nothing is late when the first
/// goes on; not even what it should have sent before the pause.
fn one_connection_pauses(sim: &Sim) {
    let node = sim.node("listening");
    let outcome: Arc<Mutex<Outcome>> = Arc::default();
    let given = outcome.clone();
    node.start(move || {
        let system = system(2);
        let pipeline = Pipeline::new();
        let counts = pipeline
            .source("records", numbers(PORT))
            .timestamps(time::bounded(BOUND, seconds))
            .key_by(|second| second.rem_euclid(KEYS))
            .window(tumbling(Duration::from_secs(SIZE as u64)))
            .late(Late::SideOutput(LATE))
            .aggregate("counts", count());
        let (results, late) = (given.clone(), given.clone());
        counts.side_output(&LATE).sink(
            "late",
            sink::each(move |second| late.lock().expect("no panic").late.push(second)),
        );
        counts.sink(
            "out",
            sink::each(move |result: Windowed<i64, u64>| {
                let which = (result.key, result.span.start.millis() / 1000);
                let before = results.lock().expect("no panic").windows.insert(which, result.value);
                assert_eq!(before, None, "told twice");
            }),
        );
        drop(pipeline.start(&system));
        system
    });
    sim.run_until_quiet();
    let peer = sim.node("feeding");
    let mut feeders = [0, 1].map(|_| Feeder::connect(peer.clone(), node.address(PORT)));
    sim.run_until_quiet();
    let mut expected = Outcome::default();
    let mut next = [0_i64, 0];
    let until = 600;
    while next.iter().any(|second| *second < until) {
        // Either goes on for a while, and then nothing happens for hours.
        let which = sim.choose(2);
        for _ in 0..sim.choose(200) {
            if next[which] < until {
                let second = next[which] - next[which] * 7 % 19;
                feeders[which].send(second);
                let start = second.div_euclid(SIZE) * SIZE;
                *expected.windows.entry((second.rem_euclid(KEYS), start)).or_default() += 1;
                next[which] += 1;
            }
        }
        match sim.choose(3) {
            0 => sim.advance(Duration::from_secs(3600 * sim.choose(10) as u64)),
            1 => node.pause(Duration::from_secs(3600)),
            _ => sim.run_until_quiet(),
        }
    }
    // Both are far beyond: all windows are complete.
    feeders.iter_mut().for_each(|feeder| feeder.send(10_000));
    while feeders.iter_mut().any(|feeder| !feeder.send_rest()) {
        sim.advance(Duration::from_secs(60));
    }
    sim.advance(Duration::from_secs(24 * 3600));
    assert_eq!(*outcome.lock().expect("no panic"), expected);
}

#[test]
fn w10_a_connection_that_pauses_holds_event_time_and_nothing_of_it_is_late() {
    sim::explore(one_connection_pauses).random(60).run();
}
