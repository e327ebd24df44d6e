//! What a running job tells about itself.
//!
//! Every actor of a stage writes counters of its own, once per batch; a status adds them up while they run.

use potoroo_runtime::sync::Counter;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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
        let counters = Arc::new(StageCounters::default());
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
    }
}
