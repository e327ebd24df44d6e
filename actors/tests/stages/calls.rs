//! Calls per record: order, watermarks, bounds, attempts, in any order of answers.

use crate::{Collected, at, finish, system, watermark};
use potoroo_actors::runtime::sim::{self, Sim};
use potoroo_actors::runtime::sys::clock::{self, Time};
use potoroo_actors::runtime::{Actor, Backoff, Context, Fault, Reply, Turn};
use potoroo_actors::source::Step;
use potoroo_actors::{CallOptions, DeadLetters, Job, KeyContext, OnError, Pipeline, sink, source};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::future::{Future, pending, ready};
use std::num::{NonZeroU32, NonZeroUsize};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

fn many(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("at least one")
}

fn times(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("at least one")
}

/// Ready after so many polls.
struct Polls(u32);

impl Future for Polls {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        task.waker().wake_by_ref();
        Poll::Pending
    }
}

#[derive(Clone, Copy, Debug)]
enum Told {
    /// How many polls the call takes, and whether it fails then.
    Record(u32, bool),
    /// So much later.
    Watermark(i64),
    Turn,
}

fn told() -> impl Strategy<Value = Vec<Told>> {
    let one = prop_oneof![
        8 => (0..12_u32, prop::bool::weighted(0.2)).prop_map(|(polls, fails)| Told::Record(polls, fails)),
        3 => (0..20_i64).prop_map(Told::Watermark),
        2 => Just(Told::Turn),
    ];
    prop::collection::vec(one, 0..120)
}

type Record = (usize, u32, bool);

/// The steps of the source, and what is to come out: the numbers of the records by the watermark before them.
fn steps(told: &[Told]) -> (Vec<Step<Record>>, Vec<(i64, Vec<usize>)>) {
    let mut steps = Vec::new();
    let mut expected = vec![(i64::MIN, Vec::new())];
    let mut reached = 0;
    for (number, told) in told.iter().enumerate() {
        steps.push(match *told {
            Told::Record(polls, fails) => {
                if !fails {
                    expected.last_mut().expect("a section").1.push(number);
                }
                Step::At(at(reached), (number, polls, fails))
            }
            Told::Watermark(later) => {
                reached += later;
                if expected.last().is_some_and(|(before, _)| *before < reached) {
                    expected.push((reached, Vec::new()));
                }
                watermark(reached)
            }
            Told::Turn => Step::Turn,
        });
    }
    expected.retain(|(_, records)| !records.is_empty());
    (steps, expected)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Each result comes between the watermarks that its record came between; in order, if that was asked for.
    #[test]
    fn no_watermark_overtakes_a_record(told in told(), at_once in 1..8_usize, is_ordered: bool, workers in 1..3_usize) {
        let (steps, expected) = steps(&told);
        let system = system(workers);
        let out = Collected::new();
        let pipeline = Pipeline::new();
        let options = if is_ordered { CallOptions::ordered(many(at_once)) } else { CallOptions::unordered(many(at_once)) };
        pipeline
            .source("steps", source::steps(1, move |_| steps.clone().into_iter()))
            .call_async("calls", options.on_error(OnError::Skip), |(number, polls, fails): Record| async move {
                Polls(polls).await;
                if fails { Err(Fault::new("in vain")) } else { Ok(number) }
            })
            .key_by(|_| ())
            .entity("witness", |()| (), |(), number, out: &mut KeyContext<'_, (), (i64, usize)>| {
                out.emit((out.watermark().nanos(), number));
                Ok(())
            })
            .sink("out", sink::each(out.taker()));
        let (outcome, status) = finish(pipeline.start(&system));
        prop_assert_eq!(outcome, Ok(()));
        let mut seen: Vec<(i64, Vec<usize>)> = Vec::new();
        for (reached, number) in out.take() {
            match seen.last_mut() {
                Some((before, records)) if *before == reached => records.push(number),
                _ => seen.push((reached, vec![number])),
            }
        }
        if !is_ordered {
            seen.iter_mut().for_each(|(_, records)| records.sort_unstable());
        }
        prop_assert_eq!(seen, expected);
        let failed = told.iter().filter(|told| matches!(told, Told::Record(_, true))).count() as u64;
        prop_assert_eq!(status.stage("calls").map(|stage| stage.records_failed), Some(failed));
    }
}

#[test]
fn as_many_calls_are_out_as_was_said_and_no_more() {
    static OUT: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let system = system(2);
    let pipeline = Pipeline::new();
    pipeline
        .source("numbers", source::generate(2, |_| 0..2_000_u32))
        .call_async("calls", CallOptions::unordered(many(7)), |n| async move {
            MOST.fetch_max(OUT.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            // They outlast the turn in which all seven begin.
            Polls(3 + n % 5).await;
            OUT.fetch_sub(1, Ordering::Relaxed);
            Ok::<_, Fault>(n)
        })
        .sink("out", sink::each(|_| {}));
    let (outcome, status) = finish(pipeline.start(&system));
    assert_eq!(outcome, Ok(()));
    let stage = status.stage("calls").expect("a stage");
    assert_eq!((stage.records_in, stage.records_out), (4_000, 4_000));
    assert_eq!(MOST.load(Ordering::Relaxed), 7);
}

#[test]
fn what_fails_in_the_end_stops_the_job_and_names_the_stage() {
    type Answer = Pin<Box<dyn Future<Output = Result<u32, Fault>> + Send>>;
    let ways: [(fn() -> Answer, &str); 3] = [
        (
            || Box::pin(ready(Err(Fault::new("the line is dead")))),
            "the line is dead, after 3 attempts",
        ),
        (|| Box::pin(pending()), "no answer within 1ms, after 3 attempts"),
        (|| Box::pin(async { panic!("a bad call") }), "panic: a bad call"),
    ];
    for (answer, reason) in ways {
        let system = system(1);
        let pipeline = Pipeline::new();
        let options = CallOptions::ordered(many(2))
            .within(Duration::from_millis(1))
            .attempts(times(3), Backoff::NONE);
        pipeline
            .source("numbers", source::generate(1, |_| 0..10_u32))
            .call_async("calls", options, move |_| answer())
            .sink("out", sink::each(|_| {}));
        let (outcome, status) = finish(pipeline.start(&system));
        let error = outcome.expect_err("no call succeeds").to_string();
        assert!(
            error.contains("stage 'calls' failed") && error.contains(reason),
            "{error}"
        );
        let retries = status.stage("calls").expect("a stage").retries;
        assert_eq!(
            retries == 0,
            reason.contains("panic"),
            "a panic is not tried again: {retries}"
        );
    }
}

/// What a service does about a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Temper {
    Prompt,
    Slow,
    /// Refuses once.
    Rude,
    /// Takes too long once.
    Sleepy,
    Dead,
}

impl Temper {
    fn of(n: u64) -> Self {
        [Self::Prompt, Self::Slow, Self::Rude, Self::Sleepy, Self::Dead][(n % 5) as usize]
    }
}

/// A service with a temper.
struct Service {
    /// When it was asked about each number.
    asked: Asked,
}

type Asked = Arc<Mutex<BTreeMap<u64, Vec<Time>>>>;

enum ServiceMsg {
    Ask(u64, Reply<u64>),
    Answer(u64, Reply<u64>),
}

const SLOW: Duration = Duration::from_millis(700);
const WITHIN: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(200);

impl Actor for Service {
    type Msg = ServiceMsg;

    fn handle(&mut self, msg: ServiceMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            ServiceMsg::Answer(n, reply) => reply.send(n * n),
            ServiceMsg::Ask(n, reply) => {
                let mut asked = self.asked.lock().expect("no panic");
                let asked = asked.entry(n).or_default();
                asked.push(clock::now());
                match Temper::of(n) {
                    Temper::Slow => drop(ctx.after(SLOW, ServiceMsg::Answer(n, reply))),
                    Temper::Sleepy if asked.len() == 1 => drop(ctx.after(2 * WITHIN, ServiceMsg::Answer(n, reply))),
                    Temper::Rude if asked.len() == 1 => drop(reply),
                    Temper::Dead => drop(reply),
                    _ => reply.send(n * n),
                }
            }
        }
        Ok(())
    }
}

const NUMBERS: u64 = 60;

/// Squares from a service that is slow, refuses and falls asleep; in virtual time.
fn squares_from_a_service(sim: &Sim) {
    let is_ordered = sim.choose(2) == 0;
    let node = sim.node("squares");
    let (asked, squares) = (Asked::default(), Arc::new(Mutex::new(Vec::new())));
    let job: Arc<Mutex<Option<Job>>> = Arc::default();
    let (for_service, given, running) = (asked.clone(), squares.clone(), job.clone());
    node.start(move || {
        let system = potoroo_actors::runtime::System::builder()
            .workers(2)
            .pin(false)
            .build()
            .expect("starts");
        let for_service = for_service.clone();
        let service = system.spawn(move |_| Ok(Service { asked: for_service }));
        let options = match is_ordered {
            true => CallOptions::ordered(many(8)),
            false => CallOptions::unordered(many(8)),
        };
        let pipeline = Pipeline::new().dead_letters(DeadLetters::counted());
        let given = given.clone();
        pipeline
            .source("numbers", source::generate(1, |_| 0..NUMBERS))
            .call_async(
                "squares",
                options
                    .within(WITHIN)
                    .attempts(times(3), Backoff::new(PAUSE, 10 * PAUSE))
                    .on_error(OnError::DeadLetters),
                move |n| {
                    let service = service.clone();
                    async move { service.ask(|reply| ServiceMsg::Ask(n, reply)).await }
                },
            )
            .sink(
                "out",
                sink::each(move |square: u64| given.lock().expect("no panic").push(square)),
            );
        *running.lock().expect("no panic") = Some(pipeline.start(&system));
        system
    });
    let living: Vec<u64> = (0..NUMBERS).filter(|n| Temper::of(*n) != Temper::Dead).collect();
    let is_done = || {
        let job = job.lock().expect("no panic");
        let status = job.as_ref().map(Job::status).unwrap_or_default();
        status.dead_letters == NUMBERS / 5
            && status
                .stage("out")
                .is_some_and(|out| out.records_in == living.len() as u64)
    };
    for _ in 0..100 {
        if is_done() {
            break;
        }
        sim.advance(Duration::from_secs(1));
    }
    let mut squares = std::mem::take(&mut *squares.lock().expect("no panic"));
    if !is_ordered {
        squares.sort_unstable();
    }
    assert_eq!(squares, living.iter().map(|n| n * n).collect::<Vec<_>>());
    for (n, at) in asked.lock().expect("no panic").iter() {
        let gaps: Vec<Duration> = at.windows(2).map(|pair| pair[1].since(pair[0])).collect();
        // Of each pause up to a half is left out. A message takes no time worth mentioning here.
        let tried: &[Duration] = match Temper::of(*n) {
            Temper::Prompt | Temper::Slow => &[],
            Temper::Rude => &[PAUSE],
            Temper::Sleepy => &[WITHIN.saturating_add(PAUSE)],
            Temper::Dead => &[PAUSE, PAUSE.saturating_mul(2)],
        };
        assert_eq!(gaps.len(), tried.len(), "{n} was asked {} times", at.len());
        for (gap, tried) in gaps.iter().zip(tried) {
            let least = if *tried > WITHIN {
                WITHIN + PAUSE / 2
            } else {
                *tried / 2
            };
            let most = *tried + Duration::from_millis(50);
            assert!(
                (least..=most).contains(gap),
                "{n}: {gap:?} is not between {least:?} and {most:?}"
            );
        }
    }
    let status = job.lock().expect("no panic").as_ref().expect("it has started").status();
    let stage = status.stage("squares").expect("a stage");
    let each = NUMBERS / 5;
    assert_eq!((stage.retries, stage.records_failed), ((1 + 1 + 2) * each, each));
}

#[test]
fn calls_are_tried_again_in_virtual_time_and_keep_their_order() {
    sim::explore(squares_from_a_service).random(40).run();
}

/// Nobody answers: what is not called for is not taken in, back to the source.
fn nobody_answers(sim: &Sim) {
    let node = sim.node("waiting");
    let begun = Arc::new(AtomicUsize::new(0));
    let made = Arc::new(AtomicUsize::new(0));
    let (count, making) = (begun.clone(), made.clone());
    node.start(move || {
        let system = system(2);
        let (count, making) = (count.clone(), making.clone());
        let pipeline = Pipeline::new();
        pipeline
            .source("endless", source::generate(1, |_| 0_u64..))
            .inspect(move |_| {
                making.fetch_add(1, Ordering::Relaxed);
            })
            .call_async("calls", CallOptions::unordered(many(5)), move |n: u64| {
                count.fetch_add(1, Ordering::Relaxed);
                async move {
                    pending::<()>().await;
                    Ok::<_, Fault>(n)
                }
            })
            .sink("out", sink::each(|_| {}));
        drop(pipeline.start(&system));
        system
    });
    sim.advance(Duration::from_secs(10));
    let first = made.load(Ordering::Relaxed);
    assert_eq!(begun.load(Ordering::Relaxed), 5);
    // The credits of one edge and what one look makes beyond them.
    assert!(first <= 18 * 256, "{first} records were made");
    sim.advance(Duration::from_secs(100));
    assert_eq!(made.load(Ordering::Relaxed), first);
}

#[test]
fn calls_that_wait_hold_the_source() {
    sim::explore(nobody_answers).random(10).run();
}
