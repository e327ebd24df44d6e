//! Partitions that become more or fewer while the job is at work: cases B1, B3 to B5 and K2 to K4, in any order of turns and on real workers.

use potoroo_actors::element::{Mark, Routed, Timestamp};
use potoroo_actors::join::{after, before};
use potoroo_actors::runtime::arena::Arena;
use potoroo_actors::runtime::sim::{self, Sim};
use potoroo_actors::runtime::{AskError, System, Turn};
use potoroo_actors::source::Step;
use potoroo_actors::window::{Windowed, by_count, count, session, sliding, tumbling};
use potoroo_actors::{
    Job, KeyContext, KeyedProcess, NodeKind, Operator, Output, Pipeline, RescaleError, Stream, TimeToLive, Timer, sink,
    source,
};
use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const INSTANCES: usize = 2;
const KEYS: u64 = 40;
/// When a timer goes off, after the record that set it.
const DELAY: i64 = 7;

#[derive(Clone, Copy, Debug)]
struct Numbered {
    key: u64,
    /// The records of a key are numbered.
    number: u64,
}

/// The records of one instance, whose keys are its own.
fn records(instance: usize, of_each: u64) -> impl Iterator<Item = Step<Numbered>> + Send {
    let mut next: BTreeMap<u64, u64> = BTreeMap::new();
    (0..of_each).flat_map(move |n| {
        let key = (n * n + n / 3) % KEYS * INSTANCES as u64 + instance as u64;
        let number = next.entry(key).or_default();
        let record = Numbered { key, number: *number };
        *number += 1;
        let at = Timestamp::from_nanos(n as i64);
        let mut steps = vec![Step::At(at, record)];
        if n % 5 == instance as u64 {
            steps.push(Step::Mark(Mark::Watermark(at)));
        }
        if n % 3 == 0 {
            steps.push(Step::Turn);
        }
        steps
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Record(u64, u64),
    /// A timer, and how many records had come before its time.
    Timer(u64, i64, usize),
}

/// Checks the order of each key, and gives at each timer what was there before it.
#[derive(Clone)]
struct Watching;

impl KeyedProcess<u64, Numbered> for Watching {
    type State = Vec<i64>;
    type Out = Seen;

    fn state(&mut self, _: &u64, _: &Arena) -> Vec<i64> {
        Vec::new()
    }

    fn on_record(&mut self, times: &mut Vec<i64>, record: Numbered, ctx: &mut KeyContext<'_, u64, Seen>) -> Turn {
        assert_eq!(
            times.len() as u64,
            record.number,
            "key {} lost its order or its state",
            record.key
        );
        assert!(!ctx.is_late(), "{record:?} came behind the watermark");
        times.push(ctx.time().nanos());
        ctx.set_timer(ctx.time() + Duration::from_nanos(DELAY as u64));
        ctx.emit(Seen::Record(record.key, record.number));
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, times: &mut Vec<i64>, ctx: &mut KeyContext<'_, u64, Seen>) -> Turn {
        let before = times.iter().filter(|time| **time < timer.time.nanos()).count();
        ctx.emit(Seen::Timer(*ctx.key(), timer.time.nanos(), before));
        Ok(())
    }
}

/// What comes of the records whatever happens to partitions.
fn expected(of_each: u64) -> BTreeSet<Seen> {
    let mut times: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
    for instance in 0..INSTANCES {
        for step in records(instance, of_each) {
            if let Step::At(time, record) = step {
                times.entry(record.key).or_default().push(time.nanos());
            }
        }
    }
    let mut all = BTreeSet::new();
    for (key, times) in &times {
        for (number, time) in (0..).zip(times) {
            all.insert(Seen::Record(*key, number));
            let due = time + DELAY;
            all.insert(Seen::Timer(*key, due, times.iter().filter(|time| **time < due).count()));
        }
    }
    all
}

/// Behind the stage that changes stands one that would notice a result that came too late.
fn watch(pipeline: &Pipeline, of_each: u64, at_first: usize, seen: Arc<Mutex<Vec<Seen>>>) {
    pipeline
        .source(
            "records",
            source::steps(INSTANCES, move |instance| records(instance, of_each)),
        )
        .key_by(|record| record.key)
        .partitions(NonZeroUsize::new(at_first).expect("not zero"))
        .partitions_max(NonZeroUsize::new(5).expect("not zero"))
        .process("watching", Watching)
        .key_by(|_| ())
        .entity(
            "after",
            |()| (),
            |(), seen, out| {
                assert!(!out.is_late(), "{seen:?} came too late");
                out.emit(seen);
                Ok(())
            },
        )
        .sink("seen", sink::each(move |one| seen.lock().expect("no panic").push(one)));
}

fn check(seen: &Mutex<Vec<Seen>>, of_each: u64) {
    let seen = seen.lock().expect("no panic");
    let distinct: BTreeSet<_> = seen.iter().copied().collect();
    assert_eq!(distinct.len(), seen.len(), "something came twice");
    assert_eq!(distinct, expected(of_each));
}

/// K2 and K4: from anywhere to anywhere, at any moment, in any order of turns. B4 with it: the handler checks the number of each
/// record, so one that came before the state of its group would fail, and so would one that came to a group which has gone.
fn groups_move(sim: &Sim) {
    const OF_EACH: u64 = 2500;
    let node = sim.node("moving");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let job: Arc<Mutex<Option<Job>>> = Arc::default();
    let (given, started) = (seen.clone(), job.clone());
    let at_first = 1 + sim.choose(3);
    node.start(move || {
        let system = System::builder().workers(3).pin(false).build().expect("starts");
        let pipeline = Pipeline::new();
        watch(&pipeline, OF_EACH, at_first, given.clone());
        *started.lock().expect("no panic") = Some(pipeline.start(&system));
        system
    });
    let mut asked = Vec::new();
    for _ in 0..8 {
        for _ in 0..sim.choose(1500) {
            sim.step();
        }
        if let Some(job) = &*job.lock().expect("no panic") {
            asked.push(job.rescale("watching", 1 + sim.choose(5)));
        }
    }
    sim.advance(Duration::from_secs(1));
    for mut asked in asked {
        match asked.poll_for(Duration::ZERO).expect("there is an answer") {
            Ok(Ok(_) | Err(RescaleError::Busy | RescaleError::Ended)) => {}
            // The job was over.
            Err(AskError::Stopped) => {}
            answer => panic!("{answer:?}"),
        }
    }
    check(&seen, OF_EACH);
}

/// B1, B3 and B5: the stage that changes is behind a diamond, where one source comes to it on two ways, so that batches of one wait
/// while the other is held back; and one source ends long before the other.
fn groups_move_behind_a_diamond(sim: &Sim) {
    const OF_EACH: u64 = 1200;
    let node = sim.node("moving");
    let seen: Arc<Mutex<BTreeMap<u64, Vec<u64>>>> = Arc::default();
    let job: Arc<Mutex<Option<Job>>> = Arc::default();
    let (given, started) = (seen.clone(), job.clone());
    node.start(move || {
        let system = System::builder().workers(3).pin(false).build().expect("starts");
        let pipeline = Pipeline::new();
        let long_and_short = |instance: usize| records(instance, OF_EACH / (1 + 4 * instance as u64));
        let all = pipeline
            .source("records", source::steps(INSTANCES, long_and_short))
            .share("both ways");
        let odd = all.pick(|record| (record.key / 2 % 2 == 1).then_some(*record));
        let given = given.clone();
        all.pick(|record| (record.key / 2 % 2 == 0).then_some(*record))
            .merge(odd)
            .key_by(|record| record.key)
            .partitions(NonZeroUsize::MIN)
            .partitions_max(NonZeroUsize::new(3).expect("not zero"))
            .process("watching", Watching)
            .sink(
                "seen",
                sink::each(move |one| {
                    if let Seen::Record(key, number) = one {
                        given.lock().expect("no panic").entry(key).or_default().push(number);
                    }
                }),
            );
        *started.lock().expect("no panic") = Some(pipeline.start(&system));
        system
    });
    for _ in 0..6 {
        for _ in 0..sim.choose(1000) {
            sim.step();
        }
        if let Some(job) = &*job.lock().expect("no panic") {
            drop(job.rescale("watching", 1 + sim.choose(3)));
        }
    }
    sim.advance(Duration::from_secs(1));
    let mut expected: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for instance in 0..INSTANCES {
        for step in records(instance, OF_EACH / (1 + 4 * instance as u64)) {
            if let Step::At(_, record) = step {
                expected.entry(record.key).or_default().push(record.number);
            }
        }
    }
    assert_eq!(*seen.lock().expect("no panic"), expected);
}

#[test]
fn b1_b3_b5_groups_move_behind_a_diamond_and_where_a_source_ends() {
    sim::explore(groups_move_behind_a_diamond).random(80).run();
}

#[test]
fn b4_k2_k4_results_are_the_same_however_groups_move_and_in_any_order_of_turns() {
    sim::explore(groups_move).random(80).run();
}

/// Windows and joins of all kinds, each of which may change its partitions: the same results as without.
fn windows(partitions: Option<&dyn Fn(&Job)>, workers: usize) -> BTreeMap<String, u64> {
    const OF_EACH: u64 = 30_000;
    let system = System::builder().workers(workers).build().expect("starts");
    let results: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
    let pipeline = Pipeline::new();
    let records = pipeline
        .source(
            "records",
            source::steps(INSTANCES, move |instance| records(instance, OF_EACH)),
        )
        .share("records of all");
    macro_rules! window {
        ($name:literal, $windows:expr) => {
            let results = results.clone();
            records
                .pick(|record| Some(*record))
                .key_by(|record| record.key)
                .partitions(NonZeroUsize::MIN)
                .partitions_max(NonZeroUsize::new(3).expect("not zero"))
                .window($windows)
                .aggregate($name, count())
                .sink(
                    concat!($name, " given"),
                    sink::each(move |result: Windowed<u64, u64>| {
                        let of_what = format!("{} {} {:?} {}", $name, result.key, result.firing, result.span);
                        *results.lock().expect("no panic").entry(of_what).or_default() += result.value;
                    }),
                );
        };
    }
    let nanos = Duration::from_nanos;
    window!("tumbling", tumbling(nanos(100)));
    window!("sliding", sliding(nanos(90), nanos(30)));
    window!("session", session(nanos(35)));
    window!("counted", by_count(NonZeroU64::new(7).expect("not zero")));
    let side = |of: u64| records.pick(move |record: &Numbered| (record.number % 2 == of).then_some(*record));
    macro_rules! join {
        ($name:literal, $joining:ident => $joined:expr) => {
            let results = results.clone();
            let $joining = side(0)
                .key_by(|record| record.key)
                .partitions(NonZeroUsize::MIN)
                .partitions_max(NonZeroUsize::new(3).expect("not zero"))
                .join(side(1).key_by(|record| record.key));
            $joined.sink(
                concat!($name, " given"),
                sink::each(move |pair| {
                    let of_what = format!("{} {pair:?}", $name);
                    *results.lock().expect("no panic").entry(of_what).or_default() += 1;
                }),
            );
        };
    }
    let pair = |left: &Numbered, right: &Numbered| (left.key, left.number, right.number);
    let maybe = |left: &Numbered, right: Option<&Numbered>| (left.key, left.number, right.map(|right| right.number));
    join!("interval", both => both.interval(before(nanos(20)), after(nanos(40))).inner("interval", pair));
    join!("as of", both => both.as_of().tolerance(nanos(60)).left("as of", move |left, right: Option<&Numbered>| maybe(&left, right)));
    join!("window join", both => both.window(tumbling(nanos(80))).left("window join", maybe));
    join!("session join", both => both.window(session(nanos(35))).inner("session join", pair));
    let job = pipeline.start(&system);
    if let Some(change) = partitions {
        change(&job);
    }
    job.wait().expect("succeeds");
    std::mem::take(&mut results.lock().expect("no panic"))
}

const STAGES: [&str; 8] = [
    "tumbling",
    "sliding",
    "session",
    "counted",
    "interval",
    "as of",
    "window join",
    "session join",
];

#[test]
fn k2_windows_and_joins_of_all_kinds_move_with_their_keys() {
    let moved = Mutex::new(BTreeSet::new());
    let change = |job: &Job| {
        for partitions in [3, 1, 2].into_iter().cycle() {
            for stage in STAGES {
                match job.rescale(stage, partitions).wait() {
                    Ok(Ok(_)) => drop(moved.lock().expect("no panic").insert(stage)),
                    Ok(Err(RescaleError::Ended)) | Err(AskError::Stopped) => return,
                    answer => panic!("{answer:?}"),
                }
            }
        }
    };
    let changed = windows(Some(&change), 2);
    assert_eq!(
        moved.lock().expect("no panic").len(),
        STAGES.len(),
        "the job was over too soon"
    );
    let given = |name: &str| changed.keys().any(|of_what| of_what.starts_with(name));
    assert!(STAGES.iter().all(|stage| given(stage)), "some stage gave nothing");
    let unchanged = windows(None, 1);
    let differs = changed
        .iter()
        .filter(|(of_what, value)| unchanged.get(*of_what) != Some(value));
    assert_eq!(differs.take(5).collect::<Vec<_>>(), []);
    assert_eq!(changed.len(), unchanged.len());
}

#[test]
fn k4_groups_move_under_load_on_real_workers() {
    const OF_EACH: u64 = 60_000;
    let system = System::builder().workers(2).build().expect("starts");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let pipeline = Pipeline::new();
    watch(&pipeline, OF_EACH, 2, seen.clone());
    let job = pipeline.start(&system);
    let mut moved = 0;
    for partitions in [5, 1, 4, 2, 3].into_iter().cycle() {
        match job.rescale("watching", partitions).wait() {
            Ok(Ok(rescaled)) => {
                assert_eq!(rescaled.partitions, partitions);
                moved += rescaled.pauses.len();
            }
            // The job is over.
            Ok(Err(RescaleError::Ended)) | Err(AskError::Stopped) => break,
            answer => panic!("{answer:?}"),
        }
    }
    job.wait().expect("succeeds");
    assert!(moved > 0, "the job was over before anything had moved");
    check(&seen, OF_EACH);
}

/// An operator that says nothing about key groups.
struct Fixed;

impl Operator<Routed<u64>> for Fixed {
    type Out = u64;

    fn batch(&mut self, records: &mut Vec<Routed<u64>>, out: &mut Output<u64>) -> Turn {
        records.drain(..).for_each(|routed| out.emit(routed.record));
        Ok(())
    }
}

fn forever(pipeline: &Pipeline) -> Stream<u64> {
    pipeline
        .source("numbers", source::generate(1, |_| 0_u64..))
        .key_by(|n| n % 10)
        .partitions(NonZeroUsize::MIN)
        .partitions_max(NonZeroUsize::new(3).expect("not zero"))
        .entity(
            "counts",
            |_| 0_u64,
            |count, _, out| {
                *count += 1;
                out.emit(*count);
                Ok(())
            },
        )
}

#[test]
fn k3_what_cannot_be_done_is_refused_and_the_job_goes_on() {
    let system = System::builder().workers(2).build().expect("starts");
    let pipeline = Pipeline::new();
    let counts = forever(&pipeline).share("counted");
    counts.pick(|count| Some(*count)).sink("out", sink::each(drop));
    counts
        .pick(|count| Some(*count))
        .key_by(|count| count % 3)
        .operator("fixed", NodeKind::Keyed, |_| Fixed)
        .sink("passed", sink::each(drop));
    let job = pipeline.start(&system);
    let refused = |stage: &str, partitions| {
        let answer = job.rescale(stage, partitions).wait().expect("the job answers");
        answer.expect_err("cannot be done").to_string()
    };
    let too_many = "this stage can have 1 to 3; KeyedStream::partitions_max allows more";
    assert_eq!(refused("counts", 4), format!("4 partitions: {too_many}"));
    assert_eq!(refused("counts", 0), format!("0 partitions: {too_many}"));
    assert_eq!(
        refused("count", 2),
        "there is no keyed stage 'count'; there is: fixed, counts"
    );
    assert_eq!(
        refused("fixed", 1),
        "the operator of stage 'fixed' cannot give key groups away; entities, keyed processes, windows and joins can"
    );
    let rescaled = job
        .rescale("counts", 3)
        .wait()
        .expect("the job answers")
        .expect("can be done");
    // A third of the groups stays.
    assert_eq!((rescaled.partitions, rescaled.pauses.len()), (3, 1024 - 342));
    let nothing = job
        .rescale("counts", 3)
        .wait()
        .expect("the job answers")
        .expect("is so already");
    assert_eq!(nothing.pauses, []);
    job.drain();
    job.wait().expect("succeeds");
}

#[test]
fn state_that_has_moved_still_expires() {
    let system = System::builder().workers(2).build().expect("starts");
    let pipeline = Pipeline::new();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let steps = move |_| {
        let wait = wait.clone();
        let at = Timestamp::from_secs;
        let first = (0..100_u64).map(move |key| Step::At(at(key as i64 % 10), key));
        let pause = std::iter::once_with(move || {
            let _ = wait.lock().expect("no panic").recv();
            Step::Turn
        });
        let later = [Step::Mark(Mark::Watermark(at(1000))), Step::At(at(1000), 7), Step::Turn];
        first.chain([Step::Turn, Step::Turn]).chain(pause).chain(later)
    };
    pipeline
        .source("keys", source::steps(1, steps))
        .key_by(|key| *key)
        .partitions(NonZeroUsize::MIN)
        .partitions_max(NonZeroUsize::new(2).expect("not zero"))
        .time_to_live(TimeToLive::Event(Duration::from_secs(60)))
        .entity(
            "counts",
            |_| 0_u64,
            |count, _, out| {
                *count += 1;
                out.emit(*count);
                Ok(())
            },
        )
        .sink(
            "counted",
            sink::each(|count| assert_eq!(count, 1, "the state had gone")),
        );
    let job = pipeline.start(&system);
    let moving = job.rescale("counts", 2);
    go.send(()).expect("the source waits");
    drop(moving);
    drop(go);
    let mut job = job;
    while job.wait_for(Duration::from_secs(1)).is_none() {}
    let status = job.status();
    let stage = status.stage("counts").expect("is there");
    assert_eq!((stage.records_in, stage.keys), (101, 1), "all others have expired");
}
