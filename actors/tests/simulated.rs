//! The stream engine on a simulated network and disk: the same pipelines, on nodes of their own, in any order, with faults.

use potoroo_actors::element::{Mark, Timestamp};
use potoroo_actors::runtime::System;
use potoroo_actors::runtime::io::Framing;
use potoroo_actors::runtime::sim::{self, FaultKind, Faults, Node, Sim};
use potoroo_actors::runtime::sys::net::TcpListener;
use potoroo_actors::sink::{FileSink, TcpSink};
use potoroo_actors::source::{Arrival, FileSource, Step, TcpSource};
use potoroo_actors::window::{Windowed, count, sum, tumbling};
use potoroo_actors::{Pipeline, sink, source, time};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::ParseIntError;
use std::path::Path;
use std::string::FromUtf8Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LINES: Framing = Framing::Lines { line_bytes_max: 100 };
const WORDS: [&str; 7] = ["as", "it", "was", "in", "the", "beginning", "is"];
const INSTANCES: usize = 2;
const EACH: usize = 150;
const COUNTING: u16 = 8;
const COLLECTING: u16 = 9;

/// What a network does that loses no connection: the pipelines do not reconnect.
fn slow_network() -> Faults {
    Faults {
        latency_max: Duration::from_millis(20),
        stall: 0.02,
        stall_max: Duration::from_secs(2),
        partition: 0.01,
        partition_max: Duration::from_secs(20),
        ..Faults::none()
    }
}

fn system(workers: usize) -> System {
    System::builder().workers(workers).pin(false).build().expect("starts")
}

fn listen(port: u16) -> TcpListener {
    let any: SocketAddr = ([0, 0, 0, 0], port).into();
    TcpListener::bind(any).expect("the port is free")
}

fn word(bytes: &[u8], _: Arrival) -> Result<String, FromUtf8Error> {
    String::from_utf8(bytes.to_vec())
}

fn line(word: &String, out: &mut Vec<u8>) {
    out.extend_from_slice(word.as_bytes());
    out.push(b'\n');
}

/// Words from one node, counted on the next, collected on the third: what a sink has sent, a source has received.
fn count_words(sim: &Sim) {
    let (feeding, counting, collecting) = (sim.node("feeding"), sim.node("counting"), sim.node("collecting"));
    let collected = Arc::new(Mutex::new(Vec::new()));
    let taken = collected.clone();
    collecting.start(move || {
        let system = system(2);
        let pipeline = Pipeline::new();
        let taken = taken.clone();
        pipeline
            .source("lines", TcpSource::new(listen(COLLECTING), LINES, word).once(true))
            .sink(
                "all",
                sink::each(move |line: String| taken.lock().expect("no panic").push(line)),
            );
        drop(pipeline.start(&system));
        system
    });
    let to = collecting.address(COLLECTING);
    counting.start(move || {
        let system = system(3);
        let pipeline = Pipeline::new();
        pipeline
            .source("words", TcpSource::new(listen(COUNTING), LINES, word).once(true))
            .key_by(|word: &String| word.clone())
            .entity(
                "counts",
                |_| 0_u64,
                |count: &mut u64, word, out| {
                    *count += 1;
                    out.emit(format!("{word} {count}"));
                    Ok(())
                },
            )
            .sink("counted", TcpSink::connect(to, line).expect("it listens"));
        drop(pipeline.start(&system));
        system
    });
    let to = counting.address(COUNTING);
    feeding.start(move || {
        let system = system(2);
        let pipeline = Pipeline::new();
        let share = |instance: usize| (0..EACH).map(move |n| WORDS[(n + instance) % WORDS.len()].to_owned());
        pipeline
            .source("words", source::generate(INSTANCES, share))
            .sink("sent", TcpSink::connect(to, line).expect("it listens"));
        drop(pipeline.start(&system));
        system
    });
    for _ in 0..600 {
        if collected.lock().expect("no panic").len() == INSTANCES * EACH {
            break;
        }
        sim.advance(Duration::from_secs(1));
    }
    let mut by_word: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for line in collected.lock().expect("no panic").iter() {
        let (word, count) = line.split_once(' ').expect("a word and a count");
        by_word
            .entry(word.to_owned())
            .or_default()
            .push(count.parse().expect("a number"));
    }
    for word in WORDS {
        let of_instance = |instance: usize| {
            (0..EACH)
                .filter(|n| WORDS[(n + instance) % WORDS.len()] == word)
                .count()
        };
        let expected = (0..INSTANCES).map(of_instance).sum::<usize>() as u64;
        let counts = by_word.get(word).cloned().unwrap_or_default();
        assert_eq!(counts, (1..=expected).collect::<Vec<_>>(), "the counts of {word:?}");
    }
}

#[test]
fn words_are_counted_exactly_through_a_slow_network() {
    let report = sim::explore(count_words).faults(slow_network()).random(60).run();
    assert!(report.injected.count(FaultKind::Partition) > 0, "{report}");
    assert!(report.injected.count(FaultKind::Stalled) > 0, "{report}");
}

#[test]
fn a_run_of_the_engine_is_a_function_of_its_seed() {
    let hash = || sim::explore(count_words).faults(slow_network()).random(5).run().hash;
    assert_eq!(hash(), hash());
}

fn number(bytes: &[u8], _: Arrival) -> Result<u64, ParseIntError> {
    String::from_utf8_lossy(bytes).parse()
}

fn encode(n: &u64, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{n}\n").as_bytes());
}

/// Doubles the numbers of a file into another, if the disk lets it begin.
fn double() -> System {
    let system = system(2);
    let input = FileSource::open(["in".into()], LINES, number);
    let output = FileSink::create(Path::new("out"), encode);
    if let (Ok(input), Ok(output)) = (input, output) {
        let pipeline = Pipeline::new();
        pipeline
            .source("numbers", input)
            .key_by(|n: &u64| n % 10)
            .entity(
                "doubles",
                |_| (),
                |(), n, out| {
                    out.emit(2 * n);
                    Ok(())
                },
            )
            .sink("doubled", output);
        drop(pipeline.start(&system));
    }
    system
}

fn is_doubled(node: &Node, numbers: u64) -> bool {
    let Some(bytes) = node.durable_file("out") else {
        return false;
    };
    let text = String::from_utf8(bytes).expect("digits");
    let mut found: Vec<u64> = text.lines().map(|line| line.parse().expect("a whole number")).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        (0..numbers).map(|n| 2 * n).collect::<Vec<_>>(),
        "half a result was published"
    );
    true
}

/// The result is there whole or not at all, wherever the power goes; and in the end it is there.
fn double_through_crashes(sim: &Sim) {
    const NUMBERS: u64 = 400;
    let node = sim.node("doubling");
    let numbers: String = (0..NUMBERS).map(|n| format!("{n}\n")).collect();
    node.put_file("in", numbers.as_bytes());
    if sim.choose(2) == 0 {
        node.crash_after_disk_operations(sim.choose(12) as u64);
    }
    node.start(double);
    for _ in 0..3 {
        if sim.choose(2) == 0 {
            for _ in 0..sim.choose(400) {
                sim.step();
            }
        } else {
            sim.advance(Duration::from_secs(30));
        }
        is_doubled(&node, NUMBERS);
        if sim.choose(2) == 0 {
            node.crash();
        }
        is_doubled(&node, NUMBERS);
        if node.is_down() {
            node.restart();
        }
    }
    sim.calm();
    node.restart();
    sim.advance(Duration::from_secs(60));
    assert!(is_doubled(&node, NUMBERS), "nothing is in its way any more");
}

#[test]
fn a_file_is_published_whole_or_not_at_all_wherever_the_power_goes() {
    let faults = Faults {
        sync_error: 0.2,
        disk_slow: 0.1,
        disk_slow_max: Duration::from_millis(100),
        ..Faults::none()
    };
    let report = sim::explore(double_through_crashes)
        .faults(faults)
        .allow_failures()
        .random(100)
        .run();
    for kind in [FaultKind::Crash, FaultKind::SyncError, FaultKind::NameLost] {
        assert!(report.injected.count(kind) > 0, "{kind:?} has not happened: {report}");
    }
}

/// Windows over a diamond of two sources, with a stage behind them: the same results in any order of turns.
fn windows_of_a_diamond(sim: &Sim) {
    const RECORDS: u64 = 700;
    const SIZE: u64 = 50;
    let node = sim.node("windows");
    let results = Arc::new(Mutex::new(Vec::new()));
    let given = results.clone();
    node.start(move || {
        let system = system(3);
        let pipeline = Pipeline::new();
        let given = given.clone();
        let shared = pipeline
            .source("numbers", source::generate(2, |_| 0..RECORDS))
            .timestamps(time::monotonic(|n: &u64| Timestamp::from_nanos(*n as i64)))
            .share("shared");
        let odd = shared.pick(|n| (n % 2 == 1).then_some(*n));
        shared
            .pick(|n| (n % 2 == 0).then_some(*n))
            .merge(odd)
            .key_by(|n| n % 5)
            .window(tumbling(Duration::from_nanos(SIZE)))
            .aggregate("by key", count())
            .map(|result: Windowed<u64, u64>| result.value)
            .key_by(|_| ())
            .window(tumbling(Duration::from_nanos(SIZE)))
            .aggregate("together", sum(|count: &u64| *count))
            .sink(
                "results",
                sink::each(move |result: Windowed<(), u64>| {
                    given
                        .lock()
                        .expect("no panic")
                        .push((result.span.start.nanos(), result.value));
                }),
            );
        drop(pipeline.start(&system));
        system
    });
    for _ in 0..100 {
        if results.lock().expect("no panic").len() as u64 == RECORDS / SIZE {
            break;
        }
        sim.advance(Duration::from_secs(1));
    }
    let expected: Vec<_> = (0..RECORDS / SIZE).map(|n| ((n * SIZE) as i64, 2 * SIZE)).collect();
    assert_eq!(*results.lock().expect("no panic"), expected);
}

#[test]
fn windows_give_the_same_results_in_any_order_of_turns() {
    sim::explore(windows_of_a_diamond).random(60).run();
}

/// What is late is late, whoever was faster: the source with its first records, or the job with the last of its announcements.
fn the_first_record_is_late(sim: &Sim) {
    let node = sim.node("late");
    let results = Arc::new(Mutex::new(Vec::new()));
    let given = results.clone();
    node.start(move || {
        let system = system(3);
        let pipeline = Pipeline::new();
        let given = given.clone();
        let at = Timestamp::from_nanos;
        let steps = move |_| {
            [
                Step::Mark(Mark::Watermark(at(100))),
                Step::At(at(5), 1_u32),
                Step::At(at(105), 2),
            ]
            .into_iter()
        };
        pipeline
            .source("steps", source::steps(1, steps))
            .key_by(|_| ())
            .window(tumbling(Duration::from_nanos(10)))
            .aggregate("windows", count())
            .sink(
                "results",
                sink::each(move |result: Windowed<(), u64>| given.lock().expect("no panic").push(result.span.start)),
            );
        drop(pipeline.start(&system));
        system
    });
    sim.advance(Duration::from_secs(1));
    assert_eq!(*results.lock().expect("no panic"), [Timestamp::from_nanos(100)]);
}

#[test]
fn what_is_late_does_not_depend_on_the_deployment() {
    sim::explore(the_first_record_is_late).random(100).run();
}
