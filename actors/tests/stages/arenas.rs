//! States that have lists and maps in the arenas of their partitions.

use super::{at, finish, system, watermark};
use potoroo_actors::runtime::arena::{ArenaMap, ArenaVec};
use potoroo_actors::runtime::{System, evacuate};
use potoroo_actors::source::{Feed, Step};
use potoroo_actors::{Job, Pipeline, StageStatus, TimeToLive, sink, source};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const KEYS: u64 = 40;
/// How many numbers a key has before it begins anew.
const LENGTH: usize = 100;

/// The last numbers of a key, and how often it has had each remainder.
struct Numbers {
    last: ArenaVec<u64>,
    remainders: ArenaMap<u64, u64>,
}
evacuate!(Numbers { last, remainders });

impl Numbers {
    /// Adds a number; gives the sum of the last ones and how often its remainder has been there.
    fn add(&mut self, number: u64) -> (u64, u64) {
        if self.last.len() == LENGTH {
            // A list that begins again, whose bytes are dead.
            self.last = ArenaVec::new_in(self.last.arena());
        }
        self.last.push(number);
        let count = self.remainders.get_or_insert_with(number % 7, || 0);
        *count += 1;
        (self.last.iter().sum(), *count)
    }
}

/// The same, without arenas.
fn expected(records: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64, u64)> {
    let mut states: HashMap<u64, (Vec<u64>, HashMap<u64, u64>)> = HashMap::new();
    let mut all: Vec<_> = records
        .map(|(key, number)| {
            let (last, remainders) = states.entry(key).or_default();
            if last.len() == LENGTH {
                last.clear();
            }
            last.push(number);
            let count = remainders.entry(number % 7).or_default();
            *count += 1;
            (key, last.iter().sum(), *count)
        })
        .collect();
    all.sort_unstable();
    all
}

type Seen = Arc<Mutex<Vec<(u64, u64, u64)>>>;

/// A job that is fed from here, with so many partitions at first and at most three.
fn start(system: &System, partitions: usize) -> (Feed<(u64, u64)>, Job, Seen) {
    let count = |n| NonZeroUsize::new(n).expect("not zero");
    let seen = Seen::default();
    let noted = seen.clone();
    let (feed, records) = source::channel(count(1000));
    let pipeline = Pipeline::new();
    pipeline
        .source("numbers", records)
        .key_by(|(key, _)| *key)
        .partitions(count(partitions))
        .partitions_max(count(3))
        .entity_in(
            "lists",
            |_, arena| Numbers {
                last: ArenaVec::new_in(arena),
                remainders: ArenaMap::new_in(arena),
            },
            |numbers: &mut Numbers, (key, number), out| {
                let (sum, count) = numbers.add(number);
                out.emit((key, sum, count));
                Ok(())
            },
        )
        .sink("out", sink::each(move |one| noted.lock().expect("no panic").push(one)));
    (feed, pipeline.start(system), seen)
}

fn send(feed: &Feed<(u64, u64)>, records: impl Iterator<Item = (u64, u64)>) {
    let mut left: Vec<_> = records.collect();
    while !left.is_empty() {
        feed.try_send_all(&mut left).expect("the job goes on");
        thread::yield_now();
    }
}

fn records(numbers: std::ops::Range<u64>) -> impl Iterator<Item = (u64, u64)> {
    numbers.map(|n| (n % KEYS, n))
}

/// Waits until the stage has taken in so many records, and then until `is_it`.
fn wait(job: &mut Job, taken: u64, is_it: impl Fn(&StageStatus) -> bool) -> StageStatus {
    let since = Instant::now();
    loop {
        let status = job.status();
        // Nothing is known of it before it has been deployed.
        let lists = status.stage("lists");
        if let Some(lists) = lists.filter(|lists| lists.records_in >= taken && is_it(lists)) {
            return lists.clone();
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{lists:?}");
        assert!(job.wait_for(Duration::from_millis(5)).is_none(), "it ended");
    }
}

/// How much the lists and maps of all keys take when they have just grown: a list has room for 128 numbers, a map for 7.
const LIVE_MAX: u64 = KEYS * (128 * 8 + 512);

#[test]
fn lists_that_begin_again_do_not_fill_their_arenas() {
    const RECORDS: u64 = 200_000;
    let system = system(2);
    let (feed, mut job, seen) = start(&system, 2);
    send(&feed, records(0..RECORDS));
    let memory = wait(&mut job, RECORDS, |_| true).memory;
    // All lists that have been come to 8 MB and more.
    assert!(memory.used() < 8 * LIVE_MAX, "{memory:?}");
    assert_eq!(memory.foreign, 0, "all of it is made in the partition's own turns");
    drop(feed);
    assert!(finish(job).0.is_ok());
    let mut seen = std::mem::take(&mut *seen.lock().expect("no panic"));
    seen.sort_unstable();
    assert!(seen == expected(records(0..RECORDS)));
}

#[test]
fn what_moves_to_another_partition_leaves_nothing_behind() {
    const RECORDS: u64 = 20_000;
    let system = system(2);
    let (feed, mut job, seen) = start(&system, 1);
    send(&feed, records(0..RECORDS));
    wait(&mut job, RECORDS, |_| true);
    for (partitions, since) in [(3, 0), (1, 1), (2, 2)] {
        let from = RECORDS * (since + 1);
        let moved = job.rescale("lists", partitions).wait();
        moved.expect("the job is there").expect("it can be moved");
        send(&feed, records(from..from + RECORDS));
        let lists = wait(&mut job, from + RECORDS, |lists| {
            // Small tables leave something, and what others have freed since is not seen.
            let mut away = lists.partitions.iter().filter(|one| one.keys == 0);
            away.all(|one| one.memory.live < LIVE_MAX / 3 / 8)
        });
        assert_eq!(lists.keys, KEYS);
        assert!(lists.memory.used() < 8 * LIVE_MAX, "{:?}", lists.memory);
        assert_eq!(
            lists.memory.foreign, 0,
            "what came has moved into the partition's arenas"
        );
    }
    drop(feed);
    assert!(finish(job).0.is_ok());
    let mut seen = std::mem::take(&mut *seen.lock().expect("no panic"));
    seen.sort_unstable();
    assert!(seen == expected(records(0..4 * RECORDS)));
}

#[test]
fn what_expires_gives_its_lists_back() {
    const LISTS: i64 = 20_000;
    let system = system(1);
    let (tell, told) = std::sync::mpsc::channel();
    let pipeline = Pipeline::new();
    pipeline
        .source(
            "numbers",
            source::steps(1, |_| {
                let numbers = (0..LISTS).map(|n| Step::At(at(n % 10), n));
                // All of them, and one more when the others have long been over; then it waits to be looked at.
                let after = [
                    watermark(10),
                    Step::At(at(1_000_000), LISTS),
                    watermark(1_000_000),
                    Step::Turn,
                ];
                numbers.chain(after).chain(std::iter::repeat_with(|| Step::Turn))
            }),
        )
        .key_by(|n| *n)
        .time_to_live(TimeToLive::Event(Duration::from_nanos(1000)))
        .entity_in(
            "lists",
            |_, arena| ArenaVec::new_in(arena),
            |list: &mut ArenaVec<i64>, n, out| {
                list.extend((0..200).map(|more| n + more));
                out.emit(list.len());
                Ok(())
            },
        )
        .sink(
            "out",
            sink::each(move |length| tell.send(length).expect("it is listened to")),
        );
    let mut job = pipeline.start(&system);
    assert!(told.iter().take(LISTS as usize + 1).all(|length| length == 200));
    let lists = wait(&mut job, 0, |lists| lists.keys == 1);
    // The tables of a thousand groups stay, and what small ones have left when they grew.
    assert!(lists.memory.used() < 3_000_000, "of 32 MB {:?}", lists.memory);
    job.drain();
    assert!(finish(job).0.is_ok());
}

/// A list that has nothing while other states go is still the concern of its group afterwards.
#[test]
fn a_list_that_was_empty_when_others_expired_does_not_fill_its_arena() {
    const PUSHES: usize = 200_000;
    let system = system(1);
    let pipeline = Pipeline::new();
    pipeline
        .source(
            "numbers",
            source::steps(1, |_| {
                // Key 1 goes when key 0 is there and has not pushed anything.
                let before = [
                    Step::At(at(0), (1, true)),
                    Step::At(at(5000), (0, false)),
                    watermark(5000),
                ];
                let pushes = std::iter::repeat_n(Step::At(at(5001), (0, true)), PUSHES);
                before
                    .into_iter()
                    .chain(pushes)
                    .chain(std::iter::repeat_with(|| Step::Turn))
            }),
        )
        .key_by(|(key, _)| *key)
        .time_to_live(TimeToLive::Event(Duration::from_nanos(1000)))
        .entity_in(
            "lists",
            |_, arena| ArenaVec::new_in(arena),
            |list: &mut ArenaVec<u64>, (key, pushes), out| {
                if list.len() == LENGTH {
                    *list = ArenaVec::new_in(list.arena());
                }
                if pushes {
                    list.push(key);
                }
                out.emit(key);
                Ok(())
            },
        )
        .sink("out", sink::each(|_: u64| {}));
    let mut job = pipeline.start(&system);
    let lists = wait(&mut job, PUSHES as u64 + 2, |lists| lists.keys == 1);
    assert!(lists.memory.used() < 100_000, "of 4 MB {:?}", lists.memory);
    job.drain();
    assert!(finish(job).0.is_ok());
}
