//! B2: a producer that joins while key groups move goes by the new routes alone. It neither holds the move up nor loses a record, and
//! nothing of it comes before the state that it is for.

use super::feeding::{Feeder, LINES, listen, system};
use potoroo_actors::runtime::sim::{self, Node, Sim};
use potoroo_actors::source::{Arrival, TcpSource};
use potoroo_actors::{Job, Pipeline, RescaleError, sink};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PORT: u16 = 8;
const FEEDERS: usize = 6;
const KEYS: usize = 30;

/// A line is who sends it, the key, and how many of the key this feeder had sent before.
type Line = (usize, u64, u64);

fn line(bytes: &[u8], _: Arrival) -> Result<Line, String> {
    let text = String::from_utf8_lossy(bytes);
    let mut words = text.split(' ').map(str::parse::<u64>);
    match [words.next(), words.next(), words.next()] {
        [Some(Ok(feeder)), Some(Ok(key)), Some(Ok(number))] => Ok((feeder as usize, key, number)),
        _ => Err(format!("{text:?} is no line")),
    }
}

fn start(node: &Node, job: &Arc<Mutex<Option<Job>>>, taken: &Arc<Mutex<BTreeMap<(usize, u64), u64>>>) {
    let (job, taken) = (job.clone(), taken.clone());
    node.start(move || {
        let system = system(3);
        let pipeline = Pipeline::new();
        let taken = taken.clone();
        pipeline
            .source("lines", TcpSource::new(listen(PORT), LINES, line))
            .key_by(|(_, key, _): &Line| *key)
            .partitions(NonZeroUsize::MIN)
            .partitions_max(NonZeroUsize::new(4).expect("not zero"))
            .entity(
                "numbered",
                |_| [0; FEEDERS],
                |next: &mut [u64; FEEDERS], (feeder, key, number), out| {
                    assert_eq!(
                        next[feeder], number,
                        "key {key} lost its state or the order of feeder {feeder}"
                    );
                    next[feeder] += 1;
                    out.emit((feeder, key, number));
                    Ok(())
                },
            )
            .sink(
                "out",
                sink::each(move |(feeder, key, _): Line| {
                    *taken.lock().expect("no panic").entry((feeder, key)).or_default() += 1;
                }),
            );
        *job.lock().expect("no panic") = Some(pipeline.start(&system));
        system
    });
}

/// Feeders come while groups move, at any step of it, send some lines, and stay or go.
fn feeders_join(sim: &Sim) {
    let (node, peer) = (sim.node("moving"), sim.node("feeding"));
    let (job, taken) = (Arc::default(), Arc::default());
    start(&node, &job, &taken);
    sim.run_until_quiet();
    let mut asked = Vec::new();
    let mut sent: BTreeMap<(usize, u64), u64> = BTreeMap::new();
    // Somebody is there from the beginning, or there would be nothing to move between.
    let mut feeders: Vec<Option<Feeder>> = vec![Some(Feeder::connect(peer.clone(), node.address(PORT)))];
    sim.run_until_quiet();
    for _ in 0..60 {
        match sim.choose(4) {
            0 => {
                let job = job.lock().expect("no panic");
                let job: &Job = job.as_ref().expect("started");
                asked.push(job.rescale("numbered", 1 + sim.choose(4)));
            }
            1 if feeders.len() < FEEDERS => feeders.push(Some(Feeder::connect(peer.clone(), node.address(PORT)))),
            2 if feeders.len() > 2 => {
                let goes = 1 + sim.choose(feeders.len() - 1);
                feeders[goes] = None;
            }
            _ => {
                let which = sim.choose(feeders.len());
                // One that has just been made is not connected yet.
                if let Some(feeder) = feeders[which].as_mut().filter(|feeder| feeder.is_connected()) {
                    for _ in 0..sim.choose(40) {
                        let key = sim.choose(KEYS) as u64;
                        let number = sent.entry((which, key)).or_default();
                        feeder.send(format_args!("{which} {key} {number}"));
                        *number += 1;
                    }
                }
            }
        }
        for _ in 0..sim.choose(60) {
            sim.step();
        }
    }
    sim.advance(Duration::from_secs(60));
    // Nobody is kept waiting: neither whoever asked for the moves, nor the lines, though most feeders are still there.
    for mut asked in asked {
        match asked
            .poll_for(Duration::ZERO)
            .expect("the moves are held up")
            .expect("the job runs")
        {
            Ok(_) | Err(RescaleError::Busy) => {}
            Err(error) => panic!("{error}"),
        }
    }
    sent.retain(|_, lines| *lines > 0);
    assert_eq!(*taken.lock().expect("no panic"), sent);
    let mut last = job
        .lock()
        .expect("no panic")
        .as_ref()
        .expect("started")
        .rescale("numbered", 3);
    sim.advance(Duration::from_secs(1));
    assert!(matches!(last.poll_for(Duration::ZERO), Some(Ok(Ok(_)))));
}

#[test]
fn b2_a_connection_that_opens_while_groups_move_loses_nothing_and_holds_nothing_up() {
    sim::explore(feeders_join).random(150).run();
}
