//! A job as seen from outside.

use super::deploy::{JobActor, JobMsg, JobShared};
use super::{DeadLetters, JobStatus, Queries, QueryError, QueryTag, RescaleError, Rescaled};
use potoroo_runtime::{ActorRef, Ask};
use std::fmt;
use std::time::Duration;

/// Why a job did not end as planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    reason: String,
}

impl JobError {
    pub(crate) fn new(reason: String) -> Self {
        Self { reason }
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for JobError {}

/// A running pipeline. Dropping it changes nothing: the job belongs to its system.
pub struct Job {
    actor: ActorRef<JobActor>,
    shared: JobShared,
    outcome: Ask<Result<(), JobError>>,
    ended: Option<Result<(), JobError>>,
}

impl Job {
    pub(crate) fn new(actor: ActorRef<JobActor>, shared: JobShared) -> Self {
        let outcome = actor.ask(JobMsg::Wait);
        Self {
            actor,
            shared,
            outcome,
            ended: None,
        }
    }

    /// What the job has done so far.
    pub fn status(&self) -> JobStatus {
        self.shared.status()
    }

    /// Where undecodable records go.
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.shared.dead_letters
    }

    /// Asks for the state of a key, as it is between two records of that key, and waits for the answer; `None` if the key has
    /// none. The stage must be [`queryable`](crate::KeyedStream::queryable), and the job running. An actor asks through
    /// [`queries`](Self::queries).
    pub fn query<K, V>(&self, tag: &QueryTag<K, V>, key: K) -> Result<Option<V>, QueryError>
    where
        K: Send + 'static,
        V: Send + 'static,
    {
        self.queries().ask(tag, key).wait()
    }

    /// Where to ask for states, for whoever has not got the job: another thread, an actor, an endpoint.
    pub fn queries(&self) -> Queries {
        Queries::new(self.actor.clone())
    }

    /// Has the sources take nothing more in; the job ends when everything that is in it has reached its sinks.
    pub fn drain(&self) {
        self.actor.tell(JobMsg::Drain);
    }

    /// Spreads the keys of a stage over so many partitions, while the job is at work: key group by key group, with the state
    /// and the timers of their keys. Records keep their order, none is lost or handled twice, and only the keys that are under way
    /// wait. A stage can have up to [`KeyedStream::partitions_max`](crate::KeyedStream::partitions_max) partitions.
    ///
    /// The answer can be waited for or awaited.
    ///
    /// ```
    /// use potoroo_actors::runtime::System;
    /// use potoroo_actors::{Pipeline, sink, source};
    /// use std::num::NonZeroUsize;
    ///
    /// let system = System::new()?;
    /// let pipeline = Pipeline::new();
    /// pipeline
    ///     .source("numbers", source::generate(1, |_| 0..1_000_000_u64))
    ///     .key_by(|n| n % 1000)
    ///     .partitions(NonZeroUsize::MIN)
    ///     .partitions_max(NonZeroUsize::new(4).expect("not zero"))
    ///     .entity("counts", |_| 0_u64, |count, _, out| {
    ///         *count += 1;
    ///         out.emit(*count);
    ///         Ok(())
    ///     })
    ///     .sink("out", sink::each(|count| assert!(count <= 1000)));
    /// let job = pipeline.start(&system);
    /// match job.rescale("counts", 4).wait()? {
    ///     Ok(rescaled) => println!("no key waited for more than {:?}", rescaled.pause_max()),
    ///     Err(error) => println!("{error}"), // a job as short as this may be over
    /// }
    /// job.wait()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rescale(&self, stage: &str, partitions: usize) -> Ask<Result<Rescaled, RescaleError>> {
        let stage = stage.to_owned();
        let asked = self.actor.ask(|answer| JobMsg::Rescale(stage, partitions, answer));
        // As long as the state takes: the job answers in any case.
        asked.within(Duration::from_secs(24 * 3600))
    }

    /// Waits until the job has ended: its sources at their end, everything in the sinks.
    pub fn wait(mut self) -> Result<(), JobError> {
        loop {
            if let Some(outcome) = self.wait_for(Duration::from_secs(3600)) {
                return outcome;
            }
        }
    }

    /// Waits for at most `at_most`; `None` if the job is still at work.
    pub fn wait_for(&mut self, at_most: Duration) -> Option<Result<(), JobError>> {
        if self.ended.is_none() {
            let answer = self.outcome.poll_for(at_most)?;
            self.ended = Some(answer.unwrap_or_else(|_| Err(JobError::new("the job was stopped".into()))));
        }
        self.ended.clone()
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
