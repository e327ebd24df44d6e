//! Asking for states while the job runs: whole states, the right ones, and clear words when there is no answer.

use crate::{Collected, finish, system};
use potoroo_actors::runtime::sim::{self, Sim};
use potoroo_actors::runtime::{Actor, Context, System, Turn};
use potoroo_actors::source::Step;
use potoroo_actors::{Job, Pipeline, Queries, QueryError, QueryTag, sink, source};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

/// A sum, and twice that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    once: u64,
    twice: u64,
}

static SUMS: QueryTag<u32, (u64, u64)> = QueryTag::json("sums");
static BROKEN: QueryTag<u32, u64> = QueryTag::new("broken");

const KEYS: u32 = 40;

/// Adds up `numbers` by key, and then does not end before it is told to.
fn summing(system: &System, numbers: u32, partitions: usize) -> Job {
    let pipeline = Pipeline::new();
    pipeline
        .source(
            "numbers",
            source::steps(1, move |_| {
                (0..numbers).map(Step::Record).chain(std::iter::repeat(Step::Turn))
            }),
        )
        .key_by(|n| n % KEYS)
        .partitions(NonZeroUsize::new(partitions).expect("at least one"))
        .queryable(&SUMS, |sums: &Sums| (sums.once, sums.twice))
        .entity(
            "adding",
            |_| Sums::default(),
            |sums, n, out| {
                sums.once += u64::from(n);
                // Whoever looked here would see half of a change.
                out.emit(n);
                sums.twice += 2 * u64::from(n);
                Ok(())
            },
        )
        .key_by(|n| n % 2)
        .queryable(&BROKEN, |_: &()| panic!("this view is broken"))
        .entity(
            "passing",
            |_| (),
            |(), n, out| {
                out.emit(n);
                Ok(())
            },
        )
        .key_by(|n| n % 2)
        .entity(
            "silent",
            |_| (),
            |(), n, out| {
                out.emit(n);
                Ok(())
            },
        )
        .sink("out", sink::each(|_| {}));
    pipeline.start(system)
}

/// What the sum of a key is in the end.
fn sum(key: u32, numbers: u32) -> u64 {
    (0..numbers).filter(|n| n % KEYS == key).map(u64::from).sum()
}

#[test]
fn a_state_is_seen_whole_and_grows_and_is_that_of_its_key() {
    const NUMBERS: u32 = 200_000;
    let system = system(2);
    let job = summing(&system, NUMBERS, 3);
    for key in 0..KEYS {
        let mut last = 0;
        while last < sum(key, NUMBERS) {
            let (once, twice) = job.query(&SUMS, key).expect("it runs").unwrap_or_default();
            assert_eq!(twice, 2 * once);
            assert!(once >= last);
            last = once;
        }
        assert_eq!(last, sum(key, NUMBERS));
    }
    assert_eq!(job.query(&SUMS, KEYS), Ok(None));
    let queries = job.queries();
    let as_text = format!("[{},{}]", sum(7, NUMBERS), 2 * sum(7, NUMBERS));
    assert_eq!(queries.ask_json("sums", " 7 ").wait(), Ok(Some(as_text)));
    assert_eq!(queries.ask_json("sums", "40").wait(), Ok(None));
    job.drain();
    assert_eq!(finish(job).0, Ok(()));
    assert_eq!(queries.ask(&SUMS, 7).wait(), Err(QueryError::Ended));
}

#[test]
fn what_cannot_be_answered_says_why_and_harms_nobody() {
    let system = system(2);
    let job = summing(&system, 1_000, 2);
    while job.query(&SUMS, 39).expect("it runs").map(|(sum, _)| sum) != Some(sum(39, 1_000)) {}
    static NOTHING: QueryTag<u32, u64> = QueryTag::new("nothing");
    static SILENT: QueryTag<u32, ()> = QueryTag::new("silent");
    static OTHER: QueryTag<String, u64> = QueryTag::new("sums");
    let queries = job.queries();
    let wrong_type = QueryError::WrongType {
        name: "sums",
        types: std::any::type_name::<fn(u32) -> (u64, u64)>(),
    };
    let unknown = job.query(&NOTHING, 1).expect_err("nothing is called so");
    assert!(matches!(&unknown, QueryError::Unknown { name, offered } if name == "nothing" && offered.len() == 2));
    let text = unknown.to_string();
    assert!(text.contains("sums") && text.contains("broken"), "{text}");
    let silent = QueryError::NotQueryable {
        stage: "silent".to_owned(),
    };
    assert_eq!(job.query(&SILENT, 1), Err(silent.clone()));
    assert_eq!(queries.ask_json("silent", "1").wait(), Err(silent));
    assert_eq!(job.query(&OTHER, "1".to_owned()), Err(wrong_type));
    for key in ["", "seven", "-1", "{"] {
        let error = queries.ask_json("sums", key).wait().expect_err("no key");
        assert!(matches!(error, QueryError::Key { name: "sums", .. }), "{key}: {error}");
    }
    let no_text = queries.ask_json("broken", "1").wait();
    assert!(matches!(no_text, Err(QueryError::WrongType { name: "broken", .. })));
    let error = job.query(&BROKEN, 1).expect_err("the view panics").to_string();
    assert!(error.contains("panic: this view is broken"), "{error}");
    job.drain();
    assert_eq!(finish(job).0, Ok(()));
}

#[test]
fn a_question_waits_no_longer_than_it_is_told_to() {
    static STUCK: QueryTag<(), u32> = QueryTag::new("stuck");
    let (go_on, wait) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    let wait = Mutex::new(wait);
    let system = system(2);
    let pipeline = Pipeline::new();
    pipeline
        .source(
            "one",
            source::steps(1, |_| {
                std::iter::once(Step::Record(1_u32)).chain(std::iter::repeat(Step::Turn))
            }),
        )
        .key_by(|_| ())
        .queryable(&STUCK, |seen: &u32| *seen)
        .entity(
            "stuck",
            |()| 0,
            move |seen, n, out| {
                tell.send(()).expect("somebody listens");
                // A handler must not block; this one shows what that does to others.
                wait.lock().expect("no panic").recv()?;
                *seen += n;
                out.emit(n);
                Ok(())
            },
        )
        .sink("out", sink::each(|_| {}));
    let job = pipeline.start(&system);
    told.recv().expect("the handler begins");
    let question = job.queries().ask(&STUCK, ()).within(Duration::from_millis(5));
    assert_eq!(question.wait(), Err(QueryError::TimedOut));
    go_on.send(()).expect("it waits");
    assert_eq!(job.query(&STUCK, ()), Ok(Some(1)));
    job.drain();
    assert_eq!(finish(job).0, Ok(()));
}

#[test]
#[should_panic(expected = "two stages to ask for \"sums\"")]
fn two_stages_of_one_tag_are_refused() {
    let numbers = || source::generate(1, |_| 0..10_u32);
    let pipeline = Pipeline::new();
    for name in ["first", "second"] {
        let keyed = pipeline.source(name, numbers()).key_by(|n| *n);
        drop(keyed.queryable(&SUMS, |sums: &Sums| (sums.once, sums.twice)));
    }
}

/// Asks for the sum of one key again and again, as actors do.
struct Curious {
    queries: Queries,
    seen: Arc<Mutex<Vec<u64>>>,
    until: u64,
}

impl Actor for Curious {
    type Msg = ();

    fn handle(&mut self, (): (), ctx: &mut Context<'_, Self>) -> Turn {
        ctx.run(self.queries.ask(&SUMS, 3)).then(|this, answer, ctx| {
            let (once, twice) = answer?.unwrap_or_default();
            assert_eq!(twice, 2 * once);
            this.seen.lock().expect("no panic").push(once);
            if once < this.until {
                ctx.me().tell(());
            }
            Ok(())
        });
        Ok(())
    }
}

/// A question from another actor, whoever has which turn when.
fn a_curious_actor(sim: &Sim) {
    const NUMBERS: u32 = 2_000;
    let node = sim.node("curious");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let for_actor = seen.clone();
    let job = Collected::new();
    let mut keep = job.taker();
    let keep = Mutex::new(move |job: Job| keep(job));
    node.start(move || {
        let system = System::builder().workers(3).pin(false).build().expect("starts");
        let numbers = (0..NUMBERS).map(Step::Record);
        let pipeline = Pipeline::new();
        pipeline
            .source(
                "numbers",
                source::steps(1, move |_| numbers.clone().chain(std::iter::repeat_n(Step::Turn, 50))),
            )
            .key_by(|n| n % KEYS)
            .queryable(&SUMS, |sums: &Sums| (sums.once, sums.twice))
            .entity(
                "adding",
                |_| Sums::default(),
                |sums, n, out| {
                    sums.once += u64::from(n);
                    sums.twice += 2 * u64::from(n);
                    out.emit(n);
                    Ok(())
                },
            )
            .sink("out", sink::each(|_| {}));
        let job = pipeline.start(&system);
        let (queries, seen) = (job.queries(), for_actor.clone());
        let until = sum(3, NUMBERS);
        let curious = system.spawn(move |_| Ok(Curious { queries, seen, until }));
        curious.tell(());
        (keep.lock().expect("no panic"))(job);
        system
    });
    sim.advance(Duration::from_secs(10));
    let seen = seen.lock().expect("no panic");
    assert!(!seen.is_empty() && seen.is_sorted(), "{seen:?}");
    assert!(seen.iter().all(|once| *once <= sum(3, NUMBERS)));
    drop(job.take());
}

#[test]
fn actors_ask_too_and_states_never_go_back() {
    sim::explore(a_curious_actor).random(40).run();
}
