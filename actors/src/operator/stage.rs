//! The actor of a stage: an operator, what leads into it and what leads out of it.
//!
//! One actor is one partition: sole owner of the state of its key groups. Batches are handled in the order in which they
//! came, each followed by what it says about event time; while the output has no room they wait, with their credits, so that
//! the stages before wait too. What a watermark sets off is done in slices, with other actors' turns between them. No lock,
//! no access from anywhere else.

use super::contract::{Operator, Progress, Setup};
use super::heat::Heat;
use super::moving::Moving;
use super::output::Output;
use super::ways::Ways;
use crate::element::{Batch, Element, Grant, Grouped, Mark, Timestamp};
use crate::exchange::{Collector, DEPLOYMENT, Flow, Inputs, Presence, Through};
use crate::job::{Deploy, MoveMsg, MoveReport, OnError, StageCounters};
use crate::state::TimeToLive;
use potoroo_runtime::arena::ArenaBytes;
use potoroo_runtime::sys::clock::wall_ns;
use potoroo_runtime::{Actor, ActorRef, Context, Fault, Recipient, Signal, TimerId, Turn};
use std::collections::VecDeque;
use std::sync::Arc;

/// What the actor of a stage is told.
pub(crate) enum StageMsg<I, O> {
    Input(Element<I>),
    Granted(Grant),
    Clock,
    Move(MoveMsg),
    /// Somebody asks for a state; between turns, whatever waits.
    Query(Box<dyn FnOnce(&mut O) + Send>),
}

impl<I, O> From<Element<I>> for StageMsg<I, O> {
    fn from(element: Element<I>) -> Self {
        Self::Input(element)
    }
}

impl<I, O> From<Grant> for StageMsg<I, O> {
    fn from(grant: Grant) -> Self {
        Self::Granted(grant)
    }
}

impl<I, O> From<MoveMsg> for StageMsg<I, O> {
    fn from(msg: MoveMsg) -> Self {
        Self::Move(msg)
    }
}

/// What is being done in slices.
#[derive(Clone, Copy)]
enum Slicing {
    Watermark(Timestamp),
    Clock(Timestamp),
    End,
}

/// The actor of a stage.
pub(crate) struct Stage<I, O: Operator<I>> {
    operator: O,
    partition: usize,
    heat: Heat,
    inputs: Inputs,
    /// Key groups are on their way, from here or to here.
    moving: Option<Box<Moving<I>>>,
    /// Who wants to know when the stages after have heard that this partition is active.
    activating: Option<Recipient<MoveReport>>,
    /// All edges are announced; what comes before waits, or the watermark would depend on who was faster.
    is_deployed: bool,
    /// Something was said about event time that has not been looked at.
    has_news: bool,
    queue: VecDeque<Element<I>>,
    slicing: Option<Slicing>,
    /// The clock's turn has come.
    clock_is_due: bool,
    /// When the clock's turn comes.
    clock: Option<(Timestamp, TimerId)>,
    out: Output<O::Out>,
    main: Through<O::Out>,
    /// All has been given.
    is_over: bool,
    counters: Arc<StageCounters>,
}

impl<I: Grouped + Send + 'static, O: Operator<I>> Stage<I, O> {
    /// Spawns the actors of a stage, of which the first `present` have something to do.
    pub(crate) fn deploy<S>(
        name: &str,
        (present, actors): (usize, usize),
        ways: Ways<O::Out>,
        (selector, time_to_live, on_error): (&S, TimeToLive, OnError),
        make: impl Fn(Setup<S>) -> O + Send + Sync + 'static,
        deploy: &mut Deploy<'_, '_>,
    ) -> Arc<[ActorRef<Self>]>
    where
        S: Clone + Send + 'static,
    {
        let (ways, make) = (Arc::new(ways), Arc::new(make));
        (0..actors)
            .map(|partition| {
                let edge = deploy.new_edge();
                ways.open(edge);
                let counters = match I::HAS_GROUPS {
                    true => deploy.counters_of_partition(name, partition),
                    false => deploy.counters(name),
                };
                let failures = deploy.failures(name, on_error, &counters);
                let (ways, make, selector) = (ways.clone(), make.clone(), selector.clone());
                deploy.spawn(name, partition, move |ctx| {
                    let setup = Setup {
                        arena: ctx.arena(),
                        partition,
                        partitions: actors,
                        selector,
                        time_to_live,
                        failures,
                    };
                    let (main, sides) = ways.connect(edge, ctx.me().recipient());
                    Ok(Self {
                        operator: make(setup),
                        partition,
                        heat: Heat::new(partition),
                        moving: None,
                        activating: None,
                        inputs: Inputs::with_presence(if partition < present {
                            Presence::Present
                        } else {
                            Presence::Away
                        }),
                        is_deployed: false,
                        has_news: false,
                        queue: VecDeque::new(),
                        slicing: None,
                        clock_is_due: false,
                        clock: None,
                        out: Output::new(sides),
                        main,
                        is_over: false,
                        counters,
                    })
                })
            })
            .collect()
    }

    /// What the actors of a stage are told, of one kind: elements, or key groups that move.
    pub(crate) fn ways_into<M: Send + 'static>(actors: &[ActorRef<Self>]) -> Arc<[Recipient<M>]>
    where
        StageMsg<I, O>: From<M>,
    {
        actors.iter().map(ActorRef::recipient).collect()
    }

    fn is_ready(&self) -> bool {
        self.main.is_ready() && self.out.sides.all().all(|side| side.is_ready())
    }

    fn mark(&mut self, mark: Mark) {
        self.main.mark(mark);
        self.out.mark_sides(mark);
    }

    /// Hands results on.
    fn deliver(&mut self) {
        if !self.out.records.is_empty() {
            self.counters.records_out.add(self.out.records.len() as u64);
            self.main.collect_all(&mut self.out.records);
        }
        let dropped = std::mem::take(&mut self.out.dropped);
        if dropped > 0 {
            self.counters.records_dropped.add(dropped);
        }
    }

    fn moving(&mut self, step: u64) -> &mut Moving<I> {
        let partition = self.partition;
        self.moving
            .get_or_insert_with(|| Box::new(Moving::new(partition, step)))
    }

    /// Something about key groups that move.
    fn hear_of_move(&mut self, msg: MoveMsg) {
        match msg {
            MoveMsg::Activate(report) => {
                self.inputs.set_presence(Presence::Coming);
                self.has_news = true;
                self.activating = Some(report);
            }
            MoveMsg::Begin(step) => self.moving(step.step).begin(step),
            MoveMsg::State { step, groups, state } => self.moving(step).came(groups, state),
        }
    }

    /// Gives groups away, or takes them in, if it is time; says whether it was.
    fn move_groups(&mut self) -> bool {
        let Some(moving) = &mut self.moving else {
            return false;
        };
        let Some(step) = moving.divided_plan().cloned() else {
            return false;
        };
        if let Some(now) = self.inputs.cut(&step.edges) {
            self.slicing = Some(Slicing::Watermark(now));
            return true;
        }
        if !moving.has_given {
            moving.has_given = true;
            for (to, groups) in Moving::<I>::to_give(&step, self.partition) {
                self.heat.forget(&groups);
                step.partitions[usize::from(to)].tell(MoveMsg::State {
                    step: step.step,
                    state: self.operator.take_groups(&groups),
                    groups,
                });
            }
            return true;
        }
        if !moving.has_all() {
            return false;
        }
        let mut moved = Vec::new();
        for (groups, state) in moving.states() {
            self.operator.put_groups(state);
            moved.extend(groups);
        }
        let pause = moving.pause();
        let pauses = moved.into_iter().map(|group| (group.0, pause)).collect();
        let is_away = step.away.iter().any(|one| usize::from(*one) == self.partition);
        self.inputs
            .set_presence(if is_away { Presence::Away } else { Presence::Present });
        self.has_news = true;
        if let Some(moving) = self.moving.take() {
            for element in moving.kept().rev() {
                self.queue.push_front(element);
            }
        }
        step.job.tell(MoveReport::Moved { pauses });
        true
    }

    /// Reports once the stages after have heard that this partition is active.
    fn report_if_active(&mut self) {
        let is_heard = !self.has_news
            && self.main.batches_in_flight() == 0
            && self.out.sides.all().all(|side| side.batches_in_flight() == 0);
        if is_heard && let Some(report) = self.activating.take() {
            report.tell(MoveReport::Activated);
        }
    }

    fn take_batch(&mut self, mut batch: Box<Batch<I>>) -> Turn {
        if !batch.items.is_empty() {
            self.has_news |= self.inputs.heard(batch.edge);
            self.counters.records_in.add(batch.items.len() as u64);
            self.heat.sample(&batch.items);
            self.operator.batch(&mut batch.items, &mut self.out)?;
            self.deliver();
        }
        if let Some(step) = batch.divide.take() {
            self.moving(step).divided(batch.edge);
        }
        if let Some(moving) = &mut self.moving
            && moving.keeps_mark(&batch)
        {
            moving.keep(batch);
            return Ok(());
        }
        if let Some(mark) = batch.mark {
            self.inputs.marked(batch.edge, mark);
            self.has_news = true;
        }
        batch.done();
        Ok(())
    }

    /// Does a slice of what is due; says whether there is more.
    fn slice(&mut self, slicing: Slicing) -> Result<Progress, Fault> {
        let Self { operator, out, .. } = self;
        let progress = match slicing {
            Slicing::Watermark(now) => {
                out.watermark = now;
                operator.watermark(now, out)?
            }
            Slicing::Clock(now) => operator.clock(now, out)?,
            Slicing::End => operator.end(out)?,
        };
        self.deliver();
        if progress == Progress::Done {
            self.slicing = None;
            match slicing {
                // The stage after knows from the end of the edge.
                Slicing::Watermark(Timestamp::MAX) => self.slicing = Some(Slicing::End),
                Slicing::Watermark(now) => {
                    self.out.clock_time = now;
                    self.mark(Mark::Watermark(now));
                }
                Slicing::Clock(_) => {}
                Slicing::End => self.is_over = true,
            }
        }
        Ok(progress)
    }

    /// Does what waits, as far as there is room.
    fn go_on(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        while self.is_deployed && self.is_ready() && !self.is_over {
            if let Some(slicing) = self.slicing {
                if self.slice(slicing)? == Progress::More {
                    ctx.run_again();
                    return Ok(());
                }
            } else if self.has_news {
                match self.inputs.news() {
                    Some(Mark::Watermark(now)) => self.slicing = Some(Slicing::Watermark(now)),
                    Some(mark) => self.mark(mark),
                    None => self.has_news = false,
                }
            } else if std::mem::take(&mut self.clock_is_due) {
                self.slicing = Some(Slicing::Clock(wall_clock()));
            } else if self.moving.is_some() && self.move_groups() {
                // There may be more to do, or what was kept can be taken in.
            } else if let Some(element) = self.queue.pop_front() {
                let element = match &mut self.moving {
                    None => element,
                    Some(moving) => match moving.sift(element) {
                        Some(element) => element,
                        None => continue,
                    },
                };
                match element {
                    Element::Batch(batch) => self.take_batch(batch)?,
                    Element::Idle(edge) => {
                        self.inputs.marked(edge, Mark::Idle);
                        self.has_news = true;
                    }
                    Element::Open(edge) => self.inputs.opened(edge),
                    Element::End(edge) => {
                        self.inputs.ended(edge);
                        self.has_news = true;
                    }
                }
            } else {
                break;
            }
        }
        Ok(())
    }

    /// Sets the timer for what is due next by the clock.
    fn wind_clock(&mut self, ctx: &mut Context<'_, Self>) {
        let due = self.operator.clock_due().filter(|_| !self.clock_is_due);
        if due == self.clock.map(|(due, _)| due) {
            return;
        }
        if let Some((_, timer)) = self.clock.take() {
            ctx.cancel(timer);
        }
        self.clock = due.map(|due| (due, ctx.after(due.since(wall_clock()), StageMsg::Clock)));
    }
}

/// The wall clock.
pub(crate) fn wall_clock() -> Timestamp {
    Timestamp::from_nanos(i64::try_from(wall_ns()).unwrap_or(i64::MAX))
}

impl<I: Grouped + Send + 'static, O: Operator<I>> Actor for Stage<I, O> {
    type Msg = StageMsg<I, O>;

    fn handle(&mut self, msg: Self::Msg, ctx: &mut Context<'_, Self>) -> Turn {
        match msg {
            // Announcements do not wait behind batches: an edge exists from when it was announced.
            StageMsg::Input(Element::Open(edge)) => self.inputs.opened(edge),
            StageMsg::Input(Element::End(DEPLOYMENT)) => {
                self.inputs.ended(DEPLOYMENT);
                self.is_deployed = self.inputs.are_deployed();
                self.has_news = true;
            }
            StageMsg::Input(element) => self.queue.push_back(element),
            StageMsg::Granted(grant) => {
                let mut left = self.main.granted(grant);
                for side in self.out.sides.each() {
                    left = left.and_then(|grant| side.granted(grant));
                }
            }
            StageMsg::Move(msg) => self.hear_of_move(msg),
            StageMsg::Clock => {
                self.clock = None;
                self.clock_is_due = true;
            }
            StageMsg::Query(show) => show(&mut self.operator),
        }
        self.go_on(ctx)
    }

    fn signal(&mut self, signal: Signal, ctx: &mut Context<'_, Self>) -> Turn {
        if matches!(signal, Signal::RunAgain) {
            return self.go_on(ctx);
        }
        Ok(())
    }

    fn turn_end(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        let mut memory = ctx.arena_bytes();
        let mut waiting = self.queue.len() + self.main.batches_in_flight();
        waiting += self.out.sides.all().map(|side| side.batches_in_flight()).sum::<usize>();
        if self.is_over {
            self.main.end();
            self.out.sides.each().for_each(|side| side.end());
            if self.main.has_ended() && self.out.sides.all().all(|side| side.has_ended()) {
                // Nobody is here to see the last credits come back, and the memory go.
                waiting = 0;
                memory = ArenaBytes::default();
                ctx.stop();
            }
        } else {
            self.main.flush();
            self.out.sides.each().for_each(|side| side.flush());
            self.wind_clock(ctx);
            if self.activating.is_some() {
                self.report_if_active();
            }
        }
        self.counters.batches_waiting.set(waiting as u64);
        self.counters.keys.set(self.operator.keys() as u64);
        self.counters.sampled.set(self.heat.seen().packed());
        self.counters.memory.set(memory);
        Ok(())
    }
}
