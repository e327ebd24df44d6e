//! The partition actor: sole owner of the state of its key groups.
//!
//! Handling a record is a transaction on one entity: the handler gets its state, the record and an output, and nothing
//! of any other key. Batches are handled in the order in which they came; while the output has no room they wait, with
//! their credits, so that the stages before wait too. No lock, no access from anywhere else. Snapshots and timers will
//! be taken here.

use crate::element::{EdgeId, Element, Grant, Key, Keyed};
use crate::exchange::{Collector, Downstream, Inputs};
use crate::job::StageCounters;
use crate::state::KeyGroupTable;
use potoroo_runtime::{Actor, ActorRef, Context, Fault, Recipient, Turn};
use std::collections::VecDeque;
use std::sync::Arc;

/// Where a state entity's handler puts its results.
#[derive(Debug)]
pub struct Emitter<U> {
    records: Vec<U>,
}

impl<U> Emitter<U> {
    /// Emits one record.
    #[inline]
    pub fn emit(&mut self, record: U) {
        self.records.push(record);
    }
}

/// The two functions of a stage of state entities, shared by its partitions.
pub(crate) struct EntityStage<I, H> {
    pub(crate) init: I,
    pub(crate) handler: H,
}

/// What a partition is told.
pub(crate) enum PartitionMsg<K, T, X> {
    Input(Element<Keyed<K, T>>),
    Granted(Grant<X>),
}

impl<K, T, X> From<Element<Keyed<K, T>>> for PartitionMsg<K, T, X> {
    fn from(element: Element<Keyed<K, T>>) -> Self {
        Self::Input(element)
    }
}

impl<K, T, X> From<Grant<X>> for PartitionMsg<K, T, X> {
    fn from(grant: Grant<X>) -> Self {
        Self::Granted(grant)
    }
}

/// A batch that waits for room in the output.
struct Waiting<K, T> {
    items: Vec<Keyed<K, T>>,
    back: Recipient<Grant<Vec<Keyed<K, T>>>>,
    lane: u32,
}

/// The actor that owns some key groups of one stage.
pub(crate) struct Partition<K, T, U, S, I, H, C> {
    table: KeyGroupTable<K, S>,
    stage: Arc<EntityStage<I, H>>,
    emitter: Emitter<U>,
    out: C,
    inputs: Inputs,
    all_ended: bool,
    waiting: VecDeque<Waiting<K, T>>,
    counters: Arc<StageCounters>,
}

impl<K, T, U, S, I, H, C> Partition<K, T, U, S, I, H, C>
where
    K: Key,
    T: Send + 'static,
    U: Send + 'static,
    S: Send + 'static,
    I: Fn(&K) -> S + Send + Sync + 'static,
    H: Fn(&mut S, T, &mut Emitter<U>) -> Turn + Send + Sync + 'static,
    C: Collector<U>,
{
    /// A factory body.
    pub(crate) fn new<D: Downstream<U, Collector = C>>(
        stage: Arc<EntityStage<I, H>>,
        out: &D,
        edge: EdgeId,
        counters: Arc<StageCounters>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<Self, Fault> {
        Ok(Self {
            table: KeyGroupTable::new(ctx.arena()),
            stage,
            emitter: Emitter { records: Vec::new() },
            out: out.connect(edge, ctx.me().recipient()),
            inputs: Inputs::new(),
            all_ended: false,
            waiting: VecDeque::new(),
            counters,
        })
    }

    /// The reference under which the stages before reach this one.
    pub(crate) fn input(me: &ActorRef<Self>) -> Recipient<Element<Keyed<K, T>>> {
        me.recipient()
    }

    fn handle_batch(&mut self, batch: Waiting<K, T>) -> Turn {
        let Waiting { mut items, back, lane } = batch;
        self.counters.records_in.add(items.len() as u64);
        let EntityStage { init, handler } = &*self.stage;
        for keyed in items.drain(..) {
            let state = self.table.state_of(&keyed, init);
            handler(state, keyed.record, &mut self.emitter)?;
        }
        self.counters.keys.set(self.table.len() as u64);
        self.counters.records_out.add(self.emitter.records.len() as u64);
        for record in self.emitter.records.drain(..) {
            self.out.collect(record);
        }
        back.tell(Grant { lane, buffer: items });
        Ok(())
    }

    /// Handles what waits, as far as there is room.
    fn go_on(&mut self) -> Turn {
        while self.out.is_ready()
            && let Some(batch) = self.waiting.pop_front()
        {
            self.handle_batch(batch)?;
        }
        Ok(())
    }
}

impl<K, T, U, S, I, H, C> Actor for Partition<K, T, U, S, I, H, C>
where
    K: Key,
    T: Send + 'static,
    U: Send + 'static,
    S: Send + 'static,
    I: Fn(&K) -> S + Send + Sync + 'static,
    H: Fn(&mut S, T, &mut Emitter<U>) -> Turn + Send + Sync + 'static,
    C: Collector<U>,
{
    type Msg = PartitionMsg<K, T, C::Buffer>;

    fn handle(&mut self, msg: Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            PartitionMsg::Input(Element::Batch { items, back, lane }) => {
                self.waiting.push_back(Waiting { items, back, lane });
                self.go_on()
            }
            PartitionMsg::Granted(grant) => {
                self.out.granted(grant);
                self.go_on()
            }
            PartitionMsg::Input(Element::Open(edge)) => {
                self.inputs.opened(edge);
                Ok(())
            }
            PartitionMsg::Input(Element::End(edge)) => {
                self.all_ended = self.inputs.ended(edge);
                Ok(())
            }
        }
    }

    fn turn_end(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        if self.all_ended && self.waiting.is_empty() {
            self.out.end();
        } else {
            self.out.flush();
        }
        let mut waiting = self.waiting.len() + self.out.batches_in_flight();
        if self.out.has_ended() {
            // Nobody is here to see the last credits come back.
            waiting = 0;
            ctx.stop();
        }
        self.counters.batches_waiting.set(waiting as u64);
        Ok(())
    }
}
