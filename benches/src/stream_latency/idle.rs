//! One record at a time through a system that has nothing else to do.
//!
//! A thread outside feeds a `source::channel`; the record crosses an exchange to an entity and goes on to a sink. The thread
//! takes the time before it sends, and the first step behind the source takes it again: from there on everything is the
//! engine's, before that the kernel may have had to wake a worker. On two workers source and sink are on different ones, so
//! a sleeping worker is woken on the way.

use super::{Notes, Row};
use potoroo_actors::{Pipeline, sink, source};
use potoroo_runtime::System;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How many keys there are.
const KEYS: u64 = 64;

struct Probe {
    key: u64,
    told: Instant,
    collected: Instant,
}

/// From the source, and from the thread, until the sink has it. `pause` is how long the system rests before each record;
/// without, it is still awake.
///
/// # Panics
///
/// If records are lost.
pub fn run(workers: usize, samples: u64, pause: Option<Duration>) -> [Row; 2] {
    let system: System = crate::system(workers);
    let pipeline = Pipeline::new();
    let (feed, probes) = source::channel(NonZeroUsize::MIN);
    let (mut notes, told) = Notes::new(2);
    let arrived = Arc::new(AtomicU64::new(0));
    let count = arrived.clone();
    pipeline
        .source("probes", probes)
        .map(|(key, told)| Probe {
            key,
            told,
            collected: Instant::now(),
        })
        .key_by(|probe| probe.key)
        .partitions(NonZeroUsize::MIN)
        .entity(
            "probed",
            |_| 0_u64,
            |seen, probe, out| {
                *seen += 1;
                out.emit(probe);
                Ok(())
            },
        )
        .sink(
            "arrived",
            sink::each(move |probe: Probe| {
                let now = Instant::now();
                notes.note(0, now.duration_since(probe.collected));
                notes.note(1, now.duration_since(probe.told));
                count.fetch_add(1, Ordering::Release);
            }),
        );
    let job = pipeline.start(&system);
    for number in 0..samples {
        if let Some(pause) = pause {
            thread::sleep(pause);
        }
        feed.try_send((number % KEYS, Instant::now()))
            .expect("the one before has been taken");
        while arrived.load(Ordering::Acquire) <= number {
            match pause {
                // A thread that looks out would keep a core from the workers.
                Some(pause) => thread::sleep(pause / 10),
                None => std::hint::spin_loop(),
            }
        }
    }
    drop(feed);
    job.wait().expect("nothing in it fails");
    let (classes, _) = told.recv().expect("the sink tells when it ends");
    assert_eq!(classes[0].len(), samples, "records were lost");
    let state = if pause.is_some() { "asleep" } else { "awake" };
    let mut classes = classes.into_iter();
    ["source to sink", "thread to sink"].map(|way| Row {
        name: format!("idle, {workers} worker(s), {state}: {way}"),
        latencies: classes.next().expect("two classes"),
        cpu: None,
    })
}
