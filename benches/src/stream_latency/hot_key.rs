//! Keys beside a key that has half of the traffic.
//!
//! Two workers, a source instance and two partitions on each; each record is [`WORK`] for its entity. One run has all keys
//! alike; in the next one key has half of the records, so its worker has three quarters of the work; in a third all keys are
//! alike again, and both workers have as much to do as the hot key's worker had. That is what its CPU share explains.

use super::{Notes, OthersCpu, Row, Schedule};
use potoroo_actors::element::{KEY_GROUPS, Key, key_group};
use potoroo_actors::{Pipeline, sink, source};
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::{Duration, Instant};

/// How long an entity takes for a record.
pub const WORK: Duration = Duration::from_nanos(500);

const PARTITIONS: usize = 4;

/// How many cold keys there are.
const KEYS: u64 = 10_000;

struct Load {
    key: u64,
    due: Instant,
}

/// Which partition a key is in.
fn partition(key: u64) -> usize {
    usize::from(key_group(key.hash64()).0) * PARTITIONS / KEY_GROUPS
}

/// A key that is none of the others, of a partition of the second worker: the sink is on the first.
fn hot_key() -> u64 {
    (KEYS..)
        .find(|key| partition(*key) % 2 == 1)
        .expect("half of the partitions are there")
}

/// What the keys are to the hot one.
const CLASSES: [&str; 3] = [
    "keys of its partition",
    "keys of its worker",
    "keys of the other worker",
];

/// So many records a second; the work of `rate` records is `rate ·` [`WORK`] of two workers.
///
/// # Panics
///
/// If the job fails.
pub fn run(name: &str, rate: u64, with_hot_key: bool, seconds: f64) -> Vec<Row> {
    let system = crate::system(2);
    let count = (rate as f64 * seconds / 2.0) as u64;
    let hot = hot_key();
    let hot_partition = partition(hot);
    let pipeline = Pipeline::new();
    let (mut notes, told) = Notes::new(CLASSES.len());
    let cpu = OthersCpu::begin();
    pipeline
        .source(
            "records",
            source::generate(2, move |instance| {
                let mut schedule = Schedule::new(rate, 2);
                // Keys in an order in which neighbours are far apart.
                let keys = (instance as u64..).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % KEYS);
                keys.take(count as usize).enumerate().map(move |(n, cold)| Load {
                    key: if with_hot_key && n % 2 == 0 { hot } else { cold },
                    due: schedule.next(),
                })
            })
            .rate(NonZeroU64::new(rate).expect("a rate")),
        )
        .key_by(|load| load.key)
        .partitions(NonZeroUsize::new(PARTITIONS).expect("not zero"))
        .entity(
            "work",
            |_| 0_u64,
            move |seen, load, out| {
                let begun = Instant::now();
                *seen += 1;
                while begun.elapsed() < WORK {}
                // The clock is read for some of the cold ones only.
                if load.key != hot && *seen % 8 == 0 {
                    out.emit(load);
                }
                Ok(())
            },
        )
        .sink(
            "done",
            sink::each(move |load: Load| {
                let partition = partition(load.key);
                let class = match partition {
                    its if its == hot_partition => 0,
                    beside if beside % 2 == hot_partition % 2 => 1,
                    _ => 2,
                };
                notes.note(class, Instant::now().saturating_duration_since(load.due));
            }),
        );
    pipeline.start(&system).wait().expect("nothing in it fails");
    let cpu = cpu.share();
    let (classes, _) = told.recv().expect("the sink tells when it ends");
    let rows = CLASSES.iter().zip(classes);
    rows.map(|(class, latencies)| Row {
        name: format!("hot key, {name}: {class}"),
        latencies,
        cpu: Some(cpu),
    })
    .collect()
}
