//! The actor of a stage that calls for each record: a bounded number of futures, run in its turns.
//!
//! It takes records in while fewer than its bound are out or wait to be handed on; what comes more waits in the mailbox with
//! its credits, so that the stages before wait too. A failed attempt is tried again after a pause, by a timer of the
//! runtime, and keeps its place. It lacks state by key: what is to be kept belongs into an entity behind it.

use super::arrangement::Arrangement;
use super::call_options::CallOptions;
use super::ways::Ways;
use crate::element::{Batch, Element, Grant, Mark, Timed, Timestamp};
use crate::exchange::{DEPLOYMENT, Flow, Inputs, Through};
use crate::job::{Deploy, Failure, Failures, OnError, StageCounters, panic_text};
use potoroo_runtime::{Actor, ActorRef, Context, Fault, Recipient, TimedOut, Turn};
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How many marks may wait for the calls before them, at least.
const MARKS_MAX: usize = 64;

/// What the actor is told.
pub(crate) enum CallsMsg<T> {
    Input(Element<Timed<T>>),
    Granted(Grant),
    /// The pause before the next attempt is over.
    Again(Call<T>),
}

impl<T> From<Element<Timed<T>>> for CallsMsg<T> {
    fn from(element: Element<Timed<T>>) -> Self {
        Self::Input(element)
    }
}

impl<T> From<Grant> for CallsMsg<T> {
    fn from(grant: Grant) -> Self {
        Self::Granted(grant)
    }
}

/// A record that is called for.
pub(crate) struct Call<T> {
    /// Where its result belongs.
    place: u64,
    /// Tells it from others, for the length of its pauses.
    number: u64,
    time: Timestamp,
    /// Given away with the last attempt.
    record: Option<T>,
    text: Option<String>,
    /// How many attempts have begun.
    attempts: u32,
}

/// A future whose panic is its output.
struct Contained<F>(Pin<Box<F>>);

impl<F: Future> Future for Contained<F> {
    type Output = Result<F::Output, String>;

    fn poll(mut self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(task))) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(panic_text(&*payload))),
        }
    }
}

/// The actor.
pub(crate) struct Calls<T, U, F> {
    call: F,
    options: CallOptions<T>,
    failures: Failures,
    inputs: Inputs,
    /// All edges are announced; see [`Stage`](super::Stage).
    is_deployed: bool,
    /// Something was said about event time that has not been looked at.
    has_news: bool,
    queue: VecDeque<Element<Timed<T>>>,
    /// The batch whose records are being taken, last record first.
    taking: Option<Box<Batch<Timed<T>>>>,
    arrangement: Arrangement<U>,
    begun: u64,
    main: Through<U>,
    /// Nothing more comes in.
    has_all: bool,
    /// All has been given.
    is_over: bool,
    counters: Arc<StageCounters>,
}

impl<T, U, E, F, Fut> Calls<T, U, F>
where
    T: Clone + Send + 'static,
    U: Send + 'static,
    E: Into<Fault> + Send + 'static,
    F: Fn(T) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<U, E>> + Send + 'static,
{
    /// Spawns the actors of the stage; gives the ways into them.
    pub(crate) fn deploy(
        name: &str,
        ways: Ways<U>,
        call: &F,
        options: &CallOptions<T>,
        deploy: &mut Deploy<'_, '_>,
    ) -> Arc<[Recipient<Element<Timed<T>>>]> {
        let ways = Arc::new(ways);
        (0..options.actors)
            .map(|_| {
                let edge = deploy.new_edge();
                ways.open(edge);
                let counters = deploy.counters(name);
                let failures = deploy.failures(name, options.on_error, &counters);
                let (ways, call, mut options) = (ways.clone(), call.clone(), options.clone());
                options.show = options.show.filter(|_| options.on_error == OnError::DeadLetters);
                let worker = deploy.next_worker();
                let actor: ActorRef<Self> = deploy.spawn(name, worker, move |ctx| {
                    let (main, _) = ways.connect(edge, ctx.me().recipient());
                    Ok(Self {
                        call,
                        arrangement: Arrangement::new(options.is_ordered),
                        options,
                        failures,
                        inputs: Inputs::new(),
                        is_deployed: false,
                        has_news: false,
                        queue: VecDeque::new(),
                        taking: None,
                        begun: 0,
                        main,
                        has_all: false,
                        is_over: false,
                        counters,
                    })
                });
                actor.recipient()
            })
            .collect()
    }

    /// Takes one record in.
    fn begin(&mut self, Timed { time, record }: Timed<T>, ctx: &mut Context<'_, Self>) {
        self.begun += 1;
        let call = Call {
            place: self.arrangement.begin(),
            number: self.begun,
            time,
            text: self.options.show.as_ref().map(|show| show(&record)),
            record: Some(record),
            attempts: 0,
        };
        self.attempt(call, ctx);
    }

    fn attempt(&mut self, mut call: Call<T>, ctx: &mut Context<'_, Self>) {
        call.attempts += 1;
        let is_last = call.attempts >= self.options.attempts;
        let record = if is_last {
            call.record.take()
        } else {
            call.record.clone()
        };
        // There is one: it is only given away with the last attempt.
        let Some(record) = record else { return };
        let f = self.call.clone();
        let future = Contained(Box::pin(async move { f(record).await }));
        let run = ctx.run(future);
        match self.options.within {
            Some(within) => run
                .within(within)
                .then(move |this, output, ctx| this.has_come_back(call, output, ctx)),
            None => run.then(move |this, output, ctx| this.has_come_back(call, Ok(output), ctx)),
        };
    }

    /// An attempt is over.
    fn has_come_back(
        &mut self,
        call: Call<T>,
        output: Result<Result<Result<U, E>, String>, TimedOut>,
        ctx: &mut Context<'_, Self>,
    ) -> Turn {
        let time = call.time;
        let failure = match output {
            Ok(Ok(Ok(record))) => {
                self.arrangement.finish(call.place, Some(Timed { time, record }));
                return self.go_on(ctx);
            }
            Ok(Ok(Err(error))) => Failure::Fault(error.into()),
            Ok(Err(panic)) => Failure::Panic(panic),
            Err(TimedOut) => {
                let within = self.options.within.unwrap_or_default();
                Failure::Fault(Fault::new(format!("no answer within {within:?}")))
            }
        };
        match failure {
            Failure::Fault(_) if call.attempts < self.options.attempts => {
                self.counters.retries.add(1);
                let random = xxh3_64_with_seed(&call.number.to_le_bytes(), u64::from(call.attempts));
                let pause = self.options.backoff.delay(call.attempts - 1, random);
                ctx.after(pause, CallsMsg::Again(call));
                return Ok(());
            }
            Failure::Fault(fault) if call.attempts > 1 => {
                let fault = Fault::new(format!("{fault}, after {} attempts", call.attempts));
                self.failures.take(None, call.text.as_deref(), time, fault.into())?;
            }
            failure => self.failures.take(None, call.text.as_deref(), time, failure)?,
        }
        self.arrangement.finish(call.place, None);
        self.go_on(ctx)
    }

    /// Whether another record, or mark, may be taken in.
    fn has_room(&self) -> bool {
        self.arrangement.records() < self.options.at_once
            && self.arrangement.marks() < self.options.at_once.max(MARKS_MAX)
    }

    /// Hands on and takes in what can be.
    fn go_on(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        loop {
            let given = self.arrangement.give(&mut self.main);
            self.counters.records_out.add(given);
            if !self.is_deployed || self.has_all {
                break;
            }
            if self.has_news {
                match self.inputs.news() {
                    Some(Mark::Watermark(Timestamp::MAX)) => self.has_all = true,
                    Some(mark) => self.arrangement.mark(mark),
                    None => self.has_news = false,
                }
            } else if !self.has_room() {
                break;
            } else if let Some(batch) = &mut self.taking {
                match batch.items.pop() {
                    Some(record) => self.begin(record, ctx),
                    None => self.has_taken(),
                }
            } else {
                match self.queue.pop_front() {
                    Some(Element::Batch(mut batch)) => {
                        if !batch.items.is_empty() {
                            self.has_news |= self.inputs.heard(batch.edge);
                            self.counters.records_in.add(batch.items.len() as u64);
                            batch.items.reverse();
                        }
                        self.taking = Some(batch);
                    }
                    Some(Element::Idle(edge)) => {
                        self.inputs.marked(edge, Mark::Idle);
                        self.has_news = true;
                    }
                    Some(Element::Open(edge)) => self.inputs.opened(edge),
                    Some(Element::End(edge)) => {
                        self.inputs.ended(edge);
                        self.has_news = true;
                    }
                    None => break,
                }
            }
        }
        self.is_over = self.has_all && self.arrangement.records() == 0 && self.arrangement.marks() == 0;
        Ok(())
    }

    /// All records of a batch have been taken: what it says comes now.
    fn has_taken(&mut self) {
        if let Some(batch) = self.taking.take() {
            if let Some(mark) = batch.mark {
                self.inputs.marked(batch.edge, mark);
                self.has_news = true;
            }
            batch.done();
        }
    }
}

impl<T, U, E, F, Fut> Actor for Calls<T, U, F>
where
    T: Clone + Send + 'static,
    U: Send + 'static,
    E: Into<Fault> + Send + 'static,
    F: Fn(T) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<U, E>> + Send + 'static,
{
    type Msg = CallsMsg<T>;

    fn handle(&mut self, msg: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            CallsMsg::Input(Element::Open(edge)) => self.inputs.opened(edge),
            CallsMsg::Input(Element::End(DEPLOYMENT)) => {
                self.inputs.ended(DEPLOYMENT);
                self.is_deployed = self.inputs.are_deployed();
                self.has_news = true;
            }
            CallsMsg::Input(element) => self.queue.push_back(element),
            CallsMsg::Granted(grant) => drop(self.main.granted(grant)),
            CallsMsg::Again(call) => self.attempt(call, ctx),
        }
        self.go_on(ctx)
    }

    fn turn_end(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        let mut waiting = self.queue.len() + usize::from(self.taking.is_some()) + self.main.batches_in_flight();
        if self.is_over {
            self.main.end();
            if self.main.has_ended() {
                waiting = 0;
                ctx.stop();
            }
        } else {
            self.main.flush();
        }
        self.counters.batches_waiting.set(waiting as u64);
        Ok(())
    }
}
