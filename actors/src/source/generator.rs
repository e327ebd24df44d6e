//! A source that makes its records up.

use super::{Source, SourceMsg};
use crate::element::{EdgeId, Timestamp};
use crate::exchange::{Collector, Downstream, Wiring};
use crate::job::{Deploy, StageCounters};
use potoroo_runtime::{Actor, Context, Fault, Signal, Turn};
use std::sync::Arc;

/// How many records one turn makes at most.
const RECORDS_PER_TURN: u64 = 1024;

/// How many records are made between two looks whether there is room.
const RECORDS_PER_LOOK: u64 = 64;

/// Records from iterators, one iterator per instance.
#[derive(Debug)]
pub struct GeneratorSource<F> {
    make: F,
    instances: usize,
}

/// A source of `instances` actors, spread over the workers; `make` gives the iterator of each instance, by index. The
/// source ends when every iterator has.
pub fn generate<F, It>(instances: usize, make: F) -> GeneratorSource<F>
where
    F: Fn(usize) -> It,
    It: Iterator,
{
    GeneratorSource { make, instances }
}

impl<F, It> Source for GeneratorSource<F>
where
    F: Fn(usize) -> It + Send + 'static,
    It: Iterator + Send + 'static,
    It::Item: Send + 'static,
{
    type Record = It::Item;

    fn actors(&self) -> Option<usize> {
        Some(self.instances)
    }

    fn deploy<D: Downstream<It::Item>>(self, name: &str, down: &D, deploy: &mut Deploy<'_, '_>) {
        for instance in 0..self.instances {
            let edge = deploy.announce(down);
            let counters = deploy.counters(name);
            let records = (self.make)(instance);
            let down = down.clone();
            let actor = deploy.spawn(name, instance, move |ctx| {
                Generator::new(records, &down, edge, counters, ctx)
            });
            deploy.add_source(actor.recipient());
        }
    }
}

/// One instance.
struct Generator<It, C> {
    /// Gone when it has ended or must not go on.
    records: Option<It>,
    out: C,
    counters: Arc<StageCounters>,
}

impl<It, C> Generator<It, C>
where
    It: Iterator + Send + 'static,
    It::Item: Send + 'static,
    C: Collector<It::Item>,
{
    fn new<D: Downstream<It::Item, Collector = C>>(
        records: It,
        down: &D,
        edge: EdgeId,
        counters: Arc<StageCounters>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<Self, Fault> {
        ctx.run_again();
        Ok(Self {
            records: Some(records),
            out: down.connect(edge, &mut Wiring::new(ctx.me().recipient())),
            counters,
        })
    }

    fn produce(&mut self) {
        let Some(records) = &mut self.records else {
            return;
        };
        let mut made = 0;
        'turn: while made < RECORDS_PER_TURN && self.out.is_ready() {
            for _ in 0..RECORDS_PER_LOOK {
                let Some(record) = records.next() else {
                    self.records = None;
                    break 'turn;
                };
                self.out.collect(record, Timestamp::MIN);
                made += 1;
            }
        }
        self.counters.records_in.add(made);
        self.counters.records_out.add(made);
    }
}

impl<It, C> Actor for Generator<It, C>
where
    It: Iterator + Send + 'static,
    It::Item: Send + 'static,
    C: Collector<It::Item>,
{
    type Msg = SourceMsg;

    fn handle(&mut self, msg: Self::Msg, _: &mut Context<'_, Self>) -> Turn {
        match msg {
            SourceMsg::Drain => self.records = None,
            SourceMsg::Granted(grant) => drop(self.out.granted(grant)),
        }
        Ok(())
    }

    fn signal(&mut self, signal: Signal, _: &mut Context<'_, Self>) -> Turn {
        if matches!(signal, Signal::RunAgain) {
            self.produce();
        }
        Ok(())
    }

    fn turn_end(&mut self, ctx: &mut Context<'_, Self>) -> Turn {
        self.counters.batches_waiting.set(self.out.batches_in_flight() as u64);
        if self.records.is_none() {
            self.out.end();
            if self.out.has_ended() {
                ctx.stop();
            }
        } else {
            self.out.flush();
            if self.out.is_ready() {
                ctx.run_again();
            }
        }
        Ok(())
    }
}
