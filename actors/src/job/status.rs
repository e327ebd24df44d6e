//! What a running job tells about itself.
//!
//! Every actor of a stage writes counters of its own, once per batch; a status adds them up while they run.

use crate::element::KeyGroup;
use potoroo_runtime::arena::ArenaBytes;
use potoroo_runtime::sync::Counter;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// So many records are some hundreds of batches at least: fewer samples say too little to be printed.
const RECORDS_TO_TELL: u64 = 100_000;

/// The live counters of one actor of a stage.
#[derive(Debug, Default)]
pub(crate) struct StageCounters {
    pub(crate) records_in: Counter,
    pub(crate) records_out: Counter,
    pub(crate) bytes: Counter,
    pub(crate) keys: Counter,
    pub(crate) records_dropped: Counter,
    pub(crate) records_failed: Counter,
    pub(crate) retries: Counter,
    pub(crate) batches_waiting: Counter,
    /// Of a partition with keys: which it is.
    pub(crate) partition: Option<usize>,
    /// Its [`Sampled`] records.
    pub(crate) sampled: Counter,
    pub(crate) memory: MemoryCounters,
}

/// What samples of a partition's records say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sampled {
    pub(crate) hottest: KeyGroup,
    pub(crate) of_hottest: u32,
    pub(crate) all: u32,
}

impl Sampled {
    const BITS: u32 = 24;

    /// Up to here it is counted.
    pub(crate) const MOST: u32 = (1 << Self::BITS) - 1;

    /// In one word, so that whoever looks sees numbers of the same moment.
    pub(crate) fn packed(self) -> u64 {
        u64::from(self.hottest.0) << (2 * Self::BITS) | u64::from(self.of_hottest) << Self::BITS | u64::from(self.all)
    }

    fn unpacked(word: u64) -> Self {
        let number = |shift: u32| (word >> shift) as u32 & Self::MOST;
        Self {
            hottest: KeyGroup((word >> (2 * Self::BITS)) as u16),
            of_hottest: number(Self::BITS),
            all: number(0),
        }
    }
}

/// The key group that has most of the records of a stage, or of one of its partitions.
///
/// It is found by samples, one record of each batch, and so is how many it has: where a few batches have come, that is a guess;
/// where many have, it is right to a few hundredths. Of the last millions of records the older ones count for less. Groups that have
/// moved are counted anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HotGroup {
    /// The group; [`key_group`](crate::element::key_group) of a key's hash says which keys are in it.
    pub group: KeyGroup,
    /// The partition that has it, or had it when it last took records in.
    pub partition: usize,
    /// How many of the records were its, about.
    pub records: u64,
    /// How many records there were.
    pub of: u64,
}

impl HotGroup {
    /// Its share of the records, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.records as f64 / self.of.max(1) as f64
    }
}

impl fmt::Display for HotGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, partition, .. } = self;
        let percent = 100.0 * self.share();
        write!(
            f,
            "key group {} on partition {partition}, about {percent:.0} %",
            group.0
        )
    }
}

/// What one partition of a stage with keys has done so far.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionStatus {
    /// Which one.
    pub partition: usize,
    /// Records taken in.
    pub records_in: u64,
    /// Keys with state.
    pub keys: u64,
    /// Where most of its records belong, if there were any.
    pub hottest: Option<HotGroup>,
    /// What its state takes in arenas.
    pub memory: ArenaBytes,
}

impl PartitionStatus {
    fn of(partition: usize, actor: &StageCounters) -> Self {
        let records_in = actor.records_in.get();
        let sampled = Sampled::unpacked(actor.sampled.get());
        let part = u128::from(records_in) * u128::from(sampled.of_hottest) / u128::from(sampled.all.max(1));
        Self {
            partition,
            records_in,
            keys: actor.keys.get(),
            hottest: (sampled.all > 0).then_some(HotGroup {
                group: sampled.hottest,
                partition,
                records: part as u64,
                of: records_in,
            }),
            memory: actor.memory.get(),
        }
    }
}

/// What the arenas of an actor hold, in bytes.
#[derive(Debug, Default)]
pub(crate) struct MemoryCounters {
    live: Counter,
    dead: Counter,
    foreign: Counter,
    reserved: Counter,
}

impl MemoryCounters {
    pub(crate) fn set(&self, bytes: ArenaBytes) {
        self.live.set(bytes.live);
        self.dead.set(bytes.dead);
        self.foreign.set(bytes.foreign);
        self.reserved.set(bytes.reserved);
    }

    fn get(&self) -> ArenaBytes {
        ArenaBytes {
            live: self.live.get(),
            dead: self.dead.get(),
            foreign: self.foreign.get(),
            reserved: self.reserved.get(),
        }
    }
}

/// What the actors of one stage have done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageStatus {
    /// The stage's name.
    pub name: String,
    /// How many actors it has or had.
    pub actors: usize,
    /// Records taken in; at a source, records decoded.
    pub records_in: u64,
    /// Records passed on; at a sink, records written.
    pub records_out: u64,
    /// Bytes read by a source or written by a sink.
    pub bytes: u64,
    /// Keys with state.
    pub keys: u64,
    /// Records left out: late ones, and those for a side output that nobody reads.
    pub records_dropped: u64,
    /// Records, and timers, whose handler failed; see [`OnError`](crate::OnError).
    pub records_failed: u64,
    /// Attempts at calls after a first one; see [`CallOptions::attempts`](crate::CallOptions::attempts).
    pub retries: u64,
    /// Batches that wait here or are under way to the next stage.
    pub batches_waiting: u64,
    /// Its partitions, if it has keys: those without key groups included. Records that are not spread evenly are seen here.
    pub partitions: Vec<PartitionStatus>,
    /// What the state takes in the arenas of the stage's actors. What keys and states own on the heap is not in it.
    pub memory: ArenaBytes,
}

impl StageStatus {
    /// Which key group has most of the stage's records: a key in it may be one that a partition cannot keep up with.
    ///
    /// ```
    /// use potoroo_actors::element::{Key, key_group};
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::{Pipeline, sink, source};
    ///
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// pipeline
    ///     // Every other record is for key 7.
    ///     .source("keys", source::generate(1, |_| (0..100_000_u64).map(|n| if n % 2 == 0 { 7 } else { n })))
    ///     .key_by(|key| *key)
    ///     .entity("counts", |_| 0_u64, |count, _, out| {
    ///         *count += 1;
    ///         out.emit(*count);
    ///         Ok(())
    ///     })
    ///     .sink("out", sink::each(|_| {}));
    /// let mut job = pipeline.start(&system);
    /// while job.wait_for(std::time::Duration::from_secs(1)).is_none() {}
    /// let hottest = job.status().stage("counts").and_then(|stage| stage.hottest()).expect("there were records");
    /// println!("{hottest}"); // such as: key group 613 on partition 1, about 50 %
    /// assert_eq!(hottest.group, key_group(7_u64.hash64()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn hottest(&self) -> Option<HotGroup> {
        let of_partitions = self.partitions.iter().filter_map(|partition| partition.hottest);
        let hottest = of_partitions.max_by_key(|hottest| hottest.records)?;
        let of = self.partitions.iter().map(|partition| partition.records_in).sum();
        Some(HotGroup { of, ..hottest })
    }
}

/// What a job has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobStatus {
    /// One entry per stage, sinks first.
    pub stages: Vec<StageStatus>,
    /// Records that could not be decoded or handled, and broken connections.
    pub dead_letters: u64,
}

impl JobStatus {
    /// The stage of this name.
    pub fn stage(&self, name: &str) -> Option<&StageStatus> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for stage in &self.stages {
            writeln!(
                f,
                "{}: {} in, {} out, {} keys, {} batches waiting",
                stage.name, stage.records_in, stage.records_out, stage.keys, stage.batches_waiting
            )?;
            if stage.records_dropped > 0 {
                writeln!(f, "{}: {} dropped", stage.name, stage.records_dropped)?;
            }
            if stage.records_failed > 0 {
                writeln!(f, "{}: {} failed", stage.name, stage.records_failed)?;
            }
            if let Some(hottest) = stage.hottest().filter(|hottest| hottest.of >= RECORDS_TO_TELL) {
                writeln!(f, "{}: most in {hottest}", stage.name)?;
            }
        }
        Ok(())
    }
}

/// The counters of all actors of a job. The lock is taken when an actor starts and when somebody looks, never by a
/// record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry(Arc<Mutex<Vec<Registered>>>);

#[derive(Debug)]
struct Registered {
    name: String,
    actors: Vec<Arc<StageCounters>>,
    /// What actors that have gone have done.
    gone: StageStatus,
}

impl Registry {
    /// Counters for one more actor of a stage.
    pub(crate) fn counters(&self, stage: &str) -> Arc<StageCounters> {
        self.add(stage, StageCounters::default())
    }

    /// The same for a partition of a stage with keys.
    pub(crate) fn counters_of_partition(&self, stage: &str, partition: usize) -> Arc<StageCounters> {
        let partition = Some(partition);
        self.add(
            stage,
            StageCounters {
                partition,
                ..StageCounters::default()
            },
        )
    }

    fn add(&self, stage: &str, counters: StageCounters) -> Arc<StageCounters> {
        let counters = Arc::new(counters);
        let mut stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = stages.iter().position(|s| s.name == stage).unwrap_or_else(|| {
            stages.push(Registered {
                name: stage.to_owned(),
                actors: Vec::new(),
                gone: StageStatus::default(),
            });
            stages.len() - 1
        });
        let registered = &mut stages[index];
        // Connections come and go: what only the registry still holds is added up and forgotten.
        let Registered { actors, gone, .. } = registered;
        actors.retain(|actor| {
            let is_gone = Arc::strong_count(actor) == 1;
            if is_gone {
                gone.add(actor);
            }
            !is_gone
        });
        actors.push(counters.clone());
        counters
    }

    /// Whether there is a stage of this name.
    pub(crate) fn knows(&self, stage: &str) -> bool {
        let stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stages.iter().any(|registered| registered.name == stage)
    }

    pub(crate) fn stages(&self) -> Vec<StageStatus> {
        let stages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stages
            .iter()
            .map(|registered| {
                let mut sum = registered.gone.clone();
                sum.name.clone_from(&registered.name);
                for actor in &registered.actors {
                    sum.add(actor);
                }
                sum
            })
            .collect()
    }
}

impl StageStatus {
    fn add(&mut self, actor: &StageCounters) {
        self.actors += 1;
        self.records_in += actor.records_in.get();
        self.records_out += actor.records_out.get();
        self.bytes += actor.bytes.get();
        self.keys += actor.keys.get();
        self.records_dropped += actor.records_dropped.get();
        self.records_failed += actor.records_failed.get();
        self.retries += actor.retries.get();
        self.batches_waiting += actor.batches_waiting.get();
        if let Some(partition) = actor.partition {
            self.partitions.push(PartitionStatus::of(partition, actor));
        }
        let memory = actor.memory.get();
        self.memory.live += memory.live;
        self.memory.dead += memory.dead;
        self.memory.foreign += memory.foreign;
        self.memory.reserved += memory.reserved;
    }
}
