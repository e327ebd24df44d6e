//! Event time through a job: watermarks in their places, timers, the end.

use crate::{Collected, system};
use potoroo_actors::element::{Either, Mark, Timestamp};
use potoroo_actors::runtime::Turn;
use potoroo_actors::runtime::arena::Arena;
use potoroo_actors::source::Step;
use potoroo_actors::window::{Windowed, count, tumbling};
use potoroo_actors::{KeyContext, KeyedProcess, Pipeline, TimeDomain, Timer, sink, source, time};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

pub(crate) fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

pub(crate) fn watermark<T>(nanos: i64) -> Step<T> {
    Step::Mark(Mark::Watermark(at(nanos)))
}

/// What a handler saw.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Record { n: i64, watermark: i64 },
    Timer { time: i64, number: u32, records: Vec<i64> },
}

/// Sets and deletes timers as records say, and tells what it sees.
#[derive(Clone)]
struct Witness;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    Note,
    Set(i64, u32),
    Delete(i64, u32),
    Forget,
}

impl KeyedProcess<u8, (u8, i64, Order)> for Witness {
    type State = Vec<i64>;
    type Out = (u8, Seen);

    fn state(&mut self, _: &u8, _: &Arena) -> Vec<i64> {
        Vec::new()
    }

    fn on_record(
        &mut self,
        seen: &mut Vec<i64>,
        (key, n, order): (u8, i64, Order),
        ctx: &mut KeyContext<'_, u8, (u8, Seen)>,
    ) -> Turn {
        seen.push(n);
        match order {
            Order::Note => {}
            Order::Set(time, number) => ctx.set_numbered_timer(at(time), number),
            Order::Delete(time, number) => drop(ctx.delete_numbered_timer(at(time), number)),
            Order::Forget => ctx.delete_state(),
        }
        let watermark = ctx.watermark().nanos();
        ctx.emit((key, Seen::Record { n, watermark }));
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, seen: &mut Vec<i64>, ctx: &mut KeyContext<'_, u8, (u8, Seen)>) -> Turn {
        assert_eq!((ctx.time(), timer.domain), (timer.time, TimeDomain::Event));
        let records = seen.clone();
        let key = *ctx.key();
        let (time, number) = (timer.time.nanos(), timer.number);
        ctx.emit((key, Seen::Timer { time, number, records }));
        // Once more, within the callback: T3.
        if number == 7 {
            ctx.delete_numbered_timer(timer.time, 7);
            ctx.set_numbered_timer(timer.time + Duration::from_nanos(1), 8);
        }
        Ok(())
    }
}

pub(crate) type Told = (u8, i64, Order);

fn witness(steps: Vec<Step<Told>>, partitions: usize) -> BTreeMap<u8, Vec<Seen>> {
    let system = system(2);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    pipeline
        .source("steps", source::steps(1, move |_| steps.clone().into_iter()))
        // What stands between source and stage must not move a watermark.
        .filter(|_| true)
        .share("shared")
        .stream()
        .key_by(|(key, ..)| *key)
        .partitions(NonZeroUsize::new(partitions).expect("at least one"))
        .process("witness", Witness)
        .sink("out", sink::each(out.taker()));
    pipeline.start(&system).wait().expect("the job ends");
    let mut by_key: BTreeMap<u8, Vec<Seen>> = BTreeMap::new();
    for (key, seen) in out.take() {
        by_key.entry(key).or_default().push(seen);
    }
    by_key
}

/// The same by hand.
fn witness_model(steps: &[Step<Told>]) -> BTreeMap<u8, Vec<Seen>> {
    let mut all: BTreeMap<u8, Vec<Seen>> = BTreeMap::new();
    let mut states: BTreeMap<u8, (Vec<i64>, Vec<(i64, u32)>)> = BTreeMap::new();
    let mut watermark = i64::MIN;
    let end = [Step::Mark(Mark::Watermark(Timestamp::MAX))];
    for step in steps.iter().chain(&end) {
        match *step {
            Step::At(_, (key, n, order)) => {
                let (records, timers) = states.entry(key).or_default();
                records.push(n);
                all.entry(key).or_default().push(Seen::Record { n, watermark });
                match order {
                    Order::Note => {}
                    Order::Set(time, number) if !timers.contains(&(time, number)) => timers.push((time, number)),
                    Order::Set(..) => {}
                    Order::Delete(time, number) => timers.retain(|timer| *timer != (time, number)),
                    Order::Forget => drop(states.remove(&key)),
                }
            }
            Step::Mark(Mark::Watermark(time)) if time.nanos() > watermark => {
                watermark = time.nanos();
                for (key, (records, timers)) in &mut states {
                    loop {
                        timers.sort_unstable();
                        let Some((time, number)) = timers.first().copied().filter(|(time, _)| *time <= watermark)
                        else {
                            break;
                        };
                        timers.remove(0);
                        let records = records.clone();
                        all.entry(*key).or_default().push(Seen::Timer { time, number, records });
                        if number == 7 {
                            timers.retain(|timer| *timer != (time, 7));
                            timers.retain(|timer| *timer != (time + 1, 8));
                            timers.push((time + 1, 8));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn handlers_and_timers_see_what_the_model_sees(
        steps in proptest::collection::vec(
            prop_oneof![
                6 => (0_u8..3, -20_i64..60, prop_oneof![
                    2 => Just(Order::Note),
                    4 => (-20_i64..80, prop_oneof![Just(0_u32), Just(1), Just(7)]).prop_map(|(t, n)| Order::Set(t, n)),
                    2 => (-20_i64..80, Just(0_u32)).prop_map(|(t, n)| Order::Delete(t, n)),
                    1 => Just(Order::Forget),
                ]).prop_map(|(key, n, order)| Step::At(at(n), (key, n, order))),
                2 => (-30_i64..70).prop_map(watermark),
                1 => Just(Step::Turn),
            ],
            0..120,
        ),
        partitions in 1_usize..4,
    ) {
        prop_assert_eq!(witness(steps.clone(), partitions), witness_model(&steps));
    }

    #[test]
    fn sources_in_order_by_themselves_are_never_late_together(
        lengths in proptest::collection::vec(0_u64..3000, 1..4),
        workers in 1_usize..4,
        partitions in 1_usize..4,
        size in 1_u64..500,
    ) {
        let system = system(workers);
        let out = Collected::new();
        let pipeline = Pipeline::new();
        let made = lengths.clone();
        pipeline
            .source("sources", source::generate(lengths.len(), move |instance| 0..made[instance]))
            .timestamps(time::monotonic(|n: &u64| at(*n as i64)))
            .filter(|n| n % 3 != 0)
            .key_by(|n| n % 5)
            .partitions(NonZeroUsize::new(partitions).expect("at least one"))
            .window(tumbling(Duration::from_nanos(size)))
            .aggregate("windows", count())
            .sink("out", sink::each(out.taker()));
        let mut job = pipeline.start(&system);
        while job.wait_for(Duration::from_secs(1)).is_none() {}
        prop_assert_eq!(job.status().stage("windows").map(|stage| stage.records_dropped), Some(0));
        let mut expected: BTreeMap<(u64, i64), u64> = BTreeMap::new();
        for n in lengths.into_iter().flat_map(|length| 0..length).filter(|n| n % 3 != 0) {
            *expected.entry((n % 5, (n / size * size) as i64)).or_default() += 1;
        }
        let given = out.take().into_iter().map(|w: Windowed<u64, u64>| ((w.key, w.span.start.nanos()), w.value));
        prop_assert_eq!(given.collect::<BTreeMap<_, _>>(), expected);
    }
}

#[test]
fn w9_a_watermark_keeps_its_place_between_the_records() {
    let record = |n: i64| Step::At(at(n), (1, n, Order::Note));
    let steps = vec![
        record(1),
        watermark(5),
        record(2),
        record(3),
        watermark(4),
        watermark(9),
        record(4),
    ];
    let seen = witness(steps, 3);
    let marks = [(1, i64::MIN), (2, 5), (3, 5), (4, 9)];
    let expected = marks.map(|(n, watermark)| Seen::Record { n, watermark });
    assert_eq!(seen[&1], expected);
}

#[test]
fn t4_a_timer_sees_all_records_before_its_watermark_and_none_after() {
    let note = |n: i64| Step::At(at(n), (1, n, Order::Note));
    let steps = vec![
        Step::At(at(0), (1, 0, Order::Set(10, 0))),
        note(9),
        note(10),
        watermark(9),
        note(8),
        watermark(10),
        note(11),
    ];
    let seen = witness(steps, 1);
    let fired = seen[&1].iter().find(|seen| matches!(seen, Seen::Timer { .. }));
    let expected = Seen::Timer {
        time: 10,
        number: 0,
        records: vec![0, 9, 10, 8],
    };
    assert_eq!(fired, Some(&expected));
}

#[test]
fn w8_the_end_fires_all_timers_and_windows_of_all_stages_in_a_row() {
    let system = system(2);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    let ten = Duration::from_nanos(10);
    pipeline
        .source(
            "steps",
            source::steps(2, |n| {
                [Step::At(at(n as i64), 1_u64), Step::Mark(Mark::Idle)].into_iter()
            }),
        )
        .key_by(|_| 0_u8)
        .window(tumbling(ten))
        .aggregate("first", count())
        .key_by(|windowed: &Windowed<u8, u64>| windowed.value)
        .window(tumbling(ten))
        .aggregate("second", count())
        .sink("out", sink::each(out.taker()));
    pipeline.start(&system).wait().expect("the job ends");
    let given: Vec<Windowed<u64, u64>> = out.take();
    assert_eq!(given.len(), 1);
    assert_eq!((given[0].key, given[0].value, given[0].span.end), (2, 1, at(10)));
}

#[test]
fn two_keyed_streams_meet_at_the_lesser_watermark() {
    let system = system(2);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    let left = pipeline.source(
        "left",
        source::steps(1, |_| {
            [Step::At(at(1), 1_i64), watermark(100), Step::At(at(100), 100)].into_iter()
        }),
    );
    let right = pipeline.source(
        "right",
        source::steps(1, |_| {
            (0..50).flat_map(|n| [Step::At(at(n), n.to_string()), watermark(n), Step::Turn])
        }),
    );
    left.key_by(|_| ())
        .connect(right.key_by(|_| ()))
        .process("both", Latest)
        .sink("out", sink::each(out.taker()));
    pipeline.start(&system).wait().expect("the job ends");
    let late: Vec<bool> = out.take();
    assert_eq!(
        late, [false; 52],
        "right's watermark holds the stage's until right ends"
    );
}

/// Says of each record whether it is late.
#[derive(Clone)]
struct Latest;

impl KeyedProcess<(), Either<i64, String>> for Latest {
    type State = ();
    type Out = bool;

    fn state(&mut self, (): &(), _: &Arena) {}

    fn on_record(&mut self, (): &mut (), record: Either<i64, String>, ctx: &mut KeyContext<'_, (), bool>) -> Turn {
        // The left source may be done before or after the right one; right is never ahead of what it has said.
        let is_late = matches!(record, Either::Right(_)) && ctx.is_late();
        ctx.emit(is_late);
        Ok(())
    }
}
