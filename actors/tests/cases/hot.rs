//! K6: half of the traffic is for one key. The status names its key group, and the others go on.

use super::feeding::system;
use potoroo_actors::element::{KEY_GROUPS, Key, key_group};
use potoroo_actors::runtime::sim::{self, Sim};
use potoroo_actors::{Job, Pipeline, StageStatus, sink, source};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const INSTANCES: u64 = 2;
const OF_EACH: u64 = 250_000;
const PARTITIONS: usize = 3;
const HOT: u64 = 1_000_000;
/// What may be under way to one partition: 16 credits, and what is being filled, for each source.
const UNDER_WAY: u64 = INSTANCES * 17 * 256;
const WINDOW: u64 = 60_000;

#[derive(Clone, Copy, Debug)]
struct Numbered {
    key: u64,
    instance: usize,
    /// In the order of its instance.
    number: u64,
}

/// Half of the records are for one key, the others for a thousand; which comes when is as good as drawn.
fn records(instance: usize) -> impl Iterator<Item = Numbered> + Send {
    (0..OF_EACH).map(move |number| {
        let drawn = (number * INSTANCES + instance as u64).hash64();
        let key = if drawn.is_multiple_of(2) { HOT } else { drawn / 2 % 1000 };
        Numbered { key, instance, number }
    })
}

fn counts(job: &Mutex<Option<Job>>) -> Option<StageStatus> {
    let job = job.lock().expect("no panic");
    job.as_ref()?.status().stage("counts").cloned()
}

fn names_the_hot_group(stage: &StageStatus) {
    let group = key_group(HOT.hash64());
    let hottest = stage.hottest().expect("there were records");
    assert_eq!(hottest.group, group);
    assert_eq!(hottest.partition, usize::from(group.0) * PARTITIONS / KEY_GROUPS);
    assert!((0.45..0.55).contains(&hottest.share()), "{hottest}");
    assert!(
        hottest
            .to_string()
            .starts_with(&format!("key group {} on partition ", group.0))
    );
}

fn one_key_is_hot(sim: &Sim) {
    let node = sim.node("skewed");
    let job: Arc<Mutex<Option<Job>>> = Arc::default();
    let started = job.clone();
    node.start(move || {
        let system = system(PARTITIONS + 1);
        let pipeline = Pipeline::new();
        pipeline
            .source("records", source::generate(INSTANCES as usize, records))
            .key_by(|record| record.key)
            .partitions(NonZeroUsize::new(PARTITIONS).expect("not zero"))
            .entity(
                "counts",
                |_| [None; INSTANCES as usize],
                |last: &mut [Option<u64>; INSTANCES as usize], record, out| {
                    let before = last[record.instance].replace(record.number);
                    assert!(before < Some(record.number), "{record:?} after {before:?}");
                    out.emit(record);
                    Ok(())
                },
            )
            .sink("out", sink::each(drop));
        *started.lock().expect("no panic") = Some(pipeline.start(&system));
        system
    });
    // Whenever so many records have been handled, all partitions have had theirs, but for what may be under way.
    let (mut before, mut looks) = ([0; PARTITIONS], 0);
    loop {
        sim.step();
        let Some(stage) = counts(&job) else { continue };
        let now: Vec<u64> = stage.partitions.iter().map(|partition| partition.records_in).collect();
        let passed = now.iter().sum::<u64>() - before.iter().sum::<u64>();
        if stage.records_in > INSTANCES * OF_EACH * 9 / 10 {
            break;
        }
        if passed >= WINDOW {
            for (before, now) in before.iter_mut().zip(now) {
                // The least share of the traffic is a sixth.
                assert!(
                    now - *before > passed / 6 * 9 / 10 - UNDER_WAY,
                    "a partition is left behind: {stage:?}"
                );
                *before = now;
            }
            looks += 1;
        }
    }
    assert!(looks > 5, "only {looks} looks");
    names_the_hot_group(&counts(&job).expect("it runs"));
    sim.advance(Duration::from_secs(1));
    let stage = counts(&job).expect("it ran");
    names_the_hot_group(&stage);
    assert_eq!(stage.records_in, INSTANCES * OF_EACH);
    // Skew is seen: the partition of the hot group has its own third of the others besides.
    let hottest = stage.hottest().expect("there were records");
    for partition in &stage.partitions {
        let share = partition.records_in as f64 / stage.records_in as f64;
        let expected = if partition.partition == hottest.partition {
            4.0
        } else {
            1.0
        } / 6.0;
        assert!((share - expected).abs() < 0.03, "{stage:?}");
    }
    let status = job.lock().expect("no panic").as_ref().map(Job::status).expect("it ran");
    assert!(
        status.to_string().contains(&format!("counts: most in {hottest}\n")),
        "{status}"
    );
}

#[test]
fn k6_the_status_names_the_hot_group_and_other_keys_go_on() {
    sim::explore(one_key_is_hot).random(10).run();
}
