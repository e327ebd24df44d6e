//! The job actor, and what stages use to put themselves into place.
//!
//! Deployment runs from the sinks to the sources, in one turn of the job actor: each stage spawns its actors and gives
//! the stage before it the references to them. Edges are announced before their producers start,
//! and the deployment keeps an edge of its own open into every stage until all others are announced.

use super::dead_letters::DeadLetters;
use super::handle::JobError;
use super::rescale::{CONNECTING, KeyedStage, MoveReport, Next, RescaleError, Rescaled, Rescaling};
use super::status::Registry;
use super::{Failures, JobStatus, Offers, OnError, Question, StageCounters};
use crate::element::EdgeId;
use crate::exchange::{DEPLOYMENT, Downstream};
use potoroo_runtime::{Actor, ActorId, ActorRef, Context, ExitReason, Fault, Recipient, Reply, Signal, Turn};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Puts one branch of a pipeline into place.
pub(crate) type Plan = Box<dyn FnOnce(&mut Deploy<'_, '_>) + Send>;

/// The deployment's own edge has the number before.
const FIRST_EDGE: u64 = 1;

/// Tells a source to take nothing more in, pass on what there is, and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain;

/// What the job actor is told.
pub(crate) enum JobMsg {
    /// A sink has written everything.
    SinkFinished,
    /// A stage cannot go on: the world said no, not the program.
    Failed(String),
    /// Sources are to end.
    Drain,
    /// Somebody asks for the state of a key.
    Query(Question),
    /// Answer when everything has ended.
    Wait(Reply<Result<(), JobError>>),
    /// A stage is to have so many partitions.
    Rescale(String, usize, Reply<Result<Rescaled, RescaleError>>),
    /// A partition has done what it was told.
    MoveReported(MoveReport),
    /// Try again to move groups.
    MoveOn,
}

/// The parent of all actors of one job.
pub(crate) struct JobActor {
    shared: JobShared,
    /// Sinks that are not done. A sink is done when everything before it is.
    sinks_at_work: usize,
    sources: Vec<Recipient<Drain>>,
    /// What the actors are, for reports.
    names: HashMap<ActorId, String>,
    failed: Option<String>,
    waiting: Vec<Reply<Result<(), JobError>>>,
    draining: bool,
    next_worker: usize,
    keyed_stages: Vec<KeyedStage>,
    rescaling: Option<Rescaling>,
}

/// What all actors of a job share.
#[derive(Clone)]
pub(crate) struct JobShared {
    pub(crate) registry: Registry,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) offers: Offers,
    next_edge: Arc<AtomicU64>,
}

impl JobShared {
    pub(crate) fn new(dead_letters: DeadLetters) -> Self {
        Self {
            registry: Registry::default(),
            dead_letters,
            offers: Offers::default(),
            next_edge: Arc::new(AtomicU64::new(FIRST_EDGE)),
        }
    }

    /// A name for a new edge.
    pub(crate) fn new_edge(&self) -> EdgeId {
        // Relaxed: only uniqueness matters.
        EdgeId::new(self.next_edge.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn status(&self) -> JobStatus {
        JobStatus {
            stages: self.registry.stages(),
            dead_letters: self.dead_letters.count(),
        }
    }
}

impl JobActor {
    /// A factory body: deploys `plans` and lets the sources begin.
    pub(crate) fn new(shared: JobShared, plans: Vec<Plan>, ctx: &mut Context<'_, Self>) -> Result<Self, Fault> {
        let mut job = Self {
            shared,
            sinks_at_work: 0,
            sources: Vec::new(),
            names: HashMap::new(),
            failed: None,
            waiting: Vec::new(),
            draining: false,
            next_worker: 0,
            keyed_stages: Vec::new(),
            rescaling: None,
        };
        let mut announced = Vec::new();
        for plan in plans {
            plan(&mut Deploy {
                job: &mut job,
                ctx,
                announced: &mut announced,
            });
        }
        // All edges are announced: the deployment's own may end.
        announced.into_iter().for_each(|close: Box<dyn FnOnce()>| close());
        Ok(job)
    }

    fn drain(&mut self) {
        if !self.draining {
            self.draining = true;
            for source in &self.sources {
                source.tell(Drain);
            }
        }
    }

    /// Answers everybody who waits once the job is over, and ends when somebody has heard it: the actors of a failed job
    /// end with it, what they still take in has nowhere to go.
    fn answer_if_over(&mut self, ctx: &mut Context<'_, Self>) {
        let outcome = match &self.failed {
            Some(reason) => Err(JobError::new(reason.clone())),
            None if self.sinks_at_work == 0 => Ok(()),
            None => return,
        };
        if !self.waiting.is_empty() {
            ctx.stop();
        }
        for reply in self.waiting.drain(..) {
            reply.send(outcome.clone());
        }
    }

    fn rescale(
        &mut self,
        wish: (String, usize),
        answer: Reply<Result<Rescaled, RescaleError>>,
        ctx: &mut Context<'_, Self>,
    ) {
        if self.rescaling.is_some() {
            answer.send(Err(RescaleError::Busy));
            return;
        }
        self.rescaling = Rescaling::new(&self.keyed_stages, wish, ctx.me().recipient(), answer);
        self.move_on(ctx, |rescaling, stage| rescaling.go_on(stage));
    }

    /// Does the next thing for groups that move.
    fn move_on(&mut self, ctx: &mut Context<'_, Self>, what: impl FnOnce(&mut Rescaling, &KeyedStage) -> Next) {
        let Some(mut rescaling) = self.rescaling.take() else {
            return;
        };
        let stage = &self.keyed_stages[rescaling.stage];
        match what(&mut rescaling, stage) {
            Next::Over => rescaling.answer(),
            Next::Wait => self.rescaling = Some(rescaling),
            Next::AskAgain => {
                self.rescaling = Some(rescaling);
                ctx.after(CONNECTING, JobMsg::MoveOn);
            }
        }
    }

    fn fail(&mut self, reason: String) {
        // The first failure is the cause; what follows are consequences.
        self.failed.get_or_insert(reason);
    }
}

impl Actor for JobActor {
    type Msg = JobMsg;

    fn handle(&mut self, msg: JobMsg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            JobMsg::SinkFinished => self.sinks_at_work -= 1,
            JobMsg::Failed(reason) => self.fail(reason),
            JobMsg::Drain => self.drain(),
            JobMsg::Query(question) => question(&self.shared.offers, &|name| self.shared.registry.knows(name)),
            JobMsg::Wait(reply) => self.waiting.push(reply),
            JobMsg::Rescale(stage, partitions, answer) => self.rescale((stage, partitions), answer, ctx),
            JobMsg::MoveReported(report) => self.move_on(ctx, |rescaling, stage| rescaling.reported(stage, report)),
            JobMsg::MoveOn => self.move_on(ctx, |rescaling, stage| rescaling.go_on(stage)),
        }
        self.answer_if_over(ctx);
        Ok(())
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        if let Signal::ChildExited { id, reason } = signal {
            let name = self.names.remove(&id).unwrap_or_else(|| id.to_string());
            let stage = self
                .rescaling
                .as_ref()
                .map(|rescaling| &self.keyed_stages[rescaling.stage]);
            if stage.is_some_and(|stage| stage.name == name)
                && let Some(rescaling) = self.rescaling.take()
            {
                rescaling.give_up();
            }
            if !reason.is_normal() {
                self.fail(format!("stage '{name}' failed: {reason}"));
                self.answer_if_over(ctx);
            }
        }
        Ok(())
    }

    fn stopping(&mut self, _: &ExitReason, _: &mut Context<'_, Self>) {
        for reply in self.waiting.drain(..) {
            reply.send(Err(JobError::new(
                "the system was shut down before the job ended".into(),
            )));
        }
    }
}

/// The hands of a stage during deployment.
pub struct Deploy<'d, 't> {
    job: &'d mut JobActor,
    ctx: &'d mut Context<'t, JobActor>,
    /// What ends the deployment's own edge into each stage.
    announced: &'d mut Vec<Box<dyn FnOnce()>>,
}

impl Deploy<'_, '_> {
    pub(crate) fn workers(&self) -> usize {
        self.ctx.workers()
    }

    /// The workers in turn, for actors of which there is one.
    pub(crate) fn next_worker(&mut self) -> usize {
        self.job.next_worker += 1;
        (self.job.next_worker - 1) % self.ctx.workers()
    }

    pub(crate) fn shared(&self) -> &JobShared {
        &self.job.shared
    }

    pub(crate) fn job(&self) -> Recipient<JobMsg> {
        self.ctx.me().recipient()
    }

    pub(crate) fn counters(&self, stage: &str) -> Arc<StageCounters> {
        self.job.shared.registry.counters(stage)
    }

    /// The same for a partition of a stage with keys.
    pub(crate) fn counters_of_partition(&self, stage: &str, partition: usize) -> Arc<StageCounters> {
        self.job.shared.registry.counters_of_partition(stage, partition)
    }

    /// The policy of a stage, for an actor with these counters.
    pub(crate) fn failures(&self, stage: &str, on_error: OnError, counters: &Arc<StageCounters>) -> Failures {
        Failures {
            on_error,
            stage: stage.into(),
            dead_letters: self.job.shared.dead_letters.clone(),
            counters: counters.clone(),
        }
    }

    /// A name for a new edge.
    pub(crate) fn new_edge(&self) -> EdgeId {
        self.job.shared.new_edge()
    }

    /// Announces an edge to the stage behind `down`; its producer gets it.
    pub(crate) fn announce<T, D: Downstream<T>>(&self, down: &D) -> EdgeId {
        let edge = self.new_edge();
        down.open(edge);
        edge
    }

    /// Ends the deployment's own edge into the stage behind `down` once everything stands.
    pub(crate) fn end_deployment_of<T, D: Downstream<T>>(&mut self, down: &D) {
        let down = down.clone();
        self.announced.push(Box::new(move || down.close(DEPLOYMENT)));
    }

    /// Counts one more sink; the job is over when each has said that it has finished.
    pub(crate) fn expect_sink(&mut self) {
        self.job.sinks_at_work += 1;
    }

    /// Spawns an actor of a stage on a worker.
    pub(crate) fn spawn<A: Actor>(
        &mut self,
        stage: &str,
        worker: usize,
        factory: impl FnOnce(&mut Context<'_, A>) -> Result<A, Fault> + Send + 'static,
    ) -> ActorRef<A> {
        let actor = self.ctx.spawn_on(worker % self.ctx.workers(), factory);
        self.job.names.insert(actor.id(), stage.to_owned());
        actor
    }

    /// Registers a stage whose partitions may become more or fewer.
    pub(crate) fn add_keyed_stage(&mut self, stage: KeyedStage) {
        self.job.keyed_stages.push(stage);
    }

    /// Registers a source, to be told when to drain.
    pub(crate) fn add_source(&mut self, source: Recipient<Drain>) {
        self.job.sources.push(source);
    }
}
