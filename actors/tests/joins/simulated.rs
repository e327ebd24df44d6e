//! Joins under the simulator: a diamond of two sources gives the same results in any order of turns.

use crate::{at, sorted};
use potoroo_actors::join::{after, before};
use potoroo_actors::runtime::System;
use potoroo_actors::runtime::sim::{self, Sim};
use potoroo_actors::window::{Windowed, tumbling};
use potoroo_actors::{Pipeline, sink, source, time};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const RECORDS: u64 = 90;
const INSTANCES: u64 = 2;
const REACH: u64 = 5;
const SIZE: u64 = 10;
const VERSIONS: u64 = 7;

/// Which join, and who met.
type Met = (&'static str, u64, u64);

/// Even numbers meet odd ones of the same rest in intervals and windows; all meet multiples as of their time. Each number comes
/// from every instance.
fn expected() -> Vec<Met> {
    let mut met = Vec::new();
    for left in 0..RECORDS {
        for right in 0..RECORDS {
            let (is_pair, same_key) = (left % 2 == 0 && right % 2 == 1, left % 3 == right % 3);
            for _ in 0..INSTANCES * INSTANCES {
                if is_pair && same_key && left.abs_diff(right) <= REACH {
                    met.push(("interval", left, right));
                }
                if is_pair && same_key && left / SIZE == right / SIZE {
                    met.push(("window", left, right));
                }
            }
        }
        for _ in 0..INSTANCES {
            met.push(("as of", left, left / VERSIONS * VERSIONS));
        }
    }
    sorted(met)
}

fn joins_of_a_diamond(sim: &Sim) {
    let node = sim.node("joins");
    let results = Arc::new(Mutex::new(Vec::new()));
    let given = results.clone();
    node.start(move || {
        let system = System::builder().workers(3).pin(false).build().expect("starts");
        let pipeline = Pipeline::new();
        let shared = pipeline
            .source("numbers", source::generate(INSTANCES as usize, |_| 0..RECORDS))
            .timestamps(time::monotonic(|n: &u64| at(*n as i64)))
            .share("shared");
        let even = || shared.pick(|n| (n % 2 == 0).then_some(*n)).key_by(|n| n % 3);
        let odd = || shared.pick(|n| (n % 2 == 1).then_some(*n)).key_by(|n| n % 3);
        let intervals = even()
            .join(odd())
            .interval(before(Duration::from_nanos(REACH)), after(Duration::from_nanos(REACH)))
            .inner("interval", |left, right| ("interval", *left, *right));
        let windows = even()
            .join(odd())
            .window(tumbling(Duration::from_nanos(SIZE)))
            .inner("window", |left, right| ("window", *left, *right))
            .map(|result: Windowed<u64, Met>| result.value);
        let versions = shared.pick(|n| n.is_multiple_of(VERSIONS).then_some(*n));
        let valid = shared
            .stream()
            .key_by(|_| ())
            .join(versions.key_by(|_| ()))
            .as_of()
            .inner("as of", |left, right| ("as of", left, *right));
        let given = given.clone();
        intervals.merge(windows).merge(valid).sink(
            "met",
            sink::each(move |met: Met| given.lock().expect("no panic").push(met)),
        );
        drop(pipeline.start(&system));
        system
    });
    let expected = expected();
    for _ in 0..100 {
        if results.lock().expect("no panic").len() == expected.len() {
            break;
        }
        sim.advance(Duration::from_secs(1));
    }
    let met = results.lock().expect("no panic").clone();
    assert_eq!(sorted(met), expected);
}

#[test]
fn joins_give_the_same_results_in_any_order_of_turns() {
    sim::explore(joins_of_a_diamond).random(40).run();
}

/// Every record meets the state that the broadcast of the same source has made of some prefix, in any order of turns.
fn a_broadcast_beside_its_own_source(sim: &Sim) {
    let node = sim.node("broadcast");
    let results = Arc::new(Mutex::new(Vec::new()));
    let given = results.clone();
    node.start(move || {
        let system = System::builder().workers(3).pin(false).build().expect("starts");
        let pipeline = Pipeline::new();
        let shared = pipeline
            .source("numbers", source::generate(1, |_| 0..RECORDS))
            .share("shared");
        let broadcast = shared.stream().broadcast();
        let given = given.clone();
        shared
            .stream()
            .key_by(|n| n % 3)
            .with_broadcast(broadcast)
            .entity(
                "prefixes",
                || 0,
                |heard, n| {
                    assert_eq!(*heard, n, "each once and in order");
                    *heard = n + 1;
                    Ok(())
                },
                |_| 0,
                |last, n, heard, out| {
                    assert!(*last <= *heard, "a replica does not go back");
                    *last = *heard;
                    out.emit(n);
                    Ok(())
                },
            )
            .sink("out", sink::each(move |n: u64| given.lock().expect("no panic").push(n)));
        drop(pipeline.start(&system));
        system
    });
    for _ in 0..100 {
        if results.lock().expect("no panic").len() as u64 == RECORDS {
            break;
        }
        sim.advance(Duration::from_secs(1));
    }
    let met = results.lock().expect("no panic").clone();
    assert_eq!(sorted(met), (0..RECORDS).collect::<Vec<_>>());
}

#[test]
fn broadcasts_keep_their_order_in_any_order_of_turns() {
    sim::explore(a_broadcast_beside_its_own_source).random(40).run();
}
