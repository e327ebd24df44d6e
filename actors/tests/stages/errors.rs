//! The policies for records that fail: what goes on, what is counted, what is told, what becomes of state.

use crate::{Collected, at, finish, system, watermark};
use potoroo_actors::runtime::arena::Arena;
use potoroo_actors::runtime::io::Framing;
use potoroo_actors::runtime::{Fault, Turn};
use potoroo_actors::sink::FileSink;
use potoroo_actors::source::{Arrival, FileSource, Step};
use potoroo_actors::{DeadLetters, KeyContext, KeyedProcess, OnError, Pipeline, Timer, sink, source};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Handled,
    Refused,
    Panicked,
}

type Order = (u8, u32, Fate);

fn orders() -> impl Strategy<Value = Vec<Order>> {
    let fate = prop_oneof![
        8 => Just(Fate::Handled),
        2 => Just(Fate::Refused),
        1 => Just(Fate::Panicked),
    ];
    prop::collection::vec((0..5_u8, 0..1000_u32, fate), 0..300)
}

/// Adds up, and fails after it has changed its state and before it emits.
fn add(total: &mut u32, (key, n, fate): Order, out: &mut KeyContext<'_, u8, (u8, u32)>) -> Turn {
    *total += n;
    match fate {
        Fate::Handled => out.emit((key, *total)),
        Fate::Refused => return Err(Fault::new(format!("no {n}"))),
        Fate::Panicked => panic!("not even {n}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// An error keeps what was changed, a panic forgets the key, and no other record is touched by either.
    #[test]
    fn a_record_that_fails_fails_alone(orders in orders(), dead: bool, partitions in 1..4_usize) {
        let on_error = if dead { OnError::DeadLetters } else { OnError::Skip };
        let mut totals: BTreeMap<u8, u32> = BTreeMap::new();
        let mut expected: BTreeMap<u8, Vec<u32>> = BTreeMap::new();
        for &(key, n, fate) in &orders {
            let total = totals.entry(key).or_default();
            *total += n;
            match fate {
                Fate::Handled => expected.entry(key).or_default().push(*total),
                Fate::Refused => {}
                Fate::Panicked => drop(totals.remove(&key)),
            }
        }
        let failed = orders.iter().filter(|(.., fate)| *fate != Fate::Handled).count() as u64;

        let system = system(2);
        let out = Collected::new();
        let pipeline = Pipeline::new().dead_letters(DeadLetters::counted());
        let given = orders.clone();
        pipeline
            .source("orders", source::generate(1, move |_| given.clone().into_iter()))
            .key_by(|(key, ..)| *key)
            .partitions(NonZeroUsize::new(partitions).expect("at least one"))
            .on_error(on_error)
            .entity("totals", |_| 0, add)
            .sink("out", sink::each(out.taker()));
        let (outcome, status) = finish(pipeline.start(&system));
        prop_assert_eq!(outcome, Ok(()));
        let mut seen: BTreeMap<u8, Vec<u32>> = BTreeMap::new();
        for (key, total) in out.take() {
            seen.entry(key).or_default().push(total);
        }
        prop_assert_eq!(seen, expected);
        let stage = status.stage("totals").expect("a stage");
        prop_assert_eq!(stage.keys, totals.len() as u64);
        prop_assert_eq!(stage.records_failed, failed);
        prop_assert_eq!(status.dead_letters, if dead { failed } else { 0 });
    }
}

#[test]
fn a_dead_letter_tells_all_that_is_known_of_a_record() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("letters");
    let letters = DeadLetters::to_file(&path).expect("writable");
    let system = system(1);
    let pipeline = Pipeline::new().dead_letters(letters);
    pipeline
        .source(
            "orders",
            source::steps(1, |_| {
                [
                    Step::At(at(5), ("ada", 1)),
                    Step::Record(("bo", 2)),
                    Step::Record(("odd", 3)),
                ]
                .into_iter()
            }),
        )
        .try_filter_map("even", |(name, n): (&str, i32)| match n {
            3 => Err(Fault::new("odd")),
            _ => Ok(Some((name.to_owned(), n))),
        })
        .on_error(OnError::DeadLetters)
        .record_text(|(name, n)| format!("{name}\n{n}"))
        .key_by_ref(|(name, _)| name.as_str())
        .on_error(OnError::DeadLetters)
        .record_text(|record| format!("{record:?}"))
        .entity(
            "names",
            |_| (),
            |(), (_, n), out: &mut KeyContext<'_, String, i32>| {
                assert!(n != 2, "two");
                out.emit(n);
                Err(Fault::new("no room"))
            },
        )
        .sink("out", sink::each(|n| assert_eq!(n, 1, "what was emitted stays")));
    let job = pipeline.start(&system);
    let letters = job.dead_letters().clone();
    let (outcome, status) = finish(job);
    assert_eq!(outcome, Ok(()));
    assert_eq!(status.stage("out").map(|stage| stage.records_in), Some(1));
    letters.flush().expect("written");
    let mut lines: Vec<_> = fs::read_to_string(path)
        .expect("readable")
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            r#"even: odd [odd\n3]"#,
            r#"names key "ada" at 0.000000005 s: no room [(\"ada\", 1)]"#,
            r#"names key "bo": panic: two [(\"bo\", 2)]"#,
        ]
    );
}

/// Rings three times for each key; the second time it fails.
#[derive(Clone)]
struct Ringing;

impl KeyedProcess<u32, u32> for Ringing {
    type State = u32;
    type Out = (u32, i64, u32);

    fn state(&mut self, _: &u32, _: &Arena) -> u32 {
        0
    }

    fn on_record(&mut self, _: &mut u32, _: u32, ctx: &mut KeyContext<'_, u32, Self::Out>) -> Turn {
        for time in [10, 20, 30] {
            ctx.set_timer(at(time));
        }
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, rung: &mut u32, ctx: &mut KeyContext<'_, u32, Self::Out>) -> Turn {
        *rung += 1;
        let key = *ctx.key();
        if timer.time == at(20) && key != 0 {
            assert!(key == 1, "the bell is broken");
            return Err(Fault::new("the bell is stuck"));
        }
        ctx.emit((key, timer.time.nanos(), *rung));
        Ok(())
    }
}

#[test]
fn a_timer_that_fails_fails_alone_and_with_a_panic_its_key_goes() {
    let system = system(1);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    pipeline
        .source(
            "steps",
            source::steps(1, |_| {
                let records = (0..3).map(|key| Step::At(at(0), key));
                records.chain([watermark(25), watermark(100)])
            }),
        )
        .key_by(|key| *key)
        .on_error(OnError::Skip)
        .process("ringing", Ringing)
        .sink("out", sink::each(out.taker()));
    let (outcome, status) = finish(pipeline.start(&system));
    assert_eq!(outcome, Ok(()));
    let mut rung = out.take();
    rung.sort_unstable();
    let expected = [
        // Nothing happened.
        (0, 10, 1),
        (0, 20, 2),
        (0, 30, 3),
        // An error: what it changed stays, and so do the other timers.
        (1, 10, 1),
        (1, 30, 3),
        // A panic: the key went with its timers.
        (2, 10, 1),
    ];
    assert_eq!(rung, expected);
    let stage = status.stage("ringing").expect("a stage");
    assert_eq!((stage.records_failed, stage.keys), (2, 2));
}

#[test]
fn a_step_that_fails_gives_nothing_for_that_record() {
    let system = system(2);
    let out = Collected::new();
    let pipeline = Pipeline::new().dead_letters(DeadLetters::counted());
    pipeline
        .source("numbers", source::generate(2, |_| 0..300_u32))
        .try_flat_map("twice", |n, each| {
            each(n);
            assert!(n % 3 != 1, "one of three");
            each(n);
            if n % 3 == 2 { Err(Fault::new("another")) } else { Ok(()) }
        })
        .on_error(OnError::DeadLetters)
        .sink("out", sink::each(out.taker()));
    let (outcome, status) = finish(pipeline.start(&system));
    assert_eq!(outcome, Ok(()));
    let mut seen = out.take();
    seen.sort_unstable();
    let expected: Vec<_> = (0..300).step_by(3).flat_map(|n| [n; 4]).collect();
    assert_eq!(seen, expected);
    let stage = status.stage("twice").expect("a stage");
    assert_eq!((stage.actors, stage.records_in, stage.records_out), (2, 600, 400));
    assert_eq!((stage.records_failed, status.dead_letters), (400, 400));
}

#[test]
fn without_a_policy_the_job_stops_and_no_sink_believes_that_it_has_all() {
    let directory = tempfile::tempdir().expect("a directory");
    let (input, output) = (directory.path().join("in"), directory.path().join("out"));
    fs::write(&input, "1\n2\nthree\n4\n").expect("written");
    for panics in [false, true] {
        let system = system(2);
        let framing = Framing::Lines { line_bytes_max: 100 };
        let text = |bytes: &[u8], _: Arrival| String::from_utf8(bytes.to_vec());
        let source = FileSource::open([input.clone()], framing, text).expect("readable");
        let encode = |n: &u32, out: &mut Vec<u8>| out.push(*n as u8);
        let pipeline = Pipeline::new();
        pipeline
            .source("lines", source)
            .try_map("numbers", move |line: String| match line.parse::<u32>() {
                Err(_) if panics => panic!("no number"),
                parsed => parsed,
            })
            .sink("out", FileSink::create(&output, encode).expect("writable"));
        let (outcome, status) = finish(pipeline.start(&system));
        let error = outcome.expect_err("three is no number").to_string();
        let reason = if panics { "panic: no number" } else { "invalid digit" };
        assert!(
            error.contains("stage 'numbers' failed") && error.contains(reason),
            "{error}"
        );
        assert_eq!(status.stage("numbers").map(|stage| stage.records_failed), Some(1));
        drop(system);
        assert!(!output.exists(), "half a result was published");
    }
}

#[test]
fn what_makes_states_must_not_panic() {
    let system = system(1);
    let pipeline = Pipeline::new();
    pipeline
        .source("numbers", source::generate(1, |_| 0..100_u32))
        .key_by(|n| *n)
        .on_error(OnError::Skip)
        .entity(
            "states",
            |key| assert!(*key < 50, "too many"),
            |(), n, out| {
                out.emit(n);
                Ok(())
            },
        )
        .sink("out", sink::each(|_| {}));
    let (outcome, _) = finish(pipeline.start(&system));
    let error = outcome.expect_err("a panic nobody contains").to_string();
    assert!(error.contains("'states'") && error.contains("too many"), "{error}");
}
